import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import cluster_domains
from tests.naive import cluster as naive


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 999))
def test_domains_are_those_of_the_definition(count, wanted, seed):
    random = np.random.default_rng(seed)
    centroids, sizes = random.normal(size=(count, 3)).astype(np.float32), random.integers(0, 9, count)
    found = cluster_domains.cut(cluster_domains.tree(centroids), sizes, wanted)
    assert found.tolist() == naive.domains(centroids, sizes, wanted)


def test_the_tree():
    merges = cluster_domains.tree(np.array([[0, 0], [10, 0], [1, 0]], np.float32))
    assert merges.merged.tolist() == [3, 4, 3, 4, -1]
    assert merges.height[0] == 1
    assert merges.height[1] > 9
    assert cluster_domains.tree(np.zeros((1, 2))).merged.tolist() == [-1]
    assert len(cluster_domains.tree(np.zeros((0, 2))).merged) == 0
