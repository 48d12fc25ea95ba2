"""Runs: from a recipe to trajectory, table, checkpoints and report."""

from openmm_innff.simulation.job import run

__all__ = ["run"]
