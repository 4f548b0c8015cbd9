"""What a person needs to know of a cluster: its size, how tight it is, its terms and its most typical documents.

Terms are words that many documents of the cluster have and few others (after class-based tf-idf:
Grootendorst 2022, here with numbers of documents for counts), over a seeded sample of documents.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.kernels import arrow, hashing
from curate.kernels import embed as words

NEAREST = 3
"""Documents named for each cluster."""
TERMS = 10
_READ_PER_SHARD = 2_000
_READ_PER_CLUSTER = 30
_HEAD = 800
"""Characters of a document that count for terms."""
_CANDIDATES = 5 * TERMS
_MOST_ROWS = 200_000
_SUMS = ["cluster", "documents", "bytes", "distance"]

PARTIAL = pa.schema(
    [
        ("cluster", pa.int32()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
        ("distance", pa.float64()),
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("order", pa.uint64()),
    ]
)
"""Three kinds of rows: with `documents`, sums of a cluster in a shard; with `id`, one of its nearest
documents; with `text`, the beginning of a sampled one, and the hash by which it was drawn."""

SUMMARY = pa.schema(
    [
        ("cluster", pa.int32()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
        ("mean_distance", pa.float64()),
        ("terms", pa.list_(pa.string())),
        ("nearest", pa.list_(pa.string())),
    ]
)


def partial(table: pa.Table, seed: int) -> pa.Table:
    """One shard's part: `cluster`, `cluster_distance`, `id`, `bytes` and `text` become rows of PARTIAL."""
    table = table.filter(pc.is_valid(table["cluster"])).combine_chunks()
    parts = [_sums(table), _closest(table), _read(table, seed)]
    return pa.concat_tables(parts, promote_options="default").select(PARTIAL.names).cast(PARTIAL)


def _sums(table: pa.Table) -> pa.Table:
    clusters = arrow.numbers(table["cluster"])
    documents = np.bincount(clusters)
    there = np.flatnonzero(documents)

    def total(name: str) -> np.ndarray:
        return np.bincount(clusters, weights=arrow.numbers(table[name]))[there]

    return pa.table(
        {
            "cluster": there.astype(np.int32),
            "documents": documents[there],
            "bytes": total("bytes").astype(np.int64),
            "distance": total("cluster_distance").astype(np.float64),
        }
    )


def _closest(table: pa.Table) -> pa.Table:
    clusters = arrow.numbers(table["cluster"])
    distances = arrow.numbers(table["cluster_distance"]).astype(np.float64)
    chosen = _first_of_each(clusters, distances, NEAREST)
    ids = table["id"].take(pa.array(chosen))
    return pa.table({"cluster": clusters[chosen], "distance": distances[chosen], "id": ids})


def _read(table: pa.Table, seed: int) -> pa.Table:
    ids = arrow.strings(table["id"])
    order = np.empty(len(ids), dtype=np.uint64)
    hashing.hash_strings(*ids, np.uint64(seed), order)
    drawn = np.argsort(order, kind="stable")[:_READ_PER_SHARD]
    clusters = arrow.numbers(table["cluster"])[drawn]
    kept = _first_of_each(clusters, order[drawn], _READ_PER_CLUSTER)
    texts = pc.utf8_slice_codeunits(arrow.combined(table["text"].take(pa.array(drawn[kept]))), 0, _HEAD)
    return pa.table({"cluster": clusters[kept], "text": texts, "order": order[drawn[kept]]})


