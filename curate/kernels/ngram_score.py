"""A back-off model as one hash table for each order, and the cost of token sequences under it.

An n-gram's hash is a polynomial of its tokens' hashes in an odd base modulo 2**64. Its high bits choose a bucket,
one cache line of sixteen uint32: eight marks, the low 32 bits of the hashes of the n-grams in it, zero for none, and
for each of them the cost of the n-gram and that of backing off from it, each in 1024ths of a bit, in 16 bits. An
n-gram that is not in the table is taken for one that is with probability below 2e-9.

The buckets of all orders' n-grams are fetched some tokens ahead of their use, so that memory is waited for once for
many of them.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import equal_mask, prefetch, trailing_zeros
from curate.kernels.ngram_tokens import END, START

SLOTS = 8
WORDS = 16
"""N-grams, and uint32, of a bucket."""
UNITS = 1024.0
"""Parts of a bit."""
_AHEAD = 32
_BASE = np.uint64(0xD1342543DE82EF95)
_LOW = np.uint64(0xFFFFFFFF)
_CODES = np.uint64(0xFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_4 = np.uint64(4)
_7 = np.uint64(7)
_8 = np.uint64(8)
_16 = np.uint64(16)
_32 = np.uint64(32)


@njit(nogil=True, cache=True)
def hash_level(keys, contexts, words, out):
    """The hashes of a level's n-grams, out (n,) uint64, from those of the level below and of the tokens."""
    for i in range(len(keys)):
        out[i] = contexts[np.int64(keys[i] >> _32)] * _BASE + words[np.int64(keys[i] & _LOW)]


@njit(nogil=True, cache=True)
def _code(probability):
    if probability <= 0.0:
        return _CODES
    return np.uint64(min(65535.0, max(0.0, np.rint(-np.log2(probability) * UNITS))))


@njit(nogil=True, cache=True)
def _bucket(value, buckets):
    return ((value >> _32) * buckets) >> _32


@njit(nogil=True, cache=True)
def _sign(value):
    return np.uint32(max(_1, value & _LOW))


@njit(nogil=True, cache=True)
def fill(hashes, probabilities, left, kept, slots):
    """Put the kept n-grams of a level into slots, uint32, zeros, WORDS to a bucket; left: as of `interpolate`."""
    buckets = np.uint64(len(slots) // WORDS)
    for i in range(len(hashes)):
        if not kept[i]:
            continue
        at = _bucket(hashes[i], buckets) << _4
        while slots[at]:
            at += _1
            if at & _8:
                at += _8
            if at == np.uint64(len(slots)):
                at = _0
        slots[at] = _sign(hashes[i])
        slots[at + _8] = np.uint32(_code(probabilities[i]) << _16 | _code(left[i]))


@njit(nogil=True, cache=True)
def _find(slots, first, buckets, value):
    """Whether an n-gram is in the table that begins at bucket `first`, and its two costs."""
    bucket = _bucket(value, buckets)
    wanted = _sign(value)
    while True:
        at = (first + bucket) << _4
        found = equal_mask(slots, at, wanted)
        if found:
            return True, np.uint64(slots[at + _8 + trailing_zeros(found)])
        if not slots[at + _7]:
            return False, _0
        bucket += _1
        if bucket == buckets:
            bucket = _0


@njit(nogil=True, cache=True)
def _look_ahead(hashes, tables, sizes, slots, before, grams):
    """The hashes of the n-grams that end at each of some tokens, to grams (tokens, order), and their buckets fetched.

    before: those that end at the token before; then at the last one.
    """
    order = len(sizes)
    for i in range(len(hashes)):
        grams[i, 0] = hashes[i]
        for n in range(1, order):
            grams[i, n] = before[n - 1] * _BASE + hashes[i]
        for n in range(order):
            before[n] = grams[i, n]
            prefetch(slots, (tables[n] + _bucket(grams[i, n], sizes[n])) << _4)
        if hashes[i] == END:
            before[0] = START


@njit(nogil=True, cache=True)
def score(hashes, tables, slots, out, unknown):
    """The cost of every token in bits, out float32, and whether it is unknown, bool; both of the shape of hashes.

    hashes: uint64, texts one after another, each with its end. tables (order + 1,) uint64: the first bucket of each
    order's table, and the end. An unknown token costs what the contexts leave to shorter ones, down to none.
    """
    order = len(tables) - 1
    sizes = tables[1:] - tables[:-1]
    before, grams = np.zeros(order, np.uint64), np.empty((_AHEAD, order), np.uint64)
    leave, leave_here = np.zeros(order, np.uint64), np.zeros(order, np.uint64)
    _, start = _find(slots, tables[0], sizes[0], START)
    before[0] = START
    leave[0] = start & _CODES
    known = min(1, order - 1)
    for first in range(0, len(hashes), _AHEAD):
        last = min(first + _AHEAD, len(hashes))
        _look_ahead(hashes[first:last], tables, sizes, slots, before, grams)
        for at in range(first, last):
            value, length = _0, 0
            while length <= known:
                found, costs = _find(slots, tables[length], sizes[length], grams[at - first, length])
                if not found:
                    break
                value = costs
                leave_here[length] = costs & _CODES
                length += 1
            cost = value >> _16
            for n in range(max(1, length) - 1, known):
                cost += leave[n]
            out[at] = cost / UNITS
            unknown[at] = length == 0
            known = min(length, order - 1)
            leave, leave_here = leave_here, leave
            if hashes[at] == END:
                known = min(1, order - 1)
                leave[0] = start & _CODES
