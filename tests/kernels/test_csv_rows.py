import csv
import io
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.formats import csv as formats
from curate.formats.fields import Column, Fields
from curate.formats.frames import Frames
from curate.kernels import csv_rows

FIELDS = Fields((Column("text", "text,question+answer", "text"), Column("n", "n", "int64")))
NAMES = ["text", "n", "question", "answer", 'o"dd\n', "ü"]


def parse(lines: list[bytes], names: list[str], delimiter: int = 44):
    """Parse rows that lie in a read-only block with bytes around them that belong to nobody."""
    data = np.frombuffer(b'"' + b"\n".join(lines) + b'\n"', dtype=np.uint8)
    ends = np.cumsum([len(line) + 1 for line in lines], dtype=np.int64)
    starts = ends - np.array([len(line) for line in lines], dtype=np.int64)
    item = Frames(data, starts, ends, np.arange(len(lines), dtype=np.int64), "row")
    return formats._parse(item, formats._Header(names, FIELDS), delimiter, FIELDS)


def written(row: list[str], delimiter: str, quoting: int) -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator="").writerow(row)
    return file.getvalue().encode()


VALUES = st.text(st.sampled_from('a",\t\n\r\\\x00\x1fé😀 0'), max_size=12) | st.integers().map(str)
HEADERS = st.lists(st.sampled_from(NAMES), min_size=2, max_size=6, unique=True)


@settings(deadline=None, max_examples=60)
@given(st.data(), HEADERS, st.sampled_from([",", "\t"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_every_field_is_in_a_column_or_in_meta(data, names, delimiter, quoting):
    rows = data.draw(st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), max_size=8))
    piece = parse([written(row, delimiter, quoting) for row in rows], names, ord(delimiter))
    good = piece.positions.tolist()
    for i, row in enumerate(rows):
        record = dict(zip(names, row))
        if "text" in record:
            text = record.pop("text")
        elif {"question", "answer"} <= record.keys():
            text = record.pop("question") + "\n\n" + record.pop("answer")
        else:
            assert i not in good
            continue
        n = record.get("n", "")
        fits = n.removeprefix("-").isdigit() and n.isascii() and -(2**63) <= int(n) < 2**63
        if fits:
            del record["n"]
        k = good.index(i)
        assert [column[k].as_py() for column in piece.columns] == [text, int(n) if fits else None]
        assert json.loads(piece.meta[k].as_py()) == record
    assert len(good) + len(piece.rejects) == len(rows)


def test_bad_rows():
    piece = parse([b"a,b", b"a", b"a,b,c", b'"a"x,b', b'a,"b', b"\xff,b", b'a"b,"c""d"'], ["text", "x"])
    assert [(r.position, r.unit, r.reason, r.detail) for r in piece.rejects] == [
        (1, "row", "bad row", "1 fields, the header has 2"),
        (2, "row", "bad row", "3 fields, the header has 2"),
        (3, "row", "bad row", "something follows a closing quote"),
        (4, "row", "bad row", "a quote is never closed"),
        (5, "row", "invalid UTF-8", ""),
    ]
    assert piece.columns[0].to_pylist() == ["a", 'a"b']
    assert piece.meta.to_pylist() == ['{"x":"b"}', '{"x":"c\\"d"}']


def test_an_empty_field_is_a_null_but_not_as_text():
    piece = parse([b",", b"a,"], ["text", "n"])
    assert piece.columns[0].to_pylist() == ["", "a"]
    assert piece.columns[1].to_pylist() == [None, None]
    assert piece.meta.to_pylist() == ['{"n":""}', '{"n":""}']
    assert piece.unfit == {}


def test_of_equal_names_the_last_is_taken():
    piece = parse([b"a,b,c"], ["text", "text", "x"])
    assert piece.columns[0].to_pylist() == ["b"]
    assert json.loads(piece.meta[0].as_py()) == {"text": "a", "x": "c"}


def test_the_room_for_meta_is_enough():
    row = b"\x01" * 50 + b'," a"'
    data = np.frombuffer(row, dtype=np.uint8)
    bounds = np.array([0]), np.array([len(row)])
    piece = parse([row], ["x", "text"])
    assert len(piece.meta[0].as_py()) <= csv_rows.meta_bytes(data, *bounds, 20)
