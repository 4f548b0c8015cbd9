"""Runs tasks in supervised processes of this machine.

The coordinator (this process) starts a forkserver, which imports while the coordinator plans. Each
worker has a socket of its own to here, which carries its tasks and outcomes and, by closing, tells
either side that the other is gone; the forkserver tells how a worker ended. Nothing here waits for
one worker, so a worker that is stopped, killed or silent half way holds nobody up.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from curate.errors import CurateError
from curate.runtime.executors.base import ENVIRONMENT, Outcome, Task
from curate.runtime.executors.channel import Channel

_PATIENCE_SECONDS = 2.0
_PROGRAM = """import sys
sys.path[:] = {path!r}
from curate.runtime.executors.forkserver import main
main({descriptor}, {function!r}, {warm!r}, {steps!r})"""


class LocalExecutor:
    """Workers persist over tasks and runs. One that dies is replaced; its task is tried once more, after the others."""

    def __init__(self, workers: int, function: str, warm: str = "", steps: Sequence[str] = ()):
        self._most = workers
        self._program = {"function": function, "warm": warm, "steps": list(steps)}
        self._pool: _Pool | None = None

    def start(self) -> None:
        """See Executor."""
        self._alive()

    def run(self, tasks: Sequence[Task], at_once: int | None = None) -> Iterator[Outcome]:
        """See Executor."""
        queue = deque(tasks)
        died: set[Task] = set()
        if self._pool and at_once:
            self._pool.dismiss()
        try:
            self._hand_out(queue, at_once)
            while self._pool and self._pool.busy():
                finished = list(_less_retries(self._pool.wait(), queue, died))
                self._hand_out(queue, at_once)
                yield from finished
        finally:
            if self._pool:
                self._pool.cancel()
                self._pool.rest()

    def stop(self) -> None:
        """See Executor."""
        pool, self._pool = self._pool, None
        if pool:
            pool.end()

    def _alive(self) -> _Pool:
        if self._pool is None or self._pool.ended:
            self._pool = _Pool(self._program)
        return self._pool

    def _hand_out(self, queue: deque[Task], at_once: int | None) -> None:
        while queue:
            worker = self._alive().available(min(self._most, at_once or self._most))
            if worker is None:
                return
            worker.begin(queue.popleft(), at_once is not None)


def _less_retries(outcomes: Iterable[Outcome], queue: deque[Task], died: set[Task]) -> Iterator[Outcome]:
    """Pass outcomes on, but put a task whose worker died for the first time back into the queue."""
    for outcome in outcomes:
        if outcome.status == "died" and outcome.task not in died:
            died.add(outcome.task)
            queue.append(outcome.task)
        else:
            yield outcome


class _Worker:
    """One worker as seen from here: `task` is what it is doing."""

    def __init__(self, channel: Channel):
        self.channel = channel
        self.task: Task | None = None
        self._begun = 0.0

    def begin(self, task: Task, sparing: bool) -> None:
        self.task = task
        self._begun = time.perf_counter()
        with contextlib.suppress(OSError):  # it died while idle, and its end is about to be told
            self.channel.send({"plan": task.plan, "index": task.index, "sparing": sparing})

    def rest(self) -> None:
        with contextlib.suppress(OSError):
            self.channel.send({"sparing": True})

    def finished(self, messages: list[dict]) -> list[Outcome]:
        outcomes = []
        for fields in messages:
            if self.task:
                outcomes.append(Outcome(self.task, **fields))
                self.task = None
        return outcomes

    def died(self, how: str) -> list[Outcome]:
        """What it still had to say, and what it left undone."""
        outcomes = self.finished(self.channel.rest())
        self.channel.close()
        if self.task:
            seconds = time.perf_counter() - self._begun
            outcomes.append(Outcome(self.task, "died", error=f"its worker {how}", kind="bug", seconds=seconds))
        return outcomes


class _Pool:
    """A forkserver and its workers. Once `ended`, it is of no more use."""

    def __init__(self, program: dict):
        mine, theirs = socket.socketpair()
        self._control = Channel(mine)
        self._process = _launch(program, theirs)
        self._keys = itertools.count()
        self._workers: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._control, selectors.EVENT_READ, None)
        self._ready = False
        self.ended = False

    def busy(self) -> bool:
        return any(worker.task for worker in self._workers.values())

    def available(self, most: int) -> _Worker | None:
        """An idle worker, or a new one if there are fewer than `most`."""
        for worker in self._workers.values():
            if not worker.task:
                return worker
        return self._fork() if len(self._workers) < most else None

    def wait(self, seconds: float | None = None) -> list[Outcome]:
        """Wait until a worker or the forkserver says something, or is gone, and give the outcomes that this brings."""
        outcomes = []
        for entry, _ in self._selector.select(seconds):
            key = entry.data
            if key is None:
                outcomes += self._hear_forkserver()
            elif key in self._workers:
                outcomes += self._hear_worker(key)
        return outcomes

    def cancel(self) -> None:
        """End the workers that are busy."""
        self._end_workers([key for key, worker in self._workers.items() if worker.task])

    def rest(self) -> None:
        """Have the workers give back what they held, which tasks of another kind would hold beside their own."""
        for worker in self._workers.values():
            worker.rest()

    def dismiss(self) -> None:
        """End all workers, and with them what they hold; the forkserver stays."""
        self._end_workers(list(self._workers))

    def _end_workers(self, doomed: list[int]) -> None:
        if doomed and not self._ready:
            self.end()
        for key in doomed:
            self._tell({"kill": key})
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(key in self._workers for key in doomed):
            if time.monotonic() >= deadline:
                self.end()
            else:
                self.wait(deadline - time.monotonic())

    def end(self) -> None:
        """End all workers and the forkserver."""
        self.ended = True
        self._control.close()
        for worker in self._workers.values():
            worker.channel.close()
        self._workers.clear()
        self._selector.close()
        if not self._ready:
            self._process.kill()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _fork(self) -> _Worker:
        mine, theirs = socket.socketpair()
        key = next(self._keys)
        worker = self._workers[key] = _Worker(Channel(mine))
        self._selector.register(worker.channel, selectors.EVENT_READ, key)
        with theirs:
            self._tell({"fork": key}, passing=theirs)
        return worker

    def _tell(self, message: dict, passing: socket.socket | None = None) -> None:
        with contextlib.suppress(OSError):  # the forkserver is gone, which `wait` finds out
            self._control.send(message, passing)

    def _hear_worker(self, key: int) -> list[Outcome]:
        worker = self._workers[key]
        try:
            return worker.finished(worker.channel.receive())
        except EOFError:  # its end, and how it came, is told by the forkserver
            self._selector.unregister(worker.channel)
            self._tell({"kill": key})
            return []

    def _hear_forkserver(self) -> list[Outcome]:
        try:
            messages = self._control.receive()
        except EOFError:
            return self._lost()
        outcomes = []
        for message in messages:
            if "error" in message:
                raise CurateError(message["error"])
            if "ready" in message:
                self._ready = True
            if "exited" in message:
                outcomes += self._bury(message["exited"], _how(message["status"]))
        return outcomes

    def _lost(self) -> list[Outcome]:
        """The forkserver is gone, and its workers with it."""
        outcomes = []
        for key in list(self._workers):
            outcomes += self._bury(key, "vanished with the process it was forked from")
        self.end()
        if not self._ready:
            raise CurateError(
                f"workers cannot start: the process they are forked from {_how(self._process.returncode)}"
            )
        return outcomes

    def _bury(self, key: int, how: str) -> list[Outcome]:
        worker = self._workers.pop(key)
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.channel)
        return worker.died(how)


def _launch(program: dict, theirs: socket.socket) -> subprocess.Popen:
    """Start a forkserver. Its SIGINT stays blocked: Ctrl-C reaches every process here, but is ours to answer."""
    source = _PROGRAM.format(path=sys.path, descriptor=theirs.fileno(), **program)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with theirs:
            return subprocess.Popen(
                [sys.executable, "-c", source],
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _how(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed, perhaps out of memory (signal 9)"
    return f"crashed: {signal.strsignal(-status)} (signal {-status})" if status < 0 else f"exited with status {status}"
