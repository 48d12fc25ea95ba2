r"""A slow part that does not feel how long the bonds of hydrogen are at the moment.

Kicks by a slow force that depends on the fastest vibration resonate with it: the outer step can't
come near half its period. The mollified impulse method (García-Archilla, Sanz-Serna and Skeel,
doi:10.1137/S1064827594278797; with equilibrium lengths: Izaguirre, Reich and Skeel,
doi:10.1063/1.478995) evaluates the slow potential where that vibration is averaged out, and takes
the exact gradient:

.. math:: U(x) = U_{fast}(x) + U_{slow}(A(x)), \quad F_{slow} = A'(x)^T F_{slow}(A(x))

Here A moves each hydrogen along its bond to a fixed length. The slow force has no component along
these bonds then, so that nothing can resonate with their stretching. Averages change a little,
since bonds no longer answer to slow forces; the fast part, which sees neighbours and bonds as they
are, keeps what matters.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from openmm.app import Topology, element
from torch import Tensor, nn

from openmm_innff.engine.hydrogens import Hydrogens
from openmm_innff.errors import SystemSetupError

FloatArray = NDArray[np.float64]


class MollifiedEvaluator(nn.Module):
    """An evaluator whose potential is taken at fixed lengths of the bonds of hydrogen.

    Parameters
    ----------
    evaluator : nn.Module
        As `potential.evaluator.Evaluator`.
    hydrogens, partners : Tensor, shape (B,), int64
        The two atoms of each bond, with different hydrogens.
    lengths : Tensor, shape (B,), float64
        In angstrom.
    periodic : bool
        Whether a bond may cross a face of the box.
    """

    hydrogens: Tensor
    partners: Tensor
    lengths: Tensor

    def __init__(
        self,
        evaluator: nn.Module,
        hydrogens: Tensor,
        partners: Tensor,
        lengths: Tensor,
        periodic: bool,
    ) -> None:
        super().__init__()
        self.evaluator = evaluator
        self.periodic = periodic
        self.register_buffer("hydrogens", hydrogens)
        self.register_buffer("partners", partners)
        self.register_buffer("lengths", lengths.unsqueeze(1))

    def forward(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energy in eV and the forces (N, 3) in eV/angstrom; errors are raised."""
        energy, forces, fault = self.evaluate(positions, box)
        if len(fault) > 0:
            raise RuntimeError(fault)
        return energy, forces

    @torch.jit.export
    def evaluate(self, positions: Tensor, box: Tensor) -> tuple[Tensor, Tensor, str]:
        """Return energy, forces and, instead of raising an error, its message.

        Parameters
        ----------
        positions : Tensor, shape (N, 3)
            In angstrom.
        box : Tensor, shape (3, 3)
            Box vectors as rows, in angstrom.
        """
        positions = positions.detach().to(torch.float64)
        box = box.detach().to(torch.float64)
        hydrogens, partners = self.hydrogens, self.partners
        bond = positions.index_select(0, partners) - positions.index_select(0, hydrogens)
        if self.periodic:
            inverse, _ = torch.linalg.inv_ex(box)
            bond = bond - torch.round(bond @ inverse) @ box
        length = torch.linalg.vector_norm(bond, dim=1, keepdim=True)
        direction, ratio = bond / length, self.lengths / length
        moved = positions.index_add(0, hydrogens, (1.0 - ratio) * bond)
        energy, forces, fault = self.evaluator.evaluate(moved, box)  # type: ignore[operator]
        own = forces.index_select(0, hydrogens)
        along = (own * direction).sum(1, keepdim=True) * direction
        passed = own - ratio * (own - along)
        forces = forces.index_add(0, partners, passed).index_add(0, hydrogens, -passed)
        return energy, forces, fault


class DirectMollified:
    """The same for compiled components, without torch, whose calls cost more than the work.

    Parameters
    ----------
    mollified : MollifiedEvaluator
    """

    def __init__(self, mollified: MollifiedEvaluator) -> None:
        self.components: list[Any] = list(mollified.evaluator.components)  # type: ignore[arg-type]
        self.hydrogens = Hydrogens(
            mollified.hydrogens, mollified.partners, mollified.lengths, mollified.periodic
        )

    def __call__(self, positions: FloatArray, box: FloatArray) -> tuple[float, FloatArray]:
        """Return the energy in eV and the forces (N, 3) in eV/angstrom."""
        moved, bonds = self.hydrogens.move(positions, box)
        energy, forces = evaluate_directly(self.components, moved, box)
        self.hydrogens.pass_on(bonds, forces)
        return energy, forces


def evaluate_directly(
    components: Sequence[Any], positions: FloatArray, box: FloatArray
) -> tuple[float, FloatArray]:
    """Return the sum of compiled components, of which the first has a positive sign.

    Parameters
    ----------
    components : sequence of ComponentEvaluator or BondedEvaluator
    positions : array, shape (N, 3)
        In angstrom.
    box : array, shape (3, 3)
        In angstrom.
    """
    energy, forces = components[0].compiled_object()(positions, box)
    for component in components[1:]:
        more, added = component.compiled_object()(positions, box)
        energy += component.sign * more
        forces += component.sign * added
    return energy, forces


def mollify(
    evaluator: nn.Module, topology: Topology, lengths: Mapping[str, float], periodic: bool
) -> MollifiedEvaluator:
    """Wrap an evaluator of all atoms of a topology.

    Parameters
    ----------
    evaluator : nn.Module
    topology : openmm.app.Topology
        Its bonds say to which atom each hydrogen belongs.
    lengths : mapping
        Length of the bond of hydrogen to an element in angstrom, by symbol.
    periodic : bool

    Raises
    ------
    SystemSetupError
        If a hydrogen has not exactly one bond, or one to an element without a length.
    """
    partners: dict[int, int] = {}
    found: list[float] = []
    for pair in topology.bonds():
        for hydrogen, partner in (pair, pair[::-1]):
            if hydrogen.element is not element.hydrogen:
                continue
            symbol = partner.element.symbol
            if hydrogen.index in partners or symbol not in lengths:
                raise SystemSetupError(
                    f"mollified: wanted each hydrogen bonded to one atom of "
                    f"{', '.join(lengths) or 'no element'}; found atom {hydrogen.index} bonded to "
                    f"{symbol}" + (" as well" if hydrogen.index in partners else "")
                )
            partners[hydrogen.index] = partner.index
            found.append(lengths[symbol])
    for atom in topology.atoms():
        if atom.element is element.hydrogen and atom.index not in partners:
            raise SystemSetupError(
                f"mollified: wanted a bond for each hydrogen in the topology, found none for atom "
                f"{atom.index}; use topology.createStandardBonds() or topology.addBond()"
            )
    return MollifiedEvaluator(
        evaluator,
        torch.tensor(list(partners), dtype=torch.int64),
        torch.tensor(list(partners.values()), dtype=torch.int64),
        torch.tensor(found, dtype=torch.float64),
        periodic,
    )
