"""What runs tasks. A task is plain values, so an executor knows nothing of stages.

Every executor gives the same outcomes, in whatever order they finish, by calling one importable
function `run(plan: str, index: int) -> dict` with all thread pools at one.
"""

from __future__ import annotations

import contextlib
import ctypes
import difflib
import importlib
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from curate.errors import CurateError, DataError, UsageError

NAMES = ("inline", "local", "ray")

# The last one: pyarrow's unused allocator starts a thread at import, and a forkserver must have none.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}

LONGEST_ERROR = 20_000

Function = Callable[[str, int], dict]


@dataclass(frozen=True)
class Task:
    """One piece of work: a plan file and which task of it. `name` is for people, as in "survey 3 of 12 (00003-000)"."""

    plan: str
    index: int
    name: str


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    status: done; failed, when the function raised; died, when the worker vanished, twice.
    result: what the function returned, plain JSON.
    error: for people: the message of a CurateError, the traceback of anything else, or how the worker died.
    kind: "usage" or "data" for those errors, "bug" for anything else, empty when done.
    seconds: of the last attempt.
    """

    task: Task
    status: Literal["done", "failed", "died"]
    result: dict = field(default_factory=dict)
    error: str = ""
    kind: Literal["", "usage", "data", "bug"] = ""
    seconds: float = 0.0


class Executor(Protocol):
    """Runs tasks. Not for several threads, and one `run` at a time."""

    def start(self) -> None:
        """Begin to warm up in the background, if that helps; returns at once."""
        ...

    def run(self, tasks: Sequence[Task], at_once: int | None = None) -> Iterator[Outcome]:
        """Yield outcomes as tasks finish. Closing the iterator, or an exception in it, ends what is running.

        at_once: run at most so many at the same time, where memory is short: workers then give back what they held
        after each task, and those of runs before are ended. None is as many as there may be workers.
        Raises CurateError when the workers cannot start.
        """
        ...

    def stop(self) -> None:
        """End all workers at once; may be called again, and `run` after it starts anew."""
        ...


def executor(
    name: str, workers: int, function: str = "curate.cli.worker:run", warm: str = "", steps: Sequence[str] = ()
) -> Executor:
    """The executor of that name with at most so many workers, each calling `function` ("module:name").

    warm: the function that imports what tasks of `steps` need, before local workers are forked.

    Raises UsageError for an unknown name, a number of workers below one, or a missing extra.
    """
    if workers < 1:
        raise UsageError(f"workers: {workers} given; at least 1 is needed")
    if name == "inline":
        from curate.runtime.executors.inline import InlineExecutor

        return InlineExecutor(function)
    if name == "local":
        from curate.runtime.executors.local import LocalExecutor

        return LocalExecutor(workers, function, warm, steps)
    if name == "ray":
        from curate.runtime.executors.ray import RayExecutor

        return RayExecutor(workers, function)
    close = difflib.get_close_matches(name, NAMES, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(NAMES)}"
    raise UsageError(f"executor: there is no '{name}'; {hint}")


def load(function: str) -> Callable[..., Any]:
    """Import "module:name". Raises CurateError with the traceback when that fails."""
    module, _, name = function.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception:  # whatever a module does as it is imported, people need to see it
        raise CurateError(f"workers cannot import {function}\n{traceback.format_exc()}") from None


def attempt(function: Function, plan: str, index: int) -> dict:
    """Call the function and give the fields of its Outcome, as plain JSON."""
    begun = time.perf_counter()
    try:
        fields = {"status": "done", "result": json.loads(json.dumps(function(plan, index)))}
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # a task ends in an outcome, whatever it raised
        fields = {"status": "failed", "error": _shortened(_message(problem)), "kind": _kind(problem)}
    return {**fields, "seconds": time.perf_counter() - begun}


def give_back_memory() -> None:
    """Return what this process has freed to the system, which Arrow's allocator and that of C otherwise keep."""
    import pyarrow

    pyarrow.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError):  # only the C library of GNU has it
        ctypes.CDLL(None).malloc_trim(0)


def single_threads() -> None:
    """Set this process's thread pools to one; before numpy, numba or polars are imported."""
    os.environ.update(ENVIRONMENT)


def single_arrow_threads() -> None:
    """Set pyarrow's thread pools, which no environment variable reaches, to one."""
    import pyarrow

    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)


def _message(problem: BaseException) -> str:
    if isinstance(problem, CurateError):
        return str(problem)
    return "".join(traceback.format_exception(problem)).rstrip()


def _kind(problem: BaseException) -> str:
    if isinstance(problem, UsageError):
        return "usage"
    return "data" if isinstance(problem, DataError) else "bug"


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_ERROR:
        return text
    half = LONGEST_ERROR // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
