"""Documents that are near given texts, by the cosine of their vectors: the seeds, and the nearest of them.

A pool of more than 16,384 seeds is searched by groups, as `cluster.assign` says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import cluster
from curate.algorithms import vectors as stored
from curate.errors import DataError, UsageError
from curate.kernels import arrow, distance

_HEAD = 1_000
"""Characters of a text that a match shows."""
_ITERATIONS = 20
_PRODUCTS_AT_ONCE = 2 << 20
_MOST_ROWS = 8_192


class Seeds(NamedTuple):
    """rows: unit vectors, float32 (s, d). items: file and place of each. tasks: int32 (s,), the file's number, rising.

    texts: their beginnings. search: the rows for `cluster.assign`. centres: of their k-means, float32 (c, d), or empty.
    """

    rows: np.ndarray
    items: pa.Array
    tasks: np.ndarray
    texts: pa.Array
    search: cluster.Centroids
    centres: np.ndarray


# --- the seeds ------------------------------------------------------------------------------------


def names(paths: Sequence[str]) -> list[str]:
    """What files of seeds are called: their names, with the fields. Raises UsageError for two of one name."""
    found = [_name(path) for path in paths]
    if twice := [name for name in found if found.count(name) > 1]:
        raise UsageError(f"--to: two are called '{twice[0]}', so that texts could not be told apart; rename one file")
    return found


def _name(path: str) -> str:
    file, mark, fields = (path, "", "") if os.path.exists(path) else path.rpartition("#")
    return os.path.basename((file or path).rstrip("/")) + (mark + fields if file else "")


def schema(dimensions: int) -> pa.Schema:
    """What a model is: of kind `seed` each text and its vector, of kind `centre` those of their k-means, of kind
    `group` the centres by which many seeds are searched (`group` of a seed: its own), of kind `match` a document that
    goes, and the seed it is nearest to.
    """
    return pa.schema(
        [
            ("kind", pa.string()),
            ("item", pa.string()),
            ("task", pa.int32()),
            ("group", pa.int32()),
            ("id", pa.string()),
            ("source", pa.string()),
            ("similarity", pa.float32()),
            ("text", pa.string()),
            ("item_text", pa.string()),
            ("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )


def learned(
    make: Callable[[pa.Table], pa.Table],
    files: Sequence[tuple[str, Iterable[pa.Array]]],
    column: str,
    centres: int,
    seed: int,
) -> pa.Table:
    """The model of the texts of named files: `schema`. make: gives the columns that a table of texts would have.

    centres: of a k-means over them, 0 for none. A text without a vector is left out. Raises DataError for a file of
    which none is left. Memory: 10 bytes a number of the seeds' vectors, and the beginnings of their texts.
    """
    tables, number = [], 0
    for task, (name, texts) in enumerate(files):
        before, place = number, 0
        for array in texts:
            table = _embedded(make, array, column, name, place, task)
            place, number = place + len(array), number + table.num_rows
            tables.append(table)
        if number == before:
            raise DataError(f"--to {name}: none of its {place:,} texts has a vector; give other texts")
    seeds = pa.concat_tables(tables).combine_chunks()
    rows = arrow.vectors(seeds["vector"])
    groups = cluster.grouped(rows)
    added = []
    if groups is not None:
        seeds = seeds.set_column(seeds.schema.get_field_index("group"), "group", pa.array(groups[1]))
        added.append(_of_kind("group", groups[0]))
    if centres:
        added.append(_of_kind("centre", cluster.kmeans(rows.copy(), centres, _ITERATIONS, seed)))
    return pa.concat_tables([seeds, *added]).combine_chunks()


def _embedded(make, texts: pa.Array, column: str, name: str, place: int, task: int) -> pa.Table:
    made = make(pa.table({"text": texts}))[column]
    vectors = stored.unit_rows(made)
    chosen = np.flatnonzero(arrow.validity(made) & _directed(vectors))
    items = pa.array([f"{name} {place + i}" for i in chosen], pa.string())
    heads = pc.utf8_slice_codeunits(texts.take(pa.array(chosen)), 0, _HEAD).cast(pa.string())
    return _of_kind("seed", vectors[chosen], item=items, task=pa.array([task] * len(chosen)), item_text=heads)


def _of_kind(kind: str, vectors: np.ndarray, **columns: pa.Array) -> pa.Table:
    fields = schema(vectors.shape[1])
    columns |= {"kind": pa.array([kind] * len(vectors)), "vector": arrow.vector_array(vectors)}
    return pa.table([columns.get(f.name, pa.nulls(len(vectors))).cast(f.type) for f in fields], schema=fields)


def _directed(rows: np.ndarray) -> np.ndarray:
    """Which of the vectors that `unit_rows` gave have a direction: not those that were zero or not finite."""
    lengths = np.einsum("ij,ij->i", rows, rows)
    return np.isfinite(lengths) & (lengths > 0.5)


def seeds(model: pa.Table) -> Seeds:
    """The seeds of a model."""
    given, groups, centres = (model.filter(pc.equal(model["kind"], kind)) for kind in ("seed", "group", "centre"))
    rows = np.ascontiguousarray(arrow.vectors(given["vector"]))
    search = cluster.Centroids(rows)
    if groups.num_rows:
        search = cluster.searchable(rows, arrow.vectors(groups["vector"]), arrow.numbers(given["group"]))
    items, texts = arrow.combined(given["item"]), arrow.combined(given["item_text"])
    return Seeds(rows, items, arrow.numbers(given["task"]), texts, search, arrow.vectors(centres["vector"]))


# --- the nearest seed of each document ------------------------------------------------------------


def closest(column: pa.ChunkedArray, known: Seeds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each document the highest cosine to a seed, float32 (n,), that seed, int32 (n,), and whether it has a vector.

    Of equally near seeds the first counts. A cosine hangs on the two vectors alone.
    """
    vectors = arrow.vectors(column)
    lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    valid = arrow.validity(column) & np.isfinite(lengths) & (lengths > 0)
    cosines, found = np.zeros(len(vectors), dtype=np.float32), np.zeros(len(vectors), dtype=np.int32)
    numbers, distances = cluster.assign(vectors if valid.all() else vectors[valid], known.search)
    found[valid], cosines[valid] = numbers, np.float32(1) - distances
    return cosines, found, valid


