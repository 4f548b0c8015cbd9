"""Main text of pages, and what guards it: every guard is met by a page or an engine that does what it is there for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curate.errors import CurateError
from curate.formats import extraction, extraction_child
from curate.formats.extraction import Extracted, Extractor, Failure

PROSE = "The river rose in the night, and by the morning it had reached the first houses of the lower town. "
PAGE = f"""<!DOCTYPE html><html><head><title>A flood</title><meta name="author" content="Ada Brook">
<meta property="article:published_time" content="2021-03-04T05:06:07Z"></head>
<body><nav><a href="/">Home</a> <a href="/news">News</a></nav>
<article><h1>A flood</h1><p>{PROSE * 4}</p></article>
<footer>All rights reserved by nobody</footer></body></html>"""
ENGINE = """import ctypes, os, re, signal
from curate.formats.extraction_child import Found
held = []
def extract(page, url, date):
    if "HANG" in page:
        re.match("(a+)+b", "a" * 64)
    if "GROW" in page:
        held.append(bytearray(64 << 20)), extract(page, url, date)
    if "KILLED" in page:
        os.kill(os.getpid(), signal.SIGKILL)
    if "CRASH" in page:
        ctypes.string_at(0)
    if "RAISE" in page:
        raise ValueError(f"no such thing as {object()}")
    if "LEAK" in page:
        held.append(bytearray(40 << 20))
    if "PRINT" in page:
        os.write(1, b"not an answer")
        print("nor this")
    return Found(page, title="half \\ud800 a pair")
"""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An engine that does what a page tells it to, in a process with little of everything."""
    (tmp_path / "hostile_engine.py").write_text(ENGINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    program = extraction._PROGRAM.replace(
        "main(", "import curate.formats.extraction_child as child\nchild.ENGINES['hostile'] = 'hostile_engine'\nmain("
    )
    monkeypatch.setattr(extraction, "_PROGRAM", program)
    monkeypatch.setattr(extraction, "SECONDS", 0.5)
    monkeypatch.setattr(extraction, "MEMORY", 96 << 20)
    made = Extractor("hostile")
    yield made
    made.close()


@pytest.fixture(scope="module", params=["trafilatura", "resiliparse"])
def real(request):
    made = Extractor(request.param)
    yield made
    made.close()


def test_the_process_of_pages_is_a_small_one():
    """It is started again after every page that ends it, and its address space is what the guard counts from."""
    asked = "import sys, curate.formats.extraction_child; print(sys.modules.keys() & {'pyarrow', 'numpy', 'pydantic'})"
    assert subprocess.check_output([sys.executable, "-c", asked], text=True).strip() == "set()"


def text_of(found: Extracted | Failure) -> str:
    assert isinstance(found, Extracted), found
    return found.text.decode()


def test_main_text_and_what_the_page_says_of_itself(real: Extractor):
    found = real.extract(PAGE.encode(), "https://example.org/flood", "2022-01-01T00:00:00Z")
    text = text_of(found)
    assert text.count(PROSE.strip()) == 4
    assert "rights reserved" not in text and "News" not in text
    assert found.about == {"title": "A flood", "author": "Ada Brook", "published": "2021-03-04"}


def test_output_is_a_function_of_the_page(real: Extractor):
    pages = [PAGE.replace("river", name).encode() for name in ("river", "lake", "sea", "river")]
    first = [real.extract(page, None, None) for page in pages]
    assert [real.extract(page, None, None) for page in reversed(pages)] == first[::-1]
    assert first[0] == first[3]


def test_a_day_after_the_crawl_is_not_that_of_publication():
    made = Extractor("trafilatura")
    try:
        found = made.extract(PAGE.encode(), None, "2020-01-01T00:00:00Z")
    finally:
        made.close()
    assert text_of(found) and "published" not in found.about


@pytest.mark.parametrize("depth", [300, 900])
def test_deep_pages_are_read_whole(real: Extractor, depth: int):
    within = f"{'<div>' * depth}<p>{PROSE * 3}</p>{'</div>' * depth}"
    page = f"<html><body><p>{PROSE * 3}</p>{within}<p>The end of it, {PROSE}</p>"
    assert "The end of it" in text_of(real.extract(page.encode(), None, None))


def test_a_page_without_text_gives_none(real: Extractor):
    assert text_of(real.extract(b"<html><body><img src='a.png'></body></html>", None, None)).strip() == ""


def test_odd_bytes_are_no_trouble(real: Extractor):
    for page in (b"", b"\0" * 1000, bytes(range(256)).decode("latin-1").encode() * 50, b"<" * 10_000, b"<!--" * 1000):
        assert isinstance(real.extract(page, None, None), Extracted | Failure)
    assert "The river rose" in text_of(real.extract(PAGE.replace("Home", "\0\x01").encode(), None, None))


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"<div>" * 100_000, "nested too deeply"),
        (b"<p>" + b"a<br>" * (extraction.MOST_ELEMENTS + 1), "too many elements"),
        (b"<p " + b"a=1 " * (extraction.MOST_ATTRIBUTES + 1) + b">", "too many attributes"),
        (b"a" * (extraction.MOST_BYTES + 1), "page too long"),
    ],
)
def test_pages_that_are_never_parsed(page: bytes, reason: str):
    made = Extractor("trafilatura")
    found = made.extract(page, None, None)
    assert isinstance(found, Failure) and found.reason == reason and found.detail
    assert made._process is None


