"""C4's line rules (Raffel et al. 2020; the definitions as datatrove's filter runs them), on UTF-8."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import c4_masks, copy_block, ones, phrase_mask, trailing_zeros
from curate.kernels.rules_characters import DECIMAL, SPACE, bits, line_end, strip
from curate.kernels.scan import copy, find_byte, is_same
from curate.kernels.unicode import decode

KEPT, LONG_WORD, NOT_ENDED, FEW_WORDS, JAVASCRIPT, POLICY, KINDS = range(7)
"""What becomes of a line."""

ENDED = 1
"""The line ends in terminal punctuation."""
LOREM_IPSUM = 2
CURLY_BRACKET = 4

BEYOND = 67
"""Bytes to read or write beyond a line and its end."""
MOST_WORD_CHARACTERS = 1000
LEAST_WORDS = 3

_EDIT = np.frombuffer(b"[edit]", dtype=np.uint8)
_CITATION_NEEDED = np.frombuffer(b"[citation needed]", dtype=np.uint8)

_ENDS = np.zeros(256, dtype=np.bool_)
_ENDS[[ord(letter) for letter in ".?!\"'"]] = True
_OPENS = np.uint8(91)
_0 = np.uint64(0)
_1 = np.uint64(1)
_63 = np.uint64(63)
_64 = np.uint64(64)

_HAS_LOREM_IPSUM, _HAS_JAVASCRIPT, _HAS_POLICY, _HAS_CURLY_BRACKET, _IS_CITED = 1, 2, 4, 8, 16
_BEYOND_ASCII, _MAY_BE_LONG, _SIGNS = 32, 64, 31 << 8
_NOTHING = np.uint16(0)
_PHRASES = tuple(
    np.frombuffer(text, dtype=np.uint8)
    for text in (
        *(b"javascript", b"lorem ipsum", b"terms of use", b"privacy policy"),
        *(b"cookie policy", b"uses cookies", b"use of cookies", b"use cookies"),
    )
)
_PHRASE_KINDS = np.array([_HAS_JAVASCRIPT, _HAS_LOREM_IPSUM] + 6 * [_HAS_POLICY])
_PLACES = np.array([0, 7, 7, 6, 3, 8, 10, 7])
"""Where in each phrase `phrase_mask` finds it."""
_FIRST = np.zeros(256, dtype=np.uint16)
_AFTER = np.full(256, _HAS_CURLY_BRACKET, dtype=np.uint16)
"""Bits that a byte and the one after it have in common if they may begin a citation mark or be of a phrase, one of
_SIGNS, or if they are a curly bracket and another."""
_FIRST[ord("{")] = _HAS_CURLY_BRACKET
_FIRST[ord("[")] = 1 << 8
_AFTER[[ord(letter) for letter in "]ec0123456789"]] |= 1 << 8
_AFTER[128:] |= 1 << 8
for _first, _after, _bit in (("jJ", "aA", 9), ("pP", "sS", 10), ("fFyY", " ", 11), ("kK", "iI", 12)):
    _FIRST[[ord(letter) for letter in _first]] = 1 << _bit
    _AFTER[[ord(letter) for letter in _after]] |= 1 << _bit
_LONG_BLOCKS = (MOST_WORD_CHARACTERS - 63) // 64
"""Blocks of 64 bytes that lie in a word of too many characters, wherever it begins."""


@njit(nogil=True, cache=True, _nrt=False)
def _is_at(data, at, end, phrase):
    """Whether a phrase of small letters is at a place, in any case."""
    if end - at < len(phrase):
        return False
    for i in range(len(phrase)):
        byte = data[at + i]
        if byte - 65 < 26 and byte >= 65:
            byte |= 32
        if byte != phrase[i]:
            return False
    return True


@njit(nogil=True, cache=True, _nrt=False)
def _phrase_around(data, sign, start, end):
    """The kind of the phrase in data[start:end] that has its place for `phrase_mask` there, or 0."""
    for i in range(len(_PHRASES)):
        at = sign - _PLACES[i]
        if at >= start and _is_at(data, at, end, _PHRASES[i]):
            return _PHRASE_KINDS[i]
    return 0


@njit(nogil=True, cache=True, _nrt=False)
def citation(data, at, end, characters):
    """The bytes of the citation mark that stands at a `[`, or 0: `[]`, `[12]`, `[edit]`, `[citation needed]`."""
    stop = at + 1
    while stop < end:
        code_point, length = decode(data, stop)
        if not bits(characters, code_point) & DECIMAL:
            break
        stop += length
    if stop < end and data[stop] == 93:
        return stop + 1 - at
    for phrase in (_EDIT, _CITATION_NEEDED):
        if end - at >= len(phrase) and is_same(data, at, phrase, 0, len(phrase)):
            return len(phrase)
    return 0


@njit(nogil=True, cache=True, _nrt=False)
def _without_citations(data, start, end, characters, out, to):
    """Copy data[start:end] without citation marks; gives where the copy ends and how many there were."""
    cited = 0
    begin = start
    at = find_byte(data, start, end, _OPENS)
    while at < end:
        length = citation(data, at, end, characters)
        if length:
            to = copy(data, begin, at, out, to)
            begin = at + length
            cited += 1
        at = find_byte(data, at + max(length, 1), end, _OPENS)
    return copy(data, begin, end, out, to), cited


@njit(nogil=True, cache=True, _nrt=False)
def _words(data, start, end, characters):
    """What white space parts: (how many, or three where they are more; whether one has over 1,000 characters)."""
    number, length = 0, 0
    at = start
    short = end - start <= MOST_WORD_CHARACTERS
    while at < end and not (short and number == LEAST_WORDS):
        byte = data[at]
        if byte < 128:
            space = characters[byte] & SPACE != 0
            at += 1
        else:
            code_point, size = decode(data, at)
            space = bits(characters, code_point) & SPACE != 0
            at += size
        if space:
            length = 0
        else:
            number += length == 0
            length += 1
            if length > MOST_WORD_CHARACTERS:
                return number, True
    return number, False


@njit(nogil=True, cache=True, _nrt=False)
def _sweep(data, start, end, out, to):
    """Copy a line 64 bytes at a time, and see what may be in it.

    Gives how many words it has, or at least has if it is _BEYOND_ASCII; and flags, _SIGNS for what `_look` looks for.
    Reads and writes up to BEYOND bytes more than the line has. Nothing is called in the loop, so that what it
    compares with stays in registers.
    """
    at, stop, place = np.uint64(start), np.uint64(end), np.uint64(to)
    words, found, high, bare, most, before = _0, _NOTHING, _0, 0, 0, _1
    while at < stop:
        white, beyond, opens = c4_masks(data, at)
        phrases = phrase_mask(data, at)
        copy_block(data, at, out, place)
        within = (_1 << (stop - at)) - _1 if stop - at < _64 else ~_0
        words += ones(~(white | beyond) & (white << _1 | before) & within)
        before = white >> _63
        high |= beyond & within
        signs = (opens | phrases) & within
        while signs:
            sign = at + trailing_zeros(signs)
            found |= _FIRST[data[sign]] & _AFTER[data[sign + _1]]
            signs &= signs - _1
        bare = 0 if white else bare + 1
        most = max(most, bare)
        at += _64
        place += _64
    unsure = (_BEYOND_ASCII if high else 0) | (_MAY_BE_LONG if most >= _LONG_BLOCKS else 0)
    return np.int64(words), np.int64(found) | unsure


@njit(nogil=True, cache=True, _nrt=False)
def _look(data, start, end, characters):
    """Which kinds of phrases are in a line, and whether a citation mark is; reads up to BEYOND bytes more."""
    at, stop = np.uint64(start), np.uint64(end)
    found = 0
    while at < stop:
        signs = c4_masks(data, at)[2] | phrase_mask(data, at)
        while signs:
            place = np.int64(at + trailing_zeros(signs))
            if place >= end:
                break
            if data[place] == 123:
                found |= _HAS_CURLY_BRACKET
            elif data[place] != _OPENS:
                found |= _phrase_around(data, place, start, end)
            elif citation(data, place, end, characters):
                found |= _IS_CITED
            signs &= signs - _1
        at += _64
    return found


@njit(nogil=True, cache=True, _nrt=False)
def _is_ended(data, start, end):
    last, second, third = data[end - 1], data[max(end - 2, start)], data[max(end - 3, start)]
    ellipsis = (last == 46) & (second == 46) & (third == 46) & (end - start >= 3)
    return _ENDS[last] & ~ellipsis


@njit(nogil=True, cache=True, _nrt=False)
def clean_line(data, start, end, characters, ended_only, out, to):
    """Put the line data[start:end], which has no white space around it, through the rules, and write what is left.

    Gives (what becomes of it, ENDED, LOREM_IPSUM and CURLY_BRACKET or-ed, citation marks, where the copy ends).
    The rules run in this order, and a line that one drops is not seen by the next: long words, citation
    marks removed, terminal punctuation where `ended_only`, few words, lorem ipsum, javascript, curly bracket,
    policy phrases. There must be room in `out` for the line and BEYOND bytes more.
    """
    if start == end:
        return NOT_ENDED if ended_only else FEW_WORDS, 0, 0, to
    words, found, stop, cited = 0, _IS_CITED | _BEYOND_ASCII, to + end - start, 0
    if end + BEYOND <= len(data):
        words, found = _sweep(data, start, end, out, to)
        if found & _SIGNS:
            found |= _look(data, start, end, characters)
    if found & _MAY_BE_LONG or (found & _BEYOND_ASCII and words < LEAST_WORDS):
        words, long = _words(data, start, end, characters)
        if long:
            return LONG_WORD, 0, 0, to
    if found & _IS_CITED:
        stop, cited = _without_citations(data, start, end, characters, out, to)
        found = _look(out, to, stop, characters)
    marks = np.int64(_is_ended(out, to, stop)) * ENDED if stop > to else 0
    if ended_only and not marks:
        return NOT_ENDED, 0, cited, stop
    if words < LEAST_WORDS:
        return FEW_WORDS, marks, cited, stop
    if found & _HAS_LOREM_IPSUM:
        marks |= LOREM_IPSUM
    if found & _HAS_JAVASCRIPT:
        return JAVASCRIPT, marks, cited, stop
    if found & _HAS_CURLY_BRACKET:
        marks |= CURLY_BRACKET
    return (POLICY if found & _HAS_POLICY else KEPT), marks, cited, stop


@njit(nogil=True, cache=True)
def clean_texts(offsets, data, characters, ended_only, out_offsets, out, lines, removed, citations, marks):
    """Clean texts by C4's line rules.

    out_offsets: int64 (n + 1,), out: uint8, room for the bytes of the texts and BEYOND more: lines kept, joined by
    newlines, without white space around the whole. lines, removed: int64 (KINDS,): lines by what became of them, and
    characters of the dropped ones. citations: int64 (2,): citation marks taken out of kept lines, and their bytes.
    marks: uint8 (n,): LOREM_IPSUM and CURLY_BRACKET of the lines that the rules reached.
    """
    to = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        begin = to
        at, end = offsets[i], offsets[i + 1]
        marks[i] = 0
        while at < end:
            stop, following = line_end(data, at, end)
            first, last = strip(data, at, stop, characters)
            kind, seen, cited, written = clean_line(data, first, last, characters, ended_only, out, to)
            marks[i] |= seen & (LOREM_IPSUM | CURLY_BRACKET)
            lines[kind] += 1
            if kind == KEPT:
                citations[0] += cited
                citations[1] += last - first - (written - to)
                out[written] = 10
                to = written + 1
            else:
                for k in range(first, last):
                    removed[kind] += data[k] & 0xC0 != 0x80
            at = following
        first, last = strip(out, begin, to, characters)
        to = copy(out, first, last, out, begin)
        out_offsets[i + 1] = to
