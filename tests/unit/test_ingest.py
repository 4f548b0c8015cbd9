import datetime
import json

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.errors import UsageError
from curate.stages import ingest
from curate.stages.ingest import IngestConfig
from curate.storage.schema import DOCUMENTS, REJECTS
from curate.storage.sources import SourceFile, listing


def config(**options) -> IngestConfig:
    return IngestConfig(sources=["x"], **options)


def write(folder, files: dict[str, str | bytes | list]):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "\n".join(json.dumps(record) for record in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def run(folder, options: IngestConfig, shard_bytes: int = 128 << 20):
    """(documents, rejects, sums of the ledger) as the runtime would have them."""
    slices = [{**s, "index": i} for i, s in enumerate(ingest.slices(listing([str(folder)]), options, shard_bytes))]
    (census,) = ingest.STAGE.before
    rows = None
    if census.sample(options) != 0:
        surveys = [piece for item in slices for piece in census.survey(item, None, options)]
        links = [census.link([s.drop_columns(["part"]) for s in surveys], 0, options)]
        rows = pa.concat_tables(census.settle(links, options).rows)
    else:
        assert census.settle([], options).rows is None
    tables, rejects, removed, counts = [], [REJECTS.empty_table()], {}, {}
    schema = pa.schema([*DOCUMENTS, *ingest.adds(options)])
    for item in slices:
        mine = None if rows is None else rows.filter(pa.array(rows["shard"].to_numpy() == item["index"])).sort_by("row")
        for piece in ingest.apply(item, iter(()), mine, None, options):
            assert piece.read == piece.table.num_rows + piece.rejects.num_rows + sum(piece.removed.values())
            assert piece.rejects.schema.equals(REJECTS)
            tables.append(piece.table.cast(schema))
            rejects.append(piece.rejects)
            for total, found in ((removed, piece.removed), (counts, piece.counts)):
                for name, count in found.items():
                    if count:
                        total[name] = total.get(name, 0) + count
    table = pa.concat_tables([schema.empty_table(), *tables])
    assert len(set(table["id"].to_pylist())) == len(table)
    return table, [tuple(row.values()) for row in pa.concat_tables(rejects).to_pylist()], removed, counts


def test_all_kinds_of_files_in_one_call(tmp_path):
    write(
        tmp_path,
        {
            "a.jsonl": [{"text": "one", "url": "http://x", "date": "2024-01-02", "source": "web", "extra": [1.50]}],
            "b/c.csv": "question,text\nq,two\n",
            "b/d.txt": "three",
            "e.md": "# four",
            "f.jsonl": [{"question": "five", "answer": "six"}],
        },
    )
    table, rejects, removed, counts = run(tmp_path, config(text_field="text,question+answer"))
    assert (rejects, removed, counts) == ([], {}, {})
    rows = {row["id"]: row for row in table.to_pylist()}
    assert {name: row["text"] for name, row in rows.items()} == {
        "a.jsonl#0": "one",
        "b/c.csv#0": "two",
        "b/d.txt": "three",
        "e.md": "# four",
        "f.jsonl#0": "five\n\nsix",
    }
    assert {name: row["source"] for name, row in rows.items()} == {
        "a.jsonl#0": "web",
        "b/c.csv#0": "b",
        "b/d.txt": "b",
        "e.md": "markdown",
        "f.jsonl#0": "f",
    }
    first = rows["a.jsonl#0"]
    assert (first["url"], first["date"]) == ("http://x", datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC))
    assert (first["meta"], first["bytes"], len(first["digest"])) == ('{"extra":[1.5]}', 3, 16)
    assert rows["b/c.csv#0"]["meta"] == '{"question":"q"}'


def test_text_is_normalised_and_counted(tmp_path):
    write(tmp_path, {"a.jsonl": [{"text": "e\u0301\r\n\x00x"}, {"text": "plain"}, {"text": " \n"}, {"text": "\x00"}]})
    table, _, removed, counts = run(tmp_path, config())
    assert table["text"].to_pylist() == ["é\nx", "plain"]
    assert table["bytes"].to_pylist() == [4, 5]
    assert removed == {"empty text": 2}
    assert counts["documents_nfc"] == counts["documents_newlines"] == 1
    table, _, _, counts = run(tmp_path, config(nfc=False, newlines=False, controls=False))
    assert table["text"].to_pylist()[0] == "e\u0301\r\n\x00x"
    assert counts == {}


