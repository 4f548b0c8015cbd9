"""The tasks of a plan, in the order in which they can run, and which of them are finished."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import UsageError
from curate.runtime.fingerprint import planned_options
from curate.runtime.output import carried_generation
from curate.runtime.plan import Plan
from curate.stage import AlarmMarker, Stage, StageConfig, marked
from curate.storage import files
from curate.storage import manifest as manifests
from curate.storage import shard as shards

AFTER = -1


@dataclass(frozen=True)
class Phase:
    """A run of tasks that need one another not at all, and every phase before.

    kind: count, survey, link, settle, apply, report or alarm. census: its number in `before`, or AFTER.
    first: the index of its first task.
    """

    kind: str
    census: int
    first: int
    tasks: int

    @property
    def name(self) -> str:
        return (
            self.kind
            if self.kind in ("apply", "count", "report", "alarm")
            else f"{self.kind} {'after' if self.census == AFTER else self.census + 1}"
        )


def phases(plan: Plan, stage: Stage, config: StageConfig) -> list[Phase]:
    """Every phase of a plan; task indexes run through them in order."""
    found: list[Phase] = []

    def add(kind: str, census: int, tasks: int) -> None:
        found.append(Phase(kind, census, found[-1].first + found[-1].tasks if found else 0, tasks))

    surveys = len(plan.runs) if plan.shards else len(plan.slices)
    if plan.where and any(census.sample for census in stage.before):
        add("count", 0, surveys)
    for number, census in enumerate(stage.before):
        if sample_size(stage, config, number) != 0:
            add("survey", number, surveys + (len(plan.old_runs) if census.against else 0))
            if census.link:
                add("link", number, plan.parts)
        add("settle", number, 1)
    add("apply", 0, len(plan.shards) if plan.makes == "layer" else len(plan.slices))
    if stage.after:
        if sample_size(stage, config, AFTER) != 0:
            add("survey", AFTER, len(plan.runs) if plan.makes == "layer" else len(plan.slices))
            if stage.after.link:
                add("link", AFTER, plan.parts)
        add("settle", AFTER, 1)
    if stage.report:
        add("report", 0, 1)
    if stage.alarm:
        add("alarm", 0, 1)
    return found


def sample_size(stage: Stage, config: StageConfig, census: int) -> int | None:
    """How many documents a census asks for; None is all of them."""
    counted = stage.before[census] if census != AFTER else stage.after
    if counted is None or counted.likewise:
        return 0
    return counted.sample(config) if counted.sample else None


def work_name(kind: str, census: int, number: int) -> str:
    """The working file of a task that is not an `apply`."""
    which = "after" if census == AFTER else str(census)
    return f"{kind}-{which}-{number:05}.routed"


def model_path(plan: Plan, stage: Stage, census: int) -> Path:
    """Where a census leaves its model: in the layer for the last one and the one after, else among the work."""
    if census == AFTER:
        return plan.output.summary
    if census == len(stage.before) - 1:
        return plan.output.model
    return plan.output.work(f"model-{census}.parquet")


def rows_path(plan: Plan, census: int) -> Path:
    """Where a census leaves its rows."""
    return plan.output.work(f"rows-{census}.routed")


def unfinished(plan: Plan, stage: Stage, phase: Phase, with_rows: bool = True) -> list[int]:
    """Numbers, within a phase, of the tasks whose result is not there.

    with_rows: whether the rows of a census count as part of its result; they are gone after a commit.
    """
    if phase.kind == "settle":
        return [] if _settled(plan, stage, phase.census, with_rows) else [0]
    if phase.kind != "apply":
        unindexed = set(_unindexed(plan, stage, phase)) if phase.kind == "survey" else set()
        names = (plan.output.work(work_name(phase.kind, phase.census, i)) for i in range(phase.tasks))
        return [i for i, path in enumerate(names) if i in unindexed or not path.exists()]
    if plan.makes == "layer":
        there = set(plan.output.shard_names())
        return [i for i, shard in enumerate(plan.shards) if shard["name"] not in there]
    if plan.makes == "files":
        return [i for i in range(phase.tasks) if file_mark(plan, i) is None]
    pieces = slice_shards(plan)
    layers = [layer for layer in plan.carried if _still_carried(plan, layer)]
    carried = [set(carried_generation(plan, layer).shard_names()) for layer in layers]
    return [
        i
        for i in range(phase.tasks)
        if not slice_finished(plan, names := pieces.get(i, [])) or not all(there.issuperset(names) for there in carried)
    ]


def _unindexed(plan: Plan, stage: Stage, phase: Phase) -> Iterator[int]:
    """Survey tasks of which a shard's index is missing."""
    census = stage.before[phase.census] if phase.census != AFTER else None
    if census and census.indexed and census.indexed(planned_options(stage, plan.options)):
        for number, (start, end) in enumerate(plan.runs):
            if not all(plan.output.index(shard["name"]).exists() for shard in plan.shards[start:end]):
                yield number


def _still_carried(plan: Plan, layer: str) -> bool:
    """Whether a layer is still the carried one: anybody may make one of its name anew."""
    found = manifests.read(plan.folder.parent / layer)
    return found is None or found.carried


