"""Texts without what a rule takes out of them, and the rows that say what that was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import pii
from curate.algorithms.batches import batches
from curate.algorithms.normalise import digests, text_bytes
from curate.kernels import arrow
from curate.storage.schema import SPANS

BATCH_BYTES = 4 << 20
EMPTY = "nothing left of its text"


class Cleaned(NamedTuple):
    """Of `read` documents those that are left, how many were removed by reason, counts, and rows of `schema.SPANS`."""

    read: int
    table: pa.Table
    removed: dict[str, int]
    counts: dict[str, int]
    spans: pa.Table


def cleaned(table: pa.Table, *, mask: bool) -> Iterator[Cleaned]:
    """Clean the documents of a table, 4 MiB of text at a time or one longer document; gives one at least.

    Memory: the text at a time twice, and 160 bytes for each stretch of it.
    """
    texts = arrow.combined(table["text"])
    for start, batch in batches(texts, BATCH_BYTES) if table.num_rows else [(0, texts)]:
        yield _cleaned(table.slice(start, len(batch)), mask)


def _cleaned(table: pa.Table, mask: bool) -> Cleaned:
    texts = arrow.strings(table["text"])
    found = pii.find(texts) if mask else np.empty((0, 4), dtype=np.int64)
    text, characters = pii.masked(texts, found)
    kinds = np.bincount(found[:, 3], minlength=len(pii.KINDS))
    counts = {f"masked_{kind}": int(number) for kind, number in zip(pii.KINDS, kinds, strict=True) if number}
    if len(found):
        counts["characters_masked"] = characters
        counts["documents_masked"] = len(np.unique(found[:, 0]))
    spans = _span_rows(table["id"], texts, found)
    return Cleaned(table.num_rows, _with_text(table, text), {}, counts, spans)


def _span_rows(ids: arrow.Array, texts: arrow.Strings, found: np.ndarray) -> pa.Table:
    """Rows that say where personal data stood and of what kind, and not what it was."""
    starts = texts.offsets[found[:, 0]] - texts.offsets[0]
    reasons = pa.DictionaryArray.from_arrays(pa.array(found[:, 3]), pa.array(pii.PLACEHOLDERS)).dictionary_decode()
    columns = {
        "id": arrow.combined(ids).take(pa.array(found[:, 0])),
        "start": found[:, 1] - starts,
        "end": found[:, 2] - starts,
        "reason": reasons,
        "of": pa.nulls(len(found), pa.string()),
        "of_start": pa.nulls(len(found), pa.int64()),
    }
    return pa.table(columns).cast(SPANS)


def _with_text(table: pa.Table, text: pa.Array) -> pa.Table:
    changed = {"text": text, "digest": digests(text), "bytes": pa.array(text_bytes(text))}
    for name, values in changed.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table