def test_nothing_bad_is_lost(tmp_path):
    good = {"text": "good"}
    lines = [
        json.dumps(good).encode(),
        b'{"text": "\xff"}',
        b'{"text": "cut',
        b'{"text": null}',
        b"{}",
        b'{"text": 5}',
        b"[]",
    ]
    packed = zstandard.compress(b"\n".join([json.dumps(good).encode()] * 9))
    write(
        tmp_path,
        {"a.jsonl": b"\n".join([*lines, lines[0]]), "b.jsonl.zst": packed[:-4], "c.txt": b"", "d.parquet": b"x"},
    )
    table, rejects, removed, _ = run(tmp_path, config())
    assert table["id"].to_pylist()[:2] == ["a.jsonl#0", f"a.jsonl#{sum(map(len, lines)) + len(lines)}"]
    assert removed == {}
    assert [reject[:4] for reject in rejects] == [
        ("a.jsonl", 17, "byte", "invalid UTF-8"),
        ("a.jsonl", 31, "byte", "invalid JSON"),
        ("a.jsonl", 45, "byte", "text is null"),
        ("a.jsonl", 60, "byte", "text is missing"),
        ("a.jsonl", 63, "byte", "text is a number"),
        ("a.jsonl", 75, "byte", "invalid JSON"),
        ("b.jsonl.zst", len(packed) - 4, "byte", "truncated zstd stream"),
        ("c.txt", 0, "byte", "empty file"),
        ("d.parquet", 0, "byte", "damaged Parquet file"),
    ]


def test_a_line_of_200_megabytes(tmp_path):
    packer = zstandard.ZstdCompressor().compressobj()
    with open(tmp_path / "a.jsonl.zst", "wb") as file:
        file.write(packer.compress(b'{"text":"before"}\n{"text":"'))
        for _ in range(200):
            file.write(packer.compress(b"x" * 1_000_000))
        file.write(packer.compress(b'"}\n{"text":"after"}\n') + packer.flush())
    table, rejects, _, _ = run(tmp_path, config())
    assert table["text"].to_pylist() == ["before", "after"]
    assert [reject[:4] for reject in rejects] == [("a.jsonl.zst", 18, "byte", "document too long")]
    assert rejects[0][4].startswith("200000011 bytes")


def test_given_ids_are_unique(tmp_path):
    write(
        tmp_path,
        {
            "a.jsonl": [{"id": 1, "text": "a"}, {"id": "x", "text": None}, {"id": "1", "text": "b"}],
            "b.csv": "id,text\nx,c\ny,d\nx,e\n",
            "c.txt": "no id",
            "d.jsonl": [
                {"id": "y", "text": "f"},
                {"id": "c.txt", "text": "g"},
                {"text": "h"},
                {"id": "z", "text": "i"},
            ],
        },
    )
    for shard_bytes in (1, 5000, 1 << 27):
        table, rejects, _, _ = run(tmp_path, config(id_field="id"), shard_bytes)
        assert dict(zip(table["id"].to_pylist(), table["text"].to_pylist())) == {
            "1": "a",
            "x": "c",
            "y": "d",
            "c.txt": "no id",
            "z": "i",
        }
        assert sorted(r for r in rejects if r[3] == "duplicate id") == [
            ("a.jsonl", 49, "byte", "duplicate id", "1 is the id of a.jsonl#0"),
            ("b.csv", 2, "row", "duplicate id", "x is the id of b.csv#0"),
            ("d.jsonl", 0, "byte", "duplicate id", "y is the id of b.csv#1"),
            ("d.jsonl", 25, "byte", "duplicate id", "c.txt is the id of c.txt"),
        ]
        assert sorted(r[3] for r in rejects if r[3] != "duplicate id") == ["id is missing", "text is null"]


def test_lifted_columns(tmp_path):
    records = [
        {"text": "a", "m": {"year": 2020, "ok": True}, "score": "0.1"},
        {"text": "b", "m": {"year": "x"}, "date": "?"},
    ]
    write(tmp_path, {"a.jsonl": records})
    lifted = ["year=m.year:int64", "ok=m.ok:bool", "score=score:float64"]
    table, _, _, counts = run(tmp_path, config(column=lifted))
    assert table["year"].to_pylist() == [2020, None]
    assert table["ok"].to_pylist() == [True, None]
    assert table["score"].to_pylist() == [0.1, None]
    assert table["date"].to_pylist() == [None, None]
    assert table["meta"].to_pylist() == ['{"m":{}}', '{"m":{"year":"x"},"date":"?"}']
    assert counts == {"year not understood": 1, "date not understood": 1}


def test_sources(tmp_path):
    write(tmp_path, {"a.jsonl": [{"text": "a", "from": "x"}, {"text": "b", "from": ""}], "b/c.jsonl": [{"text": "c"}]})
    assert run(tmp_path, config(source_field="from"))[0]["source"].to_pylist() == ["x", "", "b"]
    assert run(tmp_path, config(source="all"))[0]["source"].to_pylist() == ["all"] * 3


def test_samples_nest(tmp_path):
    write(tmp_path, {"a.jsonl": [{"text": f"t{i}"} for i in range(2000)]})
    table, _, removed, _ = run(tmp_path, config(sample="10%"))
    assert 120 < len(table) < 280
    assert removed == {"sampled out": 2000 - len(table)}
    smaller = run(tmp_path, config(sample=0.02))[0]
    assert set(smaller["id"].to_pylist()) < set(table["id"].to_pylist())
    assert set(run(tmp_path, config(sample=0.1, seed=1))[0]["id"].to_pylist()) != set(table["id"].to_pylist())


