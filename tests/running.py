"""Running steps within the test's own process or by the command line, stopping them, and comparing what they leave."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import curate
from curate.cli import worker
from curate.cli.running import StepOptions, planned, validated
from curate.runtime.executors.base import Executor, Outcome, Task, executor
from curate.runtime.plan import Plan
from curate.runtime.run import Result, execute
from curate.stages import stages

ROOT = Path(curate.__file__).parents[1]
CURATE = Path(sys.executable).with_name("curate")
OWN = "tests.own.lines,tests.own.length,tests.own.tally,tests.own.seen"
NOT_COMPARED = ("record", "work", ".lock")


class Stopped(BaseException):
    """Ends a run as an interruption does."""


class Stopping:
    """An executor that runs tasks in this process and stops, between two, after `tasks` of them."""

    def __init__(self, tasks: int) -> None:
        self.left = tasks

    def start(self) -> None:
        """Nothing to warm up."""

    def stop(self) -> None:
        """Nothing to end."""

    def run(self, tasks: Sequence[Task], at_once: int | None = None) -> Iterator[Outcome]:
        for task in tasks:
            if self.left == 0:
                raise Stopped
            self.left -= 1
            yield Outcome(task, "done", worker.run(task.plan, task.index))


@contextlib.contextmanager
def own_stages() -> Iterator[None]:
    """The stages of `tests/own` are known in this process."""
    before = os.environ.get("CURATE_STAGES")
    os.environ["CURATE_STAGES"] = OWN
    stages.cache_clear()
    yield
    del os.environ["CURATE_STAGES"]
    if before is not None:
        os.environ["CURATE_STAGES"] = before
    stages.cache_clear()
    worker.work.cache_clear()


def memory() -> Path | None:
    """A folder in memory, where waiting for a disk costs nothing; None when there is none with room."""
    place = Path("/dev/shm")
    return place if os.access(place, os.W_OK) and shutil.disk_usage(place).free > 500 << 20 else None


def plan(verb: str, options: dict[str, Any], **common: Any) -> Plan:
    """What a command would do; `as` is given as `as_`."""
    stage = stages()[verb]
    return planned(stage, validated(stage, options), StepOptions.model_validate(common))


def step(
    verb: str, options: dict[str, Any], made: Executor | None = None, max_errors: str = "0", **common: Any
) -> Result:
    """Plan and run one step in this process, inline if no executor is given."""
    chosen = made or executor("inline", 1)
    return execute(plan(verb, options, **common), stages()[verb], chosen, max_errors, lambda progress: None)


def environment(**changed: str) -> dict[str, str]:
    """The environment of a command that knows the tests' own stages."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "CURATE_STAGES": OWN, "PYTHONPATH": path, "COLUMNS": "200", **changed}


def command(*arguments: Any, cwd: Path | None = None, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run `curate` to its end."""
    given = [str(CURATE), *map(str, arguments)]
    return subprocess.run(
        given,
        cwd=cwd,
        env=environment(**changed),
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
    )


def start(*arguments: Any, cwd: Path | None = None, **changed: str) -> subprocess.Popen[str]:
    """Start `curate` as the head of a process group of its own, as a shell would."""
    given = [str(CURATE), *map(str, arguments)]
    return subprocess.Popen(
        given,
        cwd=cwd,
        env=environment(**changed),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def tree(*folders: Path) -> dict[str, str]:
    """Every file that must be the same whatever happened, and the digest of its bytes."""
    found = {}
    for folder in folders:
        for base, names, files in os.walk(folder):
            names[:] = [name for name in names if name not in NOT_COMPARED]
            for name in files:
                path = Path(base) / name
                if name not in NOT_COMPARED:
                    found[str(path.relative_to(folder.parent))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def difference(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Files that differ, are missing or are too many; for a message."""
    lines = []
    for name in sorted({*found, *expected}):
        if found.get(name) != expected.get(name):
            how = "missing" if name not in found else "extra" if name not in expected else "differs"
            lines.append(f"{name}: {how}")
    return lines


def copied(source: Path, target: Path) -> Path:
    """A copy of a tree with the same modification times, since those of source files count."""
    shutil.copytree(source, target, symlinks=True)
    return target
