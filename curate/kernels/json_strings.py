"""The strings of JSON: where they end, what their escapes stand for, and how to write them (RFC 8259, section 7)."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.scan import copy, copy_to_backslash, find_special

OK = 0
ENDS_EARLY = 1
CONTROL_CHARACTER = 6
BAD_ESCAPE = 7

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@njit(nogil=True, cache=True)
def _hexadecimal(data, at):
    """The value of four hexadecimal digits, or -1."""
    value = 0
    for i in range(4):
        byte = np.int64(data[at + i])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif 97 <= byte | 32 <= 102:
            digit = (byte | 32) - 87
        else:
            return -1
        value = value * 16 + digit
    return value


@njit(nogil=True, cache=True)
def after_string(data, at, end):
    """From inside a string to after its closing quote: (error, at)."""
    while True:
        at = find_special(data, at, end)
        if at >= end:
            return ENDS_EARLY, at
        byte = data[at]
        if byte == 34:
            return OK, at + 1
        if byte != 92:
            return CONTROL_CHARACTER, at
        if at + 1 >= end:
            return ENDS_EARLY, end
        byte = data[at + 1]
        if byte == 117:
            if at + 6 > end:
                return ENDS_EARLY, end
            if _hexadecimal(data, at + 2) < 0:
                return BAD_ESCAPE, at
            at += 6
        elif byte in (110, 34, 92, 116, 47, 114, 98, 102):
            at += 2
        else:
            return BAD_ESCAPE, at


@njit(nogil=True, cache=True)
def escape(data, at, end):
    """What a valid escape at data[at] stands for: (code point, at); the code point of a lone surrogate is -1."""
    byte = data[at + 1]
    if byte != 117:
        code = np.int64(byte)
        if byte == 110:
            code = 10
        elif byte == 116:
            code = 9
        elif byte == 114:
            code = 13
        elif byte == 98:
            code = 8
        elif byte == 102:
            code = 12
        return code, at + 2
    code = _hexadecimal(data, at + 2)
    at += 6
    if code < 0xD800 or code > 0xDFFF:
        return code, at
    if code < 0xDC00 and at + 6 <= end and data[at] == 92 and data[at + 1] == 117:
        low = _hexadecimal(data, at + 2)
        if 0xDC00 <= low <= 0xDFFF:
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), at + 6
    return -1, at


@njit(nogil=True, cache=True)
def encode(code, out, to):
    """Write a code point as UTF-8; gives the place after it."""
    if code < 0x80:
        out[to] = code
        return to + 1
    if code < 0x800:
        out[to] = 0xC0 | code >> 6
        out[to + 1] = 0x80 | code & 0x3F
        return to + 2
    if code < 0x10000:
        out[to] = 0xE0 | code >> 12
        out[to + 1] = 0x80 | code >> 6 & 0x3F
        out[to + 2] = 0x80 | code & 0x3F
        return to + 3
    out[to] = 0xF0 | code >> 18
    out[to + 1] = 0x80 | code >> 12 & 0x3F
    out[to + 2] = 0x80 | code >> 6 & 0x3F
    out[to + 3] = 0x80 | code & 0x3F
    return to + 4


@njit(nogil=True, cache=True)
def unescape(data, at, end, out, to):
    """Write the value of a valid string's inside data[at:end]; gives the place after it, or -1 for a lone surrogate."""
    while at < end:
        at, to = copy_to_backslash(data, at, end, out, to)
        if at == end:
            break
        code, at = escape(data, at, end)
        if code < 0:
            return -1
        to = encode(code, out, to)
    return to


@njit(nogil=True, cache=True)
def special_count(data, start, end):
    """How many bytes a string must escape: each grows by five bytes at most."""
    count = 0
    for byte in data[start:end]:
        count += (byte < 32) | (byte == 34) | (byte == 92)
    return count


@njit(nogil=True, cache=True)
def quote(data, at, end, out, to):
    """Write text as a JSON string, with its quotes; gives the place after it."""
    out[to] = 34
    to += 1
    while at < end:
        special = find_special(data, at, end)
        to = copy(data, at, special, out, to)
        if special == end:
            break
        byte = data[special]
        out[to] = 92
        at = special + 1
        short = _short_escape(byte)
        if short:
            out[to + 1] = short
            to += 2
            continue
        out[to + 1] = 117
        out[to + 2] = 48
        out[to + 3] = 48
        out[to + 4] = _HEX[byte >> 4]
        out[to + 5] = _HEX[byte & 15]
        to += 6
    out[to] = 34
    return to + 1


@njit(nogil=True, cache=True)
def _short_escape(byte):
    if byte == 34 or byte == 92:
        return byte
    if byte == 10:
        return 110
    if byte == 13:
        return 114
    if byte == 9:
        return 116
    if byte == 8:
        return 98
    return 102 if byte == 12 else 0
