"""Tables as JSON Lines, Parquet and plain text."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError
from curate.kernels import arrow
from curate.kernels import jsonwrite as kernels

_CHUNK_BYTES = 8 << 20
_WIDTHS, _LETTERS = kernels.escapes()
_HEX = np.array([list(b"%02x" % byte) for byte in range(256)], dtype=np.uint8)
_VERBATIM = "meta"


def write_json(tables: Iterable[pa.Table], path: str, columns: Sequence[str], form: str) -> int:
    """Write a line of JSON for each document, plain or compressed as `form` ends; gives the number of documents."""
    return _write(tables, path, form, columns, lambda piece: json_lines(piece, columns))


def write_text(tables: Iterable[pa.Table], path: str, separator: str) -> int:
    """Write the text of each document and a separator after it; gives the number of documents."""
    return _write(tables, path, "text", ["text"], lambda piece: plain_text(piece["text"], separator))


def write_parquet(tables: Iterable[pa.Table], path: str, columns: Sequence[str]) -> int:
    """Write columns as one Parquet file with row groups of about 8 MiB; gives the number of documents."""
    import pyarrow.parquet as pq

    writer = None
    count = 0
    try:
        for table in tables:
            table = table.select(list(columns))
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=3)
            for piece in _pieces(table):
                writer.write_table(piece, row_group_size=max(piece.num_rows, 1))
            count += table.num_rows
    finally:
        if writer:
            writer.close()
    return count


def json_lines(table: pa.Table, columns: Sequence[str]) -> np.ndarray:
    """JSON objects of the columns, in order, a line each, as uint8.

    Strings are escaped as RFC 8259 asks and otherwise left as UTF-8; `meta` is JSON already and stays as it is; times
    are ISO 8601; binary values are hexadecimal; floats have the fewest digits that give them again; NaN and
    infinities are null. Raises UsageError for a type that has no JSON.
    """
    values = [_value(name, arrow.combined(table[name])) for name in columns]
    before = [json.dumps(name, ensure_ascii=False) + ":" for name in columns]
    befores = [np.frombuffer((mark + text).encode(), np.uint8) for mark, text in zip("{" + "," * len(columns), before)]
    sizes = np.full(table.num_rows, 2, dtype=np.int64)
    for (strings, valid, quoted), prefix in zip(values, befores, strict=True):
        kernels.measure(strings.offsets, strings.data, valid, quoted, len(prefix), _WIDTHS, sizes)
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]) if len(ends) else 0, dtype=np.uint8)
    at = ends - sizes
    for (strings, valid, quoted), prefix in zip(values, befores, strict=True):
        kernels.write(strings.offsets, strings.data, valid, quoted, prefix, _WIDTHS, _LETTERS, at, out)
    out[at] = ord("}")
    out[at + 1] = ord("\n")
    return out


def plain_text(texts: pa.ChunkedArray, separator: str) -> np.ndarray:
    """Texts, each with the separator after it, as uint8."""
    strings = arrow.strings(texts)
    mark = np.frombuffer(separator.encode(), dtype=np.uint8)
    out = np.empty(int(strings.offsets[-1] - strings.offsets[0]) + len(strings) * len(mark), dtype=np.uint8)
    kernels.ended(strings.offsets, strings.data, mark, out)
    return out


def _write(tables: Iterable[pa.Table], path: str, form: str, columns: Sequence[str], convert: Callable) -> int:
    count = 0
    with _opened(path, form) as file:
        for table in tables:
            for piece in _pieces(table.select(list(columns))):
                file.write(memoryview(convert(piece)))
            count += table.num_rows
    return count


def _pieces(table: pa.Table) -> Iterator[pa.Table]:
    rows = max(1, table.num_rows * _CHUNK_BYTES // max(table.nbytes, 1))
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


@contextmanager
def _opened(path: str, form: str) -> Iterator[Any]:
    """A binary file to write to; the same bytes in give the same file."""
    with open(path, "wb") as file:
        if form.endswith(".zst"):
            import zstandard

            with zstandard.ZstdCompressor(level=3, write_checksum=True).stream_writer(file, closefd=False) as writer:
                yield writer
        elif form.endswith(".gz"):
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as writer:
                yield writer
        else:
            yield file


def _value(name: str, array: pa.Array) -> tuple[arrow.Strings, np.ndarray, bool]:
    """A column as strings, which are not null, and whether they are yet to be quoted."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    quoted = _is_text(array.type) and name != _VERBATIM
    if not _is_text(array.type):
        array = _fragments(name, array)
    return arrow.strings(array), arrow.validity(array), quoted


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _fragments(name: str, array: pa.Array) -> pa.Array:
    """Each value of a column as JSON, large_string; null where it is null."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _fragments(name, array.dictionary_decode())
    if _is_text(kind):
        return _quoted(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _quoted(_hexadecimal(array))
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return array.cast(pa.large_string())
    if pa.types.is_floating(kind):
        return _floats(array)
    if pa.types.is_timestamp(kind):
        return _quoted(_instants(array))
    if pa.types.is_date(kind) or pa.types.is_time(kind):
        return _quoted(array.cast(pa.large_string()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(name, array)
    if pa.types.is_struct(kind):
        return _structs(name, array)
    raise UsageError(
        f"--columns {name}: a column of {kind} cannot be written as JSON; leave it out, or export to parquet"
    )


def _quoted(array: pa.Array) -> pa.Array:
    strings, valid = arrow.strings(array), arrow.validity(array)
    nothing = np.empty(0, dtype=np.uint8)
    sizes = np.zeros(len(array), dtype=np.int64)
    kernels.measure(strings.offsets, strings.data, valid, True, 0, _WIDTHS, sizes)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    out = np.empty(int(offsets[-1]), dtype=np.uint8)
    kernels.write(strings.offsets, strings.data, valid, True, nothing, _WIDTHS, _LETTERS, offsets[:-1].copy(), out)
    return arrow.string_array(offsets, out, valid)


def _hexadecimal(array: pa.Array) -> pa.Array:
    strings = arrow.strings(array.cast(pa.large_binary()))
    digits = _HEX[strings.data[strings.offsets[0] : strings.offsets[-1]]].reshape(-1)
    return arrow.string_array((strings.offsets - strings.offsets[0]) * 2, digits, arrow.validity(array))


def _floats(array: pa.Array) -> pa.Array:
    if array.type == pa.float16():
        array = array.cast(pa.float32())
    text = pc.if_else(pc.is_finite(array), array, None).cast(pa.large_string())
    return pc.replace_substring_regex(text, r"^(-?\d+)$", r"\1.0")


def _instants(array: pa.Array) -> pa.Array:
    zone = "Z" if array.type.tz else ""
    text = array.cast(pa.timestamp(array.type.unit)).cast(pa.large_string())
    text = pc.replace_substring_regex(pc.replace_substring(text, " ", "T", max_replacements=1), r"\.0+$", "")
    return _joined(text, zone)


def _joined(*pieces: pa.Array | str) -> pa.Array:
    """Strings put together element by element; a null makes a null."""
    kind = pa.large_string()
    parts = [pa.scalar(piece, kind) if isinstance(piece, str) else piece.cast(kind) for piece in pieces]
    return pc.binary_join_element_wise(*parts, pa.scalar("", kind))


def _lists(name: str, array: pa.Array) -> pa.Array:
    lengths = arrow.numbers(pc.list_value_length(array)).astype(np.int64)
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))))
    items = pc.fill_null(_fragments(name, array.flatten()), "null")
    joined = pc.binary_join(pa.LargeListArray.from_arrays(offsets, items), pa.scalar(",", pa.large_string()))
    text = _joined("[", joined, "]")
    return pc.if_else(pc.is_valid(array), text, pa.scalar(None, pa.large_string()))


def _structs(name: str, array: pa.Array) -> pa.Array:
    pieces: list[pa.Array | str] = []
    for field, child in zip(array.type, array.flatten(), strict=True):
        key = json.dumps(field.name, ensure_ascii=False)
        pieces += [f"{',' if pieces else '{'}{key}:", pc.fill_null(_fragments(name, child), "null")]
    text = _joined(*(pieces or [pa.repeat("{", len(array))]), "}")
    return pc.if_else(pc.is_valid(array), text, pa.scalar(None, pa.large_string()))
