"""What an energy is made of: its terms, its reach, and what the data have said about it."""

import numpy as np
import pytest

from openmm_innff.audit.bench import Bench, Labelled
from openmm_innff.audit.checks import find_checks
from openmm_innff.audit.result import Measurement, NotApplicable
from openmm_innff.audit.structure import Structure
from openmm_innff.audit.structures import liquid_water, molecule, water_dimer
from openmm_innff.audit.subjects import Options, Subject, open_subject
from openmm_innff.audit.subjects.innff import InnffSubject
from openmm_innff.model import Model
from openmm_innff.modelfile import ModelCard
from openmm_innff.potential import ComponentConfig, Potential, PotentialConfig

SUBJECT = open_subject("water-pbe0")
LIQUID = liquid_water(1)


def measure(name: str, *structures: Structure, subject: Subject = SUBJECT, **options: object):
    (check,) = find_checks([name])
    found: Measurement = check.measure(Bench(subject, structures, "quick", 1, name, **options))  # type: ignore[arg-type]
    return found


def labelled(*structures: Structure) -> tuple[Labelled, ...]:
    return tuple(Labelled(s, 0.0, np.zeros_like(s.positions)) for s in structures)


@pytest.mark.parametrize(("l_max", "messages"), [(0, 0), (1, 0), (2, 0), (2, 2)])
@pytest.mark.parametrize("distilled", [False, True])
def test_terms_add_up_to_energy_and_forces(l_max: int, messages: int, distilled: bool) -> None:
    small = {"channels": 4, "nodes": 8, "radials": 3, "projections": 8, "intervals": 6}
    config = PotentialConfig(
        ("H", "O"),
        ComponentConfig(cutoff=2.5, l_max=l_max, **small),
        ComponentConfig(cutoff=4.0, l_max=l_max, messages=messages, **small),
        distilled,
    )
    subject = InnffSubject(Model(Potential(config, seed=1), ModelCard("tiny")))
    structure = water_dimer().reordered(np.array([3, 0, 4, 1, 5, 2]))
    terms = subject.terms(structure)
    for part, names in {"fast": "fast", "" if distilled else "slow": ("whole", "slow")}.items():
        wanted = subject.bind(structure, Options(part))(structure.positions, None)
        chosen = [term for name, term in terms.items() if name.startswith(names)]
        assert sum(term.energies.sum() for term in chosen) == pytest.approx(wanted.energy)
        np.testing.assert_allclose(sum(t.forces for t in chosen), wanted.forces, atol=1e-10)
    orders = {name.partition("linear, ")[2][:1] for name in terms} - {""}
    assert orders == set(("1", "12", "1234")[l_max])


def test_no_term_takes_what_another_leaves() -> None:
    """What is left over counts as core repulsion, of which a liquid has none."""
    terms = SUBJECT.terms(LIQUID)
    cores = [term for name, term in terms.items() if name.endswith("core repulsion")]
    assert len(cores) == 2
    for core in cores:
        np.testing.assert_allclose(core.energies, 0.0, atol=1e-9)


def test_terms_are_shown_by_element() -> None:
    found = measure("terms", LIQUID)
    assert found.value < 100.0
    assert found.head[2:] == ("energy of H, spread, meV", "energy of O, spread, meV")
    assert any(row[0] == "whole, layer 2: products of two" for row in found.rows)
    with pytest.raises(NotApplicable, match="not known as a sum"):
        measure("terms", LIQUID, subject=open_subject("openmm:tip3p.xml"))


def test_coupling_ends_at_twice_the_cutoff_without_messages() -> None:
    found = measure("locality", LIQUID)
    (panel,) = found.panels
    curves = {curve.label: curve for curve in panel.curves}
    x, y = np.array(curves["fast"].x), np.array(curves["fast"].y)
    assert y[x < 3.0].min() > 1e-2
    assert y[x > 6.5].max() <= 1e-6  # atoms feel each other through a common neighbour
    assert float(found.rows[1][3]) == 0.0
    assert found.value < 0.05


def test_springs_couple_their_ends_alone() -> None:
    found = measure("locality", molecule("H2O"), subject=open_subject("openmm:tip3p.xml"))
    assert found.rows[0][1:] == ("0", "0", "0")
    with pytest.raises(NotApplicable, match="more than one atom"):
        measure("locality", LIQUID.subset([0], "one"))


def test_nodes_that_the_data_never_touched_are_found() -> None:
    same = measure("coverage", LIQUID, frames=labelled(LIQUID))
    assert same.value == 0.0
    assert same.rows[0][0] == "Radial functions, fast"
    squeezed = molecule("H2O")
    squeezed = squeezed.moved(0.6 * squeezed.positions)
    found = measure("coverage", squeezed, frames=labelled(LIQUID))
    assert found.value > 0.1
    assert any(c.label == "structures only" for panel in found.panels for c in panel.curves)


def test_each_evaluation_takes_part_in_four_nodes() -> None:
    uses = {use.title: use for use in SUBJECT.node_use([LIQUID, LIQUID])}
    hydrogens = uses["H, whole, layer 1"]
    np.testing.assert_array_equal(hydrogens.counts.sum(1), 4 * 2 * 128)
    radial = uses["Radial functions, fast"]
    bonded = radial.counts[radial.functions.index("H seen by O"), radial.nodes < 1.3]
    assert bonded.max() >= 2 * 2 * 64  # two bonds of each of 64 oxygen atoms, twice
    np.testing.assert_allclose(radial.nodes[-2], 3.0)  # the last but one is at the cutoff


def test_reasons_say_what_is_missing() -> None:
    with pytest.raises(NotApplicable, match="--data"):
        measure("coverage", LIQUID)
    with pytest.raises(NotApplicable, match="not made of interpolants"):
        measure("coverage", LIQUID, subject=open_subject("ase:emt"), frames=labelled(LIQUID))
