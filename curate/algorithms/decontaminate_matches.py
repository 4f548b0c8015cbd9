"""The stretches of benchmarks' items that stand in documents."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from curate.algorithms.decontaminate_items import Items, spelling
from curate.kernels import arrow, contamination
from curate.kernels.contamination import COLUMNS

LEAST_BITS = 24.0
SHOWN = 600
_AROUND = 60
_ROOM = 1 << 16

MATCHES = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("item", pa.int64()),
        ("equal", pa.int64()),
        ("same", pa.int64()),
        ("other", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("id", pa.string()),
        ("source", pa.string()),
        ("text", pa.string()),
    ]
)
"""What `survey` gives: a stretch of an item, tokens `start` to `end` of all items', in a document, and its text there
if it is long enough. With item -1, `equal` is the number of documents in a shard."""


def survey(table: pa.Table, known: Items) -> Iterator[pa.Table]:
    """`MATCHES` of a shard; a document's rows are together.

    Memory beside the text: 96 MiB at most for a text's tokens, 56 bytes an item, and at least 3.5 MB.
    """
    yield _empty(1).set_column(3, "equal", pa.array([table.num_rows]))
    values = arrow.strings(table["text"])
    count = contamination.room(values.offsets)
    hashes, spans = np.empty(count, dtype=np.uint64), np.empty((count, 2), dtype=np.int64)
    latest, seen = np.empty((len(known.benchmark), 4), dtype=np.int64), np.empty(len(known.benchmark), dtype=np.int64)
    out = np.empty((len(known.benchmark) + _ROOM, COLUMNS), dtype=np.int64)
    row = 0
    while row < len(values):
        latest.fill(-1)
        seen.fill(-1)
        row, found = contamination.find(
            values.offsets, values.data, row, spelling(), known.index, hashes, spans, latest, seen, out
        )
        if found:
            yield _matches(table, values, known, out[:found])


def _empty(rows: int) -> pa.Table:
    fill = {"shard": 0, "row": 0, "item": -1, "equal": 0, "same": 0, "other": 0, "start": 0, "end": 0}
    columns = [pa.array([fill.get(field.name)] * rows, field.type) for field in MATCHES]
    return pa.table(columns, schema=MATCHES)


def _matches(table: pa.Table, values: arrow.Strings, known: Items, found: np.ndarray) -> pa.Table:
    row, item, equal, same, other, start, end, first, last = map(np.ascontiguousarray, found.T)
    enough = (equal >= known.needed[item]) & telling(known, start, end, same, other)
    texts = [
        excerpt(values.data[values.offsets[r] : values.offsets[r + 1]], at, to) if told else None
        for r, at, to, told in zip(row, first, last, enough, strict=True)
    ]
    taken = table.select(["shard", "row", "id", "source"]).take(pa.array(row))
    numbers = (item, equal, same, other, start, end)
    return pa.table([taken["shard"], taken["row"], *numbers, taken["id"], taken["source"], texts], schema=MATCHES)


def telling(known: Items, start: np.ndarray, end: np.ndarray, same: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which stretches tell enough, and have no more numbers that differ than numbers that are the same."""
    return (known.bits[end] - known.bits[start] >= LEAST_BITS) & (other <= same)


def excerpt(data: np.ndarray, start: int, end: int) -> str:
    """The text from byte to byte with something around it."""
    first = max(0, start - _AROUND)
    last = min(len(data), min(end + _AROUND, first + SHOWN))
    text = data[first:last].tobytes().decode(errors="ignore")
    return f"{'…' if first else ''}{text}{'…' if last < len(data) else ''}"
