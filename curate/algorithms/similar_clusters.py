"""Which documents are taken from the clusters that given texts fall into."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from curate.algorithms import ranking
from curate.algorithms.groups import first_of_each
from curate.algorithms.similar import Seeds
from curate.algorithms.similar_choice import ROWS, best_ranks
from curate.errors import DataError, UsageError
from curate.kernels import arrow, hashing

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)


def hits(known: Seeds) -> tuple[np.ndarray, np.ndarray]:
    """The clusters that seeds fall into, int64 (c,), rising, and how many seeds of each task do, int64 (tasks, c)."""
    names, places = np.unique(known.clusters, return_inverse=True)
    counts = np.zeros((int(known.tasks.max(initial=-1)) + 1, len(names)), dtype=np.int64)
    np.add.at(counts, (known.tasks, places), 1)
    inside = names >= 0
    return names[inside], counts[:, inside]


def fallen(table: pa.Table, column: str, known: Seeds) -> np.ndarray:
    """How many seeds of each task fall into each document's cluster: int64 (tasks, n)."""
    names, counts = hits(known)
    clusters = numbers(table, column)
    places = np.minimum(np.searchsorted(names, clusters), max(0, len(names) - 1))
    if not len(names):
        return np.zeros((len(counts), len(clusters)), dtype=np.int64)
    return np.where(names[places] == clusters, counts[:, places], 0)


def hit(table: pa.Table, column: str, known: Seeds) -> pa.Array:
    """How many seeds fall into each document's cluster, null where it has none."""
    return pa.array(fallen(table, column, known).sum(axis=0), mask=numbers(table, column) < 0)


def numbers(table: pa.Table, column: str) -> np.ndarray:
    """Clusters of documents, int64 (n,), -1 for none. Raises UsageError for a column that holds none."""
    kind = table[column].type
    if not pa.types.is_integer(kind):
        raise UsageError(
            f"--cluster {column}: the column holds {kind}, not numbers of clusters; name one that cluster made"
        )
    return np.where(arrow.validity(table[column]), arrow.numbers(table[column]), -1).astype(np.int64)


def _drawn(ids: pa.ChunkedArray, seed: int) -> np.ndarray:
    """A random order of documents that hangs on the seed and their ids alone: uint64 (n,)."""
    values = arrow.strings(ids)
    order = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed), order)
    return order


# --- so many of each cluster (DINOv2: Oquab et al. 2024, A.4) -----------------------------------------


def sampled(table: pa.Table, column: str, known: Seeds, least: int, most: int, seed: int) -> pa.Table:
    """Of a shard the `most` first documents, in a random order, of each cluster that `least` seeds of a task fall into.

    They are routed by task and cluster. A document comes once for each task.
    """
    counts = fallen(table, column, known)
    clusters, order = numbers(table, column), _drawn(table["id"], seed)
    tasks, rows = np.nonzero(counts >= least)
    groups = tasks * (int(clusters.max(initial=0)) + 1) + clusters[rows]
    chosen = first_of_each(groups, order[rows], most)
    tasks, rows = tasks[chosen], rows[chosen]
    keys = clusters[rows].astype(np.uint64) * np.uint64(len(counts)) + tasks.astype(np.uint64)
    return pa.table(
        {
            "part": ((keys * _GOLDEN) >> _32).astype(np.uint32),
            "task": tasks.astype(np.int32),
            "cluster": clusters[rows],
            "order": order[rows],
            "shard": table["shard"].take(pa.array(rows)),
            "row": table["row"].take(pa.array(rows)),
        }
    )


