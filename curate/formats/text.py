"""Plain text and Markdown: a file, a paragraph or a line is a document. Markdown is kept as it is written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from curate.formats import json_columns
from curate.formats.fields import TYPES, Fields
from curate.formats.frames import CUT_SHORT, Framer, Frames, Framing
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.streams import Damage, opened
from curate.kernels import arrow, frames, scan

_FRAMINGS = {
    "lines": Framing(frames.lines, after_damage="skip"),
    "paragraphs": Framing(frames.paragraphs, after_damage="skip"),
}


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The documents; a position is the byte at which one begins. Blank lines between them are passed over."""
    if settings.split == "none":
        yield _whole(source, fields, settings)
        return
    for item in Framer(_FRAMINGS[settings.split], opened(source), settings.most_bytes).run():
        yield rejected([item], fields) if isinstance(item, Reject) else _documents(item, fields)


def _documents(item: Frames, fields: Fields) -> Piece:
    good = json_columns.valid_records(item)
    starts, ends = item.starts[good], item.ends[good]
    offsets = np.zeros(len(starts) + 1, dtype=np.int64)
    np.cumsum(ends - starts, out=offsets[1:])
    data = np.empty(offsets[-1], dtype=np.uint8)
    scan.gather(item.data, starts, ends, data)
    bad = [Reject(int(position), item.unit, "invalid UTF-8", "") for position in item.positions[~good]]
    return _piece(item.positions[good], arrow.string_array(offsets, data), bad, fields)


def _piece(positions: np.ndarray, text: pa.Array, rejects: list[Reject], fields: Fields) -> Piece:
    """Documents that are nothing but text: every other column is null, and `meta` empty."""
    others = [pa.nulls(len(text), TYPES[column.type][1]) for column in fields.columns[1:]]
    meta = pa.array(["{}"] * len(text), type=pa.large_string())
    return Piece(positions, "byte", [text, *others], meta, rejects)


def _whole(source: Source, fields: Fields, settings: Settings) -> Piece:
    found = whole(source, settings.most_bytes)
    if isinstance(found, list):
        return rejected(found, fields)
    data = np.frombuffer(found.removeprefix(b"\xef\xbb\xbf"), dtype=np.uint8)
    bounds = np.array([0, len(data)], dtype=np.int64)
    zero = np.zeros(1, dtype=np.int64)
    if not json_columns.valid_records(Frames(data, zero, bounds[1:], zero, "byte"))[0]:
        return rejected([Reject(0, "byte", "invalid UTF-8", "")], fields)
    return _piece(zero, arrow.string_array(bounds, data), [], fields)


def whole(source: Source, most_bytes: int) -> bytes | list[Reject]:
    """All bytes of a file that is one document, unpacked, or why there is none."""
    blocks: list[bytes] = []
    rejects: list[Reject] = []
    size = 0
    for block in opened(source).blocks:
        if isinstance(block, Damage):
            rejects += [Reject(0, "byte", CUT_SHORT, "the stream is damaged")] if size else []
            return [*rejects, Reject(block.position, "byte", block.reason, block.detail)]
        size += len(block)
        if size <= most_bytes:
            blocks.append(block)
    if size > most_bytes:
        detail = f"{size} bytes, more than --max-document-bytes {most_bytes}"
        return [Reject(0, "byte", "document too long", detail)]
    return b"".join(blocks) if size else [Reject(0, "byte", "empty file", "")]
