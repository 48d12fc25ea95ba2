"""Errors of a model on labelled frames: python examples/02_evaluate_frames.py [MODEL DATA.xyz].

Without arguments the frames are made up: boxes of water labelled by the shipped model itself, with
noise of 20 meV/angstrom on the forces, which the error of the forces must then show.
"""

import sys
import tempfile
from pathlib import Path

import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from openmm_innff import load_model
from openmm_innff.boxes import box_edge, water_box
from openmm_innff.data import read_frames
from openmm_innff.training.evaluate import evaluate


def make_frames(model_name: str, path: Path, noise: float = 0.02) -> None:
    """Write three boxes of 64 waters with energies and noisy forces (eV/angstrom) to a file."""
    potential = load_model(model_name).potential
    edge = box_edge(64, 0.997)
    frames = []
    for seed in range(3):
        topology, positions = water_box(64, seed=seed)
        numbers = [atom.element.atomic_number for atom in topology.atoms()]
        evaluator = potential.evaluator("total", numbers, periodic=True)
        energy, forces = evaluator(torch.tensor(positions), torch.eye(3) * edge)
        atoms = Atoms(numbers, positions, cell=[edge] * 3, pbc=True)
        errors = np.random.default_rng(seed).normal(0.0, noise, positions.shape)
        energy = float(energy) + potential.reference_energy(numbers)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces.numpy() + errors)
        frames.append(atoms)
    ase.io.write(path, frames)


with tempfile.TemporaryDirectory() as folder:
    if len(sys.argv) == 3:
        name, data = sys.argv[1], Path(sys.argv[2])
    else:
        name, data = "water-pbe0", Path(folder) / "made-up.xyz"
        make_frames(name, data)
    evaluate(load_model(name), read_frames(data))
