"""The bytes of a file, decompressed, up to any damage and after it.

What a file is packed with is told by its first bytes, never by its name. gzip, bzip2 and xz files
may hold several members and zstd files several frames, one after another.
"""

from __future__ import annotations

import bz2
import contextlib
import itertools
import lzma
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, cast

import deflate
from isal import isal_zlib

from curate.formats.records import Source

READ_BYTES = 1 << 18
_STEP_BYTES = 1 << 15
_PIECE_BYTES = 1 << 20
_TRIAL_BYTES = 1 << 16
_GZIP_MAGIC = re.compile(rb"\x1f\x8b\x08")  # found by it in half the time of bytes.find
_LEAST_GZIP_BYTES = 20
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"
_MOST_DICTIONARY_BYTES = 16 << 20


class Damage(NamedTuple):
    """A stretch of a file that cannot be read. position: the byte of the file at which that showed.

    member: the byte at which the member of a compressed file begins that it is in.
    """

    position: int
    reason: str
    detail: str
    member: int = -1


class Begin(NamedTuple):
    """A member or frame of a compressed file begins here. position: the byte of the file."""

    position: int


class _Broken(Exception):
    """The compressed bytes make no sense, or end."""


class _Input:
    """A file that is read in order, with a view ahead."""

    def __init__(self, file: BinaryIO, position: int = 0) -> None:
        self._file = file
        self.dictionary: bytes | None = None
        self.seek(position)

    def seek(self, position: int) -> None:
        self._file.seek(position)
        self._buffer, self._at, self._searched, self.position = b"", 0, 0, position

    def _fill(self, size: int) -> None:
        if len(self._buffer) - self._at < size:
            self._buffer = self._buffer[self._at :] + self._file.read(max(READ_BYTES, size))
            self._searched = max(0, self._searched - self._at)
            self._at = 0

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay next; fewer at the end of the file."""
        self._fill(size)
        return self._buffer[self._at : self._at + size]

    def before_gzip(self) -> int:
        """How many bytes come before the next start of a gzip member; 0 where none is in sight."""
        found = _GZIP_MAGIC.search(self._buffer, max(self._searched, self._at + 1))
        if not found:
            self._fill(READ_BYTES)
            found = _GZIP_MAGIC.search(self._buffer, max(self._searched, self._at + 1))
        self._searched = found.start() if found else max(0, len(self._buffer) - 2)
        return found.start() - self._at if found else 0

    def take(self, size: int) -> bytes:
        """The next bytes; fewer at the end of the file."""
        taken = self.peek(size)
        self._at += len(taken)
        self.position += len(taken)
        return taken

    def view(self, size: int) -> memoryview:
        """The same as `take`, without a copy."""
        self._fill(1)
        taken = memoryview(self._buffer)[self._at : self._at + size]
        self._at += len(taken)
        self.position += len(taken)
        return taken

    def back(self, size: int) -> None:
        """Make the last bytes taken the next ones again."""
        self._at -= size
        self.position -= size


_Gzip = type(isal_zlib.decompressobj())
GZIP_ERROR = cast(type[Exception], isal_zlib.error)
_ERRORS = (GZIP_ERROR, OSError, lzma.LZMAError, ValueError, EOFError)


def _pieces(decoder: Any, data: bytes | memoryview) -> Iterator[bytes]:
    """All that comes out for an input, a bounded piece at a time."""
    more = True
    while more and not decoder.eof:
        piece = decoder.decompress(data, _PIECE_BYTES)
        yield piece
        if isinstance(decoder, _Gzip):
            data = decoder.unconsumed_tail
            more = bool(data) or len(piece) == _PIECE_BYTES
        else:
            data = b""
            more = not decoder.needs_input


@dataclass(frozen=True)
class _Codec:
    """name: for people. starts: whether a member begins with these bytes, the first of which are `magic`.

    padding: the byte that may stand between members.
    """

    name: str
    starts: Callable[[bytes], bool]
    magic: bytes
    decoder: Callable[[], Any]
    padding: bytes = b""

    def member(self, source: _Input) -> Iterator[bytes]:
        """The content of the member that begins here. Raises _Broken where it cannot go on, the source at that byte."""
        start, given = source.position, 0
        decoder = self.decoder()
        while not decoder.eof:
            at = source.position
            data = source.view(_STEP_BYTES)
            if not data:
                raise _Broken("the file ends inside it")
            try:
                for piece in _pieces(decoder, data):
                    given += len(piece)
                    yield piece
            except _ERRORS as problem:
                yield self._saved(source, start, at, given)
                raise _Broken(str(problem)) from None
        source.back(len(decoder.unused_data))

    def _saved(self, source: _Input, start: int, at: int, given: int) -> bytes:
        """What the step at `at`, which breaks, yields beyond `given` bytes of the member when fed byte by byte.

        A decoder throws away what the call that fails has decoded; so the member is read again up to that step.
        """
        decoder, before, out = self.decoder(), 0, []
        source.seek(start)
        while source.position < at:
            before += sum(map(len, _pieces(decoder, source.take(_STEP_BYTES))))
        try:
            while byte := source.take(1):
                out.extend(_pieces(decoder, byte))
        except _ERRORS:
            pass
        return b"".join(out)[given - before :]


class _GzipCodec(_Codec):
    """A member that seems to end where the next begins is unpacked in one call of libdeflate.

    It takes three quarters of the time, but needs all bytes of a member and the size of its content. Where it fails,
    and where no other member is in sight, the member is unpacked step by step.
    """

    def member(self, source: _Input) -> Iterator[bytes]:
        content = self._at_once(source)
        if content is None:
            yield from super().member(source)
        else:
            yield content

    def _at_once(self, source: _Input) -> bytes | None:
        packed = source.before_gzip()
        if packed < _LEAST_GZIP_BYTES:
            return None
        data = source.view(packed)
        size = int.from_bytes(data[-4:], "little")
        if 0 < size <= _PIECE_BYTES:
            with contextlib.suppress(deflate.DeflateError):
                content = deflate.gzip_decompress(data, size)
                if len(content) == size:
                    return bytes(content)
        source.back(packed)
        return None


class _Zstd(_Codec):
    """Frames are walked block by block (RFC 8878, 3.1.1), so that all blocks before a bad one are delivered."""

    def member(self, source: _Input) -> Iterator[bytes]:
        import zstandard

        magic = source.take(4)
        if magic != _ZSTD_MAGIC:
            _skip_or_learn(source, magic)
            return
        given = source.dictionary and zstandard.ZstdCompressionDict(source.dictionary)
        decoder = zstandard.ZstdDecompressor(dict_data=given or None).decompressobj()
        head, has_checksum = _zstd_header(source)
        try:
            decoder.decompress(magic + head)
            last = False
            while not last:
                header = _all(source, 3)
                fields = int.from_bytes(header, "little")
                last, kind, size = bool(fields & 1), fields >> 1 & 3, fields >> 3
                body = _all(source, 1 if kind == 1 else size)
                checksum = _all(source, 4) if last and has_checksum else b""
                piece = decoder.decompress(header + body)
                if piece:
                    yield piece
                if checksum:
                    decoder.decompress(checksum)
        except zstandard.ZstdError as problem:
            raise _Broken(str(problem)) from None


def _skip_or_learn(source: _Input, magic: bytes) -> None:
    """Pass over a frame that is no data; one that begins a file may hold the dictionary of all others.

    That is how web archives carry it (Zstandard Compression in the WARC format, 3): as it is, or compressed itself.
    """
    first = source.position == len(magic)
    size = int.from_bytes(_all(source, 4), "little")
    if not (first and magic == _ZSTD_DICTIONARY and size <= _MOST_DICTIONARY_BYTES):
        while size:
            size -= len(_all(source, min(size, _STEP_BYTES)))
        return
    source.dictionary = _all(source, size)
    if source.dictionary[:4] == _ZSTD_MAGIC:
        import zstandard

        try:
            unpacked = zstandard.ZstdDecompressor().stream_reader(source.dictionary).read(_MOST_DICTIONARY_BYTES)
        except zstandard.ZstdError as problem:
            raise _Broken(f"its dictionary: {problem}") from None
        source.dictionary = unpacked


def _zstd_header(source: _Input) -> tuple[bytes, bool]:
    """The rest of a frame's header, and whether a checksum ends the frame."""
    first = source.peek(1)
    descriptor = first[0] if first else 0
    single = descriptor >> 5 & 1
    content = (single, 2, 4, 8)[descriptor >> 6]
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    return _all(source, 1 + (1 - single) + dictionary + content), bool(descriptor >> 2 & 1)


