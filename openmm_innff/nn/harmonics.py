"""Real spherical harmonics up to l = 3 in Racah normalisation: sum_m Y_lm(u)^2 = 1 for every l."""

import math

import torch
from torch import Tensor


def spherical_harmonics(x: Tensor, y: Tensor, z: Tensor, l_max: int) -> Tensor:
    """Return Y_lm of unit vectors, ordered l = 0; x, y, z; the five of l = 2; the seven of l = 3.

    Parameters
    ----------
    x, y, z : Tensor, shape (...)
        Components of unit vectors.
    l_max : int
        Highest degree, 0 to 3.

    Returns
    -------
    Tensor, shape ((l_max + 1)^2, ...)
    """
    terms = [torch.ones_like(x)]
    if l_max >= 1:
        terms += [x, y, z]
    if l_max >= 2:
        root3 = math.sqrt(3.0)
        terms += [root3 * x * y, root3 * y * z, root3 * x * z]
        terms += [(0.5 * root3) * (x * x - y * y), 1.5 * z * z - 0.5]
    if l_max >= 3:
        outer, middle, inner = math.sqrt(0.625), math.sqrt(15.0), math.sqrt(0.375)
        axial = 5.0 * z * z - 1.0
        terms += [outer * y * (3.0 * x * x - y * y), middle * x * y * z, inner * y * axial]
        terms += [0.5 * z * (5.0 * z * z - 3.0), inner * x * axial]
        terms += [(0.5 * middle) * z * (x * x - y * y), outer * x * (x * x - 3.0 * y * y)]
    return torch.stack(terms)
