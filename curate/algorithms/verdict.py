"""Published recipes as rules over the columns of the layer `rules`, and what they make of documents.

A rule is a name and a threshold: `max_COLUMN` holds where the column is at most the threshold, `min_COLUMN` where it
is at least that. So a document that stands exactly on a threshold stays, as with the published filters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import rule_columns
from curate.algorithms.url_lists import UrlList
from curate.errors import counted
from curate.kernels import arrow

GOPHER_REPETITION = {
    "max_duplicate_paragraph_fraction": 0.3,
    "max_duplicate_paragraph_character_fraction": 0.2,
    "max_duplicate_line_fraction": 0.3,
    "max_duplicate_line_character_fraction": 0.2,
    "max_top_2_gram_character_fraction": 0.2,
    "max_top_3_gram_character_fraction": 0.18,
    "max_top_4_gram_character_fraction": 0.16,
    "max_duplicate_5_gram_character_fraction": 0.15,
    "max_duplicate_6_gram_character_fraction": 0.14,
    "max_duplicate_7_gram_character_fraction": 0.13,
    "max_duplicate_8_gram_character_fraction": 0.12,
    "max_duplicate_9_gram_character_fraction": 0.11,
    "max_duplicate_10_gram_character_fraction": 0.1,
}
"""Table A1 of Rae et al. 2021 (arXiv 2112.11446)."""

GOPHER_QUALITY = {
    "min_plain_word_count": 50.0,
    "max_plain_word_count": 100_000.0,
    "min_mean_word_length": 3.0,
    "max_mean_word_length": 10.0,
    "max_hash_ratio": 0.1,
    "max_ellipsis_ratio": 0.1,
    "max_bullet_line_fraction": 0.9,
    "max_ellipsis_line_fraction": 0.3,
    "min_alphabetic_word_fraction": 0.8,
    "min_stop_words": 2.0,
}
"""Section A1.1 of the same."""

C4 = {"max_c4_ended_lorem_ipsum": 0.0, "max_c4_ended_curly_bracket": 0.0, "min_c4_ended_sentences": 5.0}
"""Raffel et al. 2020 (JMLR 21), whose lines end in terminal punctuation."""

C4_ANY_END = {"max_c4_lorem_ipsum": 0.0, "max_c4_curly_bracket": 0.0, "min_c4_sentences": 5.0}
"""The same over lines that end in anything."""

FINEWEB_CUSTOM = {
    "min_c4_filled_lines": 1.0,
    "min_c4_punctuated_line_fraction": 0.12,
    "max_c4_short_line_fraction": 0.67,
    "max_c4_repeated_line_character_fraction": 0.01,
    "max_c4_newline_ratio": 0.3,
}
"""Section 3.6 of Penedo et al. 2024 (arXiv 2406.17557), over the lines that C4 keeps."""

RECIPES: dict[str, dict[str, float]] = {
    "gopher": GOPHER_REPETITION | GOPHER_QUALITY,
    "c4": C4,
    "fineweb": GOPHER_REPETITION | GOPHER_QUALITY | C4_ANY_END | FINEWEB_CUSTOM,
}

RULES = (*GOPHER_REPETITION, *GOPHER_QUALITY, "min_stop_word_fraction", *C4_ANY_END, *C4, *FINEWEB_CUSTOM)
"""Every rule that has an option of its own, in the order in which they are asked."""

LISTS = ("block_urls", "allow_urls")
MOST_REQUIRED = 20

Threshold = float | str | None
"""A number, `off`, or None for that of the recipes."""

_REQUIRED = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(<=|>=)\s*([0-9.eE+-]+)\s*")


def column_of(rule: str) -> str:
    """The column a rule is about, without the layer's prefix."""
    return rule[4:]


def thresholds(recipes: Iterable[str], given: Mapping[str, Threshold], required: Sequence[str]) -> dict[str, float]:
    """The rules that count and their thresholds, in order.

    A document must satisfy all recipes, so the stricter of two thresholds counts; one that is given takes the place of
    both, and `off` leaves the rule out.
    """
    found: dict[str, float] = {}
    for rule in RULES:
        asked = [RECIPES[recipe][rule] for recipe in recipes if rule in RECIPES[recipe]]
        own = given.get(rule)
        if isinstance(own, float):
            found[rule] = own
        elif own is None and asked:
            found[rule] = min(asked) if rule.startswith("max_") else max(asked)
    return found | dict(map(required_rule, required))


def required_rule(text: str) -> tuple[str, float]:
    """`COLUMN<=NUMBER` or `COLUMN>=NUMBER` as a rule. Raises ValueError for anything else."""
    match = _REQUIRED.fullmatch(text)
    try:
        value = float(match[3]) if match else np.nan
    except ValueError:
        value = np.nan
    if match is None or not np.isfinite(value):
        raise ValueError(f"--require '{text}': write COLUMN<=NUMBER or COLUMN>=NUMBER, such as eflaw<=70")
    known = [column.name for column in rule_columns.COLUMNS if not pa.types.is_string(column.type)]
    name = match[1].removeprefix(rule_columns.PREFIX)
    if name not in known:
        raise ValueError(f"--require '{text}': there is no column '{name}'; there are {', '.join(known)}")
    return ("max_" if match[2] == "<=" else "min_") + name, value


