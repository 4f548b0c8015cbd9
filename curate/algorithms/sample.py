"""A sample that any machine would draw the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curate.kernels import arrow, hashing

_SALT = 0x3C6EF372FE94F82B


def sampled(ids: pa.ChunkedArray, fraction: float, seed: int) -> np.ndarray:
    """Which documents a sample holds: bool, shape (n,), by a hash of (seed, id).

    With the same seed a smaller sample is part of every larger one. The hash is not the one by which other
    stages choose, so that a sample of a sample is one too.
    """
    values = arrow.strings(ids)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed ^ _SALT), hashes)
    return (hashes >> np.uint64(11)) < fraction * 2.0**53
