"""Personal data in texts: how much of each kind, where, and the texts without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from curate.algorithms.batches import batches
from curate.algorithms.pii_tables import lookup, words
from curate.errors import counted
from curate.kernels import arrow
from curate.kernels import pii as kernels
from curate.kernels.pii_phones import MOST_GROUPS

KINDS = ("email", "ip", "phone", "iban", "card", "key", "private_key")
"""By the number that the kernels give a kind."""
PLACEHOLDERS = tuple(f"<{kind.upper()}>" for kind in KINDS)
COLUMNS = (*(f"pii_{kind}" for kind in KINDS), "pii_total")
BATCH_BYTES = 8 << 20
_BYTES_PER_SPAN = 128


def find(texts: arrow.Strings) -> np.ndarray:
    """The stretches of personal data: int64, shape (k, 4), as `kernels.find` gives them.

    Memory: 32 bytes a stretch, twice, and a quarter of the text at least.
    """
    size = int(texts.offsets[-1] - texts.offsets[0])
    room = 64 + size // _BYTES_PER_SPAN
    groups = np.empty((MOST_GROUPS, 3), dtype=np.int64)
    while True:
        out = np.empty((room, 4), dtype=np.int64)
        found = kernels.find(texts.offsets, texts.data, groups, lookup(), out)
        if found != kernels.NO_ROOM:
            return out[:found]
        room *= 4


def counts(texts: arrow.Array) -> pa.Table:
    """A row a text: int32, the stretches of each kind and of all: `COLUMNS`."""
    texts = arrow.combined(texts)
    out = np.zeros((len(texts), len(KINDS)), dtype=np.int32)
    for start, batch in batches(texts, BATCH_BYTES):
        kernels.count(find(arrow.strings(batch)), out[start : start + len(batch)])
    columns = [np.ascontiguousarray(out[:, kind]) for kind in range(len(KINDS))]
    return pa.table([*columns, out.sum(axis=1, dtype=np.int32)], names=list(COLUMNS))


def masked(texts: arrow.Strings, spans: np.ndarray) -> tuple[pa.Array, int]:
    """The texts with a placeholder for each stretch that `find` found, and how many characters these had."""
    marks = words(list(PLACEHOLDERS))
    offsets = np.empty_like(texts.offsets)
    grown = np.diff(marks.offsets)[spans[:, 3]].sum() - (spans[:, 2] - spans[:, 1]).sum()
    data = np.empty(int(texts.offsets[-1] - texts.offsets[0] + grown), dtype=np.uint8)
    characters = kernels.with_marks(texts.offsets, texts.data, spans, marks.offsets, marks.data, offsets, data)
    return arrow.string_array(offsets, data), int(characters)


def matches(texts: list[str]) -> Iterator[tuple[int, str, str]]:
    """The number of the text, the kind and the words of each stretch, for people."""
    encoded = [text.encode() for text in texts]
    starts = np.cumsum([0, *map(len, encoded)])
    for row, start, end, kind in find(arrow.strings(pa.array(texts, pa.large_string()))).tolist():
        yield row, KINDS[kind], encoded[row][start - starts[row] : end - starts[row]].decode()


def summed(counted: pa.Table) -> pa.Table:
    """Of rows of `counts`, a row for each column: `kind`, the `documents` that have any, and the `matches`."""
    values = [arrow.numbers(counted[name]) for name in COLUMNS]
    return pa.table(
        {
            "kind": [name.removeprefix("pii_") for name in COLUMNS],
            "documents": [int(np.count_nonzero(column)) for column in values],
            "matches": [int(column.sum(dtype=np.int64)) for column in values],
        }
    )


def united(tables: Iterable[pa.Table]) -> pa.Table:
    """The sum of tables of `summed`."""
    totals = np.zeros((2, len(COLUMNS)), dtype=np.int64)
    for table in tables:
        for i, name in enumerate(("documents", "matches")):
            totals[i] += arrow.numbers(table[name]).reshape(-1, len(COLUMNS)).sum(axis=0)
    kinds = [name.removeprefix("pii_") for name in COLUMNS]
    return pa.table({"kind": kinds, "documents": totals[0], "matches": totals[1]})


def report_lines(summary: pa.Table) -> list[str]:
    """What was found of each kind."""
    rows = summary.to_pylist()
    found = [f"{row['matches']:,} {row['kind']} in {row['documents']:,}" for row in rows[:-1] if row["matches"]]
    return [
        f"{counted(rows[-1]['documents'], 'document')} with personal data" + (f": {', '.join(found)}" if found else "")
    ]
