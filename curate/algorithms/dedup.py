"""Candidates for deduplication: documents that share a band key, joined into components.

A document is named by one int64 here: its shard in the upper 23 bits, its row in the lower 40.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.dedup_bands import Bands
from curate.errors import UsageError
from curate.kernels import arrow, components, hashing, minhash, words

ROW_BITS = 40
PIECE_DOCUMENTS = 1 << 16
ROWS_PER_TABLE = 1 << 20


class Sketching(NamedTuple):
    """ngram: words in an n-gram. bands: None leaves only the exact keys. scope: the column whose
    values are deduplicated apart from one another, or None."""

    ngram: int
    bands: Bands | None
    scope: str | None
    seed: int


def documents_of(table: pa.Table) -> np.ndarray:
    """The documents of a table with `shard` and `row`: int64, shape (n,)."""
    return arrow.numbers(table["shard"]).astype(np.int64) << ROW_BITS | arrow.numbers(table["row"])


def survey_keys(table: pa.Table, sketching: Sketching) -> Iterator[pa.Table]:
    """The keys of a shard's documents: `part`, `key`, `document`, in pieces.

    At most 1 + bands rows of 20 bytes a document: 440 bytes with 21 bands; one row for a document whose
    word sequence occurred before in the shard. Memory: twice that for a piece of 65,536 documents, 32 bytes
    for every document of the shard, and 6 bytes a byte of the longest.
    """
    texts = arrow.strings(table["text"])
    digests = np.ascontiguousarray(arrow.fixed_bytes(table["digest"])).view(np.uint64)
    salts = _salts(table, sketching.scope)
    documents = documents_of(table)
    bands = sketching.bands or Bands(0, 1)
    permutations = minhash.permutations(bands.bands * bands.rows, sketching.seed)
    seen = np.zeros(1 << (2 * len(texts)).bit_length(), dtype=np.uint64)
    for start in range(0, max(len(texts), 1), PIECE_DOCUMENTS):
        end = min(start + PIECE_DOCUMENTS, len(texts))
        keys = np.empty((end - start) * (1 + bands.bands), dtype=np.uint64)
        rows = np.empty(len(keys), dtype=np.int64)
        count = minhash.document_keys(
            texts.offsets[start : end + 1],
            texts.data,
            digests[start:end],
            salts[start:end],
            words.tables(),
            sketching.ngram,
            bands.rows,
            permutations,
            seen,
            keys,
            rows,
        )
        keys = keys[:count]
        parts = (keys >> np.uint64(32)).astype(np.uint32)
        yield pa.table({"part": parts, "key": keys, "document": documents[start:end][rows[:count]]})


def _salts(table: pa.Table, scope: str | None) -> np.ndarray:
    if scope is None:
        return np.empty(0, dtype=np.uint64)
    values = arrow.combined(table[scope])
    if pa.types.is_nested(values.type):
        raise UsageError(f"--scope {scope}: that column is {values.type}; name one of single values")
    names = arrow.strings(pc.cast(values, pa.large_string()))
    salts = np.empty(len(names), dtype=np.uint64)
    hashing.hash_strings(names.offsets, names.data, np.uint64(1), salts)
    salts[~arrow.validity(values)] = 0
    return salts


def join_keys(tables: Iterable[pa.Table]) -> pa.Table:
    """The documents of one part that share a key with another: `document`, `root`, `group`.

    `root` is the smallest document of its component within the part, `group` the smallest document
    with the same exact key, or itself. 19 bytes a key, and 16 a key and 48 a document for those that are shared.
    """
    keys, documents = _columns(tables, ("key", np.uint64), ("document", np.int64))
    shared = _repeated(keys)
    keys, documents = keys[shared], documents[shared]
    order = np.argsort(keys)
    forest = components.forest(max(1, len(keys)))
    count = components.join_buckets(keys, documents, order, forest)
    roots, groups = _resolved(forest, np.arange(count))
    return pa.table({"document": forest.documents[:count], "root": roots, "group": groups})


def _columns(tables: Iterable[pa.Table], *columns: tuple[str, type]) -> Iterator[np.ndarray]:
    collected: list[list[np.ndarray]] = [[np.empty(0, dtype=kind)] for _, kind in columns]
    for table in tables:
        for parts_of, (name, _) in zip(collected, columns, strict=True):
            parts_of.append(arrow.numbers(table[name]))
    for parts_of in collected:
        yield np.concatenate(parts_of)
        parts_of.clear()


def _repeated(keys: np.ndarray) -> np.ndarray:
    words_of_bits = 1 << max(0, (8 * len(keys) - 1).bit_length() - 6)
    out = np.empty(len(keys), dtype=np.bool_)
    components.repeated(keys, np.zeros(words_of_bits, np.uint64), np.zeros(words_of_bits, np.uint64), out)
    return out


def _resolved(forest: components.Forest, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    roots = np.empty(len(order), dtype=np.int64)
    groups = np.empty(len(order), dtype=np.int64)
    components.resolved(forest, order, roots, groups)
    return roots, groups


def components_of(tables: Iterable[pa.Table]) -> tuple[pa.Table, Iterator[pa.Table]]:
    """Join what the parts found: a table of counts, and the rows `shard, row, component, group`.

    Only documents that share a key with another have a row. Memory: 24 to 48 bytes for each of these
    (twice that for a moment when the arrays grow), nothing for the others.
    """
    forest = components.forest(1024)
    count = 0
    for table in tables:
        needed = count + 3 * table.num_rows
        if needed > len(forest.documents):
            forest = components.grown(forest, count, max(needed, 2 * count))
        documents, roots, groups = (arrow.numbers(table[name]) for name in ("document", "root", "group"))
        count = int(components.join_rows(documents, roots, groups, count, forest))
    order = np.argsort(forest.documents[:count])
    return pa.table({"candidates": [count]}), _component_rows(forest, order)


def _component_rows(forest: components.Forest, order: np.ndarray) -> Iterator[pa.Table]:
    for start in range(0, max(len(order), 1), ROWS_PER_TABLE):
        chosen = order[start : start + ROWS_PER_TABLE]
        roots, groups = _resolved(forest, chosen)
        documents = forest.documents[chosen]
        yield pa.table(
            {
                "shard": (documents >> ROW_BITS).astype(np.int32),
                "row": documents & ((1 << ROW_BITS) - 1),
                "component": roots,
                "group": groups,
            }
        )
