"""Telephone numbers: groups of digits whose lengths, joints and surroundings are those of telephone numbers.

A number is read as groups of digits with joints between: `)`, then a mark (hyphen, dot, slash) with a space or none
on either side, or a space, then `(`. It is one by what it is made of:

- international (ITU-T E.164): `+` or `00`, an assigned calling code, as many digits as its countries use;
- North American: 3-3-4 with marks or an area code in parentheses, `1` before it or not;
- with a trunk zero: 9 to 11 digits in two to five groups, as most of Europe, Asia, Africa and Oceania write them;
- an area code in parentheses, 9 to 11 digits in all; Chinese mobile numbers; Russian ones with their 8 or 7;
- any other 7 to 15 digits which a word such as "phone" stands before.

Dates, and what goes on like a longer number, are none.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.pii_signs import ALNUM, CLASSES, DIGIT, UNDERSCORE, byte_at, cued, is_of

MOST_GROUPS = 9
WHITE, HYPHEN, FULL_STOP, SLASH = np.int64(1), np.int64(2), np.int64(3), np.int64(4)
MARK = np.int64(7)
SPACED, CLOSES, OPENS = np.int64(8), np.int64(16), np.int64(32)
"""A joint is WHITE, HYPHEN, FULL_STOP, SLASH or 0 for nothing, and or-ed with it whether there are spaces around a
mark, whether a parenthesis closes before it, and whether one opens after it."""
_REACH = 28
LEAST_DIGITS = 7
_OPEN, _CLOSE, _PLUS, _ZERO = ord("("), ord(")"), ord("+"), ord("0")


@njit(nogil=True, cache=True)
def _white(data, at, high):
    """The length of the space that starts at `at`: of ASCII, U+00A0 or U+202F; 0 for none."""
    byte = byte_at(data, at, at, high)
    if byte == 0x20:
        return 1
    if byte == 0xC2 and byte_at(data, at + 1, at, high) == 0xA0:
        return 2
    narrow = byte == 0xE2 and byte_at(data, at + 1, at, high) == 0x80 and byte_at(data, at + 2, at, high) == 0xAF
    return 3 if narrow else 0


@njit(nogil=True, cache=True)
def _mark(data, at, high):
    """The mark that starts at `at` and its length: of ASCII or U+2010 to U+2013; 0 for none."""
    byte = byte_at(data, at, at, high)
    if byte == ord("-"):
        return HYPHEN, 1
    if byte == ord("."):
        return FULL_STOP, 1
    if byte == ord("/"):
        return SLASH, 1
    if byte == 0xE2 and byte_at(data, at + 1, at, high) == 0x80 and 0x90 <= byte_at(data, at + 2, at, high) <= 0x93:
        return HYPHEN, 3
    return np.int64(0), 0


@njit(nogil=True, cache=True)
def read_joint(data, at, high):
    """The joint that starts at `at` and the place after it; that place is `at` when no digit follows."""
    first = at
    kind = np.int64(0)
    if byte_at(data, at, at, high) == _CLOSE:
        kind |= CLOSES
        at += 1
    white = _white(data, at, high)
    mark, length = _mark(data, at + white, high)
    at += white + length
    if mark:
        after = _white(data, at, high)
        at += after
        kind |= mark | (SPACED if white + after else 0)
    elif white:
        kind |= WHITE
    if byte_at(data, at, first, high) == _OPEN:
        kind |= OPENS
        at += 1
    return kind, at if is_of(byte_at(data, at, first, high), DIGIT) else first


@njit(nogil=True, cache=True)
def read_groups(data, at, high, groups):
    """Read groups of digits from `at` on: start, end and the joint after each; gives how many there are.

    groups: int64 (MOST_GROUPS, 3). The joint of a last group after which none follows is -1. What is longer than
    18 digits ends the reading before it.
    """
    count = digits = 0
    while count < MOST_GROUPS:
        end = at
        while end < high and end - at < 20 and CLASSES[data[end]] & DIGIT:
            end += 1
        digits += end - at
        if digits > 18:
            break
        kind, following = read_joint(data, end, high)
        groups[count, 0], groups[count, 1] = at, end
        groups[count, 2] = kind if following > end else -1
        count += 1
        if following == end:
            break
        at = following
    return count


@njit(nogil=True, cache=True)
def _size(groups, k):
    return groups[k, 1] - groups[k, 0]


@njit(nogil=True, cache=True)
def _digits(groups, first, end):
    total = 0
    for k in range(first, end):
        total += _size(groups, k)
    return total


@njit(nogil=True, cache=True)
def _number(data, groups, k):
    value = np.int64(0)
    for i in range(groups[k, 0], groups[k, 1]):
        value = value * 10 + data[i] - 48
    return value


@njit(nogil=True, cache=True)
def _lengths(groups, first, end):
    """The lengths of groups as one number: 334 for 3-3-4."""
    value = np.int64(0)
    for k in range(first, end):
        value = value * 10 + min(_size(groups, k), 9)
    return value


@njit(nogil=True, cache=True)
def _alike(groups, count):
    """The joint that is between all groups; -1 if they differ."""
    for k in range(1, count - 1):
        if groups[k, 2] != groups[0, 2]:
            return np.int64(-1)
    return groups[0, 2]


@njit(nogil=True, cache=True)
def _ends(data, low, high, groups, count):
    """Whether a number may end with group `count - 1`: not before a letter or what goes on like the same number."""
    at = groups[count - 1, 1]
    after = byte_at(data, at, low, high)
    if is_of(after, ALNUM | UNDERSCORE) and not ((after | 0x20) == ord("x") and count > 1):
        return False
    if after == ord("@") or after == ord("%"):
        return False
    if (after == ord(":") or after == ord(",")) and is_of(byte_at(data, at + 1, low, high), DIGIT):
        return False
    joint = groups[count - 1, 2]
    if joint < 0:
        return True
    if joint & CLOSES or joint & MARK != WHITE:
        return joint & CLOSES == 0 and joint & SPACED != 0 and joint & MARK != FULL_STOP
    return joint & OPENS != 0 or _alike(groups, count) != WHITE


@njit(nogil=True, cache=True)
def _is_year(value):
    return 1900 <= value < 2100


@njit(nogil=True, cache=True)
def _is_date(data, groups, count):
    """Whether the groups begin as a date does, or are years."""
    if count < 2:
        return False
    lengths = _lengths(groups, 0, min(count, 3))
    if _size(groups, 0) == 4 and _is_year(_number(data, groups, 0)) and (count == 2 or _size(groups, 1) <= 2):
        return True
    if count < 3:
        return False
    short = lengths == 224 or lengths == 124 or lengths == 214 or lengths == 114
    return (
        short
        and _number(data, groups, 0) <= 31
        and _number(data, groups, 1) <= 31
        and _is_year(_number(data, groups, 2))
    )


@njit(nogil=True, cache=True)
def _calls(data, groups, skipped, count, calling):
    """Whether the digits after `skipped` ones are a calling code and as many digits as it is followed by.

    A zero in parentheses is not counted.
    """
    code = np.int64(0)
    code_size = digits = 0
    least = most = np.int64(0)
    for k in range(count):
        trunk = k > 0 and _size(groups, k) == 1 and data[groups[k, 0]] == _ZERO
        if trunk and groups[k - 1, 2] & OPENS and groups[k, 2] > 0 and groups[k, 2] & CLOSES:
            continue
        for i in range(groups[k, 0], groups[k, 1]):
            if skipped:
                skipped -= 1
            elif least:
                digits += 1
            elif code_size < 3:
                code = code * 10 + data[i] - 48
                code_size += 1
                if code:
                    least, most = calling[code, 0], calling[code, 1]
                if code == 0:
                    return False
    return least > 0 and least <= digits <= most


@njit(nogil=True, cache=True)
def _is_american(data, groups, first, count, parenthesis):
    """Whether groups from `first` on are an area code, an exchange and a line.

    No zero or one begins the first, no zero the second: no exchange begins with a one, but those of examples do.
    """
    if count - first != 3 or _lengths(groups, first, count) != 334:
        return False
    if data[groups[first, 0]] < 50 or data[groups[first + 1, 0]] < 49:
        return False
    one, two = groups[first, 2], groups[first + 1, 2]
    if parenthesis:
        return one & CLOSES != 0 and not (one | two) & OPENS and not two & CLOSES and two & MARK not in (0, SLASH)
    if two & (CLOSES | OPENS | SPACED) or two & MARK == WHITE or two & MARK == SLASH or two & MARK == 0:
        return False
    return one in (two, SLASH)


@njit(nogil=True, cache=True)
def _is_trunk(data, groups, count, parenthesis):
    """Whether the groups begin with a zero and another digit and are made as national numbers with one."""
    first = groups[0, 0]
    if _size(groups, 0) < 2 or _size(groups, 0) > 5 or data[first] != _ZERO or data[first + 1] == _ZERO:
        return False
    if not 9 <= _digits(groups, 0, count) <= 11 or _is_date(data, groups, count) or not 2 <= count <= 5:
        return False
    for k in range(1, count):
        if not 2 <= _size(groups, k) <= 8:
            return False
    for k in range(count - 1):
        joint = groups[k, 2]
        if k == 0 and parenthesis:
            joint &= ~CLOSES
        elif k and (joint & SPACED or joint & MARK == SLASH):
            return False
        if joint & (CLOSES | OPENS):
            return False
    lengths = _lengths(groups, 0, count)
    if _alike(groups, count) == FULL_STOP and (count == 2 or lengths == 333):
        return False
    return count < 5 or lengths == 22222


@njit(nogil=True, cache=True)
def _is_area(data, groups, count):
    """Whether the groups are an area code in parentheses, not a year, and the rest of a number."""
    if not 2 <= count <= 4 or not groups[0, 2] & CLOSES or not 2 <= _size(groups, 0) <= 5:
        return False
    if not 9 <= _digits(groups, 0, count) <= 11 or (_size(groups, 0) == 4 and _is_year(_number(data, groups, 0))):
        return False
    for k in range(count - 1):
        joint = groups[k, 2] & ~(CLOSES if k == 0 else 0)
        if joint & (CLOSES | OPENS) or joint & MARK == SLASH or (joint & MARK == FULL_STOP and k == 0):
            return False
        if not 2 <= _size(groups, k + 1) <= 9:
            return False
    return True


@njit(nogil=True, cache=True)
def _is_mobile_or_russian(data, groups, count):
    lengths = _lengths(groups, 0, count)
    first = data[groups[0, 0]]
    alike = _alike(groups, count)
    if count == 3 and lengths == 344:
        return first == 49 and data[groups[0, 0] + 1] >= 51 and alike in (WHITE, HYPHEN)
    if count == 5 and lengths == 13322 and (first == 55 or first == 56):
        area = data[groups[1, 0]]
        return area == 51 or area == 52 or area == 56 or area == 57
    return False


@njit(nogil=True, cache=True)
def _is_national(data, groups, count, parenthesis, calling):
    """Whether the groups are a number by their own shape."""
    first = groups[0, 0]
    if _is_trunk(data, groups, count, parenthesis) or _is_american(data, groups, 0, count, parenthesis):
        return True
    if parenthesis:
        return _is_area(data, groups, count)
    if count == 4 and _size(groups, 0) == 1 and data[first] == 49 and groups[0, 2] & MARK:
        opened = groups[0, 2] & OPENS != 0
        if not groups[0, 2] & (CLOSES | SPACED) and _is_american(data, groups, 1, count, opened):
            return True
    if count > 1 and _size(groups, 0) > 2 and data[first] == _ZERO and data[first + 1] == _ZERO:
        return _calls(data, groups, 2, count, calling)
    return _is_mobile_or_russian(data, groups, count)


@njit(nogil=True, cache=True)
def _is_any(data, groups, count):
    """Whether groups may be a number where a word says so."""
    if not 7 <= _digits(groups, 0, count) <= 15 or _is_date(data, groups, count):
        return False
    dots = count > 1
    for k in range(count):
        if (k and _size(groups, k) < 2) or _size(groups, k) > 12:
            return False
        if k < count - 1:
            if groups[k, 2] & MARK == SLASH and (k or data[groups[0, 0]] != _ZERO):
                return False
            dots = dots and groups[k, 2] == FULL_STOP
    return not dots or 3 <= count != 4


@njit(nogil=True, cache=True)
def _begins(data, low, at, groups):
    """Whether a number may begin at `at`."""
    before = byte_at(data, at - 1, low, at)
    if is_of(before, ALNUM | UNDERSCORE) or (before != 0 and _is_glue(before)):
        return False
    if before == ord(":") and is_of(byte_at(data, at - 2, low, at), DIGIT):
        return False
    return before != 0x20 or not is_of(byte_at(data, at - 2, low, at), DIGIT) or _alike(groups, 2) != WHITE


@njit(nogil=True, cache=True)
def _is_glue(byte):
    """Whether what stands after this sign belongs to it: + - . / , # $ @ * % &"""
    return byte == 43 or 44 <= byte <= 47 or 35 <= byte <= 38 or byte == 64 or byte == 42


