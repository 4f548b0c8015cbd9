"""Runs of words of a benchmark's items in texts: a text's words, hashed, n-gram by n-gram looked up in a table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.contamination_tokens import NUMBER, read_tokens
from curate.kernels.hashing import mix64
from curate.kernels.words import most_tokens

SHORTEST = 4
"""Items of fewer tokens are not looked for."""
COLUMNS = 9
"""Of a row of `find`."""

_BASE = np.uint64(0xA24BAED4963EE407)
_WINDOW = 8 << 20
_OVERLAP = 64 << 10
_SKIP = 3
_AGAIN = 3
_0 = np.uint64(0)
_ONE = np.uint64(1)
_63 = np.uint64(63)
_6 = np.uint64(6)


class Index(NamedTuple):
    """The tokens of m items and where n-grams of theirs begin.

    tokens: uint64, shape (g,), those of all items. offsets: int64, shape (m + 1,). data: uint8, the items' texts, and
    places: int64, shape (g, 2), the bytes there of each token. ngram: tokens of an n-gram.
    short: whether an item has fewer; its first SHORTEST tokens are then what is looked up.
    maybe: uint64, a power of two of words: bits of hashes that may be there. slots: int64, a power of two: the
    number of a hash or -1. hashes: uint64, shape (u,). first: int64, shape (u + 1,): hash i begins at
    starts[first[i]:first[i + 1]], int64 places in `tokens`, of the items `items`.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    data: np.ndarray
    places: np.ndarray
    ngram: np.int64
    short: np.bool_
    maybe: np.ndarray
    slots: np.ndarray
    hashes: np.ndarray
    first: np.ndarray
    starts: np.ndarray
    items: np.ndarray


class Document(NamedTuple):
    """A window of a text and its first `count` tokens: row, the text's number; start, where it begins in data."""

    row: int
    window: int
    start: int
    count: int
    hashes: np.ndarray
    spans: np.ndarray
    data: np.ndarray


class Stretch(NamedTuple):
    """Tokens start to end of a text and item_start to item_end of the items, of which `equal` are equal, numbers with
    other digits not counted. same, other: numbers with the same digits and with others."""

    equal: int
    same: int
    other: int
    start: int
    end: int
    item_start: int
    item_end: int


@njit(nogil=True, cache=True)
def _hash(tokens, start, length):
    total = _0
    for i in range(start, start + length):
        total = total * _BASE + tokens[i]
    return total


@njit(nogil=True, cache=True)
def _leading(length):
    leading = _ONE
    for _ in range(length):
        leading = leading * _BASE
    return leading


@njit(nogil=True, cache=True)
def hash_grams(tokens, starts, lengths, out):
    """The hashes of runs of tokens: out, uint64."""
    for i in range(len(starts)):
        out[i] = mix64(_hash(tokens, starts[i], lengths[i]))


@njit(nogil=True, cache=True)
def fill(hashes, maybe, slots):
    """Enter distinct hashes, by number, in the tables of an `Index`: maybe zero before, slots -1."""
    for i in range(len(hashes)):
        value = hashes[i]
        bit = value & np.uint64(64 * len(maybe) - 1)
        maybe[bit >> _6] |= _ONE << (bit & _63)
        at = (value >> np.uint64(32)) & np.uint64(len(slots) - 1)
        while slots[at] >= 0:
            at = (at + _ONE) & np.uint64(len(slots) - 1)
        slots[at] = i


@njit(nogil=True, cache=True)
def _find(index, value):
    """The number of a hash, or -1."""
    at = (value >> np.uint64(32)) & np.uint64(len(index.slots) - 1)
    while index.slots[at] >= 0:
        if index.hashes[index.slots[at]] == value:
            return index.slots[at]
        at = (at + _ONE) & np.uint64(len(index.slots) - 1)
    return np.int64(-1)


@njit(nogil=True, cache=True)
def _next_digit(data, at, end):
    while at < end and not 48 <= data[at] <= 57:
        at += 1
    return at


@njit(nogil=True, cache=True)
def _spelled(data, at, end):
    """Whether a number has letters."""
    while at < end and not 97 <= (data[at] | 32) <= 122:
        at += 1
    return at < end


