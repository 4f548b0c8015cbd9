"""Where personal data stands in texts, and texts with marks in its place.

Every kind begins at a byte that few others share: `@`, the first of a run of digits, `_` or `K`. 64 bytes are looked
through for them at once, and only around one is anything read.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import trailing_zeros
from curate.kernels.pii_blocks import sign_masks
from curate.kernels.pii_names import LEAST_TOKEN, find_email, find_key, find_private_key
from curate.kernels.pii_numbers import find_card, find_iban, find_ipv4, find_ipv6
from curate.kernels.pii_phones import LEAST_DIGITS, find_phone, read_joint
from curate.kernels.pii_signs import ALNUM, CLASSES, DIGIT, HEX, UPPER, WORD, byte_at, is_of, run_end, run_start
from curate.kernels.scan import copy

EMAIL, IP, PHONE, IBAN, CARD, KEY, PRIVATE_KEY = range(7)
"""The kinds, in the order in which the first of two equal stretches counts."""
NO_ROOM = -1
_0, _1, _63, _64 = np.uint64(0), np.uint64(1), np.uint64(63), np.uint64(64)
_AT, _COLON, _DOT, _A, _K, _UNDERSCORE = ord("@"), ord(":"), ord("."), ord("A"), ord("K"), ord("_")
_BOT_SECRET = 35


@njit(nogil=True, cache=True)
def _last_signs(data, at, stop):
    """`sign_masks` of data[at:stop], fewer than 64 bytes."""
    digits = signs = _0
    for i in range(at, stop):
        bit = _1 << np.uint64(i - at)
        byte = data[i]
        if CLASSES[byte] & DIGIT:
            digits |= bit
        elif byte in (_AT, _UNDERSCORE, _K):
            signs |= bit
    return digits, signs


@njit(nogil=True, cache=True)
def _put(out, first, count, row, start, end, kind):
    """Add a stretch to those of a text, out[first:count], in order: the leftmost first, then the longest."""
    place = count
    while place > first and (
        out[place - 1, 1] > start
        or (
            out[place - 1, 1] == start
            and (out[place - 1, 2] < end or (out[place - 1, 2] == end and out[place - 1, 3] > kind))
        )
    ):
        for column in range(4):
            out[place, column] = out[place - 1, column]
        place -= 1
    out[place, 0], out[place, 1], out[place, 2], out[place, 3] = row, start, end, kind
    return count + 1


@njit(nogil=True, cache=True)
def _settled(out, first, count):
    """Leave out of a text's stretches those that overlap one before; gives how many there are then."""
    kept = first
    reached = np.int64(-1)
    for i in range(first, count):
        if out[i, 1] >= reached:
            reached = out[i, 2]
            for column in range(4):
                out[kept, column] = out[i, column]
            kept += 1
    return kept


@njit(nogil=True, cache=True)
def _bot_key_end(data, low, at, end, high):
    """The end of a Telegram bot's key, 8 to 10 digits, a colon and 35 signs of a token; -1 if none starts at `at`."""
    if not 8 <= end - at <= 10 or byte_at(data, end, low, high) != _COLON or byte_at(data, end + 1, low, high) != _A:
        return -1
    if is_of(byte_at(data, at - 1, low, high), WORD):
        return -1
    found = run_end(data, end + 1, high, WORD)
    return found if found - end - 1 == _BOT_SECRET else -1


@njit(nogil=True, cache=True)
def _may_begin(data, low, at, high):
    """Whether anything may begin with, or right before, the run of digits at `at`; most are nothing but numbers."""
    before = byte_at(data, at - 1, low, high)
    if is_of(before, ALNUM):
        return is_of(before, UPPER)
    end = run_end(data, at, min(high, at + LEAST_DIGITS), DIGIT)
    if end - at >= LEAST_DIGITS or byte_at(data, at + 4, low, high) == _COLON:
        return True
    return read_joint(data, end, high)[1] > end


@njit(nogil=True, cache=True)
def _from_digits(data, low, at, high, row, first, count, groups, lookup, out):
    """Add what begins with, or right before, the run of digits at `at`; gives how many there are then."""
    end = run_end(data, at, min(high, at + 20), DIGIT)
    before = byte_at(data, at - 1, low, high)
    if is_of(before, UPPER) and end - at >= 2 and at - 2 >= low and is_of(data[at - 2], UPPER):
        found = find_iban(data, low, at - 2, high, lookup.iban)
        if found >= 0:
            count = _put(out, first, count, row, at - 2, found, IBAN)
    if is_of(before, ALNUM):
        return count
    following = byte_at(data, end, low, high)
    if following == _DOT and end - at <= 3:
        found = find_ipv4(data, low, at, high, lookup.versions, lookup.hosts)
        if found >= 0:
            return _put(out, first, count, row, at, found, IP)
    if end - at <= 4 and (data[at] == 50 or data[at] == 51) and (following == _COLON or is_of(following, HEX)):
        found = find_ipv6(data, low, at, high)
        if found >= 0:
            return _put(out, first, count, row, at, found, IP)
    if following == _COLON:
        found = _bot_key_end(data, low, at, end, high)
        if found >= 0:
            count = _put(out, first, count, row, at, found, KEY)
    found = find_card(data, low, at, high)
    if found >= 0:
        count = _put(out, first, count, row, at, found, CARD)
    start, found = find_phone(data, low, at, high, groups, lookup)
    if found >= 0:
        count = _put(out, first, count, row, start, found, PHONE)
    return count