def _first_of_each(groups: np.ndarray, keys: np.ndarray, most: int) -> np.ndarray:
    """Positions of the rows with the smallest keys of each group, by group and key; of equal keys the first."""
    order = np.lexsort((keys, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    ranks = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return order[ranks < most]


def summarise(tables: Iterable[pa.Table]) -> pa.Table:
    """The shards' parts as one row of SUMMARY for each cluster that has documents, in their order.

    Memory: 60 kB a cluster, whatever the number of documents.
    """
    nearest = read = PARTIAL.empty_table()
    sums = nearest.select(_SUMS)
    for table in tables:
        sums = _added([sums, table.filter(pc.is_valid(table["documents"])).select(_SUMS)])
        nearest = pa.concat_tables([nearest, table.filter(pc.is_valid(table["id"]))])
        read = pa.concat_tables([read, table.filter(pc.is_valid(table["text"]))])
        if nearest.num_rows > _MOST_ROWS:
            nearest = _kept(nearest, "distance", NEAREST)
        if read.num_rows > _MOST_ROWS:
            read = _kept(read, "order", _READ_PER_CLUSTER)
    return _described(sums, _kept(nearest, "distance", NEAREST), _kept(read, "order", _READ_PER_CLUSTER))


def _added(tables: list[pa.Table]) -> pa.Table:
    joined = pa.concat_tables(tables)
    clusters = arrow.numbers(joined["cluster"])
    there = np.unique(clusters)
    places = np.searchsorted(there, clusters)
    columns = {"cluster": pa.array(there, pa.int32())}
    for name in ("documents", "bytes", "distance"):
        values = arrow.numbers(joined[name])
        total = np.zeros(len(there), dtype=values.dtype)
        np.add.at(total, places, values)
        columns[name] = pa.array(total)
    return pa.table(columns)


def _kept(table: pa.Table, key: str, most: int) -> pa.Table:
    kept = _first_of_each(arrow.numbers(table["cluster"]), arrow.numbers(table[key]), most)
    return table.take(pa.array(kept)).combine_chunks()


def _described(sums: pa.Table, nearest: pa.Table, read: pa.Table) -> pa.Table:
    names: dict[int, list[str]] = {cluster: [] for cluster in sums["cluster"].to_pylist()}
    for cluster, name in zip(nearest["cluster"].to_pylist(), nearest["id"].to_pylist(), strict=True):
        names[cluster].append(name)
    terms = typical_terms(read["text"], arrow.numbers(read["cluster"]))
    documents = arrow.numbers(sums["documents"])
    columns = {
        "cluster": sums["cluster"],
        "documents": documents,
        "bytes": sums["bytes"],
        "mean_distance": arrow.numbers(sums["distance"]) / documents,
        "terms": pa.array([terms.get(cluster, []) for cluster in names], pa.list_(pa.string())),
        "nearest": pa.array(list(names.values()), pa.list_(pa.string())),
    }
    return pa.table(columns).cast(SUMMARY)


def typical_terms(text: pa.ChunkedArray, clusters: np.ndarray) -> dict[int, list[str]]:
    """At most TERMS words of each cluster, the most typical first, ties by hash.

    clusters: int32 (n,), sorted. A word's worth is the number of the cluster's texts that have it, times the
    square of the logarithm of how many times the usual number that is; a word of a single text does not
    count where there are more.
    Numbers and single characters are left out; scripts without spaces show pairs of characters.
    """
    texts = arrow.strings(text)
    hashes, starts, stops, owners = _words(texts)
    _, first, ranks = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = np.unique(owners * len(first) + ranks)
    owners, ranks = np.divmod(pairs, max(len(first), 1))
    everywhere = np.bincount(ranks, minlength=len(first))
    keys, counts = np.unique(clusters[owners] * len(first) + ranks, return_counts=True)
    groups, ranks = np.divmod(keys, max(len(first), 1))
    sizes = np.bincount(clusters)
    usual = everywhere[ranks] / len(texts) * sizes[groups] if len(texts) else counts
    worth = counts * np.log(np.maximum(counts / usual, 1)) ** 2
    worth[counts < np.minimum(2, sizes[groups])] = 0
    terms: dict[int, list[str]] = {}
    for i in _first_of_each(groups, -worth, _CANDIDATES):
        found = terms.setdefault(int(groups[i]), [])
        if len(found) < TERMS and worth[i] > 0:
            place = first[ranks[i]]
            word = bytes(texts.data[starts[place] : stops[place]]).decode().lower()
            if len(word) > 1 and not word.isnumeric():
                found.append(word)
    return terms


def _words(texts: arrow.Strings) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every word of the texts: its hash, where it starts and stops, and the text it is of; int64 but for the hash."""
    alphabet, nothing = words.alphabet(), np.empty(0, dtype=np.int64)
    ends = np.zeros(len(texts), dtype=np.int64)
    words.hash_words(*texts, alphabet, np.empty(0, dtype=np.uint64), nothing, nothing, ends)
    count = int(ends[-1]) if len(ends) else 0
    hashes, starts, stops = np.empty(count, dtype=np.uint64), np.empty(count, np.int64), np.empty(count, np.int64)
    words.hash_words(*texts, alphabet, hashes, starts, stops, ends)
    return hashes, starts, stops, np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))


def lines(summary: pa.Table, most: int = 10) -> list[str]:
    """The largest clusters as a table for a terminal."""
    largest = np.argsort(-arrow.numbers(summary["documents"]), kind="stable")[:most]
    found = [f"{'cluster':>7} {'documents':>10} {'distance':>8}  terms"]
    for row in summary.take(pa.array(largest)).to_pylist():
        terms = " ".join(row["terms"][:8])[:72]
        found.append(f"{row['cluster']:>7} {row['documents']:>10,} {row['mean_distance']:>8.3f}  {terms}")
    rest = summary.num_rows - len(largest)
    return [*found, f"and {rest:,} smaller"] if rest else found
