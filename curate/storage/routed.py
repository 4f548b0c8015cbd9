"""Working files whose rows are grouped by a key, so that one key's rows are read without the others.

A file is a sequence of Arrow streams, one for each piece of a key, then one that says where each of them lies, then
the place of that. A shuffle makes many small pieces: a Parquet footer with a row group for each takes 14 µs a group to
read, which every task would pay for all pieces of all files, and 9 kB to write.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from curate.storage import files
from curate.storage.shard import value_bytes

FLUSH_BYTES = 64 << 20
_LEAST_FLUSH = 4 << 20

_PLACE = ("key", "start", "size", "rows", "bytes")
_COMPRESSED = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1), use_threads=False)
_PLAIN = pa.ipc.IpcWriteOptions(use_threads=False)
_SAMPLE_BYTES = 1 << 16
_WORTH = 0.8
_LARGE = 1 << 20


def flush_bytes(keys: int, piece: int = 1 << 18, most: int = FLUSH_BYTES) -> int:
    """What to collect of so many keys, so that the piece of one takes `piece` bytes: less would be slow to read."""
    return min(max(_LEAST_FLUSH, keys * piece), most)


class RoutedWriter:
    """Collects tables and writes them in pieces of about 64 MiB, each sorted by key.

    Rows of one key keep the order in which they were added. 40 bytes are held for each piece of a key. What does not
    get smaller by a fifth, such as hashes, is not compressed, and read in place.
    """

    def __init__(self, file: pa.NativeFile, flush_bytes: int = FLUSH_BYTES) -> None:
        self._file = file
        self._flush_bytes = flush_bytes
        self._waiting: list[tuple[np.ndarray, pa.Table]] = []
        self._size = 0
        self._places = array("q")
        self._schema: pa.Schema | None = None
        self._options = _COMPRESSED

    def add(self, keys: np.ndarray, table: pa.Table) -> None:
        """Add rows; keys: integers, shape (rows,)."""
        self._waiting.append((keys, table))
        self._size += value_bytes(table)
        if self._size > self._flush_bytes:
            self._flush()

    def close(self, footer: dict[str, Any]) -> None:
        """Write what is left, the footer and where all lies."""
        self._flush()
        if self._schema is None:
            raise ValueError("nothing was added, not even an empty table")
        places = np.frombuffer(self._places, dtype=np.int64).reshape(-1, len(_PLACE))
        about = {"footer": json.dumps(footer, sort_keys=True).encode(), "schema": self._schema.serialize().to_pybytes()}
        table = pa.table(dict(zip(_PLACE, places.T, strict=True))).replace_schema_metadata(about)
        start = self._file.tell()
        with pa.ipc.new_stream(self._file, table.schema) as writer:
            writer.write_table(table)
        self._file.write(start.to_bytes(8, "little"))

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables([table for _, table in self._waiting]).replace_schema_metadata(None)
        keys = np.concatenate([keys for keys, _ in self._waiting])
        one_key = not len(keys) or keys.min() == keys.max()
        if not one_key or self._size < _LARGE * len(self._waiting):
            table = table.combine_chunks()
        self._waiting, self._size = [], 0
        if self._schema is None:
            self._schema, self._options = table.schema, _options(table)
        if not one_key:
            small = keys.astype(np.uint16) if keys.min() >= 0 and keys.max() < 1 << 16 else keys
            order = np.argsort(small, kind="stable")  # of 16 bits a radix sort: a tenth of the time
            table, keys = table.take(pa.array(order)), keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
        for start, end in zip(starts, np.append(starts[1:], len(keys)), strict=False):
            self._write(int(keys[start]), table.slice(start, end - start))

    def _write(self, key: int, table: pa.Table) -> None:
        start = self._file.tell()
        with pa.ipc.new_stream(self._file, self._schema, options=self._options) as writer:
            writer.write_table(table)
        self._places.extend((key, start, self._file.tell() - start, table.num_rows, table.nbytes))


def _options(table: pa.Table) -> pa.ipc.IpcWriteOptions:
    sample = table.slice(0, table.num_rows * _SAMPLE_BYTES // max(1, value_bytes(table)))
    plain, compressed = (_written_bytes(sample, options) for options in (_PLAIN, _COMPRESSED))
    return _COMPRESSED if compressed < _WORTH * plain else _PLAIN


def _written_bytes(table: pa.Table, options: pa.ipc.IpcWriteOptions) -> int:
    sink = pa.MockOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.size()


def write(
    path: Path,
    tables: Iterable[tuple[np.ndarray, pa.Table]],
    footer: dict[str, Any],
    flush_bytes: int = FLUSH_BYTES,
    durable: bool = True,
) -> None:
    """Write tables grouped by key, whole or not at all."""
    with files.replacing(path, durable) as aside, pa.output_stream(aside, None, buffer_size=1 << 20) as file:
        writer = RoutedWriter(file, flush_bytes)
        for keys, table in tables:
            writer.add(keys, table)
        writer.close(footer)


def read(path: Path, key: int | None = None, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The tables of one key, or of all, in the order written; at least one, perhaps empty."""
    names = None if columns is None else list(columns)
    with pa.memory_map(str(path)) as file:
        places = _places(file)
        schema = pa.ipc.read_schema(pa.py_buffer(places.schema.metadata[b"schema"]))
        chosen = None if names is None else [schema.get_field_index(name) for name in names]
        reading = pa.ipc.IpcReadOptions(included_fields=chosen, use_threads=False)
        starts, sizes = (places[name].to_numpy() for name in ("start", "size"))
        found = range(len(starts)) if key is None else np.flatnonzero(places["key"].to_numpy() == key)
        for i in found:
            file.seek(starts[i])
            stream = pa.ipc.open_stream(file.read_buffer(sizes[i]), options=reading)
            for batch in list(stream) or [pa.RecordBatch.from_pylist([], stream.schema)]:
                table = pa.Table.from_batches([batch])
                yield table if names is None else table.select(names)
        if not len(found):
            empty = schema.empty_table()
            yield empty if names is None else empty.select(names)


def read_footer(path: Path) -> dict[str, Any]:
    """The footer that a file was written with."""
    with open(path, "rb") as file:
        return json.loads(_places(file).schema.metadata[b"footer"])


def sizes(path: Path) -> dict[int, tuple[int, int, int]]:
    """Rows and bytes, as Arrow holds them, of each key, and the bytes of its largest piece."""
    with open(path, "rb") as file:
        places = _places(file)
    found: dict[int, tuple[int, int, int]] = {}
    for key, rows, size in zip(*(places[name].to_pylist() for name in ("key", "rows", "bytes")), strict=True):
        before = found.get(key, (0, 0, 0))
        found[key] = before[0] + rows, before[1] + size, max(before[2], size)
    return found


def _places(file: BinaryIO | pa.NativeFile) -> pa.Table:
    """Where the pieces lie, a row each in the order written; what else there is to know is in the schema's metadata."""
    file.seek(-8, 2)
    start = int.from_bytes(file.read(8), "little")
    file.seek(start)
    return pa.ipc.open_stream(file.read()).read_all()
