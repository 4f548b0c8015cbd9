"""The exact truth that deduplication is measured against, itself compared with plain Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.naive import dedup as naive

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def scripts():
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(ROOT / "scripts" / "bench"))
    yield
    patch.undo()


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "B", "b", "c", "d", "漢", "!"]), max_size=10).map(" ".join), min_size=1, max_size=12
)


def alike(one: str, other: str, threshold: float) -> bool:
    sets = naive.ngrams(one, 2), naive.ngrams(other, 2)
    return naive.jaccard(*sets) >= threshold if any(sets) else one == other


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from([0.3, 0.5, 0.8, 1.0]), st.randoms(use_true_random=False))
def test_pairs_and_verdicts_are_those_of_comparing_all_with_all(texts, threshold, chance):
    import truth

    known = truth.truth(pa.array(texts, pa.large_string()), threshold, 2)
    pairs = {(a, b) for a, b in zip(known.one, known.other, strict=True)}
    beside = [[alike(one, other, threshold) for other in texts] for one in texts]
    for i in range(len(texts)):
        for j in range(i):
            a, b = sorted((known.group[i], known.group[j]))
            assert beside[i][j] == (a == b or (a, b) in pairs)

    order = np.array(chance.sample(range(len(texts)), len(texts)))
    exact: list[int] = []
    for i in order:
        exact += [] if any(beside[i][j] for j in exact) else [i]
    assert np.flatnonzero(truth.greedy(known, order)).tolist() == sorted(exact)

    kept = np.array([chance.random() < 0.5 for _ in texts])
    near = [any(beside[i][j] for j in range(len(texts)) if j != i and kept[j]) for i in range(len(texts))]
    found = truth.judge(known, kept, order)
    assert found.removed == (~kept).sum() and found.greedy == len(texts) - len(exact)
    assert found.orphans == sum(not stays and not other for stays, other in zip(kept, near, strict=True))
    assert found.extra == sum(stays and other for stays, other in zip(kept, near, strict=True))
    assert truth.judge(known, truth.greedy(known, order), order).misses() == []


def test_clusters_without_a_survivor_and_removals_without_a_reason_are_seen():
    import truth

    base = " ".join(f"w{i}" for i in range(100))
    texts = [base, base + " end", "another text of some few words", "only one of its kind in here", base.upper()]
    known = truth.truth(pa.array(texts))
    order = np.arange(5)
    assert truth.greedy(known, order).tolist() == [True, False, True, True, False]
    assert truth.judge(known, np.array([True, False, True, True, False]), order).misses() == []
    verdict = truth.judge(known, np.array([False, False, True, False, False]), order)
    assert (verdict.lost, verdict.orphans, verdict.extra) == (1, 4, 0)
    verdict = truth.judge(known, np.ones(5, dtype=bool), order)
    assert (verdict.lost, verdict.orphans, verdict.extra) == (0, 0, 3)
    assert verdict.misses() == ["too many extra copies"]
    assert known.first(2).group.tolist() == known.group[:2].tolist()
    found = truth.similarities(known, np.array([0, 0, 2]), np.array([1, 4, 3]))
    assert found.tolist() == pytest.approx([96 / 97, 1.0, 0.0])


def test_a_match_must_be_kept_and_its_similarity_true():
    import truth

    base = " ".join(f"w{i}" for i in range(100))
    known = truth.truth(pa.array([base, base + " end", base + " end end"]))
    right = {"id": ["a", "b", "c"], "dedup_keep": [False, True, False], "dedup_of": ["b", None, "b"]}
    true = pa.table({**right, "dedup_similarity": pa.array([96 / 97, None, 97 / 98], pa.float32())})
    assert truth.wrong_matches(known, true) == 0
    assert truth.wrong_matches(known, true.set_column(2, "dedup_of", [["b", None, "a"]])) == 1
    assert truth.wrong_matches(known, true.set_column(3, "dedup_similarity", [[0.9, None, 0.99]])) == 2
