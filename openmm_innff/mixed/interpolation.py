r"""From the force field to the potential and back, by a parameter of the Context.

.. math:: U = \lambda U_{ML} + (1 - \lambda) U_{MM}

of the energy within the machine-learned atoms, one such force for each force group. The
parameter is called as in OpenMM-ML, with 1 as its default.
"""

from collections.abc import Callable, Sequence

import openmm

LAMBDA = "lambda_interpolate"
"""Context parameter: 0 for the force field alone, 1 for the potential."""

_ML, _MM = "ml", "mm"
"""First letters of the variables' names, here and in OpenMM-ML."""


def interpolation(
    learned: Sequence[openmm.Force], classical: Sequence[openmm.Force], group: int
) -> openmm.CustomCVForce:
    """Make the force that interpolates between two sets of forces.

    Parameters
    ----------
    learned, classical
        Forces with the weights lambda and 1 - lambda. They must not belong to a System.
    group
        Of the new force.
    """
    force = openmm.CustomCVForce("")
    force.addGlobalParameter(LAMBDA, 1.0)
    sums = {}
    for prefix, forces in ((_ML, learned), (_MM, classical)):
        names = [f"{prefix}{i}" for i in range(len(forces))]
        for name, member in zip(names, forces, strict=True):
            force.addCollectiveVariable(name, member)
        sums[prefix] = "+".join(names) or "0"
    force.setEnergyFunction(f"{LAMBDA}*({sums[_ML]})+(1-{LAMBDA})*({sums[_MM]})")
    force.setName("INN-FF interpolation")
    force.setForceGroup(group)
    return force


def is_interpolation(force: openmm.Force) -> bool:
    """Whether a force interpolates between a potential and a force field."""
    return isinstance(force, openmm.CustomCVForce) and LAMBDA in {
        force.getGlobalParameterName(i) for i in range(force.getNumGlobalParameters())
    }


def separated(
    force: openmm.CustomCVForce,
    is_quick: Callable[[openmm.Force], bool],
    groups: Sequence[int],
) -> list[openmm.CustomCVForce] | None:
    """Split an interpolation into one for each group.

    Parameters
    ----------
    force
        Made here, or by OpenMM-ML.
    is_quick
        Whether a force of the force field belongs into the first group.
    groups
        The fast and the slow group; forces of the potential are in one of them already.

    Returns
    -------
    list of CustomCVForce or None
        None if the force is as it should be.
    """
    members: dict[int, dict[str, list[int]]] = {g: {_ML: [], _MM: []} for g in groups}
    for i in range(force.getNumCollectiveVariables()):
        member = force.getCollectiveVariable(i)
        if force.getCollectiveVariableName(i).startswith(_ML):
            place = groups[1] if member.getForceGroup() == groups[1] else groups[0]
            members[place][_ML].append(i)
        else:
            members[groups[0 if is_quick(member) else 1]][_MM].append(i)
    used = [group for group in groups if any(members[group].values())]
    if used == [force.getForceGroup()]:
        return None

    def copies(chosen: list[int]) -> list[openmm.Force]:
        return [openmm.XmlSerializer.clone(force.getCollectiveVariable(i)) for i in chosen]

    return [
        interpolation(copies(members[group][_ML]), copies(members[group][_MM]), group)
        for group in used
    ]
