"""A JSON file: one array of objects or, as is common under that name too, objects one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from curate.formats import json_columns, jsonl
from curate.formats.fields import Fields, text_only
from curate.formats.frames import Framer, Framing
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.streams import Damage, Opened, opened
from curate.kernels import frames, json_records

_ARRAY = Framing(frames.elements, after_damage="stop", counted="member")
_SEQUENCE = replace(_ARRAY, state=tuple(int(i in (frames.PHASE, frames.SEQUENCE)) for i in range(frames.STATE)))


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The objects; a position is the number of the member, from 0, or in a file of lines the byte a line begins at."""
    found = opened(source)
    first = next(found.blocks, b"")
    framing = jsonl.LINES if isinstance(first, Damage) else _framing(first)
    again = Opened(itertools.chain([first], found.blocks), found.begin, found.stop)
    framer = Framer(framing, again, settings.most_bytes)
    damaged = False
    for piece in jsonl.pieces(framer, fields):
        damaged |= any(reject.unit == "byte" for reject in piece.rejects)
        yield piece
    if framing is _ARRAY and not damaged and (wrong := _wrong_end(framer.state)):
        yield rejected([Reject(framer.count, "member", "invalid JSON", wrong)], fields)


def _wrong_end(state: np.ndarray) -> str:
    """What is wrong with the end of an array, if anything."""
    if state[frames.PHASE] != frames.AFTER_ARRAY:
        return "the array is not closed"
    return "something follows the array" if state[frames.DUE] == frames.LEFT_OVER else ""


def _framing(head: bytes) -> Framing:
    """How the values of a file that begins like this are told apart."""
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(b"["):
        return _ARRAY
    line, newline, _ = begin.partition(b"\n")
    return _SEQUENCE if begin.startswith(b"{") and not (newline and _is_object(line)) else jsonl.LINES


def _is_object(line: bytes) -> bool:
    fields = text_only("text")
    data = np.frombuffer(line, dtype=np.uint8).copy()
    return bool(json_records.valid_object(data, 0, len(data), fields.wanted, fields.slots(), json_columns.stack()))
