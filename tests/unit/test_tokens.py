import pydoc_data.topics
import re

import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from curate.algorithms import tokens as algorithms
from curate.algorithms.tokens import counter
from curate.errors import UsageError


def english() -> list[str]:
    """The prose of Python's reference manual, a few hundred kilobytes."""
    return [text for text in pydoc_data.topics.topics.values() if len(text) > 500]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=20_000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(english()[::2], trainer)
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=5)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return str(path)


def test_the_estimate_is_near_a_tokenizer_trained_on_english(trained):
    held_out = pa.array(english()[1::2])
    exact, estimate = counter(trained).count(held_out), counter().count(held_out)
    assert abs(estimate.sum() / exact.sum() - 1) < 0.15
    assert np.sqrt(np.mean((estimate / exact - 1) ** 2)) < 0.2


def test_a_tokenizer_counts_what_it_says_itself(trained):
    texts = ["", "Hello there, world.", "ünïcödé 漢字", "x" * 3000, "One\n\ntwo"]
    tokenizer = Tokenizer.from_file(trained)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    found = counter(trained).count(pa.array([*texts, None], pa.large_string()))
    assert found.dtype == np.int64
    assert found.tolist() == [len(tokenizer.encode(text).ids) for text in texts] + [0]


def test_batches_and_pieces_change_little(trained, monkeypatch):
    texts = pa.array([*english()[:20], "", "nospaces" * 400])
    whole = counter(trained).count(texts)
    monkeypatch.setattr(algorithms, "_BATCH_BYTES", 1000)
    assert counter(trained).count(texts).tolist() == whole.tolist()
    monkeypatch.setattr(algorithms, "_PIECE_CHARACTERS", 500)
    pieces = np.array([len(text) // 400 + 1 for text in texts.to_pylist()])
    difference = np.abs(counter(trained).count(texts) - whole)
    assert difference.max() > 0
    assert (difference <= 2 * pieces).all()


def test_pieces_are_the_text_and_are_cut_before_white_space(monkeypatch):
    monkeypatch.setattr(algorithms, "_PIECE_CHARACTERS", 10)
    for text in ("one two three four five", "x" * 35, "a\nbc d" * 9, " " * 25, ""):
        pieces = list(algorithms._cut(text))
        assert "".join(pieces) == text
        assert all(len(piece) <= 10 for piece in pieces)
    assert list(algorithms._cut("one two three")) == ["one two", " three"]


def test_names_and_whether_a_count_is_an_estimate(trained):
    assert (counter().name, counter().estimated) == ("estimate", True)
    assert (counter(trained).name, counter(trained).estimated) == ("tokenizer.json", False)


def test_slices_nulls_and_empty_arrays(trained):
    array = pa.array(["skip", "one two", None, "", "skip"]).slice(1, 3)
    for each in (counter(), counter(trained)):
        found = each.count(array).tolist()
        assert found[0] > 0
        assert found[1:] == [0, 0]
        assert each.count(pa.array([], pa.large_string())).tolist() == []
        assert each.count(pa.chunked_array([["one two"], ["one two"]])).tolist() == found[:1] * 2


def test_a_tokenizer_that_cannot_be_had_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "broken.json"
    broken.write_text('{"model": 3}')
    for name, reason in [
        (str(broken), "not a tokenizer.json file"),
        (str(tmp_path / "missing.json"), "no such file"),
        (str(tmp_path), "a folder"),
        ("not a hub id!", "Hugging Face hub"),
    ]:
        with pytest.raises(UsageError, match=re.escape(f"tokenizer {name}: ")) as raised:
            counter(name)
        assert reason in str(raised.value)
