"""What a person needs to know of a cluster: its size, how tight it is, its terms, its documents and their scores.

Each shard gives a part, whose rows are of one kind each; the parts are merged one after another, so that what is held
depends on the number of clusters alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import language, tokens
from curate.algorithms.cluster_terms import typical_terms
from curate.algorithms.groups import first_of_each
from curate.errors import UsageError
from curate.kernels import arrow, hashing

EXAMPLES = 5
"""Nearest and farthest documents named for each cluster."""
VALUES = 5
"""Commonest sources named for each cluster."""
_READ_PER_SHARD = 2_000
_READ_PER_CLUSTER = 30
_READ = 60_000
_HEAD = 800
"""Characters of a document that count for terms."""
_IDENTIFIED = 240
"""Characters of a document by which its language is told."""
_SURE = 0.5
"""The least score of a language for which a document counts."""
_COUNTED = 100
"""Different values of a column that are counted for each cluster."""
_WAITING = 20_000

SUMMARY = pa.schema(
    [
        ("cluster", pa.int32()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
        ("tokens", pa.int64()),
        ("mean_distance", pa.float64()),
        ("radius", pa.float64()),
        ("terms", pa.list_(pa.string())),
        ("nearest", pa.list_(pa.string())),
        ("farthest", pa.list_(pa.string())),
    ]
)
"""Then `languages`, a list of VALUE with all that the documents read for terms are in, by the builtin model of
`language`, the commonest first; `top_source`, a list of VALUE, for each coarser level and domain its number, for each
column described by `mean_COLUMN` (float64) if it is a number and `top_COLUMN` if it is a string.

