"""Lines and paragraphs of a text: how they end, how long they are and how many repeat earlier ones.

Lines are compared by 64-bit hashes, paragraphs by one of those of their lines: two different ones of k are taken for
one with a probability of about k^2 / 2^65, as if the hashes were random.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import newline_mask, ones, trailing_zeros
from curate.kernels.rules_characters import SPACE, TERMINAL, bits, count_characters, last_bits, strip
from curate.kernels.rules_lexicon import hash_word, mix_sixteen
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
def _newlines(data, at, stop):
    """The mask of the newlines in data[at:min(at + 64, stop)]; both uint64."""
    if at + _64 > np.uint64(len(data)):
        found = _0
        for i in range(np.int64(stop) - np.int64(at)):
            found |= np.uint64(data[at + np.uint64(i)] == _NEWLINE) << np.uint64(i)
        return found
    found = newline_mask(data, at)
    return found if at + _64 <= stop else found & ((_1 << (stop - at)) - _1)


@njit(nogil=True, cache=True, _nrt=False)
def _count_newlines(data, start, end):
    total = _0
    for at in range(start, end, 64):
        total += ones(_newlines(data, np.uint64(at), np.uint64(end)))
    return np.int64(total)


@njit(nogil=True, cache=True, _nrt=False)
def _prepared(seen, lines):
    """Empty the part of the table `seen` that so many lines need; gives its size."""
    size = 16
    while size < 2 * min(lines, MOST_LINES) and size < len(seen):
        size *= 2
    seen[:size] = _0
    return size


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _is_new(seen, size, held, key):
    """Whether a hash, not 0, is not among the `held` ones of the table, seen[:size]; it is then entered, if there is
    room."""
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


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _length(data, start, end, ascii_only):
    return end - start if ascii_only else count_characters(data, start, end)


@njit(nogil=True, cache=True, _nrt=False)
def line_statistics(data, start, end, characters, ascii_only, seen, met, out, paragraphs):
    """Statistics of the lines of data[start:end], which newlines part: out (LINE_FIELDS,) int64.

    FILLED to FILLED_REPEATED_CHARACTERS are of lines with more than white space in them, as FineWeb counts; SEGMENTS
    to REPEATED_CHARACTERS of what one or more newlines part, empty strings before and after them included, as Gopher's
    filter counts. ascii_only: whether there is nothing beyond ASCII.
    paragraphs: int64 (4,), of what two or more newlines part, white space around the text left out: the number, the
    characters, how many are repeated, the characters of those; (0,) where they are not asked for.
    seen, met: uint64, a power of two of places, at least twice the lines or MOST_LINES, and of the paragraphs.
    """
    out[:] = 0
    paragraphs[:] = 0
    lines = _count_newlines(data, start, end) + 1
    out[NEWLINES] = lines - 1
    size, held = _prepared(seen, lines), 0
    places = _prepared(met, lines // 2 + 1) if len(paragraphs) else 0
    first, last = strip(data, start, end, characters) if len(paragraphs) else (end, end)
    paragraph = start, _0, 0
    at, block, limit = start, np.uint64(start), np.uint64(end)
    found = _newlines(data, block, limit)
    while at < end:
        while not found and block + _64 < limit:
            block += _64
            found = _newlines(data, block, limit)
        stop = np.int64(block + trailing_zeros(found)) if found else end
        found &= found - _1
        if stop > at:
            key, length = hash_word(data, at, stop), _length(data, at, stop, ascii_only)
            new = _is_new(seen, size, held, key)
            held += new
            _add_line(data, at, stop, characters, length, new, out)
            if first < stop and at < last:
                if first > at or stop > last:
                    begin, finish = max(at, first), min(stop, last)
                    key, length = hash_word(data, begin, finish), _length(data, begin, finish, ascii_only)
                paragraph = _join(paragraph, at, stop, key, length, met, places, paragraphs)
        at = stop + 1
    if paragraph[1]:
        _add_paragraph(paragraph[1], paragraph[2], met, places, paragraphs)
    empty = 1 if end == start else np.int64(data[start] == _NEWLINE) + np.int64(data[end - 1] == _NEWLINE)
    out[SEGMENTS] += empty
    out[REPEATED] += empty == 2


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _join(paragraph, at, stop, line, length, met, places, paragraphs):
    """Join a line to a paragraph, (where it ends, its hash, its characters), or begin the next one; gives that."""
    before, key, total = paragraph
    if key and at > before + 1:
        _add_paragraph(key, total, met, places, paragraphs)
        key, total = _0, 0
    total += length + (1 if key else 0)
    key = mix_sixteen(key, line, _1)
    return stop, key if key else _1, total


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_line(data, at, stop, characters, length, new, out):
    out[SEGMENTS] += 1
    if not new:
        out[REPEATED] += 1
        out[REPEATED_CHARACTERS] += length
    if (data[at] <= 32 or data[at] > 127) and _is_blank(data, at, stop, characters):
        return
    out[FILLED] += 1
    out[FILLED_CHARACTERS] += length
    out[LONGEST_LINE] = max(out[LONGEST_LINE], length)
    out[PUNCTUATED] += last_bits(data, at, stop, characters) & TERMINAL != 0
    out[SHORT] += length <= SHORT_LINE
    if not new:
        out[FILLED_REPEATED_CHARACTERS] += length


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_paragraph(key, length, met, places, paragraphs):
    if not _is_new(met, places, paragraphs[0] - paragraphs[2], key):
        paragraphs[2] += 1
        paragraphs[3] += length
    paragraphs[0] += 1
    paragraphs[1] += length
