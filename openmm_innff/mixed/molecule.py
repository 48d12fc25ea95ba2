"""Whether it is the molecule that the model was trained on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import networkx
from ase import Atoms

from openmm_innff.connectivity import bonds_of
from openmm_innff.errors import SystemSetupError


def check_molecule(
    numbers: Sequence[int], bonds: Iterable[tuple[int, int]], molecule: Mapping[str, Any] | None
) -> None:
    """Refuse another molecule than the one that a model was trained on.

    Parameters
    ----------
    numbers
        Atomic numbers, in any order.
    bonds
        Between places in ``numbers``. If there is none, isomers can't be told.
    molecule
        As in `ModelCard`; empty or None: any will do.

    Raises
    ------
    SystemSetupError
        If the formula is another, or the same atoms are bonded in another way.
    """
    if not molecule:
        return
    atoms = Atoms(molecule["numbers"], molecule["positions"])
    wanted, found = (x.get_chemical_formula() for x in (atoms, Atoms(numbers)))
    if found != wanted:
        raise SystemSetupError(
            f"atoms: wanted {wanted}, the molecule that the model was trained on, found {found}; "
            "is it the model of another ligand?"
        )
    own = _graph(molecule["numbers"], bonds_of(atoms))
    given = _graph(numbers, bonds)
    if given.edges and not networkx.vf2pp_is_isomorphic(own, given, node_label="element"):
        raise SystemSetupError(
            f"atoms: wanted {wanted} with the bonds of the molecule that the model was trained on, "
            "found an isomer or tautomer of it"
        )


def _graph(numbers: Iterable[int], bonds: Iterable[tuple[int, int]]) -> Any:
    graph = networkx.Graph()
    graph.add_nodes_from((i, {"element": number}) for i, number in enumerate(numbers))
    graph.add_edges_from(bonds)
    return graph
