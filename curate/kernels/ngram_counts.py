"""Exact counts of n-grams as a trie in sorted arrays, built from token numbers, and the union of two tries.

Level 1 is the vocabulary. An n-gram of level n > 1 is one uint64: the rank of its first n - 1 tokens in level
n - 1, times 2**32, plus the rank of its last token in level 1. Every level is sorted, so that the n-grams of a
context stand together, and the rank of an n-gram in a union of levels grows with its rank in each of them.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

_32 = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_DIGIT = 11
_NONE = np.uint32(0xFFFFFFFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@njit(nogil=True, cache=True)
def number(hashes, out):
    """Number distinct hashes by first occurrence: out (n,) uint32 gets each one's number. Gives the distinct ones."""
    bits = np.uint64(16)
    slots = np.full(1 << bits, _NONE, np.uint32)
    found = np.empty(1 << (bits - np.uint64(1)), np.uint64)
    count = 0
    for i in range(len(hashes)):
        if count == len(found):
            bits += np.uint64(1)
            larger = np.empty(2 * count, np.uint64)
            larger[:count] = found
            found = larger
            slots = np.full(1 << bits, _NONE, np.uint32)
            for k in range(count):
                slots[_slot(found[k], slots, found, bits)] = k
        slot = _slot(hashes[i], slots, found, bits)
        if slots[slot] == _NONE:
            slots[slot] = count
            found[count] = hashes[i]
            count += 1
        out[i] = slots[slot]
    return found[:count]


@njit(nogil=True, cache=True)
def _slot(value, slots, found, bits):
    mask = np.uint64(len(slots) - 1)
    at = (value * _MULTIPLIER) >> (np.uint64(64) - bits)
    while slots[at] != _NONE and found[slots[at]] != value:
        at = (at + np.uint64(1)) & mask
    return at


@njit(nogil=True, cache=True)
def stream(tokens, offsets, ranks, start, out):
    """Each text's tokens by rank, with `start` before them: out uint32, one longer for each text than tokens."""
    count = 0
    for i in range(len(offsets) - 1):
        out[count] = start
        count += 1
        for at in range(offsets[i], offsets[i + 1]):
            out[count] = ranks[tokens[at]]
            count += 1


@njit(nogil=True, cache=True)
def _sorted(keys, places, bits):
    """Keys of so many bits and what belongs to them, sorted by key, equal ones in the order they were in."""
    mask = np.uint64((1 << _DIGIT) - 1)
    other_keys = np.empty_like(keys)
    other_places = np.empty_like(places)
    for shift in range(0, bits, _DIGIT):
        starts = np.zeros((1 << _DIGIT) + 1, np.int64)
        by = np.uint64(shift)
        for key in keys:
            starts[np.int64(key >> by & mask) + 1] += 1
        starts = np.cumsum(starts)
        for i in range(len(keys)):
            digit = np.int64(keys[i] >> by & mask)
            at = starts[digit]
            starts[digit] = at + 1
            other_keys[at] = keys[i]
            other_places[at] = places[i]
        keys, other_keys = other_keys, keys
        places, other_places = other_places, places
    return keys, places


@njit(nogil=True, cache=True)
def _width(size):
    bits = 0
    while size > 1 << bits:
        bits += 1
    return bits


@njit(nogil=True, cache=True)
def count_level(tokens, order, skip, ranks, words, contexts):
    """The n-grams of `order` > 1 in a stream of token ranks, in which 0 begins a text, and their counts.

    ranks: uint32, shape of tokens; the rank of the n-gram one shorter that ends at each token, replaced by that of
    the n-gram that ends there. words, contexts: the sizes of level 1 and of the level below. An n-gram that ends at
    one of the first `skip` tokens is there, but not counted. Gives uint64 keys and int64 counts.
    """
    low = np.uint64(_width(words))
    keys = np.empty(len(tokens), np.uint64)
    places = np.empty(len(tokens), np.uint32)
    size, depth = 0, -1
    for i in range(len(tokens)):
        depth = 0 if tokens[i] == 0 else depth + 1
        if depth >= order - 1:
            keys[size] = np.uint64(ranks[i - 1]) << low | np.uint64(tokens[i])
            places[size] = i
            size += 1
    keys, places = _sorted(keys[:size], places[:size], np.int64(low) + _width(contexts))
    counts = np.empty(size, np.int64)
    mask = (np.uint64(1) << low) - np.uint64(1)
    found = -1
    before = np.uint64(0)
    for i in range(size):
        key = keys[i]
        if found < 0 or key != before:
            found += 1
            before = key
            keys[found] = key >> low << _32 | key & mask
            counts[found] = 0
        counts[found] += places[i] >= skip
        ranks[places[i]] = found
    return keys[: found + 1].copy(), counts[: found + 1].copy()


@njit(nogil=True, cache=True)
def _remapped(key, contexts, words):
    return np.uint64(contexts[np.int64(key >> _32)]) << _32 | np.uint64(words[np.int64(key & _LOW)])


@njit(nogil=True, cache=True)
def merge_level(keys, counts, contexts, words, others, other_counts, other_contexts, other_words, sign, out, sums):
    """The union of two levels, the second one's counts times `sign`: to out uint64 keys, to sums int64 counts.

    contexts, words and the other two: uint32, the ranks in the unions of levels n - 1 and 1 by rank in the two.
    out, sums: room for all n-grams of both. Gives how many there are in the union and, as uint32, the ranks there by
    rank in the first and in the second.
    """
    size, other_size = len(keys), len(others)
    ranks = np.empty(size, np.uint32)
    other_ranks = np.empty(other_size, np.uint32)
    i = j = found = 0
    while i < size or j < other_size:
        one = _remapped(keys[i], contexts, words) if i < size else np.uint64(0)
        two = _remapped(others[j], other_contexts, other_words) if j < other_size else np.uint64(0)
        first = i < size and (j == other_size or one <= two)
        second = j < other_size and (i == size or two <= one)
        out[found] = one if first else two
        sums[found] = 0
        if first:
            sums[found] += counts[i]
            ranks[i] = found
            i += 1
        if second:
            sums[found] += sign * other_counts[j]
            other_ranks[j] = found
            j += 1
        found += 1
    return found, ranks, other_ranks


@njit(nogil=True, cache=True)
def drop_level(keys, counts, least, contexts, words):
    """The n-grams of a level with a count of at least `least`, under new ranks of contexts and words.

    Gives keys, counts and the new ranks by the old, uint32.
    """
    out = np.empty_like(keys)
    left = np.empty_like(counts)
    ranks = np.full(len(keys), _NONE, np.uint32)
    found = 0
    for i in range(len(keys)):
        if counts[i] >= least:
            out[found] = _remapped(keys[i], contexts, words)
            left[found] = counts[i]
            ranks[i] = found
            found += 1
    return out[:found].copy(), left[:found].copy(), ranks


@njit(nogil=True, cache=True)
def copy_spans(starts, ends, data, offsets, out):
    """Write data[starts[i]:ends[i]] to out[offsets[i]:]."""
    for i in range(len(starts)):
        at = offsets[i]
        for place in range(starts[i], ends[i]):
            out[at] = data[place]
            at += 1
