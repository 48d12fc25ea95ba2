"""DeePMD-kit, se_e2_a with the sizes of its water example, random weights.

Not compressed: with the tables of `dp compress` the same model took the same time on one core.
"""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peers.description import Array, Built, Model

ENVIRONMENT = "deepmd"
SYMBOLS = {1: "H", 6: "C", 7: "N", 8: "O"}
_SIZES = (
    "se_e2_a: cutoff 6.0 A, smooth from 0.5 A, sel 46/92, embedding 25-50-100, 16 axis neurons, "
    "fitting 240-240-240; float32, not compressed"
)
_SOURCE = "examples/water/se_e2_a of DeePMD-kit, TensorFlow backend"

MODELS = {
    "deepmd": Model("DeePMD se_e2_a", _SIZES, _SOURCE, "made in each call, as its API does"),
}


def versions() -> dict[str, str]:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
    import deepmd.infer
    import deepmd.tf.env

    tensorflow = deepmd.tf.env.tf.__version__
    return {"deepmd-kit": version("deepmd-kit"), "tensorflow-cpu": tensorflow}


def build(model: Model, numbers: list[int], positions: Array, box: Array | None) -> Built:
    import numpy as np
    from deepmd.dpmodel.model.model import get_model
    from deepmd.dpmodel.utils.serialization import save_dp_model
    from deepmd.entrypoints.convert_backend import convert_backend
    from deepmd.infer import DeepPot

    settings, note = _settings(numbers)
    with tempfile.TemporaryDirectory() as folder:
        portable, frozen = Path(folder) / "model.dp", Path(folder) / "model.pb"
        content = {"model": get_model(settings).serialize(), "model_def_script": settings}
        save_dp_model(str(portable), {**content, "backend": "dpmodel"})
        convert_backend(INPUT=str(portable), OUTPUT=str(frozen))
        potential = DeepPot(str(frozen))
    types = np.array([settings["type_map"].index(SYMBOLS[z]) for z in numbers])
    cells = None if box is None else box.reshape(1, 9)

    def call(positions: Array) -> tuple[float, Array]:
        energy, forces, _ = potential.eval(positions.reshape(1, -1), cells, types)
        return float(energy[0, 0]), forces[0]

    return Built(call, _count(content["model"]), note=note)


def _settings(numbers: list[int]) -> tuple[dict[str, Any], str]:
    """Hyper-parameters; for elements other than those of water the selection is our own."""
    kinds, sel, note = ["O", "H"], [46, 92], ""
    if not set(numbers) <= {1, 8}:
        kinds, sel = ["H", "C", "N", "O"], [12, 8, 4, 4]
        note = "elements H, C, N, O with sel 12/8/4/4, our choice for 22 atoms"
    return {
        "type_map": kinds,
        "descriptor": {
            "type": "se_e2_a",
            "sel": sel,
            "rcut_smth": 0.5,
            "rcut": 6.0,
            "neuron": [25, 50, 100],
            "resnet_dt": False,
            "axis_neuron": 16,
            "type_one_side": True,
            "precision": "float32",
            "seed": 1,
        },
        "fitting_net": {
            "neuron": [240, 240, 240],
            "resnet_dt": True,
            "precision": "float32",
            "seed": 1,
        },
    }, note


def _count(content: Any) -> int:
    """Count the floats in the networks of a serialised model."""
    if isinstance(content, dict):
        return sum(
            value.size if key in ("w", "b", "idt") and hasattr(value, "size") else _count(value)
            for key, value in content.items()
        )
    return sum(map(_count, content)) if isinstance(content, list) else 0
