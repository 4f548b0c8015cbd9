"""Pages as documents."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from curate.formats import extraction, html
from curate.formats.extraction import Extracted, Failure
from curate.formats.fields import Column, Fields
from curate.formats.pages import Page
from curate.formats.records import Reject, Settings, Source

TEXT, URL, DATE = Column("text", "text", "text"), Column("url", "url", "string"), Column("date", "date", "timestamp")
FIELDS = Fields((TEXT, URL, DATE))
ABOUT = {"title": "Ein Tag", "author": "A. Müller", "published": "2020-05-06"}


class Engine:
    """Takes the upper-case words of a page for its main text."""

    def extract(self, page: bytes, url: str | None, date: str | None) -> Extracted | Failure:
        if b"BAD" in page:
            return Failure("timeout", "of this test")
        return Extracted(b" ".join(word for word in page.split() if word.isupper()), ABOUT if b"ABOUT" in page else {})


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(html, "extractor", lambda name: Engine())


def page(position: int, content: bytes | str, **more) -> Page:
    content = content.encode() if isinstance(content, str) else content
    return Page(position, "byte", content, **{"content_type": "text/html", **more})


def rows(pages, fields: Fields = FIELDS, **settings):
    """Documents as (position, columns, meta), rejects and what was removed."""
    found, rejects, removed = [], [], {}
    for piece in html.pieces(iter(pages), fields, Settings(**settings)):
        columns = zip(*(column.to_pylist() for column in piece.columns))
        metas = map(json.loads, piece.meta.to_pylist())
        found += zip(piece.positions.tolist(), columns, metas)
        rejects += piece.rejects
        removed |= piece.removed
    return found, rejects, removed


def test_bytes_that_are_no_text_are_no_document():
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    pages = [page(0, noise), page(1, "\x00\x01\x02 more"), page(2, "a TEXT\x00 " + "of some length " * 9)]
    found, rejects, _ = rows(pages, extract="none")
    assert [position for position, _, _ in found] == [2]
    assert [(one.position, one.reason) for one in rejects] == [(0, "not text"), (1, "not text")]
    assert rejects[1].detail == "3 control or undecodable characters in 8 bytes"


def test_documents_rejects_and_pages_without_text():
    broken = Reject(5, "byte", "damaged", "here")
    pages = [page(3, "a TEXT b"), broken, page(7, "nothing"), page(9, "BAD"), page(12, "MORE")]
    found, rejects, removed = rows(pages)
    assert [(position, columns[0]) for position, columns, _ in found] == [(3, "TEXT"), (12, "MORE")]
    nothing, timeout = Reject(7, "byte", "no main text", "trafilatura"), Reject(9, "byte", "timeout", "of this test")
    assert rejects == [broken, nothing, timeout] and removed == {}


def test_what_is_known_goes_to_columns_and_meta():
    known = {"url": "https://a.example/", "date": "2021-01-02T03:04:05Z", "status": 200, "more": {"record_id": "<1>"}}
    [(_, (text, url, date), meta)], _, _ = rows([page(0, "ABOUT THIS", **known)])
    assert (text, url, date.isoformat()) == ("ABOUT THIS", "https://a.example/", "2021-01-02T03:04:05+00:00")
    assert meta == {"content_type": "text/html", "status": 200, **ABOUT, "record_id": "<1>"}


def test_without_a_crawl_the_date_is_that_of_publication():
    [(_, (_, url, date), meta)], _, _ = rows([page(0, "ABOUT")])
    assert url is None and date.date().isoformat() == "2020-05-06"
    assert "published" not in meta and meta["title"] == "Ein Tag"


def test_fields_of_other_formats_do_not_hide_those_of_pages():
    fields = Fields(
        (Column("text", "content,body", "text"), Column("url", "link", "string"), Column("title", "title", "string"))
    )
    [(_, columns, meta)], _, _ = rows([page(0, "ABOUT", url="https://a.example/")], fields)
    assert columns == ("ABOUT", "https://a.example/", "Ein Tag")
    assert "url" not in meta and "title" not in meta


def test_a_page_without_the_id_that_is_asked_for_is_a_reject_at_its_place():
    fields = Fields((TEXT, Column("id", "url", "string")), given_id=True)
    found, rejects, _ = rows([page(4, "ONE"), page(8, "TWO", url="u"), page(9, "SIX", url="v")], fields)
    assert [(position, columns) for position, columns, _ in found] == [(8, ("TWO", "u")), (9, ("SIX", "v"))]
    assert [(reject.position, reject.reason) for reject in rejects] == [(4, "id is missing")]


def test_the_source_itself_and_plain_text():
    pages = [page(0, "<p>Å</p>".encode("latin-1"), charset="latin-1"), page(9, "plain <b>", content_type="text/plain")]
    found, _, _ = rows(pages, extract="none")
    assert [columns[0] for _, columns, _ in found] == ["<p>Å</p>", "plain <b>"]
    assert [columns[0] for _, columns, _ in rows(pages[1:])[0]] == ["plain <b>"]


def test_a_page_of_fifty_megabytes_is_not_decoded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(html.charset, "decoded", None)
    _, [reject], _ = rows([page(6, b"a" * 50_000_000)])
    assert (reject.position, reject.reason) == (6, "page too long")


def test_pieces_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(html, "_PIECE_PAGES", 3)
    found = list(html.pieces((page(i, "A B") for i in range(8)), FIELDS, Settings()))
    assert [len(piece.positions) for piece in found] == [3, 3, 2]
    assert [position for piece in found for position in piece.positions] == list(range(8))


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_a_page(tmp_path, packed: bool):
    path = tmp_path / "a.html"
    path.write_bytes(gzip.compress(b"<p> IN A FILE") if packed else b"<p> IN A FILE")
    [piece] = html.read(Source(str(path)), FIELDS, Settings())
    assert piece.columns[0].to_pylist() == ["IN A FILE"] and piece.positions.tolist() == [0]
    path.write_bytes(b"")
    [piece] = html.read(Source(str(path)), FIELDS, Settings())
    assert [reject.reason for reject in piece.rejects] == ["empty file"]


def test_one_extractor_a_process():
    assert extraction.extractor("resiliparse") is extraction.extractor("resiliparse")
