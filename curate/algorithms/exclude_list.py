"""Lists of clusters to leave out, as a person keeps them: each with its reason, for one clustering alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from curate.errors import UsageError

CLUSTERING, CLUSTER, REASON = "clustering", "cluster", "reason"
YAML = (".yaml", ".yml")


class Excluded(NamedTuple):
    """The clusters of a list and why each goes; `clustering` is what `named` gives for the layer it was made for."""

    clustering: str
    reasons: dict[int, str]


def named(column: str, content: str) -> str:
    """What a list calls a clustering: the column of numbers, and the content digest of the layer that holds it."""
    return f"{column} {content}"


def read(path: str) -> Excluded:
    """A list in YAML, or in CSV if the file's name says so. Raises UsageError for what is none, saying where."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; save the list as UTF-8") from None
    except OSError as problem:
        raise UsageError(f"--exclude '{path}': {problem.strerror}; give a list of clusters") from None
    entries, clustering = _of_csv(path, text) if path.lower().endswith(".csv") else _of_yaml(path, text)
    reasons: dict[int, str] = {}
    for where, cluster, reason in entries:
        number = _number(cluster)
        if number is None:
            raise UsageError(f"{path}: {where}: cluster {cluster!r}: write the number of a cluster")
        if number in reasons:
            raise UsageError(f"{path}: {where}: cluster {number} stands there twice; leave one out")
        if not isinstance(reason, str) or not reason.strip():
            raise UsageError(f"{path}: {where}: cluster {number} has no reason; say why it goes")
        reasons[number] = " ".join(reason.split())
    return Excluded(clustering, reasons)


def check(path: str, clustering: str) -> None:
    """Raise UsageError for a list that was made for another clustering: its numbers would mean other documents."""
    found = read(path).clustering
    if found != clustering:
        raise UsageError(
            f"{path}: made for another clustering ('{found}', but this is '{clustering}'), in which the numbers mean "
            "other documents; `curate clusters CORPUS --template FILE` writes a list for this one"
        )


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if type(value) is int and value >= 0 else None


def _of_yaml(path: str, text: str) -> tuple[list[tuple[str, Any, Any]], str]:
    import yaml

    hint = "write `clustering:` and `exclude:`, as `curate clusters CORPUS --template FILE` does"
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise UsageError(f"{path}: {where}not YAML ({getattr(problem, 'problem', problem)})") from None
    if not isinstance(value, dict) or {*value} != {CLUSTERING, "exclude"}:
        raise UsageError(f"{path}: not a list of clusters; {hint}")
    entries = value["exclude"] or []
    if not isinstance(value[CLUSTERING], str) or not isinstance(entries, list):
        raise UsageError(f"{path}: not a list of clusters; {hint}")
    found = []
    for place, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or {*entry} != {CLUSTER, REASON}:
            raise UsageError(f"{path}: entry {place}: write it as {{cluster: 12, reason: why it goes}}")
        found.append((f"entry {place}", entry[CLUSTER], entry[REASON]))
    return found, value[CLUSTERING]


def _of_csv(path: str, text: str) -> tuple[list[tuple[str, Any, Any]], str]:
    """Rows without a reason stay. Spreadsheets of some countries write semicolons."""
    head = text.split("\n", 1)[0]
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    if missing := [name for name in (CLUSTERING, CLUSTER, REASON) if name not in (rows.fieldnames or ())]:
        raise UsageError(
            f"{path}: no column '{missing[0]}'; `curate clusters CORPUS --template {path}` writes such a table"
        )
    try:
        records = [(rows.line_num, row) for row in rows]
    except csv.Error as problem:
        raise UsageError(f"{path}: line {rows.line_num}: {problem}") from None
    clusterings = {row[CLUSTERING] for _, row in records}
    if len(clusterings) != 1:
        raise UsageError(f"{path}: {len(clusterings)} clusterings in one list, but it must be for one")
    return [
        (f"line {line}", row[CLUSTER], row[REASON]) for line, row in records if (row[REASON] or "").strip()
    ], clusterings.pop() or ""


def yaml_template(clustering: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """A list that leaves nothing out yet: a line for each cluster, to be uncommented.

    rows: with `cluster`, `documents`, `terms` and `example`.
    """
    lines = [
        "# Clusters to leave out, each with its reason: take away the # before those that go, and say why.",
        "# A quotation follows each, from the document nearest to the cluster's centre.",
        f"{CLUSTERING}: {clustering}",
        "exclude:",
    ]
    for row in rows:
        terms = " ".join(row["terms"])
        lines.append(f'  # - {{cluster: {row["cluster"]}, reason: ""}}  # {row["documents"]:,} documents: {terms}')
        lines.append(f"  #       {row['example']}")
    return "\n".join(lines) + "\n"
