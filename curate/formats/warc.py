"""Web archives: WARC 0.17 to 1.1, plain, or packed as gzip or Zstandard members, of one record each or of many.

Records are told apart here and not by FastWARC, whose loop ends silently where a file is cut off, gives up at the
first damage and swallows the next record where a Content-Length is too large.

A record's position is the byte at which it begins. In a packed file that is the byte of the packed file at which its
member begins, as in a CDX index, and for further records of the same member one more than for the record before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from curate.formats import http
from curate.formats.fields import Fields
from curate.formats.html import pieces
from curate.formats.pages import Page
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Reject, Settings, Source
from curate.formats.warc_heads import Record
from curate.formats.warc_records import records

_PAGES = ("response", "resource", "conversion")
_SKIPPED = {kind: f"WARC {kind} records" for kind in ("warcinfo", "request", "metadata", "revisit", "continuation")}
_GROUPS = ("image", "audio", "video", "font")


def read(source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
    """The pages of an archive as documents."""
    removed: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    yield from pieces(pages(source, settings, removed, skipped), fields, settings)
    yield replace(rejected([], fields), removed=dict(removed), counts=dict(skipped))


def pages(source: Source, settings: Settings, removed: Counter[str], skipped: Counter[str]) -> Iterator[Page | Reject]:
    """The pages of an archive, and what cannot be read.

    removed: is given how many records are no text, by media type. skipped: how many are of no page, by kind.
    """
    try:
        for item in records(source, settings.most_bytes):
            if isinstance(item, Reject):
                yield item
            elif item.kind not in _PAGES:
                skipped[_SKIPPED.get(item.kind, "WARC records of other kinds")] += 1
            else:
                found = _page(item, settings.most_bytes)
                if isinstance(found, str):
                    removed[f"no page: {found}"] += 1
                else:
                    yield found
                del found
            del item
    except OSError as problem:
        yield Reject(0, "byte", "unreadable file", str(problem.strerror))


def _page(record: Record, most_bytes: int) -> Page | Reject | str:
    """The page of a record, or the media type of what is none."""
    if not record.data:
        return _too_long(record.position, f"{record.end} bytes", most_bytes)
    declared, more = record.content_type, {"record_id": record.record_id or None}
    begin, status, transfer, coding = record.begin, -1, "", ""
    if record.kind == "conversion":
        declared = declared or http.PLAIN
        if record.languages:
            more["languages"] = record.languages
    elif (not declared or declared.lower().startswith("application/http")) and record.body > begin:
        declared, status, transfer, coding = record.sent_type, record.status, record.transfer, record.coding
        begin = record.body
    try:
        content, cut = http.payload(record.data[begin : record.end], transfer, coding, most_bytes)
    except http.TooLong:
        return _too_long(record.position, "its content", most_bytes)
    except http.Damaged as problem:
        return Reject(record.position, "byte", "damaged content coding", str(problem))
    kind, charset = http.media_type(declared or record.payload_type)
    real, is_page = http.page_type(kind, content)
    if not is_page and content:
        return real.partition("/")[0] if real.startswith(_GROUPS) else real
    if cut or record.truncated:
        more["truncated"] = cut or record.truncated
    url, known = record.url.strip("<>") or None, status if status >= 0 else None
    return Page(record.position, "byte", content, real, charset, url, record.date or None, known, more)


def _too_long(position: int, what: str, most_bytes: int) -> Reject:
    return Reject(position, "byte", "document too long", f"{what}, more than --max-document-bytes {most_bytes}")