@njit(nogil=True, cache=True)
def _compare_numbers(document, p, index, g):
    """Whether two number tokens have the same digits: (1, 0) for yes, (0, 1) for no, (0, 0) if one is in words."""
    one, two = document.data, index.data
    i, i_end = document.spans[p, 0], document.spans[p, 1]
    j, j_end = index.places[g, 0], index.places[g, 1]
    if _spelled(one, i, i_end) or _spelled(two, j, j_end):
        return 0, 0
    while True:
        i, j = _next_digit(one, i, i_end), _next_digit(two, j, j_end)
        if i == i_end or j == j_end or one[i] != two[j]:
            same = i == i_end and j == j_end
            return np.int64(same), np.int64(not same)
        i += 1
        j += 1


@njit(nogil=True, cache=True)
def _equal(one, i, two, j, step):
    """Whether _AGAIN tokens are equal from there on, forwards or (step -1) backwards."""
    k = 0
    while k < _AGAIN and one[i + step * k] == two[j + step * k]:
        k += 1
    return k == _AGAIN


@njit(nogil=True, cache=True)
def _skip(one, i, i_left, two, j, j_left, step):
    """How many tokens of each to pass by, at most _SKIP, for the next ones to be equal; (-1, -1) for none.

    i_left, j_left: tokens left in that direction.
    """
    for total in range(1, 2 * _SKIP + 1):
        for a in range(max(0, total - _SKIP), min(_SKIP, total) + 1):
            b = total - a
            if a + _AGAIN <= i_left and b + _AGAIN <= j_left and _equal(one, i + step * a, two, j + step * b, step):
                return a, b
    return -1, -1


@njit(nogil=True, cache=True)
def _follow(document, p, p_left, index, g, g_left, step):
    """Go on over equal tokens in a direction: a `Stretch` of tokens gone over, from 0."""
    one, two = document.hashes, index.tokens
    equal = same = other = i = j = 0
    while True:
        while i < p_left and j < g_left and one[p + step * i] == two[g + step * j]:
            if one[p + step * i] == NUMBER:
                more, less = _compare_numbers(document, p + step * i, index, g + step * j)
                same += more
                other += less
                equal -= less
            equal += 1
            i += 1
            j += 1
        a, b = _skip(one, p + step * i, p_left - i, two, g + step * j, g_left - j, step)
        if a < 0:
            return Stretch(equal, same, other, 0, i, 0, j)
        i += a
        j += b


@njit(nogil=True, cache=True)
def _extended(document, p, index, g, item):
    """The stretch about equal tokens at p and g.

    None are where they are not as many as an n-gram has, or the item.
    """
    begin, end = index.offsets[item], index.offsets[item + 1]
    length = min(index.ngram, end - begin)
    k = 0
    while k < length and p + k < document.count and document.hashes[p + k] == index.tokens[g + k]:
        k += 1
    if k < length:
        return Stretch(0, 0, 0, p, p, g, g)
    more = _follow(document, p, document.count - p, index, g, end - g, 1)
    less = _follow(document, p - 1, p, index, g - 1, g - begin, -1)
    return Stretch(
        more.equal + less.equal,
        more.same + less.same,
        more.other + less.other,
        p - less.end,
        p + more.end,
        g - less.item_end,
        g + more.item_end,
    )


@njit(nogil=True, cache=True)
def _look(document, p, value, index, latest, seen, out, found):
    """Follow every place in the items where a hash begins; keep the longest stretch of each item."""
    number = _find(index, value)
    if number < 0:
        return found
    for k in range(index.first[number], index.first[number + 1]):
        g, item = index.starts[k], index.items[k]
        last = latest[item]
        if last[0] == document.window and p < last[1] and last[2] <= g < last[3]:
            continue
        new = _extended(document, p, index, g, item)
        if new.end == new.start:
            continue
        last[0], last[1], last[2], last[3] = document.window, new.end, new.item_start, new.item_end
        at = seen[item]
        if at < 0 or out[at, 0] != document.row:
            at = found
            seen[item] = at
            found += 1
            out[at, 2] = -1
        if new.equal > out[at, 2]:
            out[at, 0], out[at, 1], out[at, 2], out[at, 3], out[at, 4] = (
                document.row,
                item,
                new.equal,
                new.same,
                new.other,
            )
            out[at, 5], out[at, 6] = new.item_start, new.item_end
            out[at, 7] = document.spans[new.start, 0] - document.start
            out[at, 8] = document.spans[new.end - 1, 1] - document.start
    return found


