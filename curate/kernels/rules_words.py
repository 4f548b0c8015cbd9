"""Words as spaCy's blank English tokenizer has them, found in one pass over UTF-8.

The rules are those of spaCy 3's `Tokenizer` with the punctuation rules of its English (documented as the tokenizer's
algorithm): white space parts chunks; a chunk that is an exception is cut as its entry says; else prefixes and
suffixes are parted from it one by one until an exception or nothing is left to part; what then is neither an exception
nor a web address is cut at infixes; last, exceptions that the affix rules broke are put together again. White space
makes no word. Where this differs: a chunk is at most 65,536 characters, an exception broken into more than four words
stays broken, an address with a number for a host is none, and icons are of this Python's Unicode.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.rules_characters import (
    ALPHA,
    CLOSES,
    CURRENCY,
    DECIMAL,
    DIGIT,
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
from curate.kernels.rules_lexicon import EXCEPTION, PIECES, UNIT, find, has_shape, hash_word
from curate.kernels.unicode import decode

CHUNK = 1 << 16
LONGEST_EXCEPTION = 13

_0 = np.uint64(0)
_4 = np.uint64(4)
_FOUR_BITS = np.uint64(15)
_DOT = 46
_HYPHEN = 45


CODES, FLAGS, PLACES, BEGINS, ENDINGS, TAILS = range(6)
"""Rows of a chunk's scratch, int64, shape (6, CHUNK + 1): of its characters the code points, the bit sets and where in
the text they begin; of its words where they begin and end, in characters; where its suffixes begin.

