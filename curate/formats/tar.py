"""Tar archives (POSIX 1003.1 pax and ustar, and GNU's long names), plain or packed, read in order.

Behind damage the next header is searched for by its magic and its checksum.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator

from curate.formats.archives import CUT_SHORT, Member, MemberError, read_members
from curate.formats.fields import Fields
from curate.formats.pieces import Piece
from curate.formats.records import Reject, Settings, Source
from curate.formats.streams import Damage, opened

_BLOCK = 512
_MAGIC, _MAGIC_AT = b"ustar", 257
_STEP_BYTES = 1 << 18
_MOST_HEADER_BYTES = 1 << 20
_SIZE = re.compile("[0-9]{1,20}")
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_WITHOUT_DATA = (
    *(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE),
    *(tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE),
)


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The documents of the members."""
    return read_members(source, fields, settings, members(source))


class _Stream:
    """The unpacked bytes, up to damage."""

    def __init__(self, source: Source) -> None:
        self._blocks = opened(source).blocks
        self._buffer, self._at = b"", 0
        self.position = 0
        self.damage: Damage | None = None

    def peek(self, size: int) -> bytes:
        """The next bytes; fewer at the end and before damage."""
        while len(self._buffer) - self._at < size and self.damage is None:
            block = next(self._blocks, None)
            if block is None:
                break
            if isinstance(block, Damage):
                self.damage = block
            else:
                self._buffer, self._at = self._buffer[self._at :] + block, 0
        return self._buffer[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        taken = self.peek(size)
        self._at += len(taken)
        self.position += len(taken)
        return taken

    def skip(self, size: int) -> bool:
        """Pass over bytes; False where they end before."""
        while size:
            taken = self.take(min(size, _STEP_BYTES))
            if not taken:
                return False
            size -= len(taken)
        return True

    def find_header(self) -> bool:
        """Go to the next place behind this one where a header is; False where the bytes end before."""
        self.take(1)
        while window := self.peek(_STEP_BYTES):
            found = window.find(_MAGIC, _MAGIC_AT)
            if found < 0:
                if len(window) < _STEP_BYTES:
                    self.take(len(window))
                    return False
                self.take(len(window) - _BLOCK)
            else:
                self.take(found - _MAGIC_AT)
                if _header(self.peek(_BLOCK)):
                    return True
                self.take(1)
        return False


def _header(block: bytes) -> tarfile.TarInfo | None:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError:
        return None
    return header if header.size >= 0 else None


def members(source: Source) -> Iterator[Member | Reject]:
    """The files of an archive, in order."""
    stream = _Stream(source)
    given: dict[str, str] = {}
    if not stream.peek(1) and stream.damage is None:
        yield Reject(0, "byte", "empty file", "")
    while True:
        block = stream.peek(_BLOCK)
        if len(block) < _BLOCK:
            if stream.damage is None:
                if block.strip(b"\0"):
                    yield Reject(stream.position, "byte", "truncated archive", "it ends within a header")
                return
            yield Reject(stream.damage.position, "byte", stream.damage.reason, stream.damage.detail)
            stream.take(len(block))
            stream.damage, given = None, {}
            if stream.peek(_BLOCK) and not _header(stream.peek(_BLOCK)):
                stream.find_header()
            continue
        if not block.strip(b"\0"):
            stream.take(_BLOCK)
            continue
        header = _header(block)
        if header is None:
            yield Reject(stream.position, "byte", "damaged tar header", "")
            stream.find_header()
            continue
        yield from _member(stream, header, given)


def _member(stream: _Stream, header: tarfile.TarInfo, given: dict[str, str]) -> Iterator[Member | Reject]:
    """What a header begins; goes behind it. given: what extended headers said of the next file."""
    position = stream.position
    stream.take(_BLOCK)
    padded = -(-header.size // _BLOCK) * _BLOCK
    if header.type in (*_EXTENDED, tarfile.GNUTYPE_LONGNAME) and header.size <= _MOST_HEADER_BYTES:
        data = stream.take(padded)[: header.size]
        if header.type == tarfile.GNUTYPE_LONGNAME:
            given["path"] = data.rstrip(b"\0").decode("utf-8", "replace")
        else:
            given.update(_pax(data))
        return
    if header.type in _WITHOUT_DATA:
        given.clear()
        return
    size = int(given["size"]) if _SIZE.fullmatch(given.get("size", "")) else header.size
    name = given.get("path", header.name)
    sparse = header.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse") for key in given)
    end = stream.position + -(-size // _BLOCK) * _BLOCK
    if header.type in _FILES and not sparse:
        given.clear()
        yield Member(name, position, lambda: _content(stream, size))
    elif sparse:
        given.clear()
        yield Reject(position, "byte", "sparse member", name)
    stream.skip(end - stream.position)


def _content(stream: _Stream, size: int) -> Iterator[bytes]:
    left = size
    while left:
        block = stream.take(min(left, _STEP_BYTES))
        if not block:
            raise MemberError(CUT_SHORT, f"{size} bytes by its header, {size - left} are there")
        left -= len(block)
        yield block
    if len(stream.peek(-size % _BLOCK + 1)) <= -size % _BLOCK and stream.damage:
        raise MemberError("damaged member", "what it is packed in is damaged before its end shows")


def _pax(data: bytes) -> dict[str, str]:
    """The records `LENGTH KEY=VALUE` of an extended header; what makes no sense ends them."""
    found = {}
    while data:
        length, space, _ = data[:24].partition(b" ")
        if not space or not length.isdigit() or not len(length) < int(length) <= len(data):
            return found
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        data = data[int(length) :]
    return found
