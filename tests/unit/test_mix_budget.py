from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms.mix_budget import allocate, nearest, shares, tempered
from tests.naive import mix as naive

WEIGHT = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
GROUPS = st.lists(st.tuples(WEIGHT, st.integers(0, 10**6)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)
@given(GROUPS, st.integers(0, 10**7))
def test_allocation_meets_the_budget_under_all_caps(groups, budget):
    weights, caps = map(list, zip(*groups, strict=True))
    amounts = allocate(weights, caps, budget)
    assert sum(amounts) == min(budget, sum(cap for weight, cap in groups if weight))
    assert all(0 <= amount <= cap for amount, cap in zip(amounts, caps, strict=True))
    exact = naive.water_filling(weights, caps, budget)
    assert all(abs(amount - wanted) < 1 + 1e-6 for amount, wanted in zip(amounts, exact, strict=True))


def test_largest_remainder():
    assert allocate([0.3, 0.7], [100, 100], 10) == [3, 7]
    assert allocate([1, 1, 1], [100, 100, 100], 10) == [4, 3, 3]
    assert allocate([0.5, 0.3, 0.2], [100, 100, 100], 11) == [6, 3, 2]


def test_what_a_capped_group_cannot_take_goes_to_the_others_by_weight():
    assert allocate([0.8, 0.15, 0.05], [10, 1000, 1000], 110) == [10, 75, 25]


def test_a_huge_budget_is_met_to_the_unit():
    amounts = allocate([0.1, 0.2, 0.7], [10**15] * 3, 10**13 + 1)
    assert sum(amounts) == 10**13 + 1
    assert abs(amounts[0] - 10**12) <= 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 1000)), min_size=1, max_size=12))
def test_nobody_is_a_document_off_and_the_sum_is_nearest(groups):
    """`reached` is 0 and the gap is less than the next document, as it is after going as far as one can."""
    gaps = [gap % length for gap, length in groups]
    lengths = [length for _, length in groups]
    takes = nearest(gaps, [0] * len(gaps), lengths)
    assert all(abs(gap - length * taken) < length for gap, length, taken in zip(gaps, lengths, takes, strict=True))
    off = sum(gaps) - sum(length for length, taken in zip(lengths, takes, strict=True) if taken)
    assert 2 * abs(off) <= max(lengths)


def test_a_group_that_has_all_it_wants_takes_no_more():
    assert nearest([10, 5], [10, 0], [1, 0]) == [False, False]


def test_temperature():
    assert tempered([100, 1], 1.0) == [1.0, 0.01]
    assert tempered([100, 1], 2.0) == [1.0, 0.1]
    even = tempered([100, 1, 0], 1e9)
    assert abs(even[0] - even[1]) < 1e-6
    assert even[2] == 0
    assert tempered([], 2.0) == []
    assert shares([3, 1]) == [0.75, 0.25]
    assert shares([0.0]) == [0.0]
