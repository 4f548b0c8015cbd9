"""Other texts put through the stage that made a layer."""

import json

import pyarrow as pa
import pytest

from curate.errors import UsageError
from curate.runtime.inputs import Input
from curate.runtime.likewise import Likewise, check_likewise
from curate.runtime.opened import Opened
from curate.stages import load, stages
from curate.storage.corpus import Corpus
from tests import material, running


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    root = tmp_path_factory.mktemp("likewise")
    texts = [text for text in material.docstrings() if len(text) > 60][:40]
    material.write_records(root / "raw.jsonl", texts)
    material.write_records(root / "good.jsonl", texts[:20])
    running.step("ingest", {"sources": [str(root / "raw.jsonl")]}, to=str(root / "pool"))
    path = str(root / "pool")
    running.step("embed", {"dimensions": 8}, corpus=path, as_="meaning")
    running.step("dsir", {"target": [str(root / "good.jsonl")]}, corpus=path)
    running.step("dedup", {}, corpus=path)
    return root


def source(path):
    corpus = Corpus(path)
    return Input("pool", str(path), {name: corpus.must(name).generation for name in corpus.layers()}, corpus.columns())


def test_the_same_texts_get_the_same_columns(pool):
    table = Opened(pool / "pool").table(["text", "meaning"])
    check_likewise(source(pool / "pool"), "meaning", stages())
    made = Likewise(source(pool / "pool"), ["meaning"], load)(table.select(["text"]))
    assert made.column_names == ["text", "meaning"] and made["meaning"].to_pylist() == table["meaning"].to_pylist()


def test_columns_that_other_documents_cannot_have_are_refused(pool):
    with pytest.raises(UsageError, match="'text' is a column of 'documents'"):
        check_likewise(source(pool / "pool"), "text", stages())
    with pytest.raises(UsageError, match="'dedup_keep' says what a document is among others"):
        check_likewise(source(pool / "pool"), "dedup_keep", stages())
    with pytest.raises(UsageError, match="has no 'text'"):
        Likewise(source(pool / "pool"), ["meaning"], load)(pa.table({"other": ["x"]}))


def test_a_layer_that_was_carried_is_refused(pool):
    running.step("select", {}, corpus=str(pool / "pool"), to=str(pool / "part"), carry="all", where="bytes > 100")
    with pytest.raises(UsageError, match=r"layer 'meaning' was carried over .* `curate embed .* --as meaning`"):
        check_likewise(source(pool / "part"), "meaning", stages())


def test_an_option_that_is_newer_than_the_layer_is_at_its_default(pool):
    manifest = pool / "pool/meaning/manifest.json"
    options = Corpus(pool / "pool").current("meaning").record("options.json")
    for path, given in ((manifest, lambda value: value["options"]["options"]), (options, lambda value: value)):
        value = json.loads(path.read_text())
        assert given(value).pop("seed") == 0
        path.write_text(json.dumps(value))
    check_likewise(source(pool / "pool"), "meaning", stages())


def test_files_that_options_name_must_be_what_they_were(pool):
    given = source(pool / "pool")
    assert Likewise(given, ["dsir"], load)
    kept = json.loads(Corpus(pool / "pool").current("dsir").record("options.json").read_text())
    assert kept["target"] == [str(pool / "good.jsonl")]
    material.write_records(pool / "good.jsonl", ["something else that is there now"])
    with pytest.raises(UsageError, match="layer 'dsir' was made with files that are not what or where they were"):
        check_likewise(given, "dsir", stages())
