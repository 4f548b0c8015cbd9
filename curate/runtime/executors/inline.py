"""Runs tasks one after another in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curate.runtime.executors.base import (
    Outcome,
    Task,
    attempt,
    give_back_memory,
    load,
    single_arrow_threads,
    single_threads,
)


class InlineExecutor:
    """For debuggers and tiny corpora; a task that crashes takes this process with it."""

    def __init__(self, function: str):
        self._function = function
        single_threads()

    def start(self) -> None:
        """Nothing to warm up."""

    def run(self, tasks: Sequence[Task], at_once: int | None = None) -> Iterator[Outcome]:
        """See Executor."""
        function = load(self._function)
        single_arrow_threads()
        for task in tasks:
            yield Outcome(task, **attempt(function, task.plan, task.index))
            if at_once:
                give_back_memory()

    def stop(self) -> None:
        """Nothing to end."""
