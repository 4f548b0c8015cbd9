"""Row-wise SQL over columns: which documents an expression selects.

The dialect is polars'. What it parses to is checked against lists of what may stand in an
expression, since it also has aggregates, windows and subqueries, which would be computed shard by
shard, and functions of the clock, which would differ from run to run. What the lists do not know is refused.

    language = 'en' AND fasttext > 0.5 AND dedup_keep
    (date >= '2020-01-01' OR date IS NULL) AND lower(source) LIKE 'wiki%' AND bytes BETWEEN 200 AND 1e6

Null is SQL's unknown: it does not select. A NaN counts as null. Times are UTC, and `DATE '2020-01-01'`,
`TIMESTAMP '2020-01-01 12:00:00'` and, compared with a column, plain strings of those forms stand for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from curate.errors import UsageError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_NODES = {
    "Column": (),
    "Literal": (),
    "Cast": ("expr",),
    "BinaryExpr": ("left", "right"),
    "Ternary": ("predicate", "truthy", "falsy"),
    "Function": ("input",),
}
"""Nodes of polars' tree that look at one row, and where their arguments are."""

_FUNCTIONS = {
    "": "Abs Atan2 Ceil Coalesce Exp FillNull Floor Log Log1p MaxHorizontal MinHorizontal Sign",
    "Bitwise": "CountOnes CountZeros",
    "Boolean": "IsFinite IsIn IsInfinite IsNan IsNotNan IsNotNull IsNull Not",
    "ListExpr": "Contains Get Join Length Max Mean Min Sum",
    "Pow": "Cbrt Generic Sqrt",
    "Sql": "Binary IsIn Round ToFloat",
    "StringExpr": "ConcatHorizontal Contains EndsWith Find LenBytes LenChars Lowercase Normalize PadEnd PadStart "
    "Replace Reverse Slice Split StartsWith StripChars StripCharsEnd StripCharsStart Strptime Titlecase Uppercase",
    "TemporalExpr": "Century Day Hour IsoYear Microsecond Millenium Millennium Millisecond Minute Month Nanosecond "
    "OrdinalDay Quarter Second TimeStamp ToString Week WeekDay Year",
    "Trigonometry": "ArcCos ArcSin ArcTan Cos Cot Degrees Radians Sin Tan",
}
"""Functions that look at one row, by polars' family of them."""

_ALLOWED = {(family, name) for family, names in _FUNCTIONS.items() for name in names.split()}
_REFUSED = {
    "Agg": "an aggregate such as sum, max or first",
    "Len": "the aggregate count(*)",
    "Over": "a window (OVER ...)",
    "SubPlan": "a subquery",
    "Alias": "a second name (AS ..., or a stray word)",
}
_CLOCK = re.compile(
    r"\b(now|today|current_date|current_time|current_timestamp|localtime|localtimestamp)\b", re.IGNORECASE
)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")

_CLUSTER = re.compile(rf"{_QUOTED.pattern}|\bcluster\b")
"""A stage's column is called as SQL's CLUSTER BY begins, which no expression has."""


def columns(expression: str) -> list[str]:
    """The columns an expression names, in order of first use.

    Raises UsageError when it is not row-wise SQL.
    """
    return list(dict.fromkeys(_parse(expression).meta.root_names()))


def unknown(expression: str, names: Iterable[str]) -> list[str]:
    """The columns an expression names that are not among `names`."""
    known = set(names)
    return [name for name in columns(expression) if name not in known]


def mask(table: pa.Table, expression: str) -> tuple[np.ndarray, np.ndarray]:
    """Which rows an expression selects, and for which it is null: two boolean arrays, shape (rows,).

    Raises UsageError when it is not row-wise SQL, is not boolean, or cannot be computed on these
    columns, all of which the table must have.
    """
    import polars as pl

    names = columns(expression)
    if not names:
        return _constant(expression, len(table))
    frame = _frame(table.select(names))
    try:
        # Through SQL once more, and not by the parsed tree: only so do strings compare with dates.
        result = frame.sql(f"SELECT (\n{_unreserved(expression)}\n) AS result FROM self").to_series()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _error(expression, _reason(error)) from None
    if result.dtype == pl.Null:
        result = result.cast(pl.Boolean)
    if result.dtype != pl.Boolean:
        raise _error(expression, f"it gives {result.dtype}, not true or false; compare it with something")
    return result.fill_null(False).to_numpy(), result.is_null().to_numpy()


def _frame(table: pa.Table) -> pl.DataFrame:
    """The columns as polars compares them as we say: no NaN, and times without their zone, which is UTC."""
    import polars as pl

    frame = pl.DataFrame(table)
    zoned = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime) and kind.time_zone]
    real = [name for name, kind in frame.schema.items() if kind.is_float()]
    return frame.with_columns(
        [pl.col(name).dt.convert_time_zone("UTC").dt.replace_time_zone(None) for name in zoned]
        + [pl.col(name).fill_nan(None) for name in real]
    )


def _constant(expression: str, rows: int) -> tuple[np.ndarray, np.ndarray]:
    import polars as pl

    value = pl.select(_parse(expression)).item()
    if not isinstance(value, bool | None):
        raise _error(expression, f"it is {value!r}, not true or false, and names no column")
    return np.full(rows, value is True), np.full(rows, value is None)


def _parse(expression: str) -> pl.Expr:
    import polars as pl

    if not expression.strip():
        raise _error(expression, "it is empty; leave it out to choose every document")
    try:
        parsed = pl.sql_expr(_unreserved(expression))
        tree = json.loads(parsed.meta.serialize(format="json"))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _error(expression, _reason(error)) from None
    _check(tree, expression)
    clock = _CLOCK.search(_QUOTED.sub("''", expression))
    if clock and clock.group().lower() not in map(str.lower, parsed.meta.root_names()):
        raise _error(expression, f"{clock.group()} differs from run to run; write the date, as DATE '2020-01-01'")
    return parsed


def _check(node: Any, expression: str) -> None:
    kind, value = _variant(node)
    if kind not in _NODES:
        raise _refusal(expression, _REFUSED.get(kind, kind))
    if kind == "Function":
        function, detail = _variant(value["function"])
        family, name = (function, _variant(detail)[0]) if function in _FUNCTIONS else ("", function)
        if (family, name) not in _ALLOWED:
            raise _refusal(expression, f"the function {name}")
    for argument in _NODES[kind]:
        below = value[argument]
        for child in below if isinstance(below, list) else [below]:
            _check(child, expression)


def _variant(node: Any) -> tuple[str, Any]:
    """Name and content of a node, which is {name: content}, or the name alone."""
    return (node, None) if isinstance(node, str) else next(iter(node.items()))


def _refusal(expression: str, what: str) -> UsageError:
    return _error(expression, f"{what} is not allowed: each document is decided by its own columns alone")


def _unreserved(expression: str) -> str:
    return _CLUSTER.sub(lambda found: '"cluster"' if found[0] == "cluster" else found[0], expression)


def _reason(error: BaseException) -> str:
    reason = str(error).split("\n\n")[0].strip()
    return f"{reason}; a column of that name goes in double quotes" if "' clause)" in reason else reason


def _error(expression: str, reason: str) -> UsageError:
    return UsageError(f"expression `{expression}`: {reason}")
