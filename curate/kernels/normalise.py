"""Finding and mending what is not normal in UTF-8 text: line ends, control characters, order of marks."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.unicode import CLASS_MASK, COMPOSES, CONTROL, MAY_COMPOSE, NOT_NFC, decode, flag

NEWLINES = np.uint8(1)
CONTROLS = np.uint8(2)
NFC = np.uint8(4)

_BLOCK = 32
_ZERO = np.uint16(0)


@njit(nogil=True, cache=True)
def _after_plain(data, at, end):
    """The first place from `at` on, in steps of a block, whose block has anything but printable ASCII, tab and \\n."""
    while at + _BLOCK <= end:
        found = np.uint8(0)
        for byte in data[at : at + _BLOCK]:
            found |= np.uint8((byte < 32) & (byte != 9) & (byte != 10) | (byte > 126))
        if found:
            break
        at += _BLOCK
    return at


@njit(nogil=True, cache=True)
def _after_ascii(data, at, end):
    while at + _BLOCK <= end:
        found = np.uint8(0)
        for byte in data[at : at + _BLOCK]:
            found |= byte
        if found > 127:
            break
        at += _BLOCK
    return at


@njit(nogil=True, cache=True)
def _is_newline(code_point):
    """A newline function of the Unicode Standard, section 5.8, other than \\n itself."""
    return 0x0B <= code_point <= 0x0D or code_point == 0x85 or code_point == 0x2028 or code_point == 0x2029


@njit(nogil=True, cache=True)
def _examine(data, start, end, wanted, flag_pages, flag_leaves, pages, leaves):
    """What one text needs, of `wanted`; characters that will be removed do not stand between marks.

    The quick check of Unicode Standard Annex 15, made sharper: a character that may compose counts
    only after a starter that may be composed with.
    """
    needs = np.uint8(0)
    last_class = _ZERO
    composes = False
    at = start
    while at < end and needs != wanted:
        byte = data[at]
        if byte < 128:
            after = _after_plain(data, at, end)
            if after > at:
                at = after
                last_class = _ZERO
                composes = True
                continue
        code_point, length = decode(data, at)
        at += length
        if _is_newline(code_point):
            needs |= wanted & NEWLINES
        elif flag(flag_pages, flag_leaves, code_point) & CONTROL:
            needs |= wanted & CONTROLS
            if wanted & CONTROLS:
                continue
        value = flag(pages, leaves, code_point)
        order = value & CLASS_MASK
        if value & NOT_NFC or (order != 0 and last_class > order) or (value & MAY_COMPOSE and composes):
            needs |= wanted & NFC
        last_class = order
        if order == 0:
            composes = value & COMPOSES != 0
    return needs


@njit(nogil=True, cache=True)
def examine(offsets, data, wanted, flag_pages, flag_leaves, pages, leaves, out):
    """What each text needs: out (n,) uint8, bits NEWLINES, CONTROLS and NFC of those in `wanted`.

    The tables are `unicode.flags` and `unicode.canonical`. NFC may be set for a text that is in
    NFC, never the other way; the other two bits are exact.
    """
    for i in range(len(out)):
        out[i] = _examine(data, offsets[i], offsets[i + 1], wanted, flag_pages, flag_leaves, pages, leaves)


@njit(nogil=True, cache=True)
def _rewrite(data, start, end, needs, flag_pages, flag_leaves, out, to, counts):
    at = start
    while at < end:
        code_point, length = decode(data, at)
        if needs & NEWLINES and _is_newline(code_point):
            if code_point == 0x0D and at + 1 < end and data[at + 1] == 0x0A:
                length = 2
            out[to] = 0x0A
            to += 1
            counts[0] += 1
        elif needs & CONTROLS and flag(flag_pages, flag_leaves, code_point) & CONTROL:
            counts[1] += 1
        else:
            for i in range(at, at + length):
                out[to] = data[i]
                to += 1
        at += length
    return to


@njit(nogil=True, cache=True)
def rewrite(offsets, data, needs, flag_pages, flag_leaves, counts, out_offsets, out):
    """Unify newlines and drop control characters in the texts whose `needs` say so; copy the others.

    counts: int64 (2,), to which newlines unified and characters removed are added.
    out_offsets: int64 (n + 1,). out: uint8, at least as long as all texts, since none grows.
    """
    to = 0
    out_offsets[0] = 0
    for i in range(len(needs)):
        start, end = offsets[i], offsets[i + 1]
        if needs[i] & (NEWLINES | CONTROLS):
            to = _rewrite(data, start, end, needs[i], flag_pages, flag_leaves, out, to, counts)
        else:
            out[to : to + end - start] = data[start:end]
            to += end - start
        out_offsets[i + 1] = to


@njit(nogil=True, cache=True)
def _is_continuation(data, at, end):
    return at < end and data[at] & 0xC0 == 0x80


@njit(nogil=True, cache=True)
def _sequence_length(data, at, end):
    """Length of the well-formed sequence at data[at] (Unicode Standard, table 3-7), 0 if there is none."""
    first = data[at]
    if first < 0x80:
        return 1
    if first < 0xC2 or first > 0xF4 or not _is_continuation(data, at + 1, end):
        return 0
    if first < 0xE0:
        return 2
    second = data[at + 1]
    if not _is_continuation(data, at + 2, end):
        return 0
    if first < 0xF0:
        return 0 if (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F) else 3
    if not _is_continuation(data, at + 3, end):
        return 0
    return 0 if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F) else 4


@njit(nogil=True, cache=True)
def valid_utf8(offsets, data, out):
    """Whether each string is well-formed UTF-8 (no surrogates, no overlong forms): out (n,) bool."""
    for i in range(len(out)):
        at, end = offsets[i], offsets[i + 1]
        length = 1
        while at < end and length:
            if data[at] < 0x80:
                after = _after_ascii(data, at, end)
                if after > at:
                    at = after
                    continue
            length = _sequence_length(data, at, end)
            at += length
        out[i] = length != 0
