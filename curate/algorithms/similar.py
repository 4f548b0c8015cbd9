"""Documents that are near given texts, by the cosine of their vectors: the seeds, and the nearest of them.

A pool of more than 16,384 seeds is searched by groups, as `cluster.assign` says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    clusters: those of the corpus that they fall into, int64 (s,), -1 where that was not asked for.
    """

    rows: np.ndarray
    items: pa.Array
    tasks: np.ndarray
    texts: pa.Array
    search: cluster.Centroids
    centres: np.ndarray
    clusters: np.ndarray


class Given(NamedTuple):
    """Texts of one name. tables: `text`, `item` and, where they have them already, the vectors; own: whether so."""

    name: str
    tables: Iterable[pa.Table]
    own: bool = False


# --- the seeds ------------------------------------------------------------------------------------


def names(paths: Sequence[str]) -> list[str]:
    """What files or corpora of seeds are called: their names, with fields. Raises UsageError for two of one name."""
    found = [_name(path) for path in paths]
    if twice := [name for name in found if found.count(name) > 1]:
        raise UsageError(f"--to: two are called '{twice[0]}', so that texts could not be told apart; rename one")
    return found


def _name(path: str) -> str:
    file, mark, fields = (path, "", "") if os.path.exists(path) else path.rpartition("#")
    return os.path.basename(os.path.abspath(file or path)) + (mark + fields if file else "")


def of_file(name: str, texts: Iterable[pa.Array]) -> Given:
    """Texts of a file, each called by its place there, from 0."""
    return Given(name, _placed(name, texts))


def _placed(name: str, texts: Iterable[pa.Array]) -> Iterator[pa.Table]:
    place = 0
    for array in texts:
        numbers = pa.array(range(place, place + len(array))).cast(pa.string())
        yield pa.table({"text": array, "item": _called(name, numbers)})
        place += len(array)


def of_corpus(name: str, tables: Iterable[pa.Table], own: str | None, column: str) -> Given:
    """Documents of a corpus, each called by its id. tables: `id`, `text`, and `own`, which holds the vectors."""
    named = (
        pa.table(
            {
                "text": table["text"],
                "item": _called(name, table["id"].cast(pa.string())),
                **({column: table[own]} if own else {}),
            }
        )
        for table in tables
    )
    return Given(name, named, own is not None)


def _called(name: str, places: arrow.Array) -> arrow.Array:
    return pc.binary_join_element_wise(pa.scalar(name), places, " ")


