"""What the rules know of single words: exceptions to the word rules, units of measurement and stop words."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import eight

KEY, PIECES, STOPS, SHAPES = range(4)
"""Rows of a lexicon, an open-addressed table of words: uint64, shape (4, 2^k).

KEY: `hash_word`, 0 for an empty place. PIECES: of an exception the characters of each piece, four bits each, the first
lowest; UNIT for a unit of measurement. STOPS: a bit for each language whose stop word it is, from the lowest, and
from GOPHER on one for each of Gopher's. SHAPES: in the first 64 columns a bit for
the `shape` of each exception, in the 2,048 from FILTER on one for the 17 highest bits of each key.
"""
UNIT = np.uint64(1 << 32)
EXCEPTION = UNIT - np.uint64(1)
LANGUAGES = 56
GOPHER = np.uint64(LANGUAGES)

FILTER = np.uint64(64)
_FILTER_SHIFT = np.uint64(64 - 17)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_0 = np.uint64(0)
_1 = np.uint64(1)
_3 = np.uint64(3)
_6 = np.uint64(6)
_8 = np.uint64(8)
_16 = np.uint64(16)
_29 = np.uint64(29)
_32 = np.uint64(32)
_63 = np.uint64(63)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _lowest(value, number):
    """The lowest `number` bytes of a uint64."""
    return value if number >= _8 else value & ((_1 << (number << _3)) - _1)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def sixteen(data, first, size):
    """The `size` bytes, at most sixteen, from data[first] on as two little-endian uint64; all arguments uint64."""
    if first + _16 <= np.uint64(len(data)):
        low = _lowest(eight(data, first), size)
        return low, _lowest(eight(data, first + _8), size - _8) if size > _8 else _0
    low, high = _0, _0
    for i in range(np.int64(size)):
        if i < 8:
            low |= np.uint64(data[first + np.uint64(i)]) << np.uint64(8 * i)
        else:
            high |= np.uint64(data[first + np.uint64(i)]) << np.uint64(8 * i - 64)
    return low, high


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def mix_sixteen(value, low, high):
    """A hash so far with sixteen more bytes, by three odd multipliers."""
    value = (value ^ low) * _A
    value = (value ^ (value >> _32) ^ high) * _B
    value = (value ^ (value >> _29)) * _GOLDEN
    return value ^ (value >> _32)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def hash_word(data, start, end):
    """A 64-bit hash, never 0, of data[start:end], which is not empty."""
    first, stop = np.uint64(start), np.uint64(end)
    value = (stop - first) * _GOLDEN
    while stop - first > _16:
        value = mix_sixteen(value, eight(data, first), eight(data, first + _8))
        first += _16
    low, high = sixteen(data, first, stop - first)
    value = mix_sixteen(value, low, high)
    return value if value else _1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def shape(first, last, length):
    """A number below 4,096 of a word's first and last byte and its number of characters."""
    return np.uint64((np.int64(first) * 61 + np.int64(last) * 3 + length * 421) & 4095)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def has_shape(lexicon, first, last, length):
    """Whether there is an exception of the shape: where not, a word is none."""
    number = shape(first, last, length)
    return lexicon[SHAPES, number >> _6] >> (number & _63) & _1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def filter_bit(key):
    """The column of SHAPES, and the bit in it, of a key."""
    number = key >> _FILTER_SHIFT
    return FILTER + (number >> _6), number & _63


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def may_know(lexicon, key):
    """Whether a word may be in the lexicon: where not, it is not."""
    column, bit = filter_bit(key)
    return lexicon[SHAPES, column] >> bit & _1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def find(lexicon, key):
    """The column of a word in the lexicon; that of an empty place, which says nothing, if it is not there."""
    mask = np.uint64(lexicon.shape[1] - 1)
    slot = key & mask
    while lexicon[KEY, slot] != key and lexicon[KEY, slot]:
        slot = (slot + _1) & mask
    return slot


@njit(nogil=True, cache=True, _nrt=False)
def most(languages):
    """The language with the most stop words, the first of several, and how many: languages is a count of each, plane k
    of it bit k of every count."""
    used = len(languages)
    while used and languages[used - 1] == _0:
        used -= 1
    best, most = 0, 0
    for i in range(LANGUAGES):
        number = 0
        for plane in range(used):
            number |= np.int64(languages[plane] >> np.uint64(i) & _1) << plane
        if number > most:
            best, most = i, number
    return best, most
