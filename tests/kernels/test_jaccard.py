from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import jaccard
from tests.naive import dedup as naive

TOP = 2**63
ELEMENTS = st.sets(st.integers(TOP, TOP + 60))
THRESHOLDS = [0.05, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 1.0]


def laid_out(one: set[int], other: set[int]) -> tuple:
    values = np.array([0, *sorted(one), *sorted(other)], dtype=np.uint64)
    values.flags.writeable = False
    return values, 1, len(one) + 1, values, len(one) + 1, len(values)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(THRESHOLDS))
def test_the_least_overlap_is_exact(one, other, threshold):
    exact = Fraction(str(threshold))
    expected = next(shared for shared in range(one + other) if Fraction(shared, one + other - shared) >= exact)
    assert jaccard.least_overlap(one, other, threshold) == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 4000), st.sampled_from(THRESHOLDS))
def test_the_least_share_is_exact(size, threshold):
    exact = Fraction(str(threshold))
    found = jaccard.least_share(size, threshold)
    assert Fraction(found - 1, size) < exact <= Fraction(found, size)


@settings(deadline=None, max_examples=60)
@given(ELEMENTS, ELEMENTS, st.integers(0, 61))
def test_overlap_is_exact_from_the_least_on(one, other, least):
    found = jaccard.overlap(*laid_out(one, other), least)
    assert found == len(one & other) if len(one & other) >= least else found < least


@settings(deadline=None, max_examples=60)
@given(ELEMENTS.filter(bool), ELEMENTS.filter(bool), st.sampled_from(THRESHOLDS), st.booleans())
def test_similarity_is_exact_from_the_threshold_on(one, other, threshold, contained):
    expected = naive.containment(one, other) if contained else naive.jaccard(one, other)
    found = jaccard.similarity(*laid_out(one, other), threshold, contained)
    assert found == (expected if expected >= threshold else -1)


@pytest.mark.parametrize("contained", [False, True])
def test_the_best_of_several_is_the_earliest(contained):
    sets = [{1, 2, 3, 4}, {1, 2, 3, 5}, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}]
    choice = jaccard.undecided(5)
    for other, one in enumerate(sets):
        values, *where = laid_out({1, 2, 3, 4, 5}, one)
        jaccard.consider(4, values, *where[:2], other, *where[2:], jaccard.Measure(0.5, contained, 3), choice)
    # the first two are too small to contain it; the fourth comparison is one too many
    assert choice.keepers.tolist() == [0, 1, 2, 3, 2]
    assert choice.similarities[4] == 1
    assert (choice.compared[4], choice.capped[4]) == (3, True)