def test_names_with_marks_make_no_equal_ids(tmp_path):
    write(tmp_path, {"a": "", "a.txt#0.txt": "x", "a.txt%230.txt": "y", "a.txt": "z"})
    (tmp_path / "a").unlink()
    table, _, _, _ = run(tmp_path, config(split_lines=True))
    assert sorted(table["id"].to_pylist()) == ["a.txt#0", "a.txt%230.txt#0", "a.txt%25230.txt#0"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=30), st.integers(40, 20_000))
def test_any_slicing_gives_the_same_documents(tmp_path_factory, sizes, shard_bytes):
    folder = tmp_path_factory.mktemp("slices")
    records = [{"text": f"{i} " + "x" * size} for i, size in enumerate(sizes)]
    write(folder, {"a.jsonl": records, "b.txt": "\n".join(str(i) for i in range(50)), "c.csv": "text\n1\n2\n"})
    whole = run(folder, config(split_lines=True))[0]
    cut = run(folder, config(split_lines=True), shard_bytes)[0]
    assert cut.combine_chunks().equals(whole.combine_chunks())
    assert len(whole) == len(sizes) + 52


def test_files_of_no_known_kind_are_counted_where_a_folder_was_searched(tmp_path):
    write(tmp_path, {"a.txt": "some text", "b.PNG": "x", "c.png.gz": "x", "d.png": "x", "LICENSE": "x"})
    table, rejects, _, counts = run(tmp_path, config())
    assert (table["id"].to_pylist(), rejects) == (["a.txt"], [])
    left_out = "files left out: "
    assert counts == {left_out + ".png": 2, left_out + ".gz": 1, left_out + "other names": 1}
    with pytest.raises(UsageError, match="LICENSE"):
        ingest.slices(listing([str(tmp_path), str(tmp_path / "LICENSE")]), config(), 100)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(UsageError, match="LICENSE"):
        ingest.slices(listing([str(tmp_path)]), config(), 100)
    assert len(run(tmp_path, config(format="text"))[0]) == 4


def test_slices():
    def file(name: str, size: int) -> SourceFile:
        return SourceFile(f"/d/{name}", name, size, "")

    def of(files, **options):
        found = ingest.slices(files, config(**options), 100_000)
        return [[(f["relative"], f["start"], f["end"]) for f in item["files"]] for item in found]

    assert of([file("a.jsonl", 250_000)]) == [
        [("a.jsonl", 0, 83_333)],
        [("a.jsonl", 83_333, 166_666)],
        [("a.jsonl", 166_666, None)],
    ]
    assert of([file("a.jsonl.gz", 250_000), file("b.csv", 250_000)]) == [
        [("a.jsonl.gz", 0, None)],
        [("b.csv", 0, None)],
    ]
    assert len(of([file("a.parquet", 250_000)])) == 10
    assert len(of([file(f"{i:04}.txt", 10) for i in range(100)])) == 5
    assert len(of([file("a.txt", 250_000)])) == 1
    assert len(of([file("a.txt", 250_000)], split_lines=True)) == 3
    assert len(of([file("a.txt", 250_000)], split_paragraphs=True)) == 1
    with pytest.raises(UsageError, match=r"web\.arc\.gz.*--format"):
        of([file("web.arc.gz", 1)])
    assert of([file("web.arc.gz", 1)], format="text") == [[("web.arc.gz", 0, None)]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": ["x"]}, "write NAME=FIELD:TYPE"),
        ({"column": ["x=y:date"]}, "write NAME=FIELD:TYPE"),
        ({"column": ["text=y:string"]}, "column 'text' is taken"),
        ({"column": ["x=y:string", "x=z:string"]}, "column 'x' is taken"),
        ({"text_field": "a,"}, "a name is empty"),
        ({"text_field": "b,a+a"}, "a name is empty or repeated"),
        ({"split_lines": True, "split_paragraphs": True}, "exclude each other"),
        ({"sample": "0%"}, "greater than 0"),
        ({"sample": "200%"}, "less than or equal to 1"),
        ({"format": "doc"}, "'jsonl'"),
        ({"sources": []}, "at least 1"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValidationError, match=message):
        IngestConfig(**{"sources": ["x"], **options})


def test_every_number_of_a_survey_has_its_type(tmp_path):
    write(tmp_path, {"a.jsonl": [{"text": "a", "id": str(i)} for i in range(500)]})
    (item,) = ingest.slices(listing([str(tmp_path)]), config(id_field="id"), 1 << 27)
    table = pa.concat_tables(ingest.survey({**item, "index": 3}, None, config(id_field="id")))
    assert table["row"].to_pylist() == list(range(500))
    assert table.schema.field("part").type == pa.uint32()
    assert table["shard"].unique().to_pylist() == [3]
    parts = table["part"].to_numpy()
    assert np.ptp(parts) > 2**31
