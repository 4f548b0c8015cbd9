import json
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.formats import json_columns
from curate.formats.fields import Column, Fields
from curate.formats.frames import Frames
from tests.naive import records as naive

ALL = Fields(
    (Column("text", "text,question+answer", "text"), Column("name", "meta.name", "string"), Column("n", "n", "int64"))
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(['"\\/\b\f\n\r\t\x00\x1f', "\ud83d\ude00", "😀" * 9, "x" * 70]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["text", "question", "answer", "meta", "name", "meta.name", "n", "", "te\u0078t", 'a"b', "ü"])
RECORDS = st.dictionaries(NAMES | st.text(max_size=6), VALUES, max_size=6)


def parse(lines: list[bytes], fields: Fields = ALL, lead: bytes = b'"}'):
    """Parse records that lie in a read-only block with bytes around them that belong to nobody."""
    data = np.frombuffer(lead + b"\n".join(lines) + b'\n{"text": "not mine"}', dtype=np.uint8)
    ends = np.cumsum([len(line) + 1 for line in lines], dtype=np.int64) + len(lead) - 1
    starts = ends - np.array([len(line) for line in lines], dtype=np.int64)
    starts.flags.writeable = False
    return json_columns.parse(Frames(data, starts, ends, starts - len(lead), "byte"), fields)


def accepts(value: bytes) -> bool:
    piece = parse([b'{"text": "t", "v": ' + value + b"}"])
    assert len(piece.positions) + len(piece.rejects) == 1
    return len(piece.positions) == 1


def loads(value: bytes) -> bool:
    try:
        naive.load(b'{"text": "t", "v": ' + value + b"}")
    except ValueError:
        return False
    return True


@st.composite
def nearly_json(draw) -> bytes:
    """JSON with something cut out of it, put into it, or nothing done to it."""
    text = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        put = draw(
            st.sampled_from(list('{}[]",:\\u-+.eE0189 \n\t\rtfn\x00\x1f\x7f'))
            | st.sampled_from(["\\u", "\\ud8", "NaN"])
        )
        data = data[:at] + draw(st.sampled_from([b"", put.encode()])) + data[at + draw(st.integers(0, 2)) :]
    return data


@settings(deadline=None, max_examples=60)
@given(st.lists(nearly_json(), min_size=1, max_size=40))
@example([b"1.", b"01", b"-", b"-0", b"1e", b"1e+", b"1e5", b"1E-05", b".5", b"+1", b"0x1", b"1_0", b"2.5.1", b"--1"])
@example([b"NaN", b"Infinity", b"-Infinity", b"nul", b"nulls", b"true false", b"tru", b"True"])
@example([b'"\\u12"', b'"\\u123g"', b'"\\x"', b'"\\"', b'"', b'"a\tb"', b'"\\ud800"', b'"\\uD83D\\uDE00"', b'"\x7f"'])
@example(
    [b"[1,]", b"[,1]", b"[1 2]", b"[", b"]", b"{,}", b'{"a":1,}', b'{"a"}', b'{"a" 1}', b"{1:2}", b"[}", b'{"a":1]']
)
def test_json_is_accepted_exactly_where_python_does(values):
    for value in values:
        valid = loads(value)
        if valid:
            value.decode()
        assert accepts(value) == valid, value


@settings(deadline=None, max_examples=60)
@given(st.lists(RECORDS, min_size=1, max_size=8), st.booleans(), st.sampled_from([(",", ":"), (" ,\t", " : ")]))
def test_every_field_is_in_a_column_or_in_meta(records, escapes, separators):
    lines = [json.dumps(r, ensure_ascii=escapes, separators=separators) for r in records]
    lines = [line.encode("utf-8", "surrogatepass") for line in lines]
    piece = parse(lines)
    positions = np.cumsum([0, *(len(line) + 1 for line in lines)])
    good = dict(zip(piece.positions.tolist(), range(len(piece.positions)), strict=True))
    bad = {reject.position: reject.reason for reject in piece.rejects}
    for line, position in zip(lines, positions):
        try:
            expected = naive_columns(naive.load(line))
        except UnicodeDecodeError:
            expected = "invalid UTF-8"
        if isinstance(expected, str):
            assert bad[position] == expected
            continue
        row = good[position]
        values = [column[row].as_py() for column in piece.columns]
        assert (*values, naive.load(piece.meta[row].as_py().encode("utf-8", "surrogatepass"))) == expected


def naive_columns(record: dict):
    """(text, name, n, the rest) of a record, or why it has none."""
    found = [naive.choose(record, column.alternatives) for column in ALL.columns]
    text, reason = naive.text_of(found[0])
    if text is None:
        return reason
    name, n = naive.scalar_of(found[1]), naive.scalar_of(found[2])
    if n is not None and not (re.fullmatch("-?[0-9]+", n) and -(2**63) <= int(n) < 2**63):
        n = None
    for taken, value in ((found[0], text), (found[1], name), (found[2], n)):
        for path, _ in taken if value is not None else ():
            naive.remove(record, path)
    return text, name, None if n is None else int(n), record


def one(line: str, fields: Fields = ALL):
    """The columns of one record, and its `meta`."""
    piece = parse([line.encode()], fields)
    assert not piece.rejects
    return [column[0].as_py() for column in piece.columns], piece.meta[0].as_py()


def test_of_equal_names_the_last_wins_and_none_is_left():
    columns, meta = one('{"text": "a", "n": 1, "text": "b", "n": 2, "x": 1, "x": 2}')
    assert columns == ["b", None, 2]
    assert meta == '{"x":1,"x":2}'


def test_a_name_with_a_dot_comes_before_a_path_whatever_their_order():
    for line in (
        '{"text":"t","meta":{"name":"in"},"meta.name":"out"}',
        '{"text":"t","meta.name":"out","meta":{"name":"in"}}',
    ):
        assert one(line) == (["t", "out", None], '{"meta":{"name":"in"}}')


def test_names_are_compared_unescaped():
    assert one('{"te\\u0078t": "t", "m\\u0065ta": {"n\\u0061me": "x"}}') == (["t", "x", None], '{"m\\u0065ta":{}}')


def test_numbers_and_escapes_stay_as_they_are_written():
    _, meta = one(
        '{"text":"t", "a": [1.0, 1e400, -0, 123456789012345678901234567890], "b": "\\u00e9\\/", "c": {}, "d": []}'
    )
    assert meta == '{"a":[1.0,1e400,-0,123456789012345678901234567890],"b":"\\u00e9\\/","c":{},"d":[]}'


def test_a_field_may_be_wanted_as_a_whole_and_in_part():
    fields = Fields((Column("text", "a.b.c", "text"), Column("x", "a.b", "string"), Column("y", "a.d", "bool")))
    assert one('{"a": {"b": {"c": "t", "e": 1}, "d": true}, "f": null}', fields) == (
        ["t", None, True],
        '{"a":{"b":{"e":1}},"f":null}',
    )


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ('{"text": null}', "text is null", "field text,question+answer"),
        ("{}", "text is missing", "field text,question+answer"),
        ('{"question": "q", "answer": 1.5}', "text is a number", "field text,question+answer"),
        ('{"text": {"a": 1}}', "text is an object", "field text,question+answer"),
        ('{"text": ["a"]}', "text is an array", "field text,question+answer"),
        ('{"text": true}', "text is a boolean", "field text,question+answer"),
        ('{"text": "\\ud800"}', "text is not Unicode", "field text,question+answer has half of a surrogate pair"),
        ('{"text": "a"', "invalid JSON", "it ends early, at byte 12 of the record"),
        ('["text"]', "invalid JSON", "not an object, at byte 0 of the record"),
        ('{"text": "a"} {}', "invalid JSON", "something after the object, at byte 14 of the record"),
        ('{"text": "a' + "\t" + '"}', "invalid JSON", "a control character in a string, at byte 11 of the record"),
        ('{"text": "a", "b": ' + "[" * 1000, "invalid JSON", "nested deeper than 1000, at byte 1018 of the record"),
    ],
)
def test_why_a_record_is_none(line, reason, detail):
    piece = parse([line.encode(), b'{"text": "next"}'])
    assert [(r.position, r.unit, r.reason, r.detail) for r in piece.rejects] == [(0, "byte", reason, detail)]
    assert piece.columns[0].to_pylist() == ["next"]


def test_an_id_must_be_there():
    fields = Fields((Column("text", "text", "text"), Column("id", "id", "string")), given_id=True)
    lines = [
        '{"text":"a","id":7}',
        '{"text":"b","id":{}}',
        '{"text":"c"}',
        '{"text":"d","id":null}',
        '{"text":"e","id":"\\ud800"}',
    ]
    piece = parse([line.encode() for line in lines], fields)
    assert piece.columns[1].to_pylist() == ["7"]
    assert [r.reason for r in piece.rejects] == ["id is an object", "id is missing", "id is null", "id is not Unicode"]


def test_values_of_another_type_are_counted_and_kept():
    piece = parse(
        [b'{"text":"t","n":1.5}', b'{"text":"t","n":"12"}', b'{"text":"t","n":null}', b'{"text":"t","n":[1]}']
    )
    assert piece.columns[2].to_pylist() == [None, 12, None, None]
    assert piece.meta.to_pylist() == ['{"n":1.5}', "{}", '{"n":null}', '{"n":[1]}']
    assert piece.unfit == {"n": 2}


def test_no_records():
    piece = parse([])
    assert len(piece.positions) == 0
    assert [len(column) for column in piece.columns] == [0, 0, 0]
