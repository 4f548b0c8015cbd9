"""Sensitivity sampling (Axiotis et al. 2024): documents in proportion to what they may add to a sum of losses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import DataError, UsageError
from curate.kernels import arrow

_CERTAIN = 1 - 1e-12


def surveyed(table: pa.Table, score: str, sign: int, distance: str) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Of each document the score, NaN where there is none, and the distance from its cluster's centre, float64."""
    for option, name in (("score", score), ("sensitivity", distance)):
        kind = table[name].type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise UsageError(f"--{option}: the column {name} is {kind}; name a column of numbers")
    scores = sign * arrow.numbers(pc.fill_null(table[score].cast(pa.float64()), np.nan))
    return {"score": pa.array(scores), "distance": table[distance].cast(pa.float64())}


def sensitivities(
    names: list[str], clusters: np.ndarray, scores: np.ndarray, distances: np.ndarray, keys: np.ndarray, weight: float
) -> np.ndarray:
    """The score of each document's centre plus `weight` times its distance from it: float64 (n,).

    The centre's score is that of the cluster's document nearest to it that has one, of equally near ones the one of the
    greatest key. The distance is one minus the cosine, which is half of the squared distance of unit vectors.
    Raises UsageError for a cluster without a score, DataError for a sensitivity below zero or without end.
    """
    centres = np.full(len(names), np.nan)
    scored = np.flatnonzero(~np.isnan(scores))
    nearest_last = scored[np.lexsort((keys[scored], -distances[scored]))]
    centres[clusters[nearest_last]] = scores[nearest_last]
    if len(clusters) and np.isnan(centres).any():
        first = names[int(np.flatnonzero(np.isnan(centres))[0])]
        raise UsageError(
            f"--sensitivity: no document of cluster '{first}' has a score; score those nearest to the centres, or "
            "choose documents with --where"
        )
    found = centres[clusters] + weight * distances
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(wrong):
        raise DataError(
            f"--sensitivity: a document of cluster '{names[clusters[wrong[0]]]}' has a sensitivity of "
            f"{found[wrong[0]]:g}, of which no chance can be made; score by a loss, which is not below zero"
        )
    return found


def chances(sensitivity: np.ndarray, count: int) -> np.ndarray:
    """The chance of each to be chosen, float64 (n,): min(1, c * sensitivity), which sum to the count, at most n.

    Where fewer than that are above zero, they are certain, and the others share what is left alike.
    """
    order = np.argsort(-sensitivity, kind="stable")
    falling = sensitivity[order]
    left = np.cumsum(falling[::-1])[::-1]
    places = np.arange(len(falling))
    certain = np.flatnonzero((falling * (count - places) < left) | (falling == 0) | (places >= count))
    first = int(certain[0]) if len(certain) else len(falling)
    found = np.ones(len(falling))
    tail, many = falling[first:], count - first
    total = left[first] if first < len(falling) else 0.0
    found[order[first:]] = tail / total * many if total > 0 else many / max(len(tail), 1)
    return found


def systematic(chance: np.ndarray, start: float) -> np.ndarray:
    """Which are chosen, bool (n,): each with exactly its chance, and as many as the chances sum to (Madow 1949).

    The chances, whose sum is a whole number, are laid end to end, in an order by chance, and whoever lies over start,
    1 + start, 2 + start ... is chosen; start is in (0, 1).
    """
    chosen = chance > _CERTAIN
    others = np.flatnonzero(~chosen)
    ends = np.cumsum(chance[others])
    count = round(float(ends[-1])) if len(ends) else 0
    if count:
        ends *= count / ends[-1]
        ends[-1] = count
        passed = np.minimum(np.floor(ends + (1 - start)), count)
        chosen[others[np.diff(passed, prepend=0.0) > 0]] = True
    return chosen
