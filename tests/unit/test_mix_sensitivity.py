from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import mix_sensitivity
from curate.errors import DataError, UsageError
from tests.naive import mix as naive


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.data())
def test_chances_are_in_proportion_and_sum_to_the_count(sensitivity, data):
    count = data.draw(st.integers(0, len(sensitivity)))
    found = mix_sensitivity.chances(np.array(sensitivity, dtype=np.float64), count)
    exact = naive.chances([Fraction(value) for value in sensitivity], count)
    assert np.allclose(found, [float(chance) for chance in exact], atol=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50), st.data(), st.floats(1e-16, 1 - 1e-16))
def test_exactly_the_count_is_chosen(sensitivity, data, start):
    count = data.draw(st.integers(0, len(sensitivity)))
    chance = mix_sensitivity.chances(np.array(sensitivity), count)
    chosen = mix_sensitivity.systematic(chance, start)
    assert np.count_nonzero(chosen) == count
    assert chosen[chance >= 1].all()
    assert not chosen[chance == 0].any()


def test_sensitivities_near_the_smallest_number_there_is():
    chance = mix_sensitivity.chances(np.array([1.0, 1.0, 2.2e-311, 5e-324]), 3)
    assert chance.tolist() == pytest.approx([1.0, 1.0, 1.0, 0.0])


def test_each_is_chosen_with_its_chance():
    chance = mix_sensitivity.chances(np.array([5.0, 0.5, 1.0, 2.0, 0.25, 9.0, 0.25]), 4)
    starts = (np.arange(1000) + 0.5) / 1000
    hits = sum(mix_sensitivity.systematic(chance, start).astype(int) for start in starts)
    assert np.allclose(hits / 1000, chance, atol=2e-3)
    assert (chance < 1).any()


def sensitivities(scores, distances, weight=2.0):
    clusters = np.array([0, 0, 0, 1, 1])
    keys = np.arange(5, dtype=np.uint64)
    return mix_sensitivity.sensitivities(["a", "b"], clusters, np.array(scores), np.array(distances), keys, weight)


def test_the_centre_has_the_score_of_the_nearest_document_that_has_one():
    nan = float("nan")
    found = sensitivities([nan, 7.0, 3.0, 4.0, 5.0], [0.1, 0.2, 0.3, 0.5, 0.5])
    assert found.tolist() == pytest.approx([7.2, 7.4, 7.6, 6.0, 6.0])


def test_what_no_chance_can_be_made_of_is_refused():
    nan = float("nan")
    with pytest.raises(UsageError, match="no document of cluster 'b' has a score"):
        sensitivities([1.0, 1.0, 1.0, nan, nan], [0.1] * 5)
    with pytest.raises(DataError, match=r"'a' has a sensitivity of -0\.8"):
        sensitivities([-1.0] * 5, [0.1] * 5)
    with pytest.raises(UsageError, match="--sensitivity: the column d is string"):
        table = pa.table({"s": [1.0], "d": ["far"]})
        mix_sensitivity.surveyed(table, "s", 1, "d")


def test_weighted_sums_are_right_on_average():
    random = np.random.default_rng(3)
    sensitivity, value = random.random(300) + 0.05, random.random(300)
    chance = mix_sensitivity.chances(sensitivity, 40)
    sums = []
    for number in range(400):
        order = random.permutation(300)
        chosen = order[mix_sensitivity.systematic(chance[order], (number + 0.5) / 400)]
        sums.append((value[chosen] / chance[chosen]).sum())
    assert np.mean(sums) == pytest.approx(value.sum(), rel=0.02)
