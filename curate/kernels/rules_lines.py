"""Lines and paragraphs of a text: how they end, how long they are and how many repeat earlier ones.

Lines are compared by the low half of MurmurHash3_x64_128: two different ones of k are taken for one with a
probability of at most k^2 / 2^65.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import newline_mask, ones
from curate.kernels.hashing import murmur128
from curate.kernels.rules_characters import SPACE, TERMINAL, bits, count_characters, last_bits, strip
from curate.kernels.scan import find_byte
from curate.kernels.unicode import decode

MOST_LINES = 1 << 22
"""Of different lines are remembered; what is new after them counts as no repetition."""
SHORT_LINE = 30

(
    FILLED,
    FILLED_CHARACTERS,
    LONGEST_LINE,
    PUNCTUATED,
    SHORT,
    FILLED_REPEATED_CHARACTERS,
    NEWLINES,
    SEGMENTS,
    REPEATED,
    REPEATED_CHARACTERS,
    LINE_FIELDS,
) = range(11)

_NEWLINE = 10
_0 = np.uint64(0)
_1 = np.uint64(1)
_64 = np.uint64(64)


@njit(nogil=True, cache=True, _nrt=False)
def _count_newlines(data, start, end):
    at, stop = np.uint64(start), np.uint64(end)
    total = np.int64(0)
    while at + _64 <= stop:
        total += np.int64(ones(newline_mask(data, at)))
        at += _64
    for i in range(np.int64(at), end):
        total += data[i] == _NEWLINE
    return total


@njit(nogil=True, cache=True, _nrt=False)
def prepared(seen, lines):
    """Empty the part of the table `seen` that so many lines need; gives its size."""
    size = 16
    while size < 2 * min(lines, MOST_LINES) and size < len(seen):
        size *= 2
    seen[:size] = _0
    return size


@njit(nogil=True, cache=True, _nrt=False)
def is_new(seen, size, held, data, start, end):
    """Whether data[start:end] is not among the `held` strings of the table, seen[:size]; it is then entered, if there
    is room."""
    key, _ = murmur128(data, start, end, _0)
    key = key if key else _1
    mask = np.uint64(size - 1)
    slot = key & mask
    while seen[slot]:
        if seen[slot] == key:
            return False
        slot = (slot + _1) & mask
    if 2 * held < size:
        seen[slot] = key
    return True


@njit(nogil=True, cache=True, _nrt=False)
def _is_blank(data, start, end, characters):
    at = start
    while at < end:
        code_point, length = decode(data, at)
        if not bits(characters, code_point) & SPACE:
            return False
        at += length
    return True


@njit(nogil=True, cache=True, _nrt=False)
def line_statistics(data, start, end, characters, seen, out):
    """Statistics of the lines of data[start:end], which newlines part: out (LINE_FIELDS,) int64.

    FILLED to FILLED_REPEATED_CHARACTERS are of lines with more than white space in them, as FineWeb counts; SEGMENTS
    to REPEATED_CHARACTERS of what one or more newlines part, empty strings before and after them included, as Gopher's
    filter counts. seen: uint64, a power of two of places, at least twice the lines or MOST_LINES.
    """
    out[:] = 0
    out[NEWLINES] = _count_newlines(data, start, end)
    size = prepared(seen, out[NEWLINES] + 1)
    held = 0
    at = start
    while at < end:
        stop = find_byte(data, at, end, np.uint8(_NEWLINE))
        if stop > at:
            new = is_new(seen, size, held, data, at, stop)
            held += new
            _add_line(data, at, stop, characters, new, out)
        at = stop + 1
    empty = 1 if end == start else np.int64(data[start] == _NEWLINE) + np.int64(data[end - 1] == _NEWLINE)
    out[SEGMENTS] += empty
    out[REPEATED] += empty == 2


@njit(nogil=True, cache=True, _nrt=False)
def _add_line(data, at, stop, characters, new, out):
    length = count_characters(data, at, stop)
    out[SEGMENTS] += 1
    if not new:
        out[REPEATED] += 1
        out[REPEATED_CHARACTERS] += length
    if _is_blank(data, at, stop, characters):
        return
    out[FILLED] += 1
    out[FILLED_CHARACTERS] += length
    out[LONGEST_LINE] = max(out[LONGEST_LINE], length)
    out[PUNCTUATED] += last_bits(data, at, stop, characters) & TERMINAL != 0
    out[SHORT] += length <= SHORT_LINE
    if not new:
        out[FILLED_REPEATED_CHARACTERS] += length


@njit(nogil=True, cache=True, _nrt=False)
def paragraph_statistics(data, start, end, characters, seen, out):
    """Of what two or more newlines part, white space around the text left out: out (4,) int64, the number, the
    characters, how many are repeated, the characters of those. seen: as for `line_statistics`."""
    start, end = strip(data, start, end, characters)
    size = prepared(seen, _count_newlines(data, start, end) // 2 + 1)
    number, total, repeated, repeated_characters = 0, 0, 0, 0
    at = start
    while at < end:
        stop = find_byte(data, at, end, np.uint8(_NEWLINE))
        while stop < end and data[stop + 1] != _NEWLINE:
            stop = find_byte(data, stop + 1, end, np.uint8(_NEWLINE))
        length = count_characters(data, at, stop)
        alone = at == start and stop == end
        if not alone and not is_new(seen, size, number - repeated, data, at, stop):
            repeated += 1
            repeated_characters += length
        number += 1
        total += length
        at = stop
        while at < end and data[at] == _NEWLINE:
            at += 1
    out[0], out[1], out[2], out[3] = number, total, repeated, repeated_characters
