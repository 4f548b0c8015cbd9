"""One score of many: weighted means of ranks or of standard scores, and how the scores hang together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import ranking, where
from curate.errors import DataError, UsageError
from curate.kernels import arrow

Method = Literal["ranks", "z"]
Table = Iterable[pa.Table]


def numbers(table: pa.Table, columns: Sequence[str]) -> np.ndarray:
    """Columns as float64, shape (n, columns), NaN where there is none, those with a minus before them negated.

    Raises UsageError for a column that holds no numbers.
    """
    found = np.empty((table.num_rows, len(columns)))
    for i, name in enumerate(columns):
        column = table[name.removeprefix("-")]
        kind = column.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            raise UsageError(f"--scores {name}: {kind} is no number; name a column of numbers")
        values = pc.fill_null(pc.cast(column, pa.float64(), safe=False), float("nan"))
        found[:, i] = arrow.numbers(values)
    found[:, [name.startswith("-") for name in columns]] *= -1
    return found


def votes(table: pa.Table, conditions: Sequence[str]) -> np.ndarray:
    """What conditions, SQL over columns, say: float64, shape (n, conditions), 1, 0, or NaN where they say nothing."""
    found = np.empty((table.num_rows, len(conditions)))
    for i, condition in enumerate(conditions):
        true, unknown = where.mask(table, condition)
        found[:, i] = np.where(unknown, np.nan, true)
    return found


def surveyed(table: pa.Table, values: np.ndarray) -> pa.Table:
    """The documents of a shard with their values, as `gathered` takes them."""
    columns = {str(i): values[:, i] for i in range(values.shape[1])}
    return pa.table({"shard": table["shard"], "row": table["row"], "tie": ranking.ties(table["id"]), **columns})


def gathered(tables: Table) -> tuple[pa.Table, np.ndarray]:
    """All documents, and all values: float64, shape (n, columns)."""
    whole = pa.concat_tables(list(tables)).combine_chunks()
    values = np.column_stack([arrow.numbers(whole[name]) for name in whole.column_names[3:]])
    return whole.select(["shard", "row", "tie"]), values


def ranked(documents: pa.Table, scores: np.ndarray) -> Iterator[pa.Table]:
    """The rows of `ranking.best` for scores, NaN being none."""
    column = pa.array(scores, mask=np.isnan(scores))
    table = pa.table([documents["shard"], documents["row"], column, documents["tie"]], ["shard", "row", "score", "tie"])
    return ranking.best([table])


def standardised(values: np.ndarray, method: Method) -> np.ndarray:
    """Every column comparable with the others: its ranks as shares between 0 and 1, or standard scores.

    values: float64, shape (n, columns), with NaN. Equal values share the mean of their ranks, so (rank - 1/2) / n;
    a column of one value throughout has standard scores of 0. Raises DataError for infinite numbers with z.
    """
    from scipy.stats import rankdata

    found = np.full(values.shape, np.nan)
    for i in range(values.shape[1]):
        there = ~np.isnan(values[:, i])
        known = values[there, i]
        if not len(known):
            continue
        if method == "ranks":
            found[there, i] = (rankdata(known) - 0.5) / len(known)
        else:
            if np.isinf(known).any():
                raise DataError("--method z: a column of --scores holds infinite numbers; give --method ranks")
            known = known / (np.abs(known).max() or 1.0)
            spread = known.std()
            found[there, i] = (known - known.mean()) / spread if spread else 0.0
    return found


def combined(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of the values that a document has: float64 (n,), NaN where it has none.

    values: float64, shape (n, columns); weights: float64 (columns,), none negative. A document without some scores
    is judged by the others, with their weights alone.
    """
    there = ~np.isnan(values)
    total = there @ weights
    sums = np.where(there, values, 0.0) @ weights
    return np.divide(sums, total, out=np.full(len(values), np.nan), where=total > 0)


def correlations(values: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of every two columns over the documents that have both; NaN where one is constant."""
    from scipy.stats import rankdata

    count = values.shape[1]
    there = ~np.isnan(values)
    whole = [rankdata(values[there[:, i], i]) for i in range(count)]
    found = np.eye(count)
    for i in range(count):
        for j in range(i):
            both = there[:, i] & there[:, j]
            same = both.sum() == there[:, i].sum() == there[:, j].sum()
            one, other = (whole[i], whole[j]) if same else (rankdata(values[both, k]) for k in (i, j))
            found[i, j] = found[j, i] = _correlation(one, other)
    return found


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean() if len(one) else one, other - other.mean() if len(other) else other
    spread = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / spread) if spread else float("nan")


def summary(names: Sequence[str], values: np.ndarray, told: Mapping[str, Any]) -> pa.Table:
    """A row for each column: `column`, `documents` that have it, `of` how many, `correlations` with all, and `told`."""
    matrix = correlations(values)
    return pa.table(
        {
            "column": list(names),
            "documents": (~np.isnan(values)).sum(axis=0),
            "of": np.full(len(names), len(values)),
            "correlations": pa.array(matrix.tolist(), pa.list_(pa.float64())),
            **{name: pa.array(column) for name, column in told.items()},
        }
    )


def lines(found: pa.Table) -> list[str]:
    """For people: what each column covers and weighs, and how the columns hang together."""
    rows = found.to_pylist()
    names = [f"{number}. {row['column']}" for number, row in enumerate(rows, 1)]
    width = max(map(len, names))
    head = " ".join(f"{f'{number}.':>6}" for number in range(1, len(rows) + 1))
    said = [f"{'rank correlations':{width}}  {head}"]
    for name, row in zip(names, rows, strict=True):
        cells = " ".join(f"{value:6.2f}" if value == value else "     -" for value in row["correlations"])
        share = row["documents"] / max(1, row["of"])
        said.append(f"{name:{width}}  {cells}  covers {share:.1%}{_told(row)}")
    same = [
        f"{rows[i]['column']} and {rows[j]['column']} rank alike ({rows[i]['correlations'][j]:.2f}): they count twice"
        for i in range(len(rows))
        for j in range(i)
        if rows[i]["correlations"][j] > 0.95
    ]
    return [*filter(None, [rows[0].get("search")]), *said, *same]


def _told(row: dict[str, Any]) -> str:
    if "weight" in row:
        return f", weight {row['weight']:.3g}"
    return f", right {row['right_good']:.1%} of good ones, {row['right_bad']:.1%} of bad ones"
