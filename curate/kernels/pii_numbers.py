"""Internet addresses, bank accounts and cards: numbers that can be told from others by arithmetic.

RFC 791, RFC 4291 and IANA's registries of special-purpose addresses; ISO 13616 (IBAN) and ISO 7064 (mod 97);
ISO/IEC 7812 (cards; Luhn 1960).
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.pii_signs import ALNUM, CLASSES, DIGIT, DOT, HEX, HYPHEN, LETTER, UNDERSCORE, byte_at, cued, is_of

_DOT, _COLON, _SLASH, _HYPHEN, _SPACE = ord("."), ord(":"), ord("/"), ord("-"), ord(" ")
_REACH = 20


@njit(nogil=True, cache=True)
def _octets(data, at, high):
    """The value of four decimal numbers from 0 to 255 with dots between and no leading zeros, and their end; or -1."""
    value = np.int64(0)
    for i in range(4):
        if i:
            if byte_at(data, at, at, high) != _DOT:
                return np.int64(-1), at
            at += 1
        first = at
        number = np.int64(0)
        while at < high and at - first < 4 and CLASSES[data[at]] & DIGIT:
            number = number * 10 + data[at] - 48
            at += 1
        if at == first or number > 255 or at - first > 3 or (data[first] == 48 and at - first > 1):
            return np.int64(-1), at
        value = value << 8 | number
    return value, at


@njit(nogil=True, cache=True)
def _is_public(value):
    """Whether an IPv4 address is anybody's: not private, reserved, multicast, for documents or tests."""
    a, b, c = value >> 24, value >> 16 & 255, value >> 8 & 255
    if a == 0 or a == 10 or a == 127 or a >= 224:
        return False
    if (a == 100 and 64 <= b < 128) or (a == 169 and b == 254) or (a == 172 and 16 <= b < 32):
        return False
    if a == 192 and (b == 168 or (b == 0 and (c == 0 or c == 2)) or (b == 88 and c == 99)):
        return False
    if (a == 198 and (b == 18 or b == 19)) or (a == 198 and b == 51 and c == 100) or (a == 203 and b == 0 and c == 113):
        return False
    return value & 0xFFFFFF != 0


@njit(nogil=True, cache=True)
def _is_told(data, low, at, end, high, hosts):
    """Whether what stands around a number says that it is an address: a word, `//` or `@` before, `:` or `/` after."""
    before, after = byte_at(data, at - 1, low, high), byte_at(data, end, low, high)
    if after in (_COLON, _SLASH) and is_of(byte_at(data, end + 1, low, high), DIGIT):
        return True
    return before == _SLASH or before == ord("@") or cued(data, low, at, hosts, _REACH, False)


@njit(nogil=True, cache=True)
def find_ipv4(data, low, at, high, versions, hosts):
    """The end of the public IPv4 address whose digits start at `at`; -1 if none does.

    No address: part of a longer dotted number or of a name, what a letter and a slash stand before
    (`Chrome/4.0.249.0`) or a letter and a hyphen, and what a word such as "version" stands right before. Nor, as
    versions and sections are mostly made so and few addresses are, one whose first three numbers are below 32
    and not all four equal, where nothing says that it is an address.
    """
    before = byte_at(data, at - 1, low, high)
    if is_of(before, ALNUM | UNDERSCORE | DOT):
        return -1
    if before in (_SLASH, _HYPHEN) and is_of(byte_at(data, at - 2, low, high), LETTER | UNDERSCORE):
        return -1
    value, end = _octets(data, at, high)
    if value < 0 or not _is_public(value):
        return -1
    after = byte_at(data, end, low, high)
    following = byte_at(data, end + 1, low, high)
    if is_of(after, ALNUM | UNDERSCORE) or (after == _DOT and is_of(following, ALNUM)):
        return -1
    if after == _HYPHEN and is_of(following, LETTER):
        return -1
    doubtful = value & 0xE0E0E000 == 0 and value != (value & 255) * 0x01010101
    if doubtful and not _is_told(data, low, at, end, high, hosts):
        return -1
    return -1 if cued(data, low, at, versions, _REACH, True) else end


