"""Lower-cased word-and-punctuation tokens, as NLTK's `wordpunct` gives them for `text.lower()`.

A token is a longest run of `\\w` characters or a longest run of characters that are neither `\\w` nor
`\\s`, in Python's Unicode sense or, for `\\w`, in Unicode's own; lower case is Python's, the dotted
capital I (which becomes two characters) and the final sigma included. Both hold exactly, but that a
text with no space in `LONGEST` bytes is cut there.

A text is read piece by piece: `tokens` writes a piece lower-cased into a scratch and marks where its
tokens end. ASCII goes through loops without branches, which the compiler vectorises.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from curate.kernels import njit, unicode
from curate.kernels.unicode import SPACE, WORD, decode, encode, flag, lowered

PIECE = 8192
LONGEST = 1 << 20

_GAP = np.uint8(0)
_LETTERS = np.uint8(1)
_SYMBOLS = np.uint8(2)
_CASED = np.uint8(1)
_IGNORABLE = np.uint8(2)
_BLANK = np.uint8(32)
_STRIDE = 64
_CAPITAL_SIGMA = np.int64(0x3A3)
_FINAL_SIGMA = np.int64(0x3C2)
_DOTTED_CAPITAL_I = np.int64(0x130)
_DOT_ABOVE = np.int64(0x307)

_SPECIAL = np.uint32(0xFFFFFFFF)
_CODE_POINT = np.uint32(0xFFFFFF)
_6 = np.uint32(6)
_12 = np.uint32(12)
_24 = np.uint32(24)
_0F = np.uint32(0x0F)
_1F = np.uint32(0x1F)
_3F = np.uint32(0x3F)
_80 = np.uint32(0x80)
_C0 = np.uint32(0xC0)
_E0 = np.uint32(0xE0)
_F0 = np.uint32(0xF0)
_800 = np.uint32(0x800)
_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)
_8 = np.uint64(8)
_56 = np.uint64(56)
_58 = np.uint64(58)
_LOW_BITS = np.uint64(0x0101010101010101)
_GATHER = np.uint64(0x0102040810204080)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, dtype=np.int32)
_PLACES[((_1 << np.arange(64, dtype=np.uint64)) * _DE_BRUIJN) >> _58] = np.arange(64)


class Tables(NamedTuple):
    """What the loops look up.

    flags: `unicode.flags()` or `unicode.words()`. lower: `unicode.lower()`. casing: for every code point whether it
    is Cased (1) or Case_Ignorable (2) (Unicode Standard, section 3.13). simple: uint32, for each code point below
    0x10000 its lower case and, from bit 24 on, its kind, or _SPECIAL where its context or a second character counts.
    """

    flags: unicode.Table
    lower: unicode.Table
    casing: np.ndarray
    simple: np.ndarray


class Scratch(NamedTuple):
    """Room for one piece. lowered, kinds: uint8, a multiple of 8 long; ends: int32."""

    lowered: np.ndarray
    kinds: np.ndarray
    ends: np.ndarray


@functools.cache
def tables(marks: bool = False) -> Tables:
    """The tables of this Python's Unicode version.

    marks: `\\w` is Unicode's, in which marks belong to words, as NLTK has it since 3.10; else Python's, as before.
    """
    flags, lower = unicode.words() if marks else unicode.flags(), unicode.lower()
    return Tables(flags, lower, _casing(), _simple(flags, lower))


def _simple(flags: unicode.Table, lower: unicode.Table) -> np.ndarray:
    bits, steps = (table.leaves.reshape(-1, 256)[table.pages[:256]].reshape(-1) for table in (flags, lower))
    kinds = np.where(bits & WORD, _LETTERS, np.where(bits & SPACE, _GAP, _SYMBOLS)).astype(np.uint32)
    values = (np.arange(0x10000) + steps).astype(np.uint32) | kinds << _24
    values[[_CAPITAL_SIGMA, _DOTTED_CAPITAL_I]] = _SPECIAL
    return values


def _casing() -> np.ndarray:
    """Ask Python itself: a capital sigma becomes final after a cased character, ignorable ones between.

    Planes 2 to 13, 15 and 16 have neither kind.
    """
    values = np.zeros(0x110000, dtype=np.uint8)
    some = np.concatenate([np.arange(0x20000), np.arange(0xE0000, 0xE1000)]).astype("<u4")
    some[[_DOTTED_CAPITAL_I, _CAPITAL_SIGMA]] = ord("A")
    after = _ends_in_final_sigma(some)
    through = _ends_in_final_sigma(np.full_like(some, ord("A")), some)
    values[:0x20000], values[0xE0000:0xE1000] = np.split(
        np.where(after, _CASED, np.where(through, _IGNORABLE, 0)), [0x20000]
    )
    return values


def _ends_in_final_sigma(*columns: np.ndarray) -> np.ndarray:
    """Whether a capital sigma after the code points of each row, one from each column, becomes final."""
    sigmas, ends = np.full_like(columns[0], _CAPITAL_SIGMA), np.full_like(columns[0], ord("\n"))
    rows = np.stack([*columns, sigmas, ends], axis=1)
    lower = rows.tobytes().decode("utf-32-le", "surrogatepass").lower().encode("utf-32-le", "surrogatepass")
    return np.frombuffer(lower, dtype="<u4").reshape(rows.shape)[:, -2] == _FINAL_SIGMA


@njit(nogil=True, cache=True)
def scratch():
    """Room for the longest piece; no character takes more than 1.5 times the bytes in lower case."""
    size = LONGEST // 2 * 3 + 128
    return Scratch(np.empty(size, np.uint8), np.empty(size, np.uint8), np.empty(size, np.int32))


@njit(nogil=True, cache=True)
def tokens(data, start, at, end, tables, room):
    """Lower-case the next piece of the text data[start:end], from `at` on, and find its tokens.

    Token i is room.lowered[token_start(room.kinds, room.ends[i - 1]):room.ends[i]], with 0 for
    ends[-1]. No token reaches over the end of a piece. Gives where the next piece begins and the
    number of tokens.
    """
    low, kinds, ends = room
    stop = _cut(data, at, end)
    size = _classify(data, start, at, stop, end, tables, low, kinds)
    for i in range(size, size + _STRIDE + 8):
        kinds[i] = _GAP
    return stop, _find_ends(kinds.view(np.uint64), size, ends)


@njit(nogil=True, cache=True)
def token_start(kinds, at):
    """The first byte from `at` on that is not in a gap."""
    while kinds[at] == _GAP:
        at += _1
    return at


@njit(nogil=True, cache=True)
def _cut(data, at, end):
    """Where the piece from `at` on ends: at a space if there is one, else between two characters."""
    if end - at <= PIECE:
        return end
    for i in range(at + PIECE, at, -1):
        if data[i] == _BLANK:
            return i
    limit = min(end, at + LONGEST - 4)
    for i in range(at + PIECE, limit):
        if data[i] == _BLANK:
            return i
    while limit < end and data[limit] & 0xC0 == 0x80:
        limit += 1
    return limit


@njit(nogil=True, cache=True)
def _classify(data, start, at, stop, end, tables, low, kinds):
    """Write data[at:stop] lower-cased to `low`, the kind of each byte's character to `kinds`; gives the size."""
    size = 0
    while at < stop:
        length = min(_STRIDE, stop - at)
        if _ascii(data[at : at + length], low[size : size + length], kinds[size : size + length]):
            at += length
            size += length
        else:
            limit = at + length
            at, size = _characters(data, start, at, limit, end, tables, low, kinds, size)
    return size


