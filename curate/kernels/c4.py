"""C4's line rules (Raffel et al. 2020; the definitions as datatrove's filter runs them), on UTF-8."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import phrase_mask, trailing_zeros
from curate.kernels.rules_characters import DECIMAL, SPACE, bits, line_end, strip
from curate.kernels.scan import copy, find_byte, is_same
from curate.kernels.unicode import decode

KEPT, LONG_WORD, NOT_ENDED, FEW_WORDS, JAVASCRIPT, POLICY, KINDS = range(7)
"""What becomes of a line."""

ENDED = 1
"""The line ends in terminal punctuation."""
LOREM_IPSUM = 2
CURLY_BRACKET = 4

MOST_WORD_CHARACTERS = 1000
LEAST_WORDS = 3


def _phrase(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


_JAVASCRIPT = _phrase("javascript")
_LOREM_IPSUM = _phrase("lorem ipsum")
_POLICIES = (
    _phrase("terms of use"),
    _phrase("privacy policy"),
    _phrase("cookie policy"),
    _phrase("uses cookies"),
    _phrase("use of cookies"),
    _phrase("use cookies"),
)
_SECOND = np.zeros(256, dtype=np.uint8)
for _first, _after in ("ja", "lo", "te", "pr", "co", "us"):
    _SECOND[[ord(_first), ord(_first.upper())]] = ord(_after)
_EDIT = _phrase("[edit]")
_CITATION_NEEDED = _phrase("[citation needed]")

_OPENS = np.uint8(91)
_64 = np.uint64(64)
_66 = np.uint64(66)

_HAS_LOREM_IPSUM, _HAS_JAVASCRIPT, _HAS_POLICY, _HAS_CURLY_BRACKET = 1, 2, 4, 8


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
def _may_have_phrase(data, start, end):
    """False only where data[start:end] has no phrase and no curly bracket."""
    at, stop, room = np.uint64(start), np.uint64(end), np.uint64(len(data))
    while at < stop:
        if at + _66 > room:
            return True
        found = phrase_mask(data, at)
        if found and at + trailing_zeros(found) < stop:
            return True
        at += _64
    return False


@njit(nogil=True, cache=True, _nrt=False)
def _phrases(data, start, end):
    """Which kinds of phrases are in data[start:end]."""
    found = 0
    before = np.uint8(0)
    for at in range(start, end):
        byte = data[at]
        if byte == 123:
            found |= _HAS_CURLY_BRACKET
        second = _SECOND[before]
        before = byte
        if second and byte | 32 == second:
            found |= _phrase_at(data, at - 1, end)
    return found


@njit(nogil=True, cache=True, _nrt=False)
def _phrase_at(data, at, end):
    """The kind of the phrase that begins at a place, or 0."""
    if _is_at(data, at, end, _JAVASCRIPT):
        return _HAS_JAVASCRIPT
    if _is_at(data, at, end, _LOREM_IPSUM):
        return _HAS_LOREM_IPSUM
    for phrase in _POLICIES:
        if _is_at(data, at, end, phrase):
            return _HAS_POLICY
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
def _is_ended(data, start, end):
    if end == start or data[end - 1] not in (46, 63, 33, 34, 39):
        return False
    return not (end - start >= 3 and data[end - 1] == 46 and data[end - 2] == 46 and data[end - 3] == 46)


@njit(nogil=True, cache=True, _nrt=False)
def clean_line(data, start, end, characters, ended_only, out, to):
    """Put the line data[start:end], which has no white space around it, through the rules, and write what is left.

    Gives (what becomes of it, ENDED, LOREM_IPSUM and CURLY_BRACKET or-ed, citation marks, where the copy ends).
    The rules run in this order, and a line that one drops is not seen by the next: long words, citation
    marks removed, terminal punctuation where `ended_only`, few words, lorem ipsum, javascript, curly bracket,
    policy phrases.
    """
    number, long = _words(data, start, end, characters)
    if long:
        return LONG_WORD, 0, 0, to
    stop, cited = _without_citations(data, start, end, characters, out, to)
    marks = ENDED if _is_ended(out, to, stop) else 0
    if ended_only and not marks:
        return NOT_ENDED, 0, cited, stop
    if number < LEAST_WORDS:
        return FEW_WORDS, marks, cited, stop
    found = _phrases(out, to, stop) if cited or _may_have_phrase(data, start, end) else 0
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

    out_offsets: int64 (n + 1,), out: uint8, room for the bytes of the texts: lines kept, joined by newlines, without
    white space around the whole. lines, removed: int64 (KINDS,): lines by what became of them, and characters
    of the dropped ones. citations: int64 (2,): citation marks taken out of kept lines, and their bytes.
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
