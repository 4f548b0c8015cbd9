"""Documents as points on a plane, and how different from one another they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import cluster, vectors
from curate.errors import UsageError
from curate.kernels import arrow, hashing

_ROWS_AT_ONCE = 8_192
_PLACES = 5
_NEIGHBOURS = 15
_FEWEST = 4

MODEL = pa.schema(
    [
        ("sampled", pa.int64()),
        ("effective_rank", pa.float64()),
        ("dimensions", pa.int64()),
        ("mean_distance", pa.float64()),
        ("explained", pa.float64()),
    ]
)
SUMMARY = pa.schema(
    [
        ("documents", pa.int64()),
        ("clusters", pa.int64()),
        ("cluster_entropy", pa.float64()),
        ("even_entropy", pa.float64()),
    ]
)


def surveyed(table: pa.Table, embedding: str, seed: int) -> pa.Table:
    """The vectors of a shard's sampled documents, where they are, and the hash by which they are drawn."""
    valid = arrow.validity(table[embedding])
    ids = arrow.strings(table["id"])
    order = np.empty(len(ids), dtype=np.uint64)
    hashing.hash_strings(*ids, np.uint64(seed), order)
    chosen = pa.array(valid)
    places = {"shard": table["shard"].filter(chosen), "row": table["row"].filter(chosen)}
    return pa.table({**places, "order": order[valid], "vector": vectors.vectors_of(table[embedding], embedding)})


def settled(tables: Iterable[pa.Table], most: int, method: str, seed: int) -> tuple[pa.Table, Iterator[pa.Table]]:
    """The figures of the sample, and `x` and `y` of its documents.

    tables: gone through once. Of them the `most` of lowest hash count, in that order, so that the shards are not seen.
    Figures and places are rounded, so that a BLAS's order of adding is not either. Holds 14 bytes a number.
    """
    joined = pa.concat_tables(tables)
    chosen = np.argsort(arrow.numbers(joined["order"]), kind="stable")[:most]
    joined = joined.take(pa.array(chosen))
    rows = vectors.unit_rows(joined["vector"])
    if not len(rows):
        return MODEL.empty_table(), iter([_placed(joined, np.empty((0, 2)))])
    rank, cosine = cluster.spread(rows)
    points, explained = principal(rows)
    if method == "umap":
        points, explained = neighbourly(rows, seed), None
    figures = {
        "sampled": [len(rows)],
        "effective_rank": [rank],
        "dimensions": [min(rows.shape)],
        "mean_distance": [round(1 - cosine, 4)],
        "explained": [explained],
    }
    return pa.table(figures, schema=MODEL), iter([_placed(joined, points)])


def _placed(joined: pa.Table, points: np.ndarray) -> pa.Table:
    x, y = (np.round(points[:, i], _PLACES).astype(np.float32) + np.float32(0) for i in range(2))
    return pa.table({"shard": joined["shard"], "row": joined["row"], "x": x, "y": y})


def principal(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """Vectors, float32 (n, d), on their two principal components (Pearson 1901): float64 (n, 2), about their mean.

    Also the share of the variance that these two have. The number of greatest size of a component is above zero.
    """
    products, mean = np.zeros((rows.shape[1],) * 2), rows.mean(axis=0, dtype=np.float64)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE] - mean
        products += block.T @ block
    values, components = np.linalg.eigh(products)
    axes = np.zeros((rows.shape[1], 2))
    axes[:, : min(2, len(values))] = components[:, ::-1][:, :2]
    largest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    axes *= np.where(largest < 0, -1.0, 1.0)
    total = float(np.maximum(values, 0).sum())
    points = np.concatenate(
        [(rows[start : start + _ROWS_AT_ONCE] - mean) @ axes for start in range(0, len(rows), _ROWS_AT_ONCE)]
    )
    return points, round(float(values[-2:].sum()) / total, 4) if total > 0 else 1.0


def neighbourly(rows: np.ndarray, seed: int) -> np.ndarray:
    """Vectors, float32 (n, d), by UMAP (McInnes, Healy and Melville 2018): (n, 2), equal on one version and machine.

    Raises UsageError where it is not installed, or for fewer than four.
    """
    try:
        import umap  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UsageError("--method umap needs a package: pip install 'curate[map]'") from None
    if len(rows) < _FEWEST:
        raise UsageError(f"--method umap: {len(rows)} documents have no neighbourhoods; use pca")
    neighbours = min(_NEIGHBOURS, len(rows) - 1)
    wanted = umap.UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed % (1 << 31), n_jobs=1, init="random")
    return np.asarray(wanted.fit_transform(rows), dtype=np.float64)


def columns(mine: pa.Table | None, rows: np.ndarray, schema: pa.Schema) -> pa.Table:
    """A shard's columns: null for the documents that are not of the sample. rows: int64, ascending."""
    found = [np.zeros(len(rows), dtype=np.float32) for _ in range(2)]
    missing = np.ones(len(rows), dtype=np.bool_)
    if mine is not None:
        places = np.searchsorted(rows, arrow.numbers(mine["row"]))
        missing[places] = False
        for values, name in zip(found, ("x", "y"), strict=True):
            values[places] = arrow.numbers(mine[name])
    return pa.table([pa.array(values, mask=missing) for values in found], schema=schema)


def counted(table: pa.Table, clusters: str | None) -> pa.Table:
    """How many documents of a shard each cluster has, under its name; one row of null for all without clusters."""
    if clusters is None:
        return pa.table({"cluster": pa.nulls(1, pa.string()), "count": pa.array([table.num_rows], pa.int64())})
    counts = pc.value_counts(arrow.combined(table[clusters]).cast(pa.string()))
    return pa.table({"cluster": counts.field("values"), "count": counts.field("counts")})


def summarised(tables: Iterable[pa.Table]) -> pa.Table:
    """Over all documents with a cluster: how many, of how many clusters, and the entropy of their sizes, in nats."""
    joined = pa.concat_tables(tables)
    named = joined.filter(pc.is_valid(joined["cluster"])).group_by("cluster").aggregate([("count", "sum")])
    sizes = np.sort(arrow.numbers(named["count_sum"]))
    shares = sizes / max(1, sizes.sum())
    there = len(sizes) > 0
    figures = {
        "documents": [int(arrow.numbers(joined["count"]).sum())],
        "clusters": [len(sizes) if there else None],
        "cluster_entropy": [round(abs(float((shares * np.log(shares)).sum())), 6) if there else None],
        "even_entropy": [round(float(np.log(len(sizes))), 6) if there else None],
    }
    return pa.table(figures, schema=SUMMARY)


def lines(model: pa.Table, summary: pa.Table) -> list[str]:
    """The figures to read."""
    if not model.num_rows:
        return ["no document has a vector; run embed before"]
    (found,), (whole,) = model.to_pylist(), summary.to_pylist()
    seen = "" if found["explained"] is None else f", which show {found['explained']:.1%} of the variance"
    said = [
        f"{found['sampled']:,} of {whole['documents']:,} documents have a place{seen}",
        f"effective rank {found['effective_rank']:,.1f} of {found['dimensions']:,}, mean distance of two documents "
        f"{found['mean_distance']:.3f}",
    ]
    if whole["clusters"]:
        alike = np.exp(whole["cluster_entropy"])
        said.append(
            f"entropy of {whole['clusters']:,} clusters {whole['cluster_entropy']:.3f} of at most "
            f"{whole['even_entropy']:.3f} nats: as diverse as {alike:,.1f} clusters of one size"
        )
    return said
