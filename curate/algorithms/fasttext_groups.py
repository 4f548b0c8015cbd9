"""A classifier's scores by group: places within a group, and whether they say more of the group than of the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import ranking, scores
from curate.errors import DataError
from curate.kernels import arrow, hashing

DOMAIN = "domain"
LEAST_DOCUMENTS = 100
"""Smaller groups are ranked together, and no alarm is raised for them."""
LEAST_FOR_ALARM = 1000

_DOMAIN = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?(?:[^/@?#]*@)?(?:www\.)?(?P<domain>[^/:?#]+)"
_SHARES = (0.5, 0.25, 0.1, 0.05)
_LISTED = 10
_STRONG = 0.5
_SAME = 0.99
CONSTANT, SOURCE, LENGTH, GROUP, ALL = "constant", "source", "length", "group", "all"


def column_of(by: str) -> str:
    """The column of the corpus that a grouping reads."""
    return "url" if by == DOMAIN else by


def names(table: pa.Table, by: str) -> pa.Array:
    """The group of each document, as text: the value of a column, or the host of its URL without `www.`."""
    values = arrow.combined(table[column_of(by)].cast(pa.string()))
    return pc.utf8_lower(pc.struct_field(pc.extract_regex(values, _DOMAIN), "domain")) if by == DOMAIN else values


def surveyed(table: pa.Table, judged: pa.Table, by: str) -> pa.Table:
    """`score`, `label`, a hash of the group and one of the id, for each document."""
    values = arrow.strings(names(table, by))
    groups = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(0), groups)
    return pa.table(
        {
            "shard": table["shard"],
            "row": table["row"],
            "score": judged["score"],
            "label": judged["label"],
            "group": groups,
            "tie": ranking.ties(table["id"]),
        }
    )


def settled(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """`shard`, `row`, `score`, `label` and `quantile` of every document. Goes through the tables twice.

    Holds 80 bytes a document.
    """
    columns = [tuple(map(arrow.numbers, (t["score"], t["group"], t["tie"]))) for t in tables]
    values, groups, ties = (
        np.concatenate([np.empty(0, dtype=kind), *(given[i] for given in columns)])
        for i, kind in enumerate((np.float32, np.uint64, np.uint64))
    )
    del columns
    judged = np.concatenate([np.empty(0, dtype=np.bool_), *(arrow.validity(t["score"]) for t in tables)])
    quantiles = within(values, groups, ties, judged)
    start = 0
    for table in tables:
        end = start + table.num_rows
        found = pa.array(quantiles[start:end], mask=~judged[start:end])
        yield table.select(["shard", "row", "score", "label"]).append_column("quantile", found)
        start = end


def within(values: np.ndarray, groups: np.ndarray, ties: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """The share of a group's judged documents that score no higher, itself included: float64 (n,)."""
    rows = np.flatnonzero(judged)
    _, numbers, counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
    numbers = np.where(counts[numbers] < LEAST_DOCUMENTS, len(counts), numbers)
    order = np.lexsort((ties[rows], values[rows], numbers))
    sizes = np.bincount(numbers, minlength=len(counts) + 1)
    starts = np.cumsum(sizes) - sizes
    sorted_numbers = numbers[order]
    found = np.zeros(len(values), dtype=np.float64)
    found[rows[order]] = (np.arange(1, len(order) + 1) - starts[sorted_numbers]) / sizes[sorted_numbers]
    return found


def edges(mean: bool) -> np.ndarray:
    """Bins of scores: fine in log-odds where they are probabilities, and with every twentieth among their edges."""
    if mean:
        return scores.wide_edges()
    odds = np.linspace(-11.5, 11.5, 185)
    return np.unique(np.round(np.concatenate([scores.unit_edges(), 1.0 / (1.0 + np.exp(-odds))]), 12))


