"""Rows by the group that they are in."""

from __future__ import annotations

import numpy as np


def first_of_each(groups: np.ndarray, keys: np.ndarray, most: int) -> np.ndarray:
    """Positions of the rows with the smallest keys of each group, by group and key; of equal keys the first.

    groups: integers (n,), none negative. keys: numbers (n,).
    """
    order = np.lexsort((keys, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    ranks = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return order[ranks < most]
