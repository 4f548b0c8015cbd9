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
from curate.kernels.hashing import mix64

MOST_WORDS = 1 << 22
"""Of a longer document only the words up to here are compared."""
LONGEST = 10

_0 = np.uint64(0)
_1 = np.uint64(1)
_32 = np.uint64(32)


class Grams(NamedTuple):
    """Scratch for documents of at most `words` words; the table has a power of two of places, at least 2 * words.

    hashes: uint64, of the words. lengths: int32, shape (words + 1,), characters of the words before.
    positions, firsts, slots: int32 (words,). keys: uint64, heads, counts: int32, seen: bool, shape (places,).
    """

    hashes: np.ndarray
    lengths: np.ndarray
    positions: np.ndarray
    firsts: np.ndarray
    slots: np.ndarray
    keys: np.ndarray
    heads: np.ndarray
    counts: np.ndarray
    seen: np.ndarray


@njit(nogil=True, cache=True)
def grams_room(longest):
    """Scratch for documents of at most `longest` bytes: 41 to 58 bytes a word; what is not used is not touched."""
    words = min(longest, MOST_WORDS) + 1
    places = table_size(words)
    return Grams(
        np.empty(words, np.uint64),
        np.empty(words + 1, np.int32),
        np.empty(words, np.int32),
        np.empty(words, np.int32),
        np.empty(words, np.int32),
        np.empty(places, np.uint64),
        np.empty(places, np.int32),
        np.empty(places, np.int32),
        np.empty(places, np.bool_),
    )


@njit(nogil=True, cache=True)
def table_size(number):
    """A power of two of at least twice the number."""
    size = 16
    while size < 2 * number:
        size *= 2
    return size


@njit(nogil=True, cache=True)
def _enter(keys, heads, counts, seen, mask, key, position):
    """The place of a key, which is not 0, in the table, entered if it is new."""
    slot = mix64(key) & mask
    while keys[slot] != key:
        if keys[slot] == _0:
            keys[slot] = key
            heads[slot] = position
            counts[slot] = 0
            seen[slot] = False
            break
        slot = (slot + _1) & mask
    counts[slot] += 1
    return slot


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def _repeat_single(room, words):
    hashes, _, positions, _, slots, keys, heads, counts, seen = room
    size = table_size(words)
    keys[:size] = _0
    mask = np.uint64(size - 1)
    different = 0
    for i in range(words):
        slot = _enter(keys, heads, counts, seen, mask, hashes[i], i)
        different += counts[slot] == 1
        positions[i] = i
        slots[i] = slot
    return different


@njit(nogil=True, cache=True)
def _left(room, number):
    """Keep the positions whose sequence stands more than once, and where it first does; gives how many."""
    _, _, positions, firsts, slots, _, heads, counts, _ = room
    kept = 0
    for i in range(number):
        slot = slots[i]
        if counts[slot] > 1:
            positions[kept] = positions[i]
            firsts[kept] = heads[slot]
            kept += 1
    return kept


@njit(nogil=True, cache=True)
def _repeat(room, number, n, tops, repeats):
    """From the positions of repeated n - 1 words to those of n; gives how many."""
    _, lengths, positions, firsts, slots, keys, heads, counts, seen = room
    size = table_size(number)
    keys[:size] = _0
    mask = np.uint64(size - 1)
    best, best_head, free, repeated = 1, 0, 0, 0
    kept = 0
    for i in range(number - 1):
        position = positions[i]
        if positions[i + 1] != position + 1:
            continue
        key = (np.uint64(firsts[i]) + _1) << _32 | np.uint64(firsts[i + 1])
        slot = _enter(keys, heads, counts, seen, mask, key, position)
        positions[kept] = position
        slots[kept] = slot
        kept += 1
        count, head = counts[slot], heads[slot]
        if count > best or (count == best and count > 1 and head < best_head):
            best, best_head = count, head
        if position >= free:
            if seen[slot]:
                repeated += lengths[position + n] - lengths[position]
                free = position + n
            seen[slot] = True
    if best > 1:
        tops[n] = best * (np.int64(lengths[best_head + n] - lengths[best_head]) + n - 1)
    repeats[n] = repeated
    return _left(room, kept)
