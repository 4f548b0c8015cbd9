"""Fields of records: which of those wanted a record has, and whether a value is of its column's type.

`wanted` (a `Wanted`) says which fields go to which columns. A column has alternatives, tried in order; an
alternative has parts, which are joined; a part is a slot, the place where a field's value is noted; and one
or two paths lead to a slot: the name as it is written, dots and all, and the way down through nested objects.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit

MISSING, NULL, STRING, NUMBER, BOOLEAN, OBJECT, ARRAY = range(7)

TEXT, ANY_STRING, INT64, FLOAT64, BOOL, TIMESTAMP = range(6)

TEXT_IS = 30
ID_IS = 40

_INT64_MOST = np.uint64(2**63 - 1)
_TEN = np.uint64(10)
_SECOND = 1_000_000
_DAY = 86_400
_BAD = np.int64(-(2**63))


class Wanted(NamedTuple):
    """The fields wanted, as arrays.

    keys: uint8, the parts of all paths one after another; part k is keys[key_offsets[k]:key_offsets[k + 1]].
    first: int64, shape (paths + 1,): the parts of path p are first[p] to first[p + 1].
    slot, rank: int64, shape (paths,): where a path leads; the lowest rank that is found counts. At most 64 paths.
    alternative_first (columns + 1,), part_first (alternatives + 1,), part_slot (parts,): int64, as above.
    types: int64, shape (columns,): TEXT for column 0, then ANY_STRING to TIMESTAMP.
    id_column: the column that must not be missing, or -1.
    """

    keys: np.ndarray
    key_offsets: np.ndarray
    first: np.ndarray
    slot: np.ndarray
    rank: np.ndarray
    alternative_first: np.ndarray
    part_first: np.ndarray
    part_slot: np.ndarray
    types: np.ndarray
    id_column: int


class Slots(NamedTuple):
    """Where the fields of one record are: int64 arrays, shape (slots,)."""

    kind: np.ndarray
    rank: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Stack(NamedTuple):
    """The containers open at one place of a record, outermost first."""

    close: np.ndarray
    start: np.ndarray
    leads: np.ndarray
    ends: np.ndarray


class Columns(NamedTuple):
    """What a parser writes; see `json_records.parse`."""

    status: np.ndarray
    where: np.ndarray
    values: np.ndarray
    offsets: np.ndarray
    valid: np.ndarray
    meta: np.ndarray
    meta_offsets: np.ndarray
    unfit: np.ndarray


@njit(nogil=True, cache=True)
def choose(wanted, kinds, column):
    """The first alternative of a column whose parts are all there and not null: (alternative or -1, kind).

    The kind is STRING if every part is one, else that of the first part that is not; without an
    alternative it is NULL when some field was there, else MISSING.
    """
    best = MISSING
    for alternative in range(wanted.alternative_first[column], wanted.alternative_first[column + 1]):
        kind = STRING
        there = True
        for part in range(wanted.part_first[alternative], wanted.part_first[alternative + 1]):
            found = kinds[wanted.part_slot[part]]
            if found == NULL:
                best = NULL
            there = there and found > NULL
            if kind == STRING and found > NULL:
                kind = found
        if there:
            return alternative, kind
    return -1, best


@njit(nogil=True, cache=True)
def _after_digits(data, at, end):
    while at < end and 48 <= data[at] <= 57:
        at += 1
    return at


@njit(nogil=True, cache=True)
def is_number(data, at, end):
    """Whether data[at:end] is a JSON number (RFC 8259, section 6)."""
    if at < end and data[at] == 45:
        at += 1
    start = at
    at = _after_digits(data, at, end)
    if at == start or (data[start] == 48 and at > start + 1):
        return False
    if at < end and data[at] == 46:
        start = at + 1
        at = _after_digits(data, start, end)
        if at == start:
            return False
    if at < end and data[at] | 32 == 101:
        at += 1
        if at < end and (data[at] == 43 or data[at] == 45):
            at += 1
        start = at
        at = _after_digits(data, start, end)
        if at == start:
            return False
    return at == end


@njit(nogil=True, cache=True)
def is_int64(data, at, end):
    """Whether data[at:end] is a decimal integer between -2**63 and 2**63 - 1."""
    negative = at < end and data[at] == 45
    at += negative
    if at == end or end - at > 19:
        return False
    total = np.uint64(0)
    while at < end:
        if not 48 <= data[at] <= 57:
            return False
        total = total * _TEN + np.uint64(data[at] - 48)
        at += 1
    return total <= _INT64_MOST + np.uint64(negative)


@njit(nogil=True, cache=True)
def _is_word(data, at, end, word):
    if end - at != len(word):
        return False
    same = True
    for i in range(len(word)):
        same &= data[at + i] | 32 == word[i]
    return same


_TRUE = np.frombuffer(b"true", dtype=np.uint8)
_FALSE = np.frombuffer(b"false", dtype=np.uint8)


@njit(nogil=True, cache=True)
def fits(column_type, data, at, end):
    """Whether the text data[at:end] is a value of a column's type."""
    if column_type <= ANY_STRING:
        return True
    if column_type == INT64:
        return is_int64(data, at, end)
    if column_type == FLOAT64:
        return is_number(data, at, end)
    if column_type == BOOL:
        return _is_word(data, at, end, _TRUE) or _is_word(data, at, end, _FALSE)
    return parse_timestamp(data, at, end) != _BAD


