"""Finding bytes eight at a time in a machine word (SWAR), as in Mycroft's test for a zero byte.

In a word of flags, the high bit of each byte found, the lowest flag is always right; those above it may be
false, since a subtraction borrows from the next byte up. So the first one found is where the lowest flag is.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

_LOW = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_CONTROL = np.uint64(0x2020202020202020)
_QUOTE = np.uint64(0x2222222222222222)
_BACKSLASH = np.uint64(0x5C5C5C5C5C5C5C5C)
_EIGHT = np.uint64(8)
_NONE = np.uint64(0)
_ONE = np.uint64(1)
_TOP = np.uint64(56)


@njit(nogil=True, cache=True, _nrt=False)
def _word(data, at):
    """Eight bytes from `at` as a little-endian word; LLVM makes one load of it since unsigned indexes do not wrap."""
    first = np.uint64(at)
    value = _NONE
    for i in range(8):
        value |= np.uint64(data[first + np.uint64(i)]) << (_EIGHT * np.uint64(i))
    return value


@njit(nogil=True, cache=True, _nrt=False)
def _zeros(word):
    """Not zero if and only if a byte of the word is zero."""
    return (word - _LOW) & ~word & _HIGH


@njit(nogil=True, cache=True, _nrt=False)
def _first(flags):
    """Which byte the lowest flag is in: below it, all bits are set in as many bytes and in its own."""
    below = (flags & (~flags + _ONE)) - _ONE
    return np.int64((((below & _LOW) * _LOW) >> _TOP) - _ONE)


@njit(nogil=True, cache=True, _nrt=False)
def _store(out, to, word):
    """Write eight bytes; LLVM makes one store of it."""
    first = np.uint64(to)
    for i in range(8):
        out[first + np.uint64(i)] = np.uint8(word >> (_EIGHT * np.uint64(i)))


@njit(nogil=True, cache=True, _nrt=False)
def find_byte(data, at, end, byte):
    """Index of the first `byte` in data[at:end], or `end`."""
    pattern = _LOW * np.uint64(byte)
    while at + 8 <= end:
        flags = _zeros(_word(data, at) ^ pattern)
        if flags != _NONE:
            return at + _first(flags)
        at += 8
    while at < end and data[at] != byte:
        at += 1
    return at


@njit(nogil=True, cache=True, _nrt=False)
def find_either(data, at, end, one, other):
    """Index of the first of two bytes in data[at:end], or `end`."""
    first = _LOW * np.uint64(one)
    second = _LOW * np.uint64(other)
    while at + 8 <= end:
        word = _word(data, at)
        flags = _zeros(word ^ first) | _zeros(word ^ second)
        if flags != _NONE:
            return at + _first(flags)
        at += 8
    while at < end and data[at] != one and data[at] != other:
        at += 1
    return at


@njit(nogil=True, cache=True, _nrt=False)
def find_special(data, at, end):
    """Index of the first quote, backslash or control character (below 0x20) in data[at:end], or `end`."""
    while at + 8 <= end:
        word = _word(data, at)
        flags = ((word - _CONTROL) & ~word & _HIGH) | _zeros(word ^ _QUOTE) | _zeros(word ^ _BACKSLASH)
        if flags != _NONE:
            return at + _first(flags)
        at += 8
    while at < end and data[at] >= 32 and data[at] != 34 and data[at] != 92:
        at += 1
    return at


@njit(nogil=True, cache=True, _nrt=False)
def copy_to_backslash(data, at, end, out, to):
    """Copy data[at:end] up to the first backslash to out[to:], which must have room for all of it: (at, to)."""
    while at + 8 <= end:
        word = _word(data, at)
        _store(out, to, word)
        flags = _zeros(word ^ _BACKSLASH)
        if flags != _NONE:
            count = _first(flags)
            return at + count, to + count
        at += 8
        to += 8
    while at < end and data[at] != 92:
        out[to] = data[at]
        at += 1
        to += 1
    return at, to


@njit(nogil=True, cache=True, _nrt=False)
def is_same(data, at, other, start, length):
    """Whether data[at:at + length] and other[start:start + length] are the same bytes."""
    i = 0
    while i + 8 <= length:
        if _word(data, at + i) != _word(other, start + i):
            return False
        i += 8
    while i < length and data[at + i] == other[start + i]:
        i += 1
    return i == length


@njit(nogil=True, cache=True, _nrt=False)
def copy(data, start, end, out, to):
    """Copy data[start:end] to out[to:]; gives the place after it."""
    while start + 8 <= end:
        _store(out, to, _word(data, start))
        start += 8
        to += 8
    while start < end:
        out[to] = data[start]
        start += 1
        to += 1
    return to


@njit(nogil=True, cache=True, _nrt=False)
def gather(data, starts, ends, out):
    """Copy stretches of bytes one after another: out, uint8 of all their lengths."""
    to = 0
    for i in range(len(starts)):
        to = copy(data, starts[i], ends[i], out, to)
