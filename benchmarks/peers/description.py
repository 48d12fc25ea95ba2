"""What an adapter says of its models and gives back; shared by the script and its workers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Call = Callable[[Array], tuple[float, Array]]
"""From positions in angstrom, shape (n, 3), to energy and forces, in units of the package."""


@dataclass(frozen=True)
class Model:
    """One row of the table.

    Attributes
    ----------
    title : str
        Name in the table.
    sizes : str
        Hyper-parameters.
    source : str
        Where these were published.
    neighbours : str
        What a call pays for neighbour lists.
    options : dict
        What the adapter needs to build it.
    """

    title: str
    sizes: str
    source: str
    neighbours: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Built:
    """A model of one frame.

    Attributes
    ----------
    call : callable
        Energy and forces of positions.
    parameters : int
        Learned numbers; 0 for classical force fields.
    per_call : int
        Evaluations in one call.
    note : str
        What differs from `Model.sizes` for this frame.
    """

    call: Call
    parameters: int
    per_call: int = 1
    note: str = ""