One array and not six in a tuple, of which Numba would count the references in every function.
"""


@njit(nogil=True, cache=True)
def chunk_room():
    """Scratch for one chunk: 3 MiB."""
    return np.empty((6, CHUNK + 1), np.int64)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def read_chunk(data, at, end, characters, room):
    """Read the characters from `at` on up to white space: (where it ends, how many)."""
    number = 0
    while at < end and number < CHUNK:
        byte = data[at]
        if byte < 128:
            code, length = np.int64(byte), 1
            flags = characters[byte]
        else:
            code, length = decode(data, at)
            flags = bits(characters, code)
        if flags & SPACE:
            break
        room[CODES, number] = code
        room[FLAGS, number] = flags
        room[PLACES, number] = at
        number += 1
        at += length
    room[PLACES, number] = at
    return at, number


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def cut_chunk(data, number, lexicon, room):
    """Cut a chunk of `number` characters into words, room[BEGINS] and room[ENDINGS]: gives how many."""
    start, stop, words, tails = _part_affixes(data, number, lexicon, room)
    if start < stop:
        pieces = _exception(data, start, stop, lexicon, room)
        if pieces:
            words = put_pieces(start, pieces, room, words)
        else:
            words = _cut_infixes(start, stop, room, words)
    for i in range(tails - 1, -1, -1):
        words = _put(room[TAILS, i], room[TAILS, i - 1] if i else number, room, words)
    return _join_exceptions(data, words, lexicon, room) if words > 2 else words


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _exception(data, start, stop, lexicon, room):
    """The pieces of the characters start to stop of the chunk, or 0 if they are no exception."""
    if stop - start > LONGEST_EXCEPTION or stop <= start:
        return _0
    begin, end = room[PLACES, start], room[PLACES, stop]
    if not has_shape(lexicon, data[begin], data[end - 1], stop - start):
        return _0
    return lexicon[find(lexicon, hash_word(data, begin, end)), PIECES] & EXCEPTION


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _put(start, stop, room, words):
    """Write characters start to stop as one word; gives the number of words."""
    room[BEGINS, words] = start
    room[ENDINGS, words] = stop
    return words + 1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def put_pieces(start, pieces, room, words):
    """Write the pieces of an exception that begins at character `start` as words; gives the number of words."""
    while pieces:
        room[BEGINS, words] = start
        start += np.int64(pieces & _FOUR_BITS)
        room[ENDINGS, words] = start
        pieces >>= _4
        words += 1
    return words


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _part_affixes(data, number, lexicon, room):
    """Part prefixes, as words from 0 on, and suffixes, whose beginnings go to room[TAILS], the last one first.

    Gives the beginning and end of what is left, and the numbers of prefixes and suffixes.
    """
    start, stop, words, tails = 0, number, 0, 0
    while start < stop and _exception(data, start, stop, lexicon, room) == _0:
        before = _prefix(start, stop, room)
        if before and _exception(data, start + before, stop, lexicon, room):
            words = _put(start, start + before, room, words)
            return start + before, stop, words, tails
        after = _suffix(data, start + before, stop, lexicon, room)
        if before == 0 and after == 0:
            break
        if after and _exception(data, start, stop - after, lexicon, room):
            room[TAILS, tails] = stop - after
            return start, stop - after, words, tails + 1
        if before:
            words = _put(start, start + before, room, words)
            start += before
        if after:
            stop -= after
            room[TAILS, tails] = stop
            tails += 1
    return start, stop, words, tails


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _prefix(start, stop, room):
    """How many characters are a prefix of the characters start to stop."""
    if room[FLAGS, start] & PREFIX:
        return 1
    first = room[CODES, start]
    if first == 43:
        return 0 if start + 1 < stop and room[FLAGS, start + 1] & DIGIT else 1
    if first == _DOT:
        run = start
        while run < stop and room[CODES, run] == _DOT:
            run += 1
        return run - start if run - start > 1 else 0
    if first == 85 and start + 2 < stop and room[CODES, start + 1] == 83 and room[CODES, start + 2] == 36:
        return 3
    if (first == 65 or first == 67) and start + 1 < stop and room[CODES, start + 1] == 36:
        return 2
    return 0


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _suffix(data, start, stop, lexicon, room):
    """How many characters are the longest suffix of the characters start to stop."""
    if start >= stop:
        return 0
    last = room[CODES, stop - 1]
    previous = room[CODES, stop - 2] if stop - start > 1 else 0
    if (last == 115 or last == 83) and (previous == 39 or previous == 0x2019):
        return 2
    if last == _DOT:
        return _stop_suffix(start, stop, room)
    if last == 0x2026 and previous == 0x2026:
        return 2
    if room[FLAGS, stop - 1] & SUFFIX:
        return 1
    if stop - start > 1 and room[FLAGS, stop - 2] & DIGIT and (last == 43 or room[FLAGS, stop - 1] & CURRENCY):
        return 1
    return _unit(data, start, stop, lexicon, room)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _stop_suffix(start, stop, room):
    run = stop
    while run > start and room[CODES, run - 1] == _DOT:
        run -= 1
    if stop - run > 1:
        return stop - run
    if stop - start < 2:
        return 0
    if room[FLAGS, stop - 2] & CLOSES:
        return 1
    if stop - start > 2 and room[FLAGS, stop - 2] & LARGE and room[FLAGS, stop - 3] & LARGE:
        return 1
    if stop - start > 2 and room[CODES, stop - 3] == 0xB0 and (room[CODES, stop - 2] | 32) in (99, 102, 107):
        return 1
    return 0


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _unit(data, start, stop, lexicon, room):
    """A unit of measurement, of at most four characters, right after a digit."""
    for length in range(4, 0, -1):
        first = stop - length
        if first > start and room[FLAGS, first - 1] & DIGIT and not room[FLAGS, first] & DIGIT:
            place = find(lexicon, hash_word(data, room[PLACES, first], room[PLACES, stop]))
            if lexicon[place, PIECES] & UNIT:
                return length
    return 0


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _cut_infixes(start, stop, room, words):
    """Cut the characters start to stop at infixes, if they are no web address; gives the number of words."""
    asked = False
    begin = start
    at = start
    while at < stop:
        if not room[FLAGS, at] & RULED or room[FLAGS, at] & (ALPHA | DIGIT):
            at += 1
            continue
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
                words = _put(begin, at, room, words)
            words = _put(at, at + length, room, words)
            begin = at + length
        at += length
    return _put(begin, stop, room, words) if begin < stop else words


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _infix(start, at, stop, room):
    """How many characters from `at` on, which is RULED and no letter, are an infix of the characters start to stop."""
    code = room[CODES, at]
    if code == 0x2026 or room[FLAGS, at] & ICON:
        return 1
    before = room[FLAGS, at - 1] if at > start else np.uint32(0)
    after = room[FLAGS, at + 1] if at + 1 < stop else np.uint32(0)
    if code == _DOT:
        run = at + 1
        while run < stop and room[CODES, run] == _DOT:
            run += 1
        if run - at > 1:
            return run - at
        return 1 if before & (SMALL | QUOTE) and after & (LARGE | QUOTE) else 0
    if (
        code in (43, 45, 42, 94)
        and before & DIGIT
        and (after & DIGIT or (at + 1 < stop and room[CODES, at + 1] == _HYPHEN))
    ):
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
        while run < stop and room[CODES, run] == code:
            run += 1
        if run - at <= most and run < stop and room[FLAGS, run] & ALPHA:
            return run - at
    return 0


@njit(nogil=True, cache=True, _nrt=False)
def _is_label(code):
    return 48 <= code <= 57 or 65 <= code <= 90 or 97 <= code <= 122 or 0xA1 <= code <= 0xFFFF


@njit(nogil=True, cache=True, _nrt=False)
def is_address(start, stop, room):
    """Whether the characters start to stop are a web or mail address, with or without a scheme."""
    if _host(start, stop, room):
        return True
    scheme = True
    for at in range(start + 1, stop):
        code = room[CODES, at]
        opens = scheme and code == 47 and at - start > 3 and room[CODES, at - 1] == 47 and room[CODES, at - 2] == 58
        if (code == 64 or opens) and _host(at + 1, stop, room):
            return True
        if opens or not (room[FLAGS, at] & (LETTER | DECIMAL) or code in (95, 43, 45, 46, 58, 47)):
            scheme = False
    return False


@njit(nogil=True, cache=True, _nrt=False)
def _host(start, stop, room):
    """Whether the characters are labels with full stops between them, the last of small letters, a port and a path."""
    label = start
    labels = 0
    at = start
    while at < stop:
        code = room[CODES, at]
        if code == _DOT:
            if (
                at == label
                or at - label > 64
                or not _is_label(room[CODES, label])
                or not _is_label(room[CODES, at - 1])
            ):
                return False
            labels += 1
            label = at + 1
        elif not (_is_label(code) or code == 95 or code == _HYPHEN):
            break
        at += 1
    if labels == 0 or not 2 <= at - label <= 63:
        return False
    for i in range(label, at):
        if not room[FLAGS, i] & SMALL:
            return False
    if at < stop and room[CODES, at] == 58:
        port = at + 1
        while port < stop and room[FLAGS, port] & DECIMAL:
            port += 1
        if not 2 <= port - at - 1 <= 5:
            return False
        at = port
    return at == stop or room[CODES, at] == 47 or room[CODES, at] == 63 or room[CODES, at] == 35


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _join_exceptions(data, words, lexicon, room):
    """Put exceptions together that were broken into words; gives the number of words."""
    written = 0
    i = 0
    while i < words:
        taken = 1
        for number in range(min(4, words - i), 1, -1):
            last = room[ENDINGS, i + number - 1]
            if last - room[BEGINS, i] > LONGEST_EXCEPTION:
                continue
            pieces = _exception(data, room[BEGINS, i], last, lexicon, room)
            if pieces and pieces <= _FOUR_BITS:
                taken = number
                break
        written = _put(room[BEGINS, i], room[ENDINGS, i + taken - 1], room, written)
        i += taken
    return written


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def kinds_of(begin, end, room):
    """The bit sets of characters begin to end of the chunk, or-ed; MARK and PUNCTUATION only where all have them."""
    seen = np.int64(0)
    every = np.int64(-1)
    for i in range(begin, end):
        seen |= room[FLAGS, i]
        every &= room[FLAGS, i]
    return with_common(seen, every)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def with_common(seen, every):
    """Bit sets or-ed, with MARK and PUNCTUATION as they are and-ed."""
    common = np.int64(MARK | PUNCTUATION)
    return (seen & ~common) | (every & common)
