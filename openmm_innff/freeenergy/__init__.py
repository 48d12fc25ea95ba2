"""Free energies of a ligand by replica exchange: its binding, and what the model changes of it."""

from openmm_innff.freeenergy.command import free_energy
from openmm_innff.freeenergy.config import FreeEnergyConfig, load_config

__all__ = ["FreeEnergyConfig", "free_energy", "load_config"]
