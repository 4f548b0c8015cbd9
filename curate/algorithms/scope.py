"""Documents are compared only within equal values of a column: hashes of other values are salted otherwise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError
from curate.kernels import arrow, hashing


def salts(table: pa.Table, scope: str | None) -> np.ndarray:
    """A hash of each document's value of the column `scope`, 0 for null or without a scope: uint64, shape (n,).

    Raises UsageError for a column of lists or structs.
    """
    if scope is None:
        return np.zeros(table.num_rows, dtype=np.uint64)
    values = arrow.combined(table[scope])
    if pa.types.is_nested(values.type):
        raise UsageError(f"--scope {scope}: that column is {values.type}; name one of single values")
    names = arrow.strings(pc.cast(values, pa.large_string()))
    found = np.empty(len(names), dtype=np.uint64)
    hashing.hash_strings(names.offsets, names.data, np.uint64(1), found)
    found[~arrow.validity(values)] = 0
    return found
