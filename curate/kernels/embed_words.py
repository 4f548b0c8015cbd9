"""Words of any script as 64-bit hashes, and their n-grams of letters.

A *word* is a run of word characters and vowel signs, in lower case, every digit read as zero; a character of a
script without spaces is a word by itself, and so is each adjacent pair of them. Its *pieces* are every four
letters in a row between two boundary marks, hashed into buckets, so that a word never seen before says something.

ASCII is read 64 bytes at a time and a word eight bytes at a time, as `kernels.words` does; a word that holds or
touches a character beyond ASCII is read character by character, to the same hash: that of its letters' UTF-8.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit, unicode
from curate.kernels.bits import block_masks, eight, trailing_zeros
from curate.kernels.hashing import mix64
from curate.kernels.unicode import DIGIT, PUNCTUATION, SINGLE, SPACE, WORD, decode
from curate.kernels.words import decoded, finished, fold, last_masks, load, spelled

_CASE = np.uint64(0x2020202020202020)
_ONES = np.uint64(0x0101010101010101)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_START = np.uint64(0x9E3779B97F4A7C15)
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_BOUNDARY = np.uint64(1)
_0 = np.uint64(0)
_1 = np.uint64(1)
_3 = np.uint64(3)
_6 = np.uint64(6)
_8 = np.uint64(8)
_15 = np.uint64(15)
_16 = np.uint64(16)
_63 = np.uint64(63)
_64 = np.uint64(64)

_ZERO = 48
_ALONE = np.int32(1 << 24)
_JOINS = np.int32(1 << 25)
_CODE_POINT = np.int32((1 << 24) - 1)

LETTERS = 40
"""Letters of a word that its pieces are made of: longer words are addresses, keys and encoded bytes."""
PIECES = LETTERS - 1
"""At most so many pieces has a word."""


def alphabet() -> np.ndarray:
    """What each code point counts as: int32, shape (0x110000,); 0 parts words, others are a letter and its marks."""
    flags, lower = unicode.flags(), unicode.lower()
    kinds = flags.leaves.reshape(-1, 256)[flags.pages].reshape(-1)
    code_points = np.arange(len(kinds), dtype=np.int32)
    letters = np.where(kinds & DIGIT, _ZERO, code_points + lower.leaves.reshape(-1, 256)[lower.pages].reshape(-1))
    letters[kinds & SINGLE != 0] |= _ALONE
    # Below U+2000 what is neither a letter nor punctuation is all but always a vowel sign or an accent.
    signs = (kinds & (WORD | SPACE | PUNCTUATION) == 0) & (code_points >= 0x300) & (code_points < 0x2000)
    letters = np.where(kinds & WORD, letters, np.where(signs, code_points | _JOINS, 0))
    return letters.astype(np.int32)


def most_words(size: int, texts: int) -> int:
    """So many texts of `size` bytes together have no more words and pairs: a character and a pair for three bytes."""
    return 2 * size // 3 + texts + 1


@njit(nogil=True, cache=True)
def _plain(block):
    """Eight characters of ASCII words in lower case, digits as zeros."""
    block |= _CASE
    return block & ~(((~block >> _6) & _ONES) * _15)


@njit(nogil=True, cache=True)
def _short_word(first, second, size):
    """The hash of a word of 1 to 16 bytes of ASCII from the 16 bytes there, without a branch to mispredict."""
    bits = size << _3
    one = fold(_START, _plain(first) & (_ALL >> (_64 - min(bits, _64))))
    two = fold(one, _plain(second) & (_ALL >> ((_0 - bits) & _63)))
    return finished(one ^ ((one ^ two) & (_0 - np.uint64(size > _8))))


@njit(nogil=True, cache=True)
def _long_word(data, at, end):
    total = _START
    while at < end:
        kept = _ALL >> (_64 - (min(end - at, _8) << _3))
        total = fold(total, _plain(load(data, at, end)) & kept)
        at += _8
    return finished(total)


@njit(nogil=True, cache=True)
def _put(count, value, start, stop, hashes, starts, stops):
    hashes[count] = value
    if len(starts):
        starts[count] = start
        stops[count] = stop
    return count + _1


@njit(nogil=True, cache=True)
def _read_word(data, at, end, alphabet):
    """The word that starts at data[at]: its hash, its end, and whether it is a character of a script without spaces.

    Where none starts there, the end is `at`, and the hash is the length of what is there instead.
    """
    first = at
    room = np.uint64(len(data))
    total, piece, filled = _START, _0, _0
    while at < end:
        packed = eight(data, at) if at + _8 <= room else load(data, at, end)
        code_point, size = decoded(packed)
        letter = alphabet[code_point]
        if letter == 0 or (at == first and letter & _JOINS) or (at > first and letter & _ALONE):
            if at == first:
                return size, at, False
            break
        at += size
        packed &= _ALL >> (_64 - (size << _3))
        if code_point < 0x80 or letter & _CODE_POINT != code_point:
            packed, size = spelled(np.int64(letter & _CODE_POINT))
        piece |= packed << (filled << _3)
        filled += size
        if filled >= _8:
            total = fold(total, piece)
            filled -= _8
            piece = packed >> ((size - filled) << _3)
        if letter & _ALONE:
            return finished(fold(total, piece) if filled else total), at, True
    return finished(fold(total, piece) if filled else total), at, False


@njit(nogil=True, cache=True)
def _put_mixed(data, at, end, alphabet, last, hashes, starts, stops, count):
    """The words between two separators of ASCII, character by character; gives how many there are then, and the end.

    Stops early when there is no more room. last: uint64 (3,), see `read_words`.
    """
    while at < end and count + _1 < np.uint64(len(hashes)):
        value, stop, alone = _read_word(data, at, end, alphabet)
        if stop == at:
            at += value
            continue
        count = _put(count, value, at, stop, hashes, starts, stops)
        if alone:
            if last[2] == at:
                count = _put(count, mix64(last[0] * _PAIR ^ value), last[1], stop, hashes, starts, stops)
            last[0], last[1], last[2] = value, at, stop
        at = stop
    return count, at


@njit(nogil=True, cache=True)
def read_words(data, at, end, alphabet, last, hashes, starts, stops):
    """Hashes of the words and pairs of data[at:end], in order, until there is no more room for them.

    last: uint64 (3,), the hash, start and stop of the last character of a script without spaces; its stop is all
    ones before a text begins. hashes: uint64, room for at least two. starts, stops: int64, as long, get where in
    data each word is, or of length 0. Gives how many there are (uint64), and where to go on (uint64).
    """
    count, room = _0, np.uint64(len(data))
    base, stop = np.uint64(at), np.uint64(end)
    first, inside, mixed = base, _0, _0
    while base < stop or inside:
        word, high = block_masks(data, base) if base + _64 <= room else last_masks(data, base)
        if stop - base < _64:
            word &= (_1 << (stop - base)) - _1
            high &= (_1 << (stop - base)) - _1
        run = word | high
        edges = run ^ (run << _1 | inside)
        own = _ALL
        while edges:
            place = trailing_zeros(edges)
            edges &= edges - _1
            here = base + place
            before = (_1 << place) - _1
            if not inside:
                first, inside, own, mixed = here, _1, ~before, _0
                continue
            inside = _0
            if mixed | high & own & before:
                count, reached = _put_mixed(data, first, here, alphabet, last, hashes, starts, stops, count)
                if reached < here:
                    return count, reached
            elif count == np.uint64(len(hashes)):
                return count, first
            elif here - first <= _16 and first + _16 <= room:
                value = _short_word(eight(data, first), eight(data, first + _8), here - first)
                count = _put(count, value, first, here, hashes, starts, stops)
            else:
                count = _put(count, _long_word(data, first, here), first, here, hashes, starts, stops)
        if inside:
            mixed |= high & own
        base += _64
    return count, stop


@njit(nogil=True, cache=True)
def hash_words(offsets, data, alphabet, hashes, starts, stops, ends):
    """`read_words` of every document, one behind the other.

    hashes, starts, stops: room for `most_words`, or starts and stops of length 0 to leave them out.
    ends: int64 (n,), the number of words and pairs up to the end of each document.
    """
    n = 0
    last = np.empty(3, dtype=np.uint64)
    for i in range(len(ends)):
        last[2] = _ALL
        count, _ = read_words(data, offsets[i], offsets[i + 1], alphabet, last, hashes[n:], starts[n:], stops[n:])
        n += np.int64(count)
        ends[i] = n


@njit(nogil=True, cache=True)
def pieces(data, start, end, alphabet, mask, out):
    """Buckets of every four letters in a row of the word data[start:end] between boundary marks, into out.

    A word of one letter or two has one piece; characters of scripts without spaces, and pairs of them, have none.
    Letters are told apart by 16 bits. out: int64 (PIECES,). Gives their number.
    """
    four, length, found, at = _BOUNDARY, 0, 0, start
    while at < end and length < LETTERS:
        code_point, step = decode(data, at)
        letter = alphabet[code_point]
        if letter & _ALONE:
            return 0
        four = four << _16 ^ np.uint64(letter & _CODE_POINT)
        length += 1
        at += step
        if length > 2:
            out[found] = np.int64(mix64(four) & mask)
            found += 1
    out[found] = np.int64(mix64(four << _16 ^ _BOUNDARY) & mask)
    return found + 1
