"""Exact similarity of sets, and the greedy choice of sets by it.

A set is a run of ascending distinct 64-bit hashes. The similarity of one set to another is their Jaccard
similarity or, where `contained`, the share of the one that the other holds, which must not be the smaller.

`choose` compares few sets one with another, and many through an index over rare elements (`set_index`).
Both give the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit

NONE = np.int32(-1)
FEW_SETS = 24
CLOSE = 1e-6


class Measure(NamedTuple):
    """threshold: the least similarity. contained: which one. most: comparisons for one set; 0 is no limit."""

    threshold: float
    contained: bool
    most: int


class Choice(NamedTuple):
    """What is decided about sets, in keep order; one value a set.

    keepers: int64, the most similar kept set, the earliest of equals, or itself for a set that is kept.
    similarities: float64, to that one. compared: int32, passed: int64, how many sets it was compared with and
    how many entries of an index it passed. capped: bool, whether its search was ended before it was through.
    """

    keepers: np.ndarray
    similarities: np.ndarray
    compared: np.ndarray
    passed: np.ndarray
    capped: np.ndarray


def undecided(count: int) -> Choice:
    """All sets kept."""
    return Choice(
        np.arange(count, dtype=np.int64),
        np.ones(count),
        np.zeros(count, np.int32),
        np.zeros(count, np.int64),
        np.zeros(count, np.bool_),
    )


# --- pairs ----------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def least_share(size, threshold):
    """The least whole number that is the threshold's share of a size."""
    least = np.int64(threshold * size)
    while least > 0 and (least - 1) / size >= threshold:
        least -= 1
    while least / size < threshold:
        least += 1
    return least


@njit(nogil=True, cache=True)
def least_overlap(one, other, threshold):
    """The least number of shared elements with which sets of two sizes reach a Jaccard similarity."""
    total = one + other
    shared = np.int64(threshold / (1.0 + threshold) * total)
    while shared > 0 and (shared - 1) / (total - shared + 1) >= threshold:
        shared -= 1
    while shared / (total - shared) < threshold:
        shared += 1
    return shared


@njit(nogil=True, cache=True)
def overlap(sets, start, end, others, other_start, other_end, least):
    """How many elements two sets share, or less than `least` as soon as that is certain."""
    spare = end - start - least
    other_spare = other_end - other_start - least
    i = start
    j = other_start
    shared = 0
    while i < end and j < other_end:
        if i - start - shared > spare or j - other_start - shared > other_spare:
            return -1
        one = sets[i]
        other = others[j]
        shared += one == other
        i += one <= other
        j += other <= one
    return shared


@njit(nogil=True, cache=True)
def similarity(sets, start, end, others, other_start, other_end, threshold, contained):
    """The similarity of one set to another, or -1 when it is below the threshold."""
    size = end - start
    other_size = other_end - other_start
    if contained:
        if other_size < size:
            return -1.0
        least = least_share(size, threshold)
        shared = overlap(sets, start, end, others, other_start, other_end, least)
        return shared / size if shared >= least else -1.0
    if min(size, other_size) < threshold * max(size, other_size) - CLOSE:
        return -1.0
    least = least_overlap(size, other_size, threshold)
    shared = overlap(sets, start, end, others, other_start, other_end, least)
    return shared / (size + other_size - shared) if shared >= least else -1.0


@njit(nogil=True, cache=True)
def least_found(number, measure, choice):
    """The similarity that another set must have to matter: as much as the best one found."""
    return measure.threshold if choice.keepers[number] == number else choice.similarities[number]


@njit(nogil=True, cache=True)
def consider(number, sets, start, end, other, others, other_start, other_end, measure, choice):
    """Compare a set with a kept one, unless it has been compared with as many as it may be; gives the new least."""
    best = least_found(number, measure, choice)
    if measure.most and choice.compared[number] >= measure.most:
        choice.capped[number] = True
        return best
    choice.compared[number] += 1
    found = similarity(sets, start, end, others, other_start, other_end, best, measure.contained)
    first = choice.keepers[number] == number
    if found > best or (found == best and (first or other < choice.keepers[number])):
        choice.keepers[number] = other
        choice.similarities[number] = found
        return found
    return best
