import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from curate.algorithms.dedup_bands import Bands, probability
from curate.kernels import minhash

BANDS = Bands(21, 6)
BINS = BANDS.bands * BANDS.rows


def sketch(hashes: list[int], bins: int = BINS, seed: int = 0) -> list[int]:
    values = np.array(hashes, dtype=np.uint64)
    out = np.empty(bins, dtype=np.uint32)
    minhash.sketch(values, len(values), minhash.permutations(bins, seed), np.empty(len(values), np.uint32), out)
    return out.tolist()


HASHES = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=200)


@settings(deadline=None, max_examples=60)
@given(HASHES, st.randoms())
def test_a_sketch_is_of_a_set(hashes, random):
    shuffled = hashes + hashes[:3]
    random.shuffle(shuffled)
    assert sketch(shuffled) == sketch(hashes)


def naive_sketch(hashes: list[int], bins: int, seed: int) -> list[int]:
    chosen = minhash.permutations(bins, seed)
    least = [2**32 - 1] * bins
    folded = []
    for value in hashes:
        product = (value ^ int(chosen.seed)) * 0xFF51AFD7ED558CCD % 2**64
        folded.append(product >> 32)
        product ^= product >> 31
        at = (product >> 32) * bins >> 32
        least[at] = min(least[at], product % 2**32)
    pairs = list(zip(chosen.offsets.tolist(), chosen.multipliers.tolist(), strict=True))
    return [
        min((value ^ offset) * multiplier % 2**32 for value in folded) if found == 2**32 - 1 else found
        for found, (offset, multiplier) in zip(least, pairs, strict=True)
    ]


@settings(deadline=None, max_examples=30)
@given(HASHES, st.integers(1, 150), st.integers(0, 3))
def test_the_kernel_equals_its_plain_twin(hashes, bins, seed):
    assert sketch(hashes, bins, seed) == naive_sketch(hashes, bins, seed)


@njit
def pairs(pool, union, shared, permutations, bands, rows, agreeing, found):
    """Sketch pairs of sets with a known union and overlap, drawn from a pool of random hashes."""
    one = np.empty(union, np.uint64)
    other = np.empty(union, np.uint64)
    scratch = np.empty(union, np.uint32)
    first = np.empty(bands * rows, np.uint32)
    second = np.empty(bands * rows, np.uint32)
    for trial in range(len(agreeing)):
        begin = trial * union
        middle = shared + (union - shared) // 2
        one[:middle] = pool[begin : begin + middle]
        other[:shared] = pool[begin : begin + shared]
        other[shared : shared + union - middle] = pool[begin + middle : begin + union]
        minhash.sketch(one, middle, permutations, scratch, first)
        minhash.sketch(other, shared + union - middle, permutations, scratch, second)
        agreeing[trial] = np.mean(first == second)
        for band in range(bands):
            found[trial] |= np.all(first[band * rows : band * rows + rows] == second[band * rows : band * rows + rows])


@pytest.mark.parametrize("union", [2, 3, 4, 5, 6, 10, 20, 50, 63, 100, 300, 1000, 4000])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8, 0.95])
def test_the_estimate_is_unbiased_and_bands_find_what_the_curve_says_at_any_length(union, share):
    """Bias and RMS error, against those of as many independent permutations: the binomial bound."""
    trials = min(8000, 4_000_000 // union)
    shared = round(share * union)
    similarity = shared / union
    pool = np.random.default_rng(union).integers(0, 2**64, trials * union, dtype=np.uint64)
    agreeing = np.empty(trials)
    found = np.zeros(trials, dtype=np.bool_)
    pairs(pool, union, shared, minhash.permutations(BINS, 7), BANDS.bands, BANDS.rows, agreeing, found)
    deviation = np.sqrt(similarity * (1 - similarity) / BINS)
    assert abs(agreeing.mean() - similarity) <= 5 * deviation / np.sqrt(trials) + 1e-4
    assert np.sqrt(np.mean((agreeing - similarity) ** 2)) <= 1.04 * deviation + 1e-3
    curve = probability(similarity, BANDS)
    assert abs(found.mean() - curve) < 5 * np.sqrt(curve * (1 - curve) / trials) + 0.012
    if similarity >= 0.8:
        assert found.mean() > 0.995


def test_different_single_ngrams_do_not_agree():
    pool = np.arange(2000, dtype=np.uint64) << np.uint64(32)
    agreeing, found = np.empty(1000), np.zeros(1000, dtype=np.bool_)
    pairs(pool, 2, 0, minhash.permutations(BINS, 7), BANDS.bands, BANDS.rows, agreeing, found)
    assert agreeing.max() == 0
    assert not found.any()


def test_seeds_draw_other_sketches():
    hashes = np.random.default_rng(0).integers(0, 2**64, 300, dtype=np.uint64).tolist()
    assert sketch(hashes) == sketch(hashes)
    assert np.mean(np.array(sketch(hashes)) == np.array(sketch(hashes, seed=1))) < 0.05


def test_band_keys():
    values = np.arange(12, dtype=np.uint32)
    values[6:] = values[:6]
    salt = np.uint64(0)
    keys = [minhash.band_key(values, 0, 6, salt), minhash.band_key(values, 6, 12, salt)]
    keys += [minhash.band_key(values, 0, 6, np.uint64(1)), minhash.band_key(values[::-1].copy(), 0, 6, salt)]
    assert len(set(keys)) == 4
    assert not any(key & 1 for key in keys)
