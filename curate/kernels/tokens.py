"""How many tokens a text would have, estimated from its characters alone."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import small_mask, trailing_zeros
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

_BLANK = 32
_NOTHING = 0
_GAP = 1
_LINE = 2
_LETTER = 3
_CAPITAL = 4
_DIGIT = 5
_MARK = 6
_OTHER = 7


def page_costs() -> np.ndarray:
    """Cost of one character of each page of 256 code points that no other cost covers: int32, shape (0x1100,)."""
    costs = np.full(0x1100, OTHER_COST, dtype=np.int32)
    for first, last, cost in _PAGE_COSTS:
        costs[first : last + 1] = cost
    return costs


@njit(nogil=True, cache=True, _nrt=False)
def _kind(code_point, value, before):
    if value & SPACE:
        return _LINE if code_point == 10 or before == _LINE else _GAP
    if value & PUNCTUATION:
        return _MARK
    if value & DIGIT:
        return _DIGIT
    if value & WORD and (code_point < 0x250 or 0x1E00 <= code_point < 0x1F00):
        return _CAPITAL if value & UPPER else _LETTER
    return _OTHER


@njit(nogil=True, cache=True, _nrt=False)
def _continues(kind, before):
    """Whether a character of one kind is of the same run as the one before it."""
    if kind == _LETTER:
        return before in (_LETTER, _CAPITAL)
    return kind == before


@njit(nogil=True, cache=True, _nrt=False)
def _cost(kind, run):
    """Cost of the run-th character of a run."""
    if kind in (_LETTER, _CAPITAL):
        return WORD_COST if run == 1 else LETTER_COST if run > WHOLE_WORD else 0
    if kind == _DIGIT:
        return NUMBER_COST if run % 3 == 1 else 0
    if kind == _MARK:
        return MARK_COST if run == 1 else MORE_MARKS_COST
    if kind == _LINE:
        return LINE_COST if run == 1 else 0
    return GAP_COST if run == 2 else 0


@njit(nogil=True, cache=True, _nrt=False)
def _small_letters(data, at, end):
    """How many small ASCII letters are at a place, of the next 64 bytes; 0 where so many cannot be read."""
    if at + 64 > len(data):
        return 0
    others = ~small_mask(data, np.uint64(at))
    return min(np.int64(trailing_zeros(others)) if others else 64, end - at)


@njit(nogil=True, cache=True, _nrt=False)
def estimate(offsets, data, pages, leaves, costs, out):
    """Tokens of each text: out (n,) int64, at least one unless the text is empty.

    The tables are `unicode.flags` and `page_costs`; the text must be valid UTF-8.
    """
    for i in range(len(out)):
        total = 0
        before = _NOTHING
        run = 0
        at, end = offsets[i], offsets[i + 1]
        while at < end:
            letters = _small_letters(data, at, end)
            if letters:
                if before not in (_LETTER, _CAPITAL):
                    run = 0
                    total += WORD_COST
                total += LETTER_COST * (max(run + letters, WHOLE_WORD) - max(run, WHOLE_WORD))
                run += letters
                before = _LETTER
                at += letters
                if at < end and data[at] == _BLANK:
                    before, run = _GAP, 1
                    at += 1
                continue
            code_point, length = decode(data, at)
            at += length
            kind = _kind(code_point, flag(pages, leaves, code_point), before)
            run = run + 1 if _continues(kind, before) else 1
            before = kind
            if kind == _OTHER:
                total += costs[code_point >> 8]
            else:
                total += _cost(kind, run)
            if code_point > 127 and kind in (_LETTER, _CAPITAL):
                total += ACCENT_COST
        out[i] = max((total + 50) // 100, 1) if end > offsets[i] else 0
