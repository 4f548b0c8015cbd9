"""What to make of documents' bits per byte: places among all, buckets (CCNet), weights for sampling (BERTIN), a choice.

CCNet (Wenzek et al. 2020, arXiv 1911.00359) cuts the documents of each language by perplexity into head, middle and
tail. BERTIN (de la Rosa et al. 2022, arXiv 2207.06814) samples documents with weights that peak at the middle of the
perplexities: by a Gaussian, or by the inverse of the range of the quartile a document falls into. Its constants belong
to its model's perplexities, so the unit here is chosen by the corpus: a document's perplexity is that of as many bytes
as make the third quartile 1.71 times the first, as theirs was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import ranking
from curate.errors import UsageError
from curate.kernels import arrow, hashing

BUCKETS = ("head", "middle", "tail")
SAMPLED = ("gaussian", "stepwise")

_SALT = 0x6A09E667F3BCC908
_SPREAD = 919250.87 / 536394.99
"""The third quartile by the first, as BERTIN's code has them."""
_LABELS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date)
_GROUPS = 12
"""The report names at most so many, the largest."""
_LEAST_WEIGHT = 1e-200
"""Less is never drawn."""
_BEYOND = 10
"""The range of the fourth quartile is this many times the third's end there."""


class Wanted(NamedTuple):
    """method: middle, low, gaussian or stepwise. width: the Gaussian's. seed: decides the draws."""

    method: str
    width: float
    seed: int


class Judged(NamedTuple):
    """Of each document float64 (n,): the share whose cost is no higher; its weight in the draw, 1 for the largest and
    NaN without a draw; and the share that is kept no later."""

    quantile: np.ndarray
    weight: np.ndarray
    rank: np.ndarray


def relative(bits: np.ndarray) -> np.ndarray:
    """Perplexities by their median, of bits per byte, in the unit that gives them BERTIN's spread: float64 (n,)."""
    first, median, third = np.quantile(bits, [0.25, 0.5, 0.75])
    unit = np.log2(_SPREAD) / (third - first) if third > first else 1.0
    return np.exp2(np.minimum(unit * (bits - median), 500.0))


def gaussian(perplexities: np.ndarray, width: float) -> np.ndarray:
    """BERTIN's exp(-(1/width) (perplexity - 1)^2), where 1 is the median."""
    return np.exp(-((perplexities - 1) ** 2) / width)


def stepwise(perplexities: np.ndarray) -> np.ndarray:
    """The inverse range of the quartile that each perplexity falls into, over the largest of the four."""
    bounds = np.quantile(perplexities, [0.25, 0.5, 0.75])
    ranges = np.array([bounds[0], bounds[1] - bounds[0], bounds[2] - bounds[1], _BEYOND * bounds[2]])
    inverse = np.divide(1.0, ranges, out=np.zeros(4), where=ranges > 0)
    return (inverse / inverse.max())[np.searchsorted(bounds, perplexities, side="left")]


def judged(bits: np.ndarray, ties: np.ndarray, draws: np.ndarray, wanted: Wanted) -> Judged:
    """Judge the documents of a group, at least one. draws: float64 (n,), uniform in (0, 1].

    Where documents are drawn, those come first whose draw is the smallest part of their weight (sequential Poisson
    sampling; Ohlsson 1998). The first m are those whose draw is at most some factor times their weight: each is kept
    with probability min(1, factor * weight), and the factor is the one for which m are kept, whatever m is asked for.
    """
    quantile = ranking.quantiles(bits, ties)
    if wanted.method in SAMPLED:
        found = relative(bits)
        weight = gaussian(found, wanted.width) if wanted.method == "gaussian" else stepwise(found)
        weight /= weight.max()
        key = np.divide(draws, weight, out=np.full(len(bits), np.inf), where=weight > _LEAST_WEIGHT)
        return Judged(quantile, weight, ranking.quantiles(key, ties))
    middle = (1 + 1 / len(bits)) / 2
    rank = quantile if wanted.method == "low" else ranking.quantiles(np.abs(quantile - middle), ties)
    return Judged(quantile, np.full(len(bits), np.nan), rank)


def surveyed(table: pa.Table, bits: np.ndarray, by: str | None, seed: int) -> pa.Table:
    """What is settled by of each document: `perplexity`, its `group` as text, and two hashes of its id."""
    values = arrow.strings(table["id"])
    draws = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed ^ _SALT), draws)
    return pa.table(
        {
            "shard": table["shard"],
            "row": table["row"],
            "perplexity": pa.array(bits, mask=np.isnan(bits)),
            "group": _groups(table, by),
            "tie": ranking.ties(table["id"]),
            "draw": draws,
        }
    )


def _groups(table: pa.Table, by: str | None) -> pa.Array:
    if by is None:
        return pa.nulls(len(table), pa.string())
    if not any(right(table[by].type) for right in _LABELS):
        raise UsageError(f"--by {by}: the column holds {table[by].type}; name one of labels, such as language")
    return arrow.combined(table[by]).cast(pa.string())


