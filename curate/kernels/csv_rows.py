"""Rows of separated values (RFC 4180) to columns, without an object of Python's."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.columns import QUOTED, write_columns
from curate.kernels.fields import MISSING, NULL, STRING
from curate.kernels.json_strings import quote, special_count
from curate.kernels.scan import copy, find_byte

WRONG_COUNT = 1
BAD_QUOTE = 2
OPEN_QUOTE = 3

_ONE = np.uint64(1)


@njit(nogil=True, cache=True)
def split(data, at, end, delimiter, bounds):
    """Find the fields of a row: (status, how many), their starts and ends in bounds[:, 0] and bounds[:, 1].

    A quoted field keeps its quotes. The count goes on beyond the room in `bounds`.
    """
    count = 0
    while True:
        start = at
        if at < end and data[at] == 34:
            at += 1
            while True:
                at = find_byte(data, at, end, np.uint8(34))
                if at == end:
                    return OPEN_QUOTE, count
                at += 1
                if at == end or data[at] != 34:
                    break
                at += 1
            if at < end and data[at] != delimiter:
                return BAD_QUOTE, count
        else:
            at = find_byte(data, at, end, delimiter)
        if count < len(bounds):
            bounds[count, 0] = start
            bounds[count, 1] = at
        count += 1
        if at == end:
            return 0, count
        at += 1


@njit(nogil=True, cache=True)
def _unquoted(data, at, end, out):
    """The value of a field as text in `out`: how long it is."""
    if at == end or data[at] != 34:
        return copy(data, at, end, out, 0)
    to = 0
    at += 1
    while at < end - 1:
        out[to] = data[at]
        to += 1
        at += 2 if data[at] == 34 else 1
    return to


@njit(nogil=True, cache=True)
def _rest(data, bounds, columns, taken, slot_of, scratch, out, to):
    """Write the fields that were not taken as a JSON object of strings; gives the place after it."""
    out[to] = 123
    to += 1
    first = True
    for column in range(len(bounds)):
        slot = slot_of[column]
        if slot >= 0 and taken & (_ONE << np.uint64(slot)):
            continue
        if not first:
            out[to] = 44
            to += 1
        first = False
        to = copy(columns.data, columns.offsets[column], columns.offsets[column + 1], out, to)
        start, end = bounds[column, 0], bounds[column, 1]
        if start < end and data[start] == 34:
            to = quote(scratch, 0, _unquoted(data, start, end, scratch), out, to)
        else:
            to = quote(data, start, end, out, to)
    out[to] = 125
    return to + 1


@njit(nogil=True, cache=True)
def meta_bytes(data, starts, ends, names_bytes):
    """At most how many bytes `parse` writes as `meta`."""
    total = 0
    for i in range(len(starts)):
        total += 2 * (ends[i] - starts[i]) + 5 * special_count(data, starts[i], ends[i]) + names_bytes + 16
    return total


@njit(nogil=True, cache=True)
def parse(data, starts, ends, delimiter, columns, column_of, slot_of, nullable, wanted, slots, bounds, scratch, out):
    """Parse rows data[starts[i]:ends[i]] (valid UTF-8) into the columns of `wanted` and `meta`.

    columns: the names of the columns as JSON with their colons (a `Strings`). column_of (slots,) is the column
    of each slot or -1, slot_of (columns,) the reverse; nullable (slots,) says where an empty field is a null.
    bounds: int64 (columns, 2), scratch: uint8 as long as the longest row, both for use inside.
    out: as in `json_records.parse`; where out.status is WRONG_COUNT, out.where is the number of fields found.
    """
    for i in range(len(starts)):
        to = out.meta_offsets[i]
        out.meta_offsets[i + 1] = to
        out.offsets[:, i + 1] = out.offsets[:, i]
        if out.status[i]:
            continue
        status, count = split(data, starts[i], ends[i], delimiter, bounds)
        if status == 0 and count != len(bounds):
            status = WRONG_COUNT
        taken = np.uint64(0)
        if status == 0:
            for slot in range(len(column_of)):
                column = column_of[slot]
                slots.kind[slot] = MISSING
                if column >= 0:
                    slots.start[slot] = bounds[column, 0]
                    slots.end[slot] = bounds[column, 1]
                    empty = bounds[column, 0] == bounds[column, 1]
                    slots.kind[slot] = NULL if empty and nullable[slot] else STRING
            status, taken = write_columns(data, i, wanted, slots, QUOTED, out)
        out.status[i] = status
        out.where[i] = count
        if status:
            out.offsets[:, i + 1] = out.offsets[:, i]
        else:
            out.meta_offsets[i + 1] = _rest(data, bounds, columns, taken, slot_of, scratch, out.meta, to)
