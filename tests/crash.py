"""Ending this process's work at a chosen change of the file system, as a kill -9 there would.

Python tells an audit hook before it renames, deletes, links, makes or opens for writing. At the chosen change, and at
every one after it, the hook raises: whatever the code under test does while it unwinds, nothing more reaches the disk.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.link", "os.mkdir", "os.truncate")


class Crash(KeyboardInterrupt):
    """The process is as good as dead. Executors pass an interruption on, and take anything else for a failed task."""


class _Disk:
    folder = "/"
    left = -1
    seen = 0
    active = False


def _hook(event: str, arguments: tuple) -> None:
    if not _Disk.active or not (event in CHANGES or (event == "open" and _writes(arguments))):
        return
    if not any(_below(item) for item in arguments if isinstance(item, str | os.PathLike)):
        return
    _Disk.seen += 1
    if 0 <= _Disk.left < _Disk.seen:
        raise Crash(f"{event} {arguments}")


def _below(path: str | os.PathLike[str]) -> bool:
    """Whether a path lies in the folder; relative ones do, since only deleting a tree gives such."""
    return not os.path.isabs(path) or os.fspath(path).startswith(_Disk.folder)


def _writes(arguments: tuple) -> bool:
    _, mode, flags = arguments
    if mode is not None:
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


sys.addaudithook(_hook)


@contextlib.contextmanager
def crashing(folder: os.PathLike[str], after: int) -> Iterator[type[_Disk]]:
    """Let so many changes below a folder happen, then no more; -1 only counts them (`seen`)."""
    _Disk.folder, _Disk.left, _Disk.seen, _Disk.active = os.fspath(folder), after, 0, True
    try:
        yield _Disk
    finally:
        _Disk.active = False
