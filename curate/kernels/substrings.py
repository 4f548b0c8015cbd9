"""Long runs of words that stood before, exactly: words of many texts, a filter over their windows, a table of firsts.

A window is `length` consecutive tokens of one text. Most windows of real text occur once, so two arrays of bits
(Bloom 1970, with one hash) first tell which may occur again; only these go into a table of 32-bit fingerprints and
places, where every match is proved byte by byte and followed as far as it goes without another look at the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from curate.kernels import njit
from curate.kernels.hashing import mix64
from curate.kernels.words import hash_words, load

LONGEST = 255
"""Bytes of the longest token: longer words are cut, between characters, into several."""

_PIECE = 1 << 14  # bytes split at a time: what their spans take stays in the second-level cache
_WINDOWS = 1024  # windows hashed together, so that what they look up is fetched together; more where they are long
_START = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(0xD6E8FEB86659FD93)
_BASE = np.uint64(0xA24BAED4963EE407)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_LOW32 = np.uint64(0xFFFFFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_3 = np.uint64(3)
_6 = np.uint64(6)
_8 = np.uint64(8)
_32 = np.uint64(32)
_63 = np.uint64(63)
_64 = np.uint64(64)
_CONTINUES, _IS_CONTINUED = np.uint8(0xC0), np.uint8(0x80)


def _fetch(typingctx, array, index):

    def generate(context, builder, signature, arguments):
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(view.data, [arguments[1]]), ir.IntType(8).as_pointer())
        whole = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [place.type, whole, whole, whole]), "llvm.prefetch.p0i8"
        )
        builder.call(function, [place, whole(0), whole(3), whole(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


fetch: Any = intrinsic(_fetch)
"""fetch(array, index): ask for array[index] to be brought into the cache, without waiting for it."""


@njit(nogil=True, cache=True)
def character_start(data, at):
    """The first byte of the character that data[at] belongs to."""
    while data[at] & _CONTINUES == _IS_CONTINUED:
        at -= 1
    return at


@njit(nogil=True, cache=True)
def split(offsets, data, tables, bounds, starts, lengths):
    """The tokens of each text: words as `hash_words` finds them, those above LONGEST bytes cut into several.

    tables: `words.tables()`. bounds: int64, shape (n + 1,): the tokens of text i are bounds[i]:bounds[i + 1].
    starts: uint32, the byte of `data` at which each token starts; lengths: uint8, its bytes. Both have
    room for (bytes + n) // 2 + 1, which no texts exceed.
    """
    size = _PIECE
    hashes = np.empty(size // 2 + 1, dtype=np.uint64)
    spans = np.empty((size // 2 + 1, 2), dtype=np.int64)
    count = 0
    for row in range(len(offsets) - 1):
        bounds[row] = count
        at, end = offsets[row], offsets[row + 1]
        while at < end:
            stop = min(at + size, end)
            if stop < end:
                stop = character_start(data, stop)
            found = hash_words(data, at, stop, tables, hashes, spans)
            following = stop
            if stop < end and found and spans[found - 1, 1] == stop:
                found -= 1
                following = spans[found, 0]
            if following == at:
                size *= 2
                hashes = np.empty(size // 2 + 1, dtype=np.uint64)
                spans = np.empty((size // 2 + 1, 2), dtype=np.int64)
                continue
            size = _PIECE
            for i in range(found):
                first, last = spans[i, 0], spans[i, 1]
                while last - first > LONGEST:
                    cut = character_start(data, first + LONGEST)
                    starts[count] = first
                    lengths[count] = cut - first
                    count += 1
                    first = cut
                starts[count] = first
                lengths[count] = last - first
                count += 1
            at = following
    bounds[-1] = count


@njit(nogil=True, cache=True)
def _token_hash(data, start, length):
    at, left, size = np.uint64(start), np.uint64(length), np.uint64(len(data))
    total = _START ^ left
    while left > _8:
        total = (total ^ load(data, at, size)) * _FOLD
        total ^= total >> _32
        at += _8
        left -= _8
    total = (total ^ (load(data, at, size) & (_ALL >> (_64 - (left << _3))))) * _FOLD
    return total ^ (total >> _32)


@njit(nogil=True, cache=True)
def _same_token(data, starts, lengths, one, other):
    length = lengths[one]
    if length != lengths[other]:
        return False
    a, b, left = np.int64(starts[one]), np.int64(starts[other]), np.int64(length)
    while left and data[a] == data[b]:
        a += 1
        b += 1
        left -= 1
    return left == 0


@njit(nogil=True, cache=True)
def _leading(length):
    """The weight of a window's first token after the window has moved on: the base to the power `length`."""
    total = _1
    for _ in range(length):
        total *= _BASE
    return total