def schema(dimensions: int) -> pa.Schema:
    """What a model is: of kind `seed` each text and its vector, of kind `centre` those of their k-means, of kind
    `group` the centres by which many seeds are searched (`group` of a seed: its own), of kind `file` each file or
    corpus of seeds, of kind `match` a document that goes, and the seed it is nearest to.

    item: of a file its name. group: of a file 1 where the seeds had vectors already, else 0. cluster: the one that
    a seed falls into.
    """
    return pa.schema(
        [
            ("kind", pa.string()),
            ("item", pa.string()),
            ("task", pa.int32()),
            ("group", pa.int32()),
            ("cluster", pa.int64()),
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
    files: Sequence[Given],
    column: str,
    centres: int = 0,
    seed: int = 0,
    clusters: str | None = None,
    heads: bool = True,
) -> pa.Table:
    """The model of the texts of named files: `schema`. make: gives a table of texts the columns that it lacks.

    column, clusters: of vectors and, where they are asked for, of clusters. centres: of a k-means over the seeds, 0 for
    none. heads: whether beginnings of the texts are kept. A text without a vector is left out. Raises DataError for a
    file of which none is left. Memory: 10 bytes a number of the seeds' vectors, and what is kept of their texts.
    """
    tables = []
    for task, given in enumerate(files):
        read = 0
        found = []
        for table in given.tables:
            found.append(_embedded(make(table), column, clusters, task, heads))
            read += table.num_rows
        if not any(table.num_rows for table in found):
            raise DataError(f"--to {given.name}: none of its {read:,} texts has a vector; give other texts")
        tables += found
    seeds = pa.concat_tables(tables).combine_chunks()
    rows = arrow.vectors(seeds["vector"])
    groups = cluster.grouped(rows)
    own = pa.array([int(given.own) for given in files], pa.int32())
    items = pa.array([given.name for given in files])
    added = [_of_kind("file", rows[:0], len(files), item=items, group=own)]
    if groups is not None:
        seeds = seeds.set_column(seeds.schema.get_field_index("group"), "group", pa.array(groups[1]))
        added.append(_of_kind("group", groups[0]))
    if centres:
        added.append(_of_kind("centre", cluster.kmeans(rows.copy(), centres, _ITERATIONS, seed)))
    return pa.concat_tables([seeds, *added]).combine_chunks()


def _embedded(table: pa.Table, column: str, clusters: str | None, task: int, heads: bool) -> pa.Table:
    stored.vectors_of(table[column].slice(0, 0), column)
    vectors = stored.unit_rows(table[column])
    chosen = np.flatnonzero(arrow.validity(table[column]) & directed(vectors))
    table = table.select(["item", "text", *([clusters] if clusters else [])]).take(pa.array(chosen))
    columns = {"item": table["item"], "task": pa.repeat(task, len(table))}
    if heads:
        columns["item_text"] = pc.utf8_slice_codeunits(table["text"], 0, _HEAD)
    if clusters:
        columns["cluster"] = table[clusters]
    return _of_kind("seed", vectors[chosen], **columns)


def _of_kind(kind: str, vectors: np.ndarray, count: int | None = None, **columns: arrow.Array) -> pa.Table:
    """Rows of `schema`, one a vector; or `count` of them without any."""
    fields = schema(vectors.shape[1])
    count = len(vectors) if count is None else count
    given = {"kind": pa.repeat(kind, count), **columns}
    if len(vectors):
        given["vector"] = arrow.vector_array(vectors)
    return pa.table([given.get(f.name, pa.nulls(count)).cast(f.type) for f in fields], schema=fields)


def directed(rows: np.ndarray) -> np.ndarray:
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
    tasks, clusters = arrow.numbers(given["task"]), arrow.numbers(pc.fill_null(given["cluster"], -1))
    return Seeds(rows, items, tasks, texts, search, arrow.vectors(centres["vector"]), clusters)


def lines(model: pa.Table) -> list[str]:
    """How many texts each file gave, and whence their vectors are."""
    tasks = arrow.numbers(model.filter(pc.equal(model["kind"], "seed"))["task"])
    counts = np.bincount(tasks)
    files = model.filter(pc.equal(model["kind"], "file")).to_pylist()
    whence = ("with vectors made now", "with the vectors of its own layer")
    return [
        f"{file['item']}: {count:,} texts, {whence[file['group']]}"
        for file, count in zip(files, counts.tolist(), strict=True)
    ]


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


def columns(table: pa.Table, embedding: str, mine: pa.Table | None, known: Seeds, keep) -> pa.Table:
    """The columns `similar`, `_to`, `_keep` and `_rank`. mine: the rows that were chosen, with their `rank`.

    keep(cosines, valid, chosen) says who stays, bool (n,).
    """
    cosines, found, valid = closest(table[embedding], known)
    ranks = _ranks(table, mine)
    return pa.table(
        {
            "similar": pa.array(cosines, mask=~valid),
            "similar_to": known.items.take(pa.array(found, mask=~valid)),
            "similar_keep": pa.array(keep(cosines, valid, ranks > 0)),
            "similar_rank": pa.array(ranks, mask=ranks == 0),
        }
    )


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
        valid = directed(vectors)
        wide = np.zeros((len(vectors), width), dtype=np.float32)
        wide[:, : vectors.shape[1]] = np.where(valid[:, None], vectors, 0)
        out = np.empty((len(vectors), len(rows)), dtype=np.float32)
        distance.products(wide, packed, out)
        out[~valid] = -np.inf
        yield start, out
