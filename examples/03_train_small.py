"""Train a tiny model on made-up data: frames, configuration, two stages, errors. Half a minute.

The data are rattled pairs of water molecules with energies of EMT, a toy potential of ASE; yours
would be quantum-mechanical. The result is a model file like any other, only a poor one.
"""

import tempfile
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.emt import EMT

from openmm_innff import load_model
from openmm_innff.data import read_frames
from openmm_innff.training import load_config, train
from openmm_innff.training.evaluate import evaluate

CONFIG = """
[data]
train = "train.xyz"
validation = 0.1

[card]
name = "tiny"
description = "an example, good for nothing else"
level_of_theory = "EMT"

[fast]
cutoff = 2.5
channels = 4
projections = 8

[slow]
cutoff = 4.0
channels = 8
projections = 16

[optimizer]
fast_epochs = 3
joint_epochs = 10
batch_size = 4
"""


def make_frames(count: int, seed: int) -> list[Atoms]:
    """Pairs of water molecules at random distances and orientations, with thermal disorder."""
    random = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        pair = Atoms()
        for distance in (0.0, random.uniform(2.8, 3.8)):
            water = molecule("H2O")
            water.rotate(random.uniform(0, 360), random.normal(size=3))
            water.translate([distance, 0.0, 0.0])
            pair += water
        pair.positions += random.normal(0.0, 0.03, pair.positions.shape)
        pair.calc = EMT()
        pair.get_forces()
        frames.append(pair)
    return frames


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    ase.io.write(folder / "train.xyz", make_frames(120, seed=1))
    ase.io.write(folder / "test.xyz", make_frames(30, seed=2))
    (folder / "config.toml").write_text(CONFIG)
    model_file = train(load_config(folder / "config.toml"), folder / "run", resume=False)
    evaluate(load_model(model_file), read_frames(folder / "test.xyz"))
