"""What each task of a command allocates, against what its stage states for `--memory`.

Every task runs in a process of its own, forked from one that is as warm as a worker's parent; what it allocates is
the peak of its resident memory less what it held before. Run it twice: the first run compiles kernels.

    python scripts/bench/stated.py dedup CORPUS --quiet
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from curate.runtime.executors import base, forkserver
from curate.runtime.executors.base import Outcome, Task

FUNCTION = "curate.cli.worker:run"


class Forking:
    """An executor that measures: for each phase of a command the tasks, and the most that one allocated and stated."""

    def __init__(self) -> None:
        self.rows: dict[str, list[int]] = {}

    def __call__(self, name: str, workers: int, *, warm: str, steps: list[str]) -> Forking:
        """In place of what makes an executor."""
        self.warm, self.steps = warm, steps
        return self

    def start(self) -> None:
        """Warm up as the forkserver does."""
        base.single_threads()
        forkserver._warm_up(FUNCTION, self.warm, self.steps)

    def run(self, tasks: Sequence[Task], at_once: int | None = None) -> Iterator[Outcome]:
        """See Executor."""
        for task in tasks:
            fields, allocated, kept = _apart(task)
            row = self.rows.setdefault(task.name.split(", task")[0], [0, 0, 0, _stated(task)])
            row[0] += 1
            row[1], row[2] = max(row[1], allocated), max(row[2], kept)
            yield Outcome(task, **fields)

    def stop(self) -> None:
        """Nothing to end."""


def _apart(task: Task) -> tuple[dict, int, int]:
    """The outcome's fields, and the bytes allocated at most and still held after giving back."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        base.single_arrow_threads()
        run = base.load(FUNCTION)
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = _status("VmRSS")
        fields = base.attempt(run, task.plan, task.index)
        peak = _status("VmHWM")
        base.give_back_memory()
        with os.fdopen(writing, "w") as end:
            json.dump([fields, peak - before, _status("VmRSS") - before], end)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as end:
        fields, allocated, kept = json.load(end)
    os.waitpid(process, 0)
    return fields, allocated, kept


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _stated(task: Task) -> int:
    from curate.runtime.memory import UNLIMITED, Memory
    from curate.runtime.phases import task_phase
    from curate.runtime.run import load_plan
    from curate.runtime.work import Work
    from curate.stages import load

    plan = load_plan(task.plan)
    work = Work(plan, load(plan.stage))
    return Memory(plan, work.stage, work.config, UNLIMITED).need(task_phase(work.phases, task.index)[0])


def main() -> None:
    """Run the command and print the table."""
    from curate.cli import app

    measuring = Forking()
    base.executor = measuring
    try:
        app.main()
    except SystemExit as done:
        if done.code:
            raise
    print(f"{'':32}{'tasks':>7}{'allocated MB':>14}{'kept':>7}{'stated':>9}")
    for name, (tasks, allocated, kept, stated) in measuring.rows.items():
        less = "  LESS THAN ALLOCATED" if stated < allocated else ""
        print(f"{name:32}{tasks:7}{allocated / 1e6:14,.0f}{kept / 1e6:7,.0f}{stated / 1e6:9,.0f}{less}")


if __name__ == "__main__":
    sys.exit(main())
