"""What a mixture asked for beside what it got, as lines to read."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

_MOST_GROUPS = 20


def lines(model: pa.Table, budget: int | None) -> list[str]:
    """The groups of greatest share, their sum, and what kept the mixture from its budget."""
    rows = model.to_pylist()
    if not rows:
        return ["the mixture is empty: no document was chosen from"]
    unit = rows[0]["unit"]
    estimate = "estimated " if rows[0]["estimated"] else ""
    heading = ["group", "documents", "tokens", "requested", "achieved", "epochs", "documents drawn", "tokens drawn"]
    shown = sorted(rows, key=lambda row: (-row["requested_share"], row["group"]))[:_MOST_GROUPS]
    cells = [_cells(row) for row in shown]
    totals = {name: sum(row[name] for row in rows) for name in rows[0] if not isinstance(rows[0][name], str)}
    size = totals["documents"] if unit == "documents" else totals["tokens"]
    totals |= {"group": "total", "epochs": totals["achieved"] / size if size else 0.0}
    result = _aligned([heading, *cells, _cells(totals)])
    if len(rows) > len(shown):
        result.insert(-1, f"... and {len(rows) - len(shown)} smaller groups")
    result.append(
        f"shares of {estimate if unit == 'tokens' else ''}{unit}; tokens are {estimate}counts of {rows[0]['tokenizer']}"
    )
    if budget is not None and sum(row["requested_share"] for row in rows) and totals["achieved"] < 0.99 * budget:
        result.append(
            f"{budget - totals['achieved']:,} {unit} short of the budget of {budget:,}: every group is at its most epochs; "
            "raise max_epochs, or add documents"
        )
    return result


def _cells(row: dict) -> list[str]:
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
