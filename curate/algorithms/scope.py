"""Documents are compared only within equal values of a column: hashes of other values are salted otherwise."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError
from curate.kernels import arrow, hashing

_OF_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


def salts(table: pa.Table, scope: str) -> np.ndarray:
    """A hash of each document's value of the column `scope`, 0 for null: uint64, shape (n,).

    Raises UsageError for a column of lists, structs or bytes.
    """
    values = arrow.combined(table[scope])
    kind = values.type
    if pa.types.is_nested(kind) or any(test(kind) for test in _OF_BYTES):
        raise UsageError(f"--scope {scope}: that column is {kind}; name one of text, numbers or dates")
    names = arrow.strings(pc.cast(values, pa.large_string()))
    found = np.empty(len(names), dtype=np.uint64)
    hashing.hash_strings(names.offsets, names.data, np.uint64(1), found)
    found[~arrow.validity(values)] = 0
    return found
