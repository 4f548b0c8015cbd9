"""JSON objects to columns, without an object of Python's: RFC 8259 by the letter.

A record is walked once to check every byte of it against the grammar and to note where the wanted
fields lie (`_locate`); the fields chosen are then unescaped into columns, and a second, shorter walk
copies what is left into `meta` (`_rest`). NaN and Infinity are not JSON, and neither is a raw control
character in a string. Of equal names the last wins, as everywhere.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.columns import JSON, write_columns
from curate.kernels.fields import ARRAY, BOOLEAN, MISSING, NULL, NUMBER, OBJECT, STRING, is_number
from curate.kernels.json_strings import ENDS_EARLY, OK, after_string, encode, escape
from curate.kernels.scan import copy, find_byte

NO_VALUE = 2
NO_NAME = 3
NO_COLON = 4
NO_COMMA = 5
BAD_NUMBER = 8
TEXT_AFTER = 9
TOO_DEEP = 10
NOT_OBJECT = 11

MOST_DEPTH = 1000

_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)
_NO_PATH = np.uint64(0)
_OPENED = 0
_AFTER_COMMA = 1
_AFTER_VALUE = 2


@njit(nogil=True, cache=True)
def _after_space(data, at, end):
    while at < end and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    return at


@njit(nogil=True, cache=True)
def _same(data, at, end, keys, key, key_end):
    """Whether the inside of a name, data[at:end], stands for keys[key:key_end]."""
    buffer = np.empty(4, dtype=np.uint8)
    while at < end:
        if data[at] != 92:
            if key == key_end or data[at] != keys[key]:
                return False
            at += 1
            key += 1
            continue
        code, at = escape(data, at, end)
        if code < 0:
            return False
        for i in range(encode(code, buffer, 0)):
            if key == key_end or buffer[i] != keys[key]:
                return False
            key += 1
    return key == key_end


@njit(nogil=True, cache=True)
def _matches(data, at, end, depth, candidates, wanted):
    """Which of the candidate paths a name at some depth ends, and which it leads on: two bit sets."""
    ends = _NO_PATH
    leads = _NO_PATH
    escaped = -1
    for path in range(len(wanted.slot)):
        bit = _ONE << np.uint64(path)
        if not candidates & bit:
            continue
        part = wanted.first[path] + depth
        key, key_end = wanted.key_offsets[part], wanted.key_offsets[part + 1]
        if key_end - key != end - at:
            if escaped < 0:
                escaped = np.int64(find_byte(data, at, end, np.uint8(92)) < end)
            if escaped == 0:
                continue
        if not _same(data, at, end, wanted.keys, key, key_end):
            continue
        if part + 1 == wanted.first[path + 1]:
            ends |= bit
        else:
            leads |= bit
    return ends, leads


@njit(nogil=True, cache=True)
def _note(paths, start, end, kind, wanted, slots):
    """Note where the value of each path that ended was found, unless a better path led to its slot."""
    for path in range(len(wanted.slot)):
        if paths & (_ONE << np.uint64(path)):
            slot = wanted.slot[path]
            if wanted.rank[path] <= slots.rank[slot]:
                slots.start[slot] = start
                slots.end[slot] = end
                slots.kind[slot] = kind
                slots.rank[slot] = wanted.rank[path]


@njit(nogil=True, cache=True)
def _is_literal(data, at, end, first):
    """Length of `true`, `false` or `null` if it stands at data[at], else 0."""
    if first == 116 and at + 4 <= end and data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101:
        return 4
    if first == 110 and at + 4 <= end and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108:
        return 4
    if first == 102 and at + 5 <= end and data[at + 1] == 97 and data[at + 2] == 108:
        return 5 if data[at + 3] == 115 and data[at + 4] == 101 else 0
    return 0


@njit(nogil=True, cache=True)
def _after_number_characters(data, at, end):
    while at < end and (48 <= data[at] <= 57 or data[at] in (43, 45, 46, 69, 101)):
        at += 1
    return at


@njit(nogil=True, cache=True)
def _scalar(data, at, end):
    """Check the string, number or literal at data[at]: (error, kind, at)."""
    byte = data[at]
    if byte == 34:
        error, at = after_string(data, at + 1, end)
        return error, STRING, at
    if byte == 45 or 48 <= byte <= 57:
        stop = _after_number_characters(data, at, end)
        if not is_number(data, at, stop):
            return (ENDS_EARLY if stop == end else BAD_NUMBER), NUMBER, at
        return OK, NUMBER, stop
    length = _is_literal(data, at, end, byte)
    if length == 0:
        return NO_VALUE, MISSING, at
    return OK, (NULL if byte == 110 else BOOLEAN), at + length


@njit(nogil=True, cache=True)
def _name(data, at, end, depth, candidates, wanted):
    """Pass a member's name and colon: (error, at, paths that end, paths that lead on)."""
    if data[at] != 34:
        return NO_NAME, at, _NO_PATH, _NO_PATH
    start = at + 1
    error, at = after_string(data, start, end)
    if error:
        return error, at, _NO_PATH, _NO_PATH
    ends = _NO_PATH
    leads = _NO_PATH
    if candidates:
        ends, leads = _matches(data, start, at - 1, depth, candidates, wanted)
    at = _after_space(data, at, end)
    if at >= end:
        return ENDS_EARLY, at, ends, leads
    if data[at] != 58:
        return NO_COLON, at, ends, leads
    at = _after_space(data, at + 1, end)
    return (ENDS_EARLY if at >= end else OK), at, ends, leads


