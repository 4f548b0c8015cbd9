"""What is wrong with a corpus besides its shards; damage to those is tested with the pipelines."""

import dataclasses

import pytest

from curate.runtime.verify import verify
from curate.storage import manifest
from curate.storage.corpus import Corpus
from tests import material, running

pytestmark = pytest.mark.usefixtures("own_stages")


@pytest.fixture
def corpus(tmp_path):
    material.write_lines(tmp_path / "raw/x.txt", material.docstrings()[:6])
    running.step("lines", {"sources": [str(tmp_path / "raw")]}, to=str(tmp_path / "pool"))
    running.step("tally", {}, corpus=str(tmp_path / "pool"))
    return Corpus(tmp_path / "pool")


def problems(corpus):
    return {layer: found for layer, _, found in verify(corpus) if found}


@pytest.mark.parametrize("name", ["model", "summary"])
def test_a_damaged_model_or_summary_is_found(corpus, name):
    assert problems(corpus) == {}
    path = getattr(corpus.current("tally"), name)
    path.write_bytes(path.read_bytes()[:-9])
    assert list(problems(corpus)) == ["tally"] and "damaged" in problems(corpus)["tally"][0]


def test_a_layer_that_read_fewer_documents_than_there_are_is_found(corpus):
    found = corpus.must("tally")
    less = {**found.ledger, "in": found.ledger["in"] - 1, "out": found.ledger["out"] - 1}
    manifest.write(corpus.folder("tally"), dataclasses.replace(found, ledger=less))
    assert "5 documents were read, the text has 6" in problems(corpus)["tally"][0]
