"""Words as leaks of benchmarks are looked for by them.

Words are those of `kernels.words`, changed so that spelling counts less: an apostrophe within a word is as if it were
not there, underscores around one go, and any number, in digits or English words, with all that follow it
(also behind "and" or "point"), is one token NUMBER whatever it says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.words import Tables, hash_words

NUMBER = np.uint64(0x6E756D626572)
"""The hash of the token that stands for numbers."""

_JOINED = 64
_UNDERSCORE = 95
_0 = np.uint64(0)


class Spelling(NamedTuple):
    """How words are read.

    tables: of `words`. letters, starts: number words, word i being letters[starts[i]:starts[i + 1]]. groups: int64,
    shape (32, 32, 2), from which to which word those are that begin with two letters, by the last five bits of each,
    the longest first. joining: the hashes of words that stand between two parts of a number, ascending.
    """

    tables: Tables
    letters: np.ndarray
    starts: np.ndarray
    groups: np.ndarray
    joining: np.ndarray


@njit(nogil=True, cache=True)
def _contains(ascending, value):
    low, high = 0, len(ascending)
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(ascending) and ascending[low] == value


@njit(nogil=True, cache=True)
def _number_word(data, at, end, spelling):
    """The end of the longest number word that stands there in ASCII, or `at`; end - at: 2 or more."""
    group = spelling.groups[data[at] & 31, data[at + 1] & 31]
    for i in range(group[0], group[1]):
        first, last = spelling.starts[i], spelling.starts[i + 1]
        k = first
        while k < last and at + k - first < end and data[at + k - first] | 32 == spelling.letters[k]:
            k += 1
        if k == last:
            return at + last - first
    return at


@njit(nogil=True, cache=True)
def _is_number(data, at, end, spelling):
    """Whether a word is digits and number words alone, such as 12, twenty and twentyfive."""
    while at < end:
        if 48 <= data[at] <= 57:
            at += 1
            continue
        after = _number_word(data, at, end, spelling) if end - at > 2 else at
        if after == at:
            return False
        at = after
    return True


@njit(nogil=True, cache=True)
def _apostrophe(data, at, end):
    """Whether one apostrophe is all that stands there."""
    if end - at == 1:
        return data[at] == 39
    return end - at == 3 and data[at] == 0xE2 and data[at + 1] == 0x80 and (data[at + 2] | 1) == 0x99


@njit(nogil=True, cache=True)
def _is_special(data, first, last, groups):
    """Whether a word may be another token than its hash; cheaper than `_token`, which counts references."""
    one = data[first]
    if one == _UNDERSCORE or data[last - 1] == _UNDERSCORE or 48 <= one <= 57:
        return True
    two = data[min(first + 1, last - 1)]
    return groups[one & 31, two & 31, 1] > 0


@njit(nogil=True, cache=True)
def _token(data, first, last, value, spelling, scratch):
    """The token of the word data[first:last] whose hash is `value`: NUMBER or without underscores, 0 for none."""
    _, hashes, none = scratch
    if data[first] == _UNDERSCORE or data[last - 1] == _UNDERSCORE:
        while first < last and data[first] == _UNDERSCORE:
            first += 1
        while last > first and data[last - 1] == _UNDERSCORE:
            last -= 1
        if first == last:
            return _0
        if hash_words(data, first, last, spelling.tables, hashes, none) == 1:
            value = hashes[0]
    return NUMBER if _is_number(data, first, last, spelling) else value


@njit(nogil=True, cache=True)
def _joined(data, spans, i, count, spelling, scratch):
    """Words from i on between which stand apostrophes: how many, and the token of them as one if there are several."""
    joined, hashes, none = scratch
    size = words = 0
    for k in range(i, count):
        length = spans[k, 1] - spans[k, 0]
        if size + length > _JOINED or (k > i and not _apostrophe(data, spans[k - 1, 1], spans[k, 0])):
            break
        joined[size : size + length] = data[spans[k, 0] : spans[k, 1]]
        size += length
        words += 1
    if words < 2 or hash_words(joined, 0, size, spelling.tables, hashes, none) != 1:
        return 1, _0
    return words, _token(joined, 0, size, hashes[0], spelling, scratch)


@njit(nogil=True, cache=True)
def read_tokens(data, start, end, spelling, hashes, spans):
    """The tokens of data[start:end]; gives how many.

    hashes: uint64, room for `words.most_tokens`. spans: int64, shape (len(hashes), 2): where each begins and ends.
    """
    count = hash_words(data, start, end, spelling.tables, hashes, spans)
    scratch = (np.empty(_JOINED, dtype=np.uint8), np.empty(_JOINED, dtype=np.uint64), np.empty((0, 2), dtype=np.int64))
    groups = spelling.groups
    kept = i = 0
    while i < count:
        first, last = spans[i, 0], spans[i, 1]
        words = 1
        value = _0
        if i + 1 < count and _apostrophe(data, last, spans[i + 1, 0]):
            words, value = _joined(data, spans, i, count, spelling, scratch)
            last = spans[i + words - 1, 1]
        if words == 1:
            value = hashes[i]
            if _is_special(data, first, last, groups):
                value = _token(data, first, last, value, spelling, scratch)
        i += words
        if value == NUMBER:
            if kept > 1 and hashes[kept - 2] == NUMBER and _contains(spelling.joining, hashes[kept - 1]):
                kept -= 1
            if kept > 0 and hashes[kept - 1] == NUMBER:
                spans[kept - 1, 1] = last
                continue
        if value:
            hashes[kept] = value
            spans[kept, 0] = first
            spans[kept, 1] = last
            kept += 1
    return kept


@njit(nogil=True, cache=True)
def read_items(offsets, data, spelling, bounds, tokens, places):
    """The tokens of texts one after another; gives how many.

    bounds: int64, shape (n + 1,), where those of a text begin. tokens: uint64, room for `words.most_tokens` of each,
    places: int64, shape (len(tokens), 2): from which to which byte of data a token is.
    """
    total = 0
    bounds[0] = 0
    for i in range(len(offsets) - 1):
        count = read_tokens(data, offsets[i], offsets[i + 1], spelling, tokens[total:], places[total:])
        total += count
        bounds[i + 1] = total
    return total
