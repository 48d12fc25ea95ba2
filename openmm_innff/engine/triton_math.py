# mypy: ignore-errors
"""Triton functions of one pair of atoms: what the kernels of the nodal density are made of.

Import this module only where Triton is installed. Vectors are tuples (x, y, z), and whatever there
is for each (l, m) is a tuple of nine, of (CHUNK,) or (CHUNK, 4) numbers: one for each pair, or for
each node that acts on it. With l_max below 2 the last of the nine mean nothing; what is not used
is never computed.
"""

import triton
import triton.language as tl

SQRT3 = tl.constexpr(1.7320508075688772)
TINY = tl.constexpr(1e-12)  # square angstrom: keeps the direction of coincident atoms finite


@triton.jit
def difference(to, at, i, j, pair, live, DTYPE: tl.constexpr):
    """Return the three components of to[j] - to[i] + at[pair], rounded at the end."""
    x = tl.load(to + 3 * j) - tl.load(to + 3 * i) + tl.load(at + 3 * pair, live, 0.0)
    y = tl.load(to + 3 * j + 1) - tl.load(to + 3 * i + 1) + tl.load(at + 3 * pair + 1, live, 0.0)
    z = tl.load(to + 3 * j + 2) - tl.load(to + 3 * i + 2) + tl.load(at + 3 * pair + 2, live, 0.0)
    return x.to(DTYPE), y.to(DTYPE), z.to(DTYPE)


@triton.jit
def direction(d):
    """Return r^2, 1/r and the unit vector."""
    r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + TINY
    inverse = 1.0 / tl.sqrt(r2)
    return r2, inverse, (d[0] * inverse, d[1] * inverse, d[2] * inverse)


@triton.jit
def radial_terms(r2, live, CUTOFF2: tl.constexpr, WARP2: tl.constexpr, DENSITY: tl.constexpr):
    """Return grid coordinate and envelope, each with two derivatives by r^2."""
    inner = 1.0 / (WARP2 + r2)
    g = tl.log(1.0 + r2 / WARP2) * DENSITY
    g1 = DENSITY * inner
    p = tl.where(live, tl.maximum(1.0 - r2 / CUTOFF2, 0.0), 0.0)
    fc1 = p * p * (-3.0 / CUTOFF2)
    return (g, g1, -g1 * inner), (p * p * p, fc1, p * (6.0 / CUTOFF2 / CUTOFF2))


@triton.jit
def spline(x):
    """Return the cardinal cubic B-spline and two derivatives, at distance x from its node."""
    a = tl.abs(x)
    outer = tl.maximum(2.0 - a, 0.0)
    near = a < 1.0
    value = tl.where(near, (0.5 * a - 1.0) * a * a + 2.0 / 3.0, outer * outer * outer / 6.0)
    slope = tl.where(near, (1.5 * a - 2.0) * a, -0.5 * outer * outer)
    bend = tl.where(near, 3.0 * a - 2.0, outer)
    return value, tl.where(x < 0.0, -slope, slope), bend


@triton.jit
def weights(g, NODES: tl.constexpr):
    """Return the first of the four nodes that act and their weights with two derivatives."""
    cell = tl.minimum(tl.maximum(tl.floor(g), 0.0), NODES - 4.0)
    b, b1, b2 = spline((g - cell)[:, None] + (1 - tl.arange(0, 4))[None, :].to(g.dtype))
    return cell.to(tl.int64), b, b1, b2


@triton.jit
def harmonics(u):
    """Return Y_lm(u) for l up to 2; those that are not used cost nothing."""
    x, y, z = u[0], u[1], u[2]
    xy, yz, xz = SQRT3 * x * y, SQRT3 * y * z, SQRT3 * x * z
    return 1.0 + 0.0 * x, x, y, z, xy, yz, xz, 0.5 * SQRT3 * (x * x - y * y), 1.5 * z * z - 0.5


@triton.jit
def turning(u, v):
    """Return the derivatives of Y_lm(u) while u changes at the rate v."""
    xy, yz = SQRT3 * (u[0] * v[1] + u[1] * v[0]), SQRT3 * (u[1] * v[2] + u[2] * v[1])
    xz, difference = SQRT3 * (u[0] * v[2] + u[2] * v[0]), SQRT3 * (u[0] * v[0] - u[1] * v[1])
    return 0.0 * u[0], v[0], v[1], v[2], xy, yz, xz, difference, 3.0 * u[2] * v[2]


