"""The soft minimum by which the potentials of optimal transport are improved and extended."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

_LANES = 16
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_FARTHEST = np.float32(40)
"""A term beyond exp of minus this is put there: a thousand million of them do not show in float32."""
_PART = np.float32(1 / 32)
_C2, _C3, _C4 = np.float32(-1 / 2), np.float32(-1 / 3), np.float32(-1 / 4)
_C5, _C6, _C7 = np.float32(-1 / 5), np.float32(-1 / 6), np.float32(-1 / 7)


@njit(nogil=True, cache=True)
def _decay(x):
    """exp(-x) for x from 0, float32: Taylor's series of a 32nd of x, squared five times; right to 3e-6 of it to 16."""
    r = min(x, _FARTHEST) * _PART
    y = _ONE + r * _C5 * (_ONE + r * _C6 * (_ONE + r * _C7))
    y = _ONE - r * (_ONE + r * _C2 * (_ONE + r * _C3 * (_ONE + r * _C4 * y)))
    y = y * y
    y = y * y
    y = y * y
    y = y * y
    return y * y


@njit(nogil=True, cache=True)
def soft_minima(costs, potentials, inverse, out):
    """Of each row the soft minimum of the costs less the potentials: -1/inverse log mean exp(-inverse (c - p)).

    costs: float32 (n, m), potentials: float32 (m,), inverse: float32, one by the regularisation, out: float32 (n,).
    Sixteen sums, each of every sixteenth column, from the first to the last, and these likewise: a row's result depends
    on that row alone, and is within 1e-5 / inverse of the exact one.
    """
    count = costs.shape[1]
    whole = count - count % _LANES
    lanes = np.empty(_LANES, dtype=np.float32)
    for i in range(len(costs)):
        lanes[:] = np.inf
        for j in range(0, whole, _LANES):
            for k in range(_LANES):
                over = costs[i, j + k] - potentials[j + k]
                lanes[k] = over if over < lanes[k] else lanes[k]
        least = lanes.min()
        for j in range(whole, count):
            least = min(least, costs[i, j] - potentials[j])
        lanes[:] = 0
        for j in range(0, whole, _LANES):
            for k in range(_LANES):
                lanes[k] += _decay((costs[i, j + k] - potentials[j + k] - least) * inverse)
        total = 0.0
        for k in range(_LANES):
            total += lanes[k]
        for j in range(whole, count):
            total += _decay((costs[i, j] - potentials[j] - least) * inverse)
        out[i] = least - np.log(total / count) / inverse


@njit(nogil=True, cache=True)
def distances(cosines, out):
    """Euclidean distances of unit vectors, of their cosines: both float32 (n, m)."""
    for i in range(cosines.shape[0]):
        for j in range(cosines.shape[1]):
            out[i, j] = np.sqrt(max(_ZERO, _TWO - _TWO * cosines[i, j]))
