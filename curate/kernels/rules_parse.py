"""How well a text compresses: the size of a greedy LZ77 parse in the format of LZ4 blocks."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import eight, trailing_zeros

TABLE = 1 << 12
_MULTIPLIER = np.uint64(2654435761)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(20)
_WINDOW = 65_535
_3 = np.uint64(3)


@njit(nogil=True, cache=True, _nrt=False)
def _four(data, at):
    first = np.uint64(at)
    value = np.uint64(0)
    for i in range(4):
        value |= np.uint64(data[first + np.uint64(i)]) << np.uint64(8 * i)
    return value


@njit(nogil=True, cache=True, _nrt=False)
def parsed_bytes(data, start, end, table):
    """Bytes of the parse of data[start:end]. table: int32, shape (TABLE,), scratch.

    A match is at least four bytes, at most 65,535 bytes back, at the last place where the same hash stood; after
    misses the search steps faster, as LZ4's does. Literals and matches cost what the format writes for them.
    """
    table[:] = -1
    size = 0
    anchor = at = start
    misses = 64
    while at + 4 <= end:
        four = _four(data, at)
        place = (four * _MULTIPLIER & _LOW) >> _SHIFT
        known = table[place]
        other = start + max(known, 0)
        table[place] = at - start
        if (known < 0) | (at - other > _WINDOW) | (_four(data, other) != four):
            at += misses >> 6
            misses += 1
            continue
        length = 4
        length += _same_bytes(data, other + length, at + length, end)
        size += 3 + _extra(at - anchor) + at - anchor + _extra(length - 4)
        at += length
        anchor = at
        misses = 64
    return size + 1 + _extra(end - anchor) + end - anchor


@njit(nogil=True, cache=True, _nrt=False)
def _same_bytes(data, other, at, end):
    """How many bytes from `other` on are as those from `at` to `end`."""
    first = at
    while at + 8 <= end:
        differing = eight(data, np.uint64(other)) ^ eight(data, np.uint64(at))
        if differing:
            return at - first + np.int64(trailing_zeros(differing) >> _3)
        other += 8
        at += 8
    while at < end and data[other] == data[at]:
        other += 1
        at += 1
    return at - first


@njit(nogil=True, cache=True, _nrt=False)
def _extra(length):
    """Bytes of a length beyond the four bits in the token."""
    return 0 if length < 15 else 1 + (length - 15) // 255
