"""Files that must be read from any place: opened as they are or, if they are packed, unpacked into a temporary one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

import pyarrow as pa

from curate.formats.records import Reject, Source
from curate.formats.streams import Damage, is_packed, opened


@contextlib.contextmanager
def random_access(source: Source) -> Iterator[pa.NativeFile | list[Reject]]:
    """The file, or why there is none to read: it cannot be opened, is empty, or its packing is damaged."""
    with contextlib.ExitStack() as closing:
        try:
            if is_packed(source):
                yield closing.enter_context(_unpacked(source))
                return
            file = closing.enter_context(pa.memory_map(source.path))
        except OSError as problem:
            yield [Reject(0, "byte", "unreadable file", str(problem))]
            return
        yield file if file.size() else [Reject(0, "byte", "empty file", "")]


@contextlib.contextmanager
def _unpacked(source: Source) -> Iterator[pa.NativeFile | list[Reject]]:
    with tempfile.TemporaryFile() as spool:
        size = 0
        for block in opened(source).blocks:
            if isinstance(block, Damage):
                yield [Reject(block.position, "byte", block.reason, block.detail)]
                return
            size += spool.write(block)
        spool.seek(0)
        yield pa.PythonFile(spool, mode="r") if size else [Reject(0, "byte", "empty file", "")]
