# mypy: ignore-errors
"""Triton kernels from A to energies and back; import this module only where Triton is installed.

Matrix products are left to torch; each kernel here does everything between two of them for a few
atoms. Tensors of two dimensions have an atom in each row.
"""

import triton
import triton.language as tl

from openmm_innff.engine.triton_math import difference, direction, spline

ROOT = tl.constexpr(0.7071067811865476)
AXIAL = tl.constexpr(0.4082482904638630)  # sqrt(1 / 6)


@triton.jit
def _quadrupole(a):
    """Return xx, yy, zz, xy, yz, xz of the matrices of the l = 2 components."""
    axial, difference_ = AXIAL * a[8], ROOT * a[7]
    return (
        difference_ - axial,
        -difference_ - axial,
        2.0 * axial,
        ROOT * a[4],
        ROOT * a[5],
        ROOT * a[6],
    )


@triton.jit
def _times(m, v):
    """Return the product of a symmetric matrix and a vector."""
    x = m[0] * v[0] + m[3] * v[1] + m[5] * v[2]
    y = m[3] * v[0] + m[1] * v[1] + m[4] * v[2]
    z = m[5] * v[0] + m[4] * v[1] + m[2] * v[2]
    return x, y, z


@triton.jit
def _cofactors(m):
    """Return the cofactors of a symmetric matrix: the gradient of its determinant."""
    xx, yy, zz = m[1] * m[2] - m[4] * m[4], m[0] * m[2] - m[5] * m[5], m[0] * m[1] - m[3] * m[3]
    return (
        xx,
        yy,
        zz,
        m[4] * m[5] - m[3] * m[2],
        m[3] * m[5] - m[0] * m[4],
        m[3] * m[4] - m[1] * m[5],
    )


@triton.jit
def _invariants(a, L_MAX: tl.constexpr):
    """Return s, v.v, T:T, v.T.v, |T v|^2 and det T, as far as l_max goes."""
    s = a[0]
    vv, tt, vtv, tvtv, det = s, s, s, s, s
    if L_MAX >= 1:
        vv = a[1] * a[1] + a[2] * a[2] + a[3] * a[3]
    if L_MAX >= 2:
        tt = a[4] * a[4] + a[5] * a[5] + a[6] * a[6] + a[7] * a[7] + a[8] * a[8]
        m = _quadrupole(a)
        v = a[1], a[2], a[3]
        tv = _times(m, v)
        vtv = v[0] * tv[0] + v[1] * tv[1] + v[2] * tv[2]
        tvtv = tv[0] * tv[0] + tv[1] * tv[1] + tv[2] * tv[2]
        c = _cofactors(m)
        det = m[0] * c[0] + m[3] * c[3] + m[5] * c[5]
    return s, vv, tt, vtv, tvtv, det


@triton.jit
def _pull_back(a, x, L_MAX: tl.constexpr):
    """Return the gradient by a of sum_q x_q invariant_q(a)."""
    b1, b2, b3, b4, b5, b6, b7, b8 = x[0], x[0], x[0], x[0], x[0], x[0], x[0], x[0]
    if L_MAX >= 1:
        b1, b2, b3 = 2.0 * x[1] * a[1], 2.0 * x[1] * a[2], 2.0 * x[1] * a[3]
    if L_MAX >= 2:
        m = _quadrupole(a)
        v = a[1], a[2], a[3]
        tv = _times(m, v)
        ttv = _times(m, tv)
        b1 += 2.0 * (x[3] * tv[0] + x[4] * ttv[0])
        b2 += 2.0 * (x[3] * tv[1] + x[4] * ttv[1])
        b3 += 2.0 * (x[3] * tv[2] + x[4] * ttv[2])
        # The gradient by the matrix is symmetric: x3 v v + x4 (Tv v + v Tv) + x5 cofactors.
        w0, w1, w2 = (
            x[3] * v[0] + x[4] * tv[0],
            x[3] * v[1] + x[4] * tv[1],
            x[3] * v[2] + x[4] * tv[2],
        )
        c = _cofactors(m)
        xx = w0 * v[0] + x[4] * v[0] * tv[0] + x[5] * c[0]
        yy = w1 * v[1] + x[4] * v[1] * tv[1] + x[5] * c[1]
        zz = w2 * v[2] + x[4] * v[2] * tv[2] + x[5] * c[2]
        b4 = 2.0 * (x[2] * a[4] + ROOT * (w0 * v[1] + x[4] * v[0] * tv[1] + x[5] * c[3]))
        b5 = 2.0 * (x[2] * a[5] + ROOT * (w1 * v[2] + x[4] * v[1] * tv[2] + x[5] * c[4]))
        b6 = 2.0 * (x[2] * a[6] + ROOT * (w0 * v[2] + x[4] * v[0] * tv[2] + x[5] * c[5]))
        b7 = 2.0 * x[2] * a[7] + ROOT * (xx - yy)
        b8 = 2.0 * x[2] * a[8] + AXIAL * (2.0 * zz - xx - yy)
    return x[0], b1, b2, b3, b4, b5, b6, b7, b8


