"""Words or characters of UTF-8 text as 64-bit hashes, straight from the bytes, and n-grams of them.

A word is a longest run of `\\w` characters in Python's Unicode sense, lower-cased by simple case
mapping; a character of a script that puts no space between words (`unicode.SINGLE`: ideographs,
kana, Thai, Lao, Khmer, Myanmar) is a word of its own. Everything else separates.

ASCII is read 64 bytes at a time, all of them classified at once, and a word eight bytes at a time; a word
that holds or touches a character beyond ASCII is read character by character. Both give the same hash:
the word's lower-cased UTF-8 in little-endian pieces of eight bytes, the last one padded with
zeros, folded one after another. Distinct words of up to eight bytes never share a hash.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from curate.kernels import njit, unicode
from curate.kernels.bits import block_masks, eight, trailing_zeros
from curate.kernels.unicode import SINGLE, SPACE, WORD

WORDS = 0
CHARACTERS = 1
"""The units of `hash_tokens`."""

_CASE = np.uint64(0x2020202020202020)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_START = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(0xD6E8FEB86659FD93)
_LAST = np.uint64(0xBF58476D1CE4E5B9)
_BASE = np.uint64(0xA24BAED4963EE407)
_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)
_4 = np.uint64(4)
_6 = np.uint64(6)
_7 = np.uint64(7)
_8 = np.uint64(8)
_12 = np.uint64(12)
_16 = np.uint64(16)
_18 = np.uint64(18)
_24 = np.uint64(24)
_29 = np.uint64(29)
_31 = np.uint64(31)
_32 = np.uint64(32)
_63 = np.uint64(63)
_64 = np.uint64(64)
_80 = np.uint64(80)
_0F = np.uint64(0x0F)
_1F = np.uint64(0x1F)
_3F = np.uint64(0x3F)
_FF = np.uint64(0xFF)
_UNDERSCORE = np.uint64(ord("_"))
_SPACE = np.int64(ord(" "))


class Tables(NamedTuple):
    """What the loops look up, as a `unicode.Table`: what to add to a code point to have its simple lower case,
    times 256, and `unicode.flags`. leaves: int32."""

    pages: np.ndarray
    leaves: np.ndarray


@functools.cache
def tables() -> Tables:
    """The argument `tables` of the kernels."""
    flags, lower = unicode.flags(), unicode.lower()
    both = np.stack([flags.pages, lower.pages], axis=1)
    pairs, pages = np.unique(both, axis=0, return_inverse=True)
    leaves = lower.leaves.reshape(-1, 256)[pairs[:, 1]] << 8 | flags.leaves.reshape(-1, 256)[pairs[:, 0]]
    return Tables(pages.reshape(-1).astype(np.uint16), leaves.astype(np.int32).reshape(-1))


@njit(nogil=True, cache=True)
def load(data, at, end):
    """data[at:at + 8] as a little-endian uint64, bytes from `end` on being zero; at, end: uint64."""
    value = _0
    if at + _8 <= end:
        for i in range(_8):
            value |= np.uint64(data[at + i]) << (i << _3)
        return value
    for i in range(end - at):
        value |= np.uint64(data[at + i]) << (i << _3)
    return value


@njit(nogil=True, cache=True)
def fold(total, piece):
    total = (total ^ piece) * _FOLD
    return total ^ (total >> _32)


@njit(nogil=True, cache=True)
def finished(total):
    total = total * _LAST
    return total ^ (total >> _29)


@njit(nogil=True, cache=True)
def spelled(code_point):
    """The UTF-8 of a code point as a little-endian uint64, and its length; ASCII with the case bit set."""
    if code_point < 0x80:
        return np.uint64(code_point | 0x20), _1
    last = 0x80 | code_point & 0x3F
    if code_point < 0x800:
        return np.uint64(0xC0 | code_point >> 6 | last << 8), _2
    middle = 0x80 | code_point >> 6 & 0x3F
    if code_point < 0x10000:
        return np.uint64(0xE0 | code_point >> 12 | middle << 8 | last << 16), _3
    second = 0x80 | code_point >> 12 & 0x3F
    return np.uint64(0xF0 | code_point >> 18 | second << 8 | middle << 16 | last << 24), _4


@njit(nogil=True, cache=True)
def decoded(block):
    """The code point whose UTF-8 a block begins with, and its length."""
    first = block & _FF
    if first < 0x80:
        return np.int64(first), _1
    second = block >> _8 & _3F
    if first < 0xE0:
        return np.int64((first & _1F) << _6 | second), _2
    third = block >> _16 & _3F
    if first < 0xF0:
        return np.int64((first & _0F) << _12 | second << _6 | third), _3
    return np.int64((first & _7) << _18 | second << _12 | third << _6 | block >> _24 & _3F), _4


@njit(nogil=True, cache=True)
def _short_word(first, second, size):
    """The hash of a word of 1 to 16 bytes of ASCII from the 16 bytes there.

    Without a branch, which would be mispredicted: the second piece is always folded in, and then taken or not.
    """
    bits = size << _3
    one = fold(_START, (first | _CASE) & (_ALL >> (_64 - min(bits, _64))))
    two = fold(one, (second | _CASE) & (_ALL >> ((_0 - bits) & _63)))
    return finished(one ^ ((one ^ two) & (_0 - np.uint64(size > _8))))


@njit(nogil=True, cache=True)
def _long_word(data, at, end):
    """The hash of a word of ASCII of any length."""
    total = _START
    while at < end:
        kept = _ALL >> (_64 - (min(end - at, _8) << _3))
        total = fold(total, (load(data, at, end) | _CASE) & kept)
        at += _8
    return finished(total)


@njit(nogil=True, cache=True)
def last_masks(data, at):
    """`block_masks` of the bytes from data[at] to the end of the array."""
    word = high = _0
    for i in range(min(np.uint64(len(data)) - at, _64)):
        byte = np.uint64(data[at + i])
        letter = (byte | np.uint64(0x20)) - np.uint64(0x61) < np.uint64(26)
        digit = byte - np.uint64(0x30) < np.uint64(10)
        word |= np.uint64(letter or digit or byte == _UNDERSCORE) << i
        high |= np.uint64(byte >= 0x80) << i
    return word, high


@njit(nogil=True, cache=True)
def _put_mixed(data, at, end, tables, hashes, spans, count):
    """Hash the words between two separators of ASCII, character by character; gives how many there are then."""
    room = np.uint64(len(data))
    while at < end:
        first = at
        total = _START
        piece = _0
        filled = _0
        size = _0
        while at < end:
            packed = eight(data, at) if at + _8 <= room else load(data, at, end)
            code_point, size = decoded(packed)
            entry = np.int64(tables.leaves[np.int64(tables.pages[code_point >> 8]) << 8 | code_point & 0xFF])
            if not entry & WORD or (entry & SINGLE and at > first):
                break
            at += size
            packed &= _ALL >> (_64 - (size << _3))
            if code_point < 0x80 or entry >> 8:
                packed, size = spelled(code_point + (entry >> 8))
            piece |= packed << (filled << _3)
            filled += size
            if filled >= _8:
                total = fold(total, piece)
                filled -= _8
                piece = packed >> ((size - filled) << _3)
            if entry & SINGLE:
                break
        if at == first:
            at += size
            continue
        hashes[count] = finished(fold(total, piece) if filled else total)
        if len(spans):
            spans[count, 0] = first
            spans[count, 1] = at
        count += _1
    return count


@njit(nogil=True, cache=True)
def hash_words(data, start, end, tables, hashes, spans):
    """Hash the words of one document, data[start:end]; gives how many there are.

    hashes: uint64, room for (end - start + 1) // 2, which no text exceeds.
    spans: int64, shape (len(hashes), 2), gets the first byte of each word and the one after its last;
    of length 0 when nobody asks. The hashing of a word stands in both loops: called, it took 40 % longer.
    """
    count = _0
    room = np.uint64(len(data))
    base = np.uint64(start)
    stop = np.uint64(end)
    first = base
    inside = _0
    mixed = _0
    want = len(spans) > 0
    while base < stop or inside:
        word, high = block_masks(data, base) if base + _64 <= room else last_masks(data, base)
        if stop - base < _64:
            word &= (_1 << (stop - base)) - _1
            high &= (_1 << (stop - base)) - _1
        run = word | high
        if not (high | mixed) and base + _80 <= room:
            starts = run & ~(run << _1 | inside)
            ends = ~run & (run << _1 | inside)
            if not inside:
                first = base + trailing_zeros(starts)
                starts &= starts - _1
            while ends:
                at = base + trailing_zeros(ends)
                ends &= ends - _1
                if at - first <= _16:
                    hashes[count] = _short_word(eight(data, first), eight(data, first + _8), at - first)
                else:
                    hashes[count] = _long_word(data, first, at)
                if want:
                    spans[count, 0] = first
                    spans[count, 1] = at
                count += _1
                first = base + trailing_zeros(starts)
                starts &= starts - _1
            inside = run >> _63
            base += _64
            continue
        edges = run ^ (run << _1 | inside)
        own = _ALL
        while edges:
            place = trailing_zeros(edges)
            edges &= edges - _1
            at = base + place
            before = (_1 << place) - _1
            if not inside:
                first = at
                inside = _1
                own = ~before
                mixed = _0
            else:
                inside = _0
                if mixed | high & own & before:
                    count = _put_mixed(data, first, at, tables, hashes, spans, count)
                    continue
                if at - first <= _16 and first + _16 <= room:
                    hashes[count] = _short_word(eight(data, first), eight(data, first + _8), at - first)
                else:
                    hashes[count] = _long_word(data, first, at)
                if want:
                    spans[count, 0] = first
                    spans[count, 1] = at
                count += _1
        mixed = (mixed | high & own) * inside
        base += _64
    return np.int64(count)


@njit(nogil=True, cache=True)
def hash_characters(data, start, end, tables, hashes, spans):
    """The same for characters: lower-cased code points, a run of white space being one space, none at the ends.

    hashes: room for end - start.
    """
    count = _0
    room = np.uint64(len(data))
    at = np.uint64(start)
    stop = np.uint64(end)
    before = at
    while at < stop:
        first = at
        code_point, size = decoded(eight(data, at) if at + _8 <= room else load(data, at, stop))
        at += size
        entry = np.int64(tables.leaves[np.int64(tables.pages[code_point >> 8]) << 8 | code_point & 0xFF])
        if entry & SPACE:
            continue
        if count and first > before:
            count = _put_character(_SPACE, before, first, hashes, spans, count)
        count = _put_character(code_point + (entry >> 8), first, at, hashes, spans, count)
        before = at
    return np.int64(count)


@njit(nogil=True, cache=True)
def _put_character(code_point, first, after, hashes, spans, count):
    hashes[count] = finished(fold(_START, np.uint64(code_point)))
    if len(spans):
        spans[count, 0] = first
        spans[count, 1] = after
    return count + _1


@njit(nogil=True, cache=True)
def most_tokens(unit, size):
    """No text of `size` bytes has more tokens of a unit than this."""
    return size if unit == CHARACTERS else (size + 1) // 2


@njit(nogil=True, cache=True)
def hash_tokens(data, start, end, tables, unit, hashes, spans):
    """`hash_words` or `hash_characters`; hashes: room for most_tokens(unit, end - start)."""
    if unit == CHARACTERS:
        return hash_characters(data, start, end, tables, hashes, spans)
    return hash_words(data, start, end, tables, hashes, spans)


@njit(nogil=True, cache=True)
def hash_ngrams(hashes, count, ngram):
    """Replace the first `count` token hashes by the hashes of their runs of `ngram`; gives how many there are.

    Fewer tokens than that are one shorter run. The hash is a polynomial in an odd base modulo 2**64
    (Karp and Rabin 1987), rolled from run to run, then mixed by a bijection.
    """
    if count == 0:
        return 0
    length = min(count, ngram)
    total = _0
    leading = _1
    for i in range(length):
        total = total * _BASE + hashes[i]
        leading = leading * _BASE
    grams = count - length + 1
    for i in range(grams - 1):
        leaving = hashes[i]
        hashes[i] = finished(total ^ (total >> _31))
        total = total * _BASE + (hashes[i + length] - leaving * leading)
    hashes[grams - 1] = finished(total ^ (total >> _31))
    return grams


@njit(nogil=True, cache=True)
def hash_sequence(hashes, count):
    """One hash of a whole sequence of token hashes. Four lanes, which the processor follows at once."""
    one = two = three = four = _START
    whole = count & ~3
    for i in range(0, whole, 4):
        one = fold(one, hashes[i])
        two = fold(two, hashes[i + 1])
        three = fold(three, hashes[i + 2])
        four = fold(four, hashes[i + 3])
    total = fold(fold(fold(fold(_START ^ np.uint64(count), one), two), three), four)
    for i in range(whole, count):
        total = fold(total, hashes[i])
    return finished(total)
