import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, minhash, ngram_sets, words
from tests.naive import dedup as naive

TOP = 2**63
TEXTS = st.lists(st.text("aB é漢字.", max_size=30), min_size=1, max_size=6)


def frozen(texts: list[str]) -> arrow.Strings:
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"?" + b"".join(encoded), dtype=np.uint8)
    return arrow.Strings(np.cumsum([1, *map(len, encoded)]), data)


def lists(offsets: np.ndarray, values: np.ndarray) -> list[list[int]]:
    return [values[start:end].tolist() for start, end in itertools.pairwise(offsets)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=100), st.booleans())
def test_sorted_sets(hashes, crowded):
    if crowded:
        hashes = [value % 50 + TOP for value in hashes]
    out = np.empty(len(hashes), np.uint64)
    count = ngram_sets.sorted_set(np.array(hashes, np.uint64), len(hashes), np.empty(len(hashes) + 1, np.int32), out)
    assert out[:count].tolist() == sorted(set(hashes))


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.integers(1, 3), st.data())
def test_sets_of_documents(texts, ngram, data):
    values = frozen(texts)
    rows = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=6)), dtype=np.int64)
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=np.bool_)
    offsets, sets = np.empty(len(rows) + 1, np.int64), np.empty(40 * len(rows) + 1, np.uint64)
    ngram_sets.document_sets(*values, rows, wanted, words.tables(), words.WORDS, ngram, offsets, sets)
    found = lists(offsets, sets)
    expected = [naive.ngrams(texts[row], ngram) if want else set() for row, want in zip(rows, wanted, strict=True)]
    assert all(one == sorted(set(one)) for one in found)
    assert [len(one) for one in found] == [len(one) for one in expected]
    for i in range(len(rows)):
        for j in range(i):
            assert len(set(found[i]) & set(found[j])) == len(expected[i] & expected[j])


def test_sketches_agree_in_as_many_elements_as_bins():
    texts = ["", "...", "a b c", *(" ".join(f"w{word}" for word in range(start, start + 60)) for start in range(4))]
    values, rows = frozen(texts), np.arange(len(texts))
    permutations = minhash.permutations(64, 3)
    offsets, sets = np.empty(len(rows) + 1, np.int64), np.empty(64 * len(rows), np.uint64)
    wanted = np.array([True] * (len(rows) - 1) + [False])
    ngram_sets.document_sketches(*values, rows, wanted, words.tables(), words.WORDS, 2, permutations, offsets, sets)
    found = lists(offsets, sets)
    assert [len(one) for one in found] == [0, 0, 64, 64, 64, 64, 0]
    sketches = []
    for row in range(2, 6):
        hashes, spans = np.empty(200, np.uint64), np.empty((0, 2), np.int64)
        count = words.hash_words(
            values.data, values.offsets[row], values.offsets[row + 1], words.tables(), hashes, spans
        )
        sketches.append(np.empty(64, np.uint32))
        minhash.sketch(
            hashes, words.hash_ngrams(hashes, count, 2), permutations, np.empty(200, np.uint32), sketches[-1]
        )
    for i in range(4):
        assert found[i + 2] == sorted(set(found[i + 2]))
        for j in range(4):
            assert len(set(found[i + 2]) & set(found[j + 2])) == (sketches[i] == sketches[j]).sum()
    assert 30 < len(set(found[3]) & set(found[4])) < 64


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=5), max_size=6), st.data())
def test_gathered_lists(given_lists, data):
    values = np.array([0, *(value for one in given_lists for value in one)], dtype=np.uint64)[1:]
    values.flags.writeable = False
    offsets = np.cumsum([0, *map(len, given_lists)])
    chosen = data.draw(st.permutations(range(len(given_lists))))[: data.draw(st.integers(0, len(given_lists)))]
    targets, out = np.full(len(given_lists), -1), np.zeros(len(values), np.uint64)
    at = 0
    for i in chosen:
        targets[i] = at
        at += len(given_lists[i])
    ngram_sets.gather(offsets, values, targets, out)
    assert out[:at].tolist() == [value for i in chosen for value in given_lists[i]]
