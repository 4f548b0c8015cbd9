"""Arrow arrays as JSON, exactly: numbers to the last digit, times in ISO 8601, bytes in Base64."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.kernels import arrow, json_write

Taken = Mapping[tuple[str, ...], np.ndarray]


def plain(array: pa.Array) -> tuple[pa.Array, bool]:
    """Values that are neither lists nor objects as large_string, and whether JSON writes them in quotes; nulls stay."""
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _base64(array), True
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind):
        array = array if pa.types.is_timestamp(kind) else array.cast(pa.date32())
        text = array.cast(pa.string()).cast(pa.large_string())
        return pc.replace_substring(text, " ", "T", max_replacements=1), True
    if pa.types.is_duration(kind):
        return array.cast(pa.int64()).cast(pa.large_string()), False
    if pa.types.is_float16(kind):
        array = array.cast(pa.float32())
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return array.cast(pa.large_string()), not (number or pa.types.is_boolean(kind) or pa.types.is_null(kind))


def decoded(array: pa.Array) -> pa.Array:
    """The same values without dictionaries, runs, views or extension types, down to the innermost."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return decoded(array.storage)
    if pa.types.is_dictionary(kind):
        return decoded(array.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return decoded(pc.run_end_decode(array))
    if pa.types.is_string_view(kind):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_binary_view(kind) else array


def is_nested(kind: pa.DataType) -> bool:
    """Whether JSON writes values of a type in brackets."""
    return pa.types.is_nested(kind)


def values(array: pa.Array, taken: Taken | None = None) -> pa.Array:
    """Each value as JSON: large_string without nulls. `taken`: fields of the objects to leave out, by row."""
    array = decoded(array)
    kind = array.type
    if pa.types.is_struct(kind):
        children = array.flatten()
        return objects([item.name for item in kind], children, arrow.validity(array), taken or {})
    if (lists := list_items(array)) is not None:
        return _lists(array, *lists)
    if is_nested(kind) or pa.types.is_interval(kind):
        return pa.array([json.dumps(value, default=str) for value in array.to_pylist()], type=pa.large_string())
    text, quotes = plain(array)
    if quotes:
        text = _quoted(text)
    elif pa.types.is_floating(kind):
        text = pc.if_else(pc.is_finite(array), text, _quoted(text))
    return pc.fill_null(text, "null")


def list_items(array: pa.Array) -> tuple[np.ndarray, pa.Array] | None:
    """Of lists or maps the items of all rows, and offsets into them: int64, shape (n + 1,); None for anything else."""
    kind = array.type
    if pa.types.is_map(kind):
        return arrow.numbers(array.offsets).astype(np.int64), pa.StructArray.from_arrays(
            [array.keys, array.items], ["key", "value"]
        )
    if pa.types.is_fixed_size_list(kind):
        return (np.arange(len(array) + 1, dtype=np.int64) + array.offset) * kind.list_size, array.values
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return arrow.numbers(array.offsets).astype(np.int64), array.values
    return None


def objects(names: Sequence[str], columns: Sequence[pa.Array], valid: np.ndarray, taken: Taken) -> pa.Array:
    """Rows as JSON objects, `null` where not `valid`; a field is left out where `taken` is true for its path."""
    rows = len(valid)
    left = [i for i, name in enumerate(names) if (name,) not in taken or not taken[(name,)].all()]
    names = [names[i] for i in left]
    present = np.ones((len(names), rows), dtype=np.bool_)
    written = []
    for number, name in enumerate(names):
        within = {path[1:]: mask for path, mask in taken.items() if path[0] == name and len(path) > 1}
        written.append(values(columns[left[number]], within))
        if (name,) in taken:
            present[number] = ~taken[(name,)]
    keys = arrow.strings(
        pa.array([json.dumps(name, ensure_ascii=False) + ":" for name in names], type=pa.large_string())
    )
    texts = arrow.strings(pa.concat_arrays(written) if written else pa.array([], type=pa.large_string()))
    size = int(texts.offsets[-1] - texts.offsets[0]) + rows * (len(keys.data) + len(names) + 4)
    offsets, out = np.empty(rows + 1, dtype=np.int64), np.empty(size, dtype=np.uint8)
    json_write.objects(keys, texts, present, valid, offsets, out)
    return arrow.string_array(offsets, out[: offsets[-1]])


def _lists(array: pa.Array, list_offsets: np.ndarray, items: pa.Array) -> pa.Array:
    texts = arrow.strings(values(items))
    size = int(texts.offsets[-1] - texts.offsets[0]) + len(items) + 4 * len(array)
    offsets, out = np.empty(len(array) + 1, dtype=np.int64), np.empty(size, dtype=np.uint8)
    json_write.lists(list_offsets, arrow.validity(array), texts, offsets, out)
    return arrow.string_array(offsets, out[: offsets[-1]])


def _quoted(text: pa.Array) -> pa.Array:
    found = arrow.strings(text)
    offsets = np.empty(len(found) + 1, dtype=np.int64)
    out = np.empty(json_write.quoted_bytes(found.offsets, found.data), dtype=np.uint8)
    json_write.quote_all(found.offsets, found.data, offsets, out)
    return arrow.string_array(offsets, out[: offsets[-1]], arrow.validity(text))


def _base64(array: pa.Array) -> pa.Array:
    found = arrow.strings(array)
    offsets = np.empty(len(found) + 1, dtype=np.int64)
    out = np.empty(int((np.diff(found.offsets) + 2).sum() // 3 * 4) + 4 * len(found), dtype=np.uint8)
    json_write.base64(found.offsets, found.data, offsets, out)
    return arrow.string_array(offsets, out[: offsets[-1]], arrow.validity(array))
