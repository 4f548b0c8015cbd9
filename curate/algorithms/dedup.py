"""Candidates for deduplication: documents that share a key, joined into components.

A document is named by one int64 here: its shard in bits 40 to 61, its row in the lower 40, and `OLD` where
it belongs to an old corpus. So new documents come before old ones, and the smallest document of a
component is old only if all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from curate.algorithms import dedup_bands, dedup_signatures, scope
from curate.algorithms.dedup_bands import Bands
from curate.errors import DataError
from curate.kernels import arrow, components, minhash, urls, words

ROW_BITS = 40
OLD = 1 << 62
ROWS_PER_TABLE = 1 << 17
FOREST_ROOM = 1 << 16
MOST_DOCUMENTS = (1 << 31) - 1
"""A forest numbers documents by int32."""
FILTER_BITS = 1 << 27
"""At most: eight for each of the 16 M keys of a part (`dedup_bands.KEYS_PER_PART`)."""
UNITS = {"word": words.WORDS, "character": words.CHARACTERS}


class Tables(Protocol):
    """Tables that may be gone through more than once, in the same order."""

    def __iter__(self) -> Iterator[pa.Table]: ...

    def only(self, *columns: str) -> Iterator[pa.Table]: ...


class Sketching(NamedTuple):
    """What the keys of documents are.

    ngram: tokens in an n-gram. bands: how a sketch is cut; None leaves only the exact keys. scope: the column whose
    values are deduplicated apart from one another, or None. by: one of `COLUMNS`; all but `similarity` have one
    key a document and no bands. unit: one of `UNITS`, of `similarity` alone. sketch: `fast` or one of
    `dedup_signatures.SCHEMES`, whose signatures have `permutations` values. index: whether to yield index tables.
    """

    ngram: int
    bands: Bands | None
    scope: str | None
    seed: int
    by: str = "similarity"
    unit: str = "word"
    sketch: str = "fast"
    permutations: int = 128
    index: bool = False


class Keys(NamedTuple):
    """keys: uint64, of one document after another; ends: int64 (n,), where each document's keys end.
    signatures: uint32, shape (m, width), of the documents that are `filled`, bool (n,), or of none."""

    keys: np.ndarray
    ends: np.ndarray
    signatures: np.ndarray
    filled: np.ndarray


def documents_of(table: pa.Table, old: bool = False) -> np.ndarray:
    """The documents of a table with `shard` and `row`: int64, shape (n,)."""
    documents = arrow.numbers(table["shard"]).astype(np.int64) << ROW_BITS | arrow.numbers(table["row"])
    return documents | OLD if old else documents


def survey_keys(table: pa.Table, sketching: Sketching) -> Iterator[pa.Table]:
    """The keys of a shard's documents: `part`, `key`, `document`, in pieces.

    At most 1 + bands rows of 20 bytes a document: 440 bytes with 21 bands; one row for a document whose
    token sequence occurred before in the shard. Memory: twice that, and what goes into the index, for a piece of
    8,192 documents, fewer where keys and signatures are many; 32 bytes for every document of the shard; and 6 bytes
    a byte of the longest (12 where tokens are characters).

    With `index`, also tables `row`, `keys`, `signature`: of every document in order, its keys (uint64), exact key
    first, and its whole sketch (uint32), as little-endian bytes; an empty sketch where there is only the exact key.
    """
    if sketching.sketch != "fast":
        dedup_bands.check(sketching.bands, sketching.permutations)
    salts = scope.salts(table, sketching.scope) if sketching.scope else np.empty(0, dtype=np.uint64)
    bands = (sketching.bands if sketching.by == "similarity" else None) or Bands(0, 1)
    seen = np.zeros(1 << (2 * table.num_rows).bit_length(), dtype=np.uint64)
    size = dedup_bands.piece_documents(bands, sketching.permutations if sketching.sketch != "fast" else 0)
    for start in range(0, max(table.num_rows, 1), size):
        yield from _survey_piece(table.slice(start, size), salts[start : start + size], bands, sketching, seen)


def _survey_piece(
    piece: pa.Table, salts: np.ndarray, bands: Bands, sketching: Sketching, seen: np.ndarray
) -> Iterator[pa.Table]:
    if sketching.by in ("text", "url"):
        found = _names(piece, salts, sketching.by)
    else:
        found = _sketches(piece, salts, bands, sketching, seen)
    yield _routed(found.keys, np.repeat(documents_of(piece), _counts(found.ends)))
    if sketching.index:
        yield _indexed(arrow.combined(piece["row"]), found)


def old_keys(table: pa.Table) -> pa.Table:
    """The keys of old documents, as `survey_keys` gives them: from an index table and its `shard`."""
    offsets, data = arrow.strings(table["keys"])
    keys = data[offsets[0] : offsets[-1]].view(np.uint64)
    return _routed(keys, np.repeat(documents_of(table, old=True), np.diff(offsets) // 8))


def _routed(keys: np.ndarray, documents: np.ndarray) -> pa.Table:
    return pa.table({"part": (keys >> np.uint64(32)).astype(np.uint32), "key": keys, "document": documents})


def _counts(ends: np.ndarray) -> np.ndarray:
    return np.diff(ends, prepend=0)


def _indexed(rows: pa.Array, found: Keys) -> pa.Table:
    widths = np.where(found.filled, found.signatures.shape[1], 0)
    return pa.table(
        {
            "row": rows,
            "keys": _packed(found.ends, found.keys),
            "signature": _packed(np.cumsum(widths), found.signatures.reshape(-1)),
        }
    )


def _packed(ends: np.ndarray, values: np.ndarray) -> pa.Array:
    """Values as little-endian bytes, which Parquet stores in half the time that it takes for lists."""
    offsets = np.concatenate([[0], ends * values.itemsize]).astype(np.int64)
    return arrow.string_array(offsets, values.view(np.uint8)).view(pa.large_binary())


def _names(piece: pa.Table, salts: np.ndarray, by: str) -> Keys:
    """One key a document, of its digest or its address; none for a document without an address."""
    present = np.ones(piece.num_rows, dtype=np.bool_)
    if by == "text":
        names = _digests(piece)
    else:
        addresses = arrow.strings(piece["url"])
        names = np.empty((piece.num_rows, 2), dtype=np.uint64)
        urls.name_urls(addresses.offsets, addresses.data, names, present)
    keys = np.empty(piece.num_rows, dtype=np.uint64)
    minhash.name_keys(names, salts, keys)
    return Keys(keys[present], np.cumsum(present), np.empty((0, 0), np.uint32), np.zeros(len(keys), np.bool_))


def _digests(piece: pa.Table) -> np.ndarray:
    return np.ascontiguousarray(arrow.fixed_bytes(piece["digest"])).view(np.uint64)


def _sketches(piece: pa.Table, salts: np.ndarray, bands: Bands, sketching: Sketching, seen: np.ndarray) -> Keys:
    texts = arrow.strings(piece["text"])
    bins = bands.bands * bands.rows
    fast = sketching.sketch == "fast"
    keys = np.empty(len(texts) * (1 + bands.bands), dtype=np.uint64)
    ends = np.empty(len(texts), dtype=np.int64)
    filled = np.empty(len(texts), dtype=np.bool_)
    signatures = np.empty((len(texts) if sketching.index and fast else 0, bins), dtype=np.uint32)
    count = minhash.document_keys(
        texts.offsets,
        texts.data,
        _digests(piece),
        salts,
        words.tables(),
        UNITS[sketching.unit] if sketching.by == "similarity" else words.WORDS,
        sketching.ngram,
        bands.rows,
        minhash.permutations(bins, sketching.seed),
        seen,
        keys,
        ends,
        signatures,
        filled,
    )
    found = Keys(keys[:count], ends, signatures[: filled.sum() if len(signatures) else 0], filled)
    if fast or not bins:
        return found
    signatures = dedup_signatures.signatures(
        texts, filled, sketching.unit, sketching.ngram, sketching.permutations, sketching.seed, sketching.sketch
    )
    minhash.replace_bands(signatures[:, :bins], bands.rows, filled, salts, ends, keys)
    return found._replace(signatures=signatures)


def join_keys(tables: Tables) -> pa.Table:
    """The documents of one part that share a key with another: `document`, `root`, `group`.

    `root` is the smallest document of its component within the part, `group` the smallest document
    with the same exact key, or itself. The keys are gone through three times: they are counted, then two bits of a
    filter note which of them repeat (as in a Bloom filter, 1970), then those alone are held and sorted.
    Memory: at most 32 MiB, 24 bytes for each key that is repeated and for an eighth of the others,
    28 bytes for each document that has one.
    """
    keys, documents = _repeated(tables)
    order = np.argsort(keys)
    forest = components.forest(min(len(keys), FOREST_ROOM) or 1)
    count = start = 0
    while start < len(order):
        end = int(components.bucket_end(keys, order, start + FOREST_ROOM))
        forest = _with_room(forest, count, end - start)
        count = int(components.join_buckets(keys, documents, order[start:end], count, forest))
        start = end
    del keys, documents, order
    roots, groups = _resolved(forest, np.arange(count))
    return pa.table({"document": forest.documents[:count], "root": roots, "group": groups})


def _repeated(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """The keys that may occur more than once, and their documents."""
    bits = min(FILTER_BITS, max(64, 1 << (8 * sum(table.num_rows for table in tables.only("key"))).bit_length()))
    once, twice = np.zeros(bits >> 6, np.uint64), np.zeros(bits >> 6, np.uint64)
    for table in tables.only("key"):
        components.count_keys(arrow.numbers(table["key"]), once, twice)
    del once
    keys, documents = np.empty(0, np.uint64), np.empty(0, np.int64)
    count = 0
    for table in tables:
        for values in (keys, documents):
            values.resize(count + table.num_rows, refcheck=False)
        given = arrow.numbers(table["key"]), arrow.numbers(table["document"])
        count += int(components.take_repeated(*given, twice, keys[count:], documents[count:]))
    return keys[:count], documents[:count]


def _with_room(forest: components.Forest, count: int, more: int) -> components.Forest:
    if count + more <= len(forest.documents):
        return forest
    if count + more > MOST_DOCUMENTS:
        raise DataError(f"more than {MOST_DOCUMENTS:,} documents share a key; deduplicate the corpus in several pieces")
    return components.grown(forest, count, max(count + more, count + count // 2))


def _resolved(forest: components.Forest, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    roots = np.empty(len(order), dtype=np.int64)
    groups = np.empty(len(order), dtype=np.int64)
    components.resolved(forest, order, roots, groups)
    return roots, groups


def components_of(tables: Iterable[pa.Table]) -> tuple[pa.Table, Iterator[pa.Table]]:
    """Join what the parts found: a table of counts, and the rows `shard, row, component, group`.

    Only documents that share a key with another have a row, and none of a component that consists of old
    documents only: nobody asks about these. Memory: 22 to 42 bytes for each of these, and 8 more in the end;
    nothing for the others.
    """
    forest = components.forest(FOREST_ROOM)
    count = 0
    for table in tables:
        for start in range(0, table.num_rows, FOREST_ROOM):
            piece = table.slice(start, FOREST_ROOM)
            forest = _with_room(forest, count, 3 * piece.num_rows)
            documents, roots, groups = (arrow.numbers(piece[name]) for name in ("document", "root", "group"))
            count = int(components.join_rows(documents, roots, groups, count, forest))
    order = np.argsort(forest.documents[:count])
    return pa.table({"candidates": [count]}), _component_rows(forest, order)


def _component_rows(forest: components.Forest, order: np.ndarray) -> Iterator[pa.Table]:
    for start in range(0, max(len(order), 1), ROWS_PER_TABLE):
        chosen = order[start : start + ROWS_PER_TABLE]
        roots, groups = _resolved(forest, chosen)
        asked = roots < OLD
        documents = forest.documents[chosen][asked]
        yield pa.table(
            {
                "shard": ((documents & ~OLD) >> ROW_BITS).astype(np.int32),
                "row": documents & ((1 << ROW_BITS) - 1),
                "component": roots[asked],
                "group": groups[asked],
            }
        )
