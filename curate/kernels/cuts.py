"""Stretches of text that go: which bytes go with repeated tokens, and texts without them."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.scan import copy
from curate.kernels.substrings import character_start
from curate.kernels.unicode import SINGLE, WORD, decode, flag

_TAB, _NEWLINE, _RETURN, _SPACE = np.uint8(9), np.uint8(10), np.uint8(13), np.uint8(32)


@njit(nogil=True, cache=True)
def _original(repeats, token):
    """The token that stays of which one is a copy, or the copy of a copy; itself when it stays.

    Where a stretch overlaps its copy, both have a period, and the first one stays.
    """
    while True:
        low, high = 0, len(repeats)
        while low < high:
            middle = (low + high) // 2
            if repeats[middle, 1] > token:
                high = middle
            else:
                low = middle + 1
        if low == len(repeats) or repeats[low, 0] > token:
            return token
        first, copy = repeats[low, 0], repeats[low, 2]
        token = copy + (token - first) % (first - copy)


@njit(nogil=True, cache=True)
def _is_white(byte):
    return byte == _SPACE or _TAB <= byte <= _RETURN


@njit(nogil=True, cache=True)
def _line_start(data, at, end):
    """The byte after the last newline of data[at:end]; -1 without one."""
    for i in range(end - 1, at - 1, -1):
        if data[i] == _NEWLINE:
            return i + 1
    return -1


@njit(nogil=True, cache=True)
def _trimmed(data, start, end, before, after, opens, closes):
    """The bytes that go with tokens that take up start:end and stand between before:start and end:after.

    opens, closes: whether they are the first and the last of their text.
    """
    stop = end
    while stop < after and not _is_white(data[stop]):
        stop += 1
    white = stop
    while white < after and _is_white(data[white]):
        white += 1
    line_end = _line_start(data, stop, white)
    line_start = _line_start(data, before, start)
    if opens and line_start < 0:
        line_start = before
    if line_end < 0 and not (closes and white == after):
        return start, white
    if line_start >= 0:
        return line_start, (white if line_end < 0 else line_end)
    while stop < white and data[stop] != _NEWLINE:
        stop += 1
    return start, stop - 1 if end < stop < white and data[stop - 1] == _RETURN else stop


@njit(nogil=True, cache=True)
def _is_of_word(data, at, flags):
    """Whether the character at data[at] is one of a word of several."""
    code_point, _ = decode(data, at)
    return flag(flags.pages, flags.leaves, code_point) & (WORD | SINGLE) == WORD


@njit(nogil=True, cache=True)
def _joins(data, start, stop, flags):
    """Whether two words become one without data[start:stop]."""
    return _is_of_word(data, character_start(data, start - 1), flags) and _is_of_word(data, stop, flags)


@njit(nogil=True, cache=True)
def place_repeats(offsets, data, bounds, starts, lengths, repeats, flags, out):
    """The bytes to take out for stretches of tokens, so that what stays reads well.

    With its words goes what follows the last one up to the next white space, and this white space. Whole lines go with
    the beginning of the first and with the end of the last, blank lines after it included; a stretch that begins within
    a line leaves the line its end; one that ends within a line leaves the line its beginning. Other lines are
    never touched, and neither are the words around: where these would become one, what follows the last word stays, or,
    where nothing does, that word, the character of a script without spaces.
    repeats: as `find_repeats` gives them; a last word that stays is taken from its stretch. flags: `unicode.flags()`.
    out: int64, shape (k, 5): the text, the bytes of `data` from and to (none for a stretch left without a word), the
    text in which its first word stays, and the byte of `data` where it does. Those that touch stay so.
    """
    open_from = 0
    for i in range(len(repeats)):
        first, end = repeats[i, 0], repeats[i, 1]
        copy = _original(repeats[:i], repeats[i, 2])
        row = np.searchsorted(bounds, first, side="right") - 1
        out[i, 0] = row
        out[i, 1] = starts[first]
        out[i, 3] = np.searchsorted(bounds, copy, side="right") - 1
        out[i, 4] = starts[copy]
        if end < bounds[row + 1] and i + 1 < len(repeats) and repeats[i + 1, 0] == end:
            out[i, 2] = starts[end]
            continue
        opening = repeats[open_from, 0]
        opens, closes = opening == bounds[row], end == bounds[row + 1]
        before = offsets[row] if opens else np.int64(starts[opening - 1]) + lengths[opening - 1]
        after = offsets[row + 1] if closes else np.int64(starts[end])
        last = np.int64(starts[end - 1]) + lengths[end - 1]
        start, stop = _trimmed(data, out[open_from, 1], last, before, after, opens, closes)
        if start == before and stop == after and not opens and not closes and _joins(data, start, stop, flags):
            stop = last
            if last == after and not _is_of_word(data, starts[end - 1], flags):
                stop = np.int64(starts[end - 1])
                repeats[i, 1] -= 1
        out[open_from, 1], out[i, 2] = start, stop
        open_from = i + 1


@njit(nogil=True, cache=True)
def without_spans(offsets, data, starts, ends, out_offsets, out):
    """Copy texts without stretches of them; gives how many characters these had.

    starts, ends: int64, ascending, not overlapping, counted from the first text's first byte.
    out_offsets: int64 (n + 1,). out: uint8, as long as what stays.
    """
    base = offsets[0]
    span = 0
    to = 0
    characters = 0
    out_offsets[0] = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while span < len(starts) and starts[span] + base < stop:
            to = copy(data, at, starts[span] + base, out, to)
            at = ends[span] + base
            for i in range(starts[span] + base, at):
                characters += data[i] & 0xC0 != 0x80
            span += 1
        to = copy(data, at, stop, out, to)
        out_offsets[row + 1] = to
    return characters
