import io
import itertools
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.formats import frames
from curate.formats.frames import Framer, Framing
from curate.formats.records import Reject
from curate.formats.streams import Damage, Opened
from curate.kernels import frames as kernels
from tests.naive import records as naive

LINES = Framing(kernels.lines, "read")
PARAGRAPHS = Framing(kernels.paragraphs, "skip")
ROWS = Framing(kernels.comma_rows, "skip", counted="row")
ELEMENTS = Framing(kernels.elements, "stop", counted="member")
SEQUENCE = Framing(
    kernels.elements, "stop", "member", tuple(int(i in (kernels.PHASE, kernels.SEQUENCE)) for i in range(kernels.STATE))
)

CUTS = st.lists(st.integers(0, 200), max_size=6)
SETTINGS = settings(deadline=None, max_examples=60)


@pytest.fixture(autouse=True, scope="module")
def small_windows():
    """Windows of a few bytes, so that every record meets the edge of one."""
    before = frames.WINDOW_BYTES, frames._MOST_RECORDS
    frames.WINDOW_BYTES, frames._MOST_RECORDS = 16, 3
    yield
    frames.WINDOW_BYTES, frames._MOST_RECORDS = before


def blocks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def run(framing: Framing, items: list, most: int = 1 << 30, begin: int = 0, stop: int | None = None):
    """(records with their positions, rejects)."""
    records, rejects = [], []
    for item in Framer(framing, Opened(iter(items), begin, stop), most).run():
        if isinstance(item, Reject):
            rejects.append(item)
        else:
            found = [item.data[a:b].tobytes() for a, b in zip(item.starts, item.ends)]
            records += zip(item.positions.tolist(), found)
    return records, rejects


def of(framing: Framing, data: bytes, cuts: list[int]) -> list[bytes]:
    records, rejects = run(framing, blocks(data, cuts))
    assert [r.reason for r in rejects] == ([] if data else ["empty file"])
    return [record for _, record in records]


@SETTINGS
@given(st.lists(st.sampled_from(["a", "bb" * 12, "\n", "\n\n", "\r\n", " ", "\t", ""]), max_size=30).map("".join), CUTS)
def test_lines(text, cuts):
    expected = [line.removesuffix("\r") for line in text.split("\n") if line.strip(" \t\r")]
    assert of(LINES, text.encode(), cuts) == [line.encode() for line in expected]
    records, _ = run(LINES, blocks(text.encode(), cuts))
    for position, record in records:
        assert text.encode()[position : position + len(record)] == record


@SETTINGS
@given(st.lists(st.sampled_from(["a", "bb" * 12, "\n", "\n\n", "\r\n", " ", "\n \n"]), max_size=30).map("".join), CUTS)
def test_paragraphs(text, cuts):
    found = re.findall(r"(?:^[^\n]*[^ \t\r\n][^\n]*(?:\n|\Z))+", text, re.MULTILINE)
    expected = [item.removesuffix("\n").removesuffix("\r").encode() for item in found]
    assert of(PARAGRAPHS, text.encode(), cuts) == expected


@SETTINGS
@given(st.lists(st.lists(st.text('a",\r\n é', max_size=9), min_size=1, max_size=4), max_size=8), CUTS, st.booleans())
def test_rows(rows, cuts, ends_with_newline):
    import csv

    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    text = file.getvalue() if ends_with_newline else file.getvalue().removesuffix("\r\n")
    found = of(ROWS, text.encode(), cuts)
    assert [naive.rows(row.decode(), ",")[0] for row in found] == naive.rows(text, ",")


@SETTINGS
@given(
    st.lists(
        st.recursive(st.text(max_size=9) | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)),
        max_size=6,
    ),
    CUTS,
    st.sampled_from([None, 1]),
)
def test_elements(values, cuts, indent):
    data = json.dumps(values, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert [
        json.loads(item.decode("utf-8", "surrogatepass")) for item in of(ELEMENTS, b" " + data + b"\n", cuts)
    ] == values
    objects = [{"v": value} for value in values]
    data = "\n ".join(json.dumps(value, indent=indent) for value in objects).encode()
    assert [json.loads(item) for item in of(SEQUENCE, data, cuts)] == objects


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        ("[1,]", ["1", ""]),
        ("[,1]", ["", "1"]),
        ("[1] x", ["1"]),
        ("[1, {2", ["1", "{2"]),
        ("[1 2,3]", ["1 2", "3"]),
        ('["]", "\\"]"]', ['"]"', '"\\"]"']),
    ],
)
def test_elements_of_broken_arrays(text, expected):
    assert [item.strip().decode() for item in of(ELEMENTS, text.encode(), [])] == expected


