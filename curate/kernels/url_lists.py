"""Lists of web addresses, and which addresses lie on or below one of them.

An entry is the reduced form of an address (see `urls`): a host and perhaps a path and a query. It covers its host and
all hosts below that, any port where it names none, and of their pages those whose path begins with whole parts of its
own. Entries stand behind one another as Arrow strings do; `slots` is an open-addressing table of their numbers.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64
from curate.kernels.urls import reduce_url

EMPTY = np.int32(-1)
LONGEST_HOST = 253
"""Bytes of a host that count, from its end: no name is longer (RFC 1035)."""

_START = np.uint64(0xCBF29CE484222325)
_PRIME = np.uint64(0x100000001B3)
_AMPERSAND = np.uint8(ord("&"))
_AT = np.uint8(ord("@"))
_COLON = np.uint8(ord(":"))
_DOT = np.uint8(ord("."))
_QUESTION = np.uint8(ord("?"))
_SLASH = np.uint8(ord("/"))


@njit(nogil=True, cache=True)
def reduce_entries(offsets, data, out_offsets, out):
    """The entries that addresses make, behind one another. out_offsets: int64, shape (n + 1,); out: as long as data.

    What stands before an `@` is left out, and so are dots before the host. Without a host an entry is empty.
    """
    at = 0
    out_offsets[0] = 0
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    reduced = np.empty(longest, dtype=np.uint8)
    for i in range(len(offsets) - 1):
        length = reduce_url(data, offsets[i], offsets[i + 1], reduced)
        start, end = _host(reduced, length)
        while start < end and reduced[start] == _DOT:
            start += 1
        for j in range(start, length if start < end else start):
            out[at] = reduced[j]
            at += 1
        out_offsets[i + 1] = at


@njit(nogil=True, cache=True)
def index_entries(offsets, data, slots):
    """Put the numbers of entries that are not empty into the table: int32, a power of two, more than the entries."""
    slots[:] = EMPTY
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        hashed = _START
        for j in range(offsets[i], offsets[i + 1]):
            hashed = _added(hashed, data[j])
        slot, there = _slot(hashed, data, offsets[i], offsets[i + 1], offsets, data, slots)
        if not there:
            slots[slot] = i


@njit(nogil=True, cache=True)
def mark_listed(offsets, data, entry_offsets, entries, slots, listed):
    """Which addresses an entry covers: bool, shape (n,). Empty ones are covered by none."""
    longest = 0
    for i in range(len(listed)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    reduced = np.empty(longest, dtype=np.uint8)
    for i in range(len(listed)):
        length = reduce_url(data, offsets[i], offsets[i + 1], reduced)
        listed[i] = _covered(reduced, length, entry_offsets, entries, slots)


@njit(nogil=True, cache=True)
def _host(reduced, length):
    """Where the host of a reduced address, its port included, begins and ends."""
    end = 0
    while end < length and reduced[end] != _SLASH and reduced[end] != _QUESTION:
        end += 1
    start = end
    while start > 0 and reduced[start - 1] != _AT:
        start -= 1
    return start, end


@njit(nogil=True, cache=True)
def _covered(reduced, length, entry_offsets, entries, slots):
    start, end = _host(reduced, length)
    start = max(start, end - LONGEST_HOST)
    for label in range(start, end):
        if label > start and reduced[label - 1] != _DOT:
            continue
        hashed = _START
        for at in range(label, length + 1):
            if _ends_part(reduced, at, length, end):
                _, there = _slot(hashed, reduced, label, at, entry_offsets, entries, slots)
                if there:
                    return True
            if at < length:
                hashed = _added(hashed, reduced[at])
    return False


@njit(nogil=True, cache=True)
def _ends_part(reduced, at, length, end):
    """Whether an entry may end before a byte: at the end, before a port, and before `/`, `?` and `&`."""
    if at == length:
        return True
    byte = reduced[at]
    if at < end:
        return byte == _COLON
    return byte in (_SLASH, _QUESTION, _AMPERSAND)


@njit(nogil=True, cache=True)
def _added(hashed, byte):
    """FNV-1a, one byte on."""
    return (hashed ^ np.uint64(byte)) * _PRIME


@njit(nogil=True, cache=True)
def _slot(hashed, data, start, end, entry_offsets, entries, slots):
    """The slot that holds the entry equal to data[start:end], or the free one where it would be; and which it is."""
    mask = np.uint64(len(slots) - 1)
    at = mix64(hashed) & mask
    while slots[at] != EMPTY:
        first = entry_offsets[slots[at]]
        same = entry_offsets[slots[at] + 1] - first == end - start
        for i in range(end - start):
            if not same or entries[first + i] != data[start + i]:
                same = False
                break
        if same:
            return at, True
        at = (at + np.uint64(1)) & mask
    return at, False