def _settled(plan: Plan, stage: Stage, census: int, with_rows: bool) -> bool:
    footer = shards.read_footer(model_path(plan, stage, census))
    return footer is not None and (not (footer["rows"] and with_rows) or rows_path(plan, census).exists())


def slice_shards(plan: Plan) -> dict[int, list[str]]:
    """Names of the shards there are of each slice of a new corpus, in order."""
    found: dict[int, list[str]] = {}
    for name in plan.output.shard_names():
        found.setdefault(int(name.split("-")[0]), []).append(name)
    return found


def slice_finished(plan: Plan, names: list[str]) -> bool:
    """Whether the shards of a slice are all there: none missing, the last one marked as such."""
    if not names:
        return False
    footer = shards.read_footer(plan.output.shard(names[-1]))
    return bool(footer and footer["last"]) and len(names) == int(names[-1].split("-")[1]) + 1


def file_mark(plan: Plan, number: int) -> dict[str, Any] | None:
    """What is known of a file sent out; None when it is not finished or not there any more."""
    try:
        mark = json.loads(plan.output.mark(f"{number:05}").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    target = Path(plan.target) / mark["file"]
    return mark if target.exists() and target.stat().st_size == mark["size"] else None


def task_phase(found: list[Phase], index: int) -> tuple[Phase, int]:
    """The phase of a task index and the task's number within it. Raises UsageError for an index that is none."""
    for phase in found:
        if 0 <= index < phase.first + phase.tasks:
            return phase, index - phase.first
    raise UsageError(f"task {index}: the plan has tasks 0 to {found[-1].first + found[-1].tasks - 1}")


def described(plan: Plan, phase: Phase, number: int) -> str:
    """A task's name for people."""
    if phase.kind == "alarm":
        return f"{plan.title}: alarm"
    name = f"{plan.title}: {phase.name}, task {number + 1} of {phase.tasks}"
    if phase.kind == "apply" and plan.makes == "layer":
        name += f" ({plan.shards[number]['name']})"
    return name


def needed(plan: Plan, stage: Stage, found: list[Phase]) -> list[tuple[Phase, list[int]]]:
    """The unfinished tasks that the result still hangs on, by phase, in order of running; then the report, if any are,
    and the alarm, also when it was not yet asked under these limits.

    Work whose outcome is settled is not asked for again: without missing shards no census runs, nor where only
    decisions over what it found are others.
    """
    wanted = {("apply", 0), ("settle", AFTER), ("settle", len(stage.before) - 1)}
    todo = []
    for phase in reversed(found):
        if plan.again and phase.census != AFTER and phase.kind in ("count", "survey", "link", "settle"):
            continue
        if (phase.kind, phase.census) in wanted:
            missing = unfinished(plan, stage, phase, ("rows", phase.census) in wanted)
        else:
            missing = list(_unindexed(plan, stage, phase)) if phase.kind == "survey" else []
        if not missing:
            continue
        todo.append((phase, missing))
        wanted |= _hangs_on(plan, stage, phase)
    todo.reverse()
    for phase in found:
        if (phase.kind == "report" and (todo or not _reported(plan))) or (
            phase.kind == "alarm" and (todo or not _accepted(plan, stage))
        ):
            todo.append((phase, [0]))
    return todo


def _reported(plan: Plan) -> bool:
    """Whether the report is there; once the layer is, it is not missed."""
    found = manifests.read(plan.folder)
    return plan.output.record("report.json").exists() or (found is not None and found.generation == plan.generation)


def limits(plan: Plan, stage: Stage) -> dict[str, Any]:
    """The options that only the alarm sees."""
    return {name: plan.options[name] for name in marked(stage.config, AlarmMarker)}


def accepted_path(plan: Plan) -> Path:
    """Where a silent alarm notes its limits, beside the result and no part of it; lost, the alarm is asked again."""
    return plan.output.record("accepted.json")


def boot_path(plan: Plan) -> Path:
    """Where a run notes which start of its machine stands for working files and indexes that are not synced.

    While that lasts they are whole, whoever is killed. There is no note, and all is synced, where another machine may
    have the same disk, since nobody could tell whether that was started anew.
    """
    return plan.output.work("boot")


def vouched(plan: Plan) -> bool:
    """Whether the machine, as it is now started, stands for what was not synced."""
    try:
        return boot_path(plan).read_text(encoding="utf-8") == files.boot()
    except FileNotFoundError:
        return False


def _accepted(plan: Plan, stage: Stage) -> bool:
    try:
        return json.loads(accepted_path(plan).read_text(encoding="utf-8")) == limits(plan, stage)
    except (FileNotFoundError, ValueError):
        return False


def _hangs_on(plan: Plan, stage: Stage, phase: Phase) -> set[tuple[str, int]]:
    last = len(stage.before) - 1
    if phase.kind == "apply":
        routed = any("part" in piece for piece in plan.slices)
        return {("settle", last), ("rows", last)} | ({("survey", last)} if routed else set())
    if phase.kind == "settle":
        before = {("settle", phase.census - 1)} if phase.census > 0 else set()
        return {("link", phase.census), ("survey", phase.census)} | before
    if phase.kind == "link":
        return {("survey", phase.census)}
    if phase.kind == "survey" and phase.census != AFTER:
        before = phase.census - 1
        return {("count", 0)} | ({("settle", before), ("rows", before)} if before >= 0 else set())
    return set()
