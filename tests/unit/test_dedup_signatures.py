import numpy as np
import pyarrow as pa
import pytest
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import dedup_signatures
from curate.kernels import arrow
from tests.naive import dedup as naive

TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "B", "ΟΔΟΣ", "İx", "漢字", "Straße", "...", "\n", "Ⱥ"]), max_size=12).map(" ".join),
    min_size=1,
    max_size=3,
)


def made(texts: list[str], wanted: np.ndarray, **options) -> np.ndarray:
    values = arrow.strings(pa.array(["before", *texts], pa.large_string()).slice(1))
    given_options = {"unit": "word", "ngram": 3, "permutations": 16, "seed": 1, "sketch": "datasketch", **options}
    return dedup_signatures.signatures(values, wanted, **given_options)


@settings(deadline=None, max_examples=40)
@given(TEXTS, st.integers(1, 4), st.integers(0, 9), st.sampled_from(["word", "character"]))
def test_signatures_are_those_of_datasketch(texts, ngram, seed, unit):
    texts = [text for text in texts if naive.words(text)]
    found = made(texts, np.ones(len(texts), np.bool_), ngram=ngram, seed=seed, unit=unit)
    assert found.shape == (len(texts), 16)
    for text, signature in zip(texts, found, strict=True):
        tokens = naive.words(text) if unit == "word" else naive.characters(text)
        model = MinHash(16, seed)
        for start in range(max(1, len(tokens) - ngram + 1)):
            model.update((" " if unit == "word" else "").join(tokens[start : start + ngram]).encode())
        assert signature.tolist() == model.hashvalues.tolist()


def test_signatures_of_the_versions_before():
    found = made(["Some words, and MORE words"], np.ones(1, np.bool_), ngram=2, sketch="datasketch-1", permutations=32)
    model = MinHash(32, 1, scheme="legacy")
    model.update_batch([b"some words", b"words and", b"and more", b"more words"])
    assert found[0].tolist() == model.hashvalues.tolist()
    assert (
        found[0].tolist()
        != made(["Some words, and MORE words"], np.ones(1, np.bool_), ngram=2, permutations=32)[0].tolist()
    )


def test_only_those_wanted(monkeypatch):
    texts = ["a b c d e", "f g h", "a b c d e"]
    whole = made(texts, np.ones(3, np.bool_))
    assert made(texts, np.array([False, True, True])).tolist() == whole[1:].tolist()
    monkeypatch.setattr(dedup_signatures, "_VALUES_AT_ONCE", 33)
    assert made(texts, np.ones(3, np.bool_)).tolist() == whole.tolist()


@pytest.mark.parametrize("sketch", dedup_signatures.SCHEMES)
def test_the_estimate_is_that_of_a_minhash(sketch):
    words = [f"w{i}" for i in range(400)]
    one, other = made(
        [" ".join(words[:300]), " ".join(words[100:])], np.ones(2, np.bool_), ngram=1, permutations=512, sketch=sketch
    )
    assert abs(np.mean(one == other) - 0.5) < 5 * np.sqrt(0.25 / 512)
