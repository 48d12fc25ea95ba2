"""Interpolation bases, INN layers, tensors and CP contractions: mathematics, no chemistry."""
