"""Potentials of any kind as the tests of an audit see them."""

from openmm_innff.audit.subjects.base import (
    Deviations,
    Evaluate,
    Evaluation,
    EvaluationError,
    Learned,
    LearnedFunction,
    NodeUse,
    Options,
    Subject,
    Term,
)
from openmm_innff.audit.subjects.names import KINDS, open_subject

__all__ = [
    "KINDS",
    "Deviations",
    "Evaluate",
    "Evaluation",
    "EvaluationError",
    "Learned",
    "LearnedFunction",
    "NodeUse",
    "Options",
    "Subject",
    "Term",
    "open_subject",
]
