"""Self-diffusion of water, corrected for the size of the box."""

import math
from collections.abc import Sequence

import numpy as np

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.geometry import liquid_water_of
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.dynamics import centres, diffusion
from openmm_innff.audit.recording import TEMPERATURE
from openmm_innff.audit.result import Curve, Measurement, NotApplicable, Panel, Row
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.structures import is_default_liquid, liquid_water
from openmm_innff.statistics import Mean
from openmm_innff.units import BOLTZMANN, FS_TO_PS

_SHORTEST_PS = 20.0
_VISCOSITY = 0.854e-3
"""Of water at 300 K, Pa s, doi:10.1063/1.3088050."""
_XI = 2.837297
_M2_PER_S_TO_1E5_CM2_PER_S = 1e9
_PAPER = "Holz et al. 2000, doi:10.1039/b005319h"
_LARGER = (2, 4)
"""Boxes of so many times as many molecules, with --full."""


def experiment(temperature: float) -> float:
    """Self-diffusion of water, 1e-5 cm^2/s, by the fit of Holz et al. 2000 for 0 to 100 °C."""
    return 16.35 * (temperature / 215.05 - 1.0) ** 2.063


def size_correction(edge: float, viscosity: float = _VISCOSITY) -> float:
    """Return what a cubic box takes from diffusion, 1e-5 cm^2/s (Yeh and Hummer 2004).

    Parameters
    ----------
    edge
        Of the box, angstrom.
    viscosity
        Of the liquid, Pa s.
    """
    slowed = _XI * BOLTZMANN * TEMPERATURE / (6 * math.pi * viscosity * edge * 1e-10)
    return slowed * _M2_PER_S_TO_1E5_CM2_PER_S


def infinite_box(edges: Sequence[float], found: Sequence[Mean]) -> tuple[Mean, Mean]:
    """Fit D(L) = D - xi k T / (6 pi eta L) to boxes of several sizes (Yeh and Hummer 2004).

    Parameters
    ----------
    edges
        Angstrom, at least two.
    found
        Diffusion in these boxes, 1e-5 cm^2/s.

    Returns
    -------
    diffusion, slope : Mean
        1e-5 cm^2/s of a box without end, and what a box of 1 angstrom would take from it. The
        errors are those that the given ones lead to (least squares, weighted by them).
    """
    design = np.array([[1.0, -1.0 / edge] for edge in edges])
    errors = np.array([mean.error for mean in found])
    weighted = design / errors[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    values = covariance @ weighted.T @ (np.array([mean.value for mean in found]) / errors)
    return (
        Mean(float(values[0]), float(np.sqrt(covariance[0, 0]))),
        Mean(float(values[1]), float(np.sqrt(covariance[1, 1]))),
    )


@check(
    "diffusion",
    "dynamics",
    question="Do water molecules diffuse as fast as in experiment?",
    unit="%",
    threshold=30.0,
    source=f"{_PAPER}; 30 % is chosen: classical nuclei and the level of theory of the reference "
    "data limit the agreement",
)
def measure(bench: Bench) -> Measurement:
    """Take the slope of mean square displacements of molecules, less that of all together.

    One box is corrected by the viscosity of experiment. With --full there are larger ones, and the
    correction is what their sizes show.
    """
    liquid = liquid_water_of(bench)
    if bench.plan(liquid).length_ps < _SHORTEST_PS:
        raise NotApplicable(
            f"runs of {bench.plan(liquid).length_ps:g} ps are too short, {_SHORTEST_PS:g} ps are "
            f"needed"
        )
    boxes = [liquid]
    if bench.effort == "full" and is_default_liquid(liquid):
        boxes += [liquid_water(bench.seed, n * len(liquid.molecules)) for n in _LARGER]
    edges, found = [_edge(box) for box in boxes], [_in_box(bench, box) for box in boxes]
    rows: list[Row] = [
        (f"in a box of {edge:.1f} Å", f"{mean.value:.2f} ± {mean.error:.2f}")
        for edge, mean in zip(edges, found, strict=True)
    ]
    panels: tuple[Panel, ...] = ()
    if len(boxes) > 1:
        whole, slope = infinite_box(edges, found)
        viscosity = 1e3 * _VISCOSITY * size_correction(1.0) / slope.value
        error = abs(viscosity * slope.error / slope.value)
        rows.append(("viscosity that the sizes show, mPa s", f"{viscosity:.2f} ± {error:.2f}"))
        panels = (_panel(edges, found, whole, slope),)
    else:
        whole = Mean(found[0].value + size_correction(edges[0]), found[0].error)
        rows.append(("correction for its size", f"{size_correction(edges[0]):.2f}"))
    wanted = experiment(TEMPERATURE)
    rows += [("corrected", f"{whole.value:.2f} ± {whole.error:.2f}"),
             (f"experiment ({_PAPER})", f"{wanted:.2f}")]  # fmt: skip
    percent = 100 / wanted
    return Measurement(
        abs(whole.value - wanted) * percent, whole.error * percent, ("diffusion", "1e-5 cm²/s"),
        tuple(rows), panels,
        "Correction for the size of the box: Yeh and Hummer 2004, doi:10.1021/jp0477147; for one "
        "box with the viscosity of experiment, 0.854 mPa s, which a liquid that diffuses too fast "
        "does not have. The thermostat slows molecules by some per cent.",
    )  # fmt: skip


def _edge(structure: Structure) -> float:
    return float(abs(np.linalg.det(np.asarray(structure.cell))) ** (1 / 3))


def _in_box(bench: Bench, structure: Structure) -> Mean:
    """Return diffusion as it is in a box, 1e-5 cm^2/s."""
    recording = bench.lasting(structure)
    record, molecules = recording.seen, recording.structure.molecules
    paths = centres(record.positions, recording.species.masses, molecules)
    found = diffusion(paths - paths.mean(1, keepdims=True), record.sample_fs * FS_TO_PS)
    if found is None:
        raise NotApplicable("the run has too few samples")
    # The centre of all molecules is at rest: each of n moves 1 - 1/n as much.
    whole = 1.0 / (1.0 - 1.0 / len(molecules))
    return Mean(found.value * whole, found.error * whole)


def _panel(edges: Sequence[float], found: Sequence[Mean], whole: Mean, slope: Mean) -> Panel:
    x = np.array([0.0, *(1.0 / edge for edge in edges)])
    line = Curve.of("fit", [0.0, x.max()], [whole.value, whole.value - slope.value * x.max()])
    values = [whole.value, *(mean.value for mean in found)]
    errors = [whole.error, *(mean.error for mean in found)]
    return Panel(
        "Diffusion and size of the box", "1 / edge (1/Å)", "diffusion (1e-5 cm²/s)",
        (line, Curve.of("boxes, and one without end", x, values, errors, points=True)),
    )  # fmt: skip
