"""Clusters merged into domains: Ward's linkage (Ward 1963) of centroids, as CLIMB does (Diao et al. 2025).

This is the one file that knows scipy's linkage. It works in float64 and on one thread.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_CLUSTERS = 10_000
"""More are not merged: 16 bytes are held for each pair of centroids, 800 MB for these."""


class Tree(NamedTuple):
    """Every merge, the closest first.

    Node i < k is cluster i; node k + m is made by merge m. merged: int32 (2k - 1,), the node that each goes into,
    -1 for the last. height: float32 (k - 1,), Ward's distance between the two that each merge joins, never falling:
    the square root of twice what joining them adds to the sum of squared distances to the means.
    """

    merged: np.ndarray
    height: np.ndarray


def tree(centroids: np.ndarray) -> Tree:
    """Merge centroids (k, d) two by two, those first whose union varies least; each counts as one."""
    from scipy.cluster.hierarchy import linkage

    count = len(centroids)
    merged = np.full(max(0, 2 * count - 1), -1, dtype=np.int32)
    if count < 2:
        return Tree(merged, np.empty(0, dtype=np.float32))
    merges = linkage(centroids.astype(np.float64), "ward")
    made = np.arange(count, 2 * count - 1, dtype=np.int32)
    merged[merges[:, 0].astype(np.int64)] = made
    merged[merges[:, 1].astype(np.int64)] = made
    return Tree(merged, merges[:, 2].astype(np.float32))


def cut(merges: Tree, sizes: np.ndarray, domains: int) -> np.ndarray:
    """The domain of each cluster when the tree is cut into so many, or one for each cluster: int32 (k,).

    sizes: of the clusters. Domain 0 is that of the largest sum of them; of equal ones that of the first cluster.
    """
    count = len(sizes)
    roots = np.arange(len(merges.merged), dtype=np.int32)
    last = 2 * count - 1 - min(domains, count)
    for node in range(len(roots) - 1, -1, -1):
        above = merges.merged[node]
        if 0 <= above <= last:
            roots[node] = roots[above]
    _, first, found = np.unique(roots[:count], return_index=True, return_inverse=True)
    weights = np.bincount(found, weights=sizes)
    ranks = np.empty(len(first), dtype=np.int32)
    ranks[np.lexsort((first, -weights))] = np.arange(len(first), dtype=np.int32)
    return ranks[found]
