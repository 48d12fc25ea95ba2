"""A small training problem that runs in a second."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from openmm_innff.potential import ComponentConfig
from openmm_innff.training.config import (
    CardConfig,
    DataConfig,
    OptimizerConfig,
    SmoothnessConfig,
    TrainingConfig,
)


def spring_water(random: np.random.Generator, molecules: int) -> Atoms:
    """Waters with harmonic O-H bonds (10 eV/A^2, 0.97 A) far from each other."""
    positions, numbers, forces, energy = [], [], [], 0.0
    for k in range(molecules):
        oxygen = np.array([8.0 * k, 0.0, 0.0])
        block = np.zeros((3, 3))
        points = [oxygen]
        for h, angle in enumerate((0.9, -0.9), start=1):
            direction = np.array([np.cos(angle), np.sin(angle), 0.0]) + random.normal(0, 0.1, 3)
            direction /= np.linalg.norm(direction)
            stretch = random.normal(0, 0.04)
            points.append(oxygen + (0.97 + stretch) * direction)
            energy += 5.0 * stretch**2 - 200.0
            block[h] = -10.0 * stretch * direction
            block[0] += 10.0 * stretch * direction
        positions += points
        numbers += [8, 1, 1]
        forces.append(block)
    atoms = Atoms(numbers, positions)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=np.concatenate(forces))
    return atoms


@pytest.fixture
def small_config(tmp_path: Path) -> TrainingConfig:
    """Configuration of a two-stage run on 12 frames of one or two waters."""
    random = np.random.default_rng(0)
    path = tmp_path / "springs.xyz"
    write(path, [spring_water(random, 1 + k % 2) for k in range(12)], format="extxyz")
    small = {"channels": 4, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
    return TrainingConfig(
        data=DataConfig(train=str(path), validation=0.25),
        card=CardConfig(name="springs", licence="MIT"),
        fast=ComponentConfig(cutoff=2.0, **small),
        slow=ComponentConfig(cutoff=3.0, **small),
        optimizer=OptimizerConfig(
            fast_epochs=2, joint_epochs=3, batch_size=4, learning_rate=5e-3, warmup_steps=3
        ),
        smoothness=SmoothnessConfig(weight=1.0, every=2),
    )
