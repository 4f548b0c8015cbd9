"""Which place every document has among all: a share that is then hit exactly is a filter on one column."""

from __future__ import annotations

import numpy as np

from curate.kernels import arrow, hashing

_SALT = 0x1F83D9ABFB41BD6B


def ties(ids: arrow.Array) -> np.ndarray:
    """A hash of each id, uint64 (n,), by which documents that are otherwise equal are put in order."""
    values = arrow.strings(ids)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(_SALT), hashes)
    return hashes


def quantiles(values: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The share of values that come no later in rising order, itself included: float64 (n,), from 1/n to 1.

    Equal values are put in the order of their hashes, so all shares differ, and exactly floor(share * n) of them are
    `<= share`. Holds 40 bytes a value.
    """
    found = np.empty(len(values), dtype=np.float64)
    found[np.lexsort((hashes, values))] = np.arange(1, len(values) + 1)
    found /= max(1, len(values))
    return found


def kept(share: float, count: int) -> int:
    """How many of `count` quantiles are `<= share`: exactly the rounding of `quantiles`, division and all."""
    number = int(share * count)
    while number < count and (number + 1) / count <= share:
        number += 1
    while number and number / count > share:
        number -= 1
    return number