@pytest.mark.parametrize("framing", [LINES, PARAGRAPHS, ROWS])
def test_a_long_record_is_passed_over_without_being_held(framing):
    end = b"\n\n" if framing is PARAGRAPHS else b"\n"
    parts = [b"short", b'"' + b"x" * 5000 + b'"', b"y" * 40, b"z" * 41, b"last"]
    data = b"".join(part + end for part in parts)
    framer = Framer(framing, Opened(iter(blocks(data, list(range(0, 6000, 64))))), 40)
    records, rejects = [], []
    for item in framer.run():
        assert len(framer._window) <= 256
        if isinstance(item, Reject):
            rejects.append((item.position, item.reason, item.detail.split(",")[0]))
        else:
            records += [item.data[a:b].tobytes() for a, b in zip(item.starts, item.ends)]
    places = [1, 3] if framing is ROWS else [data.index(b'"'), data.index(b"z")]
    assert records == [b"short", b"y" * 40, b"last"]
    assert rejects == [(places[0], "document too long", "5002 bytes"), (places[1], "document too long", "41 bytes")]


def test_a_long_element_and_a_long_end():
    data = b"[1," + b"[" + b"2," * 100 + b'"]"],3'
    records, rejects = run(ELEMENTS, blocks(data, list(range(0, 300, 16))), most=40)
    assert records == [(0, b"1"), (2, b"3")]
    assert [(r.position, r.unit, r.reason) for r in rejects] == [(1, "member", "document too long")]
    records, rejects = run(LINES, [b"a\n" + b"b" * 100], most=40)
    assert [(r.position, r.reason) for r in rejects] == [(2, "document too long")]


@SETTINGS
@given(st.lists(st.text("ab", max_size=9), max_size=20), st.lists(st.integers(0, 150), max_size=5))
def test_ranges_share_a_file_without_gap_or_overlap(lines, bounds):
    data = "\n".join(lines).encode()
    bounds = [0, *sorted({min(b, len(data)) for b in bounds} - {0}), None]
    found = []
    for start, stop in itertools.pairwise(bounds):
        begin = 0 if start == 0 else len(data) if (cut := data.find(b"\n", start - 1)) < 0 else cut + 1
        found += run(LINES, blocks(data[begin:], list(range(0, 150, 7))), begin=begin, stop=stop)[0]
    assert found == run(LINES, [data])[0]


def test_damage():
    damage = Damage(7, "damaged", "")
    items = [b"one\ntw", damage, b"o\nthree\n"]
    records, rejects = run(LINES, items)
    assert records == [(0, b"one"), (4, b"tw"), (6, b"o"), (8, b"three")]
    assert [(r.position, r.reason) for r in rejects] == [(7, "damaged")]
    records, rejects = run(ROWS, items)
    assert records == [(0, b"one"), (3, b"three")]
    assert [(r.position, r.unit, r.reason) for r in rejects] == [
        (1, "row", "record cut short"),
        (7, "byte", "damaged"),
        (2, "row", "record cut short"),
    ]
    records, rejects = run(ELEMENTS, [b"[1,2,[", damage, b"3]]"])
    assert records == [(0, b"1"), (1, b"2")]
    assert [r.reason for r in rejects] == ["record cut short", "damaged"]


def test_a_byte_order_mark_is_no_text():
    assert run(LINES, [b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfb\n"])[0] == [(3, b"a"), (5, b"\xef\xbb\xbfb")]


def test_windows_do_not_keep_the_size_of_the_longest_record():
    framer = Framer(LINES, Opened(iter([b"x" * 3000 + b"\n", *[b"y\n" * 8] * 300])), 1 << 30)
    sizes = [len(framer._window) for _ in framer.run()]
    assert sizes[-1] == frames.WINDOW_BYTES < max(sizes)
    assert isinstance(framer._window, np.ndarray)
