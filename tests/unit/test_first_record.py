import gzip
import json

import pytest
from pydantic import ValidationError

from curate.formats.first_record import without_text
from curate.stages.decontaminate import DecontaminateConfig

RECORD = {"question": "How many?", "answer": {"final": "Two", "note": None}}


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf\n" + json.dumps(RECORD).encode() + b"\n{}\n"))
    return path


@pytest.mark.parametrize("fields", ["question", "question+answer.final", "text,question", " text , question + answer "])
def test_fields_that_are_there(items, fields):
    assert without_text(f"{items}#{fields}") is None
    DecontaminateConfig.model_validate({"benchmark": [f"{items}#{fields}"]})


@pytest.mark.parametrize("fields", ["", "#nope", "#text,question+nope", "#answer.note", "#question.x"])
def test_fields_that_are_not_there_are_told_before_anything_runs(items, fields):
    with pytest.raises(ValidationError, match="its first record has question, answer"):
        DecontaminateConfig.model_validate({"benchmark": [f"{items}{fields}"]})


def test_files_with_separators_are_known_by_their_header(tmp_path):
    (tmp_path / "items.csv").write_text('\ufeff"the question",answer\r\nHow many?,2\r\n')
    (tmp_path / "items.tsv").write_text("question\tanswer\nHow many?\t2\n")
    assert without_text(f"{tmp_path}/items.csv#the question") is None
    assert without_text(f"{tmp_path}/items.tsv#question") is None
    assert "the question, answer" in str(without_text(f"{tmp_path}/items.csv"))
    assert "items.csv" in str(without_text(f"{tmp_path}#question"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "no object"),
        ("a.jsonl", "[1]"),
        ("a.jsonl", ""),
        ("a.csv", '"cut\nin two",b\n1,2\n'),
        ("a.txt", "x"),
    ],
)
def test_what_cannot_be_told_is_left_to_the_reader(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert without_text(f"{tmp_path / name}#nope") is None
    assert without_text(f"{tmp_path / 'none.jsonl'}#nope") is None
