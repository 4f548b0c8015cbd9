"""Names of web addresses: the same for addresses that lead to the same page, whatever their spelling."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import murmur128

_0 = np.uint64(0)
_SPACE = ord(" ")
_HASH = ord("#")
_SLASH = ord("/")
_QUESTION = ord("?")
_COLON = ord(":")
_AT = ord("@")


@njit(nogil=True, cache=True)
def name_urls(offsets, data, names, present):
    """The name of each address, and whether it has one: null, blank and bare ones ("http://") do not.

    Without spaces and controls at its ends (URL Standard, section 4.4); by RFC 3986, section 6.2, less the fragment
    and the scheme: the host in lower case, without the port
    that its scheme has by default (80 for http and no scheme, 443 for https), and without one slash at the
    path's end. names: uint64, shape (n, 2), the MurmurHash3_x64_128 of what is left. present: bool, shape (n,).
    """
    longest = 0
    for i in range(len(present)):
        longest = max(longest, offsets[i + 1] - offsets[i])
    left = np.empty(longest, dtype=np.uint8)
    for i in range(len(present)):
        start, end = offsets[i], offsets[i + 1]
        while start < end and data[start] <= _SPACE:
            start += 1
        while start < end and data[end - 1] <= _SPACE:
            end -= 1
        length = reduce_url(data, start, end, left)
        present[i] = length > 0
        names[i, 0], names[i, 1] = murmur128(left, 0, length, _0)


@njit(nogil=True, cache=True)
def _find(data, start, end, byte):
    """Where a byte first is, or `end`."""
    for i in range(start, end):
        if data[i] == byte:
            return i
    return end


@njit(nogil=True, cache=True)
def _lower(byte):
    return byte | 0x20 if 0x41 <= byte <= 0x5A else byte


@njit(nogil=True, cache=True)
def _scheme(data, start, end):
    """Where the part after `scheme://` or `//` begins, and the default port, -1 for a scheme other than http(s)."""
    colon = _find(data, start, end, _COLON)
    slashes = start
    if colon + 2 < end and data[colon + 1] == _SLASH and _find(data, start, colon, _SLASH) == colon:
        slashes = colon + 1
    if slashes + 1 >= end or data[slashes] != _SLASH or data[slashes + 1] != _SLASH:
        return start, 80
    if slashes == start:
        return start + 2, 80
    http = colon - start >= 4
    for i, letter in enumerate((0x68, 0x74, 0x74, 0x70)):
        http = http and _lower(data[start + i]) == letter
    if http and colon - start == 4:
        return slashes + 2, 80
    if http and colon - start == 5 and _lower(data[start + 4]) == 0x73:
        return slashes + 2, 443
    return slashes + 2, -1


@njit(nogil=True, cache=True)
def _without_port(data, start, end, default):
    """Where a host ends that may be followed by a colon and a port, if that is empty or the default."""
    number = 0
    scale = 1
    at = end
    while at > start and 0x30 <= data[at - 1] <= 0x39 and scale <= 100_000:
        at -= 1
        number += scale * np.int64(data[at] - 0x30)
        scale *= 10
    if at > start and data[at - 1] == _COLON and (at == end or number == default):
        return at - 1
    return end


@njit(nogil=True, cache=True)
def reduce_url(data, start, end, out):
    """Write what is left of an address, see `name_urls`; gives its length."""
    end = _find(data, start, end, _HASH)
    start, default = _scheme(data, start, end)
    query = _find(data, start, end, _QUESTION)
    path = _find(data, start, query, _SLASH)
    host = start
    for i in range(start, path):
        if data[i] == _AT:
            host = i + 1
    length = 0
    for i in range(start, _without_port(data, host, path, default)):
        out[length] = _lower(data[i]) if i >= host else data[i]
        length += 1
    for i in range(path, query - 1 if query > path and data[query - 1] == _SLASH else query):
        out[length] = data[i]
        length += 1
    for i in range(query, end):
        out[length] = data[i]
        length += 1
    return length
