"""Words or characters of UTF-8 text as 64-bit hashes, straight from the bytes, and n-grams of them.

A word is a longest run of `\\w` characters in Python's Unicode sense, lower-cased by simple case
mapping; a character of a script that puts no space between words (`unicode.SINGLE`: ideographs,
kana, Thai, Lao, Khmer, Myanmar) is a word of its own. Everything else separates.

ASCII is read eight bytes at a time, all eight classified at once within one register; a word that
holds or touches a character beyond ASCII is read character by character. Both give the same hash:
the word's lower-cased UTF-8 in little-endian pieces of eight bytes, the last one padded with
zeros, folded one after another. Distinct words of up to eight bytes never share a hash.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from curate.kernels import unicode
from curate.kernels.unicode import SINGLE, SPACE, WORD, Table, decode, flag, lowered

WORDS = 0
CHARACTERS = 1
"""The units of `hash_tokens`."""

_TOP = np.uint64(0x8080808080808080)
_LOW7 = np.uint64(0x7F7F7F7F7F7F7F7F)
_CASE = np.uint64(0x2020202020202020)
_ONES = np.uint64(0x0101010101010101)
_FROM_A = _ONES * np.uint64(0x80 - ord("a"))
_BEYOND_Z = _ONES * np.uint64(0x80 - ord("z") - 1)
_FROM_0 = _ONES * np.uint64(0x80 - ord("0"))
_BEYOND_9 = _ONES * np.uint64(0x80 - ord("9") - 1)
_UNDERSCORES = _ONES * np.uint64(ord("_"))

_START = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(0xD6E8FEB86659FD93)
_LAST = np.uint64(0xBF58476D1CE4E5B9)
_BASE = np.uint64(0xA24BAED4963EE407)
_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)
_4 = np.uint64(4)
_7 = np.uint64(7)
_8 = np.uint64(8)
_29 = np.uint64(29)
_31 = np.uint64(31)
_32 = np.uint64(32)
_35 = np.uint64(35)
_FIRST_TOP = np.uint64(0x80)


class Tables(NamedTuple):
    """What the loops look up: `unicode.flags()` and `unicode.lower()`."""

    flags: Table
    lower: Table


@functools.cache
def tables() -> Tables:
    """The argument `tables` of the kernels."""
    return Tables(unicode.flags(), unicode.lower())


def _trailing_zeros(typingctx, value):

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


trailing_zeros: Any = intrinsic(_trailing_zeros)
"""trailing_zeros(value): the number of zero bits below the lowest one of a uint64, which must not be zero."""


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
def _fold(total, piece):
    total = (total ^ piece) * _FOLD
    return total ^ (total >> _32)


@njit(nogil=True, cache=True)
def _finished(total):
    total = total * _LAST
    return total ^ (total >> _29)


@njit(nogil=True, cache=True)
def _word_bytes(block, folded):
    """The top bit of every byte of a block that is an ASCII letter, digit or underscore."""
    low = block & _LOW7
    letter = folded & _LOW7
    letters = (letter + _FROM_A) & ~(letter + _BEYOND_Z)
    digits = (low + _FROM_0) & ~(low + _BEYOND_9)
    underscores = _TOP - (low ^ _UNDERSCORES)
    return (letters | digits | underscores) & ~block & _TOP


@njit(nogil=True, cache=True)
def _packed(code_point):
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
def _any_word(data, at, end, tables):
    """Hash and end of the word of any characters at data[at]; the hash is 0 when the character there is of none."""
    total = _START
    piece = _0
    filled = _0
    first = at
    while at < end:
        code_point, length = decode(data, at)
        kind = flag(tables.flags.pages, tables.flags.leaves, code_point)
        if not kind & WORD or (kind & SINGLE and at > first):
            break
        at += np.uint64(length)
        packed, size = _packed(lowered(tables.lower.pages, tables.lower.leaves, code_point))
        piece |= packed << (filled << _3)
        filled += size
        if filled >= _8:
            total = _fold(total, piece)
            filled -= _8
            piece = packed >> ((size - filled) << _3)
        if kind & SINGLE:
            break
    if at == first:
        return _0, at + np.uint64(length)
    if filled:
        total = _fold(total, piece)
    return _finished(total), at


@njit(nogil=True, cache=True)
def hash_words(data, start, end, tables, hashes, spans):
    """Hash the words of one document, data[start:end]; gives how many there are.

    hashes: uint64, room for (end - start + 1) // 2, which no text exceeds.
    spans: int64, shape (len(hashes), 2), gets the first byte of each word and the one after its last;
    of length 0 when nobody asks.
    """
    count = 0
    at = np.uint64(start)
    stop = np.uint64(end)
    want = len(spans) > 0
    while at < stop:
        block = load(data, at, stop)
        folded = block | _CASE
        word = _word_bytes(block, folded)
        high = block & _TOP
        if not word & _FIRST_TOP and not high & _FIRST_TOP:
            begins = word | high
            at += (trailing_zeros(begins) >> _3) if begins else _8
            continue
        first = at
        total = _START
        ends = ~word & _TOP
        while ends == _0:
            total = _fold(total, folded)
            at += _8
            block = load(data, at, stop)
            folded = block | _CASE
            word = _word_bytes(block, folded)
            ends = ~word & _TOP
        lowest = ends & (_0 - ends)
        high = block & _TOP
        if high & lowest:
            value, after = _any_word(data, first, stop, tables)
            at = after
            if value:
                hashes[count] = value
                if want:
                    spans[count, 0] = first
                    spans[count, 1] = after
                count += 1
            continue
        below = (lowest >> _7) - _1
        if below:
            total = _fold(total, folded & below)
        hashes[count] = _finished(total)
        if want:
            spans[count, 0] = first
            spans[count, 1] = at + (trailing_zeros(lowest) >> _3)
        count += 1
        begins = (word | high) & ~(lowest | (lowest - _1))
        at += (trailing_zeros(begins) >> _3) if begins else _8
    return count


@njit(nogil=True, cache=True)
def hash_characters(data, start, end, tables, hashes, spans):
    """The same for characters: lower-cased code points, a run of white space being one space, none at the ends.

    hashes: room for end - start.
    """
    count = 0
    at = np.int64(start)
    waiting = at
    want = len(spans) > 0
    while at < end:
        first = at
        code_point, length = decode(data, at)
        at += length
        if flag(tables.flags.pages, tables.flags.leaves, code_point) & SPACE:
            continue
        if count and first > waiting:
            hashes[count] = _character(np.int64(0x20))
            if want:
                spans[count, 0] = waiting
                spans[count, 1] = first
            count += 1
        hashes[count] = _character(lowered(tables.lower.pages, tables.lower.leaves, code_point))
        if want:
            spans[count, 0] = first
            spans[count, 1] = at
        count += 1
        waiting = at
    return count


@njit(nogil=True, cache=True)
def _character(code_point):
    return _finished(_fold(_START, np.uint64(code_point)))


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
        hashes[i] = _finished(total ^ (total >> _31))
        total = total * _BASE + hashes[i + length] - leaving * leading
    hashes[grams - 1] = _finished(total ^ (total >> _31))
    return grams


@njit(nogil=True, cache=True)
def hash_sequence(hashes, count):
    """One hash of a whole sequence of token hashes."""
    total = _START ^ np.uint64(count)
    for i in range(count):
        total = ((total << _29) ^ (total >> _35) ^ hashes[i]) * _FOLD
    return _finished(total ^ (total >> _31))