def _all(source: _Input, size: int) -> bytes:
    taken = source.take(size)
    if len(taken) < size:
        raise _Broken("the file ends inside it")
    return taken


def _starts_zstd(head: bytes) -> bool:
    return head[:4] == _ZSTD_MAGIC or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5)


_CODECS = (
    _GzipCodec(
        "gzip",
        lambda head: head[:3] == b"\x1f\x8b\x08" and head[3:4] < b" ",
        b"\x1f\x8b\x08",
        lambda: isal_zlib.decompressobj(wbits=31),
        padding=b"\0",
    ),
    _Zstd("zstd", _starts_zstd, _ZSTD_MAGIC, lambda: None),
    _Codec(
        "bzip2",
        lambda head: head[:3] == b"BZh" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"),
        b"BZh",
        bz2.BZ2Decompressor,
    ),
    _Codec(
        "xz",
        lambda head: head[:6] == b"\xfd7zXZ\0",
        b"\xfd7zXZ\0",
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
        padding=b"\0",
    ),
)


@dataclass(frozen=True)
class Opened:
    """blocks: what can be read, and what cannot. begin: the place of the first byte. stop: the end of the range."""

    blocks: Iterator[bytes | Damage]
    begin: int = 0
    stop: int | None = None


def opened(source: Source) -> Opened:
    """Read a file, or of a plain one the lines that begin in its range.

    A compressed file is read whole by the source that holds its first byte. A file that cannot be
    opened is damage at byte 0.
    """
    try:
        file = open(source.path, "rb")  # noqa: SIM115 (the blocks close it)
    except OSError as problem:
        return Opened(iter([Damage(0, "unreadable file", str(problem.strerror))]))
    head = _Input(file).peek(10)
    codec = next((codec for codec in _CODECS if codec.starts(head)), None)
    if codec and source.start:
        file.close()
        return Opened(iter(()))
    if codec:
        return Opened(item for item in _unpacked(file, codec) if not isinstance(item, Begin))
    begin = _line_start(file, source.start)
    return Opened(_plain(file, begin), begin, source.end)


