import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms.sample import sampled


def ids(count: int) -> pa.ChunkedArray:
    return pa.chunked_array([[f"file.jsonl/{i}" for i in range(count)]])


def test_all_and_a_share():
    assert sampled(ids(1000), 1.0, 0).all()
    found = sampled(ids(100_000), 0.1, 0).sum()
    # five standard deviations of a binomial
    assert abs(found - 10_000) < 5 * np.sqrt(9_000)


def test_a_smaller_sample_is_part_of_a_larger_one():
    small, large = (sampled(ids(10_000), fraction, 3) for fraction in (0.1, 0.3))
    assert not (small & ~large).any()


def test_another_seed_draws_others():
    first, second = (sampled(ids(10_000), 0.5, seed) for seed in (0, 1))
    assert abs((first & second).sum() - 2500) < 5 * np.sqrt(10_000 * 0.25 * 0.75)


@pytest.mark.parametrize("cut", [0, 1, 7])
def test_shards_do_not_matter(cut):
    whole = sampled(ids(20), 0.5, 0)
    assert np.concatenate([sampled(ids(20)[:cut], 0.5, 0), sampled(ids(20)[cut:], 0.5, 0)]).tolist() == whole.tolist()
