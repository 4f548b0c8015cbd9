from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from curate.errors import UsageError
from curate.runtime.fingerprint import absolute_options, digest, file_digest, resolved_options, without_alarms
from curate.stage import Alarm, InputFile, InputPath, ModelPath, Share, StageConfig
from curate.storage import manifest
from curate.storage.corpus import layer_model


class Config(StageConfig):
    """Every kind of option."""

    sources: list[InputPath] = Field([], description="Sources.")
    target: list[InputFile] = Field([], description="Files.")
    model: ModelPath = Field("builtin", description="A keyword, an id or a path.")
    other: InputFile | None = Field(None, description="A file.")
    number: int = Field(1, description="A number.")
    most: Annotated[Share, Alarm] = Field(0.5, ge=0, le=1, description="An alarm.")


def test_digests_are_of_values_and_not_of_their_order():
    assert digest({"a": 1, "b": [1.5, None, "ä"]}) == digest({"b": [1.5, None, "ä"], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest("1") != digest(1)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        digest(value)


def options(**given):
    return resolved_options(Config(**given))


def test_paths_do_not_count_but_options_do():
    assert options(sources=["a"]) == options(sources=["b"])
    assert options(number=2) != options()


def test_an_alarm_counts_not_and_only_a_worker_sees_it():
    config = Config(most="90%", number=2)
    assert "most" not in resolved_options(config)
    assert absolute_options(config, resolved_options(config))["most"] == 0.9
    assert without_alarms(config) == Config(number=2)
    assert options(most=0) == options(most=1)
    with pytest.raises(ValidationError):
        Config(most="101%")


def test_files_count_by_name_and_bytes(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("text")
    one, other = (str(tmp_path / folder / "x.txt") for folder in "ab")
    assert options(target=[one]) == options(target=[other])
    (tmp_path / "b/x.txt").write_text("texts")
    assert options(target=[one]) != options(target=[other])
    assert options(other=one) != options() != options(other=other)
    (tmp_path / "a/y.txt").write_text("text")
    assert options(target=[one]) != options(target=[str(tmp_path / "a/y.txt")])


def test_a_field_of_a_file_counts(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("{}")
    found = file_digest("target", f"{path}#answer")
    assert found["bytes"] == file_digest("target", str(path))["bytes"]
    assert "answer" in str(found) and found != file_digest("target", f"{path}#question")


def test_a_file_with_a_hash_in_its_name(tmp_path):
    path = tmp_path / "x#y.jsonl"
    path.write_text("{}")
    assert file_digest("target", str(path))["name"] == "x#y.jsonl"


def test_the_folder_of_a_layer_counts_as_its_model(tmp_path):
    layer = tmp_path / "pool" / "dsir"
    layer.mkdir(parents=True)
    given = {"layer": "dsir", "stage": "dsir", "revision": 1, "fingerprint": "a" * 64, "generation": "a" * 12}
    empty = {"columns": [], "shards": [], "ledger": {}, "options": {}, "inputs": {}}
    manifest.write(layer, manifest.Manifest(**given, **empty))
    (layer / "notes.txt").write_text("one")
    before = file_digest("model", str(layer))
    (layer / "notes.txt").write_text("other")
    assert layer_model(layer) is None and file_digest("model", str(layer)) != before  # a folder like any other
    (layer / ("a" * 12)).mkdir()
    model = layer / ("a" * 12) / "model.parquet"
    model.write_bytes(b"model")
    assert layer_model(layer) == model
    found = file_digest("model", str(layer))
    assert found == {**file_digest("model", str(model)), "name": "dsir"}
    (layer / "notes.txt").write_text("a third")
    assert file_digest("model", str(layer)) == found
    (layer / "manifest.json").write_text("not ours")
    assert layer_model(layer) is None


def test_a_folder_counts_as_all_its_files(tmp_path):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    for name in ("sub/a", "b"):
        (folder / name).write_text(name)
    found = [options(model=str(folder))]
    (folder / "sub/a").rename(folder / "a")
    found.append(options(model=str(folder)))
    (folder / "a").write_text("b")
    found.append(options(model=str(folder)))
    assert found[0] != found[1] != found[2]


def test_a_glob_counts_as_the_files_it_names(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name)
    before = options(target=[str(tmp_path / "*.txt")])
    (tmp_path / "c.md").write_text("c")
    assert options(target=[str(tmp_path / "*.txt")]) == before
    (tmp_path / "c.txt").write_text("c")
    assert options(target=[str(tmp_path / "*.txt")]) != before


def test_a_keyword_counts_as_it_is_written():
    assert options(model="someone/some-model")["model"] == "someone/some-model"


def test_a_file_that_is_not_there():
    with pytest.raises(UsageError, match="--target 'no/such': no file there"):
        options(target=["no/such"])
