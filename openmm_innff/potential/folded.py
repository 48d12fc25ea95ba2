"""A component's parameters with all factors multiplied out, for the compiled engine."""

from openmm_innff.engine.parameters import CoreTables, FoldedParameters, Shape
from openmm_innff.potential.component import Component


def shape_of(component: Component) -> Shape:
    """Return the sizes of a component."""
    config = component.config
    return Shape(
        species=component.readout.species,
        l_max=config.l_max,
        nodes=config.nodes,
        channels=config.channels,
        projections=config.projections,
        intervals=config.intervals,
        cutoff=config.cutoff,
        warp=config.warp,
        bound=component.readout.bound,
    )


def fold(component: Component) -> FoldedParameters:
    """Return the folded parameters; gradients reach those of the component."""
    readout = component.readout
    factor = readout.inverse_deviation * readout.input_factor
    out = readout.output_factor * component.scale
    shape = (readout.species, readout.projection.shape[2], -1)
    return FoldedParameters(
        nodal_values=component.mixing.nodal_values(),
        mean=readout.mean,
        weights=readout.projection * factor.unsqueeze(-1),
        bias=readout.bias,
        linear=readout.linear * factor * component.scale,
        table=readout.nodal_values.reshape(shape),
        single=readout.single * out,
        paired=readout.paired * out,
    )


def core_of(component: Component) -> CoreTables | None:
    """Return the tables of the core repulsion, if the component holds it."""
    if not component.repulsive:
        return None
    repulsion = component.repulsion
    return CoreTables(repulsion.core, repulsion.strength, repulsion.inverse_length)
