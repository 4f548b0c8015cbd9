"""Commands that look at what there is: status, show, explain, clusters, verify, clean-up, stages, schema, worker."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curate.cli.clusters import clusters
from curate.cli.explain import explain, show_matches, show_pairs
from curate.cli.printing import duration, emit_json, number, removed_text, size, table
from curate.cli.quality import quality_report
from curate.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

CorpusArgument = Annotated[str, typer.Argument(metavar="CORPUS", help="The corpus to look at.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LOOK = "look"


def add(app: typer.Typer) -> None:
    """Add the commands."""
    for name, function in (
        ("status", status),
        ("show", show),
        ("explain", explain),
        ("clusters", clusters),
        ("quality-report", quality_report),
        ("verify", verify),
        ("clean-up", clean_up),
        ("stages", list_stages),
        ("schema", schema),
        ("worker", worker),
    ):
        app.command(name, rich_help_panel=LOOK)(function)


def status(corpus: CorpusArgument, json: JsonOption = False) -> None:
    """What a corpus holds, layer by layer, and what is under way."""
    from dataclasses import asdict

    from curate.runtime import status as runtime
    from curate.storage.corpus import Corpus

    opened = Corpus(corpus)
    found = runtime.status(opened)
    if not found:
        opened.documents()
    if json:
        emit_json({"corpus": str(opened.path), "layers": [asdict(item) for item in found]})
        return
    rows = []
    for item in found:
        gone = removed_text(item.ledger) if item.ledger else ""
        peak = size(item.peak_bytes) if item.peak_bytes else ""
        rows.append(
            [
                item.layer,
                item.stage,
                item.state,
                number(item.rows),
                item.shards,
                gone,
                size(item.stored_bytes),
                duration(item.seconds),
                peak,
            ]
        )
    headings = ("layer", "stage", "state", "rows", "shards", "removed", "stored", "work", "peak")
    print(table(headings, rows, right=(3, 4, 6, 7, 8)))


def show(
    corpus: CorpusArgument,
    where: Annotated[str | None, typer.Option(help="Only those for which this SQL over what is shown is true.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns to show, with commas; all but vectors by default.")
    ] = None,
    count: Annotated[int, typer.Option("--number", "-n", min=1, help="How many.")] = 5,
    seed: Annotated[int | None, typer.Option(help="Choose them at random by this seed, not from the start.")] = None,
    rejects: Annotated[bool, typer.Option("--rejects", help="What could not be used instead, and why.")] = False,
    spans: Annotated[bool, typer.Option("--spans", help="What was taken out of the texts instead.")] = False,
    pairs: Annotated[bool, typer.Option("--pairs", help="What was removed and what it duplicates instead.")] = False,
    matches: Annotated[bool, typer.Option("--matches", help="Items of benchmarks found in documents instead.")] = False,
    json: JsonOption = False,
) -> None:
    """Documents with everything that is known of them."""
    import pyarrow as pa

    others = {"--rejects": rejects, "--spans": spans, "--pairs": pairs, "--matches": matches}
    if chosen := [name for name, given in others.items() if given]:
        chosen += ["--columns"] * (columns is not None) + ["--seed"] * (seed is not None)
        if len(chosen) > 1:
            raise UsageError(f"show: {chosen[0]} and {chosen[1]} do not go together; give one of them")
        shown = {
            "--rejects": _show_rejects,
            "--spans": _show_spans,
            "--pairs": show_pairs,
            "--matches": show_matches,
        }
        shown[chosen[0]](corpus, count, where, json)
        return

    from curate.runtime.opened import Opened

    opened = Opened(corpus)
    names = (
        [name.strip() for name in columns.split(",")]
        if columns
        else [f.name for f in opened.schema if not pa.types.is_nested(f.type) and f.name != "digest"]
    )
    rows = _first(opened, names, where, count) if seed is None else _random(opened, names, where, count, seed)
    if json:
        emit_json([{name: _plain(value) for name, value in row.items()} for row in rows])
        return
    if not rows:
        print("no document is chosen")
    width = min(shutil.get_terminal_size().columns, 160)
    for row in rows:
        print("-" * width)
        for name, value in row.items():
            _print_value(name, value, width)


def _show_rejects(corpus: str, count: int, where: str | None, as_json: bool) -> None:
    from curate.runtime.status import rejects
    from curate.storage.corpus import Corpus

    found = rejects(Corpus(corpus), count, where)
    if as_json:
        emit_json(found)
        return
    rows = [
        (row["layer"], row["file"], f"{row['unit']} {row['position']}", row["reason"], row["detail"][:120])
        for row in found
    ]
    print(
        table(("layer", "file", "where", "reason", "detail"), rows)
        if rows
        else "nothing was rejected"
        if where is None
        else "none is chosen"
    )


def _show_spans(corpus: str, count: int, where: str | None, as_json: bool) -> None:
    from curate.runtime.status import spans
    from curate.storage.corpus import Corpus

    found = spans(Corpus(corpus), count, where)
    if as_json:
        emit_json(found)
        return
    names = ("id", "start", "end", "reason", "of", "of_start")
    if all(row["of"] is None for row in found):
        names = names[:4]
    rows = [["" if row[name] is None else str(row[name]) for name in names] for row in found]
    headings = ("id", "from byte", "to byte", "reason", "stood before in", "at byte")[: len(names)]
    print(
        table(headings, rows, right=(1, 2, 5))
        if rows
        else "nothing was taken out of the texts"
        if where is None
        else "none is chosen"
    )


def _first(opened: Any, names: list[str], where: str | None, count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in opened.scan(names, where):
        rows += batch.slice(0, count - len(rows)).to_pylist()
        if len(rows) >= count:
            break
    return rows


def _random(opened: Any, names: list[str], where: str | None, count: int, seed: int) -> list[dict[str, Any]]:
    import numpy as np
    import pyarrow as pa

    from curate.runtime.reader import hashed_ids

    best: list[tuple[int, dict[str, Any]]] = []
    wanted = list(dict.fromkeys([*names, "id"]))
    for batch in opened.scan(wanted, where):
        hashes = hashed_ids(batch.column("id"), seed)
        order = np.argsort(hashes, kind="stable")[:count]
        chosen: pa.RecordBatch = batch.take(pa.array(order))
        best += zip((int(value) for value in hashes[order]), chosen.select(names).to_pylist(), strict=True)
        best = sorted(best, key=lambda item: item[0])[:count]
    return [row for _, row in best]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _print_value(name: str, value: Any, width: int) -> None:
    if isinstance(value, str) and (len(value) > width - len(name) - 2 or "\n" in value):
        text = value if len(value) <= 8 * width else value[: 8 * width] + f" ... ({number(len(value))} characters)"
        print(f"{name}:")
        for line in text.splitlines():
            print(f"    {line}")
        return
    print(f"{name}: {_plain(value)}")


def verify(corpus: CorpusArgument, json: JsonOption = False) -> None:
    """Prove from the files that nothing is missing, damaged or out of balance; exits 3 when something is."""
    from curate.runtime.verify import verify as check
    from curate.storage.corpus import Corpus

    found = list(check(Corpus(corpus)))
    if json:
        emit_json([{"layer": layer, "shards": shards, "problems": problems} for layer, shards, problems in found])
    else:
        print(
            table(
                ("layer", "shards", "verdict"), [(a, b, "; ".join(c[:3]) or "right") for a, b, c in found], right=(1,)
            )
        )
    wrong = [f"{layer}: {problem}" for layer, _, problems in found for problem in problems]
    if wrong:
        raise DataError(
            f"{corpus}: {len(wrong)} problems, the first: {wrong[0]}; "
            "the commands that made it, run again, mend missing shards"
        )


def clean_up(
    corpus: CorpusArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete what no manifest names: generations of runs that were given up, and scraps of dead writers."""
    from curate.storage import files
    from curate.storage.corpus import Corpus

    opened = Corpus(corpus)
    opened.documents()
    freed = 0
    for layer in dict.fromkeys(opened.path / path.relative_to(opened.path).parts[0] for path in opened.unused()):
        with files.locked(layer):  # only now does nobody make it what the manifest names
            for path in opened.unused(layer):
                used = files.stored_bytes(path)
                freed += used
                print(f"{'would delete' if dry_run else 'deleted'} {path} ({size(used)})")
                if not dry_run:
                    files.remove_tree(path) if path.is_dir() else path.unlink()
    print(f"{size(freed)} {'could be freed' if dry_run else 'freed'}")


