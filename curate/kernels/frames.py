"""Where records begin and end in a block of bytes that more may follow.

Every framer has the same face: it looks at data[at:end], which it has not seen before, writes the
bounds of the records that end there, at most as many as there is room for, and gives (how many,
how far it looked). `state`, int64 of STATE, is what it remembers: state[0] is where the record in progress
begins, state[1] and state[2] are places too (all three move with the data and may be negative when
what began a long record is gone), the others are its own. `final` says that nothing follows.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.scan import find_byte, find_either

STATE = 8

_NEWLINE = np.uint8(10)
_RETURN = np.uint8(13)
_QUOTE = np.uint8(34)
_BACKSLASH = np.uint8(92)

_FIELD_START, _BARE, _QUOTED, _QUOTE_SEEN = range(4)
BEFORE_ARRAY, _BETWEEN, _INSIDE, AFTER_ARRAY = range(4)
PHASE, _DEPTH, _STRING, SEQUENCE, DUE = range(3, 8)
LEFT_OVER = 2
_OPEN = 3
_MODE = 3


@njit(nogil=True, cache=True)
def _is_blank(data, start, end):
    while start < end and (data[start] == 32 or data[start] == 9 or data[start] == 13):
        start += 1
    return start >= end


@njit(nogil=True, cache=True)
def _trimmed(data, start, end):
    """The end of a line without the carriage return before its newline."""
    return end - 1 if end > max(start, 0) and data[end - 1] == _RETURN else end


@njit(nogil=True, cache=True)
def lines(data, at, end, final, state, starts, ends):
    """Lines, less blank ones."""
    count = 0
    while count < len(starts):
        stop = find_byte(data, at, end, _NEWLINE)
        if stop == end and not final:
            return count, end
        start = state[0]
        if start < 0 or not _is_blank(data, start, stop):
            starts[count] = start
            ends[count] = _trimmed(data, start, stop)
            count += 1
        at = min(stop + 1, end)
        state[0] = at
        if stop == end:
            break
    return count, at


@njit(nogil=True, cache=True)
def paragraphs(data, at, end, final, state, starts, ends):
    """Runs of lines between blank ones. state: the record, the line in progress, the end of the last line not blank."""
    count = 0
    while count < len(starts):
        stop = find_byte(data, at, end, _NEWLINE)
        if stop == end and not final:
            return count, end
        blank = state[1] >= 0 and _is_blank(data, state[1], stop)
        if not blank:
            state[_OPEN] = 1
            state[2] = stop
        at = min(stop + 1, end)
        if state[_OPEN] and (blank or stop == end):
            starts[count] = state[0]
            ends[count] = _trimmed(data, state[0], state[2])
            count += 1
            state[_OPEN] = 0
        state[1] = at
        if not state[_OPEN]:
            state[0] = at
        if stop == end:
            break
    return count, at


@njit(nogil=True, cache=True)
def _rows(data, at, end, final, delimiter, state, starts, ends):
    count = 0
    while at < end and count < len(starts):
        mode = state[_MODE]
        ended = False
        if mode == _QUOTED:
            at = find_byte(data, at, end, _QUOTE)
            if at < end:
                at += 1
                state[_MODE] = _QUOTE_SEEN
        elif mode == _BARE:
            at = find_either(data, at, end, delimiter, _NEWLINE)
            if at < end:
                ended = data[at] == _NEWLINE
                at += 1
                state[_MODE] = _FIELD_START
        elif data[at] == _QUOTE:
            at += 1
            state[_MODE] = _QUOTED
        else:
            state[_MODE] = _BARE
        if ended:
            stop = _trimmed(data, state[0], at - 1)
            if stop != state[0]:
                starts[count] = state[0]
                ends[count] = stop
                count += 1
            state[0] = at
    if final and at == end and count < len(starts) and state[0] < end:
        starts[count] = state[0]
        ends[count] = _trimmed(data, state[0], end)
        count += 1
        state[0] = end
    return count, at


@njit(nogil=True, cache=True)
def comma_rows(data, at, end, final, state, starts, ends):
    """Rows of comma-separated values (RFC 4180): a newline between quotes does not end a row."""
    return _rows(data, at, end, final, np.uint8(44), state, starts, ends)


@njit(nogil=True, cache=True)
def tab_rows(data, at, end, final, state, starts, ends):
    """Rows of tab-separated values, quoted as the others are."""
    return _rows(data, at, end, final, np.uint8(9), state, starts, ends)


@njit(nogil=True, cache=True)
def _between(byte, at, state):
    """One byte between elements: whether an empty one ends here."""
    if byte == 32 or byte == 10 or byte == 13 or byte == 9:
        state[0] = at + 1
        return False
    state[0] = at
    if state[SEQUENCE]:
        return False
    if byte == 44:
        state[DUE] = 1
        return True
    if byte == 93:
        state[PHASE] = AFTER_ARRAY
        return state[DUE] == 1
    return False


@njit(nogil=True, cache=True)
def _inside(byte, state):
    """One byte inside an element, outside its strings: 0, 1 if the element ended before it, 2 if with it."""
    if byte == 34:
        state[_STRING] = 1
    elif byte == 123 or byte == 91:
        state[_DEPTH] += 1
    elif byte == 125 or byte == 93:
        if state[_DEPTH] == 0 and byte == 93 and not state[SEQUENCE]:
            state[PHASE] = AFTER_ARRAY
            return 1
        state[_DEPTH] = max(state[_DEPTH] - 1, 0)
        if state[_DEPTH] == 0 and state[SEQUENCE]:
            state[PHASE] = _BETWEEN
            return 2
    elif state[_DEPTH] == 0:
        if byte == 44 and not state[SEQUENCE]:
            state[PHASE] = _BETWEEN
            state[DUE] = 1
            return 1
        if byte == 10 and state[SEQUENCE]:
            state[PHASE] = _BETWEEN
            return 1
    return 0


@njit(nogil=True, cache=True)
def elements(data, at, end, final, state, starts, ends):
    """Elements of one JSON array or, if state[SEQUENCE], JSON values one after another.

    Only brackets and strings are minded; what lies between two commas is an element, even nothing.
    At the end state[PHASE] is AFTER_ARRAY if the array was closed, and state[DUE] LEFT_OVER if something followed.
    """
    count = 0
    while at < end and count < len(starts):
        if state[_STRING] == 2:
            state[_STRING] = 1
            at += 1
            continue
        if state[_STRING] == 1:
            at = find_either(data, at, end, _QUOTE, _BACKSLASH)
            if at < end:
                state[_STRING] = 0 if data[at] == _QUOTE else 2
                at += 1
            continue
        byte = data[at]
        phase = state[PHASE]
        if phase == BEFORE_ARRAY:
            state[PHASE] = _BETWEEN if byte == 91 else BEFORE_ARRAY
            at += 1
            state[0] = at
            continue
        if phase == AFTER_ARRAY:
            if byte != 32 and byte != 10 and byte != 13 and byte != 9:
                state[DUE] = LEFT_OVER
            at += 1
            state[0] = at
            continue
        ended = 0
        if phase == _BETWEEN:
            ended = 1 if _between(byte, at, state) else 0
            if state[0] == at and not ended and state[PHASE] == _BETWEEN:
                state[PHASE] = _INSIDE
                state[_DEPTH] = 0
                continue
        else:
            ended = _inside(byte, state)
        at += 1
        if ended:
            starts[count] = state[0]
            ends[count] = at if ended == 2 else at - 1
            count += 1
            state[0] = at
        elif state[PHASE] == AFTER_ARRAY:
            state[0] = at
    if final and at == end and count < len(starts) and state[0] < end:
        if state[PHASE] == _INSIDE:
            starts[count] = state[0]
            ends[count] = end
            count += 1
            state[PHASE] = AFTER_ARRAY
        state[0] = end
    return count, at
