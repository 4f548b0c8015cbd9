"""The nearest of many centroids, by inner products whose sums run in one fixed order.

A row's result depends on that row and the centroids alone, never on the rows beside it, on threads or
on a BLAS: each product is a sum over the dimensions from first to last, and the compiler may only
work on several centroids side by side.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

WIDTH = 128
"""Centroids that are worked on side by side."""
_STEP = 4
_LEAST = np.float32(-np.inf)


def packed(centroids: np.ndarray) -> np.ndarray:
    """Centroids (k, d) in blocks for `nearest`: float32 (blocks, padded(d), WIDTH), filled up with zeros."""
    clusters, dimensions = centroids.shape
    blocks, width = -(-clusters // WIDTH), padded(dimensions)
    out = np.zeros((blocks * WIDTH, width), dtype=np.float32)
    out[:clusters, :dimensions] = centroids
    return np.ascontiguousarray(out.reshape(blocks, WIDTH, width).transpose(0, 2, 1))


def padded(dimensions: int) -> int:
    """The next multiple of four."""
    return -(-dimensions // _STEP) * _STEP


@njit(nogil=True, cache=True)
def nearest(vectors, blocks, clusters, out, products):
    """The centroid of the greatest inner product, the first of equal ones, and that product.

    vectors: float32 (n, d'), as wide as the blocks. clusters: how many centroids the blocks hold.
    out: int32 (n,). products: float32 (n,). Four rows at a time share what is read of the centroids;
    at the end the last row stands in for those that are missing.
    """
    sums = np.empty((4, WIDTH), dtype=np.float32)
    last = len(vectors) - 1
    for first in range(0, len(vectors), 4):
        second, third, fourth = min(first + 1, last), min(first + 2, last), min(first + 3, last)
        for i in (first, second, third, fourth):
            out[i], products[i] = 0, _LEAST
        for block in range(len(blocks)):
            _block_products(vectors, first, second, third, fourth, blocks, block, sums)
            start = block * WIDTH
            found = min(WIDTH, clusters - start)
            _keep_best(sums, 0, found, start, first, out, products)
            _keep_best(sums, 1, found, start, second, out, products)
            _keep_best(sums, 2, found, start, third, out, products)
            _keep_best(sums, 3, found, start, fourth, out, products)


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
def _keep_best(sums, row, found, start, i, out, products):
    best = products[i]
    for k in range(found):
        if sums[row, k] > best:
            best = sums[row, k]
            out[i] = start + k
    products[i] = best


@njit(nogil=True, cache=True)
def lengths(vectors, out):
    """Euclidean lengths of rows: vectors float32 (n, d), out float64 (n,)."""
    for i in range(len(vectors)):
        total = 0.0
        for j in range(vectors.shape[1]):
            total += np.float64(vectors[i, j]) * np.float64(vectors[i, j])
        out[i] = np.sqrt(total)
