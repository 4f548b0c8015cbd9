"""Optimal transport in the plainest terms: the linear programme and its duals, and the soft minimum."""

import math

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix


def solved(costs: np.ndarray) -> tuple[float, np.ndarray]:
    """The least mean cost at which equal masses of the rows become equal masses of the columns, and the rows' duals."""
    n, m = costs.shape
    rows, columns = np.divmod(np.arange(n * m), m)
    cells = np.concatenate([np.arange(n * m)] * 2)
    matrix = coo_matrix((np.ones(2 * n * m), (np.concatenate([rows, n + columns]), cells))).tocsr()
    found = linprog(costs.ravel(), A_eq=matrix, b_eq=[1 / n] * n + [1 / m] * m, method="highs")
    return found.fun, found.eqlin.marginals[:n]


def calibrated(potentials: np.ndarray) -> list[float]:
    """Each less the mean of the others."""
    total, count = sum(potentials), len(potentials)
    return [one - (total - one) / (count - 1) for one in potentials]


def soft_minimum(costs: list[float], potentials: list[float], regularisation: float) -> float:
    least = min(c - p for c, p in zip(costs, potentials, strict=True))
    terms = [math.exp(-(c - p - least) / regularisation) for c, p in zip(costs, potentials, strict=True)]
    return least - regularisation * math.log(sum(terms) / len(terms))
