"""Comma- and tab-separated values as RFC 4180 has them: a header, quotes doubled in quotes, newlines between them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from curate.formats import json_columns
from curate.formats.fields import Fields
from curate.formats.frames import Framer, Frames, Framing
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.streams import opened
from curate.kernels import arrow, csv_rows, frames

_COMMAS = Framing(frames.comma_rows, after_damage="skip", counted="row")
_TABS = Framing(frames.tab_rows, after_damage="skip", counted="row")


class _Header:
    """The names of the columns, and which are wanted; of equal names the last counts, the others go to `meta`."""

    def __init__(self, names: list[str], fields: Fields) -> None:
        self.names = names
        self.column_of = np.array([_last(names, name) for name in fields.names], dtype=np.int64)
        self.slot_of = np.full(len(names), -1, dtype=np.int64)
        for slot in np.flatnonzero(self.column_of >= 0):
            self.slot_of[self.column_of[slot]] = slot
        text = {name for part in fields.columns[0].alternatives for name in part}
        self.nullable = np.array([name not in text for name in fields.names], dtype=np.bool_)
        written = [(json.dumps(name, ensure_ascii=False) + ":").encode() for name in names]
        self.columns = arrow.Strings(
            np.cumsum([0, *map(len, written)], dtype=np.int64), np.frombuffer(b"".join(written), dtype=np.uint8).copy()
        )


def _last(names: list[str], name: str) -> int:
    return max((column for column, found in enumerate(names) if found == name), default=-1)


def read_commas(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The rows below the header; a position is a row's number, from 0. An empty field is null, except as text."""
    return _read(Framer(_COMMAS, opened(source), settings.most_bytes), ord(","), fields)


def read_tabs(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The same with tabs between the fields."""
    return _read(Framer(_TABS, opened(source), settings.most_bytes), ord("\t"), fields)


def _read(framer: Framer, delimiter: int, fields: Fields) -> Iterator[Piece]:
    header = None
    for item in framer.run():
        if isinstance(item, Reject):
            position = item.position - 1 if item.unit == "row" and header else item.position
            yield rejected([item._replace(position=position)], fields)
            continue
        if header is None:
            names, found = _names(item, delimiter)
            if names is None:
                yield rejected([Reject(0, "byte", "header is not readable", found)], fields)
                return
            header = _Header(names, fields)
            item = item._replace(starts=item.starts[1:], ends=item.ends[1:], positions=item.positions[1:])
        yield _parse(item._replace(positions=item.positions - 1), header, delimiter, fields)


def _names(item: Frames, delimiter: int) -> tuple[list[str] | None, str]:
    """The header's fields, or None and what is wrong with it."""
    start, end = int(item.starts[0]), int(item.ends[0])
    bounds = np.empty((end - start + 1, 2), dtype=np.int64)
    status, count = csv_rows.split(item.data, start, end, np.uint8(delimiter), bounds)
    if status:
        return None, "a quote is not closed, or something follows one"
    names = []
    for first, last in bounds[:count]:
        field = item.data[first:last].tobytes()
        if field.startswith(b'"'):
            field = field[1:-1].replace(b'""', b'"')
        try:
            names.append(field.decode())
        except UnicodeDecodeError:
            return None, "invalid UTF-8"
    return names, ""


def _parse(item: Frames, header: _Header, delimiter: int, fields: Fields) -> Piece:
    starts, ends = item.starts, item.ends
    size = csv_rows.meta_bytes(item.data, starts, ends, len(header.columns.data) + 4 * len(header.names))
    out = json_columns.empty_columns(item, fields, size + 8)
    longest = int((ends - starts).max()) if len(starts) else 0
    csv_rows.parse(
        item.data,
        starts,
        ends,
        np.uint8(delimiter),
        header.columns,
        header.column_of,
        header.slot_of,
        header.nullable,
        fields.wanted,
        fields.slots(),
        np.empty((len(header.names), 2), dtype=np.int64),
        np.empty(longest + 8, dtype=np.uint8),
        out,
    )
    bad = {
        csv_rows.WRONG_COUNT: f"{{where}} fields, the header has {len(header.names)}",
        csv_rows.BAD_QUOTE: "something follows a closing quote",
        csv_rows.OPEN_QUOTE: "a quote is never closed",
    }
    return json_columns.piece(out, item.positions, item.unit, fields, bad, "bad row")
