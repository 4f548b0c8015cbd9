"""Which clusters are left out: those of a list, and those whose mean scores are too low or too high."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import UsageError, counted
from curate.kernels import arrow

_WAITING = 100_000
_MOST_SHOWN = 20
_MOST_TERMS = 8


class Rules(NamedTuple):
    """reasons: of the clusters of a list. least, most: bounds of the mean of a column; a mean on its bound is fine.
    shares: of the documents that at most go by the least means of a column."""

    reasons: Mapping[int, str]
    least: Mapping[str, float]
    most: Mapping[str, float]
    shares: Mapping[str, float]

    @property
    def scores(self) -> list[str]:
        return list(dict.fromkeys([*self.least, *self.most, *self.shares]))


class Prepared(NamedTuple):
    """Clusters in order, whether their documents stay, and why not."""

    clusters: np.ndarray
    keep: np.ndarray
    reasons: pa.Array


def sums(table: pa.Table, column: str, scores: Sequence[str]) -> pa.Table:
    """Of each cluster of a shard `documents`, `bytes`, and of each score `sum:NAME` and `seen:NAME`, over the documents
    that have one; the row without a cluster is of the documents in none. Raises UsageError for columns of other types.
    """
    _check_types(table, column, scores)
    known = arrow.validity(table[column])
    clusters, places = np.unique(arrow.numbers(table[column])[known].astype(np.int64), return_inverse=True)
    owners = np.full(table.num_rows, len(clusters))
    owners[known] = places

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(owners, weights=values, minlength=len(clusters) + 1).astype(np.float64)

    columns = {
        "cluster": pa.array(np.append(clusters, 0), mask=np.append(np.zeros(len(clusters), np.bool_), True)),
        "documents": np.bincount(owners, minlength=len(clusters) + 1).astype(np.int64),
        "bytes": total(arrow.numbers(table["bytes"])).astype(np.int64),
    }
    for name in scores:
        values = arrow.numbers(table[name]).astype(np.float64)
        counted = arrow.validity(table[name]) & np.isfinite(values)
        columns[f"sum:{name}"] = total(np.where(counted, values, 0))
        columns[f"seen:{name}"] = total(counted).astype(np.int64)
    return pa.table(columns)


def _check_types(table: pa.Table, column: str, scores: Sequence[str]) -> None:
    if not pa.types.is_integer(table.schema.field(column).type):
        raise UsageError(f"--cluster {column}: it holds {table.schema.field(column).type}, not numbers of clusters")
    for name in scores:
        kind = table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise UsageError(f"{name} has no mean, it holds {kind}; name a column of numbers")


def decided(tables: Iterable[pa.Table], rules: Rules) -> pa.Table:
    """One row a cluster, by number: `documents`, `bytes`, `keep`, `reason` and of each score `mean_NAME`.

    Clusters of the list that have no documents come after, with 0 of them; the last row, with a null for its number,
    is of the documents in no cluster. tables: what `sums` gives, in the order of the shards. A mean is null, and no
    ground to leave a cluster out, where no document has the score.
    """
    found = _added(tables)
    named = found.filter(pc.is_valid(found["cluster"]))
    clusters = arrow.numbers(named["cluster"])
    means = {name: _mean(named, name) for name in rules.scores}
    sizes = arrow.numbers(named["documents"])
    limits = {name: _limit(means[name], sizes, share) for name, share in rules.shares.items()}
    bounds = [(rules.least, "<"), (rules.most, ">"), (limits, "<")]
    reasons = [_reason(int(cluster), place, means, rules.reasons, bounds) for place, cluster in enumerate(clusters)]
    absent = sorted({*rules.reasons} - {*clusters.tolist()})
    nowhere = found.filter(pc.is_null(found["cluster"]))
    reasons += [*(rules.reasons[cluster] for cluster in absent), None]
    rest = [None] * (len(absent) + 1)
    return pa.table(
        {
            "cluster": pa.array([*clusters.tolist(), *absent, None], pa.int64()),
            **{
                name: pa.array([*named[name].to_pylist(), *(0 for _ in absent), pc.sum(nowhere[name]).as_py() or 0])
                for name in ("documents", "bytes")
            },
            "keep": pa.array([*(reason is None for reason in reasons[:-1]), None], pa.bool_()),
            "reason": pa.array(reasons, pa.string()),
            **{f"mean_{name}": pa.array([*values, *rest], pa.float64()) for name, values in means.items()},
        }
    )


def _added(tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of the same cluster added, whenever some have come together."""
    waiting: list[pa.Table] = []
    rows = kept = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows > max(_WAITING, 2 * kept):
            waiting = [_united(waiting)]
            rows = kept = waiting[0].num_rows
    return _united(waiting)


def _united(tables: list[pa.Table]) -> pa.Table:
    joined = pa.concat_tables(tables)
    added = joined.group_by("cluster", use_threads=False).aggregate([(name, "sum") for name in joined.column_names[1:]])
    return added.rename_columns(joined.column_names).sort_by("cluster").combine_chunks()


def _mean(table: pa.Table, name: str) -> list[float | None]:
    pairs = zip(table[f"sum:{name}"].to_pylist(), table[f"seen:{name}"].to_pylist(), strict=True)
    return [total / seen if seen else None for total, seen in pairs]


