"""SemDeDup (Abbas et al. 2023): how similar each document is to the most similar one before it in its cluster.

Documents of a cluster stand in one order, by `key`, then digest, then id. The similarity is the highest cosine
to any earlier document of the cluster, whether that one stays or not, so a threshold decides about it alone. Or it is
that to the earlier ones that stay, each of which is less similar than some bound to all of those (Liu et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import cluster, ranking, semdedup_compare
from curate.algorithms import vectors as stored
from curate.errors import UsageError
from curate.kernels import arrow, hashing

_PIECE_BYTES = 16 << 20
_NO_CLUSTER = -1
_SAMPLED_PER_CLUSTER = 100
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)
_ALONE = np.float32(-1)
_SMALL = ("shard", "row", "cluster", "key", "digest", "id", "tie")

THRESHOLDS = (0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99)
SHARES = (0.25, 0.5, 0.75, 0.9)
"""What a report says of the similarities."""


# --- survey ---------------------------------------------------------------------------------------


def routed(table: pa.Table, embedding: str, clusters: str, keys: pa.Array) -> Iterator[pa.Table]:
    """What a shard's documents are compared by, in pieces of about 16 MiB, each routed by its cluster.

    keys: of each document, the order in a cluster, rising, null last. A document without a vector or a cluster, or
    whose vector is zero or not finite, is compared with none. Raises UsageError for columns that hold no vectors or no
    cluster numbers.
    """
    width = _width(table[embedding], embedding)
    if not pa.types.is_integer(table[clusters].type):
        raise UsageError(
            f"--cluster {clusters}: the column holds {table[clusters].type}, not numbers of clusters; "
            "name a column that cluster made"
        )
    rows = max(1, _PIECE_BYTES // (4 * width))
    for start in range(0, max(1, table.num_rows), rows):
        yield _piece(table.slice(start, rows), embedding, clusters, keys.slice(start, rows))


def _width(column: pa.ChunkedArray, name: str) -> int:
    stored.vectors_of(column.slice(0, 0), name)
    return column.type.list_size


def _piece(table: pa.Table, embedding: str, clusters: str, keys: pa.Array) -> pa.Table:
    vectors = arrow.vectors(table[embedding])
    lengths = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    compared = arrow.validity(table[clusters]) & np.isfinite(lengths) & (lengths > 0)
    numbers = np.where(compared, arrow.numbers(table[clusters]), _NO_CLUSTER).astype(np.int64)
    hashes = ranking.ties(table["id"])
    part = np.where(compared, (numbers.astype(np.uint64) * _GOLDEN) >> _32, hashes >> _32).astype(np.uint32)
    return pa.table(
        {
            "part": part,
            "shard": table["shard"],
            "row": table["row"],
            "cluster": numbers,
            "key": keys,
            "digest": table["digest"],
            "id": table["id"].cast(pa.large_string()),
            "tie": hashes,
            "vector": arrow.vector_array(np.where(compared[:, None], vectors, 0).astype(vectors.dtype, copy=False)),
        }
    )


def keys_of(column: pa.ChunkedArray, name: str, largest_first: bool) -> pa.Array:
    """A column as an order, rising, null for what comes last: nulls and NaN. Raises UsageError for one without numbers.

    Whole numbers and dates stay whole, so that large ones differ too; other numbers are float64.
    """
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_temporal(kind)):
        raise UsageError(f"'{name}' holds {kind}, which puts nothing in order; name a column of numbers or dates")
    keys, there = arrow.numbers(column), arrow.validity(column)
    if keys.dtype.kind not in "iu":
        keys = keys.astype(np.float64)
        there = there & ~np.isnan(keys)
        keys = -keys if largest_first else keys
    elif largest_first:
        keys = np.invert(keys)
    return pa.array(keys, mask=~there)


def random_keys(ids: pa.ChunkedArray, seed: int) -> pa.Array:
    """A random order that hangs on the seed and each document's id alone: float64."""
    values = arrow.strings(ids)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed), hashes)
    return pa.array(hashes.astype(np.float64))


# --- link -----------------------------------------------------------------------------------------


