"""What a web server sent, as the page that it meant: transfer and content codings taken off, and what kind it is.

RFC 9112 (chunks), RFC 9110 8.4 (content codings), and the WHATWG's MIME Sniffing Standard for what has no type.
Archives hold payloads whose codings are already taken off while the header still names them: a coding that the
bytes do not show is passed over.
"""

from __future__ import annotations

import functools
import io
import re
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from isal import isal_zlib

from curate.formats.streams import GZIP_ERROR

MOST_LAYERS = 4
HTML = "text/html"
PLAIN = "text/plain"
_PAGES = {HTML: HTML, "application/xhtml+xml": HTML, PLAIN: PLAIN, "text/markdown": PLAIN}
_UNTOLD = {"", "application/octet-stream", "unknown/unknown", "application/unknown", "*/*"}
_XML = {"text/xml", "application/xml"}
_MARKUP = re.compile(
    rb"\s*(?><!--.*?-->\s*|<\?xml.*?\?>\s*)*+<(?:!doctype\s+html|html|head|body|script|title|meta|h1|div|p|table|a|br)\b",
    re.IGNORECASE | re.DOTALL,
)
_MAGIC = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"Rar!\x1a\x07", "application/x-rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"\x7fELF", "application/x-elf"),
)
_ALL_MAGIC = tuple(magic for magic, _ in _MAGIC)
_SNIFFED_BYTES = 1024


class TooLong(Exception):
    """The content is longer than the longest document allowed."""


class Damaged(Exception):
    """The content cannot be decoded; the text says why."""


class Payload(NamedTuple):
    """content: without codings. cut: why it is shorter than it was, or ""."""

    content: bytes
    cut: str


@functools.lru_cache(1024)
def media_type(header: str | None) -> tuple[str, str | None]:
    """The type of a Content-Type header, in lower case, and its charset."""
    if not header:
        return "", None
    kind, _, parameters = header.partition(";")
    found = _CHARSET.search(parameters)
    return kind.partition(",")[0].strip().lower(), found[1] if found else None


_CHARSET = re.compile(r"charset\s*=[\s\"']*([^\s;,\"']+)", re.IGNORECASE)


def page_type(kind: str, content: bytes) -> tuple[str, bool]:
    """The media type that some content has, given the one that its header says, and whether it is a page of text."""
    if content.startswith(_ALL_MAGIC):
        return next(real for magic, real in _MAGIC if content.startswith(magic)), False
    if kind in _PAGES:
        return _PAGES[kind], True
    if kind in _UNTOLD or kind in _XML:
        head = content[:_SNIFFED_BYTES]
        if _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")) and (kind not in _XML or b"<html" in head.lower()):
            return HTML, True
        if kind in _UNTOLD and _is_text(head):
            return PLAIN, True
    return kind or "application/octet-stream", False


def _is_text(head: bytes) -> bool:
    """Whether some bytes hold none that a text does not (MIME Sniffing, 7.2)."""
    return head.startswith((b"\xfe\xff", b"\xff\xfe")) or not head.translate(None, _TEXT_BYTES)


_TEXT_BYTES = bytes({9, 10, 12, 13, 27, *range(0x20, 0x100)})


def payload(body: bytes, transfer: str | None, coding: str | None, most_bytes: int) -> Payload:
    """The content of a body. Raises TooLong and Damaged."""
    cut = ""
    if transfer and "chunked" in transfer.lower():
        body, whole = unchunked(body)
        cut = "" if whole else "its chunks end before the last"
    if coding:
        for name in reversed([part.strip().lower() for part in coding.split(",") if part.strip()]):
            body, short = _decoded(body, name, most_bytes) if body else (body, "")
            cut = cut or short
    layers = 0
    while body[:3] == b"\x1f\x8b\x08":
        layers += 1
        if layers > MOST_LAYERS:
            raise Damaged(f"gzip inside gzip, more than {MOST_LAYERS} deep")
        body, short = _inflated(body, _gzip(), most_bytes, "gzip")
        cut = cut or short
    if len(body) > most_bytes:
        raise TooLong
    return Payload(body, cut)


