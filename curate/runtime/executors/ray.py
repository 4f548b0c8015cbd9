"""Runs tasks on Ray: the cluster that RAY_ADDRESS names, or one started on this machine."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from curate.errors import CurateError, UsageError
from curate.runtime.executors.base import (
    ENVIRONMENT,
    Outcome,
    Task,
    attempt,
    give_back_memory,
    load,
    single_arrow_threads,
)

_PATIENCE_SECONDS = 2.0

# No reports to its makers, and none of its messages about workers on our standard output: outcomes tell of them.
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}


class RayExecutor:
    """Ray schedules, places and retries; the files that plans name must be visible to all its nodes."""

    def __init__(self, workers: int, function: str):
        os.environ.update(_SETTINGS)
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            raise UsageError("executor: ray is not installed; pip install 'curate[ray]'") from None
        self._workers = workers
        self._function = function

    def start(self) -> None:
        """Nothing in the background: Ray starts with `run`."""

    def run(self, tasks: Sequence[Task], at_once: int | None = None) -> Iterator[Outcome]:
        """See Executor."""
        load(self._function)
        self._connect()
        remote = self._ray.remote(num_cpus=1, num_gpus=self._gpus(), max_retries=1)(_run)
        waiting = deque(tasks)
        most = min(self._workers, at_once or self._workers)
        running = {}
        try:
            while waiting or running:
                while waiting and len(running) < most:
                    task = waiting.popleft()
                    reference = remote.remote(sys.path, self._function, task.plan, task.index, at_once is not None)
                    running[reference] = task, time.perf_counter()
                for reference in self._ray.wait(list(running), num_returns=1)[0]:
                    yield self._outcome(reference, *running.pop(reference))
        finally:
            self._cancel(list(running))

    def stop(self) -> None:
        """See Executor."""
        self._ray.shutdown()

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        mine = {} if "RAY_ADDRESS" in os.environ else {"num_cpus": self._workers, "include_dashboard": False}
        self._ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": {**ENVIRONMENT, **_ours()}},
            **mine,
        )

    def _gpus(self) -> int:
        """One for each task where the device is a GPU, which Ray otherwise hides. Raises UsageError without any."""
        device = os.environ.get("CURATE_DEVICE", "cpu")
        if not device.startswith("cuda"):
            return 0
        if not self._ray.cluster_resources().get("GPU"):
            raise UsageError(f"--device {device}: Ray has no GPU here; use --device cpu")
        return 1

    def _cancel(self, running: list) -> None:
        if running and self._ray.is_initialized():
            for reference in running:
                self._ray.cancel(reference, force=True)
            self._ray.wait(running, num_returns=len(running), timeout=_PATIENCE_SECONDS)

    def _outcome(self, reference, task: Task, begun: float) -> Outcome:
        errors = self._ray.exceptions
        try:
            return Outcome(task, **self._ray.get(reference))
        except errors.OutOfMemoryError:
            how = "was killed, out of memory"
        except errors.WorkerCrashedError:
            how = "was killed or crashed, perhaps out of memory"
        except errors.RaySystemError as problem:
            raise CurateError(f"ray: {problem}") from None
        except errors.RayError as problem:
            how = f"was lost: {str(problem).splitlines()[0]}"
        seconds = time.perf_counter() - begun
        return Outcome(task, "died", error=f"its worker {how}", kind="bug", seconds=seconds)


def _ours() -> dict[str, str]:
    """What our own processes inherit from this one, and those of a cluster do not: the device, a user's stages."""
    return {name: value for name, value in os.environ.items() if name.startswith("CURATE_")}


def _run(path: list[str], function: str, plan: str, index: int, sparing: bool) -> dict:
    sys.path.extend(folder for folder in path if folder not in sys.path)
    single_arrow_threads()
    fields = attempt(load(function), plan, index)
    if sparing:
        give_back_memory()
    return fields