COUNTS = pa.schema(
    [
        ("by", pa.string()),
        ("name", pa.string()),
        ("bin", pa.int32()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
    ]
)
SUMMARY = pa.schema(
    [
        ("by", pa.string()),
        ("name", pa.string()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("documents", pa.int64()),
        ("bytes", pa.int64()),
    ]
)
"""Documents and bytes in each bin of scores (null: no score), of all documents, of each source, of each group of --by,
and of each length (the logarithm of the bytes, in halves, to base 2)."""


def counted(table: pa.Table, column: str, by: str | None, bins: np.ndarray) -> pa.Table:
    """The documents of a table by score: rows of `COUNTS`."""
    values, valid = arrow.numbers(table[column]).astype(np.float64), arrow.validity(table[column])
    places = np.clip(np.searchsorted(bins, values, side="right") - 1, 0, len(bins) - 2)
    sizes = arrow.numbers(table["bytes"]).astype(np.int64)
    lengths = np.floor(2 * np.log2(np.maximum(sizes, 1))).astype(np.int64)
    named = {
        ALL: pa.array(np.zeros(len(table), dtype=np.int64)).cast(pa.string()),
        SOURCE: arrow.combined(table["source"].cast(pa.string())),
        LENGTH: pa.array(lengths).cast(pa.string()),
    }
    if by:
        named[GROUP] = names(table, by)
    base = pa.table({"bin": np.where(valid, places, -1).astype(np.int32), "documents": np.ones(len(table), np.int64)})
    base = base.append_column("bytes", pa.array(sizes))
    return added(
        [
            base.append_column("name", names_).append_column("by", _repeated(kind, len(table)))
            for kind, names_ in named.items()
        ]
    )


def _repeated(value: str, rows: int) -> pa.Array:
    return pa.array([value], pa.string()).take(pa.array(np.zeros(rows, dtype=np.int64)))


def added(tables: Iterable[pa.Table]) -> pa.Table:
    """Rows of `COUNTS` added up."""
    together = pa.concat_tables([COUNTS.empty_table(), *(table.select(COUNTS.names).cast(COUNTS) for table in tables)])
    sums = together.group_by(["by", "name", "bin"]).aggregate([("documents", "sum"), ("bytes", "sum")])
    return sums.rename_columns(COUNTS.names).cast(COUNTS)


def united(tables: Iterable[pa.Table], bins: np.ndarray) -> pa.Table:
    """All counts as rows of `SUMMARY`, in order. Holds 100 bytes for each bin of a group that a document is in."""
    held, size = COUNTS.empty_table(), 0
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        size += table.num_rows
        if size > max(1 << 20, held.num_rows):
            held, waiting, size = added([held, *waiting]), [], 0
    found = added([held, *waiting]).sort_by([(name, "ascending") for name in ("by", "name", "bin")])
    places = arrow.numbers(found["bin"])
    low, high = (np.where(places < 0, np.nan, side[places]) for side in (bins[:-1], bins[1:]))
    columns = [found["by"], found["name"], *(pa.array(side, mask=np.isnan(side)) for side in (low, high))]
    return pa.table([*columns, found["documents"], found["bytes"]], schema=SUMMARY)


def whole(summary: pa.Table) -> pa.Table:
    """The rows of all documents, those without a score last."""
    return summary.filter(pc.equal(summary["by"], ALL)).sort_by([("low", "ascending")])


def coarse(summary: pa.Table, mean: bool) -> pa.Table:
    """The rows of all documents in the twenty bins that people look at."""
    table = whole(summary)
    if mean:
        return table
    bins = scores.unit_edges()
    valid = arrow.validity(table["low"])
    places = np.clip(np.searchsorted(bins, arrow.numbers(table["low"]) + 1e-9, side="right") - 1, 0, len(bins) - 2)
    places = np.where(valid, places, len(bins) - 1)
    rows = [
        np.bincount(places, weights=arrow.numbers(table[name]), minlength=len(bins)) for name in ("documents", "bytes")
    ]
    there = np.flatnonzero(rows[0])
    low, high = np.append(bins[:-1], np.nan)[there], np.append(bins[1:], np.nan)[there]
    columns = {"low": pa.array(low, mask=np.isnan(low)), "high": pa.array(high, mask=np.isnan(high))}
    return pa.table({**columns, "documents": rows[0][there].astype(np.int64), "bytes": rows[1][there].astype(np.int64)})


def lines(summary: pa.Table, by: str | None, mean: bool) -> list[str]:
    """What thresholds keep, of all and of each group, and what is to be warned of."""
    return [*_thresholds(summary, by), *warnings(summary, by), *scores.bar_lines(coarse(summary, mean))]


def _thresholds(summary: pa.Table, by: str | None) -> list[str]:
    rows = whole(summary)
    kept = scores.kept_lines(rows)
    if not by:
        return kept
    groups = _largest(summary, GROUP)
    told = [
        f"{name or 'none':<20} {documents:>10,} documents; best " + _bests(summary, name) for name, documents in groups
    ]
    return [*kept, f"thresholds by {by} (fasttext_quantile has each document's place within its own):", *told]


def _bests(summary: pa.Table, name: str | None) -> str:
    rows = scores.scored(_of(summary, GROUP, name).sort_by([("low", "ascending")]))
    documents = np.cumsum(arrow.numbers(rows["documents"])[::-1])[::-1]
    if not len(documents):
        return "none has a score"
    low = arrow.numbers(rows["low"])
    nearest = [int(np.abs(documents / documents[0] - share).argmin()) for share in _SHARES]
    return ", ".join(f"{share:.0%} >= {low[at]:.3g}" for share, at in zip(_SHARES, nearest, strict=True))


def _of(summary: pa.Table, by: str, name: str | None) -> pa.Table:
    same = pc.equal(summary["by"], by)
    named = pc.is_null(summary["name"]) if name is None else pc.fill_null(pc.equal(summary["name"], name), False)
    return summary.filter(pc.and_(same, named))


def _largest(summary: pa.Table, by: str) -> list[tuple[str | None, int]]:
    """The groups of most documents, and their numbers."""
    rows = summary.filter(pc.equal(summary["by"], by)).group_by("name").aggregate([("documents", "sum")])
    rows = rows.sort_by([("documents_sum", "descending"), ("name", "ascending")]).slice(0, _LISTED)
    return list(zip(rows["name"].to_pylist(), rows["documents_sum"].to_pylist(), strict=True))


def warnings(summary: pa.Table, by: str | None) -> list[str]:
    """A line for each thing by which the scores mislead: none vary, or the length or the source decides them."""
    found = []
    constant = constant_groups(summary, SOURCE)
    if constant:
        listed = ", ".join(str(name) for name in constant[:5]) + (
            f" and {len(constant) - 5:,} more" * (len(constant) > 5)
        )
        found.append(f"warning: constant scores in {len(constant):,} sources: {listed}")
    length = length_correlation(summary)
    if abs(length) > _STRONG:
        found.append(f"warning: scores rank by length: their rank correlation with the bytes is {length:.2f}")
    for kind, name in ((SOURCE, "source"), *([(GROUP, by)] if by else [])):
        share = explained(summary, kind)
        if share > _STRONG:
            found.append(
                f"warning: scores rank by {name}: {share:.0%} of the variance of their ranks lies between one and the "
                f"other; --by {name} ranks each within its own"
            )
    return found


def constant_groups(summary: pa.Table, by: str) -> list[str | None]:
    """The groups of at least `LEAST_DOCUMENTS` documents of which 99 % lie in one bin."""
    rows = scores.scored(summary.filter(pc.equal(summary["by"], by)))
    sums = rows.group_by("name").aggregate([("documents", "sum"), ("documents", "max")])
    large = pc.greater_equal(sums["documents_sum"], LEAST_DOCUMENTS)
    same = pc.greater_equal(pc.divide(pc.cast(sums["documents_max"], pa.float64()), sums["documents_sum"]), _SAME)
    return sorted(sums.filter(pc.and_(large, same))["name"].to_pylist(), key=lambda name: (name is None, name))


def length_correlation(summary: pa.Table) -> float:
    """Spearman's correlation of score and length, of bins as if all in one were tied; 0 where one is constant."""
    rows = scores.scored(summary.filter(pc.equal(summary["by"], LENGTH)))
    weights = arrow.numbers(rows["documents"]).astype(np.float64)
    ranks = [
        _ranks(values, weights)
        for values in (arrow.numbers(rows["low"]), arrow.numbers(rows["name"].cast(pa.int64())).astype(np.float64))
    ]
    centred = [rank - np.average(rank, weights=weights) if weights.sum() else rank for rank in ranks]
    spread = [float((weights * rank**2).sum()) for rank in centred]
    return float((weights * centred[0] * centred[1]).sum() / np.sqrt(spread[0] * spread[1])) if min(spread) > 0 else 0.0


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean rank of each value among values that stand for several: float64 (n,)."""
    _, numbers = np.unique(values, return_inverse=True)
    sizes = np.bincount(numbers, weights=weights)
    return (np.cumsum(sizes) - sizes / 2)[numbers]


def explained(summary: pa.Table, by: str) -> float:
    """The share of the variance of the scores' ranks that lies between groups of at least `LEAST_DOCUMENTS` documents:
    the correlation ratio; 0 with fewer than two such groups."""
    rows = scores.scored(summary.filter(pc.equal(summary["by"], by)))
    groups = arrow.combined(rows["name"]).dictionary_encode(null_encoding="encode").indices.to_numpy()
    weights = arrow.numbers(rows["documents"]).astype(np.float64)
    large = np.bincount(groups, weights=weights) >= LEAST_DOCUMENTS if len(groups) else np.empty(0, dtype=np.bool_)
    if large.sum() < 2:
        return 0.0
    chosen = large[groups]
    groups, weights = groups[chosen], weights[chosen]
    ranks = _ranks(arrow.numbers(rows["low"])[chosen], weights)
    ranks -= np.average(ranks, weights=weights)
    total = float((weights * ranks**2).sum())
    sizes, sums = (np.bincount(groups, weights=given) for given in (weights, weights * ranks))
    between = float((sums[sizes > 0] ** 2 / sizes[sizes > 0]).sum())
    return between / total if total > 0 else 0.0


def check(summary: pa.Table, most_same: float) -> None:
    """Raises DataError when more than a share of at least 1,000 documents with a score lie in one bin."""
    documents = arrow.numbers(scores.scored(whole(summary))["documents"])
    if documents.sum() < LEAST_FOR_ALARM or documents.max() <= most_same * documents.sum():
        return
    row = scores.scored(whole(summary)).slice(int(documents.argmax()), 1).to_pylist()[0]
    raise DataError(
        f"constant scores: {documents.max() / documents.sum():.1%} of the documents score between {row['low']:.4g} and "
        f"{row['high']:.4g}; look at the examples, or whether --text-as is what the model wants\n"
        f"raise --max-same (now {most_same:g}) to accept; nothing is computed again"
    )
