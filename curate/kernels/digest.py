"""The digest of a table's values, the same however Arrow happens to have chunked or sliced them."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from curate.kernels import arrow


def table_digest(table: pa.Table) -> str:
    """32 hex digits of SHA-256 over column names, types, validity, lengths and values, in order."""
    total = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        total.update(f"{name}\0{_described(column.type)}\0{len(column)}\0".encode())
        _update(total, arrow.combined(column))
    return total.hexdigest()[:32]


def _described(kind: pa.DataType) -> str:
    """A type in words, without the name of a list's items, which Parquet changes."""
    if pa.types.is_fixed_size_list(kind):
        return f"fixed_size_list<{_described(kind.value_type)}>[{kind.list_size}]"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{_described(kind.value_type)}>"
    return str(kind)


def _update(total: hashlib._Hash, array: pa.Array) -> None:
    kind = array.type
    total.update(np.packbits(arrow.validity(array)).data if array.null_count else b"valid")
    if pa.types.is_dictionary(kind):
        _update(total, array.dictionary_decode())
    elif pa.types.is_fixed_size_list(kind):
        total.update(np.ascontiguousarray(arrow.vectors(array)).data)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        total.update(np.ascontiguousarray(arrow.numbers(array.value_lengths())).data)
        _update(total, array.flatten())
    elif pa.types.is_struct(kind):
        for child in array.flatten():
            _update(total, child)
    elif pa.types.is_null(kind):
        pass
    elif pa.types.is_fixed_size_binary(kind):
        total.update(arrow.fixed_bytes(array).data)
    elif _is_text(kind):
        values = arrow.strings(array)
        total.update(np.diff(values.offsets).data)
        total.update(values.data[values.offsets[0] : values.offsets[-1]].data)
    else:
        total.update(np.ascontiguousarray(arrow.numbers(array)).data)


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