@njit(nogil=True, cache=True)
def _locate(data, at, end, wanted, slots, stack):
    """Check one record, data[at:end], and fill `slots`: (error, where).

    stack: what each open container is (`close`: its closing byte), where it began, the paths that may
    still be found in it (`leads`) and those that it ends itself.
    """
    slots.kind[:] = MISSING
    slots.rank[:] = 2
    at = _after_space(data, at, end)
    if at >= end:
        return ENDS_EARLY, at
    if data[at] != 123:
        return NOT_OBJECT, at
    depth = 0
    stack.close[0] = 125
    stack.leads[0] = _ALL
    stack.ends[0] = _NO_PATH
    at += 1
    state = _OPENED
    while depth >= 0:
        at = _after_space(data, at, end)
        if at >= end:
            return ENDS_EARLY, at
        byte = data[at]
        if state != _AFTER_COMMA and byte == stack.close[depth]:
            at += 1
            if stack.ends[depth]:
                kind = OBJECT if byte == 125 else ARRAY
                _note(stack.ends[depth], stack.start[depth], at, kind, wanted, slots)
            depth -= 1
            state = _AFTER_VALUE
            continue
        if state == _AFTER_VALUE:
            if byte != 44:
                return NO_COMMA, at
            at += 1
            state = _AFTER_COMMA
            continue
        ends = _NO_PATH
        leads = _NO_PATH
        if stack.close[depth] == 125:
            error, at, ends, leads = _name(data, at, end, depth, stack.leads[depth], wanted)
            if error:
                return error, at
            byte = data[at]
        if byte == 123 or byte == 91:
            depth += 1
            if depth == MOST_DEPTH:
                return TOO_DEEP, at
            stack.close[depth] = byte + 2
            stack.start[depth] = at
            stack.leads[depth] = leads if byte == 123 else _NO_PATH
            stack.ends[depth] = ends
            at += 1
            state = _OPENED
            continue
        start = at
        error, kind, at = _scalar(data, at, end)
        if error:
            return error, at
        if ends:
            _note(ends, start, at, kind, wanted, slots)
        state = _AFTER_VALUE
    at = _after_space(data, at, end)
    return (OK if at == end else TEXT_AFTER), at


@njit(nogil=True, cache=True)
def _copy_value(data, at, end, out, to):
    """Copy a valid value without the space between its tokens: (at, to)."""
    depth = 0
    while at < end:
        byte = data[at]
        if byte == 34:
            _, stop = after_string(data, at + 1, end)
            to = copy(data, at, stop, out, to)
            at = stop
            if depth == 0:
                break
            continue
        if byte == 32 or byte == 10 or byte == 13 or byte == 9:
            if depth == 0:
                break
            at += 1
            continue
        if byte == 123 or byte == 91:
            depth += 1
        elif byte == 125 or byte == 93:
            depth -= 1
            if depth < 0:
                break
        elif byte == 44 and depth == 0:
            break
        out[to] = byte
        to += 1
        at += 1
        if depth == 0 and (byte == 125 or byte == 93):
            break
    return at, to