@njit(nogil=True, cache=True)
def find_phone(data, low, at, high, groups, lookup):
    """The start and end of the telephone number whose digits start at `at`; -1, -1 if none does.

    groups: scratch, int64 (MOST_GROUPS, 3). lookup: `pii_signs.Lookup`.
    """
    before = byte_at(data, at - 1, low, high)
    if is_of(before, ALNUM | UNDERSCORE):
        return -1, -1
    parenthesis = before == _OPEN
    start = at - 1 if parenthesis else at
    plus = byte_at(data, start - 1, low, high) == _PLUS
    count = read_groups(data, at, high, groups)
    if plus:
        return _international(data, low, start - 1, high, groups, count, lookup.calling)
    if count == 0 or _digits(groups, 0, count) < LEAST_DIGITS or not _begins(data, low, start, groups):
        return -1, -1
    parenthesis = parenthesis and groups[0, 2] > 0 and groups[0, 2] & CLOSES != 0
    for n in range(min(count, 6), 1, -1):
        if _is_national(data, groups, n, parenthesis, lookup.calling) and _ends(data, low, high, groups, n):
            return start if parenthesis else at, groups[n - 1, 1]
    for n in range(count, 0, -1):
        if _is_any(data, groups, n) and _ends(data, low, high, groups, n):
            if cued(data, low, start, lookup.phones, _REACH, False):
                return start if parenthesis else at, groups[n - 1, 1]
            break
    return -1, -1


@njit(nogil=True, cache=True)
def _international(data, low, plus, high, groups, count, calling):
    before = byte_at(data, plus - 1, low, high)
    if is_of(before, ALNUM | UNDERSCORE) or before == _PLUS:
        return -1, -1
    for n in range(count, 0, -1):
        if _calls(data, groups, 0, n, calling) and _ends(data, low, high, groups, n):
            closes = groups[0, 2] > 0 and groups[0, 2] & CLOSES and n > 1 and before == _OPEN
            return plus - 1 if closes else plus, groups[n - 1, 1]
    return -1, -1