def compared(tables: Any, most: int, seed: int, below: float | None = None) -> pa.Table:
    """The most similar earlier document of each one of a part: `shard`, `row`, `tie`, `similarity`, `of`, `split`.

    below: only those count that are themselves less similar to all that count before them; None: all count.
    tables: a `stage.Tables` of what `routed` gave. most: a larger cluster is split by k-means, again where a piece is
    too large still, until all fit or one cannot be divided. Nothing but the small columns is held of all documents,
    200 bytes each; vectors are read in blocks of 64 MiB, each of which later ones of its cluster are streamed past.
    """
    parts = list(tables.only(*_SMALL))
    small = pa.concat_tables(parts).combine_chunks() if parts else None
    if small is None or not small.num_rows:
        return _answer(small, None, None, None, None)
    clusters = arrow.numbers(small["cluster"])
    groups = _divided(tables, clusters, arrow.numbers(small["tie"]), most, seed)
    order = _order(small, groups)
    positions = np.empty(len(order), dtype=np.int64)
    positions[order] = np.arange(len(order))
    starts = _starts(groups[order], clusters[order])
    cosines, found = semdedup_compare.blocks(tables, positions, starts, None if below is None else np.float32(below))
    return _answer(small, order, cosines[positions], found[positions], _numbered(clusters, groups))


def _answer(small, order, cosines, found, splits) -> pa.Table:
    if small is None or order is None:
        empty = {"shard": pa.int32(), "row": pa.int64(), "tie": pa.uint64(), "similarity": pa.float32()}
        return pa.schema([*empty.items(), ("of", pa.large_string()), ("split", pa.int32())]).empty_table()
    alone = found < 0
    of = pa.array(np.where(alone, 0, order[found]), mask=alone)
    return pa.table(
        {
            "shard": small["shard"],
            "row": small["row"],
            "tie": small["tie"],
            "similarity": np.where(alone, _ALONE, np.clip(cosines, -1, 1)).astype(np.float32),
            "of": small["id"].take(of),
            "split": splits,
        }
    )


def _order(small: pa.Table, groups: np.ndarray) -> np.ndarray:
    named = small.select(["key", "digest", "id"]).append_column("group", pa.array(groups))
    keys = [(name, "ascending") for name in ("group", "key", "digest", "id")]
    return arrow.numbers(pc.sort_indices(named, keys)).astype(np.int64)


