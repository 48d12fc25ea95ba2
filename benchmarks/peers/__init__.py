"""Other potentials, timed on the same frames: one file per package, and what they share."""
