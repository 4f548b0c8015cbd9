"""HTML pages as documents, of single files and of the containers whose readers give `Page`s.

The text of a page is its main text, or its source where nothing is extracted; that of a page that is plain text is the
page. `meta` holds what is known of it: `content_type`, `status`, `title`, `author`, `published` (the day that the
page gives) and what its container tells. A document's date is that of the crawl or, without one, `published`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from curate.formats import charset, json_columns
from curate.formats.extraction import MOST_BYTES, Failure, extractor
from curate.formats.fields import Fields
from curate.formats.frames import Frames
from curate.formats.pages import Page
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.text import whole

HTML_TYPES = ("text/html", "application/xhtml+xml")
_PIECE_BYTES = 4 << 20
_PIECE_PAGES = 1024
_CONTROLS = bytes(sorted({*range(32), 127} - set(b"\t\n\f\r")))
_MOST_CONTROLS = 0.05
"""Bytes that stand for no character make up a ninth of random ones, and none of a text."""


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The page that a file is."""
    found = whole(source, settings.most_bytes)
    pages = found if isinstance(found, list) else [Page(0, "byte", found, HTML_TYPES[0])]
    yield from pieces(iter(pages), fields, settings)


def pieces(pages: Iterator[Page | Reject], fields: Fields, settings: Settings) -> Iterator[Piece]:
    """Pages as documents, in order. A page that cannot be read, or has no main text, is a reject."""
    fields = _of_pages(fields)
    rows = _Rows()
    for page in pages:
        if isinstance(page, Reject):
            rows.rejects.append(page)
        else:
            _add(page, rows, settings)
        del page
        if rows.size >= _PIECE_BYTES or len(rows.texts) + len(rows.rejects) >= _PIECE_PAGES:
            yield rows.piece(fields)
            rows = _Rows()
    yield rows.piece(fields)


def _of_pages(fields: Fields) -> Fields:
    """The fields as pages have them: the text is the page's, and its URL and date are known by their own names too."""
    also = {"url": "url", "date": "date,published"}
    columns = [replace(fields.columns[0], fields="text")]
    for column in fields.columns[1:]:
        names = [name.strip() for name in column.fields.split(",")]
        names += [name for name in also.get(column.name, "").split(",") if name and name not in names]
        columns.append(replace(column, fields=",".join(names)))
    return Fields(tuple(columns), fields.given_id)


@dataclass
class _Rows:
    """Documents on their way into a piece. records: JSON, each with an empty text."""

    texts: list[bytes] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    unit: str = "byte"
    size: int = 0

    def piece(self, fields: Fields) -> Piece:
        if not self.texts:
            return rejected(self.rejects, fields)
        bounds = np.cumsum([0, *map(len, self.records)], dtype=np.int64)
        numbers = np.arange(len(self.records), dtype=np.int64)
        data = np.frombuffer(b"".join(self.records), dtype=np.uint8)
        piece = json_columns.parse(Frames(data, bounds[:-1], bounds[1:], numbers, self.unit), fields)
        texts = pa.array(self.texts, type=pa.large_binary()).cast(pa.large_string())
        rejects = [reject._replace(position=self.positions[reject.position]) for reject in piece.rejects]
        return replace(
            piece,
            positions=np.array(self.positions, dtype=np.int64)[piece.positions],
            columns=[texts.take(pa.array(piece.positions)), *piece.columns[1:]],
            rejects=[*self.rejects, *rejects],
        )


def _add(page: Page, rows: _Rows, settings: Settings) -> None:
    """Read a page. What is kept of one that is no document is why."""
    rows.unit = page.unit
    is_html = page.content_type in HTML_TYPES
    if is_html and settings.extract != "none" and len(page.content) > 2 * MOST_BYTES:
        detail = f"{len(page.content)} bytes, more than {MOST_BYTES} in UTF-8"
        rows.rejects.append(Reject(page.position, page.unit, "page too long", detail))
        return
    text = charset.decoded(page.content, page.charset, is_html).encode("utf-8", "replace")
    if len(text) > settings.most_bytes:
        detail = f"{len(text)} bytes in UTF-8, more than --max-document-bytes {settings.most_bytes}"
        rows.rejects.append(Reject(page.position, page.unit, "document too long", detail))
        return
    if _unreadable(text) > _MOST_CONTROLS * len(text):
        detail = f"{_unreadable(text)} control or undecodable characters in {len(text)} bytes"
        rows.rejects.append(Reject(page.position, page.unit, "not text", detail))
        return
    about: dict[str, str] = {}
    if is_html and settings.extract != "none":
        found = extractor(settings.extract).extract(text, page.url, page.date)
        if isinstance(found, Failure):
            rows.rejects.append(Reject(page.position, page.unit, found.reason, found.detail))
            return
        text, about = found
        if not text.strip():
            rows.rejects.append(Reject(page.position, page.unit, "no main text", settings.extract))
            return
    rows.texts.append(text)
    rows.records.append(_record(page, about))
    rows.positions.append(page.position)
    rows.size += len(text)


def _unreadable(text: bytes) -> int:
    return len(text) - len(text.translate(None, _CONTROLS)) + text.count("\ufffd".encode())


def _record(page: Page, about: dict[str, str]) -> bytes:
    known = {"url": page.url, "date": page.date, "content_type": page.content_type, "status": page.status}
    told = {name: value for name, value in {**known, **about, **page.more}.items() if value is not None}
    return json.dumps({"text": "", **told}).encode()
