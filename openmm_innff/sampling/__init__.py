"""Structures to be labelled: conformers, dynamics, normal modes, scans, and a choice of them."""
