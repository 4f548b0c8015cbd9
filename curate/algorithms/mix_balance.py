"""Balanced shares of a hierarchy of groups (Vo et al. 2024): at every level as even as the sizes allow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curate.kernels import arrow, hashing


def even(sizes: np.ndarray, target: int, order: np.ndarray) -> np.ndarray:
    """Amounts, int64 (n,), that sum to the target, or to all there is: min(cap, size) of every group.

    sizes: int64 (n,). The cap is the greatest whole number with which the amounts are not above the target, by binary
    search; what then lacks is given one by one to groups that have more, by `order`, integers (n,), the least first.
    """
    low, high = 0, int(sizes.max(initial=0))
    while low < high:
        cap = (low + high + 1) // 2
        low, high = (cap, high) if int(np.minimum(cap, sizes).sum()) <= target else (low, cap - 1)
    amounts = np.minimum(low, sizes)
    larger = np.flatnonzero(sizes > low)
    amounts[larger[np.argsort(order[larger], kind="stable")][: target - int(amounts.sum())]] += 1
    return amounts


def balanced(paths: Sequence[tuple[str, ...]], sizes: Sequence[int], targets: dict[str, int], seed: int) -> np.ndarray:
    """How much each leaf gives, int64 (n,): its root's target is spread evenly over the children, and so on down.

    paths: of the leaves, all of one length, in sorted order. targets: by the first name of a path. Raises KeyError for
    a root without one. Which child gets what cannot be shared evenly hangs on a hash of the seed and its path alone.
    """
    amounts = np.asarray(sizes, dtype=np.int64)
    if not len(paths):
        return amounts
    levels = [_starts(paths, depth) for depth in range(1, len(paths[0]) + 1)]
    given = np.array([targets[paths[start][0]] for start in levels[0]], dtype=np.int64)
    for depth, (above, below) in enumerate(itertools.pairwise(levels), start=2):
        held = np.add.reduceat(amounts, below)
        order = _hashes([paths[start][:depth] for start in below], seed)
        bounds = np.append(np.searchsorted(below, above), len(below))
        parts = zip(bounds[:-1], bounds[1:], given.tolist(), strict=True)
        given = np.concatenate([even(held[start:end], target, order[start:end]) for start, end, target in parts])
    return np.minimum(given, amounts) if len(levels) == 1 else given


def unit_hash(name: str, seed: int) -> float:
    """A number in (0, 1) that hangs on a name and the seed."""
    return (float(_hashes([(name,)], seed)[0] >> np.uint64(12)) + 0.5) * 2.0**-52


def _starts(paths: Sequence[tuple[str, ...]], depth: int) -> np.ndarray:
    """Where another path of this length begins."""
    heads = [path[:depth] for path in paths]
    return np.array([i for i, head in enumerate(heads) if not i or head != heads[i - 1]], dtype=np.int64)


def _hashes(paths: Sequence[tuple[str, ...]], seed: int) -> np.ndarray:
    names = arrow.strings(pa.array(["\0".join(path) for path in paths], pa.string()))
    out = np.empty(len(paths), dtype=np.uint64)
    hashing.hash_strings(names.offsets, names.data, np.uint64(seed), out)
    return out
