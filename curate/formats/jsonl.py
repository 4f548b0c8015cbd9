"""JSON Lines, also called NDJSON: an object a line. Blank lines are passed over."""

from __future__ import annotations

from collections.abc import Iterator

from curate.formats import json_columns
from curate.formats.fields import Fields
from curate.formats.frames import Framer, Framing
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.streams import opened
from curate.kernels import frames

LINES = Framing(frames.lines, after_damage="read")


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The objects; a position is the byte, of the decompressed file, at which the line begins."""
    yield from pieces(Framer(LINES, opened(source), settings.most_bytes), fields)


def pieces(framer: Framer, fields: Fields) -> Iterator[Piece]:
    """Parse the records of a framer, and gather what is none."""
    for item in framer.run():
        yield rejected([item], fields) if isinstance(item, Reject) else json_columns.parse(item, fields)