@njit(nogil=True, cache=True)
def _ascii(piece, low, kinds):
    """Do some bytes as if they were ASCII; false if they are not."""
    seen = np.uint8(0)
    for i in range(len(piece)):
        byte = piece[i]
        seen |= byte
        capital = np.uint8(byte - np.uint8(65)) < np.uint8(26)
        letter = np.uint8((byte | np.uint8(32)) - np.uint8(97)) < np.uint8(26)
        digit = np.uint8(byte - np.uint8(48)) < np.uint8(10)
        newline = np.uint8(byte - np.uint8(9)) < np.uint8(5)
        separator = np.uint8(byte - np.uint8(28)) < np.uint8(5)
        word = letter | digit | (byte == np.uint8(95))
        low[i] = byte | np.uint8(capital) << np.uint8(5)
        kinds[i] = _SYMBOLS - np.uint8(word) - _SYMBOLS * np.uint8(newline | separator)
    return seen < np.uint8(128)


@njit(nogil=True, cache=True)
def _characters(data, start, at, stop, end, tables, low, kinds, size):
    """Do the characters that begin in data[at:stop]; gives where the next one begins and the new size."""
    simple = tables.simple
    at, stop, size = np.uint64(at), np.uint64(stop), np.uint64(size)
    while at < stop:
        first = np.uint32(data[at])
        length = _1
        code_point = first
        if first >= _E0:
            code_point = (first & _0F) << _12 | (np.uint32(data[at + _1]) & _3F) << _6 | np.uint32(data[at + _2]) & _3F
            length = _3
        elif first >= _80:
            code_point = (first & _1F) << _6 | np.uint32(data[at + _1]) & _3F
            length = _2
        entry = simple[code_point]
        if entry == _SPECIAL or first >= _F0:
            at, size = _special(data, start, at, end, tables, low, kinds, size)
            continue
        small, kind = entry & _CODE_POINT, np.uint8(entry >> _24)
        if small < _80:
            low[size] = small
            kinds[size] = kind
            size += _1
        elif small < _800:
            low[size] = _C0 | small >> _6
            low[size + _1] = _80 | small & _3F
            kinds[size] = kind
            kinds[size + _1] = kind
            size += _2
        else:
            low[size] = _E0 | small >> _12
            low[size + _1] = _80 | small >> _6 & _3F
            low[size + _2] = _80 | small & _3F
            kinds[size] = kind
            kinds[size + _1] = kind
            kinds[size + _2] = kind
            size += _3
        at += length
    return np.int64(at), np.int64(size)


