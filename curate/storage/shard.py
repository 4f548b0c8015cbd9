"""Shards: Parquet files whose footers say what made them and what they hold."""

from __future__ import annotations

import contextlib
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curate.errors import DataError
from curate.storage import files

ROW_GROUP_BYTES = 8 << 20
_KEY = b"curate"
_SUM = b"curate-crc32"
_FEW_VALUES = ("source", "origin", "language")


def write(path: Path, table: pa.Table, footer: dict[str, Any]) -> None:
    """Write a table as one shard, whole or not at all, a row group for about every 8 MiB.

    footer: plain JSON, read back by `read_footer`. Wide columns get no statistics: the least and greatest
    text of a page would be held whole, six times its size for one document of 126 MB.
    """
    table = table.combine_chunks().replace_schema_metadata(metadata(footer))
    with files.replacing(path) as aside:
        few: Any = [name for name in _FEW_VALUES if name in table.column_names] or False
        small: Any = [field.name for field in table.schema if not is_wide(field.type)] or False
        with pq.ParquetWriter(
            aside, table.schema, compression="zstd", compression_level=1, use_dictionary=few, write_statistics=small
        ) as writer:
            start = 0
            for rows in even_groups(table):
                writer.write_table(table.slice(start, rows), row_group_size=max(rows, 1))
                start += rows


class Pieces:
    """A Parquet file written table by table, a row group each, whole or not at all; none without a table.

    Its footer holds what is given, and the digest of each table. codec: `none` for hashes, which none makes smaller.
    durable: see `files.replacing`.
    """

    def __init__(
        self, path: Path, footer: dict[str, Any] | None = None, codec: str = "zstd", durable: bool = True
    ) -> None:
        self._path = path
        self._footer = footer or {}
        self._codec = codec
        self._durable = durable
        self._stack = contextlib.ExitStack()
        self._writer: pq.ParquetWriter | None = None
        self._digests: list[str] = []

    def __enter__(self) -> Pieces:
        return self

    def add(self, table: pa.Table, digest: str) -> None:
        """Append a table, as one row group; digest: that of its values."""
        if self._writer is None:
            aside = self._stack.enter_context(files.replacing(self._path, self._durable))
            self._writer = pq.ParquetWriter(
                aside, table.schema, compression=self._codec, use_dictionary=False, write_statistics=False
            )
        self._digests.append(digest)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))

    def __exit__(self, kind: Any, problem: Any, trace: Any) -> None:
        if self._writer is not None:
            self._writer.add_key_value_metadata(metadata({**self._footer, "digests": self._digests}))
            self._writer.close()
        self._stack.__exit__(kind, problem, trace)


def is_wide(kind: pa.DataType) -> bool:
    """Whether one value of a type may be large: texts, vectors, models."""
    return pa.types.is_nested(kind) or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)


def metadata(footer: dict[str, Any]) -> dict[bytes, bytes]:
    """A footer as Parquet keeps it, with a sum, since nothing else in a file covers it."""
    text = json.dumps(footer, sort_keys=True).encode()
    return {_KEY: text, _SUM: _sum_of(text)}


def _sum_of(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x}".encode()


