import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, dsir, wordpunct
from tests.kernels.test_wordpunct import TEXTS
from tests.naive import dsir as naive

WORDS = st.lists(st.sampled_from(["a", "The", "!", "internationalisation", "Größe", "_x1", "--", "中文"]), max_size=60)
TEXTS_OF_WORDS = st.lists(WORDS.map(" ".join), max_size=6)


def sliced(texts):
    return arrow.strings(pa.array(["before it", *texts, "after it"], pa.large_string()).slice(1, len(texts)))


@settings(deadline=None, max_examples=40)
@given(
    st.one_of(TEXTS, TEXTS_OF_WORDS), st.sampled_from([1, 2, 97, 10_000, 2**20]), st.sampled_from([1, 2, 5, 1 << 62])
)
def test_counts(texts, buckets, chunk):
    values = sliced(texts)
    out = np.zeros(buckets, dtype=np.int64)
    dsir.count(values.offsets, values.data, wordpunct.tables(marks=True), np.int64(chunk), out)
    assert out.tolist() == naive.counts(texts, buckets, chunk)


@settings(deadline=None, max_examples=40)
@given(st.one_of(TEXTS, TEXTS_OF_WORDS), st.sampled_from([1, 2, 7, 1 << 62]), st.booleans(), st.integers(0, 9))
def test_weights(texts, chunk, mean, seed):
    values = sliced(texts)
    ratios = np.random.default_rng(seed).normal(0, 4, size=97)
    ratios.setflags(write=False)
    out = np.empty(len(values), dtype=np.float64)
    dsir.weigh(values.offsets, values.data, wordpunct.tables(marks=True), np.int64(chunk), mean, ratios, out)
    for text, found in zip(texts, out, strict=True):
        expected = naive.weight(text, ratios.tolist(), chunk, mean)
        assert np.isnan(found) if expected is None else found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("ngram", ["a", "the cat", "größe !", "a" * 8, "a" * 9, "\x00", "\x00\x00", "x" * 5000 + " y"])
def test_hash_of_an_ngram(ngram):
    values = sliced([ngram])
    out = np.empty(1, dtype=np.uint64)
    dsir.hash_ngrams(values.offsets, values.data, wordpunct.tables(marks=True), out)
    for buckets in (1, 97, 10_000, 2**20):
        assert dsir.bucket(out[0], np.uint64(buckets)) == naive.bucket(ngram, buckets)


def test_buckets_are_even_and_reach_both_ends():
    texts = [f"word{i}" for i in range(100_000)]
    values = arrow.strings(pa.array(texts, pa.large_string()))
    out = np.zeros(1000, dtype=np.int64)
    dsir.count(values.offsets, values.data, wordpunct.tables(marks=True), dsir.WHOLE, out)
    assert ((out - 100) ** 2 / 100).sum() < 999 + 5 * np.sqrt(2 * 999)


def test_bigrams_are_not_symmetric_and_are_not_words():
    words = [f"w{i}" for i in range(300)]
    values = arrow.strings(pa.array([f"{a} {b}" for a in words for b in words], pa.large_string()))
    out = np.empty(len(values), dtype=np.uint64)
    dsir.hash_ngrams(values.offsets, values.data, wordpunct.tables(marks=True), out)
    assert len(np.unique(out)) == len(out)
