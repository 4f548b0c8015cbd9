"""Electronic mail addresses (RFC 5321, 5322 and 6531, as they are in use) and secret keys of well-known shapes."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.pii_signs import (
    ALNUM,
    BASE64,
    CLASSES,
    DIGIT,
    DOT,
    HYPHEN,
    LETTER,
    UNDERSCORE,
    UPPER,
    byte_at,
    is_of,
    run_end,
    run_start,
    starts_with,
)
from curate.kernels.pii_signs import WORD as TOKEN
from curate.kernels.substrings import character_start
from curate.kernels.unicode import SINGLE, WORD, decode, flag

MOST_LOCAL, MOST_LABEL, MOST_DOMAIN = 64, 63, 253
_AT, _DOT, _NEWLINE, _DOLLAR = ord("@"), ord("."), ord("\n"), ord("$")
_BEFORE_MARKS = 0x2000
_FNV_START = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
LEAST_TOKEN = 20
_LEAST_BLOCK, _LEAST_CLOSED = 32, 16
_MOST_BLOCK = 1 << 15
_BEGIN = np.frombuffer(b"-----BEGIN ", dtype=np.uint8)
_END = np.frombuffer(b"-----END ", dtype=np.uint8)
_PRIVATE = np.frombuffer(b"PRIVATE ", dtype=np.uint8)
_KEY = np.frombuffer(b"KEY-----", dtype=np.uint8)
_KEY_BLOCK = np.frombuffer(b"KEY BLOCK-----", dtype=np.uint8)
_JWT = np.frombuffer(b"eyJ", dtype=np.uint8)


@njit(nogil=True, cache=True)
def hash_label(data, start, end):
    """The hash of a label of a domain, ASCII letters in lower case (FNV-1a of 64 bits): uint64."""
    total = _FNV_START
    for i in range(start, end):
        byte = data[i]
        total = (total ^ np.uint64(byte | 0x20 if CLASSES[byte] & LETTER else byte)) * _FNV_PRIME
    return total


@njit(nogil=True, cache=True)
def hash_labels(offsets, data, out):
    """`hash_label` of each string: out, uint64 (n,)."""
    for i in range(len(out)):
        out[i] = hash_label(data, offsets[i], offsets[i + 1])


@njit(nogil=True, cache=True)
def _is_sign(byte):
    """Whether a sign other than a letter, digit or dot may stand in a local part here: % & ' + - _ ~"""
    return 37 <= byte <= 39 or byte == 43 or byte == 45 or byte == 95 or byte == 126


@njit(nogil=True, cache=True)
def _local_start(data, low, at, flags):
    """Where the local part before data[at], the `@`, starts; `at` if there is none.

    Letters beyond ASCII are of it in scripts that put spaces between words, but for Hangul.
    """
    first = at
    while first > low and at - first <= MOST_LOCAL:
        byte = data[first - 1]
        if byte < 128:
            dotted = byte == _DOT and first < at and data[first] != _DOT
            if not CLASSES[byte] & ALNUM and not _is_sign(byte) and not dotted:
                break
            first -= 1
        else:
            place = character_start(data, first - 1)
            code_point, _ = decode(data, place)
            of_word = flag(flags.pages, flags.leaves, code_point) & (WORD | SINGLE) == WORD
            if code_point >= _BEFORE_MARKS or not of_word:
                break
            first = place
    if at - first > MOST_LOCAL:
        return at
    while first < at and data[first] < 128 and not CLASSES[data[first]] & (ALNUM | UNDERSCORE):
        first += 1
    return first


@njit(nogil=True, cache=True)
def _label_end(data, at, high, flags):
    """The end of a label that starts at `at`, and whether it may be the last of a domain's but for its name.

    A label that begins with ASCII letters ends with what is ASCII.
    """
    ascii_start = is_of(byte_at(data, at, at, high), ALNUM)
    end = at
    while end < high and end - at <= MOST_LABEL:
        byte = data[end]
        if byte < 128:
            if not CLASSES[byte] & (ALNUM | HYPHEN):
                break
            end += 1
            continue
        code_point, length = decode(data, end)
        if not flag(flags.pages, flags.leaves, code_point) & WORD:
            break
        end += length
    plain = run_end(data, at, end, ALNUM | HYPHEN) if ascii_start else end
    return end, plain


@njit(nogil=True, cache=True)
def _is_domain(domains, value):
    place = np.searchsorted(domains, value)
    return place < len(domains) and domains[place] == value


@njit(nogil=True, cache=True)
def _domain_end(data, at, high, flags, domains):
    """The end of the longest domain of two labels or more that starts at `at` and ends in a top-level one; or -1."""
    found = -1
    first = at
    label = at
    while True:
        end, plain = _label_end(data, label, high, flags)
        if end == label or end - label > MOST_LABEL or data[label] == 45:
            return found
        last = plain if plain > label else end
        while last > label and data[last - 1] == 45:
            last -= 1
        if label > first and last - first <= MOST_DOMAIN and _is_domain(domains, hash_label(data, label, last)):
            found = last
        if data[end - 1] == 45 or byte_at(data, end, first, high) != _DOT or end - first > MOST_DOMAIN:
            return found
        label = end + 1


