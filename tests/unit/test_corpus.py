import dataclasses

import pytest

from curate.errors import UsageError
from curate.storage import manifest
from curate.storage.corpus import Corpus, Generation, generations
from tests.unit.test_manifest import made


@pytest.fixture
def corpus(tmp_path):
    """documents <- length <- word, and other."""
    found = Corpus(tmp_path / "pool")
    text = made(layer="documents", columns=[["id", "string"], ["text", "large_string"]], inputs={})
    length = made(inputs={"documents": text.content})
    word = made(
        layer="word", columns=[["word", "string"]], inputs={"documents": text.content, "length": length.content}
    )
    other = made(layer="a_first", columns=[["a_first", "string"]], inputs={"documents": text.content, "pool/x": "y"})
    for layer in (text, length, word, other):
        manifest.write(found.folder(layer.layer), layer)
    return found


def replace(corpus, layer, **changed):
    manifest.write(corpus.folder(layer), dataclasses.replace(corpus.must(layer), **changed))


def test_layers_and_columns(corpus):
    assert corpus.layers() == ["documents", "a_first", "length", "word"]
    assert corpus.columns() == {
        "id": "documents",
        "text": "documents",
        "a_first": "a_first",
        "length": "length",
        "word": "word",
    }
    assert corpus.owner("word") == "word" and corpus.owner("no") is None


def test_nothing_is_stale_at_first(corpus):
    assert [corpus.stale(layer) for layer in corpus.layers()] == [None] * 4


def test_a_change_makes_stale_what_was_made_from_it(corpus):
    replace(corpus, "length", columns=[["length", "int32"]])
    assert corpus.stale("word") == "layer 'length' has changed since"
    assert corpus.stale("length") is None and corpus.stale("a_first") is None


def test_staleness_is_passed_on(corpus):
    replace(corpus, "documents", columns=[["id", "string"]])
    assert corpus.stale("length") == "layer 'documents' has changed since"
    replace(corpus, "word", inputs={"length": corpus.must("length").content})
    assert corpus.stale("word") == "layer 'length' is stale: layer 'documents' has changed since"


def test_equal_content_is_no_change(corpus):
    replace(corpus, "length", fingerprint="0" * 64, generation="0" * 12, options={})
    assert corpus.stale("word") is None


def test_a_layer_that_is_gone(corpus):
    (corpus.folder("length") / "manifest.json").unlink()
    assert corpus.stale("word") == "it was made from layer 'length', which is gone"
    with pytest.raises(UsageError, match="no layer 'length'; there are: documents, a_first, word"):
        corpus.must("length")


def test_no_corpus(tmp_path):
    with pytest.raises(UsageError, match="no corpus there; `curate ingest"):
        Corpus(tmp_path).documents()
    (tmp_path / "documents").mkdir()
    with pytest.raises(UsageError, match="an unfinished corpus; run"):
        Corpus(tmp_path).documents()
    with pytest.raises(UsageError, match="only local folders"):
        Corpus("s3://bucket/pool")


def test_unused_is_what_no_manifest_names(corpus):
    current = corpus.current("length").folder
    old = corpus.folder("length") / "0123456789ab"
    begun = corpus.folder("begun") / "ab0123456789"
    for folder in (current / "shards", current / "work", old / "shards", begun / "shards"):
        folder.mkdir(parents=True)
    (current / "shards/.writing-1-x").write_text("")
    (corpus.folder("length") / ".writing-2-manifest.json").write_text("")
    found = {str(path.relative_to(corpus.path)) for path in corpus.unused()}
    assert found == {
        "begun/ab0123456789",
        "length/0123456789ab",
        "length/.writing-2-manifest.json",
        f"length/{current.name}/shards/.writing-1-x",
        f"length/{current.name}/work",
    }
    assert set(corpus.unused(corpus.folder("begun"))) == {begun}


def test_a_folder_of_somebody_else_is_not_ours_to_delete(corpus):
    """A corpus within the folder of another, and notes beside the layers."""
    for name in ("kept/documents/0123456789ab/shards", "notes/drafts", "notes/0123456789"):
        (corpus.path / name).mkdir(parents=True)
    (corpus.path / "notes/.writing-down.txt").write_text("mine")
    assert [path for path in corpus.unused() if path.parts[-1] != "work"] == []
    assert generations(corpus.path / "notes") == []


def test_shards_are_in_the_order_of_their_numbers(tmp_path):
    names = ["00000-000", "00000-999", "00000-1000", "00002-000", "99999-000", "100000-000"]
    found = Generation(tmp_path)
    for name in reversed(names):
        found.shard(name).parent.mkdir(exist_ok=True)
        found.shard(name).write_text("")
    assert found.shard_names() == names
