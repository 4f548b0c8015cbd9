import gzip
import zlib

import brotli
import pytest
import zstandard

from curate.formats.http import Damaged, TooLong, media_type, page_type, payload

PAGE = b"<!DOCTYPE html><p>" + b"".join(b"%x " % (i**5) for i in range(2000))
CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def chunks(data: bytes, size: int = 1000) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x;name=value\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("coding", list(CODINGS))
def test_codings_are_taken_off_where_they_are(coding):
    packed = CODINGS[coding](PAGE)
    assert payload(packed, None, coding.upper(), 1 << 20) == (PAGE, "")
    assert payload(chunks(packed), "chunked", coding, 1 << 20) == (PAGE, "")
    assert payload(PAGE, "chunked", coding, 1 << 20) == (PAGE, "")
    assert payload(b"", None, coding, 1 << 20) == (b"", "")
    with pytest.raises(TooLong):
        payload(CODINGS[coding](bytes(3 << 20)), None, coding, 1 << 20)


def test_bare_deflate_several_codings_and_gzip_inside_gzip():
    assert payload(bare(PAGE), None, "deflate", 1 << 20).content == PAGE
    assert payload(brotli.compress(gzip.compress(PAGE)), None, "gzip, br", 1 << 20).content == PAGE
    assert payload(gzip.compress(gzip.compress(PAGE)), None, "gzip", 1 << 20).content == PAGE
    assert payload(gzip.compress(PAGE), None, None, 1 << 20).content == PAGE
    deep = PAGE
    for _ in range(9):
        deep = gzip.compress(deep)
    with pytest.raises(Damaged, match="gzip inside gzip"):
        payload(deep, None, "gzip", 1 << 20)


def test_what_ends_early_or_breaks_gives_what_there_was():
    content, cut = payload(gzip.compress(PAGE)[:-2000], None, "gzip", 1 << 20)
    assert PAGE.startswith(content) and len(content) > 1000 and cut == "its gzip coding ends early"
    content, cut = payload(chunks(PAGE)[:-500], "chunked", None, 1 << 20)
    assert PAGE.startswith(content) and cut == "its chunks end before the last"
    with pytest.raises(Damaged):
        payload(b"\x1f\x8b\x08\x00garbage!!", None, "gzip", 1 << 20)
    with pytest.raises(Damaged, match="not known"):
        payload(PAGE, None, "compress", 1 << 20)


def test_types():
    assert media_type('Text/HTML ; charset="UTF-8"') == ("text/html", "UTF-8")
    assert media_type("text/html;Charset=big5;x=y") == ("text/html", "big5")
    assert media_type(None) == ("", None)
    assert page_type("text/html", PAGE) == ("text/html", True)
    assert page_type("application/xhtml+xml", PAGE) == ("text/html", True)
    assert page_type("", PAGE) == ("text/html", True)
    assert page_type("application/octet-stream", b"some words") == ("text/plain", True)
    assert page_type("application/octet-stream", b"\0\1\2\3") == ("application/octet-stream", False)
    assert page_type("text/html", b"\x89PNG\r\n\x1a\n") == ("image/png", False)
    assert page_type("application/xml", b"<?xml version='1.0'?><rss/>") == ("application/xml", False)
    assert page_type("text/xml", b"<?xml version='1.0'?><!DOCTYPE html><html>") == ("text/html", True)
    assert page_type("application/json", b"{}") == ("application/json", False)


@pytest.mark.parametrize("body", [b"<!---->" * 140 + b"x", b"<?xml?>" * 140 + b"x", b" " * 1000 + b"x"])
def test_the_kind_of_a_page_that_begins_with_many_comments_is_told_at_once(body):
    assert page_type("", body) == ("text/plain", True)
    assert page_type("", body[:-1] + b"<p>") == ("text/html", True)


def test_a_charset_that_never_comes_is_told_at_once():
    assert media_type("text/html; charset=" + " " * 120_000 + ";") == ("text/html", None)
    assert media_type("text/html; charset = \" 'utf-8'") == ("text/html", "utf-8")


def test_a_chunk_longer_than_any_memory_ends_the_body():
    assert payload(b"3\r\nabc\r\n" + b"F" * 16 + b"\r\nrest", "chunked", None, 1 << 20) == (
        b"abcrest",
        "its chunks end before the last",
    )
