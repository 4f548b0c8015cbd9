"""A map and figures of diversity, pair by pair."""

from __future__ import annotations

import math

import numpy as np


def principal(rows: np.ndarray) -> np.ndarray:
    """Places by the singular vectors of the centred rows, up to the sign of each axis."""
    centred = rows.astype(np.float64) - rows.astype(np.float64).mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return centred @ axes[:2].T


def mean_distance(rows: np.ndarray) -> float:
    pairs = [1 - float(a @ b) for i, a in enumerate(rows) for b in rows[:i]]
    return sum(pairs) / len(pairs)


def effective_rank(rows: np.ndarray) -> float:
    values = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
    shares = values / values.sum()
    return math.exp(-sum(share * math.log(share) for share in shares if share > 0))


def entropy(labels: list) -> float:
    sizes = [labels.count(label) for label in set(labels)]
    return -sum(size / len(labels) * math.log(size / len(labels)) for size in sizes)
