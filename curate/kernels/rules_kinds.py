"""Characters of a text by kind."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels import rules_fields as fields
from curate.kernels.bits import kind_masks, ones
from curate.kernels.rules_characters import CAPITAL, DECIMAL, LETTER, SPACE, SYMBOL, bits
from curate.kernels.unicode import decode

_FULL_STOP = 46
_ELLIPSIS = 0x2026
_1 = np.uint64(1)
_63 = np.uint64(63)


@njit(nogil=True, cache=True, _nrt=False)
def count_kinds(data, start, end, characters, row):
    """Characters by kind, number signs and ellipses: 64 bytes of ASCII at once."""
    at, dots = start, 0
    while at < end:
        if at + 64 <= end:
            high, letters, digits, capitals, spaces, hashes, stops = kind_masks(data, np.uint64(at))
            if not (high or stops & (stops >> _1) or (dots and stops & _1)):
                row[fields.CHARACTERS] += 64
                row[fields.LETTERS] += np.int64(ones(letters))
                row[fields.DIGITS] += np.int64(ones(digits))
                row[fields.CAPITALS] += np.int64(ones(capitals))
                row[fields.SPACES] += np.int64(ones(spaces))
                row[fields.SYMBOLS] += np.int64(ones(~(letters | digits | spaces)))
                row[fields.HASHES] += np.int64(ones(hashes))
                dots = np.int64(stops >> _63)
                at += 64
                continue
        at, dots = _count_each(data, at, min(at + 64, end), dots, characters, row)


@njit(nogil=True, cache=True, _nrt=False)
def _count_each(data, at, end, dots, characters, row):
    """`count_kinds` of the characters that begin from `at` to `end`; gives the end of the last and its full stops."""
    letters, digits, capitals, spaces, symbols, hashes, ellipses, number = 0, 0, 0, 0, 0, 0, 0, 0
    while at < end:
        byte = data[at]
        if byte < 128:
            flags = characters[byte]
            at += 1
            hashes += byte == 35
            dots = dots + 1 if byte == _FULL_STOP else 0
            if dots == 3:
                ellipses += 1
                dots = 0
        else:
            code_point, length = decode(data, at)
            flags = bits(characters, code_point)
            at += length
            dots = 0
            ellipses += code_point == _ELLIPSIS
        number += 1
        letters += flags & LETTER != 0
        digits += flags & DECIMAL != 0
        capitals += flags & CAPITAL != 0
        spaces += flags & SPACE != 0
        symbols += flags & SYMBOL != 0
    row[fields.CHARACTERS] += number
    row[fields.LETTERS] += letters
    row[fields.DIGITS] += digits
    row[fields.CAPITALS] += capitals
    row[fields.SPACES] += spaces
    row[fields.SYMBOLS] += symbols
    row[fields.HASHES] += hashes
    row[fields.ELLIPSES] += ellipses
    return at, dots