def even_groups(table: pa.Table) -> list[int]:
    """Row counts of groups of about 8 MiB each; a function of the values alone."""
    if table.num_rows == 0:
        return []
    rows = max(1, min(table.num_rows, table.num_rows * ROW_GROUP_BYTES // max(1, value_bytes(table))))
    full, rest = divmod(table.num_rows, rows)
    return [rows] * full + ([rest] if rest else [])


def value_bytes(table: pa.Table) -> int:
    """Bytes of the values, however they lie in memory (`Table.nbytes` depends on slicing)."""
    return sum(_value_bytes(column) for column in table.columns)


def _value_bytes(column: pa.ChunkedArray) -> int:
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        return len(column) * kind.list_size * kind.value_type.bit_width // 8
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = kind.value_type
        width = inner.bit_width // 8 if pa.types.is_primitive(inner) else 16
        return (pc.sum(pc.list_value_length(column)).as_py() or 0) * width
    if pa.types.is_primitive(kind) or pa.types.is_fixed_size_binary(kind):
        return len(column) * kind.bit_width // 8
    if pa.types.is_dictionary(kind):
        return len(column) * kind.index_type.bit_width // 8
    if pa.types.is_struct(kind) or pa.types.is_null(kind):
        return 16 * len(column)
    return pc.sum(pc.binary_length(column)).as_py() or 0


def read_footer(path: Path) -> dict[str, Any] | None:
    """The footer of a finished shard; None when there is no such file, or none of ours."""
    try:
        found = pq.read_metadata(path).metadata or {}
        text = found.get(_KEY)
        if text is not None and found.get(_SUM) != _sum_of(text):
            raise ValueError("its footer is damaged")
        return json.loads(text) if text is not None else None
    except FileNotFoundError:
        return None
    except (pa.ArrowInvalid, OSError, ValueError) as problem:
        raise DataError(f"{path}: not a readable shard ({problem}); delete it and run the command again") from None


def read_schema(path: Path) -> pa.Schema:
    """The columns of a shard. Raises DataError when it is missing or damaged."""
    try:
        return pq.read_schema(path).remove_metadata()
    except (pa.ArrowInvalid, OSError) as problem:
        raise _unreadable(path, problem) from None


def _unreadable(path: Path, problem: Exception) -> DataError:
    if isinstance(problem, FileNotFoundError):
        return DataError(f"{path}: the shard is missing; the command that made it, run again, makes it anew")
    return DataError(f"{path}: not a readable shard ({problem}); `curate verify` says what is wrong")


def read(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a shard, or some columns of it in the order given."""
    try:
        table = pq.ParquetFile(path, memory_map=True).read(
            columns=None if columns is None else list(columns), use_threads=False
        )
    except (pa.ArrowInvalid, OSError) as problem:
        raise _unreadable(path, problem) from None
    table = table.replace_schema_metadata(None)
    return table if columns is None else table.select(list(columns))


def read_model(path: Path) -> pa.Table:
    """The first table of a file of `Pieces`, or all of a file that `write` made."""
    footer = read_footer(path)
    return next(groups(path)) if footer and "digests" in footer else read(path)


def groups(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """A shard's tables, a row group at a time, or some columns of them."""
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            for i in range(file.num_row_groups):
                yield file.read_row_group(i, columns, use_threads=False).replace_schema_metadata(None)
    except (pa.ArrowInvalid, OSError) as problem:
        raise _unreadable(path, problem) from None


def read_rows(path: Path, columns: Sequence[str], rows: np.ndarray) -> pa.Table:
    """Some rows of a shard, of ascending numbers, reading only the row groups that hold any."""
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            ends = np.cumsum([0, *sizes])
            cuts = np.searchsorted(rows, ends)
            found = [file.schema_arrow.remove_metadata().empty_table().select(list(columns))]
            for i in np.flatnonzero(np.diff(cuts)):
                group = file.read_row_group(int(i), columns=list(columns), use_threads=False)
                wanted = rows[cuts[i] : cuts[i + 1]] - ends[i]
                found.append(group.select(list(columns)).replace_schema_metadata(None).take(pa.array(wanted)))
    except (pa.ArrowInvalid, OSError) as problem:
        raise _unreadable(path, problem) from None
    return pa.concat_tables(found)


def find(path: Path, column: str, value: str) -> np.ndarray:
    """The rows of a shard in which a column of strings has a value: int64, ascending.

    Reads that column alone, and no row group whose least and greatest value leave it out.
    """
    found, before = [np.empty(0, dtype=np.int64)], 0
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            number = [file.schema.column(i).path for i in range(len(file.schema))].index(column)
            for i in range(file.num_row_groups):
                group = file.metadata.row_group(i)
                if _may_hold(group.column(number).statistics, value):
                    values = file.read_row_group(i, columns=[column], use_threads=False)[column]
                    found.append(np.flatnonzero(pc.fill_null(pc.equal(values, value), False).to_numpy()) + before)
                before += group.num_rows
    except (pa.ArrowInvalid, OSError) as problem:
        raise _unreadable(path, problem) from None
    return np.concatenate(found)


def _may_hold(statistics: pq.Statistics | None, value: str) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return statistics.min <= value <= statistics.max
