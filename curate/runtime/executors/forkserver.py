"""The process that workers are forked from, and the loop of a worker.

It imports what every worker needs once, so that a worker costs 10 ms instead of 0.6 s. It is our own
and not that of multiprocessing, because that one runs the main script again in every worker, passes
over imports that fail, and leaves a resource tracker behind. It never has a second thread, so forking it is safe.

It is told {"fork": key} (with a socket for the new worker) and {"kill": key}; it tells {"ready": true} or
{"error": text} once, and {"exited": key, "status": exit code, negative for a signal} for every worker.
A worker is told {"plan": path, "index": number, "sparing": whether to give memory back after it} and tells the fields
of an Outcome; or {"sparing": true} alone, when all tasks of a run are done, and tells nothing. Its number is in
CURATE_WORKER: by it workers share several GPUs.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import select
import signal
import socket
import sys
import threading
import traceback

from curate.errors import CurateError
from curate.runtime.executors.base import attempt, give_back_memory, load, single_arrow_threads
from curate.runtime.executors.channel import Channel

_PR_SET_PDEATHSIG = 1


def main(descriptor: int, function: str, warm: str, steps: list[str]) -> None:
    """Serve the coordinator at the other end of a socket until that closes; then end every worker.

    What tasks print goes to standard error: standard output is the coordinator's.
    """
    _die_with(os.getppid())  # while it imports and compiles, it does not look at its socket
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    control = Channel(socket.socket(fileno=descriptor))
    try:
        _warm_up(function, warm, steps)
        greeting = {"ready": True}
    except CurateError as problem:
        greeting = {"error": str(problem)}
    except Exception:
        greeting = {"error": f"workers cannot start\n{traceback.format_exc()}"}
    with contextlib.suppress(OSError):  # the coordinator is gone, which the server finds out
        control.send(greeting)
    if "ready" in greeting:
        _Server(control, function).serve()
    os._exit(0)


def _warm_up(function: str, warm: str, steps: list[str]) -> None:
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401 (for the workers)

    _compile_one()
    load(function)
    if warm:
        with contextlib.suppress(Exception):  # a task that needs it gets the error, with its traceback
            load(warm)(steps)
    gc.collect()
    gc.freeze()


def _compile_one() -> None:
    """Call one kernel, since the first call in a process sets Numba up.

    That takes 0.25 s, half of it to look for a BLAS in scipy, which no kernel uses: so scipy is hidden meanwhile.
    """
    import numpy as np

    from curate.kernels import hashing

    found = sys.modules.get("scipy")
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        offsets = np.zeros(1, dtype=np.int64)
        hashing.hash_strings(offsets, np.empty(0, dtype=np.uint8), np.uint64(0), np.empty(0, dtype=np.uint64))
    finally:
        del sys.modules["scipy"]
        if found is not None:
            sys.modules["scipy"] = found


class _Server:
    def __init__(self, control: Channel, function: str):
        self._control = control
        self._function = function
        self._workers: dict[int, int] = {}  # process id -> key
        self._deaths, self._bell = socket.socketpair()
        for end in (self._deaths, self._bell):
            end.setblocking(False)

    def serve(self) -> None:
        signal.set_wakeup_fd(self._bell.fileno())
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        try:
            while True:
                ready, _, _ = select.select([self._control, self._deaths], [], [])
                if self._deaths in ready:
                    self._deaths.recv(4096)
                    self._report_deaths()
                if self._control in ready:
                    for message in self._control.receive():
                        self._obey(message)
        except (EOFError, OSError):  # the coordinator is gone
            self._end_all()

    def _obey(self, message: dict) -> None:
        if "fork" in message:
            self._fork(message["fork"], self._control.take_passed())
            return
        for process, key in self._workers.items():
            if key == message["kill"]:
                os.kill(process, signal.SIGKILL)

    def _fork(self, key: int, end: socket.socket) -> None:
        parent = os.getpid()
        process = os.fork()
        if process:
            self._workers[process] = key
            end.close()
            return
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            self._deaths.close()
            self._bell.close()
            os.environ["CURATE_WORKER"] = str(key)
            _work(Channel(end), self._function, parent)
        except BaseException:  # a worker must never return into the forkserver's loop
            traceback.print_exc()
            os._exit(1)
        finally:
            os._exit(0)

    def _report_deaths(self) -> None:
        while self._workers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            key = self._workers.pop(process)
            self._control.send({"exited": key, "status": os.waitstatus_to_exitcode(status)})

    def _end_all(self) -> None:
        for process in self._workers:
            os.kill(process, signal.SIGKILL)
        for process in self._workers:
            os.waitpid(process, 0)


def _work(channel: Channel, function: str, parent: int) -> None:
    """Do the tasks that come until the coordinator is gone."""
    _die_with(parent)
    threading.Thread(target=_watch, args=(channel.fileno(),), daemon=True).start()
    faulthandler.enable()
    single_arrow_threads()
    run = load(function)
    try:
        while True:
            for message in channel.receive():
                fields = attempt(run, message["plan"], message["index"]) if "plan" in message else None
                if message["sparing"]:
                    give_back_memory()
                if fields:
                    channel.send(fields)
    except (EOFError, OSError):
        return


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even in a call that holds the interpreter."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _watch(descriptor: int) -> None:
    """End this process when the coordinator's end of its socket closes."""
    poll = select.poll()
    poll.register(descriptor, 0)  # hang-ups are told without asking
    poll.poll()
    os._exit(1)
