"""How many tokens a text would have, estimated from its characters alone.

64 characters are counted at once, whatever their script: of each kind there is a mask of 64 bits, and with those of the
characters before it tells where runs begin and which characters are how far in one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import character_masks, ones, trailing_zeros
from curate.kernels.unicode import DIGIT, PUNCTUATION, SPACE, UPPER, WORD, decode, flag

WORD_COST = 88
"""Of a run of Latin letters, to the next capital, in hundredths of a token as all costs here."""
LETTER_COST = 31
"""Of each letter of such a run from the seventh on."""
ACCENT_COST = 50
"""Of each Latin letter beyond ASCII, besides."""
NUMBER_COST = 175
"""Of every three digits or part of them."""
MARK_COST = 65
"""Of a run of punctuation."""
MORE_MARKS_COST = 27
"""Of each further character of such a run."""
LINE_COST = 96
"""Of a run of white space with a newline in it."""
GAP_COST = 37
"""Of any other run of two white-space characters or more."""

WHOLE_WORD = 6
"""Letters of a run that WORD_COST pays for. `_cost` counts on this number, and `_numbers` on three digits."""
OTHER_COST = 150
_PAGE_COSTS = (  # first and last page of 256 code points, and the cost of one of their characters
    (0x00, 0x02, 100),
    (0x03, 0x04, 25),  # Greek, Cyrillic
    (0x05, 0x08, 35),  # Armenian, Hebrew, Arabic
    (0x09, 0x0D, 33),  # Indic
    (0x0E, 0x10, 45),  # Thai, Lao, Tibetan, Burmese, Georgian
    (0x11, 0x11, 70),
    (0x17, 0x17, 50),  # Khmer
    (0x20, 0x2F, 100),
    (0x30, 0x9F, 74),  # kana, Han
    (0xAC, 0xD7, 69),  # Hangul
    (0xF9, 0xFF, 80),
)

_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)
_4 = np.uint64(4)
_64 = np.uint64(64)


class Kinds(NamedTuple):
    """Up to 64 characters by kind, as masks, the lowest bit for the first; a newline is white space as well."""

    small: np.uint64
    capitals: np.uint64
    digits: np.uint64
    marks: np.uint64
    white: np.uint64
    newlines: np.uint64


class Runs(NamedTuple):
    """The same characters, those that a run of their kind makes dearer or cheaper set apart."""

    small: np.uint64
    letters: np.uint64
    inner: np.uint64
    """Letters but the first of each run."""
    digits: np.uint64
    numbers: np.uint64
    """The first of every three digits of a run."""
    marks: np.uint64
    lines: np.uint64
    """White space from the first newline of a run on."""
    gaps: np.uint64
    """Other white space."""


def page_costs() -> np.ndarray:
    """Cost of one character of each page of 256 code points that no other cost covers: int32, shape (0x1100,)."""
    costs = np.full(0x1100, OTHER_COST, dtype=np.int32)
    for first, last, cost in _PAGE_COSTS:
        costs[first : last + 1] = cost
    return costs


@njit(nogil=True, cache=True, _nrt=False)
def _later(mask, before, number):
    """A mask moved on by a number of characters, those of the block before moving in."""
    return mask << number | before >> (_64 - number)


@njit(nogil=True, cache=True, _nrt=False)
def _numbers(digits, before):
    third = digits & _later(digits, before.digits, _1) & _later(digits, before.digits, _2)
    found = digits & ~_later(digits, before.digits, _1) | before.numbers >> (_64 - _3) & third
    numbers = found
    while found:
        found = found << _3 & third
        numbers |= found
    return numbers


@njit(nogil=True, cache=True, _nrt=False)
def _lines(kinds, before):
    """White space from the first newline of a run on: adding one to the first blank after a newline clears them."""
    blanks = kinds.white & ~kinds.newlines
    first = blanks & _later(kinds.newlines, before.lines, _1)
    return kinds.newlines | blanks & ~(blanks + first)


@njit(nogil=True, cache=True, _nrt=False)
def _runs(kinds, before):
    letters = kinds.small | kinds.capitals
    inner = letters & _later(letters, before.letters, _1) & ~(kinds.capitals & _later(kinds.small, before.small, _1))
    numbers = _numbers(kinds.digits, before) if kinds.digits else _0
    lines = _lines(kinds, before)
    return Runs(kinds.small, letters, inner, kinds.digits, numbers, kinds.marks, lines, kinds.white & ~lines)


@njit(nogil=True, cache=True, _nrt=False)
def _cost(runs, before):
    """Cost of the characters of a block, but for what `_mixed` adds."""
    two = runs.inner & _later(runs.inner, before.inner, _1)
    two_before = before.inner & before.inner << _1
    long = two & _later(two, two_before, _2) & _later(two, two_before, _4)
    total = WORD_COST * np.int64(ones(runs.letters & ~runs.inner)) + LETTER_COST * np.int64(ones(long))
    total += NUMBER_COST * np.int64(ones(runs.numbers))
    total += MORE_MARKS_COST * np.int64(ones(runs.marks))
    total += (MARK_COST - MORE_MARKS_COST) * np.int64(ones(runs.marks & ~_later(runs.marks, before.marks, _1)))
    total += LINE_COST * np.int64(ones(runs.lines & ~_later(runs.lines, before.lines, _1)))
    gaps = runs.gaps & _later(runs.gaps, before.gaps, _1)
    return total + GAP_COST * np.int64(ones(gaps & ~_later(runs.gaps, before.gaps, _2)))


@njit(nogil=True, cache=True, _nrt=False)
def _any(kinds):
    return kinds.small | kinds.capitals | kinds.digits | kinds.marks | kinds.white


@njit(nogil=True, cache=True, _nrt=False)
def _ascii(data, at, end):
    """The kinds of up to 64 bytes, as far as they are a text's and of some kind, and how many they are."""
    if at + 64 > len(data):
        return Kinds(_0, _0, _0, _0, _0, _0), 0
    kinds = Kinds(*character_masks(data, np.uint64(at)))
    others = ~_any(kinds)
    number = min(np.int64(trailing_zeros(others)) if others else 64, end - at)
    return (kinds if number == 64 else _first(kinds, number)), number


