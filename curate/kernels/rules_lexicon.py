"""What the rules know of single words: exceptions to the word rules, units of measurement and stop words."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64

KEY, PIECES, STOPS, SHAPES = range(4)
"""Rows of a lexicon, an open-addressed table of words: uint64, shape (4, 2^k).

KEY: `hash_word`, 0 for an empty place. PIECES: of an exception the characters of each piece, four bits each, the first
lowest; UNIT for a unit of measurement. STOPS: a bit for each language whose stop word it is, from the lowest, and
from GOPHER on one for each of Gopher's. SHAPES: in the first 64 columns a bit for the `shape` of each exception.
"""
UNIT = np.uint64(1 << 32)
EXCEPTION = UNIT - np.uint64(1)
GOPHER = np.uint64(56)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_0 = np.uint64(0)
_1 = np.uint64(1)
_6 = np.uint64(6)
_8 = np.uint64(8)
_63 = np.uint64(63)


@njit(nogil=True, cache=True, forceinline=True)
def _load(data, at):
    first = np.uint64(at)
    value = _0
    for i in range(8):
        value |= np.uint64(data[first + np.uint64(i)]) << (_8 * np.uint64(i))
    return value


@njit(nogil=True, cache=True, forceinline=True)
def hash_word(data, start, end):
    """A 64-bit hash, never 0, of data[start:end], which is not empty."""
    length = end - start
    value = np.uint64(length) * _GOLDEN
    at = start
    while end - at > 8:
        value = mix64(value ^ _load(data, at))
        at += 8
    rest = end - at
    if end >= 8:
        tail = _load(data, end - 8) >> (_8 * np.uint64(8 - rest))
    else:
        tail = _0
        for i in range(rest):
            tail |= np.uint64(data[at + i]) << (_8 * np.uint64(i))
    value = mix64(value ^ tail)
    return value if value else _1


@njit(nogil=True, cache=True, forceinline=True)
def shape(first, last, length):
    """A number below 4,096 of a word's first and last byte and its number of characters."""
    return np.uint64((np.int64(first) * 61 + np.int64(last) * 3 + length * 421) & 4095)


@njit(nogil=True, cache=True, forceinline=True)
def has_shape(lexicon, first, last, length):
    """Whether there is an exception of the shape: where not, a word is none."""
    number = shape(first, last, length)
    return lexicon[SHAPES, number >> _6] >> (number & _63) & _1


@njit(nogil=True, cache=True, forceinline=True)
def find(lexicon, key):
    """The column of a word in the lexicon; that of an empty place, which says nothing, if it is not there."""
    mask = np.uint64(lexicon.shape[1] - 1)
    slot = key & mask
    while lexicon[KEY, slot] != key and lexicon[KEY, slot]:
        slot = (slot + _1) & mask
    return slot