@njit(nogil=True, cache=True)
def _may_be(index, value):
    bit = value & np.uint64(64 * len(index.maybe) - 1)
    return index.maybe[bit >> _6] >> (bit & _63) & _ONE


@njit(nogil=True, cache=True)
def _cut(data, start, end):
    """Where to end a window that begins at `start`: behind white space, or between two characters."""
    if end - start <= _WINDOW:
        return end
    at = start + _WINDOW
    while at > start + _WINDOW // 2 and data[at - 1] != 32 and data[at - 1] != 10:
        at -= 1
    if at > start + _WINDOW // 2:
        return at
    at = start + _WINDOW
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@njit(nogil=True, cache=True)
def _back(data, at):
    """Where the next window begins."""
    at -= _OVERLAP
    while data[at] & 0xC0 == 0x80:
        at -= 1
    return at


@njit(nogil=True, cache=True)
def room(offsets):
    """Tokens to have room for in `find`."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    return most_tokens(0, min(longest, _WINDOW)) + 1


@njit(nogil=True, cache=True)
def _search(document, index, latest, seen, out, found):
    """Look up every n-gram of a window; gives how many rows there are then."""
    hashes, ngram = document.hashes, index.ngram
    leading, short_leading = _leading(ngram), _leading(SHORTEST)
    total = short = _0
    for i in range(document.count):
        total = total * _BASE + hashes[i]
        if i >= ngram:
            total -= hashes[i - ngram] * leading
        value = mix64(total)
        if i + 1 >= ngram and _may_be(index, value):
            found = _look(document, i + 1 - ngram, value, index, latest, seen, out, found)
        if index.short:
            short = short * _BASE + hashes[i]
            if i >= SHORTEST:
                short -= hashes[i - SHORTEST] * short_leading
            value = mix64(short)
            if i + 1 >= SHORTEST and _may_be(index, value):
                found = _look(document, i + 1 - SHORTEST, value, index, latest, seen, out, found)
    return found


@njit(nogil=True, cache=True)
def find(offsets, data, row, spelling, index, hashes, spans, latest, seen, out):
    """The longest stretch that each item shares with each text from number `row` on: (the next text, rows of out).

    A stretch is equal tokens, an n-gram at least somewhere (or all of a shorter item), between which up to _SKIP tokens
    of text and item may differ where _AGAIN equal ones follow. A text of more than 8 MiB is read in windows that
    overlap by 64 KiB. hashes, spans: as in `read_tokens`, for `room`. latest: int64, shape (m, 4), and seen: int64,
    shape (m,), hold -1. out: int64, shape (at least m, COLUMNS): text, item, equal tokens but for numbers with other
    digits, numbers with the same, numbers with others, from and to token of all items' tokens, from and to byte of the
    text. Ends early where there may not be room for another text.
    """
    found = 0
    window = 0
    while row < len(offsets) - 1 and found + len(seen) <= len(out):
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            stop = _cut(data, at, end)
            count = read_tokens(data, at, stop, spelling, hashes, spans)
            document = Document(row, window, offsets[row], count, hashes, spans, data)
            found = _search(document, index, latest, seen, out, found)
            window += 1
            at = _back(data, stop) if stop < end else end
        row += 1
    return row, found


@njit(nogil=True, cache=True)
def count_documents(documents, starts, ends, grams, lengths, seen, out):
    """Add to out, int64, in how many documents each n-gram stands.

    documents: int64, ascending, the document of each stretch starts[i]:ends[i] of the items' tokens. grams: int64, the
    number of the n-gram that begins at each token, or -1, and lengths: int64, how many tokens it has.
    seen: int64, the last document that had each n-gram.
    """
    for i in range(len(documents)):
        for g in range(starts[i], ends[i]):
            gram = grams[g]
            if gram >= 0 and g + lengths[g] <= ends[i] and seen[gram] != documents[i]:
                seen[gram] = documents[i]
                out[gram] += 1


@njit(nogil=True, cache=True)
def covered(starts, ends, grams, lengths, common, out):
    """How many tokens of each stretch lie in an n-gram of it that is not common (bool, by number): out, int64.

    starts, ends, grams, lengths: as in `count_documents`.
    """
    for i in range(len(starts)):
        total = 0
        reached = starts[i]
        for g in range(starts[i], ends[i]):
            end = g + lengths[g]
            if grams[g] >= 0 and end <= ends[i] and not common[grams[g]]:
                total += end - max(reached, g)
                reached = end
        out[i] = total