tokens: estimated. radius: the distance of the farthest document. nearest, farthest: ids, the extreme first."""

VALUE = pa.struct([("value", pa.string()), ("documents", pa.int64())])


def partial(table: pa.Table, above: Sequence[str], described: Sequence[str], seed: int) -> pa.Table:
    """One shard's part. Its rows are, by the column that is not null,

    `documents`: sums of a cluster, with `sum:X` and `seen:X` of each number X described; `near` or `far`: ids of its
    nearest or farthest documents; `text`: the beginning of a sampled one, and the hash by which it was drawn;
    `value:X`: how often a value is there.

    table: `id`, `bytes`, `text`, `source`, `cluster`, `cluster_distance` and those named. Raises UsageError for one
    of them that holds neither numbers nor strings.
    """
    numbers, words = _kinds(table, described)
    if table["cluster"].null_count:
        table = table.filter(pc.is_valid(table["cluster"]))
    table = table.combine_chunks()
    parts = [_sums(table, above, numbers), _extreme(table, "near", 1), _extreme(table, "far", -1), _read(table, seed)]
    parts += [_counts(table, name) for name in ("source", *words)]
    kinds = _schema(above, numbers, ("source", *words))
    return pa.concat_tables(parts, promote_options="default").select(kinds.names).cast(kinds)


def _schema(above: Sequence[str], numbers: Sequence[str], words: Sequence[str]) -> pa.Schema:
    integers = ("documents", "bytes", "tokens", *above, *(f"seen:{name}" for name in numbers))
    return pa.schema(
        [
            ("cluster", pa.int32()),
            *((name, pa.int64()) for name in integers),
            *((name, pa.float64()) for name in ("distance", *(f"sum:{name}" for name in numbers))),
            ("near", pa.string()),
            ("far", pa.string()),
            ("text", pa.large_string()),
            ("order", pa.uint64()),
            *((f"value:{name}", pa.string()) for name in words),
            ("count", pa.int64()),
        ]
    )


def _kinds(table: pa.Table, described: Sequence[str]) -> tuple[list[str], list[str]]:
    numbers, words = [], []
    for name in described:
        kind = table.schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            numbers.append(name)
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            words.append(name)
        else:
            raise UsageError(f"--describe {name}: the column holds {kind}; name columns of numbers or strings")
    return numbers, words


def _sums(table: pa.Table, above: Sequence[str], numbers: Sequence[str]) -> pa.Table:
    clusters = arrow.numbers(table["cluster"])
    documents = np.bincount(clusters)
    there = np.flatnonzero(documents)
    _, first = np.unique(clusters, return_index=True)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(clusters, weights=values)[there].astype(np.float64)

    columns = {
        "cluster": there.astype(np.int32),
        "documents": documents[there],
        "bytes": total(arrow.numbers(table["bytes"])).astype(np.int64),
        "tokens": total(tokens.counter().count(table["text"])).astype(np.int64),
        "distance": total(arrow.numbers(table["cluster_distance"])),
        **{name: arrow.numbers(table[name])[first] for name in above},
    }
    for name in numbers:
        values = arrow.numbers(table[name]).astype(np.float64)
        counted = arrow.validity(table[name]) & np.isfinite(values)
        columns[f"sum:{name}"] = total(np.where(counted, values, 0))
        columns[f"seen:{name}"] = total(counted).astype(np.int64)
    return pa.table(columns)


def _extreme(table: pa.Table, name: str, sign: int) -> pa.Table:
    clusters = arrow.numbers(table["cluster"])
    distances = arrow.numbers(table["cluster_distance"]).astype(np.float64)
    chosen = first_of_each(clusters, sign * distances, EXAMPLES)
    ids = table["id"].take(pa.array(chosen))
    return pa.table({"cluster": clusters[chosen], "distance": distances[chosen], name: ids})


def _read(table: pa.Table, seed: int) -> pa.Table:
    ids = arrow.strings(table["id"])
    order = np.empty(len(ids), dtype=np.uint64)
    hashing.hash_strings(*ids, np.uint64(seed), order)
    drawn = np.argsort(order, kind="stable")[:_READ_PER_SHARD]
    clusters = arrow.numbers(table["cluster"])[drawn]
    kept = first_of_each(clusters, order[drawn], _READ_PER_CLUSTER)
    texts = pc.utf8_slice_codeunits(arrow.combined(table["text"].take(pa.array(drawn[kept]))), 0, _HEAD)
    return pa.table({"cluster": clusters[kept], "text": texts, "order": order[drawn[kept]]})


def _counts(table: pa.Table, name: str) -> pa.Table:
    value = f"value:{name}"
    pairs = pa.table({"cluster": table["cluster"], value: table[name].cast(pa.string())})
    return _commonest(pairs.append_column("count", pa.array(np.ones(len(pairs), dtype=np.int64))), value)


def _commonest(counts: pa.Table, value: str) -> pa.Table:
    """Counts of the same value added, of each cluster the commonest, of equally common ones the first by name."""
    counts = counts.filter(pc.is_valid(counts[value]))
    added = counts.group_by(["cluster", value], use_threads=False).aggregate([("count", "sum")])
    added = added.rename_columns(["cluster", value, "count"]).sort_by([("cluster", "ascending"), (value, "ascending")])
    kept = first_of_each(arrow.numbers(added["cluster"]), -arrow.numbers(added["count"]), _COUNTED)
    return added.take(pa.array(kept)).combine_chunks()


class _Merged:
    """Rows of one kind from all shards, reduced whenever as many wait as are kept."""

    def __init__(self, kind: str, columns: list[str], reduce: Callable[[pa.Table], pa.Table]) -> None:
        self._kind, self._columns, self._reduce = kind, columns, reduce
        self._tables: list[pa.Table] = []
        self._waiting = self._kept = 0

    def add(self, table: pa.Table) -> None:
        rows = table.filter(pc.is_valid(table[self._kind])).select(self._columns)
        self._tables.append(rows)
        self._waiting += rows.num_rows
        if self._waiting > max(_WAITING, self._kept):
            self._tables = [self.all()]
            self._waiting, self._kept = 0, self._tables[0].num_rows

    def all(self) -> pa.Table:
        return self._reduce(pa.concat_tables(self._tables))


def summarise(tables: Iterable[pa.Table]) -> pa.Table:
    """The shards' parts, one at least, as one row for each cluster that has documents, in their order.

    Sums are exact. So are counts of values where a cluster has no more than 100 different ones; of more, only each
    shard's 100 commonest count. Memory, whatever the number of shards: 170 MiB and 200 kB a cluster, of those above
    2,000 2 kB, since 60,000 documents are read for terms, or one of every cluster.
    """
    merged: dict[str, _Merged] = {}
    for table in tables:
        merged = merged or _kinds_of_rows(table.schema)
        for kind in merged.values():
            kind.add(table)
    found = {name: kind.all() for name, kind in merged.items()}
    clusters = arrow.numbers(found["documents"]["cluster"])
    terms = typical_terms(found["text"]["text"], arrow.numbers(found["text"]["cluster"]))
    columns = {
        **{name: found["documents"][name] for name in ("cluster", "documents", "bytes", "tokens")},
        "mean_distance": _ratio(found["documents"], "distance", "documents"),
        "radius": found["far"]["distance"].take(pa.array(_starts(found["far"], clusters)[:-1])),
        "terms": pa.array([terms.get(cluster, []) for cluster in clusters.tolist()], pa.list_(pa.string())),
        "nearest": _lists(found["near"], clusters, found["near"]["near"]),
        "farthest": _lists(found["far"], clusters, found["far"]["far"]),
    }
    summary = pa.table(columns).cast(SUMMARY)
    for name, column in _further(found, clusters):
        summary = summary.append_column(name, column)
    return summary


def _kinds_of_rows(schema: pa.Schema) -> dict[str, _Merged]:
    sums = [kind.name for kind in schema if kind.type in (pa.int64(), pa.float64()) and kind.name != "count"]
    merged = {
        "documents": _Merged("documents", ["cluster", *sums], _added),
        "near": _Merged("near", ["cluster", "distance", "near"], lambda rows: _kept(rows, "distance", 1, EXAMPLES)),
        "far": _Merged("far", ["cluster", "distance", "far"], lambda rows: _kept(rows, "distance", -1, EXAMPLES)),
        "text": _Merged("text", ["cluster", "order", "text"], _read_of_each),
    }
    for value in schema.names:
        if value.startswith("value:"):
            merged[value] = _Merged(value, ["cluster", value, "count"], functools.partial(_commonest, value=value))
    return merged


def _added(joined: pa.Table) -> pa.Table:
    clusters = arrow.numbers(joined["cluster"])
    there, places = np.unique(clusters, return_inverse=True)
    columns = {"cluster": pa.array(there, pa.int32())}
    for name in joined.column_names[1:]:
        values = arrow.numbers(joined[name])
        total = np.zeros(len(there), dtype=values.dtype)
        (np.maximum if name.startswith("cluster_") else np.add).at(total, places, values)
        columns[name] = pa.array(total)
    return pa.table(columns)


def _kept(table: pa.Table, key: str, sign: int, most: int) -> pa.Table:
    kept = first_of_each(arrow.numbers(table["cluster"]), _signed(table[key], sign), most)
    return table.take(pa.array(kept)).combine_chunks()


def _signed(keys: pa.ChunkedArray, sign: int) -> np.ndarray:
    return -arrow.numbers(keys) if sign < 0 else arrow.numbers(keys)


def _read_of_each(table: pa.Table) -> pa.Table:
    clusters = len(np.unique(arrow.numbers(table["cluster"])))
    return _kept(table, "order", 1, max(1, min(_READ_PER_CLUSTER, _READ // max(1, clusters))))


def _further(found: dict[str, pa.Table], clusters: np.ndarray) -> Iterator[tuple[str, pa.Array]]:
    """Columns after those of SUMMARY."""
    sums = found["documents"]
    yield "languages", _languages(found["text"], clusters)
    yield "top_source", _top(found["value:source"], clusters, "source")
    for name in sums.column_names:
        if name.startswith("cluster_"):
            yield name, sums[name].cast(pa.int32())
        if name.startswith("sum:"):
            yield f"mean_{name[4:]}", _ratio(sums, name, f"seen:{name[4:]}")
    for name in found:
        if name.startswith("value:") and name != "value:source":
            yield f"top_{name[6:]}", _top(found[name], clusters, name[6:])


def _languages(read: pa.Table, clusters: np.ndarray) -> pa.Array:
    """The languages of the texts read, a list of VALUE for each cluster."""
    found = language.detect(language.load(), pc.utf8_slice_codeunits(arrow.combined(read["text"]), 0, _IDENTIFIED))
    sure = pc.greater_equal(found["language_score"], pa.scalar(_SURE, pa.float32()))
    one = pa.array(np.ones(len(read), dtype=np.int64))
    counts = pa.table({"cluster": read["cluster"], "value:": pc.if_else(sure, found["language"], None), "count": one})
    return _top(_commonest(counts, "value:"), clusters, "", _COUNTED)


def _ratio(table: pa.Table, above: str, below: str) -> pa.Array:
    """Null where it would be divided by zero."""
    parts = arrow.numbers(table[below])
    return pa.array(arrow.numbers(table[above]) / np.maximum(parts, 1), mask=parts == 0)


def _starts(table: pa.Table, clusters: np.ndarray) -> np.ndarray:
    return np.append(np.searchsorted(arrow.numbers(table["cluster"]), clusters), table.num_rows).astype(np.int32)


def _lists(table: pa.Table, clusters: np.ndarray, values: pa.ChunkedArray) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(_starts(table, clusters)), arrow.combined(values))


def _top(counts: pa.Table, clusters: np.ndarray, name: str, most: int = VALUES) -> pa.Array:
    kept = _kept(counts, "count", -1, most)
    values = [arrow.combined(kept[f"value:{name}"]), arrow.combined(kept["count"])]
    structs = pa.StructArray.from_arrays(values, fields=list(VALUE))
    return pa.ListArray.from_arrays(pa.array(_starts(kept, clusters)), structs)
