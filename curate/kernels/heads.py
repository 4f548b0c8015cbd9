"""The beginnings of texts, side by side."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit


@njit(nogil=True, cache=True)
def place(offsets, data, column, lengths, out):
    """Copy the beginning of each text into its row of out, uint8 (n, width), from a column on, as far as the row goes.

    lengths: int64 (n,), how many bytes were copied. What is left of a row stays as it was.
    """
    room = out.shape[1] - column
    for i in range(len(out)):
        start = offsets[i]
        length = min(offsets[i + 1] - start, np.int64(room))
        for j in range(length):
            out[i, column + j] = data[start + j]
        lengths[i] = length
