"""Lines and paragraphs of UTF-8 text: where they are, 96 bits of hash of each, and what goes with some of them.

A unit is a line, which ends before each `\\n` or `\\r\\n`, so that a text has one more than newlines; or a paragraph, a
longest run of lines that hold more than white space. Its letters are what its normalised form keeps:
characters lower-cased by simple case mapping, decimal digits of every script as 0, without
punctuation, white space and control characters (after CCNet, Wenzek et al. 2020).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from curate.kernels import njit, unicode
from curate.kernels.bits import eight, put_eight, trailing_zeros
from curate.kernels.hashing import mix64, murmur128
from curate.kernels.scan import find_byte
from curate.kernels.unicode import CONTROL, DIGIT, PUNCTUATION, SPACE, Table, decode, encode, flag
from curate.kernels.words import load

NONE = np.int64(-1)
FREE = np.int32(-1)
CHUNK = 1 << 14
SCRATCH_BYTES = CHUNK + 16

_NEWLINE = np.uint8(10)
_RETURN = np.uint8(13)
_DIGIT_ZERO = np.uint8(48)
DROPPED = np.int32(1 << 30)
ZERO = np.int32(1 << 29)
_DROPPED = PUNCTUATION | SPACE | CONTROL
_BEYOND_ASCII = np.uint8(128)
_CHUNK = np.uint64(CHUNK)
_TOP = np.uint64(0x8080808080808080)
_CASE = np.uint64(0x2020202020202020)
_ONES = np.uint64(0x0101010101010101)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_FROM_A = _ONES * np.uint64(0x80 - ord("a"))
_BEYOND_Z = _ONES * np.uint64(0x80 - ord("z") - 1)
_FROM_0 = _ONES * np.uint64(0x80 - ord("0"))
_BEYOND_9 = _ONES * np.uint64(0x80 - ord("9") - 1)
_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)
_4 = np.uint64(4)
_7 = np.uint64(7)
_8 = np.uint64(8)
_15 = np.uint64(15)
_16 = np.uint64(16)
_24 = np.uint64(24)
_32 = np.uint64(32)
_56 = np.uint64(56)
_255 = np.uint64(255)


class Units(NamedTuple):
    """Units with enough letters, in order; places are bytes, counted from the start of the first text.

    row: int32, the text that it is in. start, end: int64. before: int64, the end of the unit before it in
    its text, after: int64, the start of the one after it; NONE where there is none. key: uint64 and
    check: uint32, 96 independent bits of hash.
    """

    row: np.ndarray
    start: np.ndarray
    end: np.ndarray
    before: np.ndarray
    after: np.ndarray
    key: np.ndarray
    check: np.ndarray


def room(count: int) -> Units:
    """Room for that many units."""
    kinds = (np.int32, np.int64, np.int64, np.int64, np.int64, np.uint64, np.uint32)
    return Units._make(np.empty(count, dtype=kind) for kind in kinds)


@functools.cache
def forms() -> Table:
    """What to add to a code point to have its normalised form (int32 leaves): DROPPED for none, ZERO for "0"."""
    flags, lower = unicode.flags(), unicode.lower()
    kinds, pages = np.unique(flags.pages.astype(np.int64) << 16 | lower.pages, return_inverse=True)
    flag_leaves = flags.leaves.reshape(-1, 256)[kinds >> 16]
    leaves = lower.leaves.reshape(-1, 256)[kinds & 0xFFFF].copy()
    leaves[flag_leaves & DIGIT != 0] = ZERO
    leaves[flag_leaves & _DROPPED != 0] = DROPPED
    return Table(pages.reshape(-1).astype(np.uint16), leaves.reshape(-1))


@njit(nogil=True, cache=True)
def _chained(scratch, to, salt):
    """Begin the scratch anew with the hash of its first CHUNK bytes, then those after them; gives how many it holds."""
    low, high = murmur128(scratch, 0, CHUNK, salt)
    rest = eight(scratch, _CHUNK)
    put_eight(scratch, _0, low)
    put_eight(scratch, _8, high)
    put_eight(scratch, _16, rest)
    return _16 + to - _CHUNK


@njit(nogil=True, cache=True)
def _kept(block):
    """The top bit of every byte of eight ASCII characters that the normalised form keeps, and of every digit."""
    folded = block | _CASE
    digits = (block + _FROM_0) & ~(block + _BEYOND_9) & _TOP
    return (folded + _FROM_A) & ~(folded + _BEYOND_Z) & _TOP | digits, digits


@njit(nogil=True, cache=True)
def _moved(value, by, bit):
    """Move the bytes of `value` whose count in `by` has a bit down by as many bytes; the counts with them."""
    chosen = ((by >> bit) & _ONES) * _255
    distance = _8 << bit
    return (value & ~chosen) | ((value & chosen) >> distance), (by & ~chosen) | ((by & chosen) >> distance)


@njit(nogil=True, cache=True)
def _packed(block):
    """The normalised form of eight ASCII characters, bytes pushed together, and how many they are.

    Every byte moves down by the number of bytes dropped below it, in steps of 1, 2 and 4 bytes
    (compress, section 7-4 of Hacker's Delight, Warren 2013).
    """
    kept, digits = _kept(block)
    dropped = (~kept & _TOP) >> _7
    stays = (kept >> _7) * _255
    below = dropped * _ONES
    count = _8 - (below >> _56)
    value = (block | _CASE) & ~((digits >> _7) * _15) & stays
    by = (below << _8) & stays
    value, by = _moved(value, by, _0)
    value, by = _moved(value, by, _1)
    value, by = _moved(value, by, _2)
    return value, count


@njit(nogil=True, cache=True)
def _eight_before(data, at, stop):
    """data[at:at + 8], bytes from `stop` on being zero."""
    if at + _8 > np.uint64(len(data)):
        return load(data, at, stop)
    left = stop - at
    return eight(data, at) if left >= _8 else eight(data, at) & ((_1 << (left << _3)) - _1)


@njit(nogil=True, cache=True)
def _normalise(data, start, end, forms, salt, enough, scratch):
    """Write the normalised form to the scratch: (bytes there, bytes of the text's letters), up to `enough` of these.

    Each CHUNK bytes of it are replaced by their hash, which the next ones then follow.
    """
    to = _0
    letters = _0
    at = np.uint64(start)
    stop = np.uint64(end)
    while at < stop and letters < enough:
        block = _eight_before(data, at, stop)
        high = block & _TOP
        plain = trailing_zeros(high) >> _3 if high else _8
        if plain:
            value, count = _packed(block & (_ALL >> ((_8 - plain) << _3)))
            put_eight(scratch, to, value)
            to += count
            letters += count
            at += plain
        while at < stop and data[at] >= _BEYOND_ASCII and to < _CHUNK:
            before = to
            to, length = _letter(_eight_before(data, at, stop), forms, scratch, to)
            letters += length if to > before else _0
            at += length
        if to >= _CHUNK:
            to = _chained(scratch, to, salt)
    return np.int64(to), np.int64(letters)


@njit(nogil=True, cache=True)
def _letter(block, forms, scratch, to):
    """Write the form of the character beyond ASCII that a block begins with: (end in the scratch, bytes of it)."""
    code_point, length = _decoded(block)
    form = flag(forms.pages, forms.leaves, code_point)
    if form == 0:
        put_eight(scratch, to, block)
        return to + length, length
    if form == DROPPED:
        return to, length
    if form == ZERO:
        scratch[to] = _DIGIT_ZERO
        return to + _1, length
    return to + np.uint64(encode(code_point + np.int64(form), scratch, np.int64(to))), length


@njit(nogil=True, cache=True)
def _decoded(block):
    """The code point (int64) beyond ASCII whose UTF-8 a block begins with, and its length in bytes."""
    first = np.int64(block & _255)
    second = np.int64(block >> _8) & 0x3F
    if first < 0xE0:
        return (first & 0x1F) << 6 | second, _2
    third = np.int64(block >> _16) & 0x3F
    if first < 0xF0:
        return (first & 0x0F) << 12 | second << 6 | third, _3
    return (first & 0x07) << 18 | second << 12 | third << 6 | np.int64(block >> _24) & 0x3F, _4


@njit(nogil=True, cache=True)
def _is_white(data, at, end, flags):
    """Whether data[at:end] is nothing but white space."""
    while at < end:
        code_point, length = decode(data, at)
        if not flag(flags.pages, flags.leaves, code_point) & SPACE:
            return False
        at += length
    return True


@njit(nogil=True, cache=True)
def _paragraph_end(data, line_end, end, flags):
    """The end of the last line of the paragraph whose first one ends at `line_end`."""
    while line_end < end:
        following = find_byte(data, line_end + 1, end, _NEWLINE)
        if _is_white(data, line_end + 1, following, flags):
            break
        line_end = following
    return line_end


@njit(nogil=True, cache=True)
def find_units(offsets, data, salts, paragraphs, normalised, least, flags, forms, scratch, out):
    """Find the units of at least `least` bytes of letters, and hash them as they are or normalised; gives how many.

    offsets, data: `arrow.Strings` of n texts. salts: uint64 (n,), hashes of texts with another salt differ.
    flags, forms: `unicode.flags()`, `forms()`. scratch: uint8, SCRATCH_BYTES.
    out: Units with room for (bytes of all texts) // least.
    """
    count = 0
    base = offsets[0]
    enough = _ALL if normalised else np.uint64(least)
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        before = NONE
        open_unit = -1
        while start <= stop:
            line_end = find_byte(data, start, stop, _NEWLINE)
            if paragraphs:
                if _is_white(data, start, line_end, flags):
                    start = line_end + 1
                    continue
                line_end = _paragraph_end(data, line_end, stop, flags)
            end = line_end
            if start < end < stop and data[end - 1] == _RETURN:
                end -= 1
            if open_unit >= 0:
                out.after[open_unit] = start - base
                open_unit = -1
            size, letters = 0, 0
            if end - start >= least:
                size, letters = _normalise(data, start, end, forms, salts[row], enough, scratch)
            if letters >= least:
                if normalised:
                    low, high = murmur128(scratch, 0, size, salts[row])
                else:
                    low, high = murmur128(data, start, end, salts[row])
                out.row[count] = row
                out.start[count] = start - base
                out.end[count] = end - base
                out.before[count] = before
                out.after[count] = NONE
                out.key[count] = low
                out.check[count] = np.uint32(high >> _32)
                open_unit = count
                count += 1
            before = end - base
            start = line_end + 1
    return count


@njit(nogil=True, cache=True)
def find_white(offsets, data, flags, out):
    """Which texts are nothing but white space: out, bool (n,)."""
    for row in range(len(out)):
        out[row] = _is_white(data, offsets[row], offsets[row + 1], flags)


@njit(nogil=True, cache=True)
def first_equal(keys, checks, slots, out):
    """For each row the first one with the same key and check, which may be itself.

    keys: uint64 (n,). checks: uint32 (n,). slots: int32, all FREE, a power of two of them, more than n.
    out: int32 (n,).
    """
    mask = np.uint64(len(slots) - 1)
    for i in range(len(keys)):
        key = keys[i]
        at = mix64(key) & mask
        while slots[at] != FREE and (keys[slots[at]] != key or checks[slots[at]] != checks[i]):
            at = (at + _1) & mask
        if slots[at] == FREE:
            slots[at] = i
        out[i] = slots[at]


@njit(nogil=True, cache=True)
def cut_spans(units, removed, starts, ends):
    """The stretches of text that go with the units that do, in order; gives how many there are.

    A unit goes with what separates it from the unit after it, or, when none stays in the rest of its text, from
    the one before it; so what stays of lines is joined by newlines as before, and ends in one if the text did.
    removed: bool, shape (n,), units being of length n. starts, ends: int64, room for n.
    """
    count = 0
    trailing = False
    for reverse in range(len(removed)):
        k = len(removed) - 1 - reverse
        follows = k + 1 < len(removed) and units.row[k + 1] == units.row[k] and units.start[k + 1] == units.after[k]
        trailing = removed[k] and (units.after[k] == NONE or (follows and trailing))
        if not removed[k]:
            continue
        place = len(starts) - 1 - count
        count += 1
        if trailing:
            starts[place] = units.start[k] if units.before[k] == NONE else units.before[k]
            ends[place] = units.end[k]
        else:
            starts[place] = units.start[k]
            ends[place] = units.after[k]
    return count
