"""Which atoms can be learned within a System, and what is refused."""

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_innff.errors import SystemSetupError, UnsupportedElementError
from openmm_innff.mixed import create_mixed_system, residue_atoms
from openmm_innff.mixed.masses import is_water
from openmm_innff.mixed.subset import select
from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import Potential
from tests.mixed.conftest import N_PEPTIDE, force_field

Box = tuple[app.Topology, np.ndarray]


def bare(topology: app.Topology) -> openmm.System:
    system = openmm.System()
    for atom in topology.atoms():
        system.addParticle(atom.element.mass if atom.element else 0)
    return system


def test_atoms_of_a_residue(solvated: Box) -> None:
    topology, _ = solvated
    assert residue_atoms(topology, "ACE") == [0, 1, 2, 3, 4, 5]
    first = next(r for r in topology.residues() if r.name == "HOH")
    assert residue_atoms(topology, f"HOH:{first.id}") == [22, 23, 24]
    with pytest.raises(SystemSetupError, match="one of ACE, ALA, HOH, NME, found 'LIG'"):
        residue_atoms(topology, "LIG")
    with pytest.raises(SystemSetupError, match=r"found \d+ called 'HOH' \(HOH:.*, \.\.\.\); give"):
        residue_atoms(topology, "HOH")


def test_a_covalent_link_is_refused(solvated: Box, potential: Potential) -> None:
    topology, _ = solvated
    classical = force_field(topology)
    message = r"atom 4 \(C of residue ACE 1\) is bonded to atom 6 \(N of residue ALA 2\), which is"
    with pytest.raises(SystemSetupError, match=message):
        create_mixed_system(potential, topology, classical, "ACE")
    # Known to the force field alone: a topology may lack bonds.
    unbonded = app.Topology()
    chain = unbonded.addChain()
    for residue in topology.residues():
        copy = unbonded.addResidue(residue.name, chain, residue.id)
        for atom in residue.atoms():
            unbonded.addAtom(atom.name, atom.element, copy)
    with pytest.raises(SystemSetupError, match="covalent link between machine-learned and other"):
        create_mixed_system(potential, unbonded, classical, range(6))
    assert len(select(unbonded, classical, range(N_PEPTIDE)).bonds) == N_PEPTIDE - 1


def test_order_must_be_the_same(solvated: Box) -> None:
    topology, _ = solvated
    system = force_field(topology)
    masses = [system.getParticleMass(i) for i in (0, 1)]
    for i, mass in zip((0, 1), reversed(masses), strict=True):
        system.setParticleMass(i, mass)
    message = r"atom 0 \(H1 of residue ACE 1\) has a mass of 12.*; wanted the same atoms in "
    with pytest.raises(SystemSetupError, match=message):
        select(topology, system, range(N_PEPTIDE))
    other = app.Topology()
    residue = other.addResidue("LIG", other.addChain())
    atoms = [other.addAtom(f"C{i}", app.element.carbon, residue) for i in range(3)]
    other.addBond(atoms[0], atoms[1])
    other.addBond(atoms[1], atoms[2])
    system, bonds = bare(other), openmm.HarmonicBondForce()
    for pair in ((0, 1), (0, 2)):
        bonds.addBond(*pair, 0.15, 1000.0)
    system.addForce(bonds)
    with pytest.raises(SystemSetupError, match=r"atom 1 .* and atom 2 .* are bonded in the topol"):
        select(other, system, range(3))


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        ([], "at least one index, found none"),
        ([0, 1, 1], "each index once, found 1 twice"),
        ([0, 100000], "indices from 0 to"),
        ([-1], "indices from 0 to"),
        ("LIG", "found 'LIG', which is not in the topology"),
    ],
)
def test_impossible_atoms(atoms: object, message: str, solvated: Box) -> None:
    topology, _ = solvated
    with pytest.raises(SystemSetupError, match=message):
        select(topology, bare(topology), atoms)


def test_topology_of_another_system(solvated: Box, alone: Box, potential: Potential) -> None:
    with pytest.raises(SystemSetupError, match="found 22 atoms in the topology and"):
        create_mixed_system(potential, alone[0], bare(solvated[0]), range(22))


def test_elements(potential: Potential) -> None:
    topology = app.Topology()
    residue = topology.addResidue("LIG", topology.addChain())
    topology.addAtom("C1", app.element.carbon, residue)
    topology.addAtom("CL", app.element.chlorine, residue)
    topology.addAtom("LP", None, residue)
    system = bare(topology)
    with pytest.raises(UnsupportedElementError, match=r"atom 1 \(CL of residue LIG 1\) is Cl"):
        create_mixed_system(potential, topology, system, [0, 1])
    with pytest.raises(SystemSetupError, match=r"found atom 2 \(LP of residue LIG 1\), which has"):
        create_mixed_system(potential, topology, system, [0, 2])