def list_stages(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="A stage; all without it.")] = None,
    json: JsonOption = False,
) -> None:
    """Every stage, or one with its options and defaults."""
    from curate.cli.verbs import option_rows
    from curate.stages import stages

    known = stages()
    if name is not None and name not in known:
        raise UsageError(f"no stage '{name}'; there are: {', '.join(known)}")
    if json:
        chosen = known.values() if name is None else [known[name]]
        emit_json({stage.name: {"panel": stage.panel, "options": stage.config.model_json_schema()} for stage in chosen})
        return
    if name is None:
        print(table(("stage", "does", ""), [(s.name, s.panel, first_line(s.config.__doc__)) for s in known.values()]))
        return
    stage = known[name]
    print(f"{stage.name} ({stage.panel}): {first_line(stage.config.__doc__)}\n")
    print(table(("option", "default", "meaning"), option_rows(stage)))


def first_line(text: str | None) -> str:
    """The sentence that a docstring opens with."""
    return (text or "").strip().split("\n")[0]


def schema() -> None:
    """The JSON Schema of run files, for editors."""
    from curate.cli.recipe import run_file_schema

    emit_json(run_file_schema())


def worker(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A run's work/plan.json.")],
    index: Annotated[int | None, typer.Argument(metavar="[INDEX]", help="The task to run.")] = None,
    slice_: Annotated[
        str | None, typer.Option("--slice", metavar="K/N", help="Run every N-th unfinished task, from the K-th on.")
    ] = None,
) -> None:
    """Run one task of a plan, or a share of those that can run now; for schedulers."""
    if (index is None) == (slice_ is None):
        raise UsageError("worker: give a task's INDEX or --slice K/N, one of them")
    from curate.runtime.executors.base import single_arrow_threads, single_threads

    single_threads()  # as in every executor, since some results hang on it; before numpy is imported
    single_arrow_threads()
    from curate.cli.worker import run, runnable

    chosen = [index] if index is not None else runnable(plan, slice_ or "")
    for task in chosen:
        emit_json({"task": task, **run(plan, task)})
