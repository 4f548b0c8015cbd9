"""The distribution of a score over documents, in pieces that add up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from curate.kernels import arrow

_KEPT = (0.5, 0.25, 0.1, 0.05, 0.01)
_BAR = 32


def unit_edges() -> np.ndarray:
    """Twenty equal bins of probabilities: float64, shape (21,)."""
    return np.linspace(0.0, 1.0, 21)


def wide_edges() -> np.ndarray:
    """Bins of logarithms of any size: 1/16 wide near 0, a sixteenth of the value far from it; float64, shape (801,)."""
    return np.sinh(np.arange(-400, 401) / 16)


def fine_edges() -> np.ndarray:
    """A thousand equal bins from -1 to 1: float64, shape (1001,)."""
    return np.linspace(-1.0, 1.0, 1001)


def distribution(scores: arrow.Array, sizes: arrow.Array, edges: np.ndarray) -> pa.Table:
    """Documents and bytes in each bin that holds any.

    `bin` int32 (-1: null), `documents` and `bytes` int64, and `log_sum` and `log_squares` float64: the
    logarithms of the sums of exp(score) and exp(2 score). Bin i holds edges[i] <= score < edges[i + 1];
    the outer ones also what lies beyond.
    """
    values, valid = arrow.numbers(scores).astype(np.float64), arrow.validity(scores)
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    bins = np.where(valid, bins, -1)
    order = np.argsort(bins, kind="stable")
    found, starts = np.unique(bins[order], return_index=True)
    values = np.where(valid, values, -np.inf)[order]
    reduced = {
        "bin": found.astype(np.int32),
        "documents": np.diff(np.append(starts, len(bins))).astype(np.int64),
        "bytes": np.add.reduceat(arrow.numbers(sizes).astype(np.int64)[order], starts) if len(starts) else starts,
        "log_sum": np.logaddexp.reduceat(values, starts) if len(starts) else starts.astype(np.float64),
        "log_squares": np.logaddexp.reduceat(2 * values, starts) if len(starts) else starts.astype(np.float64),
    }
    return pa.table(reduced)


def united(tables: Iterable[pa.Table], edges: np.ndarray) -> pa.Table:
    """Add distributions over the same edges; `low` and `high` float64 take the place of `bin` (null: no score).

    It holds 40 bytes a bin.
    """
    bins = len(edges) - 1
    documents, sizes = np.zeros((2, bins + 1), dtype=np.int64)
    sums = np.full((2, bins + 1), -np.inf)
    for table in tables:
        at = arrow.numbers(table["bin"])
        np.add.at(documents, at, arrow.numbers(table["documents"]))  # a table may be those of several shards
        np.add.at(sizes, at, arrow.numbers(table["bytes"]))
        for row, name in zip(sums, ("log_sum", "log_squares"), strict=True):
            np.logaddexp.at(row, at, arrow.numbers(table[name]))
    low, high = np.append(edges[:-1], np.nan), np.append(edges[1:], np.nan)
    there = np.flatnonzero(documents)
    columns = {"low": low, "high": high}
    columns = {name: pa.array(values[there], mask=np.isnan(values[there])) for name, values in columns.items()}
    counts = {"documents": documents, "bytes": sizes, "log_sum": sums[0], "log_squares": sums[1]}
    return pa.table({**columns, **{name: pa.array(values[there]) for name, values in counts.items()}})


def scored(summary: pa.Table) -> pa.Table:
    """The rows of `united` but that of the documents without a score."""
    return summary.filter(summary["low"].is_valid())


def effective_size(summary: pa.Table) -> float:
    """(sum w)^2 / sum w^2 over the documents, w = exp(score): as many equal weights vary as little (Kish 1965)."""
    table = scored(summary)
    if table.num_rows == 0:
        return 0.0
    return float(
        np.exp(
            2 * np.logaddexp.reduce(arrow.numbers(table["log_sum"]))
            - np.logaddexp.reduce(arrow.numbers(table["log_squares"]))
        )
    )


def kept_lines(summary: pa.Table) -> list[str]:
    """What some thresholds keep, those nearest to keeping a half, a quarter, a tenth ... of the documents."""
    table = scored(summary)
    documents, sizes = (np.cumsum(arrow.numbers(table[column])[::-1])[::-1] for column in ("documents", "bytes"))
    if len(documents) == 0:
        return []
    nearest = sorted({int(np.abs(documents / documents[0] - share).argmin()) for share in _KEPT} - {0})
    low, of_documents, of_bytes = arrow.numbers(table["low"]), documents / documents[0], sizes / max(1, sizes[0])
    return [
        f"score >= {low[i]:<8.4g} keeps {of_documents[i]:6.1%} of documents, {of_bytes[i]:6.1%} of bytes"
        for i in nearest
    ]


def bar_lines(summary: pa.Table) -> list[str]:
    """A bar for each bin, the longest 32 characters."""
    rows = summary.to_pylist()
    most = max([1, *(row["documents"] for row in rows)])
    width = len(f"{most:,}")
    return [
        f"{_range(row):<11}  {row['documents']:>{width},}  {'█' * round(_BAR * row['documents'] / most)}".rstrip()
        for row in rows
    ]


def _range(row: dict) -> str:
    return "no score" if row["low"] is None else f"{row['low']:.4g} to {row['high']:.4g}"
