"""Zip archives (PKWARE's APPNOTE). Where the directory at the end cannot be read, members are found by their heads."""

from __future__ import annotations

import contextlib
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from curate.formats.archives import CUT_SHORT, Member, MemberError, read_members
from curate.formats.fields import Fields
from curate.formats.pieces import Piece
from curate.formats.records import Reject, Settings, Source
from curate.formats.streams import Damage, is_packed, opened

_STEP_BYTES = 1 << 18
_HEAD = struct.Struct("<4s5H3I2H")
_MAGIC = b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_BEHIND, _UTF8 = 1, 8, 0x800
_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError, struct.error)


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The documents of the members."""
    return read_members(source, fields, settings, members(source))


def members(source: Source) -> Iterator[Member | Reject]:
    """The files of an archive, in the order of their places."""
    with tempfile.TemporaryFile() as spool, contextlib.ExitStack() as closing:
        try:
            file = _unpacked(source, spool) if is_packed(source) else closing.enter_context(open(source.path, "rb"))
        except OSError as problem:
            file = Reject(0, "byte", "unreadable file", str(problem.strerror))
        if isinstance(file, Reject):
            yield file
            return
        size = file.seek(0, 2)
        if not size:
            yield Reject(0, "byte", "empty file", "")
            return
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError) as problem:
            yield Reject(size, "byte", "damaged zip directory", f"{problem}; members are found by their heads")
            yield from _found(file)
            return
        with archive:
            for item in sorted(archive.infolist(), key=lambda item: item.header_offset):
                if not item.is_dir():
                    yield Member(_name(item.filename), item.header_offset, lambda item=item: _content(archive, item))


def _unpacked(source: Source, spool: BinaryIO) -> BinaryIO | Reject:
    for block in opened(source).blocks:
        if isinstance(block, Damage):
            return Reject(block.position, "byte", block.reason, block.detail)
        spool.write(block)
    return spool


def _name(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")


def _content(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> Iterator[bytes]:
    if item.flag_bits & _ENCRYPTED:
        raise MemberError("encrypted member", "")
    try:
        with archive.open(item) as file:
            while block := file.read(_STEP_BYTES):
                yield block
    except NotImplementedError as problem:
        raise MemberError("unknown zip method", str(problem)) from None
    except EOFError:
        raise MemberError(CUT_SHORT, "the file ends inside it") from None
    except _ERRORS as problem:
        raise MemberError("damaged member", str(problem)) from None


def _found(file: Any) -> Iterator[Member | Reject]:
    """Members by their heads, in a file whose directory is lost."""
    at = 0
    while (at := _next_head(file, at)) >= 0:
        file.seek(at)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            yield Reject(at, "byte", CUT_SHORT, "the file ends within its head")
            return
        _, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = _HEAD.unpack(head)
        name = file.read(name_bytes).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        begin = at + _HEAD.size + name_bytes + extra_bytes
        if not name.endswith("/"):
            known = None if flags & _SIZES_BEHIND else (crc, packed, size)
            yield Member(name, at, lambda begin=begin, f=flags, m=method, k=known: _inflated(file, begin, f, m, k))
        at = max(begin, file.tell() - 4) if method == _DEFLATED else begin + (0 if flags & _SIZES_BEHIND else packed)


def _next_head(file: Any, at: int) -> int:
    """The next place from `at` on where a member begins, or -1."""
    while True:
        file.seek(at)
        window = file.read(_STEP_BYTES)
        found = window.find(_MAGIC)
        if found >= 0:
            return at + found
        if len(window) < _STEP_BYTES:
            return -1
        at += len(window) - len(_MAGIC)


def _inflated(file: Any, begin: int, flags: int, method: int, known: tuple[int, int, int] | None) -> Iterator[bytes]:
    """The content of a member that begins at a byte. known: its checksum, and its bytes packed and unpacked.

    Leaves the file behind the member where its end shows.
    """
    file.seek(begin)
    if flags & _ENCRYPTED:
        raise MemberError("encrypted member", "")
    if method not in (_STORED, _DEFLATED) or (method == _STORED and known is None):
        raise MemberError("unknown zip method", f"{method}, without a directory")
    left = known[1] if method == _STORED and known else None
    decoder = zlib.decompressobj(-15)
    total = 0
    while left is None or left:
        data = file.read(_STEP_BYTES if left is None else min(left, _STEP_BYTES))
        if not data:
            raise MemberError(CUT_SHORT, "the file ends inside it")
        try:
            for block in [data] if left is not None else _blocks(decoder, data):
                total = zlib.crc32(block, total)
                yield block
        except zlib.error as problem:
            file.seek(begin)
            raise MemberError("damaged member", str(problem)) from None
        left = None if left is None else left - len(data)
        if decoder.eof:
            file.seek(-len(decoder.unused_data), 1)
            break
    if known and total != known[0]:
        raise MemberError("damaged member", "its checksum is another")


def _blocks(decoder: Any, data: bytes) -> Iterator[bytes]:
    while data and not decoder.eof:
        yield decoder.decompress(data, _STEP_BYTES)
        data = decoder.unconsumed_tail
