"""Signs around personal data: classes of ASCII bytes, words right before a place, and what the kernels look up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.unicode import Table

DIGIT = np.uint8(1)
LETTER = np.uint8(2)
UPPER = np.uint8(4)
HEX = np.uint8(8)
UNDERSCORE = np.uint8(16)
HYPHEN = np.uint8(32)
DOT = np.uint8(64)
BASE64 = np.uint8(128)
"""Classes of `CLASSES`: letters are ASCII's, BASE64 is `+/=` alone."""
ALNUM = DIGIT | LETTER
WORD = ALNUM | UNDERSCORE | HYPHEN


def _classes() -> np.ndarray:
    found = np.zeros(256, dtype=np.uint8)
    found[list(b"0123456789")] |= DIGIT
    found[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] |= LETTER
    found[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")] |= UPPER
    found[list(b"0123456789abcdefABCDEF")] |= HEX
    found[ord("_")] |= UNDERSCORE
    found[ord("-")] |= HYPHEN
    found[ord(".")] |= DOT
    found[list(b"+/=")] |= BASE64
    return found


CLASSES = _classes()
_CASE = np.uint8(0x20)


class Words(NamedTuple):
    """Strings: number i is data[offsets[i]:offsets[i + 1]]; ASCII letters in lower case where case does not count."""

    offsets: np.ndarray
    data: np.ndarray


class Lookup(NamedTuple):
    """What the kernels of personal data look up; `algorithms.pii_tables` fills it.

    flags: `unicode.flags()`. domains: uint64, sorted hashes of the top-level domains. iban: int64 (676,), the length of
    a country's, by its two letters in base 26, 0 for none. calling: int64 (1000, 2), the fewest and the most digits
    that follow a calling code, 0 for none. phones, versions, hosts: words before such numbers. keys: prefixes of keys;
    shapes: int64 (n, 4): the classes of bytes that follow, the fewest and the most of them, and whether one must be a
    digit.
    """

    flags: Table
    domains: np.ndarray
    iban: np.ndarray
    calling: np.ndarray
    phones: Words
    versions: Words
    hosts: Words
    keys: Words
    shapes: np.ndarray


@njit(nogil=True, cache=True)
def byte_at(data, at, low, high):
    """data[at], or 0 outside low:high."""
    return data[at] if low <= at < high else np.uint8(0)


@njit(nogil=True, cache=True)
def is_of(byte, classes):
    """Whether a byte is of one of the classes."""
    return CLASSES[byte] & classes != 0


@njit(nogil=True, cache=True)
def run_end(data, at, high, classes):
    """The end of the run of bytes of some classes that starts at `at`."""
    while at < high and CLASSES[data[at]] & classes:
        at += 1
    return at


@njit(nogil=True, cache=True)
def run_start(data, at, low, classes):
    """The start of the run of bytes of some classes that ends at `at`."""
    while at > low and CLASSES[data[at - 1]] & classes:
        at -= 1
    return at


@njit(nogil=True, cache=True)
def starts_with(data, at, high, word):
    """Whether the bytes from `at` on begin with a word."""
    if high - at < len(word):
        return False
    i = 0
    while i < len(word) and data[at + i] == word[i]:
        i += 1
    return i == len(word)


@njit(nogil=True, cache=True)
def _is_word(data, at, high, word):
    """Whether a word begins at `at`, its ASCII letters in either case."""
    if high - at < len(word):
        return False
    for i in range(len(word)):
        byte = data[at + i]
        if (byte | _CASE if CLASSES[byte] & LETTER else byte) != word[i]:
            return False
    return True


@njit(nogil=True, cache=True)
def _is_letter(byte):
    """Whether a byte is an ASCII letter or of a character beyond ASCII."""
    return byte >= 0x80 or CLASSES[byte] & LETTER != 0


@njit(nogil=True, cache=True)
def cued(data, low, at, words, reach, adjacent):
    """Whether one of some words stands in the `reach` bytes before `at`, with neither a digit nor a newline between.

    A word stands apart from letters around, but for those of scripts that need not put spaces between words, and may be
    the end of a compound when it has seven bytes or more. adjacent: and no ASCII letter between.
    """
    first = at
    while first > low and at - first < reach and data[first - 1] != 10 and not CLASSES[data[first - 1]] & DIGIT:
        first -= 1
    for place in range(at - 2, first - 1, -1):
        for i in range(len(words.offsets) - 1):
            word = words.data[words.offsets[i] : words.offsets[i + 1]]
            if _is_word(data, place, at, word):
                end = place + len(word)
                apart = word[0] >= 0xE0 or place == low or len(word) >= 7 or not _is_letter(data[place - 1])
                if apart and (word[0] >= 0xE0 or end == at or not _is_letter(data[end])):
                    return True
        if adjacent and is_of(data[place], LETTER) and not is_of(byte_at(data, place - 1, first, at), LETTER):
            return False
    return False
