"""What `ingest` asks of documents: whether their ids are theirs alone, and whether they say anything."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from curate.algorithms.normalise import digests
from curate.kernels import arrow, fields


def surveyed(ids: pa.ChunkedArray, places: pa.ChunkedArray, shard: int, first_row: int) -> pa.Table:
    """A row a document: `key` (the 128-bit hash of its id), `part` (uint32, of the key), `shard`, `row`, `place`."""
    keys = digests(ids)
    parts = np.ascontiguousarray(arrow.fixed_bytes(keys)[:, :4]).view("<u4").reshape(-1)
    return pa.table(
        {
            "part": pa.array(parts.astype(np.uint32)),
            "key": keys,
            "shard": pa.array(np.full(len(ids), shard, dtype=np.int32)),
            "row": pa.array(np.arange(first_row, first_row + len(ids), dtype=np.int64)),
            "place": places,
        }
    )


def repeated(tables: Iterable[pa.Table]) -> pa.Table:
    """Of surveyed rows, those whose key an earlier row has: `shard`, `row` and `first`, the place of that row.

    Earlier is by shard, then row. Holds all rows given: about 100 bytes a document.
    """
    table = pa.concat_tables(tables).combine_chunks()
    halves = np.ascontiguousarray(arrow.fixed_bytes(table["key"])).view("<u8").reshape(-1, 2)
    order = np.lexsort((arrow.numbers(table["row"]), arrow.numbers(table["shard"]), halves[:, 1], halves[:, 0]))
    halves = halves[order]
    again = np.zeros(len(order), dtype=np.bool_)
    again[1:] = (halves[1:] == halves[:-1]).all(axis=1)
    firsts = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
    found = table.select(["shard", "row"]).take(pa.array(order[again]))
    return found.append_column("first", table["place"].take(pa.array(order[firsts[again]])))


def is_blank(texts: pa.ChunkedArray) -> np.ndarray:
    """Bool, shape (n,): which texts are nothing but ASCII white space."""
    values = arrow.strings(texts)
    out = np.empty(len(values), dtype=np.bool_)
    fields.unblank(values.offsets, values.data, out)
    return ~out
