"""What a mixture asked for beside what it got, as lines to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

_MOST_GROUPS = 20
_HEADINGS = ("group", "documents", "tokens", "requested", "achieved", "epochs", "documents drawn", "tokens drawn")
_SUMMED = (
    "documents",
    "tokens",
    "requested_share",
    "achieved_share",
    "achieved",
    "achieved_documents",
    "achieved_tokens",
)


def lines(model: pa.Table, budget: int | None, max_epochs: float, below: Sequence[str] = ()) -> list[str]:
    """The groups of greatest share, their sum, how even each level is, and what kept the mixture from its budget.

    below: the columns of the clusters inside a group, the coarsest first.
    """
    rows: list[dict[str, Any]] = model.to_pylist()
    if not rows:
        return ["the mixture is empty: there was no document to choose from"]
    unit = rows[0]["unit"]
    total: dict[str, Any] = {name: sum(row[name] for row in rows) for name in _SUMMED}
    total |= {"group": "total", "epochs": total["achieved"] / max(total[unit], 1)}
    shown = sorted(rows, key=lambda row: (-row["requested_share"], row["group"]))[:_MOST_GROUPS]
    result = _aligned([_HEADINGS, *map(_cells, shown), _cells(total)])
    if len(rows) > len(shown):
        result.insert(-1, f"... and {len(rows) - len(shown)} smaller groups")
    result += [_level(rows, depth, column, max_epochs) for depth, column in enumerate(below, start=2)]
    counted = "estimated, not counted" if rows[0]["estimated"] else f"counted by {rows[0]['tokenizer']}"
    result.append(f"requested and achieved are shares of the {unit}; tokens are {counted}")
    most = max_epochs * sum(row[unit] for row in rows if row["requested_share"])
    if budget is not None and most < budget:
        result.append(
            f"{budget - total['achieved']:,} {unit} short of the budget of {budget:,}: every group with a share is at "
            "its most epochs; raise max_epochs, or add documents"
        )
    return result


def _level(rows: list[dict[str, Any]], depth: int, column: str, max_epochs: float) -> str:
    """How much the groups of one level give."""
    unit, sums = rows[0]["unit"], {}
    for row in rows:
        have, given = sums.get(head := tuple(row["path"][:depth]), (0, 0))
        sums[head] = (have + int(max_epochs * row[unit] + 1e-9), given + row["achieved"])
    partly = [given for have, given in sums.values() if given < have]
    said = f"{column}: {len(sums) - len(partly):,} of {len(sums):,} groups give all they have"
    return f"{said}, the others {min(partly):,} to {max(partly):,} {unit} each" if partly else said


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        row["group"],
        f"{row['documents']:,}",
        f"{row['tokens']:,}",
        f"{row['requested_share']:.2%}",
        f"{row['achieved_share']:.2%}",
        f"{row['epochs']:.2f}",
        f"{row['achieved_documents']:,}",
        f"{row['achieved_tokens']:,}",
    ]


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
