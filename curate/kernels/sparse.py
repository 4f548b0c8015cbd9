"""Products of sparse matrices with dense ones and with each other.

A sparse matrix is three arrays, row after row: ends, int64 (n,), the number of entries up to the end of
each row; columns, int32; and values, float32. Sums run in the order of the entries.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_NOTHING = np.float32(0)


@njit(nogil=True, cache=True)
def add_rows(table, first, first_weight, second, second_weight, total):
    """Add two weighted rows of a table to a sum: at once, since it is then read and written half as often."""
    for k in range(len(total)):
        once = total[k] + first_weight * np.float32(table[first, k])
        total[k] = once + second_weight * np.float32(table[second, k])


@njit(nogil=True, cache=True)
def multiply(ends, columns, values, dense, out):
    """A sparse matrix times a dense one: out[i] = sum of values * dense[columns] over the entries of row i.

    dense: float32 (columns, d). out: float32 (n, d).
    """
    start = 0
    for i in range(len(ends)):
        total = out[i]
        total[:] = 0
        for at in range(start, ends[i], 2):
            second = at + 1 if at + 1 < ends[i] else at
            second_value = values[second] if second > at else _NOTHING
            add_rows(dense, columns[at], values[at], columns[second], second_value, total)
        start = ends[i]


@njit(nogil=True, cache=True)
def multiply_transposed(ends, columns, values, dense, out):
    """The transpose of a sparse matrix times a dense one: dense is float32 (n, d), out float32 (columns, d)."""
    out[:] = 0
    at = 0
    for i in range(len(ends)):
        while at < ends[i]:
            total, value = out[columns[at]], values[at]
            for k in range(len(total)):
                total[k] += value * dense[i, k]
            at += 1


@njit(nogil=True, cache=True)
def product_lengths(ends, columns, values, inner_ends, inner_columns, inner_values, width, out):
    """Euclidean lengths of the rows of a product of two sparse matrices, the second of `width` columns.

    out: float32 (n,).
    """
    row = np.zeros(width, dtype=np.float32)
    last = np.full(width, -1, dtype=np.int32)
    touched = np.empty(width, dtype=np.int64)
    at = 0
    for i in range(len(ends)):
        found = 0
        while at < ends[i]:
            inner = columns[at]
            for j in range(inner_ends[inner - 1] if inner else 0, inner_ends[inner]):
                column = inner_columns[j]
                if last[column] != i:
                    last[column] = i
                    touched[found] = column
                    found += 1
                row[column] += values[at] * inner_values[j]
            at += 1
        total = 0.0
        for j in range(found):
            total += np.float64(row[touched[j]]) * np.float64(row[touched[j]])
            row[touched[j]] = 0
        out[i] = np.sqrt(total)


@njit(nogil=True, cache=True)
def count_documents(ends, columns, inner_ends, inner_columns, out):
    """In how many rows of a product of two sparse matrices each column occurs: out int32 (columns of the second,)."""
    last = np.full(len(out), -1, dtype=np.int32)
    out[:] = 0
    at = 0
    for i in range(len(ends)):
        while at < ends[i]:
            inner = columns[at]
            for j in range(inner_ends[inner - 1] if inner else 0, inner_ends[inner]):
                column = inner_columns[j]
                if last[column] != i:
                    last[column] = i
                    out[column] += 1
            at += 1


@njit(nogil=True, cache=True)
def draw_signs(seed, out):
    """A matrix of +1 and -1, each drawn by (seed, row, column): out float32 (n, d)."""
    for i in range(out.shape[0]):
        bits = _NONE
        for k in range(out.shape[1]):
            if k % 64 == 0:
                bits = mix64(mix64(seed ^ np.uint64(i)) + np.uint64(k))
            out[i, k] = 1.0 if bits & _ONE else -1.0
            bits >>= _ONE