@njit(nogil=True, cache=True)
def _from_sign(data, low, at, high, row, first, count, lookup, out):
    """Add what stands around an `@` or the K of KEY; gives how many there are then."""
    if data[at] == _AT:
        start, end = find_email(data, low, at, high, lookup.flags, lookup.domains)
        kind = EMAIL
    else:
        start, end = find_private_key(data, low, at, high)
        kind = PRIVATE_KEY
    return _put(out, first, count, row, start, end, kind) if end >= 0 else count


@njit(nogil=True, cache=True)
def _find(data, low, high, row, first, groups, lookup, out):
    """Add the stretches of data[low:high]; gives how many there are then, NO_ROOM when they do not fit."""
    count = first
    carried = _0
    token_end = low
    base = low
    while base < high:
        if base + 64 <= high:
            digits, signs = sign_masks(data, np.uint64(base))
        else:
            digits, signs = _last_signs(data, base, high)
        places = (digits & ~(digits << _1 | carried)) | signs
        carried = digits >> _63
        while places:
            place = trailing_zeros(places)
            places &= places - _1
            at = base + np.int64(place)
            if count + 6 > len(out):
                return NO_ROOM
            if digits >> place & _1:
                if _may_begin(data, low, at, high):
                    count = _from_digits(data, low, at, high, row, first, count, groups, lookup, out)
            elif data[at] != _UNDERSCORE:
                count = _from_sign(data, low, at, high, row, first, count, lookup, out)
            if at >= token_end and data[at] != _AT:
                token_end = run_end(data, at, high, WORD)
                token = run_start(data, at, low, WORD)
                if token_end - token >= LEAST_TOKEN:
                    start, end = find_key(data, low, token, high, lookup.keys, lookup.shapes)
                    if end >= 0:
                        count = _put(out, first, count, row, start, end, KEY)
        base += 64
    return _settled(out, first, count)


@njit(nogil=True, cache=True)
def find(offsets, data, groups, lookup, out):
    """Find the stretches of personal data; gives how many there are, NO_ROOM if `out` has too little.

    offsets, data: `arrow.Strings` of n texts. groups: scratch, int64 (pii_phones.MOST_GROUPS, 3). lookup:
    `pii_signs.Lookup`. out: int64, shape (k, 4): the text, the bytes from and to, counted from the first text's first
    byte, and the kind; in order, not overlapping. Of those that would overlap the one that begins first stays, then
    the longest, then the first kind. k must be 6 more than there are before that.
    """
    count = 0
    base = offsets[0]
    for row in range(len(offsets) - 1):
        first = count
        count = _find(data, offsets[row], offsets[row + 1], row, first, groups, lookup, out)
        if count == NO_ROOM:
            return NO_ROOM
        for i in range(first, count):
            out[i, 1] -= base
            out[i, 2] -= base
    return count


@njit(nogil=True, cache=True)
def count(spans, out):
    """Count the stretches of each text by kind: out, int32 (n, 7) of zeros."""
    for i in range(len(spans)):
        out[spans[i, 0], spans[i, 3]] += 1


@njit(nogil=True, cache=True)
def with_marks(offsets, data, spans, mark_offsets, marks, out_offsets, out):
    """Copy texts with a mark of its kind in place of each stretch; gives how many characters these had.

    spans: as `find` gives them. mark_offsets, marks: a string for each kind. out_offsets: int64 (n + 1,). out: uint8,
    long enough.
    """
    base = offsets[0]
    span = to = characters = 0
    out_offsets[0] = 0
    for row in range(len(offsets) - 1):
        at = offsets[row]
        while span < len(spans) and spans[span, 0] == row:
            start, end, kind = spans[span, 1] + base, spans[span, 2] + base, spans[span, 3]
            to = copy(data, at, start, out, to)
            to = copy(marks, mark_offsets[kind], mark_offsets[kind + 1], out, to)
            for i in range(start, end):
                characters += data[i] & 0xC0 != 0x80
            at = end
            span += 1
        to = copy(data, at, offsets[row + 1], out, to)
        out_offsets[row + 1] = to
    return characters
