"""The one door from Arrow to NumPy: the only file that touches an array's buffers.

Everything handed out is a view where Arrow allows one, so it may be read-only and must never
be written to. Slices are honoured, nulls become empty strings or zeros with a validity mask
beside them, and chunked arrays are combined first.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array: TypeAlias = "pa.Array | pa.ChunkedArray"


class Strings(NamedTuple):
    """UTF-8 (or binary) values as two arrays.

    offsets: int64, shape (n + 1,); value i is data[offsets[i]:offsets[i + 1]].
    data: uint8, shape (bytes,); it may hold bytes outside the offsets' range.
    """

    offsets: np.ndarray
    data: np.ndarray

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.offsets) - 1


def combined(array: Array) -> pa.Array:
    """One contiguous array."""
    if isinstance(array, pa.ChunkedArray):
        return array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
    return array


def validity(array: Array) -> np.ndarray:
    """Boolean array, shape (n,), true where the value is not null."""
    array = combined(array)
    if array.null_count == 0:
        return np.ones(len(array), dtype=np.bool_)
    return pc.is_valid(array).to_numpy(zero_copy_only=False)


def strings(array: Array) -> Strings:
    """View a string, large_string, binary or large_binary array; a null is an empty string."""
    array = combined(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return Strings(np.zeros(len(array) + 1, dtype=np.int64), np.empty(0, dtype=np.uint8))
    if pa.types.is_fixed_size_binary(array.type):
        array = array.cast(pa.binary())
    if array.null_count:
        array = pc.fill_null(array, b"" if "binary" in str(array.type) else "")
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return Strings(np.zeros(len(array) + 1, dtype=np.int64), np.empty(0, dtype=np.uint8))
    view = np.frombuffer(offsets, dtype=np.int64 if large else np.int32)
    view = view[array.offset : array.offset + len(array) + 1].astype(np.int64, copy=False)
    if data is None or data.size == 0:
        return Strings(view, np.empty(0, dtype=np.uint8))
    return Strings(view, np.frombuffer(data, dtype=np.uint8))


def numbers(array: Array) -> np.ndarray:
    """A numeric, boolean, date or timestamp array as NumPy, shape (n,); a null is zero."""
    array = combined(array)
    if pa.types.is_boolean(array.type):
        return pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    if pa.types.is_timestamp(array.type) or pa.types.is_date64(array.type):
        array = array.cast(pa.int64())
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    if array.null_count:
        array = pc.fill_null(array, pa.scalar(0, pa.int64()).cast(array.type))
    return array.to_numpy(zero_copy_only=False)


def fixed_bytes(array: Array) -> np.ndarray:
    """A fixed-size binary array as uint8, shape (n, width); a null is all zeros."""
    array = combined(array)
    width = array.type.byte_width
    if array.null_count:
        array = pc.fill_null(array, b"\0" * width)
    data = array.buffers()[1]
    if len(array) == 0 or data is None:
        return np.empty((0, width), dtype=np.uint8)
    view = np.frombuffer(data, dtype=np.uint8)
    return view[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def vectors(array: Array) -> np.ndarray:
    """A fixed-size list of numbers as a 2-D array, shape (n, width); a null row is all zeros."""
    array = combined(array)
    width = array.type.list_size
    if array.null_count:
        valid = validity(array)
        out = np.zeros((len(array), width), dtype=array.type.value_type.to_pandas_dtype())
        out[valid] = numbers(array.drop_null().flatten()).reshape(-1, width)
        return out
    return numbers(array.flatten()).reshape(-1, width)


def string_array(offsets: np.ndarray, data: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    """large_string over int64 offsets (n + 1,) and uint8 data, without a copy; the bytes must be UTF-8."""
    return _from_buffers(pa.large_string(), [pa.py_buffer(offsets), pa.py_buffer(data)], len(offsets) - 1, valid)


def binary_array(rows: np.ndarray) -> pa.Array:
    """Fixed-size binary over uint8 rows, shape (n, width), without a copy."""
    rows = np.ascontiguousarray(rows)
    return _from_buffers(pa.binary(rows.shape[1]), [pa.py_buffer(rows)], len(rows), None)


def vector_array(rows: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    """A fixed-size list of the rows of a 2-D array, shape (n, width); rows not valid are null."""
    flat = pa.array(np.ascontiguousarray(rows).reshape(-1))
    mask = None if valid is None or valid.all() else pa.array(~valid)
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1], mask=mask)


def _from_buffers(kind: pa.DataType, buffers: list, length: int, valid: np.ndarray | None) -> pa.Array:
    bitmap = None
    if valid is not None and not valid.all():
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, length, [bitmap, *buffers])