@triton.jit
def _load(a, plane, mask, L_MAX: tl.constexpr):
    """Return A_lm."""
    a0 = tl.load(a, mask, 0.0)
    a1, a2, a3, a4, a5, a6, a7, a8 = a0, a0, a0, a0, a0, a0, a0, a0
    if L_MAX >= 1:
        a1, a2 = tl.load(a + plane, mask, 0.0), tl.load(a + 2 * plane, mask, 0.0)
        a3 = tl.load(a + 3 * plane, mask, 0.0)
    if L_MAX >= 2:
        a4, a5 = tl.load(a + 4 * plane, mask, 0.0), tl.load(a + 5 * plane, mask, 0.0)
        a6, a7 = tl.load(a + 6 * plane, mask, 0.0), tl.load(a + 7 * plane, mask, 0.0)
        a8 = tl.load(a + 8 * plane, mask, 0.0)
    return a0, a1, a2, a3, a4, a5, a6, a7, a8


@triton.jit
def _centre(value, x, mean, linear, mask):
    """Store an invariant less its mean; return its share of the linear energy."""
    value -= tl.load(mean, mask, 0.0)
    tl.store(x, value, mask)
    return value * tl.load(linear, mask, 0.0)


@triton.jit
def invariants_kernel(
    a, species, mean, linear, x, energies, n,
    CHANNELS: tl.constexpr, KINDS: tl.constexpr, L_MAX: tl.constexpr,
    ATOMS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Store the invariants of some atoms, less their means, and the linear part of the energy."""
    atom = tl.program_id(0).to(tl.int64) * ATOMS + tl.arange(0, ATOMS)
    k = tl.arange(0, COLUMNS)[None, :]
    mask = (atom < n)[:, None] & (k < CHANNELS)
    a += atom[:, None] * CHANNELS + k
    v = _invariants(_load(a, tl.cast(n, tl.int64) * CHANNELS, mask, L_MAX), L_MAX)
    x += atom[:, None] * (KINDS * CHANNELS) + k
    row = tl.load(species + atom, atom < n, 0)[:, None] * (KINDS * CHANNELS) + k
    mean += row
    linear += row
    c: tl.constexpr = CHANNELS
    e = _centre(v[0], x, mean, linear, mask)
    if L_MAX >= 1:
        e += _centre(v[1], x + c, mean + c, linear + c, mask)
    if L_MAX >= 2:
        e += _centre(v[2], x + 2 * c, mean + 2 * c, linear + 2 * c, mask)
        e += _centre(v[3], x + 3 * c, mean + 3 * c, linear + 3 * c, mask)
        e += _centre(v[4], x + 4 * c, mean + 4 * c, linear + 4 * c, mask)
        e += _centre(v[5], x + 5 * c, mean + 5 * c, linear + 5 * c, mask)
    tl.store(energies + atom, tl.sum(e.to(tl.float64), 1), atom < n)


@triton.jit
def pull_back_kernel(
    a, by_x, by_a, n,
    CHANNELS: tl.constexpr, KINDS: tl.constexpr, L_MAX: tl.constexpr,
    ATOMS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Store the gradient by A of some atoms, given that by their invariants."""
    atom = tl.program_id(0).to(tl.int64)[None, None] * ATOMS + tl.arange(0, ATOMS)[:, None]
    k = tl.arange(0, COLUMNS)[None, :]
    mask = (atom < n) & (k < CHANNELS)
    plane = tl.cast(n, tl.int64) * CHANNELS
    here = atom * CHANNELS + k
    by_x += atom * (KINDS * CHANNELS) + k
    x0 = tl.load(by_x, mask, 0.0)
    x1, x2, x3, x4, x5 = x0, x0, x0, x0, x0
    c: tl.constexpr = CHANNELS
    if L_MAX >= 1:
        x1 = tl.load(by_x + c, mask, 0.0)
    if L_MAX >= 2:
        x2, x3 = tl.load(by_x + 2 * c, mask, 0.0), tl.load(by_x + 3 * c, mask, 0.0)
        x4, x5 = tl.load(by_x + 4 * c, mask, 0.0), tl.load(by_x + 5 * c, mask, 0.0)
    b = _pull_back(_load(a + here, plane, mask, L_MAX), (x0, x1, x2, x3, x4, x5), L_MAX)
    by_a += here
    tl.store(by_a, b[0], mask)
    if L_MAX >= 1:
        tl.store(by_a + plane, b[1], mask)
        tl.store(by_a + 2 * plane, b[2], mask)
        tl.store(by_a + 3 * plane, b[3], mask)
    if L_MAX >= 2:
        tl.store(by_a + 4 * plane, b[4], mask)
        tl.store(by_a + 5 * plane, b[5], mask)
        tl.store(by_a + 6 * plane, b[6], mask)
        tl.store(by_a + 7 * plane, b[7], mask)
        tl.store(by_a + 8 * plane, b[8], mask)


@triton.jit
def _interpolated(u, table, mask, BOUND: tl.constexpr, INTERVALS: tl.constexpr):
    """Return the interpolants of soft-clipped projections and their derivatives by these."""
    ratio = u * (1.0 / BOUND)
    root = 1.0 / tl.sqrt(1.0 + ratio * ratio)
    scale: tl.constexpr = INTERVALS / (2.0 * BOUND)
    grid = (u * root + BOUND) * scale
    cell = tl.minimum(tl.maximum(tl.floor(grid), 0.0), INTERVALS - 1.0)
    t = grid - cell
    at = table + cell.to(tl.int32)
    f, f1 = tl.zeros_like(u), tl.zeros_like(u)
    for k in tl.static_range(4):
        value = tl.load(at + k, mask, 0.0)
        b, b1, _ = spline(t + (1 - k))
        f += value * b
        f1 += value * b1
    return f, f1 * scale * root * root * root


@triton.jit
def readout_kernel(
    u, species, bias, table, single, paired, energies, by_u, n,
    HALF: tl.constexpr, INTERVALS: tl.constexpr, BOUND: tl.constexpr,
    ATOMS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Add the interpolants of some atoms to their energies; store the gradient by projections."""
    atom = tl.program_id(0).to(tl.int64) * ATOMS + tl.arange(0, ATOMS)
    p = tl.arange(0, COLUMNS)[None, :]
    mask = (atom < n)[:, None] & (p < HALF)
    z = tl.load(species + atom, atom < n, 0)[:, None]
    here = atom[:, None] * (2 * HALF) + p
    left, right = z * (2 * HALF) + p, z * (2 * HALF) + HALF + p
    width: tl.constexpr = INTERVALS + 3
    w = tl.load(u + here, mask, 0.0) + tl.load(bias + left, mask, 0.0)
    f, f1 = _interpolated(w, table + left * width, mask, BOUND, INTERVALS)
    w = tl.load(u + here + HALF, mask, 0.0) + tl.load(bias + right, mask, 0.0)
    h, h1 = _interpolated(w, table + right * width, mask, BOUND, INTERVALS)
    by_f, by_h = tl.load(single + left, mask, 0.0), tl.load(single + right, mask, 0.0)
    pair = tl.load(paired + z * HALF + p, mask, 0.0)
    tl.store(by_u + here, (by_f + pair * h) * f1, mask)
    tl.store(by_u + here + HALF, (by_h + pair * f) * h1, mask)
    energy = tl.sum((by_f * f + by_h * h + pair * f * h).to(tl.float64), 1)
    energy += tl.load(energies + atom, atom < n, 0.0)
    tl.store(energies + atom, energy, atom < n)


@triton.jit
def core_kernel(
    positions, offsets, starts, second, species, core, energies, gradient,
    S: tl.constexpr, A0: tl.constexpr, A1: tl.constexpr, A2: tl.constexpr, A3: tl.constexpr,
    D0: tl.constexpr, D1: tl.constexpr, D2: tl.constexpr, D3: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Add the core repulsion of atom i to its energy, in halves, and to its gradient, in whole.

    core holds radius, strength and inverse screening length of each pair of species, float64.
    """
    i = tl.program_id(0).to(tl.int64)
    zero = tl.zeros([CHUNK], tl.float64)
    energy, x, y, z = zero, zero, zero, zero
    mine = tl.load(species + i) * S
    end = tl.load(starts + i + 1)
    for begin in range(tl.load(starts + i), end, CHUNK):
        pair = begin + tl.arange(0, CHUNK)
        live = pair < end
        j = tl.load(second + pair, live, 0)
        d = difference(positions, offsets, i, j, pair, live, tl.float64)
        r2, inverse, u = direction(d)
        kind = core + mine + tl.load(species + j)
        radius = tl.load(kind)
        q = r2 / (radius * radius)
        live = live & (q < 1.0)
        if tl.max(live.to(tl.int32), 0) > 0:  # which is rare
            strength = tl.where(live, tl.load(kind + S * S), 0.0)
            scale = tl.load(kind + 2 * S * S)
            r = r2 * inverse * scale
            e0, e1 = A0 * tl.exp(-D0 * r), A1 * tl.exp(-D1 * r)
            e2, e3 = A2 * tl.exp(-D2 * r), A3 * tl.exp(-D3 * r)
            phi = e0 + e1 + e2 + e3
            phi1 = -scale * (D0 * e0 + D1 * e1 + D2 * e2 + D3 * e3)
            p = 1.0 - q
            fc = p * p * p
            fc1 = -6.0 * p * p * r2 * inverse / (radius * radius)
            energy += 0.5 * strength * phi * fc * inverse
            slope = strength * inverse * (phi1 * fc + phi * fc1 - phi * fc * inverse)
            x -= slope * u[0]
            y -= slope * u[1]
            z -= slope * u[2]
    tl.store(energies + i, tl.load(energies + i) + tl.sum(energy, 0))
    at = gradient + 3 * i
    tl.store(at, tl.load(at) + tl.sum(x, 0))
    tl.store(at + 1, tl.load(at + 1) + tl.sum(y, 0))
    tl.store(at + 2, tl.load(at + 2) + tl.sum(z, 0))
