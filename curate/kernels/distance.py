"""The nearest of many centroids, by inner products whose sums run in one fixed order.

A row's result depends on that row and the centroids alone, never on the rows beside it, on threads or
on a BLAS. A BLAS may say which centroids are so far from the greatest product that its rounding cannot matter;
of the others each product is summed again here, and these decide and are stored.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

WIDTH = 128
"""Centroids that are worked on side by side."""
_STEP = 4


def doubt(dimensions: int) -> float:
    """How far below the greatest of several products of a BLAS, over the vectors' lengths, the truly greatest may lie.

    Each of two products may be off by d u / (1 - d u) in the BLAS and as much here, for u = 2**-24 (Higham 2002, 3.1);
    one more is for the rounding of what is computed with this.
    """
    unit = dimensions * 2.0**-24
    return 5 * unit / (1 - unit)


def packed(centroids: np.ndarray) -> np.ndarray:
    """Centroids (k, d) in blocks for `products`: float32 (blocks, padded(d), WIDTH), filled up with zeros."""
    clusters, dimensions = centroids.shape
    blocks, width = -(-clusters // WIDTH), padded(dimensions)
    out = np.zeros((blocks * WIDTH, width), dtype=np.float32)
    out[:clusters, :dimensions] = centroids
    return np.ascontiguousarray(out.reshape(blocks, WIDTH, width).transpose(0, 2, 1))


def padded(dimensions: int) -> int:
    """The next multiple of four."""
    return -(-dimensions // _STEP) * _STEP


@njit(nogil=True, cache=True)
def nearest(vectors, centroids, numbers, approximate, limits, out, products):
    """The centroid of the greatest inner product, of equal ones that of the lowest number, and that product.

    vectors: float32 (n, d). centroids: float32 (k, d). numbers: int32 (k,), what they are called. approximate:
    float32 (n, k), their products. limits: float32 (n,), below which none of those can be the greatest. out: int32 (n,)
    and products: float32 (n,) hold the best of before, -inf where there is none, and are replaced by a better one.
    """
    for i in range(len(vectors)):
        limit = limits[i]
        for k in range(len(centroids)):
            if approximate[i, k] >= limit:
                product = _product(vectors[i], centroids[k])
                if product > products[i] or (product == products[i] and numbers[k] < out[i]):
                    out[i], products[i] = numbers[k], product


@njit(nogil=True, cache=True)
def _product(x, y):
    """Four sums, each of every fourth dimension from the first to the last, and these from the first to the last."""
    a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    whole = len(x) - len(x) % 4
    for j in range(0, whole, 4):
        a += x[j] * y[j]
        b += x[j + 1] * y[j + 1]
        c += x[j + 2] * y[j + 2]
        d += x[j + 3] * y[j + 3]
    for j in range(whole, len(x)):
        a += x[j] * y[j]
    return ((a + b) + c) + d


@njit(nogil=True, cache=True)
def products(vectors, blocks, out):
    """All inner products with packed centroids, each summed from the first dimension to the last.

    vectors: float32 (n, d'), as wide as the blocks. out: float32 (n, k). Four rows at a time share what is read of the
    centroids; at the end the last row stands in for those that are missing.
    """
    sums = np.empty((4, WIDTH), dtype=np.float32)
    last = len(vectors) - 1
    for first in range(0, len(vectors), 4):
        second, third, fourth = min(first + 1, last), min(first + 2, last), min(first + 3, last)
        for block in range(len(blocks)):
            _block_products(vectors, first, second, third, fourth, blocks, block, sums)
            start = block * WIDTH
            found = min(WIDTH, out.shape[1] - start)
            for row, i in enumerate((first, second, third, fourth)):
                out[i, start : start + found] = sums[row, :found]


@njit(nogil=True, cache=True)
def _block_products(x, a, b, c, d, blocks, block, sums):
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
def lengths(vectors, out):
    """Euclidean lengths of rows: vectors float32 (n, d), out float64 (n,)."""
    for i in range(len(vectors)):
        total = 0.0
        for j in range(vectors.shape[1]):
            total += np.float64(vectors[i, j]) * np.float64(vectors[i, j])
        out[i] = np.sqrt(total)
