"""Forces of all parts of a potential along one run at constant energy."""

from dataclasses import dataclass

import numpy as np
import openmm

from openmm_innff.audit.bench import Bench
from openmm_innff.audit.recording import make_context, state_of
from openmm_innff.audit.result import NotApplicable
from openmm_innff.audit.sampling import put
from openmm_innff.audit.structure import Array
from openmm_innff.audit.subjects import EvaluationError, Options
from openmm_innff.units import FS_TO_PS

STEP_FS = 0.5
SAMPLE_FS = 1.0


@dataclass(frozen=True, eq=False)
class ForcePath:
    """Forces along a run.

    Parameters
    ----------
    structure
        Its name.
    masses
        amu, shape (N,).
    forces
        Of each part, shape (n, N, 3), eV/angstrom, `SAMPLE_FS` apart.
    """

    structure: str
    masses: Array
    forces: dict[str, Array]


def force_path(bench: Bench) -> ForcePath:
    """Return the forces of the parts along a run of the largest structure, made once.

    Parameters
    ----------
    bench
        Of a test; NotApplicable if its subject has no parts.
    """
    if len(bench.subject.parts) < 2:
        raise NotApplicable("it has no parts")
    found: ForcePath = bench.recordings.once("force path", lambda: _run(bench))
    return found


def _run(bench: Bench) -> ForcePath:
    recording = bench.lasting(bench.largest())
    structure = recording.structure
    system, _ = bench.subject.system(structure)
    context = make_context(system, openmm.VerletIntegrator(STEP_FS * FS_TO_PS))
    put(context, recording.positions, recording.velocities)
    parts = {part: bench.bind(structure, Options(part, "single")) for part in bench.subject.parts}
    forces: dict[str, list[Array]] = {part: [] for part in parts}
    try:
        for _ in range(bench.pick(512, 2048, 8192)):
            positions, _ = state_of(context)
            for part, evaluate in parts.items():
                forces[part].append(evaluate(positions, structure.cell).forces)
            context.getIntegrator().step(round(SAMPLE_FS / STEP_FS))
    except openmm.OpenMMException as error:
        raise EvaluationError(f"{structure.name}: {error}") from error
    arrays = {part: np.array(rows) for part, rows in forces.items()}
    for part, rows in arrays.items():
        if not rows.any():
            raise NotApplicable(f"part {part} exerts no force in {structure.name}")
    return ForcePath(structure.name, recording.species.masses, arrays)
