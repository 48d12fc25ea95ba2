"""The parts of `accuracy.py`."""