def settled(tables: Iterable[pa.Table], wanted: Wanted) -> Iterator[pa.Table]:
    """Every document's `perplexity`, and where it has one what `Judged` says.

    Goes through the tables twice. Holds 120 bytes a document.
    """
    bits, ties, draws, groups = _gathered(tables)
    found = Judged(*np.full((3, len(bits)), np.nan))
    order = np.argsort(groups, kind="stable")
    order = order[np.isfinite(bits[order])]
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(order) else []:
        uniform = (draws[rows].astype(np.float64) + 1) / 2.0**64
        for column, values in zip(found, judged(bits[rows], ties[rows], uniform, wanted), strict=True):
            column[rows] = values
    start = 0
    for table in tables:
        end = start + len(table)
        added = {name: _nullable(column[start:end]) for name, column in found._asdict().items()}
        yield pa.table({**{name: table[name] for name in ("shard", "row", "perplexity")}, **added})
        start = end


def _gathered(tables: Iterable[pa.Table]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bits (NaN for none), hashes, and numbers of groups."""
    bits, ties, draws, groups = [np.empty(0)], [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], [np.empty(0, int)]
    numbers: dict[str | None, int] = {}
    for table in tables:
        bits.append(np.where(arrow.validity(table["perplexity"]), arrow.numbers(table["perplexity"]), np.nan))
        ties.append(arrow.numbers(table["tie"]))
        draws.append(arrow.numbers(table["draw"]))
        names = arrow.combined(table["group"]).dictionary_encode(null_encoding="encode")
        own = [numbers.setdefault(name, len(numbers)) for name in names.dictionary.to_pylist()]
        groups.append(np.array(own, dtype=np.int64)[arrow.numbers(names.indices)])
    return np.concatenate(bits), np.concatenate(ties), np.concatenate(draws), np.concatenate(groups)


def _nullable(values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def columns(mine: pa.Table | None, rate: float, head: float, tail: float, schema: pa.Schema) -> pa.Table:
    """The layer's columns of a shard, of its rows of `settled`: one for each of its documents, in order.

    rate: of n documents the first floor(rate * n) are kept.
    """
    if mine is None:
        return schema.empty_table()
    valid, quantile = arrow.validity(mine["quantile"]), arrow.numbers(mine["quantile"])
    places = (quantile > head).astype(np.int8) + (quantile > 1 - tail)
    bucket = pa.DictionaryArray.from_arrays(pa.array(places, mask=~valid), pa.array(BUCKETS)).cast(pa.string())
    keep = valid & (arrow.numbers(mine["rank"]) <= rate)
    found = [*(mine[name] for name in ("perplexity", "quantile")), bucket, mine["weight"], mine["rank"], pa.array(keep)]
    return pa.table(found, schema=schema)


def counted(table: pa.Table, by: str | None) -> pa.Table:
    """Of each group and bucket of a shard: documents and bytes, those kept, and the least and most bits per byte."""
    keep = arrow.numbers(table["perplexity_keep"])
    given = pa.table(
        {
            "group": _groups(table, by),
            "bucket": table["perplexity_bucket"],
            "documents": np.ones(len(table), np.int64),
            "bytes": table["bytes"],
            "kept": keep.astype(np.int64),
            "kept_bytes": np.where(keep, arrow.numbers(table["bytes"]), 0),
            "weights": pc.fill_null(table["perplexity_weight"], 0.0),
            "least": table["perplexity"],
            "most": table["perplexity"],
        }
    )
    return added([given])


def added(tables: Iterable[pa.Table]) -> pa.Table:
    """The sums of `counted`, by group, then head, middle, tail and those without a score."""
    table = pa.concat_tables(tables).combine_chunks()
    sums = [(name, "sum") for name in ("documents", "bytes", "kept", "kept_bytes", "weights")]
    found = table.group_by(["group", "bucket"], use_threads=False).aggregate([*sums, ("least", "min"), ("most", "max")])
    found = found.rename_columns([name.removesuffix("_sum").removesuffix("_min") for name in found.column_names])
    found = found.rename_columns({"most_max": "most"}).select(table.column_names)
    return found.sort_by([("group", "ascending"), ("bucket", "ascending")])


def lines(summary: pa.Table) -> list[str]:
    """What is kept, in all and of each group, and the costs at which the buckets meet."""
    rows = summary.to_pylist()
    scored = [row for row in rows if row["bucket"]]
    if not scored:
        return ["no document has a text to score"]
    documents, kept, size, kept_size = (
        sum(row[n] for row in scored) for n in ("documents", "kept", "bytes", "kept_bytes")
    )
    of_bytes = f"{kept_size / max(1, size):.1%} of their bytes"
    found = [f"keeps {kept:,} of {documents:,} documents ({kept / documents:.1%}), {of_bytes}"]
    groups: dict[str | None, list[dict]] = {}
    for row in scored:
        groups.setdefault(row["group"], []).append(row)
    largest = sorted(groups, key=lambda group: -sum(row["documents"] for row in groups[group]))
    found += [_line(group or "bits per byte", groups[group]) for group in largest[:_GROUPS]]
    return found + ([f"and {len(groups) - _GROUPS:,} more"] if len(groups) > _GROUPS else [])


def _line(group: str, rows: list[dict]) -> str:
    cuts = ", ".join(f"{row['bucket']} {row['least']:.3f} to {row['most']:.3f}" for row in rows)
    documents, kept, weights = (sum(row[name] for row in rows) for name in ("documents", "kept", "weights"))
    drawn = f", the likeliest kept with probability {min(1.0, kept / weights):.3f}" if weights else ""
    return f"{group}: {cuts} ({documents:,} documents{drawn})"
