"""Fixtures that several test modules share."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from ase.data import chemical_symbols

from openmm_innff.data import Frame
from openmm_innff.potential import BondedConfig, ComponentConfig, Potential, PotentialConfig
from openmm_innff.training.bonded import known_types


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep tests that run side by side from fighting for cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the reference data, or a skip that says where it was looked for."""
    default = Path(__file__).parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("INNFF_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no reference data at {folder} (set INNFF_DATA)")
    return folder


@pytest.fixture(scope="session")
def tiny_config() -> PotentialConfig:
    """Sizes of a potential that is quick to evaluate."""
    small = {"channels": 4, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
    return PotentialConfig(
        elements=("H", "O"),
        fast=ComponentConfig(cutoff=2.5, **small),
        slow=ComponentConfig(cutoff=4.0, **small),
    )


@pytest.fixture
def tiny_potential(tiny_config: PotentialConfig) -> Potential:
    """A small potential of H and O with random parameters."""
    potential = Potential(tiny_config, seed=1)
    potential.reference_energies = torch.tensor([-13.0, -430.0], dtype=torch.float64)
    return potential


def water_positions(molecules_per_side: int, spacing: float, seed: int = 0) -> np.ndarray:
    """Return positions (N, 3) in angstrom of randomly turned waters on a cubic lattice, O H H."""
    random = np.random.default_rng(seed)
    shape = np.array([[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]])
    sites = np.stack(np.meshgrid(*[np.arange(molecules_per_side)] * 3), -1).reshape(-1, 3)
    atoms = []
    for site in sites:
        turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
        stretched = shape * random.normal(1.0, 0.03, size=(3, 1))
        atoms.append(stretched @ turn.T + spacing * site)
    return np.concatenate(atoms)


@pytest.fixture(scope="session")
def water_box() -> Frame:
    """27 waters in a cubic box of 9.3 A, with made-up labels."""
    positions = water_positions(3, 3.1)
    random = np.random.default_rng(1)
    return Frame(
        numbers=np.array([8, 1, 1] * 27),
        positions=positions,
        cell=9.3 * np.eye(3),
        periodic=True,
        energy=-27 * 456.0,
        forces=random.normal(size=positions.shape),
    )


def bonded_potential(frames: list[Frame], cutoff: float = 2.8, seed: int = 0) -> Potential:
    """A potential with a bonded fast part that knows some frames, with random parameters."""
    small = {"channels": 4, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
    elements = tuple({chemical_symbols[z] for frame in frames for z in frame.numbers})
    fast = known_types(BondedConfig(cutoff=cutoff, modes=2, nodes=10), frames)
    config = PotentialConfig(elements, fast, ComponentConfig(cutoff=4.0, **small))
    potential = Potential(config, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in potential.fast.parameters():
            values.copy_(torch.randn(values.shape, generator=generator))
    return potential
