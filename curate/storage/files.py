"""Files that appear whole or not at all, links, locks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from curate.errors import UsageError

TEMPORARY = ".writing-"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path aside to write to; on success it is synced and takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        yield aside
        descriptor = os.open(aside, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder as durable as the files behind them."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write canonical, readable JSON, whole or not at all."""
    with replacing(path) as aside:
        aside.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def link(old: Path, new: Path) -> None:
    """Make `new` the same file as `old`, by a hard link or, where the disk has none, a copy."""
    if new.exists() and old.samefile(new):
        return  # replacing a file by a link to itself does nothing, and would leave the link aside behind
    with replacing(new) as aside:
        try:
            os.link(old, aside)
        except OSError:
            shutil.copyfile(old, aside)


def remove_tree(path: Path) -> None:
    """Delete a folder and all below it; nothing there is fine."""
    shutil.rmtree(path, ignore_errors=True)


def stored_bytes(path: Path) -> int:
    """Bytes of a file, or of all files in a folder, less those that go meanwhile."""
    total = 0
    for item in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(FileNotFoundError):
            total += item.stat().st_size if item.is_file() else 0
    return total


def remove_unfinished(folder: Path) -> None:
    """Delete what writers that died left aside below a folder."""
    for path in folder.rglob(f"{TEMPORARY}*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; it is the system's and so is gone with its holder, however that ends.

    Raises UsageError naming host and process when somebody else holds it, and for a folder that cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = open(folder / ".lock", "a+", encoding="utf-8")  # noqa: SIM115
    except OSError as problem:
        raise UsageError(
            f"{folder}: cannot be written ({problem.strerror}); mend that, or name another folder"
        ) from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UsageError(
                f"{folder}: being written by {holder}; wait for it to end, or stop it, and try again"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
        file.truncate(0)
