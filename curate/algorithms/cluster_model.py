"""What `cluster` finds on its sample, as one table: the clusters of every level, and the tree of domains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import cluster, cluster_domains, cluster_levels
from curate.algorithms.vectors import vectors_of
from curate.errors import UsageError
from curate.kernels import arrow, hashing

_ROWS_AT_ONCE = 8_192
MOST_AUTO = 4_000
FEWEST_DOCUMENTS = 39
"""Sampled documents a cluster, when the number of clusters is not given: faiss warns of less."""


class Prepared(NamedTuple):
    """The finest centroids, and what a document's finest cluster says of it: columns after `cluster_distance`."""

    centroids: cluster.Centroids
    above: dict[str, np.ndarray]


class Wanted(NamedTuple):
    """counts: clusters of each level, the finest first, or None for as many as suit the documents.

    documents_per_cluster: sampled at most. resamples: rounds at each level, 0 for plain k-means. domains: or None for
    no tree.
    """

    counts: list[int] | None
    documents_per_cluster: int
    resamples: int
    domains: int | None
    iterations: int
    seed: int


def schema(dimensions: int) -> pa.Schema:
    """The columns of the model.

    level: 1 for the finest, 0 for a group of more than 16,384 of them, which are searched group by group, null for a
    node of the tree. cluster: its number in the level, or the node's in the tree, where k clusters of the coarsest
    level are the first k nodes. centroid: of length one; null for a node. sampled: documents of the sample. group: that
    it is searched in. parent: the cluster of the next level that it belongs to. domain: its domain. merged: the node
    that it goes into, of the coarsest level and of nodes. height: Ward's distance of a node's parts. effective_rank,
    mean_cosine: of the sample's vectors, the same in all rows.
    """
    return pa.schema(
        [
            ("level", pa.int32()),
            ("cluster", pa.int32()),
            ("centroid", pa.list_(pa.float32(), dimensions)),
            ("sampled", pa.int64()),
            ("group", pa.int32()),
            ("parent", pa.int32()),
            ("domain", pa.int32()),
            ("merged", pa.int32()),
            ("height", pa.float32()),
            ("effective_rank", pa.float32()),
            ("mean_cosine", pa.float32()),
        ]
    )


def sampled(table: pa.Table, embedding: str, seed: int) -> pa.Table:
    """What `trained` needs of documents: `vector`, `order`, the hash by which they are drawn, and `documents`, how many
    there are to draw from, as the metadata of the table's schema says it."""
    valid = arrow.validity(table[embedding])
    ids = arrow.strings(table["id"])
    order = np.empty(len(ids), dtype=np.uint64)
    hashing.hash_strings(*ids, np.uint64(seed), order)
    documents = int(table.schema.metadata[b"documents"])
    columns = {"vector": vectors_of(table[embedding], embedding), "order": order[valid]}
    return pa.table({**columns, "documents": np.full(int(valid.sum()), documents, dtype=np.int64)})


def trained(tables: Iterable[pa.Table], wanted: Wanted) -> tuple[pa.Table, pa.Table]:
    """The clusters found on what `sampled` gave, the finest level first and by number, and the tree's nodes.

    tables: gone through twice. Memory: 4 bytes a number of the vectors that count, and half of that for levels.
    """
    counts, vectors = _gathered(tables, wanted)
    if not len(vectors):
        return schema(1).empty_table(), schema(1).empty_table()
    cluster.normalise(vectors)
    rank, cosine = cluster.spread(vectors)
    levels = cluster_levels.build(vectors, counts, wanted.resamples, wanted.iterations, wanted.seed)
    nodes, domains, merged = schema(vectors.shape[1]).empty_table(), None, None
    if wanted.domains is not None:
        merges = _tree(levels[-1].centroids, wanted.domains)
        domains, merged = cluster_domains.cut(merges, levels[-1].sizes, wanted.domains), merges.merged
        nodes = _nodes(merges, len(domains), vectors.shape[1])
    model = _level_tables(levels, domains, merged)
    return _with_spread(model, rank, cosine), _with_spread(nodes, rank, cosine)


def _with_spread(table: pa.Table, rank: float, cosine: float) -> pa.Table:
    for name, value in (("effective_rank", rank), ("mean_cosine", cosine)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(np.full(table.num_rows, value, dtype=np.float32)))
    return table


