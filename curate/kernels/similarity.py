"""The most similar of the vectors before each, by cosine.

Two steps: inner products in float32, which may be off by a bound that is known, and, for what the bound leaves
open, the cosine in float64 with sums in one fixed order. Only the second decides and is handed out, so a
result depends on the two vectors alone, and is the same on any processor.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

WIDTH = 128
"""Earlier vectors that are worked on side by side."""
_STEP = 4
_TILE = 128
"""Rows that are compared with a block while it is in the processor's cache."""
_ONE = np.float32(1)
_NONE = np.float32(-2)


def padded(dimensions: int) -> int:
    """The next multiple of four."""
    return -(-dimensions // _STEP) * _STEP


def packed(rows: np.ndarray) -> np.ndarray:
    """Rows (n, padded(d)) in blocks for `closest`: float32 (blocks, padded(d), WIDTH), filled up with zeros."""
    count, width = rows.shape
    blocks = -(-count // WIDTH)
    out = np.zeros((blocks, width, WIDTH), dtype=np.float32)
    for block in range(blocks):
        piece = rows[block * WIDTH : (block + 1) * WIDTH]
        out[block, :, : len(piece)] = piece.T
    return out


@njit(nogil=True, cache=True)
def closest(rows, lengths, firsts, lasts, earlier, blocks, inverse, base, cosines, out):
    """Raise each row's highest cosine so far by a range of earlier vectors; of equal ones the first stays.

    rows: float32 (n, d'), lengths between 1 and 2, as `lengths` float64 (n,) says. firsts, lasts: int64 (n,), the range
    of `earlier` that a row is compared with. earlier: float32 (m, d'); blocks: the same, packed; inverse: float64 (m,),
    one by their lengths. base: the number of the first of them. cosines: float32 (n,), -2 before anything was found;
    out: int64 (n,), the number of the vector found. Four rows at a time share what is read of the blocks; a
    row that found a cosine of one is done.
    """
    sums = np.empty((4, WIDTH), dtype=np.float32)
    margin = (rows.shape[1] + 16) * 2.0**-23
    for top in range(0, len(rows), _TILE):
        bottom = min(top + _TILE, len(rows))
        start, end = len(earlier), 0
        for i in range(top, bottom):
            if firsts[i] < lasts[i]:
                start, end = min(start, firsts[i]), max(end, lasts[i])
        for block in range(start // WIDTH, -(-end // WIDTH)):
            low, high = block * WIDTH, (block + 1) * WIDTH
            for first in range(top, bottom, 4):
                after = min(first + 4, bottom)
                if not _open(first, after, low, high, firsts, lasts, cosines):
                    continue
                _products(rows, first, after - 1, blocks, block, sums)
                for i in range(first, after):
                    _raise(
                        sums[i - first],
                        max(firsts[i], low),
                        min(lasts[i], high),
                        low,
                        rows,
                        lengths,
                        i,
                        earlier,
                        inverse,
                        base,
                        margin,
                        cosines,
                        out,
                    )


@njit(nogil=True, cache=True)
def admit(rows, lengths, firsts, threshold, base, cosines, out, kept):
    """Raise each row's highest cosine by those of its own before it that are kept, and keep it where that is lower.

    rows, lengths, cosines, out: as in `closest`, base: the number of the first row. firsts: int64 (n,), the first of
    the rows that each is compared with. threshold: float32, what a kept row's highest cosine is below. kept: bool (n,).
    """
    for i in range(len(rows)):
        for k in range(firsts[i], i):
            if kept[k]:
                cosine = np.float32(_product(rows, i, rows, k) / lengths[i] * (1 / lengths[k]))
                if cosine > cosines[i]:
                    cosines[i], out[i] = cosine, base + k
        kept[i] = cosines[i] < threshold


@njit(nogil=True, cache=True)
def _open(first, after, low, high, firsts, lasts, cosines):
    """Whether any of some rows is to be compared with a block and may still find something."""
    for i in range(first, after):
        if cosines[i] < _ONE and firsts[i] < high and lasts[i] > low and firsts[i] < lasts[i]:
            return True
    return False


@njit(nogil=True, cache=True, fastmath={"contract"})
def _products(x, first, last, blocks, block, sums):
    """Inner products of up to four rows with a block; the last stands in for those that are missing."""
    a, b, c, d = first, min(first + 1, last), min(first + 2, last), min(first + 3, last)
    sums[:] = 0
    for j in range(0, x.shape[1], _STEP):
        a0, a1, a2, a3 = x[a, j], x[a, j + 1], x[a, j + 2], x[a, j + 3]
        b0, b1, b2, b3 = x[b, j], x[b, j + 1], x[b, j + 2], x[b, j + 3]
        c0, c1, c2, c3 = x[c, j], x[c, j + 1], x[c, j + 2], x[c, j + 3]
        d0, d1, d2, d3 = x[d, j], x[d, j + 1], x[d, j + 2], x[d, j + 3]
        for k in range(WIDTH):
            t0, t1 = blocks[block, j, k], blocks[block, j + 1, k]
            t2, t3 = blocks[block, j + 2, k], blocks[block, j + 3, k]
            sums[0, k] = (((sums[0, k] + a0 * t0) + a1 * t1) + a2 * t2) + a3 * t3
            sums[1, k] = (((sums[1, k] + b0 * t0) + b1 * t1) + b2 * t2) + b3 * t3
            sums[2, k] = (((sums[2, k] + c0 * t0) + c1 * t1) + c2 * t2) + c3 * t3
            sums[3, k] = (((sums[3, k] + d0 * t0) + d1 * t1) + d2 * t2) + d3 * t3


@njit(nogil=True, cache=True)
def _raise(sums, low, high, start, rows, lengths, i, earlier, inverse, base, margin, cosines, out):
    limit = (cosines[i] - margin) * lengths[i]
    for k in range(low, high):
        if sums[k - start] * inverse[k] > limit and cosines[i] < _ONE:
            cosine = np.float32(_product(rows, i, earlier, k) / lengths[i] * inverse[k])
            if cosine > cosines[i]:
                cosines[i], out[i] = cosine, base + k
                limit = (cosine - margin) * lengths[i]


@njit(nogil=True, cache=True)
def _product(left, i, right, k):
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for j in range(0, left.shape[1], _STEP):
        s0 += np.float64(left[i, j]) * np.float64(right[k, j])
        s1 += np.float64(left[i, j + 1]) * np.float64(right[k, j + 1])
        s2 += np.float64(left[i, j + 2]) * np.float64(right[k, j + 2])
        s3 += np.float64(left[i, j + 3]) * np.float64(right[k, j + 3])
    return (s0 + s1) + (s2 + s3)


@njit(nogil=True, cache=True)
def lengths_of(rows, out):
    """Euclidean lengths, summed as the cosines are: rows float32 (n, d'), d' a multiple of four, out float64 (n,)."""
    for i in range(len(rows)):
        out[i] = np.sqrt(_product(rows, i, rows, i))