def _limit(means: list[float | None], sizes: np.ndarray, share: float) -> float:
    """The least mean that stays when those below it hold at most a share of the documents of all clusters."""
    known = [place for place, mean in enumerate(means) if mean is not None]
    values, sizes_known = np.array([means[place] for place in known], dtype=np.float64), sizes[known]
    distinct, which = np.unique(values, return_inverse=True)
    below = np.cumsum(np.bincount(which, weights=sizes_known, minlength=len(distinct)))
    gone = int(np.searchsorted(below, share * sizes.sum() + 1e-9, side="right"))
    return float(distinct[min(gone, len(distinct) - 1)]) if len(distinct) else -np.inf


def _reason(
    cluster: int,
    place: int,
    means: Mapping[str, list[float | None]],
    reasons: Mapping[int, str],
    bounds: Sequence[tuple[Mapping[str, float], str]],
) -> str | None:
    found = [reasons[cluster]] if cluster in reasons else []
    for limits, sign in bounds:
        for name, limit in limits.items():
            mean = means[name][place]
            if mean is not None and (mean < limit if sign == "<" else mean > limit):
                found.append(f"mean {name} {mean:.4g} {sign} {limit:.4g}")
    return "; ".join(found) or None


def prepared(model: pa.Table) -> Prepared:
    rows = model.filter(pc.greater(model["documents"], 0))
    rows = rows.filter(pc.is_valid(rows["cluster"]))
    keep = rows["keep"].to_numpy(zero_copy_only=False)
    return Prepared(arrow.numbers(rows["cluster"]), keep, arrow.combined(rows["reason"]))


def verdicts(clusters: pa.ChunkedArray, found: Prepared) -> tuple[pa.Array, pa.Array]:
    """Whether each document stays (bool) and why it does not (string); null where it is in no cluster."""
    known = arrow.validity(clusters)
    places = np.searchsorted(found.clusters, arrow.numbers(clusters)[known].astype(np.int64))
    at = np.zeros(len(known), dtype=np.int64)
    at[known] = places
    taken = pa.array(at, mask=~known)
    return pa.array(found.keep, pa.bool_()).take(taken), found.reasons.take(taken)


# --- the report -----------------------------------------------------------------------------------


def report_lines(model: pa.Table, column: str, summary: pa.Table | None) -> list[str]:
    """What goes, in all and cluster by cluster, the largest first, and what to beware of.

    summary: that of the layer `cluster`, whence the terms.
    """
    rows = model.to_pylist()
    nowhere = rows.pop()
    there = [row for row in rows if row["documents"]]
    gone = sorted((row for row in there if not row["keep"]), key=lambda row: -row["bytes"])
    documents, size = (sum(row[name] for row in [*there, nowhere]) for name in ("documents", "bytes"))
    lines = [
        f"left out {len(gone):,} of {len(there):,} clusters, {_share(gone, 'documents', documents)} documents, "
        f"{_share(gone, 'bytes', size)} bytes"
    ]
    terms = _terms(column, summary)
    if gone:
        lines.append(f"{'cluster':>7} {'documents':>10} {'bytes':>13}  why, and its terms")
    for row in gone[:_MOST_SHOWN]:
        said = " ".join(terms.get(row["cluster"], [])[:_MOST_TERMS])
        lines.append(f"{row['cluster']:>7} {row['documents']:>10,} {row['bytes']:>13,}  {row['reason'][:100]}")
        lines += [f"{'':>34}{said[:90]}"] if said else []
    if rest := gone[_MOST_SHOWN:]:
        lines.append(f"and {len(rest):,} smaller with {counted(sum(row['documents'] for row in rest), 'document')}")
    lines += [] if gone else _ranges(there)
    return [*lines, *_warnings(rows, nowhere)]


def _ranges(rows: list[dict]) -> list[str]:
    """Between which means the clusters lie, to draw other lines by."""
    lines = []
    for name in (name for name in (rows or [{}])[0] if name.startswith("mean_")):
        known = sorted((row[name], row["cluster"]) for row in rows if row[name] is not None)
        if known:
            (least, first), (most, last) = known[0], known[-1]
            lines.append(f"mean {name[5:]}: from {least:.4g} in cluster {first} to {most:.4g} in cluster {last}")
    return lines


def _warnings(rows: list[dict], nowhere: dict) -> list[str]:
    lines = []
    if empty := [str(row["cluster"]) for row in rows if not row["documents"]]:
        lines.append(f"warning: the list names clusters without documents: {', '.join(empty[:10])}")
    for name in (name for name in (rows or [{}])[0] if name.startswith("mean_")):
        unknown = [row["cluster"] for row in rows if row["documents"] and row[name] is None]
        if unknown:
            lines.append(f"warning: no document of {len(unknown):,} clusters has a value of {name[5:]}; they stay")
    if nowhere["documents"]:
        lines.append(f"no verdict on {counted(nowhere['documents'], 'document')} in no cluster")
    return lines


def _share(rows: list[dict], name: str, total: int) -> str:
    part = sum(row[name] for row in rows)
    return f"{part:,} of {total:,} ({part / max(1, total):.1%})"


def _terms(column: str, summary: pa.Table | None) -> dict[int, list[str]]:
    """Of each cluster; of a coarser level those of its largest cluster."""
    if summary is None:
        return {}
    found = re.search(r"_(level\d+|domain)$", column)
    name = f"cluster{found[0]}" if found else "cluster"
    if name not in summary.column_names:
        return {}
    ordered = summary.select(dict.fromkeys((name, "documents", "terms"))).sort_by([("documents", "ascending")])
    return dict(zip(ordered[name].to_pylist(), ordered["terms"].to_pylist(), strict=True))
