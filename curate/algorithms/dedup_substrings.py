"""Long runs of words that stood before, taken out of texts (Lee et al. 2022, "Deduplicating training data makes
language models better"), exactly.

Tokens are the words of `kernels.words`, one a character in scripts without spaces, compared byte for byte; what stands
between them is not compared. A token goes when it lies in a window of `length` consecutive tokens of its text
that equals an earlier window: one of an earlier text, or one that ends in the same text before this one starts. Earlier
is in the texts as they came, whatever goes from those. So of a text with a period of p tokens the first whole periods
that make up `length` tokens stay: a line of 60 words written a thousand times is left once, one of 20 words three times
with a length of 50. Every token that stays lies in no window that stood before, and of every token that goes a copy
stays, which for the first one of a stretch is named; the rest of the stretch may stay elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms.batches import batches
from curate.algorithms.normalise import digests, text_bytes
from curate.errors import DataError
from curate.kernels import arrow, cuts, substrings, unicode, words
from curate.storage.schema import SPANS

REASON = "repeated substring"
NOTHING_LEFT = "all words repeated"
_PIECE_BYTES = 16 << 20
_LEAST_FILTER = 64


class Repeats(NamedTuple):
    """Stretches of n texts to take out, ascending.

    places: int64, shape (k, 5), see `cuts.place_repeats`. tokens: int64, shape (k,), how many go with each.
    bare: bool, shape (n,): texts that lose every token that they had.
    """

    places: np.ndarray
    tokens: np.ndarray
    bare: np.ndarray


def find_repeats(texts: arrow.Strings, length: int) -> Repeats:
    """What goes of texts that begin with the first byte of their data and have less than 4 GiB together.

    Memory beside the texts: 5 bytes a token, up to one for each byte of text, and about 12 for each different window
    that occurs again. Measured with the text: 3.4 times the text for manuals of which half goes, 6 times for Chinese
    and 8 times for single letters where every text comes twice. Raises DataError for texts that are too long.
    """
    size = int(texts.offsets[-1])
    if size >= 1 << 32:
        raise DataError(
            f"a scope of {size} bytes of text, where less than 4 GiB can be compared at once; "
            "make its shards smaller: curate select CORPUS --to NEW --shard-bytes 1G"
        )
    bounds = np.empty(len(texts) + 1, dtype=np.int64)
    starts = np.empty((size + len(texts)) // 2 + 1, dtype=np.uint32)
    lengths = np.empty(len(starts), dtype=np.uint8)
    substrings.split(texts.offsets, texts.data, words.tables(), bounds, starts, lengths)
    seen = np.empty((max(_LEAST_FILTER, 1 << (size // 64).bit_length()) * 2, 2), dtype=np.uint64)
    seen.fill(0)
    substrings.survey_windows(texts.data, bounds, starts, lengths, length, seen)
    found = np.empty((int(bounds[-1]), 3), dtype=np.int64)
    found = found[: substrings.find_repeats(texts.data, bounds, starts, lengths, length, seen, found)]
    places = np.empty((len(found), 5), dtype=np.int64)
    cuts.place_repeats(texts.offsets, texts.data, bounds, starts, lengths, found, unicode.flags(), places)
    tokens = found[:, 1] - found[:, 0]
    gone = np.bincount(places[:, 0], tokens, len(texts))
    bare = (gone > 0) & (gone == np.diff(bounds))
    return Repeats(places[tokens > 0], tokens[tokens > 0], bare)


class Piece(NamedTuple):
    """Documents without their repeats; `read` is how many there were, `spans` are rows of `storage.schema.SPANS`."""

    table: pa.Table
    spans: pa.Table
    read: int
    removed: dict[str, int]
    counts: dict[str, int]


def deduplicated(tables: Iterable[pa.Table], length: int) -> Iterator[Piece]:
    """The documents of all tables, of which each repeated stretch of text is found in any one before, in pieces.

    The text is held once, and twice while it is put together.
    """
    texts, others = _apart(tables)
    if not others:
        return
    values = _whole(texts)
    other = pa.concat_tables(others)
    repeats = find_repeats(values, length)
    ids = other["id"].combine_chunks()
    for start, batch in batches(arrow.string_array(values.offsets, values.data), _PIECE_BYTES):
        yield _piece(other.slice(start, len(batch)), values, repeats, start, ids)


def _apart(tables: Iterable[pa.Table]) -> tuple[list[pa.Array], list[pa.Table]]:
    """The texts of all tables, and their other columns."""
    texts, others = [], []
    for table in tables:
        texts += table["text"].chunks
        others.append(table.drop_columns(["text", "digest", "bytes"]))
    return texts, others


def _whole(texts: list[pa.Array]) -> arrow.Strings:
    """All texts one after another from byte 0 on; empties the list."""
    array = pa.chunked_array(texts, pa.large_string()).combine_chunks()
    texts.clear()
    values = arrow.strings(array)
    first = values.offsets[0]
    return arrow.Strings(values.offsets - first, values.data[first : values.offsets[-1]])


def _piece(other: pa.Table, values: arrow.Strings, repeats: Repeats, start: int, ids: pa.Array) -> Piece:
    low, high = np.searchsorted(repeats.places[:, 0], [start, start + other.num_rows])
    places = repeats.places[low:high]
    offsets = values.offsets[start : start + other.num_rows + 1]
    text = _without(arrow.Strings(offsets, values.data), places)
    table = other.append_column("text", text)
    table = table.append_column("digest", digests(text)).append_column("bytes", pa.array(text_bytes(text)))
    bare = repeats.bare[start : start + other.num_rows]
    if bare.any():
        table = table.filter(pa.array(~bare))
    counts = {
        "documents_changed": len(np.unique(places[:, 0])),
        "words_removed": int(repeats.tokens[low:high].sum()),
        "bytes_removed": int((places[:, 2] - places[:, 1]).sum()),
    }
    removed = {NOTHING_LEFT: int(np.count_nonzero(bare))}
    return Piece(table, _spans(values, places, ids), other.num_rows, removed, counts)


def _without(values: arrow.Strings, places: np.ndarray) -> pa.Array:
    if not len(places):
        return arrow.string_array(values.offsets, values.data)
    starts, ends = (np.ascontiguousarray(places[:, i]) - values.offsets[0] for i in (1, 2))
    offsets = np.empty_like(values.offsets)
    data = np.empty(values.offsets[-1] - values.offsets[0] - int((ends - starts).sum()), dtype=np.uint8)
    cuts.without_spans(values.offsets, values.data, starts, ends, offsets, data)
    return arrow.string_array(offsets, data)


def _spans(values: arrow.Strings, places: np.ndarray, ids: pa.Array) -> pa.Table:
    begins, copies = values.offsets[places[:, 0]], values.offsets[places[:, 3]]
    columns = [
        ids.take(pa.array(places[:, 0])),
        pa.array(places[:, 1] - begins),
        pa.array(places[:, 2] - begins),
        pa.repeat(REASON, len(places)),
        ids.take(pa.array(places[:, 3])),
        pa.array(places[:, 4] - copies),
    ]
    return pa.Table.from_arrays(columns, schema=SPANS)
