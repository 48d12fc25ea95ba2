"""Runs: from a recipe to trajectory, table, checkpoint and report."""