@njit(nogil=True, cache=True)
def _shift(bits):
    """How far to the right a hash goes to be a place among bits (a power of two)."""
    shift = _64
    while bits > 1:
        shift -= _1
        bits >>= 1
    return shift


@njit(nogil=True, cache=True)
def _hash_windows(data, starts, lengths, first, windows, length, leading, hashes, out):
    """Hashes of the windows that start at tokens first to first + windows, into `out`; hashes: what it works in.

    A polynomial of the tokens' hashes modulo 2**64 (Karp and Rabin 1987), rolled on and mixed.
    """
    for i in range(windows + length - 1):
        hashes[i] = _token_hash(data, starts[first + i], lengths[first + i])
    total = _0
    for i in range(length - 1):
        total = total * _BASE + hashes[i]
    for i in range(windows):
        total = total * _BASE + hashes[i + length - 1]
        out[i] = mix64(total)
        total -= hashes[i] * leading


@njit(nogil=True, cache=True)
def survey_windows(data, bounds, starts, lengths, length, seen):
    """Note every window, and which may have been there before.

    seen: uint64, shape (2**k, 2), zeros: bits of the hashes that were seen, and of those seen again.
    """
    size = max(_WINDOWS, length)
    hashes = np.empty(size + length, dtype=np.uint64)
    block = np.empty(size, dtype=np.uint64)
    leading = _leading(length - 1)
    shift = _shift(len(seen) * 64)
    for row in range(len(bounds) - 1):
        last = bounds[row + 1] - length
        for first in range(bounds[row], last + 1, size):
            windows = min(last + 1 - first, size)
            _hash_windows(data, starts, lengths, first, windows, length, leading, hashes, block)
            for i in range(windows):
                bit = block[i] >> shift
                place = bit >> _6
                mask = _1 << (bit & _63)
                seen[place, 1] |= seen[place, 0] & mask
                seen[place, 0] |= mask


@njit(nogil=True, cache=True)
def _room(seen):
    """Slots for the first windows of those seen again, most of which have a bit of their own."""
    count = 1
    for i in range(len(seen)):
        bits = seen[i, 1]
        while bits:
            bits &= bits - _1
            count += 1
    return count + (count >> 1) + 1


@njit(nogil=True, cache=True)
def _home(table, value):
    """The slot at which the search for a hash begins, by the 32 bits of it that entries keep."""
    return ((value & _LOW32) * np.uint64(len(table))) >> _32


@njit(nogil=True, cache=True)
def _look_ahead(seen, shift, table, block, again):
    """Say which windows of a block may occur again, and ask for what the table has of these."""
    for i in range(len(block)):
        bit = block[i] >> shift
        again[i] = (seen[bit >> _6, 1] >> (bit & _63)) & _1
        if again[i]:
            fetch(table, _home(table, block[i]))