@njit(nogil=True, cache=True)
def _digits(data, at, end, count):
    """The number that `count` digits make, or -1 when they are not all there."""
    if at + count > end:
        return -1
    total = 0
    for i in range(count):
        if not 48 <= data[at + i] <= 57:
            return -1
        total = total * 10 + np.int64(data[at + i]) - 48
    return total


@njit(nogil=True, cache=True)
def _fraction(data, at, end):
    """A point or comma and digits as millionths, cut short, not rounded: (millionths, at)."""
    total = 0
    scale = 100_000
    if at + 1 < end and (data[at] == 46 or data[at] == 44) and 48 <= data[at + 1] <= 57:
        at += 1
        while at < end and 48 <= data[at] <= 57:
            total += (np.int64(data[at]) - 48) * scale
            scale //= 10
            at += 1
    return total, at


@njit(nogil=True, cache=True)
def _days(year, month, day):
    """Days from 1970-01-01 in the Gregorian calendar: years counted from March, in eras of 400."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@njit(nogil=True, cache=True)
def _month_days(year, month):
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@njit(nogil=True, cache=True)
def _date(data, at, end):
    """YYYY, YYYY-MM, YYYY-MM-DD or YYYYMMDD: (days from 1970 or _BAD, at)."""
    year = _digits(data, at, end, 4)
    month, day = 1, 1
    if year < 1:
        return _BAD, at
    at += 4
    if at < end and data[at] == 45:
        month = _digits(data, at + 1, end, 2)
        at += 3
        if at < end and data[at] == 45:
            day = _digits(data, at + 1, end, 2)
            at += 3
    elif _digits(data, at, end, 4) >= 0:
        month = _digits(data, at, end, 2)
        day = _digits(data, at + 2, end, 2)
        at += 4
    if not 1 <= month <= 12 or not 1 <= day <= _month_days(year, month):
        return _BAD, at
    return _days(year, month, day), at


@njit(nogil=True, cache=True)
def _clock(data, at, end):
    """HH:MM, HH:MM:SS, HHMM or HHMMSS and a fraction: (microseconds or _BAD, at)."""
    hour = _digits(data, at, end, 2)
    at += 2
    colon = at < end and data[at] == 58
    minute = _digits(data, at + colon, end, 2)
    at += 2 + colon
    second, millionths = 0, 0
    if at < end and (data[at] == 58 if colon else 48 <= data[at] <= 57):
        second = _digits(data, at + colon, end, 2)
        millionths, at = _fraction(data, at + 2 + colon, end)
    if not 0 <= hour < 24 or not 0 <= minute < 60 or not 0 <= second <= 60:
        return _BAD, at
    return (hour * 3600 + minute * 60 + second) * _SECOND + millionths, at


@njit(nogil=True, cache=True)
def _zone(data, at, end):
    """Nothing, Z, UTC, GMT, +HH, +HHMM or +HH:MM to the very end: seconds east of Greenwich, or _BAD."""
    if at < end and data[at] == 32:
        at += 1
    if at == end or (at + 1 == end and data[at] | 32 == 122):
        return np.int64(0)
    if at + 3 == end and data[at + 2] | 32 in (99, 116):
        utc = data[at] | 32 == 117 and data[at + 1] | 32 == 116 and data[at + 2] | 32 == 99
        gmt = data[at] | 32 == 103 and data[at + 1] | 32 == 109 and data[at + 2] | 32 == 116
        return np.int64(0) if utc or gmt else _BAD
    if data[at] != 43 and data[at] != 45:
        return _BAD
    sign = 1 if data[at] == 43 else -1
    hours = _digits(data, at + 1, end, 2)
    at += 3
    minutes = 0
    if at < end:
        at += data[at] == 58
        minutes = _digits(data, at, end, 2)
        at += 2
    if at != end or not 0 <= hours < 24 or not 0 <= minutes < 60:
        return _BAD
    return np.int64(sign * (hours * 3600 + minutes * 60))


@njit(nogil=True, cache=True)
def _epoch(data, at, end):
    """Nine digits and more, a sign, a fraction: seconds since 1970 or, by their size, milli-, micro- or nanoseconds."""
    negative = at < end and data[at] == 45
    at += negative
    stop = _after_digits(data, at, end)
    if not 9 <= stop - at <= 19 or not is_int64(data, at, stop):
        return _BAD
    whole = _digits(data, at, stop, stop - at)
    fraction, stop = _fraction(data, stop, end)
    if stop != end:
        return _BAD
    if whole < 10**11:
        micros = whole * _SECOND + fraction
    elif whole < 10**14:
        micros = whole * 1000 + fraction // 1000
    else:
        micros = whole if whole < 10**17 else whole // 1000
    return np.int64(-micros if negative else micros)


@njit(nogil=True, cache=True)
def parse_timestamp(data, at, end):
    """Microseconds since 1970 UTC of an ISO 8601 date and time or an epoch number, or -2**63.

    Without a zone the time is taken as UTC. Four digits are a year and eight are YYYYMMDD;
    nine or more are an epoch number, its unit told by its size.
    """
    plain = _after_digits(data, at, end) - at
    if plain >= 9 or (at < end and data[at] == 45):
        return _epoch(data, at, end)
    days, at = _date(data, at, end)
    if days == _BAD:
        return _BAD
    clock = np.int64(0)
    if at < end:
        if data[at] != 32 and data[at] | 32 != 116:
            return _BAD
        clock, at = _clock(data, at + 1, end)
        if clock == _BAD:
            return _BAD
    zone = _zone(data, at, end) if at <= end else _BAD
    return _BAD if zone == _BAD else days * _DAY * _SECOND + clock - zone * _SECOND


@njit(nogil=True, cache=True)
def timestamps(offsets, data, out):
    """Parse each text as `parse_timestamp` does: out (n,) int64."""
    for i in range(len(out)):
        out[i] = parse_timestamp(data, offsets[i], offsets[i + 1])


@njit(nogil=True, cache=True)
def unblank(offsets, data, out):
    """Whether each text has anything but ASCII white space and NUL: out (n,) bool."""
    for i in range(len(out)):
        at = offsets[i]
        while at < offsets[i + 1] and (data[at] == 32 or 9 <= data[at] <= 13 or data[at] == 0):
            at += 1
        out[i] = at < offsets[i + 1]


@njit(nogil=True, cache=True)
def fitting(offsets, data, column_type, out):
    """Whether each text is of a column's type: out (n,) bool."""
    for i in range(len(out)):
        out[i] = fits(column_type, data, offsets[i], offsets[i + 1])
