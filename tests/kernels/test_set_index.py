import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import jaccard, set_index
from tests.naive import dedup as naive

TOP = 2**63
SETS = st.lists(
    st.tuples(st.sets(st.integers(TOP, TOP + 20), max_size=12), st.booleans()), min_size=1, max_size=60
).map(lambda found: ([one for one, _ in found], [fixed for _, fixed in found]))
THRESHOLDS = st.sampled_from([1e-300, 0.1, 0.3, 0.5, 0.75, 0.8, 0.9, 1.0])


def spread(element: int) -> int:
    """A hash as even as the real ones, its top bit set for every other element."""
    return (element + 1) * 0x9E3779B97F4A7C15 % 2**64


def packed(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = [sorted(spread(element) for element in one) for one in sets]
    values = np.array([0, *(value for one in found for value in one)], dtype=np.uint64)[1:]
    values.flags.writeable = False
    ends = np.cumsum([0, *(len(one) for one in found)])
    return ends[:-1], ends[1:], values


def choose(components: list[tuple[list[set[int]], list[bool]]], threshold: float, contained=False, most=0):
    sets = [one for found, _ in components for one in found]
    fixed = np.array([one for _, found in components for one in found])
    starts = np.cumsum([0, *(len(found) for found, _ in components)])
    choice = jaccard.undecided(len(sets))
    set_index.choose(starts, fixed, *packed(sets), jaccard.Measure(threshold, contained, most), choice)
    return choice


@settings(deadline=None, max_examples=60)
@given(st.lists(SETS, min_size=1, max_size=3), THRESHOLDS, st.booleans())
def test_the_choice_is_that_of_all_pairs(components, threshold, contained):
    choice = choose(components, threshold, contained)
    start = 0
    for sets, fixed in components:
        expected = naive.choose(sets, threshold, fixed, naive.containment if contained else naive.jaccard)
        assert (choice.keepers[start : start + len(sets)] - start).tolist() == expected[0]
        assert choice.similarities[start : start + len(sets)].tolist() == expected[1]
        start += len(sets)
    assert not choice.capped.any()


@settings(deadline=None, max_examples=60)
@given(SETS, THRESHOLDS, st.booleans(), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_blocks_choose_as_the_whole_does(given_sets, threshold, contained, sizes):
    sets, fixed = given_sets
    measure = jaccard.Measure(threshold, contained, 0)
    choice = jaccard.undecided(len(sets))
    start = 0
    while start < len(sets):
        end = min(start + sizes[start % len(sizes)], len(sets))
        index = set_index.indexed(start, *packed(sets[start:end]), measure, True)
        set_index.choose_held(index, np.array(fixed[start:end]), measure, choice)
        begins, _, values = packed(sets[end:])
        numbers = np.array([-1 if fixed[i] else i for i in range(end, len(sets))], dtype=np.int64)
        set_index.compare_later(numbers, np.append(begins, len(values)), values, index, measure, choice)
        start = end
    expected = naive.choose(sets, threshold, fixed, naive.containment if contained else naive.jaccard)
    assert (choice.keepers.tolist(), choice.similarities.tolist()) == expected


def edited(seed: int) -> list[set[int]]:
    """Versions of a dozen long sets."""
    random = np.random.default_rng(seed)
    base = [set(random.integers(0, 5000, 300).tolist()) for _ in range(12)]
    sets = []
    for _ in range(200):
        kept = [element for element in base[random.integers(12)] if random.random() > random.choice([0.02, 0.1, 0.2])]
        sets.append({*kept, *random.integers(0, 5000, random.integers(60)).tolist()})
    return sets


@pytest.mark.parametrize("contained", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_many_long_sets_are_chosen_as_few_are(seed, contained):
    sets, fixed = edited(seed), [False] * 200
    choice = choose([(sets, fixed)], 0.8, contained)
    expected = naive.choose(sets, 0.8, fixed, naive.containment if contained else naive.jaccard)
    assert (choice.keepers.tolist(), choice.similarities.tolist()) == expected
    assert 12 < len(set(expected[0])) < 195


@pytest.mark.parametrize("contained", [False, True])
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8])
def test_lists_longer_than_a_class_of_sizes_has(threshold, contained):
    """Sets around one template, of many sizes, most of them too different to go: their lists grow long."""
    random = np.random.default_rng(2)
    sets = [
        {*random.permutation(400)[:own].tolist(), *random.integers(1000, 10**9, random.integers(40, 260)).tolist()}
        for own in random.integers(360, 401, 240)
    ]
    choice = choose([(sets, [False] * len(sets))], threshold, contained)
    expected = naive.choose(sets, threshold, [False] * len(sets), naive.containment if contained else naive.jaccard)
    assert (choice.keepers.tolist(), choice.similarities.tolist()) == expected
    assert 0 < choice.compared.sum() < sum(range(240)) / 3


@pytest.mark.parametrize("count", [20, 200])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_cap_on_comparisons(count, most):
    sets = edited(3)[:count]
    free, choice = choose([(sets, [False] * count)], 0.3), choose([(sets, [False] * count)], 0.3, most=most)
    assert choice.capped.any() and not choice.capped.all()
    assert choice.compared.max() == most < free.compared.max()
    assert (choice.compared[choice.capped] == most).all() or count > jaccard.FEW_SETS
    for i, keeper in enumerate(choice.keepers.tolist()):
        kept = [k for k in range(i) if choice.keepers[k] == k]
        similar = {k: naive.jaccard(sets[i], sets[k]) for k in kept}
        best = max([(found, -k) for k, found in similar.items() if found >= 0.3], default=(1.0, -i))
        if keeper != i:
            assert keeper in kept and choice.similarities[i] == similar[keeper] >= 0.3
        if not choice.capped[i]:
            assert (choice.similarities[i], -keeper) == best


@pytest.mark.parametrize("template", [60, 90, 96, 110])
def test_a_common_template_costs_no_comparison_of_all_with_all(template):
    """Sets that share most elements: comparing all pairs, or scanning one list of all, would be quadratic."""
    count, own = 20_000, 24
    common = np.random.default_rng(0).integers(0, 2**64, template, dtype=np.uint64)
    rows = np.random.default_rng(1).integers(0, 2**64, (count, own + template), dtype=np.uint64)
    rows[:, :template] = common
    rows.sort(axis=1)
    begins = np.arange(count) * (own + template)
    choice = jaccard.undecided(count)
    set_index.choose(
        np.array([0, count]),
        np.zeros(count, np.bool_),
        begins,
        begins + own + template,
        rows.reshape(-1),
        jaccard.Measure(0.8, False, 0),
        choice,
    )
    alike = template / (template + 2 * own) >= 0.8
    assert len(np.unique(choice.keepers)) == (1 if alike else count)
    assert choice.compared.sum() < 2 * count and choice.passed.sum() < 4 * count
