"""What an executor runs: one task of a plan, found by name. Here stages and runtime meet."""

from __future__ import annotations

import contextlib
import importlib
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from curate.errors import UsageError
from curate.stages import load, rooms

if TYPE_CHECKING:
    from curate.runtime.work import Work


@lru_cache(maxsize=1)
def work(plan: str, written: tuple[int, int]) -> Work:
    """The plan at a path, as this process holds it. Raises UsageError for a plan or stage that is not there.

    written: tells it from an earlier plan at that path, which may ask for the same result under other limits.
    """
    from curate.runtime.run import load_plan
    from curate.runtime.work import Work

    loaded = load_plan(plan)
    return Work(loaded, load(loaded.stage), load)


def run(plan: str, index: int) -> dict[str, Any]:
    """Run one task; gives plain JSON."""
    from curate.runtime.task import run_task

    return run_task(work(plan, _written(plan)), index)


def warm(steps: list[str]) -> None:
    """Import what tasks of these stages import as they run, so that workers forked after it have it already."""
    import curate.runtime.run
    import curate.runtime.task  # noqa: F401 (both for the workers)

    for step in steps:
        for module in rooms(load(step)):
            with contextlib.suppress(ImportError):  # a function, or a task that needs it gets the error
                importlib.import_module(module)


def _written(plan: str) -> tuple[int, int]:
    if not os.path.exists(plan):
        return 0, 0
    found = os.stat(plan)
    return found.st_mtime_ns, found.st_ino


def runnable(plan: str, share: str) -> list[int]:
    """Every N-th unfinished task of the first phase that has any, from the K-th on, for a share `K/N`.

    Raises UsageError for a share that is not 0 <= K < N.
    """
    from curate.runtime.phases import needed

    try:
        first, every = (int(part) for part in share.split("/"))
    except ValueError:
        first, every = -1, 0
    if not 0 <= first < every:
        raise UsageError(f"--slice '{share}': give K/N with K from 0 to N - 1, such as 3/64")
    here = work(plan, _written(plan))
    todo = needed(here.plan, here.stage, here.phases)
    if not todo:
        return []
    phase, numbers = todo[0]
    return [phase.first + number for number in numbers if number % every == first]