@njit(nogil=True, cache=True)
def _grown(table):
    """The entries in a table of twice the size. An entry: 32 bits of a window's hash, and its first token plus one."""
    size = np.uint64(len(table) * 2)
    larger = np.zeros(size, dtype=np.uint64)
    for entry in table:
        if entry:
            slot = _home(larger, entry >> _32)
            while larger[slot]:
                slot = slot + _1 if slot + _1 < size else _0
            larger[slot] = entry
    return larger


@njit(nogil=True, cache=True)
def _agreement(data, starts, lengths, one, other, most):
    """How many of the next tokens, up to `most`, are the same byte for byte at two places."""
    for i in range(most):
        if not _same_token(data, starts, lengths, one + i, other + i):
            return i
    return most


@njit(nogil=True, cache=True)
def _known(period, window, found):
    """How many tokens of a window are those of an earlier one by what is known of a period.

    period: its length, and the tokens from and to which every one is the same as the one a period before. Without it
    a window longer than its period would be compared anew for every token.
    """
    length, first, end = period
    return max(end - window, 0) if found + length >= first and (window - found) % length == 0 else 0


@njit(nogil=True, cache=True)
def _slot(table, value, data, starts, lengths, window, length, period):
    """The slot of a window's equal, or the empty one where it belongs."""
    size = np.uint64(len(table))
    slot = _home(table, value)
    while table[slot]:
        if table[slot] >> _32 == value & _LOW32:
            found = np.int64(table[slot] & _LOW32) - 1
            known = _known(period, window, found)
            left = length - known
            if _agreement(data, starts, lengths, found + known, window + known, left) == left:
                break
        slot = slot + _1 if slot + _1 < size else _0
    return slot


@njit(nogil=True, cache=True)
def find_repeats(data, bounds, starts, lengths, length, seen, out):
    """Stretches of tokens that lie in windows that stood before, with where they stood; gives how many there are.

    A window counts when an equal one (the same tokens, byte for byte) ends at or before its start, in the same text
    or an earlier one. seen: what `survey_windows` left. out: int64, shape (k, 3), k >= number of tokens:
    first token, the one after the last, and the first token of an earlier copy, which is
    equal token for token. Ascending; where two stretches touch, the second has its copy elsewhere.
    """
    size = max(_WINDOWS, length)
    hashes = np.empty(size + length, dtype=np.uint64)
    block = np.empty(size, dtype=np.uint64)
    again = np.empty(size, dtype=np.uint8)
    leading = _leading(length - 1)
    shift = _shift(len(seen) * 64)
    table = np.zeros(_room(seen), dtype=np.uint64)
    entries = 0
    count = 0
    period = (1, 0, 0)
    for row in range(len(bounds) - 1):
        last = bounds[row + 1] - length
        first = bounds[row]
        done = first  # the token after the last one of the last stretch
        while first <= last:
            windows = min(last + 1 - first, size)
            _hash_windows(data, starts, lengths, first, windows, length, leading, hashes, block)
            _look_ahead(seen, shift, table, block[:windows], again)
            i = 0
            while i < windows:
                if not again[i]:
                    i += 1
                    continue
                window = first + i
                value = block[i]
                slot = _slot(table, value, data, starts, lengths, window, length, period)
                i += 1
                if not table[slot]:
                    table[slot] = value << _32 | np.uint64(window + 1)
                    entries += 1
                    if entries * 4 > len(table) * 3:
                        table = _grown(table)
                    continue
                found = np.int64(table[slot] & _LOW32) - 1
                begun = _known(period, window, found) > 0
                period = (period[0], period[1], window + length) if begun else (window - found, window, window + length)
                if found + length > window:
                    continue
                most = min(bounds[row + 1] - window, bounds[np.searchsorted(bounds, found, side="right")] - found)
                begin = max(window, done)
                done = window + length
                done += _agreement(data, starts, lengths, found + length, window + length, most - length)
                out[count, 0] = begin
                out[count, 1] = done
                out[count, 2] = found + begin - window
                count += 1
                i = done - length + 1 - first
            first += i
    return count
