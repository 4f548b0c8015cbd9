"""What the workers of test_executors run: `plan` is a name below and its arguments."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from curate.errors import DataError, IncompleteError, UsageError
from curate.runtime.executors.base import ENVIRONMENT

KEPT = []


def run(plan: str, index: int) -> dict:
    """See the module."""
    name, *arguments = plan.split()
    return globals()[name](index, *arguments)


def double(index):
    return {"twice": 2 * index, "pair": (index, None)}


def who(index):
    return {"process": os.getpid(), "parent": os.getppid()}


def nap(index):
    time.sleep(index / 100)
    return {"index": index}


def surroundings(index):
    import pyarrow

    return {
        "environment": {name: os.environ.get(name) for name in ENVIRONMENT},
        "arrow": [pyarrow.cpu_count(), pyarrow.io_thread_count()],
        "modules": [name for name in ("numba", "polars", "faiss", "torch") if name in sys.modules],
    }


def bad_usage(index):
    raise UsageError(f"documents: row {index}: no text")


def bad_data(index):
    raise DataError("rejects: 7 of 9")


def incomplete(index):
    raise IncompleteError("some are left")


def bug(index):
    raise KeyError("oh")


def leave(index):
    sys.exit(5)


def huge_error(index):
    raise ValueError("begin " + "x" * 20_000_000 + " end")


def not_json(index):
    return {"path": Path("x")}


def talk(index):
    print("talk " * 10_000, flush=True)
    os.write(1, b"straight to the descriptor\n")
    return {}


def die(index, folder=None):
    if folder:
        (Path(folder) / f"{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(index, folder):
    mark = Path(folder) / f"died-{index}"
    if not mark.exists():
        mark.touch()
        die(index)
    return {"process": os.getpid()}


def leave_at_once(index):
    os._exit(7)


def die_while_answering(index):
    threading.Timer(0.001 * index, die, [index]).start()
    return {"much": "x" * 60_000_000}


def die_leaving_a_child(index, folder):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    (Path(folder) / f"child-{child}").touch()
    die(index)


def hang(index, folder):
    (Path(folder) / f"{os.getpid()}").touch()
    time.sleep(60)


def stop_oneself(index, folder):
    (Path(folder) / f"{os.getpid()}").touch()
    os.kill(os.getpid(), signal.SIGSTOP)


def kill_parent_once(index, folder):
    mark = Path(folder) / f"killed-{index}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return {}


def threads_of_parent(index):
    return {"threads": len(os.listdir(f"/proc/{os.getppid()}/task"))}


def together(index, folder):
    """How many tasks run while this one does, itself counted."""
    mark = Path(folder) / str(index)
    mark.touch()
    most = 0
    for _ in range(10):
        time.sleep(0.01)
        most = max(most, len(list(Path(folder).iterdir())))
    mark.unlink()
    return {"together": most, "process": os.getpid()}


def hold(index, megabytes):
    """Touch memory and free it, below a piece that stays: the allocator then keeps it."""
    import numpy

    pieces = [numpy.ones(1 << 13) for _ in range(16 * int(megabytes))]
    KEPT.append(pieces.pop())
    return {}


def held(index):
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return {"bytes": int(line.split()[1]) * 1024}
    raise AssertionError