def _starts(groups: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Where the group of each place begins; a document of no cluster is alone."""
    places = np.arange(len(groups), dtype=np.int64)
    begins = np.concatenate([[True], groups[1:] != groups[:-1]]) | (clusters == _NO_CLUSTER)
    return np.maximum.accumulate(np.where(begins, places, 0))


# --- clusters that are too large ------------------------------------------------------------------


def _divided(tables: Any, clusters: np.ndarray, hashes: np.ndarray, most: int, seed: int) -> np.ndarray:
    """The group of each row, int64 (n,): its cluster, or a part of one too large."""
    names, groups, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    groups = groups.astype(np.int64)
    large = [group for group in range(len(names)) if sizes[group] > most and names[group] != _NO_CLUSTER]
    following = len(names)
    while large:
        rows = np.flatnonzero(groups == large.pop())
        parts = _parts(tables, rows, hashes, -(-len(rows) // most), seed, len(clusters))
        sizes = np.bincount(parts)
        if np.count_nonzero(sizes) > 1:
            groups[rows] = following + parts
            large.extend(following + part for part in np.flatnonzero(sizes > most).tolist())
            following += len(sizes)
    return groups


def _parts(tables: Any, rows: np.ndarray, hashes: np.ndarray, fewest: int, seed: int, count: int) -> np.ndarray:
    """Parts of some rows, int64, by k-means on those of them with the smallest hashes: twice as many as must be."""
    wanted = min(2 * fewest, len(rows))
    sample = rows[np.argsort(hashes[rows], kind="stable")[: _SAMPLED_PER_CLUSTER * wanted]]
    numbers = np.full(count, -1, dtype=np.int64)
    numbers[sample] = np.arange(len(sample))
    points = np.empty((0, 0), dtype=np.float32)
    for places, vectors in semdedup_compare.chosen(tables, numbers, lambda number: number >= 0):
        if not points.size:
            points = np.empty((len(sample), vectors.shape[1]), dtype=np.float32)
        points[places] = vectors
    cluster.normalise(points)
    centroids = cluster.Centroids(cluster.kmeans(points, wanted, 20, seed))
    numbers[:] = -1
    numbers[rows] = np.arange(len(rows))
    parts = np.empty(len(rows), dtype=np.int64)
    for places, vectors in semdedup_compare.chosen(tables, numbers, lambda number: number >= 0):
        parts[places] = cluster.assign(vectors, centroids)[0]
    return parts


def _numbered(clusters: np.ndarray, groups: np.ndarray) -> pa.Array:
    """The number of each row's part in its cluster, int32, null where a cluster is whole."""
    names, rows = np.unique(groups, return_index=True)
    order = np.argsort(clusters[rows], kind="stable")
    owners = clusters[rows][order]
    begins = np.concatenate([[True], owners[1:] != owners[:-1]])
    whole = begins & np.concatenate([begins[1:], [True]])
    places = np.arange(len(order))
    number, alone = np.empty(names[-1] + 1, dtype=np.int32), np.empty(names[-1] + 1, dtype=np.bool_)
    number[names[order]] = places - np.maximum.accumulate(np.where(begins, places, 0))
    alone[names[order]] = whole
    return pa.array(number[groups], mask=alone[groups])


# --- what was found -------------------------------------------------------------------------------


def settled(tables: Iterable[pa.Table]) -> tuple[pa.Table, Iterator[pa.Table]]:
    """The distribution of similarities, and the rows with each one's `quantile` among them.

    Goes through the tables twice. Holds 60 bytes a document.
    """
    columns = [(arrow.numbers(table["similarity"]), arrow.numbers(table["tie"])) for table in tables]
    values = np.concatenate([np.empty(0, dtype=np.float32), *(column[0] for column in columns)])
    hashes = np.concatenate([np.empty(0, dtype=np.uint64), *(column[1] for column in columns)])
    del columns
    quantiles = ranking.quantiles(values, hashes)
    return _distribution(values), _with_quantiles(tables, quantiles)


def _with_quantiles(tables: Iterable[pa.Table], quantiles: np.ndarray) -> Iterator[pa.Table]:
    start = 0
    for table in tables:
        mine = pa.array(quantiles[start : start + table.num_rows])
        yield table.drop_columns(["tie"]).append_column("quantile", mine)
        start += table.num_rows


def _distribution(values: np.ndarray) -> pa.Table:
    """`similarity` and how many `documents` have at most that one: at fixed similarities and at fixed shares."""
    ordered = np.sort(values)
    at_shares = [ordered[max(0, ranking.kept(share, len(ordered)) - 1)] for share in SHARES if len(ordered)]
    at = np.unique(np.array([*THRESHOLDS, *at_shares, 1], dtype=np.float32))
    return pa.table({"similarity": at, "documents": np.searchsorted(ordered, at, side="right")})


def lines(model: pa.Table) -> list[str]:
    """What each threshold keeps."""
    rows = model.to_pylist()
    total = max(1, rows[-1]["documents"])
    return [
        f"semdedup_similarity <= {row['similarity']:<7.4g} keeps {row['documents'] / total:6.1%} of documents"
        for row in rows[:-1]
    ]


def columns(mine: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """The layer's columns of a shard but `semdedup_keep`, of its rows of the census: one a document, in order."""
    found = pa.schema([field for field in schema if field.name != "semdedup_keep"])
    if mine is None:
        return found.empty_table()
    made = [mine["similarity"], mine["of"].cast(pa.string()), mine["quantile"], mine["split"]]
    return pa.table(dict(zip(found.names, made, strict=True)), schema=found)


def kept(table: pa.Table, threshold: float, rate: float | None, below: float | None) -> pa.Array:
    """`semdedup_keep` of a shard, by the other columns."""
    if below is not None:
        return pa.array(arrow.numbers(table["semdedup_similarity"]) < np.float32(below))
    if rate is not None:
        return pa.array(arrow.numbers(table["semdedup_quantile"]) <= rate)
    return pa.array(arrow.numbers(table["semdedup_similarity"]) <= np.float32(threshold))
