"""The tokens of n-gram models: pieces that make up a text without a byte left over, as 64-bit hashes.

The *words* of a text are, in this order of precedence: a character of a script without spaces; a run of letters,
digits and the signs that join them; a run of other characters that are not white space; each with one space before
it, if there is one; and a run of white space, less that one space.
"""

from __future__ import annotations

import functools

import numpy as np

from curate.kernels import njit, unicode
from curate.kernels.hashing import mix64
from curate.kernels.unicode import PUNCTUATION, SINGLE, SPACE, WORD, Table, decode
from curate.kernels.words import load

START = np.uint64(0x5851F42D4C957F2D)
END = np.uint64(0x14057B7EF767814F)
"""The hashes of what begins and ends every text."""

LONGEST = 1 << 16
"""No word is longer."""

_SEED = np.uint64(0x2545F4914F6CDD1D)
_8 = np.uint64(8)
_BLANK = np.uint8(32)
_SYMBOL = np.uint8(0)
_LETTER = np.uint8(1)
_WHITE = np.uint8(2)
_ALONE = np.uint8(3)


@functools.cache
def classes() -> Table:
    """What kind each code point is of: uint8 leaves."""
    flags = unicode.flags()
    kinds = flags.leaves.reshape(-1, 256)[flags.pages].reshape(-1)
    code_points = np.arange(len(kinds), dtype=np.int32)
    # Below U+2000 what is neither a letter nor punctuation is all but always a vowel sign or an accent.
    signs = (kinds & (WORD | SPACE | PUNCTUATION) == 0) & (code_points >= 0x300) & (code_points < 0x2000)
    found = np.where(kinds & WORD | signs, _LETTER, _SYMBOL)
    found[kinds & SPACE != 0] = _WHITE
    found[kinds & SINGLE != 0] = _ALONE
    leaves, pages = np.unique(found.reshape(-1, 256), axis=0, return_inverse=True)
    return Table(pages.reshape(-1).astype(np.uint16), np.ascontiguousarray(leaves).reshape(-1))


@njit(nogil=True, cache=True)
def hash_bytes(data, start, end):
    """The hash of data[start:end]."""
    total = _SEED + np.uint64(end - start)
    at, stop = np.uint64(start), np.uint64(end)
    while at < stop:
        total = mix64(total ^ load(data, at, stop))
        at += _8
    return total


@njit(nogil=True, cache=True)
def hash_number(number):
    """The hash of a byte, or of a tokenizer's token by its number."""
    return mix64(_SEED ^ np.uint64(number))


@njit(nogil=True, cache=True)
def _kind(data, at, pages, leaves):
    first = data[at]
    if first < 128:
        return leaves[np.int64(pages[0]) << 8 | np.int64(first)], 1
    code_point, size = decode(data, at)
    return leaves[np.int64(pages[code_point >> 8]) << 8 | code_point & 0xFF], size


@njit(nogil=True, cache=True)
def next_word(data, start, end, pages, leaves):
    """Where the word that begins at data[start] ends; end > start. After LONGEST bytes at the latest."""
    if end - start > LONGEST:
        end = start + LONGEST
        while data[end] & 0xC0 == 0x80:
            end -= 1
    kind, size = _kind(data, start, pages, leaves)
    at = start + size
    if data[start] == _BLANK and at < end:
        after, size = _kind(data, at, pages, leaves)
        if after != _WHITE:
            kind = after
            at += size
    if kind == _ALONE:
        return at
    last = start
    while at < end:
        after, size = _kind(data, at, pages, leaves)
        if after != kind:
            break
        last = at
        at += size
    if kind == _WHITE and at < end and last > start and data[last] == _BLANK:
        return last
    return at


@njit(nogil=True, cache=True)
def boundary(data, start, least, end, pages, leaves):
    """Where the first word ends, of those of data[start:end] from its start on, that reaches to `least`."""
    at = start
    while at < least:
        at = next_word(data, at, end, pages, leaves)
    return at


@njit(nogil=True, cache=True)
def hash_words(offsets, data, pages, leaves, hashes, ends, out):
    """The words of every text and its end: their hashes, where they end in data, out (n + 1,) the first of each text.

    hashes uint64, ends int64: room for all bytes and one more for each text. Gives how many there are.
    """
    count = 0
    out[0] = 0
    for i in range(len(offsets) - 1):
        at = offsets[i]
        while at < offsets[i + 1]:
            stop = next_word(data, at, offsets[i + 1], pages, leaves)
            hashes[count] = hash_bytes(data, at, stop)
            ends[count] = stop
            at = stop
            count += 1
        hashes[count] = END
        ends[count] = at
        count += 1
        out[i + 1] = count
    return count


@njit(nogil=True, cache=True)
def hash_spans(starts, ends, data, hashes, out):
    """The bytes of every span data[starts[i]:ends[i]] and its end, as hashes; out (n + 1,) the first of each span."""
    table = np.empty(256, np.uint64)
    for byte in range(256):
        table[byte] = hash_number(byte)
    count = 0
    out[0] = 0
    for i in range(len(starts)):
        for at in range(starts[i], ends[i]):
            hashes[count] = table[data[at]]
            count += 1
        hashes[count] = END
        count += 1
        out[i + 1] = count


@njit(nogil=True, cache=True)
def hash_numbers(offsets, numbers, hashes, out):
    """The tokens of every text, given by their numbers, and its end, as hashes; out (n + 1,) the first of each text."""
    count = 0
    out[0] = 0
    for i in range(len(offsets) - 1):
        for at in range(offsets[i], offsets[i + 1]):
            hashes[count] = hash_number(numbers[at])
            count += 1
        hashes[count] = END
        count += 1
        out[i + 1] = count
