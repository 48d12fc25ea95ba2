"""A component's parameters with all factors multiplied out, for the compiled engine."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from openmm_innff.engine.component import CompiledAtoms, CompiledComponent
from openmm_innff.engine.parameters import (
    CoreTables,
    FoldedLayer,
    FoldedParameters,
    FoldedTensors,
    Shape,
)
from openmm_innff.engine.tensors import CompiledTensors
from openmm_innff.nn.equivariant import L_DENSITY, DegreeMixing
from openmm_innff.nn.messages import PATHS_TO, MessageLayer
from openmm_innff.nn.readout import Readout
from openmm_innff.potential.component import Component
from openmm_innff.potential.equivariant import Equivariant
from openmm_innff.potential.equivariant_config import EquivariantConfig
from openmm_innff.potential.kinds import EnvironmentComponent


def compiled_counterpart(component: EnvironmentComponent) -> CompiledAtoms:
    """Return what evaluates a component in the compiled library, without its parameters."""
    kind = CompiledTensors if isinstance(component, Equivariant) else CompiledComponent
    return kind(shape_of(component), core_of(component), component.scale.dtype)


def shape_of(component: EnvironmentComponent) -> Shape:
    """Return the sizes of a component."""
    config = component.config
    return Shape(
        species=component.n_species,
        l_max=L_DENSITY if isinstance(config, EquivariantConfig) else config.l_max,
        nodes=config.nodes,
        channels=config.channels,
        projections=config.projections,
        intervals=config.intervals,
        messages=config.features if isinstance(config, EquivariantConfig) else config.messages,
        cutoff=config.cutoff,
        warp=config.warp,
        bound=component.readout.bound,
        message_cutoff=component.message_cutoff,
    )


def fold(component: Component) -> FoldedParameters:
    """Return the folded parameters of the first layer; gradients reach those of the component."""
    return _fold_readout(component.readout, component.scale, component.mixing.nodal_values())


def fold_all(component: EnvironmentComponent) -> list[Tensor]:
    """Return the fields of `FoldedParameters`; with a second layer, those of it and its readout.

    The layer of an equivariant component is a `FoldedTensors`, that of another a `FoldedLayer`.
    """
    if isinstance(component, Equivariant):
        return _fold_tensors(component)
    folded = list(fold(component))
    empty = torch.zeros(0, dtype=component.scale.dtype)
    for layer, readout in component.deeper():
        folded += _fold_layer(layer, component.readout.inverse_deviation)
        folded += _fold_readout(readout, component.scale, empty)
    return folded


def _fold_tensors(component: Equivariant) -> list[Tensor]:
    products, messages = component.products, component.messages
    if products.handing_on is None:
        raise ValueError("component: its first layer hands no features on")
    empty = torch.zeros(0, dtype=component.scale.dtype)
    tensors = FoldedTensors(
        messages.radial() * messages.scale,
        *_mixing(products.mixing),
        *_mixing(products.handing_on),
        *_mixing(messages.mixing),
        *_mixing(component.deeper_products.mixing),
    )
    nodal_values = component.radial().transpose(0, 1)
    readout, deeper = component.readout, component.deeper_readout
    return [
        *_fold_readout(readout, component.scale, nodal_values),
        *tensors,
        *_fold_readout(deeper, component.scale, empty),
    ]


def _mixing(mixing: DegreeMixing) -> list[Tensor]:
    """Return the matrices of each degree, with an axis of species where they depend on it."""
    scaled = [weights * mixing.norms[degree] for degree, weights in enumerate(mixing.weights)]
    return scaled if mixing.species else [weights.squeeze(0) for weights in scaled]


def _fold_layer(layer: MessageLayer, inverse_deviation: Tensor) -> FoldedLayer:
    """Paths of vectors that the layer does not have become zeros."""
    size, radial = layer.messages, layer.nodal_values()
    own, paths = (layer.mixing_0, layer.mixing_1, layer.mixing_2), sum(PATHS_TO)
    scalar, vector = layer.message_norms.unbind()
    if layer.from_vectors is not None:
        vectors = layer.from_vectors * vector
    else:
        species, channels = layer.from_inputs.shape[0], own[0].shape[2]
        vectors = radial.new_zeros(species, channels, size)
        radial = torch.cat([radial, radial.new_zeros(paths - len(radial), *radial.shape[1:])])
    mixing = []
    for weights, factor, places in zip(own, layer.factors, PATHS_TO, strict=True):
        width = weights.shape[1] - weights.shape[2]
        coupled, features = (factor * weights).split([width, weights.shape[2]], 1)
        coupled = pad(coupled, (0, 0, 0, places * size - width))
        mixing.append(torch.cat([coupled, features], 1))
    return FoldedLayer(
        radial,
        layer.from_inputs * inverse_deviation.unsqueeze(-1) * scalar,
        layer.from_functions * scalar,
        vectors,
        *mixing,
    )


def _fold_readout(readout: Readout, scale: Tensor, nodal_values: Tensor) -> FoldedParameters:
    factor = readout.inverse_deviation * readout.input_factor
    out = readout.output_factor * scale
    shape = (readout.species, readout.projection.shape[2], -1)
    return FoldedParameters(
        nodal_values=nodal_values,
        mean=readout.mean,
        weights=readout.projection * factor.unsqueeze(-1),
        bias=readout.bias,
        linear=readout.linear * factor * scale,
        table=readout.nodal_values.reshape(shape),
        single=readout.single * out,
        paired=readout.paired * out,
    )


def core_of(component: EnvironmentComponent) -> CoreTables | None:
    """Return the tables of the core repulsion, if the component holds it."""
    if not component.repulsive:
        return None
    repulsion = component.repulsion
    return CoreTables(repulsion.core, repulsion.strength, repulsion.inverse_length)
