"""What the rules know of single words: exceptions to the word rules, units of measurement and stop words."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import eight

KEY, PIECES, STOPS = range(3)
"""Columns of a lexicon, whose first 2^k rows are an open-addressed table of words: uint64, shape (2^k + MORE_ROWS, 4).

KEY: `hash_word`, 0 for an empty place. PIECES: of an exception the characters of each piece, four bits each, the first
lowest; UNIT for a unit of measurement. STOPS: a bit for each language whose stop word it is, from the lowest, and
from GOPHER on one for each of Gopher's. The rest are single bits, for the `shape` of each exception, from EXCEPTIONS on
for the 13 highest bits of the key of each, and from FILTER on for the 17 highest of each key.
"""
EXCEPTIONS = np.uint64(4096)
FILTER = np.uint64(4096 + (1 << 13))
MORE_ROWS = (4096 + (1 << 13) + (1 << 17)) // 256
UNIT = np.uint64(1 << 32)
EXCEPTION = UNIT - np.uint64(1)
LANGUAGES = 56
GOPHER = np.uint64(LANGUAGES)

_EXCEPTIONS_SHIFT = np.uint64(64 - 13)
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
def lowest(value, number):
    """The lowest `number` bytes of a uint64."""
    return value if number >= _8 else value & ((_1 << (number << _3)) - _1)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def sixteen(data, first, size):
    """The `size` bytes, at most sixteen, from data[first] on as two little-endian uint64; all arguments uint64."""
    if first + _16 <= np.uint64(len(data)):
        low = lowest(eight(data, first), size)
        return low, lowest(eight(data, first + _8), size - _8) if size > _8 else _0
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
def exception_bit(key):
    """The number of the bit of an exception's key."""
    return EXCEPTIONS + (key >> _EXCEPTIONS_SHIFT)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def may_be_exception(lexicon, key):
    """Whether a word may be an exception: where not, it is none."""
    return _bit(lexicon, exception_bit(key))


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def filter_bit(key):
    """The number of the bit of a key."""
    return FILTER + (key >> _FILTER_SHIFT)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def bit_place(lexicon, number):
    """Row and column of a lexicon that have a bit."""
    return np.uint64(len(lexicon) - MORE_ROWS) + (number >> _8), number >> _6 & _3


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _bit(lexicon, number):
    row, column = bit_place(lexicon, number)
    return lexicon[row, column] >> (number & _63) & _1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def has_shape(lexicon, first, last, length):
    """Whether there is an exception of the shape: where not, a word is none."""
    return _bit(lexicon, shape(first, last, length))


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def may_know(lexicon, key):
    """1 if a word may be in the lexicon; where it is 0, it is not."""
    return _bit(lexicon, filter_bit(key))


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def find(lexicon, key):
    """The row of a word in the lexicon; that of an empty place, which says nothing, if it is not there."""
    mask = np.uint64(len(lexicon) - MORE_ROWS - 1)
    slot = key & mask
    while lexicon[slot, KEY] != key and lexicon[slot, KEY]:
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
