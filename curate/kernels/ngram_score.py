"""A back-off model as one hash table for each order, and the cost of token sequences under it.

An n-gram's hash is a polynomial of its tokens' hashes in an odd base modulo 2**64. Its high bits choose a bucket
of eight slots, one cache line, its low 32 bits stand in the slot, with the cost of the n-gram and that of backing off
from it, each in 1024ths of a bit, in 16 bits. An n-gram that is not in the table is taken for one that is with
probability below 2e-9.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.ngram_tokens import START

SLOTS = 8
UNITS = 1024.0
"""Parts of a bit."""
_BASE = np.uint64(0xD1342543DE82EF95)
_LOW = np.uint64(0xFFFFFFFF)
_CODES = np.uint64(0xFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_3 = np.uint64(3)
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
def fill(hashes, probabilities, left, kept, slots):
    """Put the kept n-grams of a level into slots, uint64, zeros, SLOTS to a bucket; left: as of `interpolate`."""
    buckets = np.uint64(len(slots) // SLOTS)
    for i in range(len(hashes)):
        if not kept[i]:
            continue
        value = (hashes[i] & _LOW) << _32 | max(_1, _code(probabilities[i])) << _16 | _code(left[i])
        at = ((hashes[i] >> _32) * buckets) >> _32 << _3
        while slots[at]:
            at += _1
            if at == np.uint64(len(slots)):
                at = _0
        slots[at] = value


@njit(nogil=True, cache=True)
def _find(slots, first, buckets, value):
    """The slot of an n-gram in the table that begins at bucket `first`, or zero."""
    bucket = ((value >> _32) * buckets) >> _32
    wanted = value & _LOW
    while True:
        at = (first + bucket) << _3
        for i in range(at, at + np.uint64(SLOTS)):
            if slots[i] >> _32 == wanted and slots[i]:
                return slots[i]
            if not slots[i]:
                return _0
        bucket += _1
        if bucket == buckets:
            bucket = _0


@njit(nogil=True, cache=True)
def score(hashes, offsets, tables, slots, out, unknown):
    """The cost of every token in bits, out float32, and whether it is unknown, bool; both of the shape of hashes.

    Sequence i is hashes[offsets[i]:offsets[i + 1]], and what begins a text comes before it. tables (order + 1,)
    uint64: the first bucket of each order's table, and the end. An unknown token costs what the contexts leave to
    shorter ones, down to none.
    """
    order = len(tables) - 1
    sizes = tables[1:] - tables[:-1]
    before, here = np.empty(order, np.uint64), np.empty(order, np.uint64)
    leave, leave_here = np.zeros(order, np.int64), np.zeros(order, np.int64)
    start = _find(slots, tables[0], sizes[0], START)
    for i in range(len(offsets) - 1):
        before[0] = START
        leave[0] = np.int64(start & _CODES)
        known = min(1, order - 1)
        for at in range(offsets[i], offsets[i + 1]):
            slot, length = _0, 0
            here[0] = hashes[at]
            for n in range(known + 1):
                if n:
                    here[n] = before[n - 1] * _BASE + hashes[at]
                next_slot = _find(slots, tables[n], sizes[n], here[n])
                if not next_slot:
                    break
                slot, length = next_slot, n + 1
                leave_here[n] = np.int64(slot & _CODES)
            cost = np.int64(slot >> _16 & _CODES)
            for n in range(max(1, length) - 1, known):
                cost += leave[n]
            out[at] = cost / UNITS
            unknown[at] = length == 0
            known = min(length, order - 1)
            before, here = here, before
            leave, leave_here = leave_here, leave
