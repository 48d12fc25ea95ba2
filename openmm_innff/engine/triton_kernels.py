# mypy: ignore-errors
"""Triton kernels of the nodal density; import this module only where Triton is installed.

One program has one atom and walks along its row of the pair list in chunks. No sum is left to
atomics, so two runs give the same bits.
"""

import torch
import triton
import triton.language as tl

from openmm_innff.engine.triton_math import (
    axpy,
    bend,
    combine,
    difference,
    direction,
    dot,
    harmonics,
    mix,
    pull,
    pull_rate,
    radial_terms,
    slope,
    spline,
    turning,
    weights,
)

DTYPES = {torch.float32: tl.float32, torch.float64: tl.float64}


@triton.jit
def _accumulate(a, value, m, L_MAX: tl.constexpr):
    """Return a_lm + value m_lm; a_lm and value are (CHUNK, COLUMNS)."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8 = a
    a0 += value * m[0][:, None]
    if L_MAX >= 1:
        a1 += value * m[1][:, None]
        a2 += value * m[2][:, None]
        a3 += value * m[3][:, None]
    if L_MAX >= 2:
        a4 += value * m[4][:, None]
        a5 += value * m[5][:, None]
        a6 += value * m[6][:, None]
        a7 += value * m[7][:, None]
        a8 += value * m[8][:, None]
    return a0, a1, a2, a3, a4, a5, a6, a7, a8


@triton.jit
def _store(out, a, plane, mask, L_MAX: tl.constexpr):
    """Sum a_lm over the pairs and store them."""
    tl.store(out, tl.sum(a[0], 0), mask)
    if L_MAX >= 1:
        tl.store(out + plane, tl.sum(a[1], 0), mask)
        tl.store(out + 2 * plane, tl.sum(a[2], 0), mask)
        tl.store(out + 3 * plane, tl.sum(a[3], 0), mask)
    if L_MAX >= 2:
        tl.store(out + 4 * plane, tl.sum(a[4], 0), mask)
        tl.store(out + 5 * plane, tl.sum(a[5], 0), mask)
        tl.store(out + 6 * plane, tl.sum(a[6], 0), mask)
        tl.store(out + 7 * plane, tl.sum(a[7], 0), mask)
        tl.store(out + 8 * plane, tl.sum(a[8], 0), mask)


@triton.jit
def forward_kernel(
    positions, offsets, starts, second, species, features, v_positions, v_offsets, v_features,
    out, n,
    S: tl.constexpr, NODES: tl.constexpr, F: tl.constexpr, L_MAX: tl.constexpr,
    CUTOFF2: tl.constexpr, WARP2: tl.constexpr, DENSITY: tl.constexpr,
    TANGENT: tl.constexpr, COLUMNS: tl.constexpr, CHUNK: tl.constexpr, DTYPE: tl.constexpr,
):  # fmt: skip
    """Density of atom i for one species and feature; with TANGENT, its derivative along v.

    Every node of the species is summed densely, (CHUNK, COLUMNS) numbers for each (l, m) that
    stay in registers: on a GPU that should be cheaper than to scatter four of them.
    """
    i = tl.program_id(0).to(tl.int64)
    kind, f = tl.program_id(1) // F, tl.program_id(1) % F
    node = tl.arange(0, COLUMNS)
    zero = tl.zeros([CHUNK, COLUMNS], DTYPE)
    a = (zero, zero, zero, zero, zero, zero, zero, zero, zero)
    end = tl.load(starts + i + 1)
    for begin in range(tl.load(starts + i), end, CHUNK):
        pair = begin + tl.arange(0, CHUNK)
        live = pair < end
        j = tl.load(second + pair, live, 0)
        live = live & (tl.load(species + j) == kind)
        if tl.max(live.to(tl.int32), 0) > 0:  # of rows sorted by species, half the chunks or more
            d = difference(positions, offsets, i, j, pair, live, DTYPE)
            r2, inverse, u = direction(d)
            g, fc = radial_terms(r2, live, CUTOFF2, WARP2, DENSITY)
            value, slope_at, _ = spline(g[0][:, None] - (node[None, :] - 1).to(DTYPE))
            h = tl.load(features + j * F + f)
            y = harmonics(u)
            if TANGENT:
                v = difference(v_positions, v_offsets, i, j, pair, live, DTYPE)
                along = 2.0 * dot(d, v)  # rate of r^2
                v = inverse * v[0], inverse * v[1], inverse * v[2]
                turn = turning(u, axpy(-dot(u, v), u, v))
                rate = fc[0] * tl.load(v_features + j * F + f) + along * fc[1] * h
                a = _accumulate(a, value, mix(rate, y, fc[0] * h, turn), L_MAX)
                a = _accumulate(a, slope_at, mix(along * g[1] * fc[0] * h, y, 0.0, y), L_MAX)
            else:
                a = _accumulate(a, value, mix(fc[0] * h, y, 0.0, y), L_MAX)
    here = out + (i * S * NODES + kind * NODES + node) * F + f
    _store(here, a, tl.cast(n, tl.int64) * (S * NODES * F), node < NODES, L_MAX)


@triton.jit
def _tiles(grad, at, plane, F: tl.constexpr, L_MAX: tl.constexpr):
    """Return for each (l, m) the (CHUNK, 4) values of grad at the nodes that act on each pair."""
    here = grad + at[:, None] + F * tl.arange(0, 4)[None, :]
    t0 = tl.load(here)
    t1, t2, t3, t4, t5, t6, t7, t8 = t0, t0, t0, t0, t0, t0, t0, t0
    if L_MAX >= 1:
        t1, t2, t3 = tl.load(here + plane), tl.load(here + 2 * plane), tl.load(here + 3 * plane)
    if L_MAX >= 2:
        t4, t5, t6 = tl.load(here + 4 * plane), tl.load(here + 5 * plane), tl.load(here + 6 * plane)
        t7, t8 = tl.load(here + 7 * plane), tl.load(here + 8 * plane)
    return t0, t1, t2, t3, t4, t5, t6, t7, t8


@triton.jit
def _sums(v, weight):
    """Return the sums over the four nodes of the components of v."""
    return tl.sum(v[0] * weight, 1), tl.sum(v[1] * weight, 1), tl.sum(v[2] * weight, 1)


@triton.jit
def _store_vector(at, v, live):
    """Store vectors as float64."""
    tl.store(at, v[0].to(tl.float64), live)
    tl.store(at + 1, v[1].to(tl.float64), live)
    tl.store(at + 2, v[2].to(tl.float64), live)


@triton.jit
def _one_way(t, sign: tl.constexpr, b, b1, d, u, inverse, g, fc, L_MAX: tl.constexpr):
    """Return, for neighbours in the direction sign * u, S and the gradient of fc S by d."""
    wide = sign * u[0][:, None], sign * u[1][:, None], sign * u[2][:, None]
    values = combine(t, wide, L_MAX)
    s, r = tl.sum(values * b, 1), tl.sum(values * b1, 1)
    v = _sums(slope(t, wide, L_MAX), sign * b)
    return s, pull(s, r, v, d, u, inverse, g, fc)


@triton.jit
def backward_kernel(
    positions, offsets, starts, second, species, features, grad,
    g_positions, g_offsets, g_features, n,
    S: tl.constexpr, NODES: tl.constexpr, F: tl.constexpr, L_MAX: tl.constexpr,
    CUTOFF2: tl.constexpr, WARP2: tl.constexpr, DENSITY: tl.constexpr,
    ALL: tl.constexpr, COLUMNS: tl.constexpr, CHUNK: tl.constexpr, DTYPE: tl.constexpr,
):  # fmt: skip
    """Gradients by the position and features of atom i; with ALL, also by offsets and features.

    Pair i -> j is in row i, and as j -> i in row j: what the latter means for atom i is worked out
    here once more, from row j of ``grad`` and the reversed vector.
    """
    i = tl.program_id(0).to(tl.int64)
    here = tl.load(species + i)
    plane = tl.cast(n, tl.int64) * (S * NODES * F)
    column = tl.arange(0, COLUMNS)
    zero = tl.zeros([CHUNK], tl.float64)
    total = (zero, zero, zero)
    by_features = tl.zeros([COLUMNS], DTYPE)
    end = tl.load(starts + i + 1)
    for begin in range(tl.load(starts + i), end, CHUNK):
        pair = begin + tl.arange(0, CHUNK)
        live = pair < end
        j = tl.load(second + pair, live, 0)
        d = difference(positions, offsets, i, j, pair, live, DTYPE)
        r2, inverse, u = direction(d)
        g, fc = radial_terms(r2, live, CUTOFF2, WARP2, DENSITY)
        cell, b, b1, _ = weights(g[0], NODES)
        own = ((i * S + tl.load(species + j)) * NODES + cell) * F
        their = ((j * S + here) * NODES + cell) * F
        outward = 0.0 * d[0], 0.0 * d[1], 0.0 * d[2]
        inward = outward
        for f in range(F):
            t = _tiles(grad, own + f, plane, F, L_MAX)
            s, force = _one_way(t, 1.0, b, b1, d, u, inverse, g, fc, L_MAX)
            outward = axpy(tl.load(features + j * F + f), force, outward)
            t = _tiles(grad, their + f, plane, F, L_MAX)
            s, force = _one_way(t, -1.0, b, b1, d, u, inverse, g, fc, L_MAX)
            inward = axpy(tl.load(features + i * F + f), force, inward)
            if ALL:
                by_features += tl.where(column == f, tl.sum(fc[0] * s, 0), 0.0)
        if ALL:
            _store_vector(g_offsets + 3 * pair, outward, live)
        x, y, z = axpy(1.0, outward, inward)
        total = axpy(1.0, (x.to(tl.float64), y.to(tl.float64), z.to(tl.float64)), total)
    tl.store(g_positions + 3 * i, -tl.sum(total[0], 0))
    tl.store(g_positions + 3 * i + 1, -tl.sum(total[1], 0))
    tl.store(g_positions + 3 * i + 2, -tl.sum(total[2], 0))
    if ALL:
        tl.store(g_features + i * F + column, by_features, column < F)


@triton.jit
def double_backward_kernel(
    positions, offsets, starts, second, species, features, v_positions, v_offsets, v_features,
    grad, g_pairs, g_neighbors, n,
    S: tl.constexpr, NODES: tl.constexpr, F: tl.constexpr, L_MAX: tl.constexpr,
    CUTOFF2: tl.constexpr, WARP2: tl.constexpr, DENSITY: tl.constexpr,
    CHUNK: tl.constexpr, DTYPE: tl.constexpr,
):  # fmt: skip
    """For each pair of row i, the derivative along v of the gradients by its vector and features.

    Stored for each pair, (P, 3) and (P, F): `columns_kernel` sums them.
    """
    i = tl.program_id(0).to(tl.int64)
    plane = tl.cast(n, tl.int64) * (S * NODES * F)
    end = tl.load(starts + i + 1)
    for begin in range(tl.load(starts + i), end, CHUNK):
        pair = begin + tl.arange(0, CHUNK)
        live = pair < end
        j = tl.load(second + pair, live, 0)
        d = difference(positions, offsets, i, j, pair, live, DTYPE)
        w = difference(v_positions, v_offsets, i, j, pair, live, DTYPE)
        r2, inverse, u = direction(d)
        g, fc = radial_terms(r2, live, CUTOFF2, WARP2, DENSITY)
        cell, b, b1, b2 = weights(g[0], NODES)
        across = -dot(u, w) * inverse
        turn = axpy(across, u, (inverse * w[0], inverse * w[1], inverse * w[2]))
        wide = u[0][:, None], u[1][:, None], u[2][:, None]
        wide_turn = turn[0][:, None], turn[1][:, None], turn[2][:, None]
        total = 0.0 * d[0], 0.0 * d[1], 0.0 * d[2]
        at = ((i * S + tl.load(species + j)) * NODES + cell) * F
        for f in range(F):
            t = _tiles(grad, at + f, plane, F, L_MAX)
            values, slopes = combine(t, wide, L_MAX), slope(t, wide, L_MAX)
            s, r, r1 = tl.sum(values * b, 1), tl.sum(values * b1, 1), tl.sum(values * b2, 1)
            v, v1, v_bend = _sums(slopes, b), _sums(slopes, b1), _sums(bend(t, wide_turn, L_MAX), b)
            simple = pull(s, r, v, d, u, inverse, g, fc)
            rate = pull_rate(s, r, r1, v, v1, v_bend, d, w, u, turn, inverse, g, fc)
            total = axpy(tl.load(v_features + j * F + f), simple, total)
            total = axpy(tl.load(features + j * F + f), rate, total)
            tl.store(g_neighbors + pair * F + f, dot(w, simple).to(tl.float64), live)
        _store_vector(g_pairs + 3 * pair, total, live)


@triton.jit
def columns_kernel(
    starts, order, column_starts, g_pairs, g_neighbors, g_positions, g_features,
    F: tl.constexpr, COLUMNS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Sum over the pairs that atom i is in: first in those of its row, second in its column."""
    i = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, COLUMNS)
    lane = tl.arange(0, CHUNK)
    xyz = tl.arange(0, 4)[None, :]
    total = tl.zeros([CHUNK, 4], tl.float64)
    by_features = tl.zeros([CHUNK, COLUMNS], tl.float64)
    end = tl.load(starts + i + 1)
    for begin in range(tl.load(starts + i), end, CHUNK):
        pair = (begin + lane)[:, None]
        total -= tl.load(g_pairs + 3 * pair + xyz, (pair < end) & (xyz < 3), 0.0)
    end = tl.load(column_starts + i + 1)
    for begin in range(tl.load(column_starts + i), end, CHUNK):
        live = begin + lane < end
        pair = tl.load(order + begin + lane, live, 0)[:, None]
        live = live[:, None]
        total += tl.load(g_pairs + 3 * pair + xyz, live & (xyz < 3), 0.0)
        mask = live & (column[None, :] < F)
        by_features += tl.load(g_neighbors + pair * F + column[None, :], mask, 0.0)
    tl.store(g_positions + 3 * i + tl.arange(0, 4), tl.sum(total, 0), tl.arange(0, 4) < 3)
    tl.store(g_features + i * F + column, tl.sum(by_features, 0), column < F)
