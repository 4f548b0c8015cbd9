"""One task: a plan, an index, and everything else found on disk. Runs in a worker."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import CurateError, DataError
from curate.kernels import arrow
from curate.kernels.digest import table_digest
from curate.runtime import ledger, output
from curate.runtime.checks import renamed
from curate.runtime.fingerprint import digest, planned_options, without_decisions
from curate.runtime.inputs import needed_after
from curate.runtime.likewise import Likewise
from curate.runtime.phases import (
    AFTER,
    Phase,
    accepted_path,
    limits,
    model_path,
    phases,
    rows_path,
    sample_size,
    slice_shards,
    task_phase,
    vouched,
    work_name,
)
from curate.runtime.plan import RUNTIME_COLUMNS, Plan
from curate.runtime.reader import Chosen, read_old, read_shard, sampled
from curate.stage import Applied, Census, Indexed, Settled, Stage, StageConfig
from curate.storage import files, routed
from curate.storage import shard as shards
from curate.storage.corpus import Corpus

_ROWS_BYTES = 128 << 20


class Work:
    """A plan as a worker holds it: the stage, its options, and the model once it has been prepared.

    known: gives other stages by name, for a census that does `likewise`.
    """

    def __init__(self, plan: Plan, stage: Stage, known: Callable[[str], Stage] | None = None) -> None:
        self.plan = plan
        self.stage = stage
        self.known = known
        self.config = planned_options(stage, plan.options)
        self._searching = without_decisions(self.config)
        self.phases = phases(plan, stage, self.config)
        self.vouched = vouched(plan)
        self._prepared: Any = None
        self._ready = False
        self._given: dict[int, pa.Table] = {}

    @property
    def last(self) -> int:
        return len(self.stage.before) - 1

    def options(self, census: int) -> StageConfig:
        """The options as the functions of a census get them."""
        return self.config if census == AFTER else self._searching

    def prepared(self) -> Any:
        """The settled model of the last census, passed through `prepare`, once a process."""
        if not self._ready:
            model = read_model(self.plan, self.stage, self.last) if self.stage.before else None
            self._prepared = self.stage.prepare(model, self.config) if self.stage.prepare else model
            self._ready = True
        return self._prepared

    def given(self, census: int, settle: bool = False) -> tuple[pa.Table, ...]:
        """The model of the census before, for a survey or settle that is given it, read once a process."""
        if census == AFTER or not getattr(self.stage.before[census], "settle_given" if settle else "given"):
            return ()
        if census not in self._given:
            self._given[census] = read_model(self.plan, self.stage, census - 1)
        return (self._given[census],)

    def mine(self, census: int, shard: int) -> pa.Table | None:
        """One shard's rows of a census; None when there is no such census or it left no rows."""
        path = rows_path(self.plan, census)
        if census < 0 or not path.exists():
            return None
        table = pa.concat_tables(routed.read(path, shard)).drop_columns(["shard"])
        rows = arrow.numbers(table["row"])
        return table if (rows[1:] >= rows[:-1]).all() else table.take(pa.array(np.argsort(rows, kind="stable")))


def read_model(plan: Plan, stage: Stage, census: int) -> pa.Table:
    """The model that a census settled on, without what is written behind it."""
    return shards.read_model(model_path(plan, stage, census))


def run_task(work: Work, index: int) -> dict[str, Any]:
    """Run one task to its finished file; gives the documents, bytes and quarantined of it, and seconds."""
    started = time.monotonic()
    phase, number = task_phase(work.phases, index)
    functions = {
        "count": _count,
        "survey": _survey,
        "link": _link,
        "settle": _settle,
        "apply": _apply,
        "report": _report,
        "alarm": _alarm,
    }
    result = {"rows": 0, "bytes": 0, "quarantined": 0, "linked": False, **functions[phase.kind](work, phase, number)}
    result["seconds"] = time.monotonic() - started
    _record(work.plan, phase, number, result)
    return result


def _census(work: Work, phase: Phase) -> Census:
    census = work.stage.after if phase.census == AFTER else work.stage.before[phase.census]
    assert census is not None
    return census


def _surveyor(work: Work, phase: Phase) -> Callable[..., pa.Table | Iterator[pa.Table]]:
    survey = _census(work, phase).survey
    assert survey is not None
    return survey


