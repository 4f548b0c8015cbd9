"""Repeated words in a row, of 1 to 10, by Gopher's definitions (Rae et al. 2021, table A1), in one chain of tables.

A sequence of n + 1 words can only repeat where its first n and its last n words do, so each table holds no more than
what was left by the one before. A sequence is known by where it first stands: that of n + 1 words by the pair of those
of n words, compared exactly. Only words are compared by a 64-bit hash: two different ones of a document of w
words are taken for one with a probability of at most w^2 / 2^65, 5e-7 at the 4,194,304 words that are looked at.

A table holds where sequences first stand, and more than any place where it is empty. So the lower of what it holds and
the place that is asked for is where the sequence first stands, whether it stood before or not: no branch that a
processor would have to guess.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import eight, trailing_zeros

MOST_WORDS = 1 << 22
"""Of a longer document only the words up to here are compared."""
LONGEST = 10

MOST_TOP = 4
"""Of sequences of 2 to 4 words the most frequent is looked for, of 5 to 10 what repeats is added up."""

_0 = np.uint64(0)
_1 = np.uint64(1)
_32 = np.uint64(32)
_ONCE = np.uint64(2)
_NOWHERE = np.uint32(0xFFFFFFFF)
_PLACES = np.uint64(0xFFFFFFFF)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HIGHEST_BIT = np.uint64(63)


class Grams(NamedTuple):
    """Scratch for documents of at most `words` words.

    hashes: uint64 (words,), of the words. lengths: int32 (words + 1,), characters of the words before. The others are
    uint32. positions (words,): where the sequences stand that are looked at. firsts, nexts (words,): by where a
    sequence stands, where it first does, of n words and of n + 1. counts (words,): by where a sequence first stands,
    twice how often it does, plus 1 if it has been gone by. table: (a power of two,), where sequences first stand.
    """

    hashes: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray
    firsts: np.ndarray
    nexts: np.ndarray
    counts: np.ndarray
    table: np.ndarray


@njit(nogil=True, cache=True)
def grams_room(longest):
    """Scratch for documents of at most `longest` bytes: 44 to 60 bytes a word; what is not used is not touched."""
    words = min(longest, MOST_WORDS) + 1
    return Grams(
        np.empty(words, np.uint64),
        np.empty(words + 1, np.int32),
        np.empty(words, np.uint32),
        np.empty(words, np.uint32),
        np.empty(words, np.uint32),
        np.empty(words, np.uint32),
        np.empty(table_size(words), np.uint32),
    )


@njit(nogil=True, cache=True, _nrt=False)
def table_size(number):
    """A power of two of at least 4 times the number."""
    size = 16
    while size < 4 * number:
        size *= 2
    return size


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _enter(table, keys, slot, mask, position):
    """Enter a position in the table from `slot` on, unless one with the same 8 bytes in `keys` is there: gives that
    which is there then."""
    key = eight(keys, position)
    first = min(np.uint64(table[slot]), position)
    while eight(keys, first) != key:
        slot = (slot + _1) & mask
        first = min(np.uint64(table[slot]), position)
    table[slot] = first
    return first


@njit(nogil=True, cache=True, _nrt=False)
def repeat_words(room, words, tops, repeats):
    """Characters in repeated sequences of the first `words` words: gives how many different words there are.

    tops: int64, shape (LONGEST + 1,): for n from 2 to MOST_TOP, length with spaces of the most frequent n words, the
    first of them where there are several, times their number. repeats: int64, shape (LONGEST + 1,): for n beyond,
    characters without spaces of n words that stood before, from left to right without overlap.
    """
    _, lengths, positions, firsts, nexts, counts, _ = room
    tops[:] = 0
    repeats[:] = 0
    different = _repeat_single(room, words)
    number = _pair_words(room, words)
    for n in range(2, MOST_TOP + 1):
        if words >= n:
            tops[n] = lengths[n] + n - 1
        if number:
            count, head = _most_frequent(room, firsts, nexts, number)
            if count > 1:
                tops[n] = count * (np.int64(lengths[head + n] - lengths[head]) + n - 1)
            firsts, nexts = nexts, firsts
            number = _pair(positions, firsts, counts, number)
    for n in range(MOST_TOP + 1, LONGEST + 1):
        if number:
            repeats[n] = _repeat(room, firsts, nexts, number, n)
            firsts, nexts = nexts, firsts
            number = _pair(positions, firsts, counts, number)
    return different


@njit(nogil=True, cache=True, _nrt=False)
def _repeat_single(room, words):
    """Find where each word first stands; here `counts` tells where it last does."""
    hashes, _, _, firsts, _, lasts, table = room
    size = table_size(words)
    table[:size] = _NOWHERE
    mask = np.uint64(size - 1)
    different = _0
    for i in range(words):
        position = np.uint64(i)
        first = _enter(table, hashes, hashes[position] & mask, mask, position)
        firsts[position] = first
        lasts[first] = position
        different += np.uint64(first == position)
    return np.int64(different)


@njit(nogil=True, cache=True, _nrt=False)
def _pair_words(room, words):
    """Keep the positions where a word that stands more than once is followed by another; gives how many."""
    _, _, positions, firsts, _, lasts, _ = room
    kept, repeats = _0, _0
    for i in range(words):
        position = np.uint64(i)
        first = np.uint64(firsts[position])
        again = np.uint64(np.uint64(lasts[first]) != first)
        positions[kept] = position - _1
        kept += repeats & again
        repeats = again
    return np.int64(kept)


@njit(nogil=True, cache=True, _nrt=False)
def _pair(positions, firsts, counts, number):
    """From n words to n + 1: keep the positions where a sequence that stands more than once is followed by another;
    gives how many."""
    kept, repeats, before = _0, _0, _0
    for i in range(number):
        position = np.uint64(positions[np.uint64(i)])
        again = np.uint64(counts[np.uint64(firsts[position])] >= np.uint32(2 * _ONCE))
        positions[kept] = before
        kept += repeats & again & np.uint64(position == before + _1)
        before, repeats = position, again
    return np.int64(kept)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _clear(table, number):
    """Clear what is needed of the table; gives the shift of a hash to a slot, and the mask."""
    size = table_size(number)
    table[:size] = _NOWHERE
    return _HIGHEST_BIT - trailing_zeros(np.uint64(size)) + _1, np.uint64(size - 1)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _count(table, firsts, nexts, counts, shift, mask, position):
    """Find where the sequence at a position first stands, and count it: gives that place and its number."""
    slot = (eight(firsts, position) * _GOLDEN) >> shift
    first = _enter(table, firsts, slot, mask, position)
    nexts[position] = first
    return first, (np.uint64(counts[first]) & (np.uint64(first == position) - _1)) + _ONCE


@njit(nogil=True, cache=True, _nrt=False)
def _most_frequent(room, firsts, nexts, number):
    """How often the most frequent sequence stands, and where it first does."""
    _, _, positions, _, _, counts, table = room
    shift, mask = _clear(table, number)
    best = _0
    for i in range(number):
        position = np.uint64(positions[np.uint64(i)])
        first, count = _count(table, firsts, nexts, counts, shift, mask, position)
        counts[first] = count
        best = max(best, count << _32 | (_PLACES - first))
    return np.int64(best >> _32) >> 1, np.int64(_PLACES - (best & _PLACES))


@njit(nogil=True, cache=True, _nrt=False)
def _repeat(room, firsts, nexts, number, n):
    """Characters of the sequences of n words that stood before."""
    _, lengths, positions, _, _, counts, table = room
    shift, mask = _clear(table, number)
    free, repeated = _0, 0
    for i in range(number):
        position = np.uint64(positions[np.uint64(i)])
        first, count = _count(table, firsts, nexts, counts, shift, mask, position)
        if position >= free:
            if count & _1:
                end = position + np.uint64(n)
                repeated += np.int64(lengths[end] - lengths[position])
                free = end
            count |= _1
        counts[first] = count
    return repeated
