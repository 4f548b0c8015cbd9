"""Vectors as columns keep them: by direction. Whoever reads them puts them at length one.

float32 and float16 hold a vector of length one as it is. int8 holds it scaled so that its largest number is 127 or
-127, which keeps a cosine to about 1e-3 at any number of dimensions, where one scale for all vectors would lose ten
times that at 1,024 of them; the length it then has says nothing.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curate.errors import UsageError
from curate.kernels import arrow, distance

_ROWS_AT_ONCE = 8_192
_LARGEST = np.float32(127)


def store(rows: np.ndarray, out: np.ndarray) -> None:
    """Write vectors, float32 (n, d), into an array of the type they are kept in: float32, float16 or int8 (n, d)."""
    if out.dtype != np.int8:
        out[:] = rows
        return
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        largest = np.abs(block).max(axis=1, keepdims=True, initial=0)
        scaled = block * (_LARGEST / np.where(largest > 0, largest, _LARGEST))
        out[start : start + len(block)] = np.rint(scaled, out=scaled)


def vectors_of(column: pa.ChunkedArray, name: str) -> pa.Array:
    """The vectors of a column that are not null. Raises UsageError when it holds none."""
    kind = column.type
    if not (pa.types.is_fixed_size_list(kind) and _is_kept(kind.value_type)):
        raise UsageError(f"--embedding {name}: the column holds {kind}, not vectors; name a column that embed made")
    return arrow.combined(column).drop_null()


def unit_rows(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Vectors at length one, float32 (n, d), of a column of any type that `store` writes; a null is all zeros."""
    kept = arrow.vectors(array)
    rows = np.empty(kept.shape, dtype=np.float32)
    lengths = np.empty(min(len(kept), _ROWS_AT_ONCE), dtype=np.float64)
    for start in range(0, len(kept), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        block[:] = kept[start : start + _ROWS_AT_ONCE]
        distance.lengths(block, lengths[: len(block)])
        block /= np.maximum(lengths[: len(block), None], 1e-30)
    return rows


def _is_kept(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_int8(kind)