@triton.jit
def mix(s, a, t, b):
    """Return s a_lm + t b_lm."""
    low = s * a[0] + t * b[0], s * a[1] + t * b[1], s * a[2] + t * b[2], s * a[3] + t * b[3]
    m4, m5, m6 = s * a[4] + t * b[4], s * a[5] + t * b[5], s * a[6] + t * b[6]
    return low[0], low[1], low[2], low[3], m4, m5, m6, s * a[7] + t * b[7], s * a[8] + t * b[8]


@triton.jit
def dot(a, b):
    """Return the product of two vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@triton.jit
def axpy(s, a, b):
    """Return s a + b for vectors a, b."""
    return s * a[0] + b[0], s * a[1] + b[1], s * a[2] + b[2]


@triton.jit
def combine(m, u, L_MAX: tl.constexpr):
    """Return sum_lm m_lm Y_lm(u)."""
    y = harmonics(u)
    total = m[0]
    if L_MAX >= 1:
        total += m[1] * y[1] + m[2] * y[2] + m[3] * y[3]
    if L_MAX >= 2:
        total += m[4] * y[4] + m[5] * y[5] + m[6] * y[6] + m[7] * y[7] + m[8] * y[8]
    return total


@triton.jit
def bend(m, u, L_MAX: tl.constexpr):
    """Return the gradient of the l = 2 part of sum_lm m_lm Y_lm(u), which is linear in u."""
    x, y, z = tl.zeros_like(u[0]), tl.zeros_like(u[0]), tl.zeros_like(u[0])
    if L_MAX >= 2:
        x = SQRT3 * (m[4] * u[1] + m[6] * u[2] + m[7] * u[0])
        y = SQRT3 * (m[4] * u[0] + m[5] * u[2] - m[7] * u[1])
        z = SQRT3 * (m[5] * u[1] + m[6] * u[0]) + 3.0 * m[8] * u[2]
    return x, y, z


@triton.jit
def slope(m, u, L_MAX: tl.constexpr):
    """Return the gradient of sum_lm m_lm Y_lm(u), polynomials of the components of u."""
    x, y, z = bend(m, u, L_MAX)
    if L_MAX >= 1:
        x, y, z = x + m[1], y + m[2], z + m[3]
    return x, y, z


@triton.jit
def pull(s, r, v, d, u, inverse, g, fc):
    """Return the gradient by d of fc S(g, u), r and v being the derivatives of S by g and u."""
    across = fc[0] * inverse
    flat = 2.0 * (fc[1] * s + fc[0] * g[1] * r) - across * inverse * dot(u, v)
    return axpy(flat, d, (across * v[0], across * v[1], across * v[2]))


@triton.jit
def pull_rate(s, r, r1, v, v1, v_bend, d, w, u, turn, inverse, g, fc):
    """Return the derivative of `pull` along w.

    Here r1 and v1 are the derivatives of r and v by g, and v_bend is that of v while u changes at
    the rate ``turn``.
    """
    along = 2.0 * dot(d, w)
    g_dot = g[1] * along
    across = fc[0] * inverse
    across_dot = along * (fc[1] - 0.5 * across * inverse) * inverse
    v_dot = axpy(g_dot, v1, v_bend)
    radial, radial_dot = dot(u, v), dot(turn, v) + dot(u, v_dot)
    flat = 2.0 * (fc[1] * s + fc[0] * g[1] * r) - across * inverse * radial
    flat_dot = fc[2] * along * s + fc[1] * (r * g_dot + dot(v, turn))
    flat_dot += (fc[1] * g[1] + fc[0] * g[2]) * along * r
    flat_dot += fc[0] * g[1] * (r1 * g_dot + dot(v1, turn))
    flat_dot = 2.0 * flat_dot - across * inverse * radial_dot
    flat_dot -= (across_dot - 0.5 * across * along * inverse * inverse) * inverse * radial
    inner = axpy(flat, w, (across * v_dot[0], across * v_dot[1], across * v_dot[2]))
    return axpy(flat_dot, d, axpy(across_dot, v, inner))
