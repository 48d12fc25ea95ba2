"""Context parameters as openmmtools knows them; its files name these classes."""

from openmmtools.states import GlobalParameterState

from openmm_innff.mixed.interpolation import LAMBDA

RESTRAINT = "lambda_restraints"


class Restraint(GlobalParameterState):
    """Strength of the restraint of a ligand's centre."""

    lambda_restraints = GlobalParameterState.GlobalParameter(RESTRAINT, standard_value=1.0)


class Interpolation(GlobalParameterState):
    """From the force field to the model."""

    lambda_interpolate = GlobalParameterState.GlobalParameter(LAMBDA, standard_value=1.0)


OWN = {RESTRAINT: Restraint, LAMBDA: Interpolation}
