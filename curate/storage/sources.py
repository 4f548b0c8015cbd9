"""What a stage's `slices` sees of its input: a listing of files, or the shards of corpora."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass

from curate.errors import UsageError


@dataclass(frozen=True)
class SourceFile:
    """One file of a listing.

    relative: its path below the deepest folder common to all, with forward slashes.
    size: bytes. stamp: what tells that it changed (modification time in nanoseconds, or an etag).
    """

    path: str
    relative: str
    size: int
    stamp: str


@dataclass(frozen=True)
class InputShard:
    """One shard of the inputs: `index` counts over all corpora in the order given; `bytes` is its text."""

    index: int
    corpus: int
    name: str
    rows: int
    bytes: int


def listing(patterns: Sequence[str]) -> list[SourceFile]:
    """All files that files, folders (searched through) and globs name, in byte order of relative path.

    Hidden files are passed over inside folders. Raises UsageError for a pattern that names nothing.
    """
    paths: dict[str, None] = {}
    for pattern in patterns:
        found = list(_matches(pattern))
        if not found:
            raise UsageError(f"source '{pattern}': no file there; give files, folders or quoted globs that exist")
        paths.update(dict.fromkeys(os.path.realpath(path) for path in found))
    base = _common_folder(list(paths))
    files = []
    for path in paths:
        status = os.stat(path)
        relative = os.path.relpath(path, base).replace(os.sep, "/")
        files.append(SourceFile(path, relative, status.st_size, str(status.st_mtime_ns)))
    return sorted(files, key=lambda file: os.fsencode(file.relative))


def _matches(pattern: str):
    if "://" in pattern:
        raise UsageError(f"source '{pattern}': only local files are read; copy it here first")
    if os.path.isfile(pattern):
        yield pattern
        return
    for path in [pattern] if os.path.isdir(pattern) else glob.glob(pattern, recursive=True):
        if os.path.isfile(path):
            yield path
        for folder, names, files in os.walk(path):
            names[:] = [name for name in names if not name.startswith(".")]
            yield from (os.path.join(folder, name) for name in files if not name.startswith("."))


def _common_folder(paths: list[str]) -> str:
    if len(paths) == 1:
        return os.path.dirname(paths[0])
    common = os.path.commonpath(paths)
    return common if os.path.isdir(common) else os.path.dirname(common)
