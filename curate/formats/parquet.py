"""Parquet, a row group at a time; each row lost in a damaged row group is a reject, and the next groups are read on."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from curate.formats.fields import Fields
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.tables import BATCH_BYTES, piece
from curate.formats.whole import random_access

_MOST_ROWS = 1 << 16


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The rows of the row groups whose middle lies in the source's range; a position is a row's number in the file."""
    with random_access(source) as file:
        if isinstance(file, list):
            yield rejected([] if source.start else file, fields)
            return
        try:
            opened = pq.ParquetFile(file, pre_buffer=False)
        except (pa.ArrowException, OSError) as problem:
            reject = Reject(0, "byte", "damaged Parquet file", str(problem))
            yield rejected([] if source.start else [reject], fields)
            return
        row = 0
        for group in range(opened.num_row_groups):
            metadata = opened.metadata.row_group(group)
            if _inside(metadata, source):
                yield from _group(opened, group, row, fields, settings)
            row += metadata.num_rows


def _inside(group: pq.RowGroupMetaData, source: Source) -> bool:
    columns = [group.column(i) for i in range(group.num_columns)]
    if not columns:
        return source.start == 0
    starts = [min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) for c in columns]
    middle = min(starts) + sum(column.total_compressed_size for column in columns) // 2
    return source.start <= middle and (source.end is None or middle < source.end)


def _group(opened: pq.ParquetFile, group: int, row: int, fields: Fields, settings: Settings) -> Iterator[Piece]:
    metadata = opened.metadata.row_group(group)
    end = row + metadata.num_rows
    size = BATCH_BYTES * metadata.num_rows // max(metadata.total_byte_size, 1)
    try:
        for batch in opened.iter_batches(min(max(size, 1), _MOST_ROWS), row_groups=[group], use_threads=False):
            yield piece(batch, row, fields, settings.most_bytes)
            row += batch.num_rows
    except (pa.ArrowException, OSError) as problem:
        detail = f"row group {group}: {problem}"
        lost = [Reject(number, "row", "damaged Parquet row group", detail) for number in range(row, end)]
        yield rejected(lost, fields)
