"""The water model of this project, with and without its compiled engine."""

from importlib.metadata import version
from typing import Any

from peers.description import Array, Built, Model

ENVIRONMENT = ""
_SIZES = (
    "water-pbe0: cutoffs 3.0 and 5.5 A, 16 and 48 channels, l_max 1 and 2, 10 and 12 nodes, "
    "32 and 128 projections; float32"
)
_LIST = "kept within a skin of 0.5 A, checked in each call"


def _model(title: str, part: str, engine: str) -> Model:
    options = {"part": part, "engine": engine}
    return Model(title, _SIZES, "the shipped model", _LIST, options)


MODELS = {
    "innff": _model("openmm-innff, compiled", "total", "compiled"),
    "innff-fast": _model("openmm-innff, compiled, fast part", "fast", "compiled"),
    "innff-slow": _model("openmm-innff, compiled, slow part", "slow", "compiled"),
    "innff-torch": _model("openmm-innff, eager torch", "total", "torch"),
}


def versions() -> dict[str, str]:
    import torch

    import openmm_innff  # noqa: F401  (what is imported here isn't counted as the model's memory)

    return {"openmm-innff": version("openmm-innff"), "torch": torch.__version__}


def build(model: Model, numbers: list[int], positions: Array, box: Array | None) -> Built:
    import torch

    potential, note = _potential(numbers)
    evaluator = potential.evaluator(
        model.options["part"], numbers, periodic=box is not None, engine=model.options["engine"]
    )
    vectors = torch.zeros(3, 3, dtype=torch.float64) if box is None else torch.tensor(box)

    def call(positions: Array) -> tuple[float, Array]:
        energy, forces = evaluator(torch.from_numpy(positions), vectors)
        return float(energy), forces.numpy()

    parts = potential.components(model.options["part"])
    parameters = sum(p.numel() for part in parts for p in part.parameters())
    return Built(call, parameters, note=note)


def _potential(numbers: list[int]) -> tuple[Any, str]:
    from openmm_innff import load_model
    from openmm_innff.potential import Potential, PotentialConfig

    potential = load_model("water-pbe0").potential
    if set(numbers) <= {1, 8}:
        return potential, ""
    config = PotentialConfig(("H", "C", "N", "O"), potential.config.fast, potential.config.slow)
    return Potential(config), "random weights and the elements H, C, N, O, sizes as for water"
