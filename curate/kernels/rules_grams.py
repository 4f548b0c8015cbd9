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

MOST_TOP = 4
"""Of sequences of 2 to 4 words the most frequent is looked for, of 5 to 10 what repeats is added up."""

_0 = np.uint64(0)
_1 = np.uint64(1)
_32 = np.uint64(32)
_ONCE = np.uint64(1 << 32)
_TWICE = np.uint64(2 << 32)
_PLACES = np.uint64((1 << 32) - 2)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Grams(NamedTuple):
    """Scratch for documents of at most `words` words.

    hashes: uint64, of the words, then keys. lengths: int32, shape (words + 1,), characters of the words before.
    positions, slots: int32 (words,). table: uint64, shape (places, 2), a power of two of places: a key and, from the
    highest bit, 32 bits of how often it stood, 31 of _PLACES less where it first did, and one for having been gone by,
    so that of two sequences the more frequent, or else the first, has the higher number.
    """

    hashes: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray
    slots: np.ndarray
    table: np.ndarray


@njit(nogil=True, cache=True)
def grams_room(longest):
    """Scratch for documents of at most `longest` bytes: 40 to 60 bytes a word; what is not used is not touched."""
    words = min(longest, MOST_WORDS) + 1
    return Grams(
        np.empty(words, np.uint64),
        np.empty(words + 1, np.int32),
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
    """Enter a key, which is not 0, in the table from `slot` on, or count it: gives its place and its number there."""
    held = table[slot, 0]
    while held != key and held != _0:
        slot = (slot + _1) & mask
        held = table[slot, 0]
    table[slot, 0] = key
    before = _PLACES - (np.uint64(position) << _1) if held == _0 else table[slot, 1]
    table[slot, 1] = before + _ONCE
    return slot, before + _ONCE


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _first(entry):
    """Where a sequence first stood."""
    return (_PLACES - (entry & _PLACES)) >> _1


@njit(nogil=True, cache=True, _nrt=False)
def repeat_words(room, words, tops, repeats):
    """Characters in repeated sequences of the first `words` words: gives how many different words there are.

    tops: int64, shape (LONGEST + 1,): for n from 2 to MOST_TOP, length with spaces of the most frequent n words, the
    first of them where there are several, times their number. repeats: int64, shape (LONGEST + 1,): for n beyond,
    characters without spaces of n words that stood before, from left to right without overlap.
    """
    tops[:] = 0
    repeats[:] = 0
    different = _repeat_single(room, words)
    number = _pair(room, words)
    for n in range(2, MOST_TOP + 1):
        if words >= n:
            tops[n] = room.lengths[n] + n - 1
        if number:
            best = _most_frequent(room, number)
            if best >= _TWICE:
                head = np.int64(_first(best))
                tops[n] = np.int64(best >> _32) * (np.int64(room.lengths[head + n] - room.lengths[head]) + n - 1)
            number = _pair(room, number)
    for n in range(MOST_TOP + 1, LONGEST + 1):
        if number:
            repeats[n] = _repeat(room, number, n)
            number = _pair(room, number)
    return different


@njit(nogil=True, cache=True, _nrt=False)
def _repeat_single(room, words):
    hashes, _, positions, slots, table = room
    size = table_size(words)
    table[:size] = _0
    mask = np.uint64(size - 1)
    different = 0
    for i in range(words):
        slot, entry = _enter(table, hashes[i] & mask, mask, hashes[i], i)
        different += entry < _TWICE
        positions[i] = i
        slots[i] = slot
    return different


@njit(nogil=True, cache=True, _nrt=False)
def _pair(room, number):
    """From n words to n + 1: keep the positions where a sequence that stands more than once is followed by another,
    and the pairs of where both first stood as keys; gives how many."""
    keys, _, positions, slots, table = room
    kept, before, head, repeats = 0, np.int64(-2), _0, False
    for i in range(number):
        entry = table[slots[i], 1]
        position = np.int64(positions[i])
        first, again = _first(entry), entry >= _TWICE
        keys[kept] = (head + _1) << _32 | first
        positions[kept] = before
        kept += repeats & again & (position == before + 1)
        before, head, repeats = position, first, again
    return kept


@njit(nogil=True, cache=True, _nrt=False)
def _most_frequent(room, number):
    """The number in the table of the most frequent sequence."""
    keys, _, positions, slots, table = room
    size = table_size(number)
    table[:size] = _0
    mask = np.uint64(size - 1)
    best = _0
    for i in range(number):
        key = keys[i]
        slot, entry = _enter(table, ((key * _GOLDEN) >> _32) & mask, mask, key, positions[i])
        slots[i] = slot
        best = max(best, entry)
    return best


@njit(nogil=True, cache=True, _nrt=False)
def _repeat(room, number, n):
    """Characters of the sequences of n words that stood before."""
    keys, lengths, positions, slots, table = room
    size = table_size(number)
    table[:size] = _0
    mask = np.uint64(size - 1)
    free, repeated = 0, 0
    for i in range(number):
        position = positions[i]
        key = keys[i]
        slot, entry = _enter(table, ((key * _GOLDEN) >> _32) & mask, mask, key, position)
        slots[i] = slot
        if position >= free:
            if entry & _1:
                repeated += lengths[position + n] - lengths[position]
                free = position + n
            table[slot, 1] = entry | _1
    return repeated
