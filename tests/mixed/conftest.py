"""A dipeptide, alone or in water, in a force field, and potentials that know its elements."""

from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig

PEPTIDE = Path(__file__).parent / "alanine.pdb"
N_PEPTIDE = 22
DEFAULTS = {"constraints": app.HBonds, "flexibleConstraints": True}
EDGE = 2.0
"""Of the box of water, nm."""


@pytest.fixture(scope="session")
def potential() -> Potential:
    """Small, with random weights: its forces are moderate."""
    small = {"channels": 4, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
    config = PotentialConfig(
        elements=("H", "C", "N", "O"),
        fast=ComponentConfig(cutoff=2.5, **small),
        slow=ComponentConfig(cutoff=4.0, **small),
    )
    return Potential(config, seed=1)


@pytest.fixture(scope="session")
def model(potential: Potential) -> Model:
    lengths = {"C": 1.09, "N": 1.01, "O": 0.96}
    return Model(potential, ModelCard("random", hydrogen_bond_lengths=lengths))


@pytest.fixture(scope="session")
def alone() -> tuple[app.Topology, np.ndarray]:
    """The dipeptide; positions in nm."""
    pdb = app.PDBFile(str(PEPTIDE))
    return pdb.topology, pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer)


@pytest.fixture(scope="session")
def solvated(alone: tuple[app.Topology, np.ndarray]) -> tuple[app.Topology, np.ndarray]:
    """The dipeptide in a small box of water; positions in nm."""
    topology, positions = alone
    modeller = app.Modeller(topology, positions * unit.nanometer)
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    modeller.addSolvent(field, boxSize=openmm.Vec3(EDGE, EDGE, EDGE) * unit.nanometer)
    return modeller.topology, np.array(modeller.getPositions().value_in_unit(unit.nanometer))


def force_field(topology: app.Topology, further: bool = False, **options: object) -> openmm.System:
    """Amber's; with ``further``, also kinds of forces that other force fields have."""
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    system = field.createSystem(topology, **{**DEFAULTS, **options})
    if further:
        system.addForce(_custom_pairs(topology, system))
        system.addForce(_torsion_map())
    return system


def _custom_pairs(topology: app.Topology, system: openmm.System) -> openmm.Force:
    pairs = openmm.CustomNonbondedForce("a1*a2*exp(-20*r)")
    pairs.addPerParticleParameter("a")
    for i in range(system.getNumParticles()):
        pairs.addParticle([10.0 + i % 3])
    pairs.createExclusionsFromBonds([(b[0].index, b[1].index) for b in topology.bonds()], 2)
    nonbonded = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    known = {frozenset(pairs.getExclusionParticles(i)) for i in range(pairs.getNumExclusions())}
    for i in range(nonbonded.getNumExceptions()):  # a Context wants the same in both
        pair = nonbonded.getExceptionParameters(i)[:2]
        if frozenset(pair) not in known:
            pairs.addExclusion(*pair)
    pairs.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    pairs.setCutoffDistance(nonbonded.getCutoffDistance())
    pairs.setUseLongRangeCorrection(True)
    return pairs


def _torsion_map() -> openmm.Force:
    """The dipeptide's phi and psi."""
    force = openmm.CMAPTorsionForce()
    force.addMap(4, np.random.default_rng(1).normal(0, 5, 16).tolist())
    force.addTorsion(0, 4, 6, 8, 14, 6, 8, 14, 16)
    return force


def context_of(
    system: openmm.System, positions: np.ndarray, integrator: openmm.Integrator | None = None
) -> openmm.Context:
    context = openmm.Context(
        system,
        integrator or openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(positions)
    return context


def energy_of(context: openmm.Context, groups: object = -1) -> float:
    state = context.getState(energy=True, groups=groups)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)


def forces_of(context: openmm.Context, groups: object = -1) -> np.ndarray:
    return context.getState(forces=True, groups=groups).getForces(asNumpy=True)._value
