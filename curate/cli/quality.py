"""`curate quality-report`: what scores look like, and what thresholds on them keep."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from curate.cli.printing import emit_json, number, short, table
from curate.errors import UsageError

RATES = "0.9,0.75,0.5,0.25,0.1,0.05,0.01"
SHOWN = 12
SHOWN_LOSING = 3


def quality_report(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="The corpus to look at.")],
    scores: Annotated[
        str | None,
        typer.Option(
            help="Columns of numbers, with commas and a minus before one where little is good, such as "
            "fasttext,-perplexity; by default all columns of fractions that scoring stages left, little being good of "
            "costs, distances and places such as combine_quantile."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Columns that part documents; source, language and cluster by default, where there are any."),
    ] = None,
    keep_rates: Annotated[str, typer.Option(help="Shares of documents to give thresholds for.")] = RATES,
    tokens: Annotated[
        str | None, typer.Option(help="A budget of tokens, such as 10M: suggest the threshold that keeps so many.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Only documents for which this SQL over columns is true.")] = None,
    count: Annotated[int, typer.Option("--number", "-n", min=1, help="How many groups to show.")] = SHOWN,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with all groups.")] = False,
) -> None:
    """The distribution of every score by source, language and cluster, and what each threshold keeps.

    Tokens are estimated from bytes. A group of which a threshold keeps less than a quarter of the share that it keeps
    of all documents is told of.
    """
    from curate.runtime.opened import Opened
    from curate.runtime.quality import report

    listed = [_listed(text) for text in (scores, by)]
    budget = None if tokens is None else _budget(tokens)
    found = report(Opened(corpus), listed[0], listed[1], _rates(keep_rates), budget, where)
    if json:
        emit_json({**found, **({} if budget is None else {"budget": budget})})
        return
    print(f"{_documents(found['documents'])}, {short(found['tokens'])} tokens (estimated from bytes)")
    for score in found["scores"]:
        _print_score(score, found["documents"], budget, count)


def _documents(count: int) -> str:
    return f"{number(count)} document{'s' if count != 1 else ''}"


def _listed(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _rates(text: str) -> list[float]:
    try:
        rates = [float(rate[:-1]) / 100 if rate.endswith("%") else float(rate) for rate in _listed(text)]
    except ValueError:
        rates = [-1.0]
    if not rates or not all(0 < rate <= 1 for rate in rates):
        raise UsageError(f"--keep-rates '{text}': give shares above 0 and up to 1 with commas, such as {RATES}")
    return sorted(set(rates), reverse=True)


def _budget(text: str) -> int:
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
    digits = text.strip().lower().rstrip("kmgbt")
    unit = text.strip().lower()[len(digits) :]
    try:
        wanted = float(digits.replace("_", "")) * units[unit]
    except (KeyError, ValueError):
        wanted = 0.0
    if not 1 <= wanted < 2**63:
        raise UsageError(f"--tokens '{text}': give a number of tokens, such as 500k, 10M or 2B")
    return int(wanted)


def _print_score(score: dict[str, Any], documents: int, budget: int | None, count: int) -> None:
    name, good = score["score"], score["good"]
    there = score["all"]["documents"]
    print(f"\n{name} ({good} is good): {number(there)} of {_documents(documents)} have it")
    if not there:
        return
    print(_distributions(score, count))
    print("\n" + _thresholds(score, good))
    if budget is not None:
        _print_suggested(score, budget)


def _distributions(score: dict[str, Any], count: int) -> str:
    quantiles = [key for key in score["all"] if key.endswith("%")]
    headings = ["", "documents", "tokens", "mean", *quantiles]
    rows = [_row("all", score["all"], quantiles)]
    for column, groups in score["by"].items():
        rows += [_row(f"{column} {row['value']}", row, quantiles) for row in groups[:count]]
        if len(groups) > count:
            rows.append([f"{column}: {len(groups) - count} more, see -n", *[""] * (len(headings) - 1)])
    return table(headings, rows, right=range(1, len(headings)))


def _row(name: str, row: dict[str, Any], quantiles: list[str]) -> list[str]:
    values = [f"{row[key]:.4g}" for key in ("mean", *quantiles)]
    return [name[:40], number(row["documents"]), short(row["tokens"]), *values]


def _thresholds(score: dict[str, Any], good: str) -> str:
    rows = [
        [
            f"{row['keep_rate']:.0%}" if row["keep_rate"] >= 0.01 else f"{row['keep_rate']:.3%}",
            f"{row['threshold']:.6g}",
            number(row["documents"]),
            short(row["tokens"]),
            _losing(row["losing"]),
        ]
        for row in score["thresholds"]
    ]
    bound = "at most" if good == "small" else "at least"
    headings = ["keep", bound, "documents", "tokens", "kept less than a quarter as often"]
    return table(headings, rows, right=range(4))


def _losing(rows: list[dict[str, Any]]) -> str:
    said = [f"{row['column']} {row['value']}" for row in rows[:SHOWN_LOSING]]
    return ", ".join(said) + (f" and {len(rows) - SHOWN_LOSING} more" if len(rows) > SHOWN_LOSING else "")


def _print_suggested(score: dict[str, Any], budget: int) -> None:
    found = score["suggested"]
    if found is None:
        print(f"\n--tokens {short(budget)}: all documents with the score have {short(score['all']['tokens'])} only")
        return
    sign = "<=" if score["good"] == "small" else ">="
    kept = f"{_documents(found['documents'])} ({found['share']:.1%}), {short(found['tokens'])} tokens"
    print(f'\nfor {short(budget)} tokens: --where "{score["score"]} {sign} {found["threshold"]!r}" keeps {kept}')
    for row in found["losing"]:
        print(
            f"warning: it keeps {row['rate']:.1%} of {_documents(row['documents'])} of {row['column']} "
            f"{row['value']}, less than a quarter of the {found['share']:.1%} of all"
        )