def test_the_model_of_another_molecule(alone: Box, potential: Potential) -> None:
    """Alanine dipeptide is C6H12N2O2."""
    topology, positions = alone
    everything = list(topology.atoms())
    numbers = [atom.element.atomic_number for atom in everything]
    at = (10.0 * positions).tolist()
    card = ModelCard("other", molecule={"numbers": [*numbers, 1], "positions": [*at, [0, 0, 0]]})
    classical = force_field(topology)
    with pytest.raises(SystemSetupError, match=r"wanted C6H13N2O2, .* found C6H12N2O2"):
        Model(potential, card).create_mixed_system(topology, classical, range(N_PEPTIDE))
    order = np.random.default_rng(1).permutation(N_PEPTIDE)
    own = {"numbers": [numbers[i] for i in order], "positions": [at[i] for i in order]}
    card = ModelCard("mine", molecule=own)
    Model(potential, card).create_mixed_system(topology, classical, range(N_PEPTIDE))
    swapped = [at[i] for i in order]  # a hydrogen and an oxygen
    oxygen, hydrogen = own["numbers"].index(8), own["numbers"].index(1)
    swapped[oxygen], swapped[hydrogen] = swapped[hydrogen], swapped[oxygen]
    card = ModelCard("isomer", molecule={**own, "positions": swapped})
    with pytest.raises(SystemSetupError, match="an isomer or tautomer of it"):
        Model(potential, card).create_mixed_system(topology, classical, range(N_PEPTIDE))


def test_a_box_must_hold_the_cutoff(solvated: Box, potential: Potential) -> None:
    topology, _ = solvated
    classical = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.3)
    classical.setDefaultPeriodicBoxVectors(*np.eye(3) * 0.7)
    with pytest.raises(SystemSetupError, match="twice the cutoff wide, 8 angstrom, found 7"):
        create_mixed_system(potential, topology, classical, range(N_PEPTIDE))
    create_mixed_system(potential, topology, classical, range(N_PEPTIDE), periodic=False)


def test_heavy_hydrogens_leave_waters_alone(solvated: Box, potential: Potential) -> None:
    topology, _ = solvated
    classical = force_field(topology)
    mixed = create_mixed_system(
        potential, topology, classical, range(N_PEPTIDE), hydrogen_mass=3 * unit.amu
    )
    total = [0.0, 0.0]
    for atom in topology.atoms():
        before, after = (s.getParticleMass(atom.index)._value for s in (classical, mixed))
        total = [total[0] + before, total[1] + after]
        if is_water(atom.residue):
            assert after == before
        elif atom.element is app.element.hydrogen:
            assert after == 3.0
        else:
            assert after <= before
    assert total[0] == pytest.approx(total[1], abs=1e-9)
    with pytest.raises(SystemSetupError, match=r"with 9 amu atom \d+ \(.*of residue ACE 1\) has -"):
        create_mixed_system(potential, topology, classical, range(N_PEPTIDE), hydrogen_mass=9)


def test_what_interpolation_can_not_follow(solvated: Box, potential: Potential) -> None:
    topology, _ = solvated
    peptide = range(N_PEPTIDE)

    def refused(system: openmm.System, message: str) -> None:
        with pytest.raises(SystemSetupError, match=message):
            create_mixed_system(potential, topology, system, peptide, interpolate=True)
        create_mixed_system(potential, topology, system, peptide)

    rigid = force_field(topology, flexibleConstraints=False)
    refused(rigid, r"are constrained and have no bonded term .* flexibleConstraints=True")
    kept = create_mixed_system(
        potential, topology, rigid, peptide, interpolate=True, remove_constraints=False
    )
    assert kept.getNumConstraints() == rigid.getNumConstraints()
    refused(force_field(topology, nonbondedMethod=app.LJPME, nonbondedCutoff=0.9), "without LJPME")
    charged = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9)
    nonbonded = next(f for f in charged.getForces() if isinstance(f, openmm.NonbondedForce))
    nonbonded.addGlobalParameter("charging", 1.0)
    nonbonded.addParticleParameterOffset("charging", 3, 0.1, 0.0, 0.0)
    refused(charged, "atom 3 has a parameter 'charging'")
    custom = force_field(topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9, further=True)
    pairs = next(f for f in custom.getForces() if isinstance(f, openmm.CustomNonbondedForce))
    pairs.addInteractionGroup(peptide, range(N_PEPTIDE, topology.getNumAtoms()))
    refused(custom, "has interaction groups of its own")
