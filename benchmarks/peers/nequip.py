"""NequIP and Allegro with the sizes of their own tutorials, random weights, eager.

Eager: their ahead-of-time compiled form, which is what they recommend, was not tried, so these rows
may flatter this project. TorchScript failed for NequIP, and was no faster for Allegro in one try.
"""

from importlib.metadata import version
from typing import Any

from peers.description import Array, Built, Model
from peers.pairs import PREBUILT, ordered_pairs

ENVIRONMENT = "nequip"
CUTOFF = 5.0
SYMBOLS = {1: "H", 6: "C", 7: "N", 8: "O"}

MODELS = {
    "nequip": Model(
        "NequIP, sizes of its tutorial",
        "4 layers, l_max 1 with parity, 32 features, cutoff 5.0 A, 8 Bessel functions, "
        "radial MLP 64-64; float32, eager",
        "configs/tutorial.yaml of nequip",
        PREBUILT,
    ),
    "allegro": Model(
        "Allegro, sizes of its tutorial",
        "2 layers, l_max 1 with parity, 64 scalar and 32 tensor features, cutoff 5.0 A, "
        "8 Bessel functions, two-body MLP 64-64 to 32, latent MLP 128-128, readout 32; "
        "float32, eager",
        "configs/tutorial.yaml of nequip-allegro",
        PREBUILT,
    ),
}


def versions() -> dict[str, str]:
    import allegro.model  # noqa: F401
    import matscipy.neighbours  # noqa: F401
    import nequip.model  # noqa: F401
    import torch

    names = ("nequip", "nequip-allegro", "e3nn")
    return {**{name: version(name) for name in names}, "torch": torch.__version__}


def build(model: Model, numbers: list[int], positions: Array, box: Array | None) -> Built:
    import torch
    from nequip.utils.global_state import set_global_state

    set_global_state()
    pairs, shifts = ordered_pairs(positions, box, CUTOFF)
    kinds = sorted(set(numbers))
    common = {
        "seed": 0,
        "model_dtype": "float32",
        "type_names": [SYMBOLS[z] for z in kinds],
        "r_max": CUTOFF,
        "avg_num_neighbors": pairs.shape[1] / len(numbers),
    }
    make = _allegro if model.title.startswith("Allegro") else _nequip
    network = make(common).eval().requires_grad_(False)
    graph = {
        "edge_index": torch.from_numpy(pairs),
        "atom_types": torch.tensor([kinds.index(z) for z in numbers]),
    }
    if box is not None:
        graph["cell"] = torch.tensor(box[None])
        graph["edge_cell_shift"] = torch.tensor(shifts)

    def call(positions: Array) -> tuple[float, Array]:
        result = network({**graph, "pos": torch.tensor(positions)})
        return float(result["total_energy"].detach()), result["forces"].detach().numpy()

    return Built(call, sum(p.numel() for p in network.parameters()))


def _nequip(common: dict[str, Any]) -> Any:
    from nequip.model import NequIPGNNModel

    return NequIPGNNModel(
        **common,
        num_bessels=8,
        bessel_trainable=False,
        polynomial_cutoff_p=6,
        num_layers=4,
        l_max=1,
        parity=True,
        num_features=32,
        radial_mlp_depth=2,
        radial_mlp_width=64,
    )


def _allegro(common: dict[str, Any]) -> Any:
    from allegro.model import AllegroModel

    return AllegroModel(
        **common,
        radial_chemical_embed={
            "_target_": "allegro.nn.TwoBodyBesselScalarEmbed",
            "num_bessels": 8,
            "bessel_trainable": False,
            "polynomial_cutoff_p": 6,
        },
        radial_chemical_embed_dim=32,
        scalar_embed_mlp_hidden_layers_depth=2,
        scalar_embed_mlp_hidden_layers_width=64,
        l_max=1,
        parity=True,
        num_layers=2,
        num_scalar_features=64,
        num_tensor_features=32,
        allegro_mlp_hidden_layers_depth=2,
        allegro_mlp_hidden_layers_width=128,
        readout_mlp_hidden_layers_depth=1,
        readout_mlp_hidden_layers_width=32,
    )
