import dataclasses
import json

import pytest

from curate.errors import DataError
from curate.storage import manifest
from curate.storage.manifest import Manifest, ShardEntry


def made(shards: int = 2, **changed) -> Manifest:
    fields = {field.name for field in dataclasses.fields(ShardEntry)}
    extra = {"tokens": 3} if "tokens" in fields else {}
    value = Manifest(
        layer="length",
        stage="length",
        revision=1,
        fingerprint="f" * 64,
        generation="f" * 12,
        columns=[["length", "int64"]],
        shards=[
            ShardEntry(name=f"{i:05}-000", rows=2, bytes=10, digest=f"d{i}", cause="c", **extra) for i in range(shards)
        ],
        ledger={"in": 4, "out": 4, "removed": {}, "quarantined": 0, "repeats": 0, "counts": {}},
        options={"options": {"unit": 1}},
        inputs={"documents": "x"},
    )
    return dataclasses.replace(value, **changed)


def test_it_comes_back(tmp_path):
    manifest.write(tmp_path, made())
    assert manifest.read(tmp_path) == made()
    assert (made().rows, made().bytes, made().column_names) == (4, 20, ["length"])


def test_none_where_there_is_none(tmp_path):
    assert manifest.read(tmp_path) is None


def test_a_long_list_lies_beside_it(tmp_path):
    long = made(manifest.LIST_LIMIT + 1)
    (tmp_path / long.generation).mkdir()
    manifest.write(tmp_path, long)
    assert (tmp_path / "manifest.json").stat().st_size < 5000
    assert manifest.read(tmp_path) == long
    assert (tmp_path / long.generation / "shards.parquet").exists()


def test_content_is_that_of_columns_and_values():
    base = made().content
    for name, value in {"fingerprint": "e" * 64, "generation": "e" * 12, "options": {}, "inputs": {}}.items():
        assert made(**{name: value}).content == base
    entry = made().shards[0]
    assert made(shards=1).content != base
    assert made(columns=[["length", "int32"]]).content != base
    for name, value in {"digest": "other", "rows": 3, "name": "00009-000"}.items():
        changed = [dataclasses.replace(entry, **{name: value}), *made().shards[1:]]
        assert dataclasses.replace(made(), shards=changed).content != base
    changed = [dataclasses.replace(entry, cause="other"), *made().shards[1:]]
    assert dataclasses.replace(made(), shards=changed).content == base


@pytest.mark.parametrize("text", ["", "{", '{"format": 99}', "{}", "[]", "null"])
def test_what_is_no_manifest(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json: .*make it again"):
        manifest.read(tmp_path)


def test_it_says_nothing_of_time_or_place(tmp_path):
    manifest.write(tmp_path / "a", made())
    manifest.write(tmp_path / "b", made())
    text = (tmp_path / "a/manifest.json").read_bytes()
    assert text == (tmp_path / "b/manifest.json").read_bytes()
    assert str(tmp_path).encode() not in text and [*json.loads(text)] == sorted(json.loads(text))
