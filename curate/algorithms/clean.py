"""Texts without what C4's rules drop and without personal data, and the rows that say where that stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import c4, pii
from curate.algorithms.batches import batches
from curate.algorithms.documents import is_blank
from curate.algorithms.normalise import digests, text_bytes
from curate.kernels import arrow, c4_spans
from curate.kernels.c4 import BEYOND
from curate.kernels.rules_characters import characters
from curate.storage.schema import SPANS

BATCH_BYTES = 4 << 20
EMPTY = "nothing left of its text"
_NAMES = {kind: f"c4: {name.replace('_', ' ')}" for name, kind in {**c4.RULES, "citation": c4_spans.CITATION}.items()}
_FIRST_MASK = c4_spans.CITATION + 1
_REASONS = [*(_NAMES.get(kind, "") for kind in range(_FIRST_MASK)), *pii.PLACEHOLDERS]
_BYTES_PER_LINE = 32
_ROWS_AT_ONCE = 1 << 17


class Cleaning(NamedTuple):
    """What to do: C4's line rules, its rule on terminal punctuation among them, and masks for personal data."""

    c4: bool
    ended_only: bool
    mask: bool


class Cleaned(NamedTuple):
    """Of `read` documents those that are left, how many were removed by reason, counts, and rows of `schema.SPANS`."""

    read: int
    table: pa.Table
    removed: dict[str, int]
    counts: dict[str, int]
    spans: pa.Table


class _Pieces(NamedTuple):
    """Where pieces of texts start in the cleaned texts, laid end to end, and where in the texts as they were."""

    cleaned: np.ndarray
    before: np.ndarray

    def place(self, at: np.ndarray) -> np.ndarray:
        """Where bytes of the cleaned texts were."""
        piece = np.searchsorted(self.cleaned, at, side="right") - 1
        return at - self.cleaned[piece] + self.before[piece]


def cleaned(table: pa.Table, cleaning: Cleaning) -> Iterator[Cleaned]:
    """Clean the documents of a table, 4 MiB of text at a time or one longer document; gives one at least.

    C4's rules come first, as in the published pipelines, and what they leave is masked. Rows of spans that are many
    come in several, of which all but the first have no documents. Memory: the text at a time three times, and 120 bytes
    for each stretch of it that goes.
    """
    texts = arrow.combined(table["text"])
    for start, batch in batches(texts, BATCH_BYTES) if table.num_rows else [(0, texts)]:
        yield from _cleaned(table.slice(start, len(batch)), cleaning)


def _cleaned(table: pa.Table, cleaning: Cleaning) -> Iterator[Cleaned]:
    before = arrow.combined(table["text"])
    texts, counts, pieces = before, {}, None
    taken = np.empty((0, 4), dtype=np.int64)
    if cleaning.c4:
        texts, taken, pieces, counts = _by_lines(texts, cleaning.ended_only)
    if cleaning.mask:
        texts, masks, more = _masked(texts, pieces)
        taken, counts = _merged(taken, masks), counts | more
    left = _with_text(table, texts).filter(pa.array(~is_blank(pa.chunked_array([texts]))))
    removed = {EMPTY: table.num_rows - left.num_rows} if left.num_rows < table.num_rows else {}
    rows = _span_rows(table["id"], arrow.strings(before), taken)
    yield Cleaned(table.num_rows, left, removed, counts, next(rows))
    for piece in rows:
        yield Cleaned(0, left.slice(0, 0), {}, {}, piece)


def _by_lines(texts: pa.Array, ended_only: bool) -> tuple[pa.Array, np.ndarray, _Pieces, dict[str, int]]:
    """What C4's line rules leave, what they took, where what they left was, and counts."""
    found = c4.clean(texts, ended_only)
    taken, pieces = _places(arrow.strings(texts), arrow.strings(found.texts), ended_only)
    counts = {f"c4_lines_{name}": number for name, number in found.lines.items()}
    counts |= {f"c4_characters_{name}": number for name, number in found.characters.items()}
    counts |= {"c4_citations": found.citations, "c4_citation_bytes": found.citation_bytes}
    counts["c4_documents_changed"] = len(np.unique(taken[:, 0]))
    return found.texts, taken, pieces, {name: number for name, number in counts.items() if number}


def _places(before: arrow.Strings, after: arrow.Strings, ended_only: bool) -> tuple[np.ndarray, _Pieces]:
    """What went, as `c4_spans.find` gives it, and what stayed."""
    scratch = np.empty(int(np.diff(before.offsets).max(initial=0)) + BEYOND, dtype=np.uint8)
    room = 64 + int(before.offsets[-1] - before.offsets[0]) // _BYTES_PER_LINE
    while True:
        taken, kept = np.empty((room, 4), dtype=np.int64), np.empty((room, 2), dtype=np.int64)
        texts = (before.offsets, before.data, after.offsets)
        count, pieces = c4_spans.find(*texts, characters(), ended_only, scratch, taken, kept)
        if count != c4_spans.NO_ROOM:
            kept = np.ascontiguousarray(kept[:pieces].T)
            return taken[:count], _Pieces(kept[0], kept[1])
        room *= 4


def _masked(texts: pa.Array, pieces: _Pieces | None) -> tuple[pa.Array, np.ndarray, dict[str, int]]:
    """Texts with placeholders for personal data, where that was before `pieces` were left of them, and counts."""
    values = arrow.strings(texts)
    found = pii.find(values)
    text, size = pii.masked(values, found)
    kinds = np.bincount(found[:, 3], minlength=len(pii.KINDS))
    counts = {f"masked_{kind}": int(number) for kind, number in zip(pii.KINDS, kinds, strict=True) if number}
    if len(found):
        counts |= {"masked_characters": size, "masked_documents": len(np.unique(found[:, 0]))}
        found[:, 3] += _FIRST_MASK
    if pieces is not None and len(found):
        found[:, 1], found[:, 2] = pieces.place(found[:, 1]), pieces.place(found[:, 2] - 1) + 1
    return text, found, counts


def _merged(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Stretches of both in the order of the bytes where they start."""
    if not len(one) or not len(other):
        return other if len(other) else one
    both = np.concatenate([one, other])
    return both[np.argsort(both[:, 1], kind="stable")]


def _span_rows(ids: arrow.Array, texts: arrow.Strings, taken: np.ndarray) -> Iterator[pa.Table]:
    """Rows that say where something stood and what kind of thing, and not what it was; one table at least."""
    ids, names = arrow.combined(ids), pa.array(_REASONS, pa.string())
    for first in range(0, max(1, len(taken)), _ROWS_AT_ONCE):
        some = taken[first : first + _ROWS_AT_ONCE]
        starts = texts.offsets[some[:, 0]] - texts.offsets[0]
        columns = {
            "id": ids.take(pa.array(some[:, 0])),
            "start": some[:, 1] - starts,
            "end": some[:, 2] - starts,
            "reason": names.take(pa.array(some[:, 3])),
            "of": pa.nulls(len(some), pa.string()),
            "of_start": pa.nulls(len(some), pa.int64()),
        }
        yield pa.table(columns).cast(SPANS)


def _with_text(table: pa.Table, text: pa.Array) -> pa.Table:
    changed = {"text": text, "digest": digests(text), "bytes": pa.array(text_bytes(text))}
    for name, values in changed.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table