def linked(tables: Iterable[pa.Table], most: int) -> pa.Table:
    """The `most` first of every task and cluster over all shards, with `rank` from 1 among those of the cluster."""
    held = None
    for table in tables:
        joined = table if held is None else pa.concat_tables([held, table])
        held = joined.take(pa.array(first_of_each(_groups(joined), arrow.numbers(joined["order"]), most)))
        held = held.combine_chunks()
    if held is None:
        return ROWS.empty_table().append_column("task", pa.array([], pa.int32())).append_column("order", _NO_ORDER)
    groups = _groups(held)
    begins = np.flatnonzero(np.diff(groups, prepend=-1))
    ranks = np.arange(len(groups)) - np.repeat(begins, np.diff(begins, append=len(groups))) + 1
    return (
        held.select(["shard", "row"])
        .append_column("rank", pa.array(ranks))
        .append_column("task", held["task"])
        .append_column("order", held["order"])
    )


_NO_ORDER = pa.array([], pa.uint64())


def _groups(table: pa.Table) -> np.ndarray:
    clusters, tasks = arrow.numbers(table["cluster"]), arrow.numbers(table["task"]).astype(np.int64)
    return tasks * (int(clusters.max(initial=0)) + 1) + clusters


def limited(tables: Iterable[pa.Table], most: int | None) -> pa.Table:
    """Each document once, with its best rank; of every task at most the `most` first in the random order.

    Memory: 60 bytes a row.
    """
    empty = linked([], 1)
    table = pa.concat_tables([empty, *tables]).combine_chunks()
    if most is not None:
        kept = first_of_each(arrow.numbers(table["task"]).astype(np.int64), arrow.numbers(table["order"]), most)
        table = table.take(pa.array(kept))
    return best_ranks([table.select(ROWS.names)])


# --- the clusters that most fall into (DP4TL: Zhang et al. 2023, label mapping) -----------------------


def reached(table: pa.Table, column: str, known: Seeds, seed: int) -> pa.Table:
    """Of each document with a cluster that, how many seeds of all tasks fall into it, and a random order."""
    clusters = numbers(table, column)
    rows = np.flatnonzero(clusters >= 0)
    return pa.table(
        {
            "cluster": clusters[rows],
            "hits": fallen(table, column, known).sum(axis=0)[rows],
            "order": _drawn(table["id"], seed)[rows],
            "shard": table["shard"].take(pa.array(rows)),
            "row": table["row"].take(pa.array(rows)),
        }
    )


def most_hit(tables: Iterable[pa.Table], wanted: int | None, rate: float | None) -> pa.Table:
    """Exactly so many documents, or a share, of the clusters that most seeds fall into: `ROWS`, ranked by cluster.

    Equally hit clusters go by number. Of the last one chance decides who stays. Raises DataError when there are fewer
    documents. Memory: 80 bytes a document.
    """
    rows = list(tables)
    names = ("cluster", "hits", "order")
    clusters, counts, order = (np.concatenate([arrow.numbers(table[name]) for table in rows]) for name in names)
    wanted = ranking.kept(rate or 1, len(clusters)) if wanted is None else wanted
    if wanted > len(clusters):
        raise DataError(f"{wanted:,} documents are wanted, but only {len(clusters):,} have a cluster; ask for fewer")
    places = np.lexsort((order, clusters, -counts))
    changes = np.diff(clusters[places], prepend=-1) != 0
    ranks = np.cumsum(changes)[:wanted]
    taken = pa.concat_tables([table.select(["shard", "row"]) for table in rows]).take(pa.array(places[:wanted]))
    return pa.table([taken["shard"], taken["row"], pa.array(ranks)], schema=ROWS)


# --- what was done --------------------------------------------------------------------------------


def lines(known: Seeds, least: int) -> list[str]:
    """How the seeds lie over clusters."""
    names, counts = hits(known)
    enough = int(np.count_nonzero((counts >= least).any(axis=0)))
    told = f"; {enough:,} of these have at least {least:,} of one file" if least > 1 else ""
    most = [f"{names[i]} ({counts[:, i].sum():,})" for i in np.argsort(-counts.sum(axis=0), kind="stable")[:5]]
    return [f"the texts fall into {len(names):,} clusters{told}; most into {', '.join(most)}"] if most else []
