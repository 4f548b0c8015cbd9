import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import mix_balance
from tests.naive import mix as naive

SIZES = st.lists(st.integers(0, 30), min_size=1, max_size=8)
TREES = st.dictionaries(
    st.tuples(st.just("pool"), st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("0123")),
    st.integers(0, 20),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=60)
@given(SIZES, st.integers(0, 300), st.randoms(use_true_random=False))
def test_even_amounts_are_those_of_giving_one_by_one(sizes, target, random):
    order = random.sample(range(len(sizes)), len(sizes))
    found = mix_balance.even(np.array(sizes), target, np.array(order, dtype=np.uint64))
    assert found.tolist() == naive.even(sizes, target, order)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 12))
def test_no_other_amounts_are_more_even(sizes, target):
    """Among all ways to give as much, the least is the greatest, then the next, and so on."""
    found = mix_balance.even(np.array(sizes), target, np.arange(len(sizes)))
    assert found.sum() == min(target, sum(sizes))
    ways = itertools.product(*(range(size + 1) for size in sizes))
    assert sorted(found.tolist()) == max(sorted(way) for way in ways if sum(way) == found.sum())


@settings(deadline=None, max_examples=60)
@given(TREES, st.integers(0, 200), st.integers(0, 3))
def test_every_level_is_even(sizes, target, seed):
    paths = sorted(sizes)
    target = min(target, sum(sizes.values()))
    found = mix_balance.balanced(paths, [sizes[path] for path in paths], {"pool": target}, seed)
    order = lambda path: int(mix_balance._hashes([path], seed)[0])  # noqa: E731
    expected = naive.balanced(sizes, target, order)
    assert found.tolist() == [expected[path] for path in paths]
    assert found.sum() == target


def test_five_rings_come_out_balanced():
    sizes = [20_000, 200, 1_000, 500, 8_000]
    paths = [("rings", str(i)) for i in range(5)]
    assert mix_balance.balanced(paths, sizes, {"rings": 1_000}, 0).tolist() == [200] * 5
    assert mix_balance.balanced(paths, sizes, {"rings": 4_700}, 0).tolist() == [1_500, 200, 1_000, 500, 1_500]


def test_the_odd_ones_go_elsewhere_with_another_seed():
    paths = [("pool", str(i)) for i in range(100)]
    first, second = (mix_balance.balanced(paths, [9] * 100, {"pool": 350}, seed) for seed in (0, 1))
    assert sorted(first) == sorted(second) == [3] * 50 + [4] * 50
    assert first.tolist() != second.tolist()
    assert mix_balance.balanced([], [], {}, 0).tolist() == []


def test_a_hundred_thousand_clusters():
    paths = sorted(("pool", str(i // 250), str(i)) for i in range(100_000))
    found = mix_balance.balanced(paths, [40] * 100_000, {"pool": 1_234_567}, 0)
    assert found.sum() == 1_234_567
    assert set(found.tolist()) == {12, 13}
