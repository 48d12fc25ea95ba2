"""Energy drift at constant energy."""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.drift import Drift, measure_drift
from openmm_innff.audit.recording import make_context
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.sampling import put
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.subjects import EvaluationError
from openmm_innff.audit.verdict import Tolerances
from openmm_innff.errors import InnffError
from openmm_innff.units import FS_TO_PS

import openmm  # isort: skip

_STEP_FS = 0.5


@check(
    "energy-drift",
    "dynamics",
    question="Is energy conserved at constant energy?",
    unit="meV/atom/ps",
    threshold=Tolerances().drift_meV_per_atom_ps,
    source="chosen: a thermostat of 2/ps turns it into 0.2 K; that of `innff audit mts`",
)
def measure(bench: Bench) -> Measurement:
    """Fit a straight line to the total energy, by velocity Verlet from the end of the other run."""
    found = {s.name: _drift(bench, s) for s in bench.structures}
    name, worst = max(
        found.items(), key=lambda item: abs(item[1].drift.value) + item[1].drift.error
    )
    rows = tuple(
        (key, f"{d.drift.value:.3g} ± {d.drift.error:.1g}", f"{d.noise:.2g}")
        for key, d in found.items()
    )
    head = ("structure", "drift, meV/atom/ps", "RMS about the line, meV/atom")
    remark = f"Steps of {_STEP_FS:g} fs, single precision; that of {name} counts."
    return Measurement(abs(worst.drift.value), worst.drift.error, head, rows, remark=remark)


def _drift(bench: Bench, structure: Structure) -> Drift:
    recording = bench.lasting(structure)
    system, _ = bench.subject.system(structure)
    context = make_context(system, openmm.VerletIntegrator(_STEP_FS * FS_TO_PS))
    put(context, recording.positions, recording.velocities)
    bench.tick()
    try:
        return measure_drift(context, _STEP_FS, bench.pick(1.0, 5.0, 50.0))
    except (openmm.OpenMMException, InnffError) as error:
        raise EvaluationError(f"{structure.name}: {error}") from error