@njit(nogil=True, cache=True)
def find_email(data, low, at, high, flags, domains):
    """The start and end of the address around data[at], an `@`; -1, -1 if there is none."""
    first = _local_start(data, low, at, flags)
    if first == at or byte_at(data, first - 1, low, high) == _DOLLAR:
        return -1, -1
    end = _domain_end(data, at + 1, high, flags, domains)
    if end < 0 or byte_at(data, end, low, high) == _AT:
        return -1, -1
    return first, end


@njit(nogil=True, cache=True)
def _of_shape(data, at, high, shape):
    """The end of what follows a prefix if it is of a key's shape; -1 if not."""
    end = run_end(data, at, high, np.uint8(shape[0]))
    while shape[0] & DOT and end > at and data[end - 1] == _DOT:
        end -= 1
    if not shape[1] <= end - at <= shape[2] or is_of(byte_at(data, end, at, high), TOKEN):
        return -1
    if not shape[3]:
        return end
    for i in range(at, end):
        if CLASSES[data[i]] & DIGIT:
            return end
    return -1


@njit(nogil=True, cache=True)
def _web_token(data, at, high):
    """The end of the JSON Web Token (RFC 7519) that starts at `at`; -1 if none does."""
    end = at
    for part in range(3):
        if part < 2 and not starts_with(data, end, high, _JWT):
            return -1
        first = end
        end = run_end(data, first, high, TOKEN)
        if end - first < 10:
            return -1
        if part < 2:
            if byte_at(data, end, at, high) != _DOT:
                return -1
            end += 1
    return end


@njit(nogil=True, cache=True)
def find_key(data, low, at, high, keys, shapes):
    """The start and end of the key in the token that starts at `at`; -1, -1 for none.

    A token is a run of LEAST_TOKEN or more ASCII letters, digits, `_` and `-`; a key stands at its start, or begins
    with a token before it and a dot.
    """
    start = first = at
    if byte_at(data, start - 1, low, high) == _DOT:
        first = run_start(data, start - 1, max(low, start - 8), TOKEN)
    found = _web_token(data, start, high)
    for i in range(len(shapes)):
        prefix = keys.data[keys.offsets[i] : keys.offsets[i + 1]]
        place = first if prefix[-1] == _DOT else start
        if found < 0 and starts_with(data, place, high, prefix):
            found = _of_shape(data, place + len(prefix), high, shapes[i])
            start = place if found >= 0 else start
    return start if found >= 0 else -1, found


@njit(nogil=True, cache=True)
def _lines_end(data, at, high):
    """The end of the lines from `at` on that are nothing but base64."""
    end = at
    while at < high and (data[at] == _NEWLINE or data[at] == 13):
        at += 1
        stop = run_end(data, at, high, ALNUM | BASE64)
        if stop - at >= 16 and (stop == high or data[stop] == _NEWLINE or data[stop] == 13):
            end = at = stop
    return end


@njit(nogil=True, cache=True)
def _block_end(data, at, high):
    """The end of the block whose first line ends at `at`: with its END line, or with its base64; -1 without content."""
    limit = min(high, at + _MOST_BLOCK)
    letters = 0
    place = at
    while place < limit:
        letters += CLASSES[data[place]] & (ALNUM | BASE64) != 0
        if data[place] == 45 and starts_with(data, place, limit, _BEGIN):
            break
        if data[place] == 45 and starts_with(data, place, limit, _END):
            end = run_end(data, place + len(_END), limit, UPPER | DIGIT)
            while byte_at(data, end, at, limit) == 0x20:
                end = run_end(data, end + 1, limit, UPPER | DIGIT)
            closed = starts_with(data, end, limit, _END[:5])
            return end + 5 if closed and letters >= _LEAST_CLOSED else -1
        place += 1
    end = _lines_end(data, at, high)
    return end if end - at >= _LEAST_BLOCK else -1


@njit(nogil=True, cache=True)
def find_private_key(data, low, at, high):
    """The start and end of the block (RFC 7468, RFC 4880) in whose first line data[at] is the K of KEY; or -1, -1.

    The block goes up to its END line or, where that is missing, as far as lines of base64 do.
    """
    if at - len(_PRIVATE) < low or not starts_with(data, at - len(_PRIVATE), high, _PRIVATE):
        return -1, -1
    if starts_with(data, at, high, _KEY):
        end = at + len(_KEY)
    elif starts_with(data, at, high, _KEY_BLOCK):
        end = at + len(_KEY_BLOCK)
    else:
        return -1, -1
    start = at - len(_PRIVATE)
    while start > low and at - start < 64 and (CLASSES[data[start - 1]] & (UPPER | DIGIT) or data[start - 1] == 0x20):
        start -= 1
    start -= 5
    if start < low or not starts_with(data, start, high, _BEGIN):
        return -1, -1
    end = _block_end(data, end, high)
    return (start, end) if end >= 0 else (-1, -1)
