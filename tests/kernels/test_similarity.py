import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import similarity
from tests.naive.semdedup import cosine


def prepared(vectors):
    """Rows as the kernel takes them, and their lengths."""
    rows = np.zeros((len(vectors), similarity.padded(vectors.shape[1])), dtype=np.float32)
    rows[:, : vectors.shape[1]] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * 1.5
    lengths = np.empty(len(rows))
    similarity.lengths_of(rows, lengths)
    return rows, lengths


def closest(rows, lengths, firsts, lasts, cut=None):
    """The kernel's answer, with the earlier vectors given in blocks of `cut`."""
    count = len(rows)
    cosines, found = np.full(count, -2, dtype=np.float32), np.full(count, -1, dtype=np.int64)
    for low in range(0, count, cut or count):
        high = min(low + (cut or count), count)
        block = rows[low:high]
        similarity.closest(
            rows,
            lengths,
            np.clip(firsts - low, 0, high - low),
            np.clip(lasts - low, 0, high - low),
            block,
            similarity.packed(block),
            1 / lengths[low:high],
            low,
            cosines,
            found,
        )
    return cosines, found


def naive(rows, firsts, lasts):
    cosines, found = [], []
    for row, first, last in zip(rows, firsts, lasts, strict=True):
        values = [np.float32(cosine(row.tolist(), other.tolist())) for other in rows[first:last]]
        best = max(range(len(values)), key=values.__getitem__, default=-1)
        cosines.append(values[best] if values else np.float32(-2))
        found.append(first + best if values else -1)
    return np.array(cosines), np.array(found)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 40),
    dimensions=st.integers(1, 11),
    values=st.sampled_from([2, 3, 50]),
    seed=st.integers(0, 1 << 30),
    cut=st.sampled_from([None, 1, 7, 32]),
)
def test_closest_is_the_definition(count, dimensions, values, seed, cut):
    """Few values make many equal vectors, and cosines that are equal or nearly so."""
    random = np.random.default_rng(seed)
    rows, lengths = prepared(random.integers(1, values, size=(count, dimensions), endpoint=True) * 1.0)
    firsts = random.integers(0, np.arange(count), endpoint=True)
    lasts = np.maximum(firsts, random.integers(0, np.arange(count), endpoint=True))
    rows.flags.writeable = False
    cosines, found = closest(rows, lengths, firsts, lasts, cut)
    expected, of = naive(rows, firsts, lasts)
    assert np.abs(cosines - expected).max() <= 1.2e-7
    same = (found == of) | (np.abs(cosines - expected) > 0)
    assert same.all() or all(_as_good(rows, i, found[i], of[i]) for i in np.flatnonzero(~same))


def _as_good(rows, i, found, of):
    """Two cosines that differ by less than the sums' own rounding may be rounded to float32 either way."""
    return abs(cosine(rows[i].tolist(), rows[found].tolist()) - cosine(rows[i].tolist(), rows[of].tolist())) < 1e-14


def test_many_blocks_and_tiles_give_what_one_does():
    random = np.random.default_rng(0)
    rows, lengths = prepared(random.normal(size=(700, 24)) + 1)
    rows[500:600] = rows[:100]
    lengths[500:600] = lengths[:100]
    lasts = np.arange(700)
    firsts = lasts // 300 * 300
    cosines, found = closest(rows, lengths, firsts, lasts)
    whole = rows.astype(np.float64) / lengths[:, None] @ (rows.astype(np.float64) / lengths[:, None]).T
    for i in (1, 127, 128, 299, 301, 555, 699):
        assert cosines[i] == pytest.approx(whole[i, firsts[i] : i].max(), abs=1e-7)
        assert found[i] == firsts[i] + whole[i, firsts[i] : i].argmax()
    assert cosines[[0, 300, 600]].tolist() == [-2, -2, -2] and found[[0, 300, 600]].tolist() == [-1, -1, -1]
    for cut in (100, 128, 333):
        again = closest(rows, lengths, firsts, lasts, cut)
        assert (again[0] == cosines).all() and (again[1] == found).all()


def test_what_float32_cannot_tell_is_decided_by_the_exact_cosine():
    """Many vectors within the error of a float32 product of one another: the best is the best by the exact cosine."""
    random = np.random.default_rng(3)
    base = random.normal(size=256)
    rows, lengths = prepared((base + random.normal(size=(300, 256)) * 2e-3).astype(np.float32))
    lasts = np.arange(300)
    cosines, found = closest(rows, lengths, np.zeros(300, dtype=np.int64), lasts)
    exact = rows.astype(np.longdouble) @ rows.T.astype(np.longdouble)
    exact /= np.sqrt(np.diag(exact))[:, None] * np.sqrt(np.diag(exact))[None]
    rough = (rows @ rows.T) / np.float32(2.25)
    best = [int(np.argmax(exact[i, :i].astype(np.float32))) for i in range(1, 300)]
    assert found[1:].tolist() == best
    assert [int(np.argmax(rough[i, :i])) for i in range(1, 300)] != best
    assert (cosines[1:] == [np.float32(exact[i, j]) for i, j in enumerate(best, start=1)]).all()


def test_of_equal_vectors_the_first_counts_and_the_cosine_is_one():
    rows, lengths = prepared(np.repeat(np.random.default_rng(1).normal(size=(2, 10)), 150, axis=0))
    cosines, found = closest(rows, lengths, np.zeros(300, dtype=np.int64), np.arange(300))
    assert (cosines[1:150] == 1).all() and (found[1:150] == 0).all()
    assert (cosines[151:] == 1).all() and (found[151:] == 150).all()


def test_nothing_at_all():
    empty = np.zeros((0, 8), dtype=np.float32)
    similarity.closest(
        empty,
        np.zeros(0),
        np.zeros(0, dtype=np.int64),
        np.zeros(0, dtype=np.int64),
        empty,
        similarity.packed(empty),
        np.zeros(0),
        0,
        np.zeros(0, dtype=np.float32),
        np.zeros(0, dtype=np.int64),
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(1, 9), st.sampled_from([-0.5, 0.0, 0.5, 0.9, 1.0]))
@settings(deadline=None, max_examples=60)
def test_what_is_admitted_is_so_by_what_was_before(seed, count, dimensions, below):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(max(1, count), dimensions))[random.integers(0, max(1, count), count)]
    vectors += random.normal(size=vectors.shape) * random.choice([0, 0.1, 1], size=(count, 1))
    rows, lengths = prepared(vectors)
    firsts = np.minimum(random.integers(0, max(1, count), count), np.arange(count))
    before = random.choice([-2, 0.2, 0.95], count).astype(np.float32)
    cosines, found, kept = before.copy(), np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.bool_)
    for array in (rows, lengths, firsts):
        array.flags.writeable = False
    similarity.admit(rows, lengths, firsts, np.float32(below), 100, cosines, found, kept)
    for i in range(count):
        earlier = [(np.float32(cosine(rows[i], rows[k])), -k) for k in range(firsts[i], i) if kept[k]]
        best, place = max(earlier, default=(np.float32(-2), 0))
        assert cosines[i] == pytest.approx(max(before[i], best), abs=1e-6)
        assert kept[i] == (cosines[i] < np.float32(below))
        assert (found[i] >= 0) == (cosines[i] > before[i])
        if found[i] >= 0:
            assert rows[i] @ rows[found[i] - 100] == pytest.approx(rows[i] @ rows[-place], abs=1e-5)
