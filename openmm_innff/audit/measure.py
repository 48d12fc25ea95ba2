"""One run of the step advisor: a Context in, a dictionary of observables with errors out."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import mdtraj
import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app

from openmm_innff.audit import dynamics, observables
from openmm_innff.audit.drift import measure_drift
from openmm_innff.audit.probe import Probe
from openmm_innff.audit.sampling import Record, Species, put, sample_run
from openmm_innff.audit.schemes import MakeIntegrator
from openmm_innff.errors import SimulationError
from openmm_innff.integrators import mts_nve_integrator
from openmm_innff.simulation.machine import Machine
from openmm_innff.statistics import Mean, mean_with_error
from openmm_innff.units import FS_TO_PS

Array = NDArray[np.float64]

INTERVALS_FS = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
"""Samplings at which the reference has its spectrum, for candidates sampled so."""


@dataclass(frozen=True, eq=False)
class Bench:
    """What the runs of one hydrogen mass share.

    Parameters
    ----------
    topology
        Atoms, bonds and box.
    system
        Fast forces in group 0, slow ones in group 1.
    plain
        The same without what makes steps longer: potential energies are those of this one.
    species
        Elements and masses of the atoms.
    positions, velocities
        To start from, angstrom and angstrom/fs.
    machine
        Platform.
    """

    topology: app.Topology
    system: openmm.System
    plain: openmm.System
    species: Species
    positions: Array
    velocities: Array
    machine: Machine

    def context(self, integrator: openmm.Integrator) -> openmm.Context:
        """Make a Context at the start."""
        made = openmm.Context(
            self.system, integrator, self.machine.platform, self.machine.properties
        )
        put(made, self.positions, self.velocities)
        return made

    def energies(self, record: Record) -> Array:
        """Return the potential energy along a run, shape (n_samples,), in eV."""
        if self.plain is self.system:
            return record.energies
        probe = Probe(self.plain, self.machine.platform, self.machine.properties)
        return np.array([probe(positions)[0] for positions in record.positions])

    def probe(self) -> Probe:
        """Make a probe of the System."""
        return Probe(self.system, self.machine.platform, self.machine.properties)


def measure(
    bench: Bench,
    make_integrator: MakeIntegrator,
    *,
    temperature: float,
    friction: float,
    outer_fs: float,
    inner_fs: float,
    length_ps: float,
    nve_ps: float,
    seed: int,
    reference: Mapping[str, Any] | None,
    on_sample: Callable[[float], None] = lambda ps: None,
) -> dict[str, Any]:
    """Run a candidate and compute its observables.

    Parameters
    ----------
    bench
        System and start.
    make_integrator
        See `schemes`.
    temperature, friction
        K, 1/ps.
    outer_fs, inner_fs
        Steps.
    length_ps, nve_ps
        Length of the run, and of that at constant energy; 0: none.
    seed
        Of the noise.
    reference
        Result of the reference run; None if this is it.
    on_sample
        Called now and then with the time done, ps.

    Returns
    -------
    dict
        Plain numbers, lists and dicts; means are [value, error]. ``exploded`` says why there is
        nothing else.
    """
    steps = {"outer_fs": outer_fs, "inner_fs": inner_fs, "length_ps": length_ps}
    try:
        integrator = make_integrator(bench.system, temperature, friction, outer_fs, inner_fs, seed)
        record = sample_run(
            bench.context(integrator),
            bench.probe(),
            bench.species,
            outer_fs=outer_fs,
            inner_fs=inner_fs,
            length_ps=length_ps,
            temperature=temperature,
            velocity_fs=1.0 if reference is None else 2.0,
            seed=seed,
            on_sample=on_sample,
        )
        drift = None
        if nve_ps > 0:
            conserving = mts_nve_integrator(bench.system, outer_fs * FS_TO_PS, inner_fs * FS_TO_PS)
            drift = measure_drift(bench.context(conserving), outer_fs, nve_ps).drift
            if not np.isfinite(drift.value):
                raise SimulationError("the run at constant energy exploded")
    except SimulationError as error:
        return {**steps, "exploded": str(error)}
    return {**steps, "exploded": None, **_observables(bench, record, reference, drift)}


def _observables(
    bench: Bench, record: Record, reference: Mapping[str, Any] | None, drift: Mean | None
) -> dict[str, Any]:
    removed = any(isinstance(f, openmm.CMMotionRemover) for f in bench.system.getForces())
    coordinates = observables.find_coordinates(bench.topology)
    rest = None if reference is None else {k: v[0] for k, v in reference["means"].items()}
    means, deviations = observables.bonded(record, coordinates, rest)
    masses = bench.species.masses
    temperatures = observables.temperatures(record, bench.species, removed)
    molecules = [
        np.array(sorted(atom.index for atom in atoms))
        for atoms in mdtraj.Topology.from_openmm(bench.topology).find_molecules()
    ]
    paths = dynamics.centres(record.positions, masses, molecules)
    spread = dynamics.diffusion(paths, record.sample_fs * FS_TO_PS)
    functions = observables.radial_distributions(record, bench.topology)
    return {
        "temperatures": _plain(temperatures),
        "means": _plain(means),
        "deviations": _plain(deviations),
        "atoms": len(masses),
        "energy_eV": _pair(mean_with_error(bench.energies(record))),
        "rdf": {
            f.pair: {"r": f.r.tolist(), "g": f.g.tolist(), "error": f.error.tolist()}
            for f in functions
        },
        "bands": _bands(record, masses, reference is None),
        "diffusion": None if spread is None else _pair(spread),
        "drift": None if drift is None else _pair(drift),
    }


def _bands(record: Record, masses: Array, is_reference: bool) -> dict[str, Any]:
    """Bands by the sampling of the velocities, fs."""
    intervals = INTERVALS_FS if is_reference else (record.velocity_fs,)
    found = {}
    for interval in intervals:
        every = round(interval / record.velocity_fs)
        if every < 1 or abs(every * record.velocity_fs - interval) > 1e-6:
            continue
        sampled = dynamics.bands(record.velocities[::every], masses, interval)
        found[f"{interval:g}"] = {
            name: {"share": _pair(band.share), "centre": _pair(band.centre)}
            for name, band in sampled.items()
        }
    return found


def _plain(means: Mapping[str, Mean]) -> dict[str, list[float]]:
    return {name: _pair(mean) for name, mean in means.items()}


def _pair(mean: Mean) -> list[float]:
    return list(asdict(mean).values())
