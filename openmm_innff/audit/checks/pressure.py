"""A run at constant pressure, which the tests of density and heat capacity share."""

from dataclasses import dataclass

import numpy as np
import openmm

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.recording import TEMPERATURE, langevin, make_context
from openmm_innff.audit.sampling import put
from openmm_innff.audit.structure import Array, Structure
from openmm_innff.audit.subjects import EvaluationError
from openmm_innff.units import (
    ATOMIC_MASS,
    AVOGADRO,
    KJ_PER_MOL_TO_EV,
)

_PRESSURE_BAR = 1.0
_EVERY = 25
"""Steps between two attempts to change the volume."""
_SAMPLE_PS = 0.1
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
    system, _ = bench.subject.system(structure)
    barostat = openmm.MonteCarloBarostat(_PRESSURE_BAR, TEMPERATURE, _EVERY)
    barostat.setRandomNumberSeed(bench.seed)
    system.addForce(barostat)
    context = make_context(system, langevin(recording.plan.friction, bench.seed + 7))
    put(context, recording.positions, recording.velocities)
    mass, rows = float(recording.species.masses.sum()), []
    stride = round(_SAMPLE_PS / context.getIntegrator().getStepSize()._value)
    try:
        for k in range(round(length_ps / _SAMPLE_PS)):
            context.getIntegrator().step(stride)
            state = context.getState(energy=True)
            volume = state.getPeriodicBoxVolume()._value
            energy = state.getPotentialEnergy()._value + state.getKineticEnergy()._value
            enthalpy = energy + _PRESSURE_BAR * volume * _BAR_NM3_TO_KJ_PER_MOL
            density = mass / volume * _AMU_PER_NM3_TO_G_PER_CM3
            rows.append(((k + 1) * _SAMPLE_PS, density, enthalpy * KJ_PER_MOL_TO_EV))
            bench.tick()
    except openmm.OpenMMException as error:
        raise EvaluationError(f"{structure.name} at constant pressure: {error}") from error
    return AtPressure(*np.array(rows).T)