@njit(nogil=True, cache=True)
def find_ipv6(data, low, at, high):
    """The end of the public IPv6 address that starts at `at`, of three groups at least; -1 if none does.

    Public: in 2000::/3, and not in 2001::/23, 2001:db8::/32, 2002::/16 or 3fff::/20.
    """
    before = byte_at(data, at - 1, low, high)
    if is_of(before, ALNUM | UNDERSCORE) or before in (_COLON, _DOT):
        return -1
    groups, gap, end = 0, -1, at
    first = second = np.int64(0)
    while True:
        start = end
        value = np.int64(0)
        while end < high and end - start < 5 and CLASSES[data[end]] & HEX:
            byte = data[end]
            value = value << 4 | (byte - 48 if byte < 58 else (byte | 0x20) - 87)
            end += 1
        if end == start or end - start > 4:
            return -1
        if groups == 0:
            if end - start < 4:
                return -1
            first = value
        elif groups == 1 and gap < 0:
            second = value
        groups += 1
        if byte_at(data, end, low, high) != _COLON:
            break
        if byte_at(data, end + 1, low, high) == _COLON:
            if gap >= 0:
                return -1
            gap = groups
            end += 2
            if not is_of(byte_at(data, end, low, high), HEX):
                break
        elif is_of(byte_at(data, end + 1, low, high), HEX):
            end += 1
        else:
            break
        if groups == 8:
            return -1
    after = byte_at(data, end, low, high)
    if is_of(after, ALNUM | UNDERSCORE) or (after == _COLON and byte_at(data, end + 1, low, high) == _COLON):
        return -1
    if groups < 3 or groups > 8 or (gap < 0) != (groups == 8):
        return -1
    special = first == 0x2001 and (second < 0x200 or second == 0xDB8)
    if first >> 13 != 1 or special or first == 0x2002 or (first == 0x3FFF and second < 0x1000):
        return -1
    return end


@njit(nogil=True, cache=True)
def find_iban(data, low, at, high, lengths):
    """The end of the IBAN whose two letters start at `at`, in one piece or with single spaces; -1 if none does."""
    if is_of(byte_at(data, at - 1, low, high), ALNUM | UNDERSCORE):
        return -1
    country = (np.int64(data[at]) - 65) * 26 + np.int64(data[at + 1]) - 65
    length = lengths[country]
    end, count = at, 0
    total = np.int64(0)
    while count < length:
        if end >= high:
            return -1
        byte = data[end]
        if byte == _SPACE and count and data[end - 1] != _SPACE:
            end += 1
            continue
        if not CLASSES[byte] & ALNUM or byte >= 97:
            return -1
        if count >= 4:
            total = _joined(total, byte)
        count += 1
        end += 1
    if length == 0 or is_of(byte_at(data, end, low, high), ALNUM | UNDERSCORE):
        return -1
    for i in range(4):
        total = _joined(total, data[at + i])
    return end if total == 1 else -1


@njit(nogil=True, cache=True)
def _joined(total, byte):
    """The remainder by 97 of a number that a digit, or a letter as 10 to 35, is written behind."""
    if byte < 58:
        return (total * 10 + byte - 48) % 97
    return (total * 100 + byte - 55) % 97


@njit(nogil=True, cache=True)
def _is_issued(first, count):
    """Whether a card of so many digits may begin with these six."""
    four, three, two = first // 100, first // 1000, first // 10000
    if count == 16 and (two // 10 == 4 or 51 <= two <= 55 or 2221 <= four <= 2720 or 3528 <= four <= 3589):
        return True
    if count == 15:
        return two == 34 or two == 37
    if count == 14:
        return 300 <= three <= 305 or two == 36 or two == 38 or two == 39
    if 16 <= count <= 19:
        return four == 6011 or 644 <= three <= 649 or two == 65 or two == 62 or (count == 19 and two // 10 == 4)
    return False


@njit(nogil=True, cache=True)
def find_card(data, low, at, high):
    """The end of the card number whose digits start at `at`; -1 if none does.

    In one piece, or with one sign, spaces or hyphens, between groups of 4-4-4-4, 4-4-4-4-3, 4-6-5 or 4-6-4; a digit
    of an issuer in front and Luhn's check digit at the end.
    """
    before = byte_at(data, at - 1, low, high)
    if is_of(before, ALNUM | UNDERSCORE | DOT | HYPHEN):
        return -1
    sign = byte_at(data, at + 4, low, high)
    grouped = sign in (_SPACE, _HYPHEN)
    if grouped and before == sign and is_of(byte_at(data, at - 2, low, high), DIGIT):
        return -1
    end, count, shape, group = at, 0, np.int64(0), 0
    first = np.int64(0)
    while end < high and count < 20:
        if CLASSES[data[end]] & DIGIT:
            if count < 6:
                first = first * 10 + data[end] - 48
            count += 1
            group += 1
        elif grouped and data[end] == sign and is_of(byte_at(data, end + 1, low, high), DIGIT):
            shape = shape * 10 + min(group, 9)
            group = 0
        else:
            break
        end += 1
    shape = shape * 10 + min(group, 9)
    if grouped and shape != 4444 and shape != 44443 and shape != 465 and shape != 464:
        return -1
    after = byte_at(data, end, low, high)
    if not _is_issued(first, count) or is_of(after, ALNUM | UNDERSCORE):
        return -1
    if after in (_DOT, _HYPHEN) and is_of(byte_at(data, end + 1, low, high), ALNUM):
        return -1
    return end if _luhn(data, at, end) else -1


@njit(nogil=True, cache=True)
def _luhn(data, at, end):
    total, place = 0, 0
    for i in range(end - 1, at - 1, -1):
        if CLASSES[data[i]] & DIGIT:
            digit = np.int64(data[i]) - 48
            if place & 1:
                digit = digit * 2 - 9 * (digit > 4)
            total += digit
            place += 1
    return total % 10 == 0
