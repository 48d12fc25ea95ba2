"""Integration: dynamics applies all of the force.

OpenMM silently leaves out forces whose group an integrator does not name.
"""

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.checks.compare import rms, worst
from openmm_innff.audit.checks.registry import check
from openmm_innff.audit.result import Measurement
from openmm_innff.audit.structure import Structure

_STEP_FS = 0.01
"""So short that the force hardly changes within."""


@check(
    "integration",
    "exactness",
    question="Does dynamics apply all of the force?",
    unit="of the RMS force",
    threshold=5e-3,
    source="chosen: changes of the force within 0.01 fs and single precision stay below; a force "
    "that is left out is far beyond",
)
def measure(bench: Bench) -> Measurement:
    """Compare the momentum gained in one short step from rest with the force."""
    random = bench.random()

    def compare(structure: Structure) -> float:
        structure = structure.rattled(random)
        bench.tick()
        applied = bench.subject.impulse(structure, _STEP_FS)
        wanted = bench.evaluate(structure).forces
        wanted = wanted - wanted.mean(0)  # a remover of net motion may be part of the dynamics
        return rms(applied - applied.mean(0) - wanted) / rms(wanted)

    return worst(bench.structures, compare, f"One step of {_STEP_FS:g} fs, started at rest.")
