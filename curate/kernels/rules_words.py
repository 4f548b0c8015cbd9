"""Words as spaCy's blank English tokenizer has them, found in one pass over UTF-8.

The rules are those of spaCy 3's `Tokenizer` with the punctuation rules of its English (documented as the tokenizer's
algorithm): white space parts chunks; a chunk that is an exception is cut as its entry says; else prefixes and
suffixes are parted from it one by one until an exception or nothing is left to part; what then is neither an exception
nor a web address is cut at infixes; last, exceptions that the affix rules broke are put together again. White space
makes no word. Where this differs: a chunk is at most 65,536 characters, an exception broken into more than four words
stays broken, an address with a number for a host is none, and icons are of this Python's Unicode.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64
from curate.kernels.rules_characters import (
    ALPHA,
    CLOSES,
    CURRENCY,
    DECIMAL,
    DIGIT,
    ENDS,
    ICON,
    LARGE,
    LETTER,
    MARK,
    PREFIX,
    PUNCTUATION,
    QUOTE,
    RULED,
    SMALL,
    SPACE,
    SUFFIX,
    bits,
)
from curate.kernels.unicode import decode

CHUNK = 1 << 16
LONGEST_EXCEPTION = 13
MOST_PIECES = 4

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_0 = np.uint64(0)
_1 = np.uint64(1)
_8 = np.uint64(8)
_DOT = 46
_HYPHEN = 45


class Lexicon(NamedTuple):
    """What is known of single words: an open-addressed table by `hash_word`, of which key 0 is an empty place.

    keys: uint64, shape (2^k,). exceptions: int32 (2^k,), a row of `pieces` or -1.
    pieces: int8 (exceptions, MOST_PIECES): the characters of each piece, then zeros.
    first, last: int32 (2^k,): the languages whose stop word it is are languages[first:last]; uint8.
    gopher: uint8 (2^k,): a bit for each of Gopher's eight English stop words.
    units: uint64 (u,): `hash_word` of the units of measurement, sorted.
    """

    keys: np.ndarray
    exceptions: np.ndarray
    pieces: np.ndarray
    first: np.ndarray
    last: np.ndarray
    languages: np.ndarray
    gopher: np.ndarray
    units: np.ndarray


class Chunk(NamedTuple):
    """Scratch for one chunk: its characters, where they begin in the text, and its words.

    codes: int32, flags: uint32, shape (CHUNK,). places: int64, shape (CHUNK + 1,).
    begins, ends: int32, shape (CHUNK,), words in characters of the chunk. tails: int32 (CHUNK,), suffixes' beginnings.
    """

    codes: np.ndarray
    flags: np.ndarray
    places: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    tails: np.ndarray


@njit(nogil=True, cache=True)
def chunk_room():
    """Scratch for one chunk: 2 MiB."""
    return Chunk(
        np.empty(CHUNK, np.int32),
        np.empty(CHUNK, np.uint32),
        np.empty(CHUNK + 1, np.int64),
        np.empty(CHUNK, np.int32),
        np.empty(CHUNK, np.int32),
        np.empty(CHUNK, np.int32),
    )


@njit(nogil=True, cache=True)
def _load(data, at):
    first = np.uint64(at)
    value = _0
    for i in range(8):
        value |= np.uint64(data[first + np.uint64(i)]) << (_8 * np.uint64(i))
    return value


@njit(nogil=True, cache=True)
def hash_word(data, start, end):
    """A 64-bit hash, never 0, of data[start:end], which is not empty."""
    length = end - start
    value = np.uint64(length) * _GOLDEN
    at = start
    while end - at > 8:
        value = mix64(value ^ _load(data, at))
        at += 8
    rest = end - at
    if end >= 8:
        tail = _load(data, end - 8) >> (_8 * np.uint64(8 - rest))
    else:
        tail = _0
        for i in range(rest):
            tail |= np.uint64(data[at + i]) << (_8 * np.uint64(i))
    value = mix64(value ^ tail)
    return value if value else _1


@njit(nogil=True, cache=True)
def find(lexicon, key):
    """The place of a word in the lexicon, or -1."""
    mask = np.uint64(len(lexicon.keys) - 1)
    slot = key & mask
    while lexicon.keys[slot]:
        if lexicon.keys[slot] == key:
            return np.int64(slot)
        slot = (slot + _1) & mask
    return -1


@njit(nogil=True, cache=True)
def read_chunk(data, at, end, characters, room):
    """Read the characters from `at` on up to white space: (where it ends, how many, their bit sets or-ed)."""
    number = 0
    seen = np.uint32(0)
    while at < end and number < CHUNK:
        byte = data[at]
        if byte < 128:
            code, length = np.int64(byte), 1
            flags = characters.ascii[byte]
        else:
            code, length = decode(data, at)
            flags = bits(characters, code)
        if flags & SPACE:
            break
        room.codes[number] = code
        room.flags[number] = flags
        room.places[number] = at
        seen |= flags
        number += 1
        at += length
    room.places[number] = at
    return at, number, seen


@njit(nogil=True, cache=True)
def cut_chunk(data, number, seen, lexicon, room):
    """Cut a chunk of `number` characters into words, room.begins and room.ends: gives how many."""
    if not seen & RULED:
        place = _exception(data, 0, number, lexicon, room)
        return _put(0, number, place, lexicon, room, 0)
    start, stop, words, tails = _part_affixes(data, number, lexicon, room)
    if start < stop:
        place = _exception(data, start, stop, lexicon, room)
        if place >= 0:
            words = _put(start, stop, place, lexicon, room, words)
        else:
            words = _cut_infixes(start, stop, room, words)
    for i in range(tails - 1, -1, -1):
        room.begins[words] = room.tails[i]
        room.ends[words] = room.tails[i - 1] if i else number
        words += 1
    return _join_exceptions(data, words, lexicon, room) if words > 2 else words


@njit(nogil=True, cache=True)
def _exception(data, start, stop, lexicon, room):
    """The row of `pieces` of the characters start to stop of the chunk, or -1."""
    if stop - start > LONGEST_EXCEPTION or stop <= start:
        return -1
    place = find(lexicon, hash_word(data, room.places[start], room.places[stop]))
    return lexicon.exceptions[place] if place >= 0 else -1


@njit(nogil=True, cache=True)
def _put(start, stop, place, lexicon, room, words):
    """Write characters start to stop as one word, or as the pieces of an exception; gives the number of words."""
    if place < 0:
        room.begins[words] = start
        room.ends[words] = stop
        return words + 1
    for i in range(MOST_PIECES):
        length = lexicon.pieces[place, i]
        if length == 0:
            break
        room.begins[words] = start
        start += length
        room.ends[words] = start
        words += 1
    return words


@njit(nogil=True, cache=True)
def _part_affixes(data, number, lexicon, room):
    """Part prefixes, as words from 0 on, and suffixes, whose beginnings go to room.tails, the last one first.

    Gives the beginning and end of what is left, and the numbers of prefixes and suffixes.
    """
    start, stop, words, tails = 0, number, 0, 0
    while start < stop and _exception(data, start, stop, lexicon, room) < 0:
        before = _prefix(start, stop, room)
        if before and _exception(data, start + before, stop, lexicon, room) >= 0:
            words = _put(start, start + before, -1, lexicon, room, words)
            return start + before, stop, words, tails
        after = _suffix(data, start + before, stop, lexicon, room)
        if before == 0 and after == 0:
            break
        if after and _exception(data, start, stop - after, lexicon, room) >= 0:
            room.tails[tails] = stop - after
            return start, stop - after, words, tails + 1
        if before:
            words = _put(start, start + before, -1, lexicon, room, words)
            start += before
        if after:
            stop -= after
            room.tails[tails] = stop
            tails += 1
    return start, stop, words, tails


@njit(nogil=True, cache=True)
def _prefix(start, stop, room):
    """How many characters are a prefix of the characters start to stop."""
    codes = room.codes
    if room.flags[start] & PREFIX:
        return 1
    first = codes[start]
    if first == 43:
        return 0 if start + 1 < stop and room.flags[start + 1] & DIGIT else 1
    if first == _DOT:
        run = start
        while run < stop and codes[run] == _DOT:
            run += 1
        return run - start if run - start > 1 else 0
    if first == 85 and start + 2 < stop and codes[start + 1] == 83 and codes[start + 2] == 36:
        return 3
    if (first == 65 or first == 67) and start + 1 < stop and codes[start + 1] == 36:
        return 2
    return 0


@njit(nogil=True, cache=True)
def _suffix(data, start, stop, lexicon, room):
    """How many characters are the longest suffix of the characters start to stop."""
    if start >= stop:
        return 0
    codes = room.codes
    flags = room.flags
    last = codes[stop - 1]
    previous = codes[stop - 2] if stop - start > 1 else 0
    if (last == 115 or last == 83) and (previous == 39 or previous == 0x2019):
        return 2
    if last == _DOT:
        return _stop_suffix(start, stop, codes, flags)
    if last == 0x2026 and previous == 0x2026:
        return 2
    if flags[stop - 1] & SUFFIX:
        return 1
    if stop - start > 1 and flags[stop - 2] & DIGIT and (last == 43 or flags[stop - 1] & CURRENCY):
        return 1
    return _unit(data, start, stop, lexicon, room)


@njit(nogil=True, cache=True)
def _stop_suffix(start, stop, codes, flags):
    run = stop
    while run > start and codes[run - 1] == _DOT:
        run -= 1
    if stop - run > 1:
        return stop - run
    if stop - start < 2:
        return 0
    if flags[stop - 2] & CLOSES:
        return 1
    if stop - start > 2 and flags[stop - 2] & LARGE and flags[stop - 3] & LARGE:
        return 1
    if stop - start > 2 and codes[stop - 3] == 0xB0 and (codes[stop - 2] | 32) in (99, 102, 107):
        return 1
    return 0


@njit(nogil=True, cache=True)
def _unit(data, start, stop, lexicon, room):
    """A unit of measurement, of at most four characters, right after a digit."""
    for length in range(4, 0, -1):
        first = stop - length
        if first > start and room.flags[first - 1] & DIGIT and not room.flags[first] & DIGIT:
            key = hash_word(data, room.places[first], room.places[stop])
            at = np.searchsorted(lexicon.units, key)
            if at < len(lexicon.units) and lexicon.units[at] == key:
                return length
    return 0


@njit(nogil=True, cache=True)
def _cut_infixes(start, stop, room, words):
    """Cut the characters start to stop at infixes, if they are no web address; gives the number of words."""
    asked = False
    begin = start
    at = start
    while at < stop:
        length = _infix(start, at, stop, room)
        if length == 0:
            at += 1
            continue
        if not asked:
            asked = True
            if is_address(start, stop, room):
                break
        if at != start:
            if begin != at:
                room.begins[words] = begin
                room.ends[words] = at
                words += 1
            room.begins[words] = at
            room.ends[words] = at + length
            words += 1
            begin = at + length
        at += length
    if begin < stop:
        room.begins[words] = begin
        room.ends[words] = stop
        words += 1
    return words


@njit(nogil=True, cache=True)
def _infix(start, at, stop, room):
    """How many characters from `at` on are an infix of the characters start to stop."""
    flags = room.flags[at]
    if not flags & RULED or flags & (ALPHA | DIGIT):
        return 1 if flags & ICON else 0
    codes = room.codes
    code = codes[at]
    if code == 0x2026 or flags & ICON:
        return 1
    before = room.flags[at - 1] if at > start else np.uint32(0)
    after = room.flags[at + 1] if at + 1 < stop else np.uint32(0)
    if code == _DOT:
        run = at + 1
        while run < stop and codes[run] == _DOT:
            run += 1
        if run - at > 1:
            return run - at
        return 1 if before & (SMALL | QUOTE) and after & (LARGE | QUOTE) else 0
    if code in (43, 45, 42, 94) and before & DIGIT and (after & DIGIT or (at + 1 < stop and codes[at + 1] == _HYPHEN)):
        return 1
    if code == 44:
        return 1 if before & ALPHA and after & ALPHA else 0
    if not before & (ALPHA | DIGIT):
        return 0
    if code in (58, 60, 62, 61, 47, 0x2013, 126):
        return 1 if after & ALPHA else 0
    if code == _HYPHEN or code == 0x2014:
        most = 3 if code == _HYPHEN else 2
        run = at + 1
        while run < stop and codes[run] == code:
            run += 1
        if run - at <= most and run < stop and room.flags[run] & ALPHA:
            return run - at
    return 0


@njit(nogil=True, cache=True)
def _is_label(code):
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122 or 0xA1 <= code <= 0xFFFF


@njit(nogil=True, cache=True)
def is_address(start, stop, room):
    """Whether the characters start to stop are a web or mail address, with or without a scheme."""
    if _host(start, stop, room):
        return True
    scheme = True
    for at in range(start + 1, stop):
        code = room.codes[at]
        opens = scheme and code == 47 and at - start > 3 and room.codes[at - 1] == 47 and room.codes[at - 2] == 58
        if (code == 64 or opens) and _host(at + 1, stop, room):
            return True
        if opens or not (room.flags[at] & (LETTER | DECIMAL) or code in (95, 43, 45, 46, 58, 47)):
            scheme = False
    return False


@njit(nogil=True, cache=True)
def _host(start, stop, room):
    """Whether the characters are labels with full stops between them, the last of small letters, a port and a path."""
    codes = room.codes
    label = start
    labels = 0
    at = start
    while at < stop:
        code = codes[at]
        if code == _DOT:
            if at == label or at - label > 64 or not _is_label(codes[label]) or not _is_label(codes[at - 1]):
                return False
            labels += 1
            label = at + 1
        elif not (_is_label(code) or code == 95 or code == _HYPHEN):
            break
        at += 1
    if labels == 0 or not 2 <= at - label <= 63:
        return False
    for i in range(label, at):
        if not room.flags[i] & SMALL:
            return False
    if at < stop and codes[at] == 58:
        port = at + 1
        while port < stop and room.flags[port] & DECIMAL:
            port += 1
        if not 2 <= port - at - 1 <= 5:
            return False
        at = port
    return at == stop or codes[at] == 47 or codes[at] == 63 or codes[at] == 35


@njit(nogil=True, cache=True)
def _join_exceptions(data, words, lexicon, room):
    """Put exceptions together that were broken into words; gives the number of words."""
    begins, ends = room.begins, room.ends
    written = 0
    i = 0
    while i < words:
        taken = 1
        for number in range(min(4, words - i), 1, -1):
            last = ends[i + number - 1]
            if last - begins[i] > LONGEST_EXCEPTION:
                continue
            place = _exception(data, begins[i], last, lexicon, room)
            if place >= 0 and lexicon.pieces[place, 1] == 0:
                begins[written] = begins[i]
                ends[written] = last
                written += 1
                taken = number
                break
        if taken == 1:
            begins[written] = begins[i]
            ends[written] = ends[i]
            written += 1
        i += taken
    return written


@njit(nogil=True, cache=True)
def ends_sentence(length, flags):
    """Whether a word of so many characters, whose bit sets or-ed are `flags`, ends a sentence."""
    return length == 1 and flags & ENDS != 0


@njit(nogil=True, cache=True)
def kinds_of(begin, end, room):
    """The bit sets of characters begin to end of the chunk, or-ed; MARK and PUNCTUATION only where all have them."""
    seen = np.uint32(0)
    every = np.uint32(0xFFFFFFFF)
    for i in range(begin, end):
        seen |= room.flags[i]
        every &= room.flags[i]
    common = MARK | PUNCTUATION
    return (seen & ~common) | (every & common)