def columns(table: pa.Table, embedding: str, mine: pa.Table | None, known: Seeds, fields: pa.Schema, keep) -> pa.Table:
    """The layer's columns. mine: the rows that were chosen, with their `rank`.

    keep(cosines, valid, chosen) says who stays, bool (n,).
    """
    cosines, found, valid = closest(table[embedding], known)
    ranks = _ranks(table, mine)
    made = [
        pa.array(cosines, mask=~valid),
        known.items.take(pa.array(found, mask=~valid)),
        pa.array(keep(cosines, valid, ranks > 0)),
        pa.array(ranks, mask=ranks == 0),
    ]
    return pa.table([values.cast(field.type) for values, field in zip(made, fields, strict=True)], schema=fields)


def _ranks(table: pa.Table, mine: pa.Table | None) -> np.ndarray:
    """The rank of each row of the table, int64 (n,), 0 where it was not chosen."""
    ranks = np.zeros(table.num_rows, dtype=np.int64)
    if mine is not None and mine.num_rows:
        ranks[np.searchsorted(arrow.numbers(table["row"]), arrow.numbers(mine["row"]))] = arrow.numbers(mine["rank"])
    return ranks


# --- matches --------------------------------------------------------------------------------------


def matches(table: pa.Table, embedding: str, known: Seeds, threshold: float) -> pa.Table:
    """The documents of a shard that are as near to a seed, of kind `match`, with the beginnings of both texts."""
    cosines, found, valid = closest(table[embedding], known)
    chosen = pa.array(np.flatnonzero(valid & (cosines >= np.float32(threshold))))
    theirs = pa.array(found).take(chosen)
    taken = table.select(["id", "source", "text"]).take(chosen)
    filled = {
        "kind": pa.array(["match"] * len(chosen)),
        "item": known.items.take(theirs),
        "id": taken["id"],
        "source": taken["source"],
        "similarity": pa.array(cosines).take(chosen),
        "text": pc.utf8_slice_codeunits(taken["text"], 0, _HEAD),
        "item_text": known.texts.take(theirs),
    }
    fields = schema(known.rows.shape[1])
    return pa.table([filled.get(f.name, pa.nulls(len(chosen))).cast(f.type) for f in fields], schema=fields)


# --- all cosines ----------------------------------------------------------------------------------


def blocks(column: pa.ChunkedArray, rows: np.ndarray):
    """Cosines of documents with some vectors, float32 (at most 8,192 documents, s), and where each block starts.

    Sums run in one fixed order. A document without a vector has -inf. Memory: 8 MiB, and 16 bytes a number of a block's
    vectors.
    """
    packed, width = distance.packed(rows), distance.padded(rows.shape[1])
    at_once = max(16, min(_MOST_ROWS, _PRODUCTS_AT_ONCE // max(1, len(rows))))
    for start in range(0, len(column), at_once):
        piece = column.slice(start, at_once)
        vectors = stored.unit_rows(piece)
        valid = _directed(vectors)
        wide = np.zeros((len(vectors), width), dtype=np.float32)
        wide[:, : vectors.shape[1]] = np.where(valid[:, None], vectors, 0)
        out = np.empty((len(vectors), len(rows)), dtype=np.float32)
        distance.products(wide, packed, out)
        out[~valid] = -np.inf
        yield start, out
