import datetime
import decimal
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import export
from curate.errors import UsageError
from tests.naive import export as naive

TEXT = st.text(st.one_of(st.sampled_from('"\\\n\x00\u2028漢'), st.characters(exclude_categories=["Cs"])), max_size=20)
MAYBE = st.one_of(st.none(), TEXT)
NESTED = st.tuples(MAYBE, st.integers(0, 9)).map(lambda pair: dict(zip(("é", "n"), pair, strict=True)))
VALUES = st.tuples(
    TEXT,
    MAYBE,
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.lists(MAYBE, max_size=3)),
    st.one_of(st.none(), NESTED),
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ('a "b"', pa.int64()),
        ("kept", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("nested", pa.struct([("é", pa.string()), ("n", pa.int8())])),
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, max_size=6), st.integers(0, 3))
def test_lines_equal_those_of_the_standard_library(values, start):
    rows = [dict(zip(SCHEMA.names, row, strict=True)) for row in values]
    table = pa.Table.from_pylist(rows, schema=SCHEMA).slice(start)
    assert export.json_lines(table, SCHEMA.names).tobytes() == b"".join(map(naive.line, rows[start:]))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(), max_size=10))
def test_floats_come_back(values):
    rows = export.json_lines(pa.table({"x": pa.array(values, pa.float64())}), ["x"]).tobytes().splitlines()
    for value, line in zip(values, rows, strict=True):
        back = json.loads(line)["x"]
        assert back == (value if np.isfinite(value) else None)
        assert back is None or isinstance(back, float)


def written(array: pa.Array, name: str = "x") -> list:
    return [
        json.loads(line)[name] for line in export.json_lines(pa.table({name: array}), [name]).tobytes().splitlines()
    ]


def test_types():
    utc = datetime.UTC
    when = [
        datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=utc),
        datetime.datetime(1969, 12, 31, 23, 0, 0, 5, tzinfo=utc),
        None,
    ]
    assert written(pa.array(when, pa.timestamp("us", tz="UTC"))) == [
        "2024-02-29T01:02:03Z",
        "1969-12-31T23:00:00.000005Z",
        None,
    ]
    assert written(pa.array(when[:1], pa.timestamp("s"))) == ["2024-02-29T01:02:03"]
    assert written(pa.array([datetime.date(2024, 2, 29)])) == ["2024-02-29"]
    assert written(pa.array([b"\x00\xff", None, b""])) == ["00ff", None, ""]
    assert written(pa.array([b"\x00\xff", None], pa.binary(2))) == ["00ff", None]
    assert written(pa.array([decimal.Decimal("1.50")])) == [1.5]
    assert written(pa.array(["a", None, "a"]).dictionary_encode()) == ["a", None, "a"]
    assert written(pa.nulls(2)) == [None, None]
    half = np.array([[1, 0.1], [-2, 65504]], dtype=np.float16)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(half.reshape(-1)), 2)
    assert np.array_equal(np.array(written(vectors), dtype=np.float16), half)
    masked = pa.FixedSizeListArray.from_arrays(pa.array(half.reshape(-1)), 2, mask=pa.array([True, False]))
    assert written(masked) == [None, [-2.0, 65504.0]]
    assert written(vectors[1:]) == [[-2.0, 65504.0]]
    single = np.array([0.1, 1e-30, 3.4e38], dtype=np.float32)
    assert np.array_equal(np.array(written(pa.array(single)), dtype=np.float32), single)
    assert written(pa.array([[[1], []], None], pa.large_list(pa.list_(pa.int8())))) == [[[1], []], None]
    assert written(pa.array([{}, None], pa.struct([]))) == [{}, None]


def test_meta_is_nested_as_it_stands():
    number = '{"n": 1.000000000000000000001, "a": ["\\u00e9"]}'
    line = export.json_lines(pa.table({"meta": pa.array([number], pa.large_string())}), ["meta"]).tobytes()
    assert line == b'{"meta":' + number.encode() + b"}\n"


def test_a_type_without_json_is_refused():
    with pytest.raises(UsageError, match=r"--columns x: .*map"):
        written(pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())))


TABLES = [
    pa.table({"id": ["a", "b"], "text": pa.array(["one\n", "two"], pa.large_string()), "n": [1, None]}),
    pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.large_string()), "n": pa.array([], pa.int64())}),
    pa.table({"id": ["c"], "text": pa.array(["drei"], pa.large_string()), "n": [3]}),
]
LINES = b'{"text":"one\\n","id":"a"}\n{"text":"two","id":"b"}\n{"text":"drei","id":"c"}\n'


@pytest.mark.parametrize(
    ("form", "opened"),
    [
        ("jsonl", bytes),
        ("jsonl.gz", gzip.decompress),
        ("jsonl.zst", lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
    ],
)
def test_json_files(tmp_path, form, opened):
    paths = [str(tmp_path / name) for name in ("first", "second")]
    for path in paths:
        assert export.write_json(iter(TABLES), path, ["text", "id"], form) == 3
    first, second = ((tmp_path / name).read_bytes() for name in ("first", "second"))
    assert opened(first) == LINES
    assert first == second


def test_many_pieces_are_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_CHUNK_BYTES", 1)
    export.write_json(TABLES, str(tmp_path / "a"), ["text", "id"], "jsonl")
    assert (tmp_path / "a").read_bytes() == LINES


def test_plain_text(tmp_path):
    assert export.write_text(TABLES, str(tmp_path / "a"), "\f\n") == 3
    assert (tmp_path / "a").read_bytes() == b"one\n\f\ntwo\f\ndrei\f\n"


def test_parquet(tmp_path):
    path = str(tmp_path / "a")
    assert export.write_parquet(TABLES, path, ["n", "text"]) == 3
    assert pq.read_table(path).equals(pa.concat_tables(TABLES).select(["n", "text"]))


def test_nothing_is_a_readable_file(tmp_path):
    for form, reading in (("jsonl.gz", gzip.decompress), ("jsonl", bytes)):
        assert export.write_json([TABLES[1]], str(tmp_path / "a"), ["id"], form) == 0
        assert reading((tmp_path / "a").read_bytes()) == b""
    export.write_parquet([TABLES[1]], str(tmp_path / "b"), ["id"])
    assert pq.read_table(str(tmp_path / "b")).num_rows == 0
