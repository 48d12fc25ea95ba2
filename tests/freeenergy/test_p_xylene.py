"""p-xylene from force field to model: MBAR over stages agrees with plain reweighting."""

from importlib import util
from pathlib import Path

import numpy as np
import pytest

from openmm_innff.model import load_model  # torch before openmm

# isort: split
import openmm

from openmm_innff.correction import Sampling, correction, sample_stages
from openmm_innff.recipe import RunConfig
from openmm_innff.simulation.complexes import load_complex

RECIPE = Path(__file__).parents[2] / "recipes" / "p-xylene"


def test_mbar_agrees_with_reweighting() -> None:
    pytest.importorskip("pymbar")
    package = util.find_spec("openmmtools")
    if package is None or package.origin is None:
        pytest.skip("openmmtools is not installed")
    folder = Path(package.origin).parent / "data" / "T4-lysozyme-L99A-implicit"
    config = RunConfig(
        prmtop=str(folder / "ligand.prmtop"), inpcrd=str(folder / "ligand.crd"), ligand="TMP",
        model=str(RECIPE / "p-xylene.innff"),
    )  # fmt: skip
    found = load_complex(config)
    system = load_model(config.model).create_mixed_system(
        found.topology, found.system, "TMP", interpolate=True, mollified=False, backend="python"
    )
    samples = sample_stages(
        system,
        found.positions / 10,
        Sampling(stages=(0.0, 0.5, 1.0), settle_ps=1.0, length_ps=5.0, every_fs=20.0),
        platform=openmm.Platform.getPlatformByName("Reference"),
    )
    result = correction(samples)
    assert result.error < 0.6
    assert np.diagonal(result.overlap, 1).min() > 0.03
    # Reweighting has few frames that count, and its error knows little of those it lacks.
    both = np.hypot(result.error, max(result.reweighted_error, 1.0))
    assert result.reweighted == pytest.approx(result.value, abs=3 * both)
