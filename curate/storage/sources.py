"""What a stage's `slices` sees of its input: a listing of files, or the shards of corpora."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from curate.errors import UsageError


@dataclass(frozen=True)
class SourceFile:
    """One file of a listing.

    relative: its path below the deepest folder common to all, with forward slashes.
    size: bytes. stamp: what tells that it changed (modification time in nanoseconds, or an etag).
    found: in a folder that was searched; False for what was named, or fits a glob.
    """

    path: str
    relative: str
    size: int
    stamp: str
    found: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class InputShard:
    """One shard of the inputs: `index` counts over all corpora in the order given; `bytes` is its text."""

    index: int
    corpus: int
    name: str
    rows: int
    bytes: int


def listing(patterns: Sequence[str]) -> list[SourceFile]:
    """All files that files, folders (searched through, links in them too) and globs name, by bytes of relative path.

    Hidden files are passed over inside folders. Raises UsageError for a pattern that names nothing, and for what
    cannot be read as a file or named in an id, since else its documents would be missing without a word.
    """
    paths: dict[str, bool] = {}
    for pattern in patterns:
        found = list(_matches(pattern))
        if not found:
            raise UsageError(f"source '{pattern}': no file there; give files, folders or quoted globs that exist")
        for path, searched in found:
            real = os.path.realpath(path)
            paths[real] = paths.get(real, True) and searched
    base = _common_folder(list(paths))
    files = [_file(path, base, found) for path, found in paths.items()]
    return sorted(files, key=lambda file: os.fsencode(file.relative))


def _file(path: str, base: str, found: bool) -> SourceFile:
    try:
        path.encode()
        status = os.stat(path)
    except UnicodeEncodeError:
        raise UsageError(f"source {path!r}: its name is not UTF-8, and ids are made of names; rename it") from None
    except OSError as problem:
        raise UsageError(f"source '{path}': {problem.strerror}; mend the link to it, or leave it out") from None
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"source '{path}': not a regular file; leave it out")
    relative = os.path.relpath(path, base).replace(os.sep, "/")
    return SourceFile(path, relative, status.st_size, str(status.st_mtime_ns), found)


def _matches(pattern: str) -> Iterator[tuple[str, bool]]:
    """The files that a pattern names, and whether in a folder that was searched."""
    if "://" in pattern:
        raise UsageError(f"source '{pattern}': only local files are read; copy it here first")
    if os.path.isfile(pattern):
        yield pattern, False
        return
    for path in [pattern] if os.path.isdir(pattern) else glob.glob(pattern, recursive=True):
        if os.path.isfile(path):
            yield path, False
        seen: set[str] = set()  # of folders, since links may lead round in a circle
        for folder, names, files in os.walk(path, followlinks=True, onerror=_unreadable):
            seen.add(os.path.realpath(folder))
            names[:] = [
                name
                for name in names
                if not name.startswith(".") and os.path.realpath(os.path.join(folder, name)) not in seen
            ]
            yield from ((os.path.join(folder, name), True) for name in files if not name.startswith("."))


def _unreadable(problem: OSError) -> None:
    if not isinstance(problem, NotADirectoryError):
        raise UsageError(f"source '{problem.filename}': {problem.strerror}; make it readable, or leave it out")


def _common_folder(paths: list[str]) -> str:
    if len(paths) == 1:
        return os.path.dirname(paths[0])
    common = os.path.commonpath(paths)
    return common if os.path.isdir(common) else os.path.dirname(common)
