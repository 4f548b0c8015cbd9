import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import mix as kernels
from tests.naive import mix as naive

HASHES = st.lists(st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1])), max_size=20)


def given_array(values: list[int], kind: type = np.uint64) -> np.ndarray:
    """Read-only, and a slice of something longer."""
    array = np.array([7, *values, 9], dtype=kind)
    array.flags.writeable = False
    return array[1:-1]


@settings(deadline=None, max_examples=60)
@given(HASHES, st.integers(0, 2**64 - 1))
def test_hashes_equal_the_naive_ones(hashes, salt):
    array = given_array(hashes)
    out = np.empty(len(hashes), dtype=np.uint64)
    kernels.salted(array, given_array([1] * len(hashes), np.int32), given_array([5, salt]), out)
    assert out.tolist() == [naive.salted(value, salt) for value in hashes]
    kernels.choice_hashes(array, out)
    assert out.tolist() == [naive.choice(value) for value in hashes]
    draws = list(range(len(hashes)))
    kernels.shuffle_hashes(array, given_array(draws, np.int32), out)
    assert out.tolist() == [naive.place(value, draw) for value, draw in zip(hashes, draws, strict=True)]


@settings(deadline=None, max_examples=60)
@given(HASHES, st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_noise_equals_the_naive_one_and_is_finite(hashes, score, temperature):
    out = np.empty(len(hashes))
    kernels.gumbel(given_array(hashes), np.full(len(hashes), score), temperature, out)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(
        out, [naive.noisy(value, score, temperature) for value in hashes], rtol=1e-12, atol=1e-12
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 9), max_size=12), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.randoms())
def test_choosing_in_turn_equals_the_naive_one(units, shares, chance):
    orders = [chance.sample(range(len(units)), len(units)) for _ in shares]
    places, takers = np.empty(len(units), dtype=np.uint64), np.empty(len(units), dtype=np.int8)
    table = np.array(orders, dtype=np.int64).reshape(len(shares), len(units))
    kernels.interleave(table, given_array(units, np.int64), np.array(shares, dtype=np.float64), places, takers)
    found = list(zip(places.tolist(), takers.tolist(), strict=True))
    assert found == naive.interleaved(orders, units, shares)


def test_noise_is_gumbel():
    hashes = np.empty(200_000, dtype=np.uint64)
    kernels.choice_hashes(np.arange(len(hashes), dtype=np.uint64), hashes)
    out = np.empty(len(hashes))
    kernels.gumbel(hashes, np.zeros(len(hashes)), 1.0, out)
    at = np.linspace(-2, 6, 50)
    found = np.searchsorted(np.sort(out), at) / len(out)
    # Kolmogorov-Smirnov at p = 1e-6: sqrt(ln(2 / p) / 2n)
    assert np.abs(found - np.exp(-np.exp(-at))).max() < np.sqrt(np.log(2e6) / (2 * len(out)))
