"""Sums of rows of a table over token numbers: what a static token embedding makes of a text."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit


@njit(nogil=True, cache=True)
def add_rows(ids, ends, owners, table, places, weights, unknown, out):
    """Add to each owner's sum the rows of its tokens.

    ids: int32 (t,), the tokens of all pieces. ends: int64 (p,), where each piece ends. owners: int64 (p,), each
    piece's row of `out`. table: float32 (r, d'), of which the first d columns count.
    places: int64 (v,), each token's row of the table, or empty where that is its number. weights: float32 (v,), what a
    token's row is multiplied by, or empty for one. unknown: a token that is passed over, or -1. out: float64 (n, d).
    """
    first = 0
    for piece in range(len(ends)):
        sums = out[owners[piece]]
        for i in range(first, ends[piece]):
            token = ids[i]
            if token == unknown:
                continue
            row = table[places[token]] if len(places) else table[token]
            weight = weights[token] if len(weights) else np.float32(1)
            for k in range(len(sums)):
                sums[k] += np.float64(row[k] * weight)
        first = ends[piece]