def test_formatting_that_is_never_closed_is_named():
    """The depth of such a page, 10,000 to libxml2, is not seen beforehand: to a browser it is flat."""
    page = "".join(f"<p><font size={i}>{PROSE}" for i in range(5000)).encode()
    made = Extractor("trafilatura")
    try:
        assert made.extract(page, None, None) == Failure("nested too deeply", "for the parser")
        assert text_of(made.extract(PAGE.encode(), None, None))
    finally:
        made.close()


def test_a_tree_that_explodes_is_out_of_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extraction, "MEMORY", 192 << 20)
    page = "".join(f"<p><font size={i}>x" for i in range(3000)).encode()
    made = Extractor("resiliparse")
    try:
        assert made.extract(page, None, None)[0] == "out of memory"
        assert text_of(made.extract(PAGE.encode(), None, None))
    finally:
        made.close()


@pytest.mark.parametrize(
    ("word", "reason", "detail"),
    [
        ("HANG", "timeout", "more than 0.5 seconds of processor time"),
        ("GROW", "out of memory", "more than 96 MiB"),
        ("KILLED", "extractor died", "signal 9 (Killed)"),
        ("CRASH", "extractor died", "signal 11 (Segmentation fault)"),
        ("RAISE", "extraction failed", "ValueError: no such thing as <object object at 0x...>"),
    ],
)
@pytest.mark.parametrize("before", [0, 2])
def test_what_a_page_does_ends_with_the_page(engine: Extractor, word: str, reason: str, detail: str, before: int):
    for _ in range(before):
        assert text_of(engine.extract(b"good", None, None)) == "good"
    assert engine.extract(word.encode(), None, None) == Failure(reason, detail)
    assert engine.extract(b"good", None, None) == Extracted(b"good", {"title": "half ? a pair"})


def test_a_page_is_tried_again_where_others_left_little_memory(engine: Extractor):
    for _ in range(6):
        assert text_of(engine.extract(b"LEAK", None, None)) == "LEAK"


def test_the_clock_is_of_one_page(engine: Extractor):
    begun = time.process_time()
    for _ in range(2000):
        engine.extract(b"good" * 500, None, None)
    assert engine._process is not None
    assert time.process_time() >= begun


def test_what_a_library_prints_is_no_answer(engine: Extractor):
    assert text_of(engine.extract(b"PRINT", None, None)) == "PRINT"
    assert text_of(engine.extract(b"good", None, None)) == "good"


def test_half_an_answer_is_none():
    said = "import sys; sys.stdout.write('{\"bytes\": 100}\\nhalf of it')"
    for program in (said, "print('{', end='')", ""):
        with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1) as process:
            assert extraction._exchange(process) == (None, b"")


def test_an_extractor_killed_between_pages_is_started_again(engine: Extractor):
    engine.extract(b"good", None, None)
    assert engine._process
    engine._process.send_signal(signal.SIGKILL)
    engine._process.wait()
    assert text_of(engine.extract(b"good", None, None)) == "good"


def test_an_engine_that_cannot_be_loaded_is_told(engine: Extractor, tmp_path: Path):
    (tmp_path / "hostile_engine.py").write_text("import no_such_library")
    with pytest.raises(CurateError, match=r"(?s)hostile cannot start.*no_such_library"):
        engine.extract(b"good", None, None)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_process_is_left(tmp_path: Path):
    """However a worker ends, its extractor does."""
    for ending in ("pass", "os._exit(0)", "os.kill(os.getpid(), 9)"):
        told = tmp_path / "child"
        program = f"""import os, sys
sys.path[:] = {sys.path!r}
from curate.formats.extraction import extractor
made = extractor("resiliparse")
made.extract(b"<p>text", None, None)
open({str(told)!r}, "w").write(str(made._process.pid))
{ending}"""
        os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program])
        child = Path(f"/proc/{told.read_text()}")
        deadline = time.monotonic() + 20
        while child.exists() and "Z" not in (child / "stat").read_text().rpartition(")")[2].split()[0]:
            assert time.monotonic() < deadline, ending
            time.sleep(0.05)


def test_every_engine_is_there():
    assert set(extraction_child.ENGINES) == {"trafilatura", "resiliparse"}
