"""Files that appear whole or not at all, links, locks."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from curate.errors import UsageError

TEMPORARY = ".writing-"
_OF_ONE_MACHINE = frozenset(["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "overlay", "tmpfs"])


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Give a path aside to write to; on success it takes the place of `path`.

    durable: what is written is then safe from a loss of power; that it is there at all only after `sync_below`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        yield aside
        if durable:
            sync(aside)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, safe from a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_below(folder: Path, files: Iterable[Path] = ()) -> None:
    """Make the names in a folder and those below durable, and the bytes of `files`, several at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sync, [*files, *(path for path in folder.rglob("*") if path.is_dir()), folder]))


@functools.cache
def boot() -> str:
    """What tells this start of the machine from every other; nothing where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def local(folder: Path) -> bool:
    """Whether a folder lies on a disk that no other machine writes to, as the type of its file system says.

    What was written there without being synced is whole as long as `boot` is the same.
    """
    place = os.path.realpath(folder)
    longest, kind = "", ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            mount, _, rest = line.partition(" - ")
            point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), mount.split(" ")[4])
            if len(point) >= len(longest) and f"{place}/".startswith(f"{point.rstrip('/')}/"):
                longest, kind = point, rest.split(" ")[0]
    return kind in _OF_ONE_MACHINE


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
