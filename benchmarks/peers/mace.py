"""MACE with the architectures of MACE-OFF23, random weights."""

from importlib.metadata import version
from typing import Any

from peers.description import Array, Built, Model
from peers.pairs import PREBUILT, ordered_pairs

ENVIRONMENT = "mace"
ELEMENTS = (1, 6, 7, 8, 9, 15, 16, 17, 35, 53)
"""Those of MACE-OFF23; their number sets the cost of the self-interactions."""

_SIZES = (
    "{}, cutoff {} A, 2 layers, l_max 3, correlation 3, 8 Bessel functions, radial MLP 64-64-64, "
    "readout 16x0e, 10 elements; float32"
)
_SOURCE = "Kovacs et al., arXiv:2312.15211; configuration of the released models"


def _model(title: str, hidden: str, cutoff: float) -> Model:
    options = {"hidden": hidden, "cutoff": cutoff}
    return Model(title, _SIZES.format(hidden, cutoff), _SOURCE, PREBUILT, options)


MODELS = {
    "mace-small": _model("MACE, as OFF23-small", "96x0e", 4.5),
    "mace-medium": _model("MACE, as OFF23-medium", "128x0e + 128x1o", 5.0),
}


def versions() -> dict[str, str]:
    import mace.modules  # noqa: F401
    import matscipy.neighbours  # noqa: F401
    import torch

    return {
        "mace-torch": version("mace-torch"),
        "e3nn": version("e3nn"),
        "torch": torch.__version__,
    }


def build(model: Model, numbers: list[int], positions: Array, box: Array | None) -> Built:
    import torch

    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    pairs, shifts = ordered_pairs(positions, box, model.options["cutoff"])
    network = _network(model, pairs.shape[1] / len(numbers))
    graph = _graph(numbers, box, pairs, shifts)

    def call(positions: Array) -> tuple[float, Array]:
        here = torch.tensor(positions, dtype=torch.float32)
        result = network({**graph, "positions": here}, training=False, compute_force=True)
        return float(result["energy"]), result["forces"].numpy()

    return Built(call, sum(p.numel() for p in network.parameters()))


def _network(model: Model, neighbours: float) -> Any:
    import numpy as np
    import torch
    from e3nn import o3
    from mace import modules

    network = modules.ScaleShiftMACE(
        r_max=model.options["cutoff"],
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=2,
        num_elements=len(ELEMENTS),
        hidden_irreps=o3.Irreps(model.options["hidden"]),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=np.zeros(len(ELEMENTS)),
        avg_num_neighbors=neighbours,
        atomic_numbers=list(ELEMENTS),
        correlation=3,
        gate=torch.nn.functional.silu,
        radial_MLP=[64, 64, 64],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    return network.eval().requires_grad_(False)


def _graph(numbers: list[int], box: Array | None, pairs: Any, shifts: Array) -> dict[str, Any]:
    import numpy as np
    import torch

    n = len(numbers)
    cell = np.zeros((3, 3)) if box is None else box
    species = torch.tensor([ELEMENTS.index(z) for z in numbers])
    return {
        "node_attrs": torch.nn.functional.one_hot(species, len(ELEMENTS)).float(),
        "edge_index": torch.from_numpy(pairs),
        "unit_shifts": torch.tensor(shifts, dtype=torch.float32),
        "shifts": torch.tensor(shifts @ cell, dtype=torch.float32),
        "cell": torch.tensor(cell, dtype=torch.float32),
        "batch": torch.zeros(n, dtype=torch.int64),
        "ptr": torch.tensor([0, n]),
        "head": torch.zeros(1, dtype=torch.int64),
    }
