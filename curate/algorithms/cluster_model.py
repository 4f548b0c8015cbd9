"""What `cluster` finds on its sample, as one table: the clusters of every level, and the tree of domains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import cluster, cluster_domains, cluster_levels
from curate.algorithms.vectors import vectors_of
from curate.errors import UsageError
from curate.kernels import arrow

MOST_AUTO = 4_000
FEWEST_DOCUMENTS = 39
"""Sampled documents a cluster, when the number of clusters is not given: faiss warns of less."""


class Prepared(NamedTuple):
    """The finest centroids, and what a document's finest cluster says of it: columns after `cluster_distance`."""

    centroids: cluster.Centroids
    above: dict[str, np.ndarray]


class Wanted(NamedTuple):
    """counts: clusters of each level, the finest first, or None for as many as suit the documents.

    resamples: rounds at each level, 0 for plain k-means. domains: or None for no tree.
    """

    counts: list[int] | None
    resamples: int
    domains: int | None
    iterations: int
    seed: int


def schema(dimensions: int) -> pa.Schema:
    """The columns of the model.

    level: 1 for the finest, null for a node of the tree. cluster: its number in the level, or the node's in the tree,
    where k clusters of the coarsest level are the first k nodes. centroid: of length one; null for a node.
    sampled: documents of the sample. parent: the cluster of the next level that it belongs to. domain: its domain.
    merged: the node that it goes into, of the coarsest level and of nodes. height: Ward's distance of a node's parts.
    """
    return pa.schema(
        [
            ("level", pa.int32()),
            ("cluster", pa.int32()),
            ("centroid", pa.list_(pa.float32(), dimensions)),
            ("sampled", pa.int64()),
            ("parent", pa.int32()),
            ("domain", pa.int32()),
            ("merged", pa.int32()),
            ("height", pa.float32()),
        ]
    )


def trained(tables: Iterable[pa.Table], wanted: Wanted) -> tuple[pa.Table, pa.Table]:
    """The clusters found on the vectors of surveys, the finest level first and by number, and the tree's nodes."""
    columns = [table["vector"] for table in tables]
    chunks = [chunk for column in columns for chunk in column.chunks if len(chunk)]
    if not chunks:
        return schema(1).empty_table(), schema(1).empty_table()
    vectors = np.concatenate([arrow.vectors(chunk) for chunk in chunks], dtype=np.float32)
    cluster.normalise(vectors)
    counts = wanted.counts or [min(1000, max(1, len(vectors) // FEWEST_DOCUMENTS))]
    levels = cluster_levels.build(vectors, counts, wanted.resamples, wanted.iterations, wanted.seed)
    if wanted.domains is None:
        return _level_tables(levels, None, None), schema(vectors.shape[1]).empty_table()
    top = levels[-1]
    if len(top.centroids) > cluster_domains.MOST_CLUSTERS:
        raise UsageError(
            f"--domains {wanted.domains}: {len(top.centroids):,} clusters cannot be merged two by two, at most "
            f"{cluster_domains.MOST_CLUSTERS:,} can; put a coarser level above them, such as --levels "
            f"{len(top.centroids)},{cluster_domains.MOST_CLUSTERS // 10}"
        )
    merges = cluster_domains.tree(top.centroids)
    domains = cluster_domains.cut(merges, top.sizes, wanted.domains)
    return _level_tables(levels, domains, merges.merged), _nodes(merges, len(domains), vectors.shape[1])


def _level_tables(
    levels: list[cluster_levels.Level], domains: np.ndarray | None, merged: np.ndarray | None
) -> pa.Table:
    tables = []
    for number in range(len(levels), 0, -1):
        level = levels[number - 1]
        count = len(level.centroids)
        if domains is not None and level.parents is not None:
            domains = domains[level.parents]
        columns = {
            "level": pa.array(np.full(count, number, dtype=np.int32)),
            "cluster": pa.array(np.arange(count, dtype=np.int32)),
            "centroid": arrow.vector_array(level.centroids),
            "sampled": pa.array(level.sizes),
            "parent": pa.nulls(count, pa.int32()) if level.parents is None else pa.array(level.parents),
            "domain": pa.nulls(count, pa.int32()) if domains is None else pa.array(domains),
            "merged": pa.nulls(count, pa.int32()),
            "height": pa.nulls(count, pa.float32()),
        }
        if number == len(levels) and merged is not None:
            columns["merged"] = _nodes_above(merged[:count])
        tables.append(pa.table(columns))
    return pa.concat_tables(tables[::-1]).combine_chunks()


def _nodes(merges: cluster_domains.Tree, count: int, dimensions: int) -> pa.Table:
    made = len(merges.height)
    columns = {
        "level": pa.nulls(made, pa.int32()),
        "cluster": pa.array(np.arange(count, count + made, dtype=np.int32)),
        "merged": _nodes_above(merges.merged[count:]),
        "height": pa.array(merges.height),
    }
    kinds = schema(dimensions)
    return pa.table({field.name: columns.get(field.name, pa.nulls(made, field.type)) for field in kinds}, schema=kinds)


def _nodes_above(merged: np.ndarray) -> pa.Array:
    return pa.array(merged, mask=merged < 0)


def prepared(model: pa.Table, names: Iterable[str]) -> Prepared:
    """The finest centroids ready for use, and for each column of these names what it is for each of them.

    names: `cluster_level2` and so on, `cluster_domain`.
    """
    finest = model.filter(pa.array(arrow.numbers(model["level"]) == 1))
    above, owners = {}, np.arange(finest.num_rows)
    for number, name in enumerate(names, start=1):
        level = model.filter(pa.array(arrow.numbers(model["level"]) == number))
        if name == "cluster_domain":
            above[name] = arrow.numbers(finest["domain"])
        else:
            owners = arrow.numbers(level["parent"])[owners]
            above[name] = owners
    return Prepared(cluster.pack(arrow.vectors(finest["centroid"])), above)


def assign_column(column: pa.ChunkedArray, name: str, found: Prepared) -> pa.Table:
    """`cluster` and `cluster_distance` of a column of vectors, and the columns above, null where the vector is null."""
    vectors = vectors_of(column, name)
    if len(vectors) and len(found.centroids.rows) == 0:
        raise UsageError(f"--embedding {name}: no document of the sample has a vector; raise --documents-per-cluster")
    clusters, distances = cluster.assign(arrow.vectors(vectors), found.centroids)
    valid = arrow.validity(column)
    places = pa.array(np.cumsum(valid) - 1, mask=~valid)
    columns = {"cluster": clusters, "cluster_distance": distances}
    columns |= {name: numbers[clusters] for name, numbers in found.above.items()}
    return pa.table({name: pa.array(values).take(places) for name, values in columns.items()})