def members(source: Source) -> Iterator[bytes | Damage | Begin]:
    """The content of a compressed file, a `Begin` before that of each member. Raises OSError when there is no file.

    A plain file is one member.
    """
    file = open(source.path, "rb")  # noqa: SIM115 (the blocks close it)
    head = _Input(file).peek(10)
    codec = next((codec for codec in _CODECS if codec.starts(head)), None)
    return _unpacked(file, codec) if codec else itertools.chain([Begin(0)], _plain(file, 0))


def is_packed(source: Source) -> bool:
    """Whether a file is compressed. Raises OSError when it cannot be opened."""
    with open(source.path, "rb") as file:
        head = _Input(file).peek(10)
    return any(codec.starts(head) for codec in _CODECS)


def _plain(file: BinaryIO, begin: int) -> Iterator[bytes | Damage]:
    with file:
        file.seek(begin)
        position = begin
        try:
            while block := file.read(READ_BYTES):
                position += len(block)
                yield block
        except OSError as problem:
            yield Damage(position, "unreadable file", str(problem.strerror))


def _line_start(file: BinaryIO, at: int) -> int:
    """The first place from `at` on where a line begins."""
    if at == 0:
        return 0
    file.seek(at - 1)
    at -= 1
    while block := file.read(READ_BYTES):
        found = block.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(block)
    return at


def _unpacked(file: BinaryIO, codec: _Codec) -> Iterator[bytes | Damage | Begin]:
    with file:
        source = _Input(file)
        while True:
            while codec.padding and source.peek(1) == codec.padding:
                source.take(1)
            start = source.position
            head = source.peek(10)
            if not head:
                return
            try:
                if not codec.starts(head):
                    raise _Broken("something else follows the last member")
                yield Begin(start)
                yield from codec.member(source)
            except _Broken as problem:
                reason = "truncated" if "file ends" in str(problem) else "damaged"
                detail = f"member at byte {start}: {problem}"
                if reason == "damaged" and source.position > start:
                    detail += "; what came of it before is unchecked"
                yield Damage(source.position, f"{reason} {codec.name} stream", detail, start)
                if not _found_next(source, codec, start + 1):
                    return


def _found_next(source: _Input, codec: _Codec, at: int) -> bool:
    """Go to the next place from `at` on where a member begins that can be read for a while; False if there is none."""
    source.seek(at)
    while window := source.peek(READ_BYTES):
        found = window.find(codec.magic)
        if found >= 0:
            source.take(found)
            place = source.position
            if codec.starts(source.peek(10)) and _reads(source, codec):
                source.seek(place)
                return True
            source.seek(place + 1)
        elif len(window) < READ_BYTES:
            return False
        else:
            source.take(READ_BYTES - len(codec.magic))
    return False


def _reads(source: _Input, codec: _Codec) -> bool:
    total = 0
    try:
        for piece in codec.member(source):
            total += len(piece)
            if total >= _TRIAL_BYTES:
                break
    except _Broken:
        return False
    return True
