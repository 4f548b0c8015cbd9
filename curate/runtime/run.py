"""The coordinator: finds what is missing, hands it to an executor, counts, and commits."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curate.errors import DataError, IncompleteError, UsageError, counted
from curate.runtime.commit import check_inputs, commit, folders, forget_others, forget_work, sync, tidy
from curate.runtime.executors.base import Executor, Outcome, Task
from curate.runtime.fingerprint import planned_options
from curate.runtime.memory import UNLIMITED, Budget, Memory, remember_compiled
from curate.runtime.phases import Phase, boot_path, described, needed, phases, vouched
from curate.runtime.plan import Plan, existing_manifest
from curate.runtime.status import first_rejects
from curate.stage import Stage
from curate.storage import files
from curate.storage import shard as shards
from curate.storage.manifest import NAME, Manifest


@dataclass(frozen=True)
class Progress:
    """How far a run is, for whoever shows it. `rows` and `bytes` count within the phase."""

    title: str
    phase: str
    done: int
    tasks: int
    rows: int
    bytes: int
    total_bytes: int
    seconds: float


@dataclass
class Result:
    """What a run came to."""

    plan: Plan
    manifest: Manifest
    executed: int = 0
    linked: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


def parse_errors(text: str) -> tuple[float, bool]:
    """`--max-errors` as (number, whether it is a share): `10`, `0.5%` or `0.01`.

    Raises UsageError for anything else.
    """
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise UsageError(f"--max-errors '{text}': give a number such as 10, or a share such as 0.5%")
    if text.endswith("%"):
        return value / 100, True
    return value, "." in text and value < 1


def is_made(plan: Plan, existing: Manifest, todo: list[tuple[Phase, list[int]]]) -> bool:
    """Whether the layer is there, whole, and made from exactly this, so that at most its alarm is still to be asked."""
    return existing.fingerprint == plan.fingerprint and all(phase.kind == "alarm" for phase, _ in todo)


def refresh(plan: Plan) -> None:
    """Make a manifest that is older than its inputs new again, so that make sees it as made."""
    path = plan.folder / NAME
    inputs = [Path(source.path) / layer / NAME for source in plan.inputs for layer in source.layers]
    newest = max((item.stat().st_mtime_ns for item in inputs), default=0)
    newest = max([newest, _stamp(plan.options), *(_stamp(piece) for piece in plan.slices)])
    if path.stat().st_mtime_ns < newest:
        os.utime(path)


def _stamp(value: Any) -> int:
    """The newest modification time, in nanoseconds, of the files that plain values name."""
    if isinstance(value, dict):
        return max(map(_stamp, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_stamp, value), default=0)
    return os.stat(value).st_mtime_ns if isinstance(value, str) and os.path.isfile(value) else 0


def execute(
    plan: Plan,
    stage: Stage,
    executor: Executor,
    max_errors: str,
    notify: Callable[[Progress], None],
    budget: Budget = UNLIMITED,
) -> Result:
    """Run what is missing and commit.

    Raises what went wrong as the error that carries its exit status; finished tasks stay finished.
    """
    started = time.monotonic()
    config = planned_options(stage, plan.options)
    found = phases(plan, stage, config)
    memory = Memory(plan, stage, config, budget)
    if budget.limit is not None and not _unsynced(plan):
        memory.check(phase for phase, _ in needed(plan, stage, found))
    with contextlib.ExitStack() as locks:
        for folder in folders(plan):
            locks.enter_context(files.locked(folder))
        run = _Run(plan, executor, parse_errors(max_errors), notify, memory)
        if _unsynced(plan):
            files.remove_tree(plan.output.index("").parent)
            forget_work(plan)
        todo = needed(plan, stage, found)
        existing = existing_manifest(plan)
        if existing is not None and is_made(plan, existing, todo):
            _ask_again(run, plan, todo)
            refresh(plan)
            return Result(plan, existing, run.executed, seconds=time.monotonic() - started)
        _prepare_folder(plan)
        run.count_finished({number for phase, numbers in todo if phase.kind == "apply" for number in numbers})
        for phase, numbers in todo:
            run.phase(phase, numbers)
        run.check_share()
        remember_compiled(stage)
        manifest = commit(plan, stage)
        return Result(plan, manifest, run.executed, run.linked, time.monotonic() - started)


def plan_path(plan: Plan) -> Path:
    """Where the plan of a run lies while it runs."""
    return plan.output.work("plan.json")


def _ask_again(run: _Run, plan: Plan, todo: list[tuple[Phase, list[int]]]) -> None:
    """Put an alarm with other limits to a result that stands, and will whatever comes of it."""
    try:
        if todo:
            _write_plan(plan)
        for phase, numbers in todo:
            run.phase(phase, numbers)
    except DataError as problem:
        raise DataError(f"{problem}; {plan.folder} stays as it was accepted before") from None
    finally:
        if boot_path(plan).exists():  # a run that made an index again was killed
            sync(plan)
        tidy(plan)


def _write_plan(plan: Plan) -> None:
    with files.replacing(plan_path(plan)) as aside:
        aside.write_text(plan.dumps(), encoding="utf-8")


def _vouch(plan: Plan) -> None:
    note = boot_path(plan)
    if files.boot() and files.local(note.parent):
        with files.replacing(note) as aside:
            aside.write_text(files.boot(), encoding="utf-8")
        files.sync(note.parent)  # nothing that is not synced outlasts the note


def _unsynced(plan: Plan) -> bool:
    """Whether working files and indexes were left unsynced before the machine was started anew, or by another."""
    return boot_path(plan).exists() and not vouched(plan)


def _prepare_folder(plan: Plan) -> None:
    if plan.makes == "files":
        (plan.folder / NAME).unlink(missing_ok=True)
        forget_others(plan)  # their files are about to be overwritten
    for folder in folders(plan):
        files.remove_unfinished(folder)
    if plan.again and plan.previous and (model := plan.beside(plan.previous).model).exists():
        files.link(model, plan.output.model)
    _vouch(plan)
    _write_plan(plan)


class _Run:
    def __init__(
        self,
        plan: Plan,
        executor: Executor,
        allowed: tuple[float, bool],
        notify: Callable[[Progress], None],
        memory: Memory,
    ) -> None:
        self._plan = plan
        self._memory = memory
        self._executor = executor
        self._allowed, self._is_share = allowed
        self._notify = notify
        self.executed = 0
        self.linked = 0
        self._quarantined = 0

    def phase(self, phase: Phase, numbers: list[int]) -> None:
        """Run tasks of one phase; raises at its end for what failed, at once for too many errors."""
        path = str(plan_path(self._plan))
        tasks = [Task(path, phase.first + n, described(self._plan, phase, n)) for n in numbers]
        failed: list[Outcome] = []
        seen = {"rows": 0, "bytes": 0}
        started = time.monotonic()
        total = self._plan.bytes or self._plan.source_bytes
        outcomes = self._executor.run(tasks, self._memory.at_once(phase))
        try:
            for done, outcome in enumerate(outcomes, 1):
                self.executed += 1
                if outcome.status != "done":
                    failed.append(outcome)
                    continue
                self._take(phase, outcome, seen)
                elapsed = time.monotonic() - started
                self._notify(
                    Progress(
                        self._plan.title, phase.name, done, len(tasks), seen["rows"], seen["bytes"], total, elapsed
                    )
                )
        finally:
            close = getattr(outcomes, "close", None)
            if close:
                close()
        if failed:
            _raise(self._plan, failed, len(tasks))

    def _take(self, phase: Phase, outcome: Outcome, seen: dict[str, int]) -> None:
        for name in seen:
            seen[name] += outcome.result[name]
        self.linked += outcome.result["linked"]
        if phase.kind != "apply":
            return
        self._quarantined += outcome.result["quarantined"]
        self._check_number()

    def count_finished(self, missing: set[int]) -> None:
        """What earlier runs of this generation finished counts too; `missing`: the tasks of `apply` that did not."""
        self._quarantined, _ = self._totals(missing)
        self._check_number()

    def check_share(self) -> None:
        """A share is of all documents, so it is known only at the end."""
        if self._is_share:
            self._quarantined, read = self._totals(set())
            if self._quarantined > self._allowed * read:
                self._too_many(f" of {read}")

    def _check_number(self) -> None:
        if not self._is_share and self._quarantined > self._allowed:
            self._too_many()

    def _totals(self, missing: set[int]) -> tuple[int, int]:
        """Documents quarantined and read by the shards there are, less those of missing slices."""
        quarantined = read = 0
        for name in self._plan.output.shard_names():
            footer = shards.read_footer(self._plan.output.shard(name))
            number = int(name.split("-")[0]) if self._plan.makes == "corpus" else -1
            if footer and number not in missing:
                quarantined += footer["ledger"]["quarantined"]
                read += footer["ledger"]["in"]
        return quarantined, read

    def _too_many(self, share: str = "") -> None:
        allowed = f"{self._allowed:.3%}" if self._is_share else f"{self._allowed:.0f}"
        raise DataError(
            f"{self._plan.title}: {_documents(self._quarantined, share)} could not be used, more than "
            f"--max-errors {allowed}; "
            f"mend the source, {self._elsewhere()}or continue with a higher --max-errors (nothing that is finished is "
            f"redone); `curate show {shlex.quote(self._plan.target)} --rejects` lists them:\n{self._examples()}"
        )

    def _examples(self) -> str:
        rows = first_rejects(self._plan.output, 3)
        return "\n".join(f"  {row['file']}: {row['unit']} {row['position']}: {row['reason']}" for row in rows)

    def _elsewhere(self) -> str:
        """The option that names another field, where the first document is unusable for want of one."""
        column, _, what = next((row["reason"] for row in first_rejects(self._plan.output, 1)), "").partition(" ")
        field = self._plan.options.get(f"{column}_field") if what == "is missing" else None
        return f"name another field than '{field}' by --{column}-field, " if field else ""


def _documents(number: int, share: str) -> str:
    return f"{number:,}{share} documents" if share else counted(number, "document")


def _raise(plan: Plan, failed: list[Outcome], tasks: int) -> None:
    check_inputs([*plan.inputs, *plan.old_inputs])
    first = failed[0]
    kinds = {"usage": UsageError, "data": DataError}
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    if first.kind in kinds:
        raise kinds[first.kind](f"{first.task.name}: {first.error}{more}")
    names = ", ".join(outcome.task.name for outcome in failed[:5])
    raise IncompleteError(
        f"{plan.title}: {len(failed)} of {tasks} tasks failed: {names}{'' if len(failed) <= 5 else ', ...'}\n"
        f"{first.error}\nWhat is finished is kept; the same command continues."
    )


def load_plan(path: str) -> Plan:
    """Read a plan file. Raises UsageError when there is none."""
    try:
        return Plan.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no plan there; a plan exists only while its run is unfinished") from None
    except (ValueError, TypeError, json.JSONDecodeError) as problem:
        raise UsageError(f"{path}: not a plan: {problem}; give the work/plan.json of a run") from None
