"""A run at constant pressure, which the tests of density and heat capacity share."""

import re
from dataclasses import dataclass

import numpy as np
import openmm

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.recording import (
    TEMPERATURE,
    Recording,
    langevin,
    make_context,
    state_of,
)
from openmm_innff.audit.sampling import put
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import EvaluationError
from openmm_innff.units import (
    ANGSTROM_TO_NM,
    ATOMIC_MASS,
    AVOGADRO,
    KJ_PER_MOL_TO_EV,
    NM_TO_ANGSTROM,
)

_PRESSURE_BAR = 1.0
_EVERY = 25
"""Steps between two attempts to change the volume."""
_SAMPLE_PS = 0.1
_SEGMENT_PS = 10.0
"""Finished ones are kept; each begins with random numbers of its own."""
_LEFT_OUT = 5
"""The first of so many parts is not looked at."""
_AMU_PER_NM3_TO_G_PER_CM3 = ATOMIC_MASS * 1e3 / 1e-21
_BAR_NM3_TO_KJ_PER_MOL = 1e5 * 1e-27 * AVOGADRO / 1e3


@dataclass(frozen=True, eq=False)
class AtPressure:
    """What was seen, shape (n,) each.

    Parameters
    ----------
    times
        Picoseconds.
    densities
        g/cm^3.
    enthalpies
        eV.
    """

    times: Array
    densities: Array
    enthalpies: Array

    def kept(self, values: Array) -> Array:
        """Leave out the first fifth, in which the volume comes to equilibrium."""
        return values[len(values) // _LEFT_OUT :]


def at_pressure(bench: Bench, structure: Structure, length_ps: float) -> AtPressure:
    """Run a structure at 300 K and 1 bar, once for all tests.

    Parameters
    ----------
    bench
        Of a test.
    structure
        Periodic.
    length_ps
        Length of the run.

    Raises
    ------
    EvaluationError
        If the box becomes too small for the potential, or the run explodes.
    """
    key = ("pressure", structure.name, length_ps)
    found: AtPressure = bench.recordings.once(key, lambda: _run(bench, structure, length_ps))
    return found


def _run(bench: Bench, structure: Structure, length_ps: float) -> AtPressure:
    recording = bench.lasting(structure)
    before = {"positions": recording.positions, "velocities": recording.velocities,
              "cell": np.asarray(recording.structure.cell)}  # fmt: skip
    count = max(1, round(length_ps / _SEGMENT_PS))
    name, rows = re.sub(r"[^\w.-]+", "_", structure.name), []
    for number in range(1, count + 1):
        before = bench.recordings.keep(
            f"{name}-pressure-{number}",
            lambda n=number, b=before: _segment(bench, recording, n, b, length_ps / count),  # type: ignore[misc]
        )
        rows.append(before["rows"])
    times, densities, enthalpies = np.concatenate(rows).T
    return AtPressure(times, densities, enthalpies)


def _segment(
    bench: Bench, recording: Recording, number: int, before: dict[str, Array], length_ps: float
) -> dict[str, Array]:
    """Go on from positions, velocities (angstrom, fs) and box for a part of the run."""
    system, _ = bench.subject.system(recording.structure)
    barostat = openmm.MonteCarloBarostat(_PRESSURE_BAR, TEMPERATURE, _EVERY)
    barostat.setRandomNumberSeed(bench.seed + 1000 * number)
    system.addForce(barostat)
    integrator = langevin(recording.plan.friction, bench.seed + 7 + 1000 * number)
    context = make_context(system, integrator)
    context.setPeriodicBoxVectors(*(before["cell"] * ANGSTROM_TO_NM))
    put(context, before["positions"], before["velocities"])
    mass, rows = float(recording.species.masses.sum()), []
    stride = round(_SAMPLE_PS / integrator.getStepSize()._value)
    began = (number - 1) * length_ps
    try:
        for k in range(round(length_ps / _SAMPLE_PS)):
            integrator.step(stride)
            state = context.getState(energy=True)
            volume = state.getPeriodicBoxVolume()._value
            energy = state.getPotentialEnergy()._value + state.getKineticEnergy()._value
            enthalpy = energy + _PRESSURE_BAR * volume * _BAR_NM3_TO_KJ_PER_MOL
            density = mass / volume * _AMU_PER_NM3_TO_G_PER_CM3
            rows.append((began + (k + 1) * _SAMPLE_PS, density, enthalpy * KJ_PER_MOL_TO_EV))
            bench.tick()
    except openmm.OpenMMException as error:
        raise EvaluationError(
            f"{recording.structure.name} at constant pressure: {error}"
        ) from error
    positions, velocities = state_of(context)
    box = np.array(context.getState().getPeriodicBoxVectors()._value) * NM_TO_ANGSTROM
    return {"positions": positions, "velocities": velocities, "cell": box, "rows": np.array(rows)}
