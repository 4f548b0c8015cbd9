"""Where in a text stood what C4's line rules take out of it, and where what they keep."""

from __future__ import annotations

from curate.kernels import njit
from curate.kernels.c4 import KEPT, KINDS, citation, clean_line
from curate.kernels.rules_characters import line_end, strip

CITATION = KINDS
"""The kind of a citation mark, beside those of lines."""
NO_ROOM = -1


@njit(nogil=True, cache=True)
def _add_piece(kept, pieces, to, at, low, high):
    """Add a piece that is at `to` in the cleaned texts; what would be outside of its text, low to high, is not."""
    if to >= high:
        return pieces
    missing = max(0, low - to)
    kept[pieces, 0], kept[pieces, 1] = to + missing, at + missing
    return pieces + 1


@njit(nogil=True, cache=True)
def _keep_line(data, base, first, last, to, low, high, row, characters, taken, count, kept, pieces):
    """Add the citation marks of a kept line and the pieces between; gives how many there are then of both."""
    pieces = _add_piece(kept, pieces, to, first - base, low, high)
    begin = at = first
    while at < last:
        length = citation(data, at, last, characters) if data[at] == 91 else 0
        if length:
            if count == len(taken) or pieces == len(kept):
                return NO_ROOM, pieces
            taken[count, 0], taken[count, 1], taken[count, 2], taken[count, 3] = row, at, at + length, CITATION
            taken[count, 1] -= base
            taken[count, 2] -= base
            count += 1
            to += at - begin
            begin = at + length
            pieces = _add_piece(kept, pieces, to, begin - base, low, high)
        at += length if length else 1
    return count, pieces


@njit(nogil=True, cache=True)
def find(offsets, data, cleaned, characters, ended_only, scratch, taken, kept):
    """Find what goes and what stays; gives how many stretches and pieces, NO_ROOM where there is too little room.

    cleaned: int64 (n + 1,), the offsets of the cleaned texts. scratch: uint8, room for the longest line and BEYOND
    bytes more. taken: int64 (k, 4): the text, the bytes from and to, counted from the first text's first byte, and the
    kind: that of a dropped line, its end with it, or CITATION; blank lines are not among them. kept: int64 (m, 2), the
    pieces that stay: where one starts in the cleaned texts laid end to end, and where in the texts.
    """
    base = offsets[0]
    count = pieces = 0
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        low, high = cleaned[row] - cleaned[0], cleaned[row + 1] - cleaned[0]
        to = low
        opens = True
        while at < end:
            if count == len(taken) or pieces == len(kept):
                return NO_ROOM, pieces
            stop, following = line_end(data, at, end)
            first, last = strip(data, at, stop, characters)
            kind, _, _, written = clean_line(data, first, last, characters, ended_only, scratch, 0)
            if kind == KEPT:
                if opens:
                    inner, outer = strip(scratch, 0, written, characters)
                    opens = inner == outer
                    to -= written + 1 if opens else inner
                count, pieces = _keep_line(
                    data, base, first, last, to, low, high, row, characters, taken, count, kept, pieces
                )
                if count == NO_ROOM:
                    return NO_ROOM, pieces
                to += written + 1
            elif first < last:
                taken[count, 0], taken[count, 1], taken[count, 2] = row, at - base, following - base
                taken[count, 3] = kind
                count += 1
            at = following
    return count, pieces