def unchunked(body: bytes) -> tuple[bytes, bool]:
    """A body without its chunks' heads, and whether the last one was there. One that has no chunks is as it is."""
    at, out = 0, []
    while True:
        found = _CHUNK.match(body, at)
        if not found:
            if not out:
                return body, True
            return b"".join(out), False
        size = int(found[1], 16)
        if not size:
            return b"".join(out), True
        at = found.end()
        out.append(body[at : at + size])
        at = min(at + size, len(body))


_CHUNK = re.compile(rb"(?:\r?\n)?([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")


def _decoded(body: bytes, name: str, most_bytes: int) -> tuple[bytes, str]:
    if name in ("gzip", "x-gzip"):
        return _inflated(body, _gzip(), most_bytes, name) if body[:2] == b"\x1f\x8b" else (body, "")
    if name == "deflate":
        return _deflated(body, most_bytes)
    if name == "br":
        return _unbrotli(body, most_bytes)
    if name == "zstd":
        return _unzstd(body, most_bytes)
    if name in ("identity", "none", "utf-8", "binary", "8bit"):
        return body, ""
    raise Damaged(f"content coding '{name[:40]}' is not known")


def _gzip() -> Any:
    return isal_zlib.decompressobj(wbits=31)


def _inflated(body: bytes, decoder: Any, most_bytes: int, name: str) -> tuple[bytes, str]:
    """What a stream holds. One that ends early, or breaks after some bytes, gives what there was of it."""
    out, size = [], 0
    try:
        while body and not decoder.eof:
            out.append(decoder.decompress(body, 1 << 20))
            size += len(out[-1])
            if size > most_bytes:
                raise TooLong
            body = decoder.unconsumed_tail
            if not body and len(out[-1]) < 1 << 20:
                break
    except (GZIP_ERROR, zlib.error) as problem:
        if not size:
            raise Damaged(f"{name}: {problem}") from None
        return b"".join(out), f"its {name} coding is damaged"
    if not (size or decoder.eof):
        raise Damaged(f"{name}: it ends before its first byte")
    return b"".join(out), "" if decoder.eof else f"its {name} coding ends early"


def _deflated(body: bytes, most_bytes: int) -> tuple[bytes, str]:
    """Deflate as the standard says, within zlib's frame, or as many servers send it, bare."""
    if len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0:
        return _inflated(body, zlib.decompressobj(), most_bytes, "deflate")
    if _MARKUP.match(body[:_SNIFFED_BYTES]):
        return body, ""
    return _inflated(body, zlib.decompressobj(-15), most_bytes, "deflate")


def _unbrotli(body: bytes, most_bytes: int) -> tuple[bytes, str]:
    from fastwarc.stream_io import BrotliReader

    return _read_all(lambda: BrotliReader(io.BytesIO(body)), body, most_bytes, "br")


def _unzstd(body: bytes, most_bytes: int) -> tuple[bytes, str]:
    import zstandard

    if body[:4] != b"\x28\xb5\x2f\xfd":
        return body, ""
    return _read_all(
        lambda: zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True), body, most_bytes, "zstd"
    )


def _read_all(reader: Callable[[], Any], body: bytes, most_bytes: int, name: str) -> tuple[bytes, str]:
    out, size = [], 0
    try:
        stream = reader()
        while block := stream.read(1 << 16):
            out.append(block)
            size += len(block)
            if size > most_bytes:
                raise TooLong
    except (OSError, ValueError, *_zstd_errors()) as problem:
        if not size and _MARKUP.match(body[:_SNIFFED_BYTES]):
            return body, ""
        if not size:
            raise Damaged(f"{name}: {problem}") from None
        return b"".join(out), f"its {name} coding is damaged"
    return b"".join(out), ""


def _zstd_errors() -> tuple[type[Exception], ...]:
    import zstandard

    return (zstandard.ZstdError,)