def columns(rules: Iterable[str], layer: str) -> tuple[str, ...]:
    """The columns of that layer which the rules read."""
    return tuple(dict.fromkeys(f"{layer}_{column_of(rule)}" for rule in rules))


def judged(
    table: pa.Table, rules: Mapping[str, float], layer: str, lists: Mapping[str, UrlList]
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Whether each document stays (bool), the first rule it fails, and all of them with commas (strings).

    The last two are null where it stays, all three where the layer says nothing of a document. At most 62 rules; 40
    bytes a document and what the columns take.
    """
    failed = np.zeros(table.num_rows, dtype=np.uint64)
    known = np.ones(table.num_rows, dtype=np.bool_)
    names = [*lists, *rules]
    for bit, name in enumerate(names):
        if name in lists:
            fails = lists[name].holds(table["url"]) == (name == "block_urls")
        else:
            column = table[f"{layer}_{column_of(name)}"]
            known &= arrow.validity(column)
            values = arrow.numbers(column)
            fails = values > rules[name] if name.startswith("max_") else values < rules[name]
        failed |= fails.astype(np.uint64) << np.uint64(bit)
    return _said(failed, known, names)


def _said(failed: np.ndarray, known: np.ndarray, names: list[str]) -> tuple[pa.Array, pa.Array, pa.Array]:
    """The columns of a verdict from the bits of the rules that each document fails."""
    distinct, which = np.unique(failed, return_inverse=True)
    combinations = [[name for bit, name in enumerate(names) if int(bits) >> bit & 1] for bits in distinct]
    at = pa.array(which.reshape(-1), mask=~known)
    first = pa.array([found[0] if found else None for found in combinations], pa.string())
    every = pa.array([",".join(found) or None for found in combinations], pa.string())
    return pa.array(failed == 0, mask=~known), first.take(at), every.take(at)


# --- the report -----------------------------------------------------------------------------------

_COUNTS = ("first", "failed", "alone", "bytes_first")
SUMMARY = pa.schema([("rule", pa.string()), ("threshold", pa.float64()), *((name, pa.int64()) for name in _COUNTS)])
"""How many documents a rule removed as the first that they fail (and their bytes), at all, and alone: those that would
stay without it. The row `kept` has in `first` and `bytes_first` the documents that stay, `unknown` those of which the
layer says nothing."""


def counts(keep: arrow.Array, failed: arrow.Array, sizes: arrow.Array) -> pa.Table:
    """`SUMMARY` of some documents, without thresholds: one row for each rule that any of them fails."""
    said = pc.fill_null(pc.if_else(keep, "kept", failed), "unknown")
    grouped = pa.table({"said": said, "bytes": sizes}).group_by("said", use_threads=False)
    found: dict[str, np.ndarray] = {}
    for row in grouped.aggregate([([], "count_all"), ("bytes", "sum")]).to_pylist():
        names = row["said"].split(",")
        for i, name in enumerate(names):
            count = row["count_all"]
            added = [count if i == 0 else 0, count, count if len(names) == 1 else 0, row["bytes_sum"] if i == 0 else 0]
            found[name] = found.get(name, np.zeros(4, dtype=np.int64)) + added
    return _summary(found, {})


def united(tables: Iterable[pa.Table], rules: Sequence[str], limits: Mapping[str, float]) -> pa.Table:
    """The sum of `counts`, a row for every rule in order, then `kept` and `unknown`."""
    found = {name: np.zeros(len(_COUNTS), dtype=np.int64) for name in (*rules, "kept", "unknown")}
    for table in tables:
        for row in table.to_pylist():
            found[row["rule"]] += [row[name] for name in _COUNTS]
    return _summary(found, limits)


def _summary(found: Mapping[str, np.ndarray], limits: Mapping[str, float]) -> pa.Table:
    numbers = {name: [int(values[i]) for values in found.values()] for i, name in enumerate(_COUNTS)}
    limited = [limits.get(name) for name in found]
    return pa.table({"rule": list(found), "threshold": limited, **numbers}, schema=SUMMARY)


def report_lines(summary: pa.Table) -> list[str]:
    """The rules that removed anything, as a table; the shares are of all documents judged."""
    rows = {row["rule"]: row for row in summary.to_pylist()}
    kept, unknown = rows.pop("kept"), rows.pop("unknown")
    total = {name: max(1, kept[name] + sum(row[name] for row in rows.values())) for name in ("first", "bytes_first")}
    table = [("rule", "threshold", "removed first", "share", "of bytes", "at all", "alone")]
    for name, row in rows.items():
        if row["failed"]:
            limit = "" if row["threshold"] is None else f"{row['threshold']:g}"
            table.append((name, limit, *_shares(row, total), f"{row['failed']:,}", f"{row['alone']:,}"))
    table.append(("kept", "", *_shares(kept, total), "", ""))
    idle = sum(row["failed"] == 0 for row in rows.values())
    lines = [*_aligned(table), *([f"rules that no document fails: {idle}"] if idle else [])]
    if unknown["first"]:
        lines.append(f"no verdict on {counted(unknown['first'], 'document')} that the rules say nothing of")
    return lines


def _shares(row: Mapping[str, int], total: Mapping[str, int]) -> tuple[str, str, str]:
    of_documents, of_bytes = (row[name] / total[name] for name in ("first", "bytes_first"))
    return f"{row['first']:,}", f"{of_documents:.1%}", f"{of_bytes:.1%}"


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