def _needs(work: Work, census: Census) -> list[str]:
    return list((census.needs or work.stage.needs)(work.config))


# --- counting and surveys ------------------------------------------------------------------------


def _count(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    start, end = work.plan.runs[number]
    counts = np.array([read_shard(work.plan, i, ()).table.num_rows for i in range(start, end)], dtype=np.int64)
    path = work.plan.output.work(work_name("count", 0, number))
    routed.write(path, [(np.arange(start, end), pa.table({"rows": counts}))], {}, durable=not work.vouched)
    return {}


def _survey(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    path = work.plan.output.work(work_name("survey", phase.census, number))
    seen = {"rows": 0, "bytes": 0, ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    if phase.census == AFTER and work.plan.makes == "corpus":
        tables = _survey_new(work, number, seen)
    elif phase.census != AFTER and number >= len(work.plan.runs) and work.plan.old:
        tables = _survey_old(work, phase, number - len(work.plan.runs))
    elif not work.plan.shards and work.plan.slices:
        tables = _survey_slice(work, phase, number)
    else:
        tables = _survey_shards(work, phase, number, seen)
    pieces = (piece for given in tables for piece in ([given] if isinstance(given, pa.Table) else given))
    routed.write(path, (_routed(work.plan, piece) for piece in pieces), seen, durable=not work.vouched)
    return {"rows": seen["rows"], "bytes": seen["bytes"]}


def _survey_slice(work: Work, phase: Phase, number: int) -> Iterator[pa.Table | Iterator[pa.Table]]:
    mine = work.mine(phase.census - 1, number)
    yield _surveyor(work, phase)(work.plan.slices[number], mine, work.options(phase.census))


def _survey_shards(
    work: Work, phase: Phase, number: int, seen: dict[str, int]
) -> Iterator[pa.Table | Iterator[pa.Table]]:
    census = _census(work, phase)
    size = sample_size(work.stage, work.config, phase.census)
    needs = [*_needs(work, census), *(["id"] if size is not None else [])]
    if phase.census == AFTER:
        needs = needed_after(work.stage, work.config)
    population = _population(work) if size is not None else 0
    start, end = work.plan.runs[number]
    for index in range(start, end):  # nothing of a shard is held here while the next one is read
        yield _survey_shard(work, phase, index, needs, (size, population), seen)


def _survey_shard(
    work: Work, phase: Phase, index: int, needs: list[str], sample: tuple[int | None, int], seen: dict[str, int]
) -> pa.Table | Iterator[pa.Table]:
    census, survey = _census(work, phase), _surveyor(work, phase)
    mine = work.mine(phase.census - 1, index) if phase.census != AFTER else None
    only = mine["row"] if census.only_mine and mine is not None else None
    chosen = read_shard(work.plan, index, needs, only)
    seen["rows"] += chosen.rows
    seen["bytes"] += work.plan.shards[index]["bytes"]
    seen[ledger.WHERE_FALSE] += chosen.false
    seen[ledger.WHERE_NULL] += chosen.null
    if phase.census == AFTER:
        return survey(_with_added(work, index, chosen), None, work.config)
    size, population = sample
    table = chosen.table
    if size is not None:
        table = sampled(table, work.config.seed, size, population)  # type: ignore[attr-defined]
        table = table.replace_schema_metadata({"documents": str(population)})
    found = survey(table, mine, *work.given(phase.census), work.options(phase.census))
    return _indexed(work, index, found) if census.indexed and census.indexed(work.config) else found


def _survey_old(work: Work, phase: Phase, number: int) -> Iterator[pa.Table | Iterator[pa.Table]]:
    against = _census(work, phase).against
    assert against is not None
    start, end = work.plan.old_runs[number]
    for index in range(len(work.plan.shards) + start, len(work.plan.shards) + end):
        mine = work.mine(phase.census - 1, index)
        rows = None if mine is None else mine["row"]
        needs = against.needs(work.config)
        yield against.survey(read_old(work.plan, work.stage, index, needs, rows), mine, work.options(phase.census))


def _indexed(work: Work, index: int, given: Iterator[pa.Table | Indexed]) -> Iterator[pa.Table]:
    """What a survey gave, less what it wants kept, which is written to the shard's index."""
    path = work.plan.output.index(work.plan.shards[index]["name"])
    with shards.Pieces(path, codec="none", durable=not work.vouched) as kept:
        for item in given:
            if isinstance(item, Indexed):
                kept.add(item.table, table_digest(item.table))
            else:
                yield item
    if not path.exists():
        raise CurateError(f"{path}: the survey gave nothing for the index; this is a bug of the stage")


def _survey_new(work: Work, number: int, seen: dict[str, int]) -> Iterator[pa.Table | Iterator[pa.Table]]:
    survey = _surveyor(work, Phase("survey", AFTER, 0, 0))
    for row, name in enumerate(slice_shards(work.plan)[number]):
        table = output.new_shard(work.plan, name)
        seen["rows"] += table.num_rows
        yield survey(output.with_marks(table, row), None, work.config)


def _with_added(work: Work, index: int, chosen: Chosen) -> pa.Table:
    """A shard's columns and those just made for it, under the stage's own names."""
    assert work.stage.adds is not None
    made = shards.read(work.plan.output.shard(work.plan.shards[index]["name"]))
    if chosen.keep is not None:
        made = made.filter(pa.array(chosen.keep))
    table = chosen.table
    for name in work.stage.adds(work.config).names:
        table = table.append_column(name, made[renamed(work.stage, work.plan.layer, name)])
    return table


def _population(work: Work) -> int:
    if work.plan.where is None:
        return work.plan.rows
    paths = (work.plan.output.work(work_name("count", 0, i)) for i in range(len(work.plan.runs)))
    return sum(int(arrow.numbers(table["rows"]).sum()) for path in paths for table in routed.read(path))


def _routed(plan: Plan, table: pa.Table) -> tuple[np.ndarray, pa.Table]:
    if "part" not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.int64), table
    keys = arrow.numbers(table["part"]).astype(np.uint64)
    parts = (keys * np.uint64(plan.parts)) >> np.uint64(32)
    return parts.astype(np.int64), table.drop_columns(["part"])


# --- links and settling ---------------------------------------------------------------------------


def _surveys(work: Work, census: int, part: int | None, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
    surveys = next((p.tasks for p in work.phases if p.kind == "survey" and p.census == census), 0)
    own = len(work.plan.runs) if work.plan.old and census != AFTER else surveys
    for number in [*range(own, surveys), *range(own)]:
        yield from routed.read(work.plan.output.work(work_name("survey", census, number)), part, columns)


class _PartTables:
    """One part of a census's surveys, as `stage.Tables`."""

    def __init__(self, work: Work, census: int, part: int) -> None:
        self._given = (work, census, part)

    def __iter__(self) -> Iterator[pa.Table]:
        return _surveys(*self._given)

    def only(self, *columns: str) -> Iterator[pa.Table]:
        return _surveys(*self._given, columns)


class _SettleTables:
    """What a census's links left or, without any, its surveys; every pass reads it again."""

    def __init__(self, work: Work, census: int, links: int) -> None:
        self._work, self._census, self._links = work, census, links

    def __iter__(self) -> Iterator[pa.Table]:
        if not self._links:
            yield from _surveys(self._work, self._census, None)
        for number in range(self._links):
            yield from routed.read(self._work.plan.output.work(work_name("link", self._census, number)))


def _link(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    census = _census(work, phase)
    assert census.link is not None
    linked = census.link(_PartTables(work, phase.census, number), number, work.options(phase.census))
    tables = [linked] if isinstance(linked, pa.Table) else linked
    path = work.plan.output.work(work_name("link", phase.census, number))
    keyed = ((np.zeros(table.num_rows, dtype=np.int64), table) for table in tables)
    routed.write(path, keyed, {}, durable=not work.vouched)
    return {}


def _settle(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    census = _census(work, phase)
    links = next((p.tasks for p in work.phases if p.kind == "link" and p.census == phase.census), 0)
    tables: Any = _SettleTables(work, phase.census, links)
    if census.likewise:
        assert work.known is not None
        tables = Likewise(work.plan.inputs[0], census.likewise(work.config), work.known)
    settled: Settled = census.settle(tables, *work.given(phase.census, settle=True), work.options(phase.census))
    if settled.rows is not None:
        _write_rows(work, phase.census, settled)
    footer = {"rows": settled.rows is not None, "removed": dict(settled.removed), "where": _refused(work, phase.census)}
    model = settled.model if settled.model is not None else read_model(work.plan, work.stage, phase.census - 1)
    footer["digest"] = table_digest(model)
    path = model_path(work.plan, work.stage, phase.census)
    if settled.details is None:
        shards.write(path, model, footer)
        return {}
    with shards.Pieces(path, footer) as pieces:
        for table in itertools.chain([model], settled.details):
            pieces.add(table, table_digest(table))
    return {}


def _write_rows(work: Work, census: int, settled: Settled) -> None:
    """Write the rows of a census, grouped by shard in pieces of 128 MiB: twice that is held at a time."""
    assert settled.rows is not None
    keyed = ((arrow.numbers(table["shard"]).astype(np.int64), table) for table in settled.rows)
    routed.write(rows_path(work.plan, census), keyed, {}, _ROWS_BYTES, durable=not work.vouched)


def _refused(work: Work, census: int) -> dict[str, int]:
    """What `--where` refused, as the surveys of a census saw it."""
    counts = {ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    surveys = next((p.tasks for p in work.phases if p.kind == "survey" and p.census == census), 0)
    for number in range(surveys):
        footer = routed.read_footer(work.plan.output.work(work_name("survey", census, number)))
        for name in counts:
            counts[name] += footer[name]
    return counts


# --- apply ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _model_digest(path: str, stamp: float) -> str:
    footer = shards.read_footer(Path(path))
    return footer["digest"] if footer else ""


def rows_digest(mine: pa.Table | None) -> str:
    """The digest of a shard's rows of a census."""
    return table_digest(mine) if mine is not None else ""


def cause(work: Work, number: int, rows: str) -> str:
    """What the result of an `apply` hangs on: the plan's cause for it, the model, and its rows of the census."""
    model = ""
    if work.stage.before:
        path = model_path(work.plan, work.stage, work.last)
        model = _model_digest(str(path), path.stat().st_mtime)
    return digest([work.plan.causes[number], model, rows])[:32]


def _apply(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    if work.plan.makes == "files":
        return _send_out(work, number)
    if work.plan.again:
        return _decide_again(work, number)
    mine = work.mine(work.last, number)
    why = (
        cause(work, number, rows_digest(mine))
        if "part" not in (work.plan.slices or [{}])[0]
        else f"{work.plan.fingerprint}"
    )
    if (linked := output.link_previous(work.plan, number, why)) is not None:
        return linked
    if work.plan.makes == "layer":
        return _annotate(work, number, mine, why)
    return _make_slice(work, number, mine, why)


def _annotate(work: Work, number: int, mine: pa.Table | None, why: str) -> dict[str, Any]:
    chosen = read_shard(work.plan, number, work.stage.needs(work.config))
    applied = output.applied(work.stage.apply(chosen.table, mine, work.prepared(), work.config))
    rows = rows_digest(mine) if work.stage.again else None
    return _layer_shard(work, number, chosen, applied, why, rows)


def _decide_again(work: Work, number: int) -> dict[str, Any]:
    """Make a shard from what it was under other decisions."""
    assert work.plan.previous is not None and work.stage.again is not None and work.stage.adds is not None
    path = work.plan.beside(work.plan.previous).shard(work.plan.shards[number]["name"])
    footer = shards.read_footer(path)
    if footer is None:
        raise DataError(f"{path}: the shard is missing; `curate clean-up` and the same command make the layer anew")
    chosen = read_shard(work.plan, number, ())
    before = shards.read(path)
    if chosen.keep is not None:
        before = before.filter(pa.array(chosen.keep))
    names = {renamed(work.stage, work.plan.layer, name): name for name in work.stage.adds(work.config).names}
    before = before.rename_columns([names[name] for name in before.column_names])
    applied = output.applied(work.stage.again(before, work.config))
    return _layer_shard(work, number, chosen, applied, cause(work, number, footer["searched"]), footer["searched"])


def _layer_shard(
    work: Work, number: int, chosen: Chosen, applied: Applied, why: str, rows: str | None
) -> dict[str, Any]:
    name = work.plan.shards[number]["name"]
    searched = {} if rows is None else {"searched": rows}
    quarantined = output.write_layer_shard(work.plan, work.stage, work.config, name, chosen, applied, why, searched)
    return {"rows": chosen.rows, "bytes": work.plan.shards[number]["bytes"], "quarantined": quarantined}


def _slice_tables(work: Work, number: int, refused: dict[str, int], columns: tuple[str, ...]) -> Iterator[pa.Table]:
    piece = work.plan.slices[number]
    if "part" in piece:
        yield from _surveys(work, work.last, piece["part"])
    for index in piece.get("shards", ()):
        chosen = read_shard(work.plan, index, columns)
        refused[ledger.WHERE_FALSE] += chosen.false
        refused[ledger.WHERE_NULL] += chosen.null
        yield chosen.table


def _make_slice(work: Work, number: int, mine: pa.Table | None, why: str) -> dict[str, Any]:
    refused = {ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    tables = _slice_tables(work, number, refused, ("*", *work.stage.needs(work.config)))
    pieces = work.stage.apply(work.plan.slices[number], tables, mine, work.prepared(), work.config)
    return output.SliceWriter(work.plan, work.stage, work.config, number, why).write(pieces, refused)


def _send_out(work: Work, number: int) -> dict[str, Any]:
    assert work.stage.suffix is not None
    refused = {ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    tables = _slice_tables(work, number, refused, work.stage.needs(work.config))
    bare = (table.drop_columns(list(RUNTIME_COLUMNS)) for table in tables)
    name = f"{number:05}{work.stage.suffix(work.config)}"
    target = Path(work.plan.target) / name
    with files.replacing(target) as aside:
        rows = work.stage.apply(bare, str(aside), work.prepared(), work.config)
    size = target.stat().st_size
    read = rows + sum(refused.values())
    expected = sum(work.plan.shards[i]["rows"] for i in work.plan.slices[number]["shards"])
    if read != expected:
        raise CurateError(f"{target}: {read} documents of {expected} were accounted for; please report this")
    with open(target, "rb") as file:
        value = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    mark = {
        "file": name,
        "rows": rows,
        "size": size,
        "digest": value,
        "cause": work.plan.causes[number],
        "ledger": ledger.entry(read, rows, refused),
    }
    files.write_json(work.plan.output.mark(f"{number:05}"), mark)
    return {"rows": rows, "bytes": sum(work.plan.shards[i]["bytes"] for i in work.plan.slices[number]["shards"])}


def _report(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """What the stage says of its model and summary, left for people in `record/`."""
    assert work.stage.report is not None
    model = read_model(work.plan, work.stage, work.last) if work.stage.before else None
    summary = read_model(work.plan, work.stage, AFTER) if work.stage.after else None
    about = [_summary_beside(work)] if work.stage.about else []
    files.write_json(work.plan.output.record("report.json"), work.stage.report(model, summary, work.config, *about))
    return {}


def _summary_beside(work: Work) -> pa.Table | None:
    """The summary of the layer that the stage is about; None of one that has none, such as one carried over."""
    assert work.stage.about is not None
    source = work.plan.inputs[0]
    layer = source.columns[work.stage.about(work.config)]
    path = Corpus(source.path).generation(layer, source.layers[layer]).summary
    return next(shards.groups(path)) if path.exists() else None


def _alarm(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Ask whether the result may stand; the stage raises when it may not."""
    assert work.stage.alarm is not None
    summary = read_model(work.plan, work.stage, AFTER) if work.stage.after else None
    work.stage.alarm(summary, work.stage.config.model_validate(work.plan.options))
    files.write_json(accepted_path(work.plan), limits(work.plan, work.stage))
    return {}


def _record(plan: Plan, phase: Phase, number: int, result: dict[str, Any]) -> None:
    """Append one line to the layer's record: for people and `status`, never read by a plan."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = {"task": f"{phase.name} {number}", "host": socket.gethostname(), "process": os.getpid(), "peak_bytes": peak}
    path = plan.output.record("tasks.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({**line, **result, "ended": time.time()}) + "\n")
