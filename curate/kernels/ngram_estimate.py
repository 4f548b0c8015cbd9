"""Interpolated modified Kneser-Ney estimation over the sorted levels of `ngram_counts`."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@njit(nogil=True, cache=True)
def first_children(keys, out):
    """out (contexts + 1,) int64: the first n-gram of a level for each context, and the end."""
    at = 0
    for context in range(len(out) - 1):
        out[context] = at
        while at < len(keys) and np.int64(keys[at] >> _32) == context:
            at += 1
    out[-1] = at


@njit(nogil=True, cache=True)
def find_suffixes(keys, context_suffixes, lower, children, out):
    """The rank, in the level below, of each n-gram without its first token: out (n,) uint32.

    context_suffixes: the same for the level below. lower: the keys of the level below; children: its `first_children`.
    """
    context = np.int64(-1)
    low = high = np.int64(0)
    for i in range(len(keys)):
        here = np.int64(keys[i] >> _32)
        if here != context:
            context = here
            suffix = np.int64(context_suffixes[context])
            low, high = children[suffix], children[suffix + 1]
        word = keys[i] & _LOW
        first, last = low, high
        while first < last:
            middle = (first + last) >> 1
            if lower[middle] & _LOW < word:
                first = middle + 1
            else:
                last = middle
        out[i] = first
        low = first + 1


@njit(nogil=True, cache=True)
def count_predecessors(suffixes, out):
    """Add to out, int64, at each n-gram's suffix one for the token before it."""
    for suffix in suffixes:
        out[suffix] += 1


@njit(nogil=True, cache=True)
def _discount(count, discounts):
    return discounts[min(count, len(discounts) - 1)]


@njit(nogil=True, cache=True)
def interpolate(keys, adjusted, kept, suffixes, lower, discounts, out, left):
    """The probabilities of a level's n-grams: out (n,) float32; and what contexts leave to shorter ones: left float32.

    adjusted: int64 counts; kept: bool, the n-grams that stay in the model; the share of all others is left to
    shorter contexts. lower: the probabilities of the level below. discounts: float64, by count, the last one for
    all greater. A context without n-grams leaves 1.
    """
    left[:] = 1
    at = 0
    while at < len(keys):
        context = keys[at] >> _32
        end = at
        total = np.int64(0)
        while end < len(keys) and keys[end] >> _32 == context:
            total += adjusted[end]
            end += 1
        taken = 0.0
        for i in range(at, end):
            if kept[i]:
                taken += adjusted[i] - _discount(adjusted[i], discounts)
        rest = (total - taken) / total if total else 1.0
        left[np.int64(context)] = rest
        for i in range(at, end):
            share = adjusted[i] - _discount(adjusted[i], discounts) if kept[i] else 0.0
            out[i] = share / max(1, total) + rest * lower[suffixes[i]]
        at = end
