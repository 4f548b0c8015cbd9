import base64
import bz2
import datetime
import decimal
import gzip
import json
import lzma
import math

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import DataError, UsageError
from curate.formats import FORMATS, format_of, json_values, texts
from curate.formats.fields import Column, Fields, text_only
from curate.formats.records import Settings, Source

PACKERS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ROWS = [{"text": "one é", "n": 1, "x": {"y": [1, None]}}, {"text": "two\n\n2", "n": None, "x": None}]
FIELDS = Fields((Column("text", "text", "text"), Column("n", "n", "int64")))


def table_bytes(write) -> bytes:
    sink = pa.BufferOutputStream()
    write(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue().to_pybytes()


def arrow_stream(table, sink):
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


FILES = {
    "a.jsonl": "\n\n".join(map(json.dumps, ROWS)).encode(),
    "a.ndjson": "\r\n".join(map(json.dumps, ROWS)).encode(),
    "a.json": json.dumps(ROWS, indent=2).encode(),
    "b.json": "\n".join(map(json.dumps, ROWS)).encode(),
    "c.json": " ".join(json.dumps(row, indent=1) for row in ROWS).encode(),
    "a.csv": 'text,n,x\r\none é,1,"{""y"": [1, null]}"\r\n"two\n\n2",,\r\n'.encode(),
    "a.tsv": 'text\tn\tx\none é\t1\t"{""y"": [1, null]}"\n"two\n\n2"\t\t\n'.encode(),
    "a.parquet": table_bytes(pq.write_table),
    "a.feather": table_bytes(pyarrow.feather.write_feather),
    "a.arrow": table_bytes(arrow_stream),
}


def read(path, fields=FIELDS, settings=None, **source):
    """(texts, every column, meta, rejects) of all pieces."""
    pieces = list(format_of(path.name).read(Source(str(path), **source), fields, settings or Settings()))
    columns = [[v for p in pieces for v in p.columns[i].to_pylist()] for i in range(len(fields.columns))]
    meta = [json.loads(v) for p in pieces for v in p.meta.to_pylist()]
    positions = [int(v) for p in pieces for v in p.positions]
    assert len(positions) == len(meta) == len(columns[0])
    return positions, columns, meta, [reject for p in pieces for reject in p.rejects]


@pytest.mark.parametrize("packing", list(PACKERS))
@pytest.mark.parametrize("name", list(FILES))
def test_every_format_packed_and_plain(tmp_path, name, packing):
    path = tmp_path / (name + packing)
    path.write_bytes(PACKERS[packing](FILES[name]))
    positions, columns, meta, rejects = read(path)
    assert rejects == []
    assert columns == [["one é", "two\n\n2"], [1, None]]
    if name[2:] in ("csv", "tsv"):
        assert meta == [{"x": '{"y": [1, null]}'}, {"n": "", "x": ""}]
    else:
        assert meta == [{"x": {"y": [1, None]}}, {"n": None, "x": None}]
    assert positions == sorted(set(positions))


def test_packing_is_told_by_the_bytes_not_by_the_name(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(FILES["a.jsonl"])
    (tmp_path / "a.jsonl").write_bytes(zstandard.compress(FILES["a.jsonl"]))
    assert read(tmp_path / "a.jsonl.gz")[1] == read(tmp_path / "a.jsonl")[1]


def test_names_tell_the_format():
    assert format_of("a.b/x.JSONL.gz").name == "jsonl"
    assert format_of("x.md").name == "markdown"
    assert format_of("x.arc.gz", "text").name == "text"
    for name in ("x.arc.gz", "x", "x.gz"):
        with pytest.raises(UsageError, match=r"leave it out.*glob.*--format.*jsonl \(.jsonl .ndjson"):
            format_of(name)
    with pytest.raises(UsageError, match="no such format"):
        format_of("x.txt", "arc")


@pytest.mark.parametrize("name", [f"a{item.suffixes[0]}" for item in FORMATS.values()])
@pytest.mark.parametrize("packing", ["", ".gz"])
def test_an_empty_file_is_a_reject(tmp_path, name, packing):
    path = tmp_path / (name + packing)
    path.write_bytes(PACKERS[packing](b""))
    positions, _, _, rejects = read(path)
    assert positions == []
    assert [(r.position, r.unit, r.reason) for r in rejects] == [(0, "byte", "empty file")]


@pytest.mark.parametrize("name", [f"a{item.suffixes[0]}" for item in FORMATS.values()])
def test_a_missing_file_is_a_reject(tmp_path, name):
    _, _, _, rejects = read(tmp_path / name)
    assert [(r.position, r.reason) for r in rejects] == [(0, "unreadable file")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.json"])
def test_a_truncated_stream_gives_what_is_there(tmp_path, name):
    lines = [f'{{"text": "line {i}"}}' for i in range(2000)]
    text = {
        "a.jsonl": "\n".join(lines),
        "a.csv": "\n".join(["text,n", *(f'"line {i}",{i}' for i in range(2000))]),
        "a.txt": "\n".join(f"line {i}" for i in range(2000)),
        "a.json": f"[{','.join(lines)}]",
    }[name]
    packed = gzip.compress(text.encode(), 1)
    path = tmp_path / (name + ".gz")
    path.write_bytes(packed[: len(packed) // 2])
    _, columns, _, rejects = read(path, text_only("text"), Settings(split="lines"))
    assert len(columns[0]) > 700
    assert columns[0] == [f"line {i}" for i in range(len(columns[0]))]
    reasons = [r.reason for r in rejects]
    assert reasons == ["invalid JSON" if name == "a.jsonl" else "record cut short", "truncated gzip stream"]
    assert rejects[1].position == len(packed) // 2


def test_bad_records_leave_the_others(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text":"a"}\n{"text":"\xff"}\n{"text"\n{"text":null}\n\n{"text":"b"}')
    positions, columns, _, rejects = read(path)
    assert columns[0] == ["a", "b"]
    assert positions == [0, 49]
    assert [(r.position, r.reason) for r in rejects] == [
        (13, "invalid UTF-8"),
        (26, "invalid JSON"),
        (34, "text is null"),
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt", "a.parquet"])
def test_long_documents_are_passed_over(tmp_path, name):
    values = ["a", "x" * 5000, "b"]
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(pa.table({"text": values}), path)
    else:
        path.write_text(
            {
                "a.jsonl": "\n".join(json.dumps({"text": v}) for v in values),
                "a.json": json.dumps([{"text": v} for v in values]),
                "a.csv": "text\n" + "\n".join(values),
                "a.txt": "\n".join(values),
            }[name]
        )
    _, columns, _, rejects = read(path, text_only("text"), Settings(4000, "lines"))
    assert columns[0] == ["a", "b"]
    assert [r.reason for r in rejects] == ["document too long"]
    assert rejects[0].detail.endswith("more than --max-document-bytes 4000")


def test_text_files(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo\n\n \nthree\n".encode())
    for split, expected in (
        ("none", ["one\r\ntwo\n\n \nthree\n"]),
        ("paragraphs", ["one\r\ntwo", "three"]),
        ("lines", ["one", "two", "three"]),
    ):
        positions, columns, meta, rejects = read(path, FIELDS, Settings(split=split))
        assert columns == [expected, [None] * len(expected)]
        assert meta == [{}] * len(expected)
        assert rejects == []
        assert (
            split == "none"
            or [path.read_bytes()[p:][: len(t)].decode() for p, t in zip(positions, expected)] == expected
        )
    path.write_bytes(b"a\n\xff\n")
    assert read(path)[3][0].reason == "invalid UTF-8"
    assert read(path, FIELDS, Settings(split="lines"))[1][0] == ["a"]
    path.write_bytes(b"abc")
    assert read(path, FIELDS, Settings(2))[3][0].reason == "document too long"


def test_json_files_that_break_off(tmp_path):
    path = tmp_path / "a.json"
    ends = "it ends early, at byte 4 of the record"
    after = "something after the object, at byte 5 of the record"
    for text, expected in (
        ('[{"text":"a"},', (1, "invalid JSON", "the array is not closed")),
        ('[{"text":"a"},{"te', (1, "invalid JSON", ends)),
        ('[{"text":"a"}] {"text":"b"}', (1, "invalid JSON", "something follows the array")),
        ('[{"text":"a"}, {"t":1}]', (1, "text is missing", "field text")),
        ('[{"text":"a"}, {"b":1} {"text":"b"}]', (1, "invalid JSON", after.replace("5", "8"))),
    ):
        path.write_text(text)
        _, columns, _, rejects = read(path)
        assert columns[0] == ["a"]
        assert [(r.position, r.reason, r.detail) for r in rejects] == [expected]


def test_csv_headers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'"text\n1","a ""b"""\nx,y\n')
    assert read(path, text_only("text\n1"))[1:3] == ([["x"]], [{'a "b"': "y"}])
    for header in (b'"a', b'"a"b,c', b"\xff,text"):
        path.write_bytes(header + b"\nx,y\n")
        (reject,) = read(path)[3]
        assert reject.reason == "header is not readable"
    path.write_bytes(b"a,b\n")
    assert read(path) == ([], [[], []], [], [])


def test_parquet_by_ranges_and_with_damage(tmp_path):
    path = tmp_path / "a.parquet"
    values = [f"document {i} " * 20 for i in range(1000)]
    pq.write_table(pa.table({"text": values}), path, row_group_size=100, compression="none", use_dictionary=False)
    size = path.stat().st_size
    bounds = [0, size // 3, size // 2, size]
    found = [read(path, text_only("text"), start=a, end=b) for a, b in zip(bounds, [*bounds[1:], None])]
    assert [p for item in found for p in item[0]] == list(range(1000))
    assert [t for item in found for t in item[1][0]] == values
    data = bytearray(path.read_bytes())
    metadata = pq.read_metadata(path).row_group(3).column(0)
    data[metadata.data_page_offset : metadata.data_page_offset + 30] = b"\xff" * 30
    path.write_bytes(data)
    positions, _, _, rejects = read(path, text_only("text"))
    assert positions == [*range(300), *range(400, 1000)]
    assert [reject.position for reject in rejects] == list(range(300, 400))
    assert {(reject.unit, reject.reason) for reject in rejects} == {("row", "damaged Parquet row group")}
    assert rejects[0].detail.startswith("row group 3: ")
    path.write_bytes(data[:-20])
    assert [(r.position, r.reason) for r in read(path)[3]] == [(0, "damaged Parquet file")]
    assert read(path, start=10)[3] == []


def test_arrow_files_with_damage(tmp_path):
    path = tmp_path / "a.arrow"
    table = pa.table({"text": [f"document {i}" for i in range(30)]})
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"document 10document 11")
    data[at] = 0xFF
    path.write_bytes(data)
    positions, _, _, (reject,) = read(path, text_only("text"))
    assert positions == [*range(10), *range(11, 30)]
    assert (reject.position, reject.unit, reject.reason) == (10, "row", "invalid UTF-8")
    path.write_bytes(b"no such thing at all")
    assert [r.reason for r in read(path)[3]] == ["damaged Arrow data"]


def test_table_rows_without_a_text(tmp_path):
    path = tmp_path / "a.parquet"
    rows = {
        "text": ["a", None, "c"],
        "other": pa.array([None, "b", None]),
        "n": [1, 2, 3],
        "l": [[1], None, []],
        "b": [b"ok", b"\xff", b""],
    }
    pq.write_table(pa.table(rows), path)
    assert [(r.position, r.reason) for r in read(path, text_only("text"))[3]] == [(1, "text is null")]
    assert read(path, text_only("text,other"))[1] == [["a", "b", "c"]]
    assert read(path, text_only("text+other"))[1] == [[]]
    assert [r.reason for r in read(path, text_only("n"))[3]] == ["text is a number"] * 3
    assert [r.reason for r in read(path, text_only("l"))[3]] == ["text is an array", "text is null", "text is an array"]
    assert [r.reason for r in read(path, text_only("missing"))[3]] == ["text is missing"] * 3
    _, columns, meta, rejects = read(path, text_only("b"))
    assert (columns, [r.reason for r in rejects]) == ([["ok", ""]], ["invalid UTF-8"])
    assert meta[0] == {"text": "a", "other": None, "n": 1, "l": [1]}


def test_nested_fields_of_tables_are_taken_out_of_meta(tmp_path):
    path = tmp_path / "a.parquet"
    rows = [
        {"text": "t", "m": {"x": 1.5, "y": {"z": True}}},
        {"text": "u", "m": {"x": None, "y": None}},
        {"text": "v", "m": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    fields = Fields((Column("text", "text", "text"), Column("z", "m.y.z", "bool"), Column("x", "m.x", "int64")))
    _, columns, meta, _ = read(path, fields)
    assert columns == [["t", "u", "v"], [True, None, None], [None, None, None]]
    assert meta == [{"m": {"x": 1.5, "y": {}}}, {"m": {"x": None, "y": None}}, {"m": None}]


def test_times_and_numbers_of_tables(tmp_path):
    path = tmp_path / "a.parquet"
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)
    zone = datetime.timezone(datetime.timedelta(hours=5))
    table = pa.table(
        {
            "text": ["t"],
            "a": pa.array([moment]),
            "b": pa.array([moment.astimezone(zone)], pa.timestamp("ns", "+05:00")),
            "c": pa.array([moment.date()]),
            "d": pa.array([2**63 - 1], pa.uint64()),
        }
    )
    pq.write_table(table, path)
    columns = [Column("text", "text", "text"), *(Column(n, n, "timestamp") for n in "abc"), Column("d", "d", "int64")]
    _, found, meta, _ = read(path, Fields(tuple(columns)))
    assert [v[0] for v in found[1:]] == [moment, moment, moment.replace(hour=0, minute=0), 2**63 - 1]
    assert meta == [{}]


ARRAYS = [
    (pa.array([1, None, -(2**63)]), [1, None, -(2**63)]),
    (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
    (pa.array([0.1, 1e300, -0.0, None, 5e-324, 1.0]), [0.1, 1e300, -0.0, None, 5e-324, 1.0]),
    (pa.array([math.nan, math.inf, -math.inf]), ["nan", "inf", "-inf"]),
    (pa.array([0.1], pa.float32()), [0.1]),
    (pa.array([1.5], pa.float16()), [1.5]),
    (pa.array([True, False, None]), [True, False, None]),
    (pa.array([decimal.Decimal("1.10")]), [1.1]),
    (pa.array(["a", None, 'q"\\\n\x01é'], pa.string_view()), ["a", None, 'q"\\\n\x01é']),
    (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    (pa.array([b"\x00\xff", b"", None]), ["AP8=", "", None]),
    (pa.array([b"abc"], pa.binary(3)), ["YWJj"]),
    (pa.array([datetime.date(2024, 1, 2)]), ["2024-01-02"]),
    (pa.array([datetime.datetime(2024, 1, 2, 3)]), ["2024-01-02T03:00:00.000000"]),
    (pa.array([datetime.time(1, 2, 3)]), ["01:02:03.000000"]),
    (pa.array([datetime.timedelta(seconds=1)]), [1_000_000]),
    (pa.array([[1, None], None, []]), [[1, None], None, []]),
    (pa.array([[["a"]], [[], None]], pa.large_list(pa.list_(pa.string()))), [[["a"]], [[], None]]),
    (pa.array([[1, 2], [3, 4], None], pa.list_(pa.int32(), 2)), [[1, 2], [3, 4], None]),
    (pa.array([{"a": 1, "b": None}, None, {}]), [{"a": 1, "b": None}, None, {"a": None, "b": None}]),
    (pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int8())), [[{"key": "k", "value": 1}], None, []]),
    (pa.nulls(2), [None, None]),
]


@pytest.mark.parametrize(("array", "expected"), ARRAYS, ids=[str(array.type) for array, _ in ARRAYS])
def test_arrow_values_as_json(array, expected):
    for part, wanted in ((array, expected), (array.slice(1), expected[1:]), (array.slice(0, 0), [])):
        assert [json.loads(value) for value in json_values.values(part).to_pylist()] == wanted
    both = pa.concat_arrays([array, array]).slice(len(array) - 1, 2)
    assert [json.loads(value) for value in json_values.values(both).to_pylist()] == [expected[-1], expected[0]]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)), st.lists(st.none() | st.binary(max_size=9))
)
def test_floats_and_bytes_come_back(floats, values):
    found = [json.loads(v) for v in json_values.values(pa.array(floats, pa.float64())).to_pylist()]
    assert found == floats
    found = json_values.values(pa.array(values, pa.binary())).to_pylist()
    assert [None if json.loads(v) is None else base64.b64decode(json.loads(v)) for v in found] == values


def test_texts(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text":"a","q":"b","r":"c"}\n')
    (tmp_path / "b.txt").write_text("d")
    assert [a.to_pylist() for a in texts(str(tmp_path))] == [["a"], ["d"]]
    assert [a.to_pylist() for a in texts(str(tmp_path / "*.jsonl"), "q")] == [["b"]]
    assert [a.to_pylist() for a in texts(f"{tmp_path / 'a.jsonl'}#x,q+r")] == [["b\n\nc"]]
    with pytest.raises(DataError, match=r"a\.jsonl: byte 0: text is missing"):
        list(texts(str(tmp_path / "a.jsonl"), "x"))
    with pytest.raises(UsageError, match="no file there"):
        list(texts(str(tmp_path / "c.jsonl")))


def test_fields_are_checked():
    for bad in ("", "a,", "a++b", "a+a"):
        with pytest.raises(UsageError, match="a name is"):
            _ = text_only(bad).wanted
    many = Fields((Column("text", ",".join(f"a.{i}" for i in range(33)), "text"),))
    with pytest.raises(UsageError, match="66 fields"):
        _ = many.wanted
    assert np.array_equal(text_only("a.b").wanted.rank, [0, 1])
