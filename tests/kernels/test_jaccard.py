from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import jaccard
from tests.naive import dedup as naive

TOP = 2**63
SETS = st.lists(st.sets(st.integers(TOP, TOP + 20), max_size=12), min_size=1, max_size=60)
THRESHOLDS = st.sampled_from([0.1, 0.3, 0.5, 0.75, 0.8, 0.9, 1.0])


def spread(element: int) -> int:
    """A hash as even as the real ones, its top bit set for every other element."""
    return (element + 1) * 0x9E3779B97F4A7C15 % 2**64


def choose(components: list[list[set[int]]], threshold: float) -> tuple[list[int], list[float]]:
    sets = [sorted(spread(element) for element in one) for sets in components for one in sets]
    values = np.array([0, *(value for one in sets for value in one)], dtype=np.uint64)[1:]
    values.flags.writeable = False
    ends = np.cumsum([len(one) for one in sets])
    begins = ends - [len(one) for one in sets]
    starts = np.cumsum([0, *(len(sets) for sets in components)])
    keepers = np.empty(len(sets), np.int64)
    similarities = np.empty(len(sets))
    jaccard.choose(starts, begins, ends, values, threshold, keepers, similarities)
    return keepers.tolist(), similarities.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=100), st.booleans())
def test_sorted_sets(hashes, crowded):
    if crowded:
        hashes = [value % 50 + TOP for value in hashes]
    out = np.empty(len(hashes), np.uint64)
    count = jaccard.sorted_set(np.array(hashes, np.uint64), len(hashes), np.empty(len(hashes) + 1, np.int32), out)
    assert out[:count].tolist() == sorted(set(hashes))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0.05, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 1.0]))
def test_the_least_overlap_is_exact(one, other, threshold):
    exact = Fraction(str(threshold))
    expected = next(shared for shared in range(one + other) if Fraction(shared, one + other - shared) >= exact)
    assert jaccard.least_overlap(one, other, threshold) == expected


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(TOP, TOP + 60)), st.sets(st.integers(TOP, TOP + 60)), st.integers(0, 61))
def test_overlap_is_exact_from_the_least_on(one, other, least):
    values = np.array([*sorted(one), *sorted(other)], dtype=np.uint64)
    found = jaccard.overlap(values, 0, len(one), len(one), len(values), least)
    assert found == len(one & other) if len(one & other) >= least else found < least


@settings(deadline=None, max_examples=60)
@given(st.lists(SETS, min_size=1, max_size=3), THRESHOLDS)
def test_the_choice_is_that_of_all_pairs(components, threshold):
    keepers, similarities = choose(components, threshold)
    start = 0
    for sets in components:
        expected = naive.choose(sets, threshold)
        assert [keeper - start for keeper in keepers[start : start + len(sets)]] == expected[0]
        assert similarities[start : start + len(sets)] == expected[1]
        start += len(sets)


@pytest.mark.parametrize("seed", range(2))
def test_many_long_sets_are_chosen_as_few_are(seed):
    random = np.random.default_rng(seed)
    base = [set(random.integers(0, 5000, 300).tolist()) for _ in range(12)]
    sets = []
    for _ in range(200):
        kept = [element for element in base[random.integers(12)] if random.random() > random.choice([0.02, 0.1, 0.2])]
        sets.append({*kept, *random.integers(0, 5000, random.integers(60)).tolist()})
    assert choose([sets], 0.8) == tuple(naive.choose(sets, 0.8))
    assert 12 < len(set(choose([sets], 0.8)[0])) < 195


@pytest.mark.parametrize("template", [60, 90, 96, 110])
def test_a_common_template_costs_no_comparison_of_all_with_all(template):
    """Sets that share most elements: comparing all pairs, or scanning one list of all, would be quadratic."""
    count, own = 20_000, 24
    common = np.random.default_rng(0).integers(0, 2**64, template, dtype=np.uint64)
    rows = np.random.default_rng(1).integers(0, 2**64, (count, own + template), dtype=np.uint64)
    rows[:, :template] = common
    rows.sort(axis=1)
    begins = np.arange(count) * (own + template)
    keepers = np.empty(count, np.int64)
    jaccard.choose(
        np.array([0, count]), begins, begins + own + template, rows.reshape(-1), 0.8, keepers, np.empty(count)
    )
    alike = template / (template + 2 * own) >= 0.8
    assert len(np.unique(keepers)) == (1 if alike else count)