def _gathered(tables: Iterable[pa.Table], wanted: Wanted) -> tuple[list[int], np.ndarray]:
    """How many clusters, and the vectors, float32 (n, d), of as many documents as they need, those of lowest order."""
    orders, population, dimensions = [np.empty(0, dtype=np.uint64)], 0, 1
    for table in tables:
        orders.append(arrow.numbers(table["order"]))
        population = max(population, *arrow.numbers(table["documents"][:1]), 0)
        dimensions = table["vector"].type.list_size
    drawn = np.sort(np.concatenate(orders))
    counts = wanted.counts or [max(1, min(round(population**0.5), MOST_AUTO, len(drawn) // FEWEST_DOCUMENTS))]
    needed = min(len(drawn), counts[0] * wanted.documents_per_cluster)
    vectors = np.empty((needed, dimensions), dtype=np.float32)
    filled = 0
    for table in tables if needed else ():
        chosen = np.flatnonzero(arrow.numbers(table["order"]) <= drawn[needed - 1])[: needed - filled]
        for start in range(0, len(chosen), _ROWS_AT_ONCE):
            some = arrow.vectors(table["vector"].take(pa.array(chosen[start : start + _ROWS_AT_ONCE])))
            vectors[filled : filled + len(some)] = some
            filled += len(some)
    return counts, vectors


def _tree(centroids: np.ndarray, domains: int) -> cluster_domains.Tree:
    most = cluster_domains.MOST_CLUSTERS
    if len(centroids) > most:
        raise UsageError(
            f"--domains {domains}: {len(centroids):,} clusters cannot be merged two by two, at most {most:,} can; "
            f"put a coarser level above them, such as --levels {len(centroids)},{most // 10}"
        )
    return cluster_domains.tree(centroids)


def _level_tables(
    levels: list[cluster_levels.Level], domains: np.ndarray | None, merged: np.ndarray | None
) -> pa.Table:
    dimensions = levels[0].centroids.shape[1]
    groups = cluster.grouped(levels[0].centroids)
    tables = []
    for number in range(len(levels), 0, -1):
        level = levels[number - 1]
        columns = {"centroid": arrow.vector_array(level.centroids), "sampled": pa.array(level.sizes)}
        if level.parents is not None:
            columns["parent"] = pa.array(level.parents)
            domains = None if domains is None else domains[level.parents]
        elif merged is not None:
            columns["merged"] = _nodes_above(merged[: len(level.centroids)])
        if domains is not None:
            columns["domain"] = pa.array(domains)
        if number == 1 and groups is not None:
            columns["group"] = pa.array(groups[1])
        tables.append(_rows(number, 0, len(level.centroids), columns, dimensions))
    if groups is not None:
        centres = {"centroid": arrow.vector_array(groups[0])}
        tables.insert(0, _rows(0, 0, len(groups[0]), centres, dimensions))
    return pa.concat_tables(tables[::-1]).combine_chunks()


def _nodes(merges: cluster_domains.Tree, count: int, dimensions: int) -> pa.Table:
    columns = {"merged": _nodes_above(merges.merged[count:]), "height": pa.array(merges.height)}
    return _rows(None, count, len(merges.height), columns, dimensions)


def _rows(level: int | None, first: int, count: int, columns: dict[str, pa.Array], dimensions: int) -> pa.Table:
    """Rows of the model, numbered from `first`; columns not given are null."""
    kinds = schema(dimensions)
    columns["level"] = pa.array(np.full(count, level or 0, dtype=np.int32), mask=np.full(count, level is None))
    columns["cluster"] = pa.array(np.arange(first, first + count, dtype=np.int32))
    return pa.table([columns.get(kind.name, pa.nulls(count, kind.type)) for kind in kinds], schema=kinds)


def _nodes_above(merged: np.ndarray) -> pa.Array:
    return pa.array(merged, mask=merged < 0)


def prepared(model: pa.Table, names: list[str]) -> Prepared:
    """The finest centroids ready for use, and for each column of these names what it is for each of them.

    names: `cluster_level2` and so on, `cluster_domain`.
    """
    levels = [_level(model, number) for number in range(max(2, 1 + len(names)))]
    finest, owners = levels[1], np.arange(levels[1].num_rows)
    above: dict[str, np.ndarray] = {}
    for number, name in enumerate(names, start=1):
        if name == "cluster_domain":
            above[name] = arrow.numbers(finest["domain"])
        else:
            owners = arrow.numbers(levels[number]["parent"])[owners]
            above[name] = owners
    centroids = np.ascontiguousarray(arrow.vectors(finest["centroid"]))
    if not levels[0].num_rows:
        return Prepared(cluster.Centroids(centroids), above)
    centres = arrow.vectors(levels[0]["centroid"])
    return Prepared(cluster.searchable(centroids, centres, arrow.numbers(finest["group"])), above)


def _level(model: pa.Table, number: int) -> pa.Table:
    return model.filter(pc.equal(model["level"], number))


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
