"""SSL prototypes (Sorscher et al. 2022): the distance to its cluster's centre says how hard a document is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from curate.algorithms import ranking
from curate.errors import UsageError
from curate.kernels import arrow


def surveyed(table: pa.Table, clusters: str, distance: str) -> pa.Table:
    """A document's cluster, its distance and a hash of its id.

    Raises UsageError for columns that are not numbers of clusters and distances.
    """
    for name, option, right in ((clusters, "cluster", pa.types.is_integer), (distance, "distance", _is_number)):
        if not right(table[name].type):
            raise UsageError(f"--{option} {name}: the column holds {table[name].type}; name a column that cluster made")
    distances = arrow.numbers(table[distance]).astype(np.float64)
    judged = arrow.validity(table[clusters]) & arrow.validity(table[distance]) & ~np.isnan(distances)
    return pa.table(
        {
            "shard": table["shard"],
            "row": table["row"],
            "cluster": arrow.numbers(table[clusters]).astype(np.int64),
            "distance": pa.array(distances, mask=~judged),
            "tie": ranking.ties(table["id"]),
        }
    )


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def settled(tables: Iterable[pa.Table], hard: bool, rate: float, floor: float) -> tuple[pa.Table, Iterator[pa.Table]]:
    """The distribution of distances, and `quantile` and `keep` for every document.

    Goes through the tables twice. Holds 120 bytes a document.
    """
    columns = [tuple(map(arrow.numbers, (t["cluster"], t["distance"], t["tie"]))) for t in tables]
    clusters, distances, hashes = (
        np.concatenate([np.empty(0, dtype=kind), *(given[i] for given in columns)])
        for i, kind in enumerate((np.int64, np.float64, np.uint64))
    )
    del columns
    judged = np.concatenate([np.empty(0, dtype=np.bool_), *(arrow.validity(t["distance"]) for t in tables)])
    quantiles = ranking.quantiles(np.where(judged, -distances if hard else distances, np.inf), hashes)
    keep = chosen(quantiles, np.where(judged, clusters, -1), judged, rate, floor)
    model = _counted(clusters[judged], keep[judged])
    return model, _with_verdict(tables, quantiles, keep)


def chosen(quantiles: np.ndarray, clusters: np.ndarray, judged: np.ndarray, rate: float, floor: float) -> np.ndarray:
    """Which documents stay, bool (n,): floor(rate * n) of them, whatever the clusters.

    The first of each cluster of m, floor(floor * rate * m) of them, stay anyway; the rest is filled up with
    those that come first of all.
    """
    order = np.argsort(quantiles, kind="stable")
    sure = np.zeros(len(order), dtype=np.bool_)
    if floor > 0:
        sure[order] = _first_of_clusters(clusters[order], floor * rate) & judged[order]
    wanted = ranking.kept(rate, len(order)) - np.count_nonzero(sure)
    others = order[~sure[order]]
    sure[others[: max(0, wanted)]] = True
    return sure


def _first_of_clusters(clusters: np.ndarray, share: float) -> np.ndarray:
    """Which are among the first floor(share * m) of the m of their cluster, in the order given."""
    order = np.argsort(clusters, kind="stable")
    _, starts, sizes = np.unique(clusters[order], return_index=True, return_counts=True)
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    counts = np.empty(len(order), dtype=np.int64)
    counts[order] = np.repeat(np.array([ranking.kept(share, size) for size in sizes], dtype=np.int64), sizes)
    return places < counts


def _with_verdict(tables: Iterable[pa.Table], quantiles: np.ndarray, keep: np.ndarray) -> Iterator[pa.Table]:
    start = 0
    for table in tables:
        end = start + table.num_rows
        added = {"quantile": quantiles[start:end], "keep": keep[start:end]}
        yield pa.table({"shard": table["shard"], "row": table["row"], **added})
        start = end


def _counted(clusters: np.ndarray, keep: np.ndarray) -> pa.Table:
    """Of every cluster: `documents`, and those of them that are `kept`."""
    names, owners = np.unique(clusters, return_inverse=True)
    documents, kept = np.bincount(owners, minlength=len(names)), np.bincount(owners[keep], minlength=len(names))
    return pa.table({"cluster": names, "documents": documents.astype(np.int64), "kept": kept.astype(np.int64)})


def lines(model: pa.Table) -> list[str]:
    """What is kept, and how unevenly."""
    documents, kept = arrow.numbers(model["documents"]), arrow.numbers(model["kept"])
    if not len(documents):
        return ["no document has a distance; run cluster before"]
    shares = kept / documents
    return [
        f"keeps {kept.sum():,} of {documents.sum():,} documents with a distance: of a cluster {shares.min():.1%} "
        f"to {shares.max():.1%}, none of {np.count_nonzero(kept == 0):,} of {len(kept):,} clusters"
    ]


def columns(mine: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """The layer's columns of a shard, of its rows of the census: one for each of its documents, in order."""
    if mine is None:
        return schema.empty_table()
    return pa.table([mine["keep"], mine["quantile"]], schema=schema)
