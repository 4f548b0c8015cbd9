"""The columns of one record, once its fields have been found."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.fields import ID_IS, OBJECT, STRING, TEXT_IS, choose, fits
from curate.kernels.json_strings import OK, unescape
from curate.kernels.scan import copy, find_byte

LONE_SURROGATE = 21

JSON = 0
QUOTED = 1

_NONE = np.uint64(0)
_ONE = np.uint64(1)


@njit(nogil=True, cache=True)
def _unquote(data, at, end, out, to):
    """Write the inside of a quoted field of CSV, in which a quote is doubled; gives the place after it."""
    while at < end:
        stop = find_byte(data, at, end, np.uint8(34))
        if stop < end:
            stop += 1
        to = copy(data, at, stop, out, to)
        at = stop + 1
    return to


@njit(nogil=True, cache=True)
def write_string(data, at, end, style, out, to):
    """Write the value of a string in JSON's quotes, or CSV's or none; the place after it, or -1 for half a pair."""
    if style == JSON:
        return unescape(data, at + 1, end - 1, out, to)
    if at < end and data[at] == 34:
        return _unquote(data, at + 1, end - 1, out, to)
    return copy(data, at, end, out, to)


@njit(nogil=True, cache=True)
def _write_parts(data, wanted, slots, alternative, style, out, to):
    """Write an alternative's value, its parts joined by a blank line; gives the place after it, or -1."""
    first = wanted.part_first[alternative]
    for part in range(first, wanted.part_first[alternative + 1]):
        slot = wanted.part_slot[part]
        if part > first:
            out[to] = 10
            out[to + 1] = 10
            to += 2
        if slots.kind[slot] == STRING:
            to = write_string(data, slots.start[slot], slots.end[slot], style, out, to)
            if to < 0:
                return to
        else:
            to = copy(data, slots.start[slot], slots.end[slot], out, to)
    return to


@njit(nogil=True, cache=True)
def _slots_of(wanted, alternative):
    found = _NONE
    for part in range(wanted.part_first[alternative], wanted.part_first[alternative + 1]):
        found |= _ONE << np.uint64(wanted.part_slot[part])
    return found


@njit(nogil=True, cache=True)
def write_columns(data, i, wanted, slots, style, out):
    """Write the columns of record i from where `slots` say its fields are: (status, bit set of the slots taken).

    A value that is not of its column's type is not taken, and counted in `out.unfit`; the text and a
    given id must be there, else the status is TEXT_IS or ID_IS plus the kind of what is.
    """
    taken = _NONE
    for column in range(len(wanted.types)):
        to = out.offsets[column, i]
        out.offsets[column, i + 1] = to
        out.valid[column, i] = False
        alternative, kind = choose(wanted, slots.kind, column)
        if column == 0 and kind != STRING:
            return TEXT_IS + kind, taken
        after = -1
        if alternative >= 0 and kind < OBJECT:
            after = _write_parts(data, wanted, slots, alternative, style, out.values[column], to)
            if after >= 0 and not fits(wanted.types[column], out.values[column], to, after):
                after = -1
        if after >= 0:
            out.offsets[column, i + 1] = after
            out.valid[column, i] = True
            taken |= _slots_of(wanted, alternative)
        elif column == 0:
            return LONE_SURROGATE, taken
        elif column == wanted.id_column:
            return ID_IS + kind, taken
        else:
            out.unfit[column] += alternative >= 0
    return OK, taken
