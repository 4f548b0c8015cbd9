"""`curate clusters`: the table that a person reads to decide which clusters stay."""

from __future__ import annotations

import bisect
import csv
import itertools
import os
import shutil
import sys
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.printing import emit_json, number, short, size
from curate.errors import UsageError, counted

if TYPE_CHECKING:
    from curate.runtime.clusters import Clusters

LEAST_WIDTH, MOST_WIDTH = 80, 160
SHOWN = 20
SHOWN_VALUES = 5
LONGEST = 2_000
"""Characters of an example in JSON and CSV."""
LINES = 8


def clusters(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="The corpus to look at.")],
    cluster: Annotated[int | None, typer.Option(help="One cluster in detail, with the texts of its documents.")] = None,
    count: Annotated[
        int | None, typer.Option("--number", "-n", min=1, help=f"How many; {SHOWN}, or all as JSON, CSV and templates.")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="The number to sort by, the greatest first: documents, tokens, mean_distance, a score.")
    ] = "documents",
    least: Annotated[bool, typer.Option("--least", help="Sort the least first.")] = False,
    layer: Annotated[str, typer.Option(help="The layer of clusters.")] = "cluster",
    template: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a list for `curate exclude`, .yaml or .csv, to fill in.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, which with reasons is such a list too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The clusters of a corpus: sizes, terms, sources, scores, and documents near and far from their centres."""
    from curate.runtime.clusters import clusters as read
    from curate.storage.corpus import Corpus

    outputs = [name for name, on in (("--csv", as_csv), ("--json", json), ("--template", template)) if on]
    clashing = outputs if cluster is None else ["--cluster", *(name for name in outputs if name != "--json")]
    if len(clashing) > 1:
        raise UsageError(f"clusters: {clashing[0]} and {clashing[1]} do not go together; give one of them")
    found = read(Corpus(corpus), layer)
    if cluster is not None:
        _one(found, cluster, json)
        return
    rows = found.sorted(sort, least)
    rows = rows[: count or (len(rows) if outputs else SHOWN)]
    _with_examples(found, rows, 1)
    if json:
        emit_json({"clustering": found.clustering, "clusters": rows})
    elif as_csv:
        _write_csv(found, rows, sys.stdout)
    elif template:
        _write_template(found, rows, template)
    else:
        _print_table(found, rows)


def _with_examples(found: Clusters, rows: list[dict[str, Any]], most: int) -> None:
    """Put the beginnings of the texts of the nearest and farthest documents into the rows."""
    from curate.runtime.clusters import texts

    wanted = [name for row in rows for side in ("nearest", "farthest") for name in row[side][:most]]
    there = texts(found.corpus, wanted)
    for row in rows:
        for side in ("nearest", "farthest"):
            row[f"{side}_texts"] = [there[name][:LONGEST] for name in row[side][:most]]


# --- for people -----------------------------------------------------------------------------------


def _width() -> int:
    return max(LEAST_WIDTH, min(shutil.get_terminal_size().columns, MOST_WIDTH))


def _print_table(found: Clusters, rows: list[dict[str, Any]]) -> None:
    width = _width()
    total = max(1, sum(row["documents"] for row in found.rows))
    print(
        f"{'cluster':>7}  {'documents':>10}  {'share':>5}  {'tokens':>9}  {'bytes':>9}  {'distance':>8}  {'radius':>6}"
    )
    print("  ".join("-" * columns for columns in (7, 10, 5, 9, 9, 8, 6)))
    for row in rows:
        print(
            f"{row['cluster']:>7}  {row['documents']:>10,}  {row['documents'] / total:>5.1%}  {short(row['tokens']):>9}"
            f"  {size(row['bytes']):>9}  {row['mean_distance']:>8.3f}  {row['radius']:>6.3f}"
        )
        for name, said in _said(row):
            print(cut(f"{name:>9}  {said}", width))
    if len(rows) < len(found.rows):
        shown, there = number(len(rows)), number(len(found.rows))
        print(f"{shown} of {there} clusters; -n {len(found.rows)} shows all of them, --cluster N one in detail")


def _said(row: dict[str, Any]) -> list[tuple[str, str]]:
    """What there is to say of a cluster beside the numbers that each has."""
    lines = [("terms", " ".join(row["terms"]))]
    if scores := [f"{name[5:]} {_score(row[name])}" for name in row if _is_mean(name)]:
        lines.append(("mean", ", ".join(scores)))
    lines += [(name[4:], _values(row, name)) for name in row if name.startswith("top_") and row[name]]
    if row["languages"] and "top_language" not in row:
        lines.append(("language", _values(row, "languages")))
    if above := [f"{name[8:]} {row[name]}" for name in row if name.startswith("cluster_")]:
        lines.append(("in", ", ".join(above)))
    for side in ("nearest", "farthest"):
        lines += [(side, text) for text in row[f"{side}_texts"][:1]]
    return lines


def _is_mean(name: str) -> bool:
    return name.startswith("mean_") and name != "mean_distance"


def _score(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _values(row: dict[str, Any], name: str) -> str:
    """The commonest values with their shares; of languages, of the documents that were read."""
    of = sum(item["documents"] for item in row[name]) if name == "languages" else row["documents"]
    return ", ".join(f"{item['value']} {item['documents'] / of:.0%}" for item in row[name][:SHOWN_VALUES])


def cut(text: str, width: int) -> str:
    """One line of at most so many columns of a terminal, where wide characters take two, without control characters."""
    plain = [character if character.isprintable() else " " for character in text[: 4 * width]]
    ends = list(itertools.accumulate(map(_columns, plain)))
    if not ends or ends[-1] <= width:
        return "".join(plain).rstrip()
    return "".join(plain[: bisect.bisect_right(ends, width - 1)]).rstrip() + "…"


def _columns(character: str) -> int:
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def _one(found: Clusters, cluster: int, as_json: bool) -> None:
    rows = [row for row in found.rows if row["cluster"] == cluster]
    if not rows:
        last = max((row["cluster"] for row in found.rows), default=-1)
        there = f"the clusters are numbered from 0 to {last}" if found.rows else "there are no clusters"
        raise UsageError(f"--cluster {cluster}: no documents are in it; {there}")
    _with_examples(found, rows, len(rows[0]["nearest"]))
    if as_json:
        emit_json({"clustering": found.clustering, **rows[0]})
        return
    _print_one(rows[0], sum(row["documents"] for row in found.rows))


def _print_one(row: dict[str, Any], total: int) -> None:
    width = _width()
    share = row["documents"] / max(1, total)
    print(f"cluster {row['cluster']}: {counted(row['documents'], 'document')} ({share:.1%}), ", end="")
    print(f"{short(row['tokens'])} tokens, {size(row['bytes'])}")
    print(f"distance to its centre: {row['mean_distance']:.3f} on average, {row['radius']:.3f} at most")
    for name, said in _said({**row, "nearest_texts": [], "farthest_texts": []}):
        print(cut(f"{name}: {said}", width))
    for side in ("nearest", "farthest"):
        for name, text in zip(row[side], row[f"{side}_texts"], strict=True):
            print(cut(f"-- {side}: {name} ", width - 1).ljust(width, "-"))
            plain = "".join(character if character.isprintable() else " " for character in text)
            lines = textwrap.wrap(plain, width - 4)
            print("\n".join(f"    {cut(line, width - 4)}" for line in lines[:LINES]) + (" …" if lines[LINES:] else ""))


# --- for programs and spreadsheets ----------------------------------------------------------------


def _write_csv(found: Clusters, rows: list[dict[str, Any]], file: Any) -> None:
    """The table with an empty column `reason`: filled in for some, it is a list for `curate exclude`."""
    names = [name for name in (rows or [{}])[0] if not name.endswith("_texts")]
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["clustering", "reason", *names, "nearest_text", "farthest_text"])
    for row in rows:
        examples = [" ".join(row[f"{side}_texts"][0].split()) for side in ("nearest", "farthest")]
        writer.writerow([found.clustering, "", *(_cell(row, name) for name in names), *examples])


def _cell(row: dict[str, Any], name: str) -> Any:
    if name.startswith("top_") or name == "languages":
        return _values(row, name)
    return " ".join(row[name]) if isinstance(row[name], list) else row[name]


def _write_template(found: Clusters, rows: list[dict[str, Any]], path: str) -> None:
    from curate.algorithms import exclude_list

    if not path.lower().endswith((".csv", *exclude_list.YAML)):
        raise UsageError(f"--template '{path}': name a .yaml or a .csv file")
    if os.path.exists(path):
        raise UsageError(f"--template '{path}': the file exists, and may hold decisions; name another")
    if not os.path.isdir(folder := os.path.dirname(os.path.abspath(path))):
        raise UsageError(f"--template '{path}': there is no folder {folder}; make it, or name another")
    with open(path, "w", encoding="utf-8", newline="") as file:
        if path.lower().endswith(".csv"):
            _write_csv(found, rows, file)
        else:
            quoted = [{**row, "example": cut(row["nearest_texts"][0], 100)} for row in rows]
            file.write(exclude_list.yaml_template(found.clustering, quoted))
    print(f"{path}: {number(len(rows))} clusters, none left out yet; fill in reasons, then `curate exclude` with it")