@njit(nogil=True, cache=True)
def _special(data, start, at, end, tables, low, kinds, size):
    """Do the one character at data[at], whichever it is; gives where the next one begins and the new size."""
    at, size = np.int64(at), np.int64(size)
    flag_pages, flag_leaves = tables.flags
    lower_pages, lower_leaves = tables.lower
    code_point, length = decode(data, at)
    bits = flag(flag_pages, flag_leaves, code_point)
    kind = _LETTERS if bits & WORD else _GAP if bits & SPACE else _SYMBOLS
    small = lowered(lower_pages, lower_leaves, code_point)
    if code_point == _CAPITAL_SIGMA and _is_final(data, start, at, end, tables.casing):
        small = _FINAL_SIGMA
    written = encode(small, low, size)
    for i in range(size, size + written):
        kinds[i] = kind
    size += written
    if code_point == _DOTTED_CAPITAL_I:
        encode(_DOT_ABOVE, low, size)
        kind = _LETTERS if flag(flag_pages, flag_leaves, _DOT_ABOVE) & WORD else _SYMBOLS
        kinds[size] = kind
        kinds[size + 1] = kind
        size += 2
    return np.uint64(at + length), np.uint64(size)


@njit(nogil=True, cache=True)
def _is_final(data, start, at, end, casing):
    """Unicode's Final_Sigma: after a cased character and before none, ignorable ones left out."""
    i = at
    before = _IGNORABLE
    while before == _IGNORABLE and i > start:
        i -= 1
        while data[i] & 0xC0 == 0x80:
            i -= 1
        before = casing[decode(data, i)[0]]
    i = at + 2
    after = _IGNORABLE
    while after == _IGNORABLE and i < end:
        code_point, length = decode(data, i)
        after = casing[code_point]
        i += length
    return before == _CASED and after != _CASED


@njit(nogil=True, cache=True)
def _find_ends(kinds, size, ends):
    """Where a token's kind gives way to another: 64 bytes to a mask, one bit taken after the other.

    kinds: eight to a uint64. A bit's place is found by a De Bruijn sequence.
    """
    number = _0
    before = _0
    for block in range(size // _STRIDE + 1):
        mask = _0
        for i in range(8):
            word = kinds[block * 8 + i]
            previous = word << _8 | before >> _56
            before = word
            changed = word ^ previous
            changed = (changed | changed >> _1) & (previous | previous >> _1) & _LOW_BITS
            mask |= (changed * _GATHER) >> _56 << (_8 * np.uint64(i))
        while mask:
            ends[number] = block * _STRIDE + _PLACES[((mask & (~mask + _1)) * _DE_BRUIJN) >> _58]
            number += _1
            mask &= mask - _1
    return np.int64(number)


@njit(nogil=True, cache=True)
def join_tokens(offsets, data, tables, out_offsets, out):
    """Each text's tokens with one space after every token: out_offsets (n + 1,) int64, out uint8.

    `out` has room for 3 times the bytes of the texts.
    """
    room = scratch()
    low, kinds, ends = room
    written = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        at = offsets[i]
        while at < offsets[i + 1]:
            at, number = tokens(data, offsets[i], at, offsets[i + 1], tables, room)
            end = _0
            for j in range(number):
                begin = token_start(kinds, end)
                end = np.uint64(ends[j])
                for k in range(begin, end):
                    out[written] = low[k]
                    written += 1
                out[written] = _BLANK
                written += 1
        out_offsets[i + 1] = written
