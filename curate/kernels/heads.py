"""Stretches of text, side by side."""

from __future__ import annotations

from curate.kernels import njit


@njit(nogil=True, cache=True)
def place(starts, ends, data, column, out):
    """Copy stretches of data to rows of out, uint8 (n, width), from a column on; what is left of a row stays.

    starts, ends: int64 (n,), none longer than the row goes on. data: uint8.
    """
    for i in range(len(out)):
        for j in range(ends[i] - starts[i]):
            out[i, column + j] = data[starts[i] + j]
