from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms.runs import runs
from curate.storage.sources import InputShard


def shards(sizes: list[int]) -> list[InputShard]:
    return [InputShard(i, 0, f"{i:05}-000", size, size) for i, size in enumerate(sizes)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 60), st.floats(0.01, 1))
def test_every_shard_is_in_one_run_and_runs_are_full_but_not_over(sizes, limit, fraction):
    found = [item["shards"] for item in runs(shards(sizes), limit, fraction)]
    assert [index for run in found for index in run] == list(range(len(sizes)))
    most = min(limit / fraction, 16 * limit)
    weights = [sum(sizes[index] for index in run) for run in found]
    assert all(weight <= most or len(run) == 1 for weight, run in zip(weights, found, strict=True))
    assert all(weight + sizes[after[0]] > most for weight, after in zip(weights, found[1:], strict=False))


def test_nothing():
    assert runs([], 10) == []
