"""Working files whose rows are grouped by a key, so that one key's rows are read without the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.storage import files
from curate.storage.shard import metadata, value_bytes

FLUSH_BYTES = 64 << 20


class RoutedWriter:
    """Collects tables and writes them in pieces of about 64 MiB, each sorted by key, a row group a key.

    Rows of one key keep the order in which they were added.
    """

    def __init__(self, path: Path, flush_bytes: int = FLUSH_BYTES) -> None:
        self._path = path
        self._flush_bytes = flush_bytes
        self._waiting: list[tuple[np.ndarray, pa.Table]] = []
        self._size = 0
        self._groups: dict[int, list[int]] = {}
        self._written = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, keys: np.ndarray, table: pa.Table) -> None:
        """Add rows; keys: integers, shape (rows,)."""
        self._waiting.append((keys, table))
        self._size += value_bytes(table)
        if self._size > self._flush_bytes:
            self._flush()

    def close(self, footer: dict[str, Any]) -> None:
        """Write what is left and the footer, to which the groups of each key are added."""
        self._flush()
        if self._writer is None:
            raise ValueError(f"{self._path}: nothing was added, not even an empty table")
        whole = {**footer, "groups": {str(key): groups for key, groups in sorted(self._groups.items())}}
        self._writer.add_key_value_metadata(metadata(whole))
        self._writer.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables([table for _, table in self._waiting]).combine_chunks()
        keys = np.concatenate([keys for keys, _ in self._waiting])
        self._waiting, self._size = [], 0
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=False,
                write_statistics=False,
            )
        if len(keys) and keys.min() != keys.max():
            small = keys.astype(np.uint16) if keys.min() >= 0 and keys.max() < 1 << 16 else keys
            order = np.argsort(small, kind="stable")  # of 16 bits a radix sort: a tenth of the time
            table, keys = table.take(pa.array(order)), keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
        for start, end in zip(starts, np.append(starts[1:], len(keys)), strict=False):
            self._writer.write_table(table.slice(start, end - start), row_group_size=end - start)
            self._groups.setdefault(int(keys[start]), []).append(self._written)
            self._written += 1


def write(
    path: Path,
    tables: Iterable[tuple[np.ndarray, pa.Table]],
    footer: dict[str, Any],
    flush_bytes: int = FLUSH_BYTES,
    durable: bool = True,
) -> None:
    """Write tables grouped by key, whole or not at all."""
    with files.replacing(path, durable) as aside:
        writer = RoutedWriter(aside, flush_bytes)
        for keys, table in tables:
            writer.add(keys, table)
        writer.close(footer)


def read(path: Path, key: int | None = None, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The tables of one key, or of all, in the order written; at least one, perhaps empty."""
    names = None if columns is None else list(columns)
    with pq.ParquetFile(path) as file:
        footer = json.loads(file.metadata.metadata[b"curate"])
        groups = range(file.num_row_groups) if key is None else footer["groups"].get(str(key), [])
        for group in groups:
            yield file.read_row_group(group, columns=names, use_threads=False).replace_schema_metadata(None)
        if not groups:
            empty = file.schema_arrow.remove_metadata().empty_table()
            yield empty if names is None else empty.select(names)


def sizes(path: Path) -> dict[int, tuple[int, int]]:
    """Rows and bytes before compression of each key."""
    metadata = pq.read_metadata(path)
    found: dict[int, tuple[int, int]] = {}
    for key, groups in json.loads(metadata.metadata[b"curate"])["groups"].items():
        parts = [metadata.row_group(group) for group in groups]
        found[int(key)] = (sum(part.num_rows for part in parts), sum(part.total_byte_size for part in parts))
    return found
