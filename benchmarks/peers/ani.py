"""ANI-2x's architecture from torchani, random weights."""

import os
from importlib.metadata import version

from peers.description import Array, Built, Model
from peers.pairs import PREBUILT, ordered_pairs

ENVIRONMENT = "mace"
_SIZES = "AEV of ANI-2x, 5.1 A radial, 3.5 A angular, 7 elements, networks of ANI-2x, {}; float32"
_SOURCE = "Devereux et al., doi:10.1021/acs.jctc.0c00121; classes of torchani"


def _model(title: str, members: int) -> Model:
    what = "ensemble of 8 as published" if members == 8 else "1 of the 8 members"
    return Model(title, _SIZES.format(what), _SOURCE, PREBUILT, {"members": members})


MODELS = {
    "ani-1": _model("ANI-2x, one member", 1),
    "ani-8": _model("ANI-2x, ensemble of 8", 8),
}


def versions() -> dict[str, str]:
    os.environ["TORCHANI_NO_WARN_EXTENSIONS"] = "1"
    import matscipy.neighbours  # noqa: F401
    import torch
    import torchani  # noqa: F401

    return {"torchani": version("torchani"), "torch": torch.__version__}


def build(model: Model, numbers: list[int], positions: Array, box: Array | None) -> Built:
    import numpy as np
    import torch
    from torchani.arch import Assembler
    from torchani.utils import SYMBOLS_2X

    torch.manual_seed(0)
    assembler = Assembler(periodic_table_index=True)
    assembler.set_symbols(SYMBOLS_2X)
    assembler.set_global_cutoff_fn("cosine")
    assembler.set_aev_computer(radial="ani2x", angular="ani2x", strategy="pyaev")
    assembler.set_atomic_networks(ctor="ani2x")
    assembler.set_neighborlist("all_pairs")
    assembler.set_zeros_as_self_energies()
    network = assembler.assemble(model.options["members"]).requires_grad_(False)
    parameters = sum(p.numel() for p in network.parameters())
    if model.options["members"] > 1:
        # Members batched: torchani's way to make it fast. It marks ranges for NVIDIA's profiler,
        # which the CPU builds of torch refuse.
        torch.cuda.nvtx.range_push = torch.cuda.nvtx.range_pop = lambda *_: 0
        network = network.to_infer_model()

    # torchani wants each pair once.
    pairs, shifts = ordered_pairs(positions, box, 5.1)
    once = _each_once(pairs, shifts)
    cell = np.zeros((3, 3)) if box is None else box
    species = torch.tensor([numbers])
    index = torch.from_numpy(pairs[:, once])
    # Its vectors point from the second atom to the first.
    translations = torch.tensor(-shifts[once] @ cell, dtype=torch.float32)

    def call(positions: Array) -> tuple[float, Array]:
        here = torch.tensor(positions[None], dtype=torch.float32, requires_grad=True)
        energy = network.compute_from_external_neighbors(
            species, here, index, translations
        ).energies.sum()
        return float(energy.detach()), -torch.autograd.grad(energy, here)[0][0].numpy()

    return Built(call, parameters)


def _each_once(pairs: Array, shifts: Array) -> Array:
    import numpy as np

    first, second = pairs
    # An atom and its own image: the sign of the first nonzero shift decides.
    sign = (shifts * [9, 3, 1]).sum(1)
    return np.flatnonzero((first < second) | ((first == second) & (sign > 0)))