@njit(nogil=True, cache=True, _nrt=False)
def _first(kinds, number):
    kept = (_1 << np.uint64(number)) - _1
    return Kinds(
        kinds.small & kept,
        kinds.capitals & kept,
        kinds.digits & kept,
        kinds.marks & kept,
        kinds.white & kept,
        kinds.newlines & kept,
    )


@njit(nogil=True, cache=True, _nrt=False)
def _of_character(code_point, value):
    """The kind of one character by its flags."""
    latin = code_point < 0x250 or 0x1E00 <= code_point < 0x1F00
    letter = np.uint64(latin and value & (WORD | PUNCTUATION | DIGIT) == WORD)
    capital = letter & np.uint64(value & UPPER != 0)
    digit, mark = np.uint64(value & DIGIT != 0), np.uint64(value & PUNCTUATION != 0)
    return Kinds(letter ^ capital, capital, digit, mark, np.uint64(value & SPACE != 0), np.uint64(code_point == 10))


@njit(nogil=True, cache=True, _nrt=False)
def _joined(kinds, more, place):
    """Characters with more of them from a place on, as far as there is room."""
    place = np.uint64(place)
    return Kinds(
        kinds.small | more.small << place,
        kinds.capitals | more.capitals << place,
        kinds.digits | more.digits << place,
        kinds.marks | more.marks << place,
        kinds.white | more.white << place,
        kinds.newlines | more.newlines << place,
    )


@njit(nogil=True, cache=True, _nrt=False)
def _mixed(data, at, end, pages, leaves, costs):
    """The kinds of the next 64 characters, what accents among them and those of no kind cost, and their end."""
    kinds = Kinds(_0, _0, _0, _0, _0, _0)
    cost = 0
    place = 0
    while at < end and place < 64:
        # a lone space between words of another script is sooner read as one more character
        if data[at] < 128 and at + 1 < end and data[at + 1] < 128:
            found, number = _ascii(data, at, end)
            if number:
                number = min(number, 64 - place)
                kinds = _joined(kinds, found, place)
                at += number
                place += number
                continue
        code_point, length = decode(data, at)
        found = _of_character(code_point, flag(pages, leaves, code_point))
        if _any(found):
            kinds = _joined(kinds, found, place)
            cost += ACCENT_COST if code_point > 127 and found.small | found.capitals else 0
        else:
            cost += costs[code_point >> 8]
        at += length
        place += 1
    return kinds, cost, at


@njit(nogil=True, cache=True, _nrt=False)
def estimate(offsets, data, pages, leaves, costs, out):
    """Tokens of each text: out (n,) int64, at least one unless the text is empty.

    The tables are `unicode.flags` and `page_costs`; the text must be valid UTF-8.
    """
    for i in range(len(out)):
        total = 0
        before = Runs(_0, _0, _0, _0, _0, _0, _0, _0)
        at, end = offsets[i], offsets[i + 1]
        while at < end:
            kinds, number = _ascii(data, at, end)
            if number == 64 or at + number == end:
                at += number
            else:
                kinds, cost, at = _mixed(data, at, end, pages, leaves, costs)
                total += cost
            runs = _runs(kinds, before)
            total += _cost(runs, before)
            before = runs
        out[i] = max((total + 50) // 100, 1) if end > offsets[i] else 0