@njit(nogil=True, cache=True)
def _after_value(data, at, end):
    """The place after a valid value."""
    depth = 0
    while at < end:
        byte = data[at]
        if byte == 34:
            _, at = after_string(data, at + 1, end)
            if depth == 0:
                return at
            continue
        if byte == 123 or byte == 91:
            depth += 1
        elif byte == 125 or byte == 93:
            depth -= 1
            if depth < 0:
                return at
            if depth == 0:
                return at + 1
        elif depth == 0 and (byte == 44 or byte == 32 or byte == 10 or byte == 13 or byte == 9):
            return at
        at += 1
    return at


@njit(nogil=True, cache=True)
def _rest(data, at, end, taken, wanted, slots, stack, out, to):
    """Write a valid record without the fields that were taken (a bit set of paths); gives the place after it."""
    at = _after_space(data, at, end) + 1
    out[to] = 123
    to += 1
    depth = 0
    stack.leads[0] = taken
    first = True
    while True:
        at = _after_space(data, at, end)
        byte = data[at]
        at += 1
        if byte == 44:
            continue
        if byte == 125:
            out[to] = 125
            to += 1
            depth -= 1
            if depth < 0:
                return to
            first = False
            continue
        _, stop = after_string(data, at, end)
        ends = _NO_PATH
        leads = _NO_PATH
        if stack.leads[depth]:
            ends, leads = _matches(data, at, stop - 1, depth, stack.leads[depth], wanted)
        value = _after_space(data, _after_space(data, stop, end) + 1, end)
        if ends:
            at = _after_taken(data, value, end, ends, wanted, slots)
            continue
        if not first:
            out[to] = 44
            to += 1
        to = copy(data, at - 1, stop, out, to)
        out[to] = 58
        to += 1
        if leads and data[value] == 123:
            depth += 1
            stack.leads[depth] = leads
            out[to] = 123
            to += 1
            at = value + 1
            first = True
            continue
        at, to = _copy_value(data, value, end, out, to)
        first = False


@njit(nogil=True, cache=True)
def _after_taken(data, value, end, paths, wanted, slots):
    """The place after a value that was taken: known, unless another of the same name was the last."""
    for path in range(len(wanted.slot)):
        if paths & (_ONE << np.uint64(path)) and slots.start[wanted.slot[path]] == value:
            return slots.end[wanted.slot[path]]
    return _after_value(data, value, end)


@njit(nogil=True, cache=True)
def _paths_to(taken, wanted, slots):
    """The paths by which the slots taken were found; a nested field behind a literal name with dots was not."""
    paths = _NO_PATH
    for path in range(len(wanted.slot)):
        slot = wanted.slot[path]
        if taken & (_ONE << np.uint64(slot)) and wanted.rank[path] == slots.rank[slot]:
            paths |= _ONE << np.uint64(path)
    return paths


@njit(nogil=True, cache=True)
def parse(data, starts, ends, wanted, slots, stack, out):
    """Parse records data[starts[i]:ends[i]] (valid UTF-8) into the columns of `wanted` and `meta`.

    out.status (n,) is OK or why a record is none, out.where (n,) the byte of it; a record that is none
    leaves empty values behind. out.values (columns, bytes) with out.offsets (columns, n + 1) and
    out.valid (columns, n) hold the columns, out.meta with out.meta_offsets what is left, and
    out.unfit (columns,) counts values that were there but not of the column's type; they stay in `meta`.
    """
    for i in range(len(starts)):
        to = out.meta_offsets[i]
        out.meta_offsets[i + 1] = to
        out.offsets[:, i + 1] = out.offsets[:, i]
        if out.status[i]:
            continue
        status, where = _locate(data, starts[i], ends[i], wanted, slots, stack)
        taken = _NO_PATH
        if not status:
            status, taken = write_columns(data, i, wanted, slots, JSON, out)
            where = starts[i]
        out.status[i] = status
        out.where[i] = where - starts[i]
        if status:
            out.offsets[:, i + 1] = out.offsets[:, i]
        else:
            paths = _paths_to(taken, wanted, slots)
            out.meta_offsets[i + 1] = _rest(data, starts[i], ends[i], paths, wanted, slots, stack, out.meta, to)


@njit(nogil=True, cache=True)
def valid_object(data, start, end, wanted, slots, stack):
    """Whether data[start:end] is one JSON object."""
    return _locate(data, start, end, wanted, slots, stack)[0] == OK
