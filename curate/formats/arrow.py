"""Arrow IPC, the file format (also called Feather) and the stream format; told apart by their first bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from curate.formats.fields import Fields
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.tables import BATCH_BYTES, piece
from curate.formats.whole import random_access

_FILE_MAGIC = b"ARROW1"


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The rows; a position is the number of the row in the file."""
    with random_access(source) as file:
        if isinstance(file, list):
            yield rejected(file, fields)
            return
        row = 0
        for item in _batches(file):
            if isinstance(item, str):
                yield rejected([Reject(row, "row", "damaged Arrow data", item)], fields)
                continue
            for part in _parts(item):
                yield piece(part, row, fields, settings.most_bytes)
                row += part.num_rows


def _batches(file: pa.NativeFile) -> Iterator[pa.RecordBatch | str]:
    """Record batches, and what is wrong with those that cannot be read."""
    magic = file.read(len(_FILE_MAGIC))
    file.seek(0)
    try:
        if magic != _FILE_MAGIC:
            yield from pa.ipc.open_stream(file)
            return
        reader = pa.ipc.open_file(file)
    except (pa.ArrowException, OSError) as problem:
        yield str(problem)
        return
    for number in range(reader.num_record_batches):
        try:
            yield reader.get_batch(number)
        except (pa.ArrowException, OSError) as problem:
            yield f"record batch {number}: {problem}"


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    rows = max(1, batch.num_rows * BATCH_BYTES // max(batch.nbytes, 1))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
