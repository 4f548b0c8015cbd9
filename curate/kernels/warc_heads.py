"""Heads of WARC records (ISO 28500) and of the HTTP responses in them, as most are: what is odd is left to the caller.

No value is interpreted but lengths, status codes and the case of record types.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

WARC_FIELDS = (
    b"warc-type",
    b"content-type",
    b"warc-record-id",
    b"warc-target-uri",
    b"warc-date",
    b"warc-truncated",
    b"warc-identified-payload-type",
    b"warc-identified-content-language",
    b"content-length",
)
HTTP_FIELDS = (b"content-type", b"transfer-encoding", b"content-encoding")

_NAMES = np.frombuffer(b"".join(WARC_FIELDS + HTTP_FIELDS), np.uint8)
_ENDS = np.cumsum(np.array([len(name) for name in WARC_FIELDS + HTTP_FIELDS]))
_WARC = len(WARC_FIELDS)
_ALL = _WARC + len(HTTP_FIELDS)
_LENGTH = _WARC - 1
_MOST_DIGITS = 18
BETWEEN = 4
"""Bytes between the end of a record's block and the next record: CR LF CR LF."""


@njit(nogil=True, cache=True)
def heads(data, at, most_bytes, head_bytes, out, text):
    """Find consecutive records from `at` on, each followed by another: (how many, bytes of `text` written).

    data: uint8. out: (most rows, 5) int64: where the record, its block, its block's end and the body of its HTTP
    response are, and the response's status; the block again and -1 where it is none. text: uint8: the values of
    WARC_FIELDS and HTTP_FIELDS of each row, without blanks around them and each with a newline behind it; what is
    missing is empty.

    Stops before a record that is the last one or not followed by CR LF CR LF and another, whose block has more than
    `most_bytes`, or whose heads have lines that end in no CR LF, are folded or have blanks before the colon, or do not
    end within `head_bytes`; and where `text` has no room for it.
    """
    spans = np.empty((_ALL, 2), np.int64)
    size = 0
    for row in range(len(out)):
        begin = _version(data, at)
        if begin < 0:
            return row, size
        spans[:] = 0
        begin = _fields(data, begin, min(len(data), at + head_bytes), 0, _WARC, spans)
        length = _number(data, spans[_LENGTH, 0], spans[_LENGTH, 1])
        if begin < 0 or length < 0 or length > most_bytes or length > len(data) - begin - BETWEEN:
            return row, size
        end = begin + length
        if not _blank(data, end) or not _blank(data, end + 2) or _version(data, end + BETWEEN) < 0:
            return row, size
        body, status = begin, np.int64(-1)
        if _is_http(data, begin, end):
            line = _line(data, begin, min(end, begin + head_bytes))
            if line < 0:
                return row, size
            status = _status(data, begin + 5, line)
            body = _fields(data, line, min(end, begin + head_bytes), _WARC, _ALL, spans)
            if body < 0:
                return row, size
        needed = np.sum(spans[:, 1] - spans[:, 0]) + _ALL
        if needed > len(text) - size:
            return row, size
        size = _write(data, spans, text, size)
        out[row, 0] = at
        out[row, 1] = begin
        out[row, 2] = end
        out[row, 3] = body
        out[row, 4] = status
        at = end + BETWEEN
    return len(out), size


@njit(nogil=True, cache=True)
def _blank(data, at):
    return at + 1 < len(data) and data[at] == 13 and data[at + 1] == 10


@njit(nogil=True, cache=True)
def _digit(byte):
    return 48 <= byte <= 57


@njit(nogil=True, cache=True)
def _version(data, at):
    """Where the line behind `WARC/1.0` or the like begins; -1 where there is none."""
    if at + 9 > len(data):
        return -1
    if data[at] != 87 or data[at + 1] != 65 or data[at + 2] != 82 or data[at + 3] != 67 or data[at + 4] != 47:
        return -1
    if not _digit(data[at + 5]) or data[at + 6] != 46 or not _digit(data[at + 7]):
        return -1
    at += 8
    while at < len(data) and _digit(data[at]):
        at += 1
    return at + 2 if _blank(data, at) else -1


@njit(nogil=True, cache=True)
def _is_http(data, at, end):
    if end - at < 5:
        return False
    return data[at] == 72 and data[at + 1] == 84 and data[at + 2] == 84 and data[at + 3] == 80 and data[at + 4] == 47


@njit(nogil=True, cache=True)
def _line(data, at, end):
    """Where the next line begins; -1 where this one does not end in CR LF."""
    start = at
    while at < end and data[at] != 10:
        at += 1
    return at + 1 if start < at < end and data[at - 1] == 13 else -1


@njit(nogil=True, cache=True)
def _fields(data, at, end, first, last, spans):
    """The last value of each field from `first` to `last` of all names; where the head ends, or -1 if it is odd."""
    while True:
        if at < end and (data[at] == 32 or data[at] == 9):
            return -1
        behind = _line(data, at, end)
        if behind < 0:
            return -1
        if behind == at + 2:
            return behind
        colon = at
        while colon < behind and data[colon] != 58:
            colon += 1
        if colon < behind:
            if colon > at and _is_space(data[colon - 1]):
                return -1
            found = _find(data, at, colon, first, last)
            if found >= 0:
                spans[found, 0], spans[found, 1] = _stripped(data, colon + 1, behind)
        at = behind


@njit(nogil=True, cache=True)
def _find(data, at, end, first, last):
    """Which name a field has, whatever its case; -1 for none of those looked for."""
    for name in range(first, last):
        start = _ENDS[name - 1] if name else 0
        if _ENDS[name] - start == end - at:
            for place in range(end - at):
                if _lower(data[at + place]) != _NAMES[start + place]:
                    break
            else:
                return name
    return -1


@njit(nogil=True, cache=True)
def _lower(byte):
    return byte + np.uint8(32) if 65 <= byte <= 90 else byte


@njit(nogil=True, cache=True)
def _is_space(byte):
    return byte == 32 or 9 <= byte <= 13


@njit(nogil=True, cache=True)
def _stripped(data, at, end):
    while at < end and _is_space(data[at]):
        at += 1
    while at < end and _is_space(data[end - 1]):
        end -= 1
    return at, end


@njit(nogil=True, cache=True)
def _number(data, at, end):
    """A value of digits alone; -1 for any other."""
    if not 0 < end - at <= _MOST_DIGITS:
        return np.int64(-1)
    total = np.int64(0)
    for place in range(at, end):
        if not _digit(data[place]):
            return np.int64(-1)
        total = total * 10 + np.int64(data[place] - 48)
    return total


@njit(nogil=True, cache=True)
def _status(data, at, end):
    """The three digits behind the version of HTTP, of which something comes behind `at`; -1 for none."""
    start = at
    while at < end and not _is_space(data[at]):
        at += 1
    blanks = at
    while at < end and (data[at] == 32 or data[at] == 9):
        at += 1
    if start == blanks or blanks == at or at + 3 >= end:
        return np.int64(-1)
    behind = _lower(data[at + 3])
    if _digit(behind) or 97 <= behind <= 122 or behind == 95:
        return np.int64(-1)
    return _number(data, at, at + 3)


@njit(nogil=True, cache=True)
def _write(data, spans, text, size):
    for field in range(_ALL):
        for place in range(spans[field, 0], spans[field, 1]):
            text[size] = _lower(data[place]) if field == 0 else data[place]
            size += 1
        text[size] = 10
        size += 1
    return size
