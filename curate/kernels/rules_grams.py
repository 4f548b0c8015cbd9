"""Repeated words in a row, of 1 to 10, by Gopher's definitions (Rae et al. 2021, table A1), in one chain of tables.

A sequence of n + 1 words can only repeat where its first n and its last n words do, so each table holds no more than
what was left by the one before. A sequence is known by where it first stands: that of n + 1 words by the pair of those
of n words, compared exactly. Only words are compared by a 64-bit hash: two different ones of a document of w
words are taken for one with a probability of at most w^2 / 2^65, 5e-7 at the 4,194,304 words that are looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit

MOST_WORDS = 1 << 22
"""Of a longer document only the words up to here are compared."""
LONGEST = 10

_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_32 = np.uint64(32)
_COUNT = np.uint64(0xFFFFFFFE)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Grams(NamedTuple):
    """Scratch for documents of at most `words` words.

    hashes: uint64, of the words, then keys. lengths: int32, shape (words + 1,), characters of the words before.
    positions, firsts, slots: int32 (words,). table: uint64, shape (places, 2), a power of two of places: a key and,
    from the highest bit, 32 bits of where it first stood, 31 of how often it did, and one for having been gone by.
    """

    hashes: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray
    firsts: np.ndarray
    slots: np.ndarray
    table: np.ndarray


@njit(nogil=True, cache=True)
def grams_room(longest):
    """Scratch for documents of at most `longest` bytes: 44 to 64 bytes a word; what is not used is not touched."""
    words = min(longest, MOST_WORDS) + 1
    return Grams(
        np.empty(words, np.uint64),
        np.empty(words + 1, np.int32),
        np.empty(words, np.int32),
        np.empty(words, np.int32),
        np.empty(words, np.int32),
        np.empty((table_size(words), 2), np.uint64),
    )


@njit(nogil=True, cache=True, _nrt=False)
def table_size(number):
    """A power of two of at least 5/4 of the number."""
    size = 16
    while 4 * size < 5 * number:
        size *= 2
    return size


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _enter(table, slot, mask, key, position):
    """The place of a key, which is not 0, in the table from `slot` on, entered if it is new and counted."""
    held = table[slot, 0]
    while held != key and held != _0:
        slot = (slot + _1) & mask
        held = table[slot, 0]
    table[slot, 0] = key
    before = np.uint64(position) << _32 if held == _0 else table[slot, 1]
    table[slot, 1] = before + _2
    return slot


@njit(nogil=True, cache=True, _nrt=False)
def repeat_words(room, words, tops, repeats):
    """Characters in repeated sequences of the first `words` words: gives how many different words there are.

    tops: int64, shape (LONGEST + 1,): for n from 2 on, length with spaces of the most frequent n words, the first of
    them where there are several, times their number. repeats: int64, shape (LONGEST + 1,): for n from 2 on,
    characters without spaces of n words that stood before, from left to right without overlap.
    """
    tops[:] = 0
    repeats[:] = 0
    different = _repeat_single(room, words)
    number = _left(room, words)
    for n in range(2, LONGEST + 1):
        if words >= n:
            tops[n] = room.lengths[n] + n - 1
        if number:
            number = _repeat(room, number, n, tops, repeats)
    return different


@njit(nogil=True, cache=True, _nrt=False)
def _repeat_single(room, words):
    hashes, _, positions, _, slots, table = room
    size = table_size(words)
    table[:size] = _0
    mask = np.uint64(size - 1)
    different = 0
    for i in range(words):
        slot = _enter(table, hashes[i] & mask, mask, hashes[i], i)
        different += table[slot, 1] & _COUNT == _2
        positions[i] = i
        slots[i] = slot
    return different


@njit(nogil=True, cache=True, _nrt=False)
def _left(room, number):
    """Keep the positions whose sequence stands more than once, and where it first does; gives how many."""
    _, _, positions, firsts, slots, table = room
    kept = 0
    for i in range(number):
        entry = table[slots[i], 1]
        positions[kept] = positions[i]
        firsts[kept] = entry >> _32
        kept += entry & _COUNT > _2
    return kept


@njit(nogil=True, cache=True, _nrt=False)
def _pair(room, number):
    """Keep the positions after which the next one is kept too, and the pairs of both as keys; gives how many."""
    keys, _, positions, firsts, _, _ = room
    kept = 0
    for i in range(number - 1):
        position = positions[i]
        keys[kept] = (np.uint64(firsts[i]) + _1) << _32 | np.uint64(firsts[i + 1])
        positions[kept] = position
        kept += positions[i + 1] == position + 1
    return kept


@njit(nogil=True, cache=True, _nrt=False)
def _repeat(room, number, n, tops, repeats):
    """From the positions of repeated n - 1 words to those of n; gives how many."""
    keys, lengths, positions, _, slots, table = room
    size = table_size(number)
    table[:size] = _0
    mask = np.uint64(size - 1)
    best, best_head, free, repeated = np.uint64(1), _0, 0, 0
    kept = _pair(room, number)
    for i in range(kept):
        position = positions[i]
        key = keys[i]
        slot = _enter(table, ((key * _GOLDEN) >> _32) & mask, mask, key, position)
        slots[i] = slot
        entry = table[slot, 1]
        count, head = (entry & _COUNT) >> _1, entry >> _32
        if count > best or (count == best and count > _1 and head < best_head):
            best, best_head = count, head
        if position >= free:
            if entry & _1:
                repeated += lengths[position + n] - lengths[position]
                free = position + n
            table[slot, 1] = entry | _1
    if best > _1:
        tops[n] = np.int64(best) * (np.int64(lengths[best_head + np.uint64(n)] - lengths[best_head]) + n - 1)
    repeats[n] = repeated
    return _left(room, kept)
