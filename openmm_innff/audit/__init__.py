"""Audits that find out whether a model is stable and how far its time steps can go."""
