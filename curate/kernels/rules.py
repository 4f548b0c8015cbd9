"""All that the rules count of a text, in one pass a document; ratios are made of the counts elsewhere.

Every statistic comes from the text's own bytes. Line by line the words are found once, for all that asks for words;
the line is put through C4's rules on the way, and what they keep is looked at by FineWeb's again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.c4 import ENDED, KEPT, KINDS, clean_line
from curate.kernels.rules_characters import (
    CAPITAL,
    CLOSES,
    DECIMAL,
    ENDS,
    LETTER,
    MARK,
    PUNCTUATION,
    SPACE,
    SUFFIX,
    SYMBOL,
    bits,
    count_characters,
    line_end,
    strip,
)
from curate.kernels.rules_grams import LONGEST, MOST_WORDS, Grams, grams_room, repeat_words
from curate.kernels.rules_lexicon import EXCEPTION, GOPHER, PIECES, STOPS, find, has_shape, hash_word
from curate.kernels.rules_lines import (
    LINE_FIELDS,
    MOST_LINES,
    line_statistics,
    paragraph_statistics,
)
from curate.kernels.rules_parse import TABLE, parsed_bytes
from curate.kernels.rules_words import (
    BEGINS,
    CHUNK,
    ENDINGS,
    PLACES,
    chunk_room,
    cut_chunk,
    kinds_of,
    read_chunk,
    read_plain,
    with_common,
)
from curate.kernels.unicode import decode

(
    CHARACTERS,
    LETTERS,
    DIGITS,
    CAPITALS,
    SPACES,
    SYMBOLS,
    HASHES,
    ELLIPSES,
    WORDS,
    PLAIN_WORDS,
    PLAIN_CHARACTERS,
    MINI_WORDS,
    LETTER_WORDS,
    DIFFERENT_WORDS,
    COMPARED_CHARACTERS,
    SENTENCES,
    STOP_WORDS,
    LANGUAGE,
    LANGUAGE_WORDS,
    PARSED_BYTES,
    ROWS,
    BULLETS,
    ELLIPSIS_ROWS,
    PARAGRAPHS,
    PARAGRAPH_CHARACTERS,
    REPEATED_PARAGRAPHS,
    REPEATED_PARAGRAPH_CHARACTERS,
    C4_MARKS,
    C4_ENDED_MARKS,
    C4_CITATIONS,
    C4_SENTENCES,
    C4_ENDED_LINES,
    C4_ENDED_SENTENCES,
    C4_CHARACTERS,
    C4_WORDS,
    _COUNTED,
) = range(36)
C4_KINDS = _COUNTED
"""Lines by what C4's rules do to them, KINDS of them."""
LINES = C4_KINDS + KINDS
"""`rules_lines`' statistics of the whole text, LINE_FIELDS of them, and then of what C4 keeps."""
C4_LINES = LINES + LINE_FIELDS
TOPS = C4_LINES + LINE_FIELDS
"""Characters of the most frequent n words, from TOPS + 2 on."""
REPEATS = TOPS + LONGEST + 1
"""Characters of repeated n words, from REPEATS + 2 on."""
FIELDS = REPEATS + LONGEST + 1

LANGUAGES = 56

_FULL_STOP = 46
_ELLIPSIS = 0x2026
_0 = np.uint64(0)
_1 = np.uint64(1)
_58 = np.uint64(58)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_PLACES = np.zeros(64, dtype=np.int64)
_PLACES[[((0x03F79D71B4CB0A89 << i) & (1 << 64) - 1) >> 58 for i in range(64)]] = np.arange(64)
_LANGUAGE_BITS = np.uint64((1 << LANGUAGES) - 1)


class Room(NamedTuple):
    """Scratch for documents of at most a number of bytes.

    chunk: see `rules_words.CODES`. seen: uint64, for lines. text: uint8, what C4 keeps. parse: int32.
    languages: int64, shape (LANGUAGES,), stop words of each.
    """

    chunk: np.ndarray
    grams: Grams
    seen: np.ndarray
    text: np.ndarray
    parse: np.ndarray
    languages: np.ndarray


@njit(nogil=True, cache=True)
def make_room(longest):
    """Scratch for documents of at most `longest` bytes.

    Touched are 1 byte for each of the longest document, 44 to 64 for each of its words and 16 to 32 for each of its
    lines, up to `MOST_WORDS` and `MOST_LINES`: 300 MiB at most beside the text, 4 for a document of 64 KiB.
    """
    lines = 16
    while lines < 2 * min(longest + 1, MOST_LINES):
        lines *= 2
    return Room(
        chunk_room(),
        grams_room(longest),
        np.empty(lines, np.uint64),
        np.empty(longest + 1, np.uint8),
        np.empty(TABLE, np.int32),
        np.empty(LANGUAGES, np.int64),
    )


@njit(nogil=True, cache=True)
def measure(offsets, data, characters, lexicon, out):
    """Count: out (n, FIELDS) int64; offsets (n + 1,) int64 into the UTF-8 of data."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    room = make_room(longest)
    for i in range(len(offsets) - 1):
        start, end = offsets[i], offsets[i + 1]
        row = out[i]
        row[:] = 0
        row[PARSED_BYTES] = parsed_bytes(data, start, end, room.parse)
        _count_kinds(data, start, end, characters, row)
        line_statistics(data, start, end, characters, room.seen, row[LINES:C4_LINES])
        paragraph_statistics(data, start, end, characters, room.seen, row[PARAGRAPHS:C4_MARKS])
        room.languages[:] = 0
        kept = read_lines(
            data, start, end, characters, lexicon,
            room.chunk, room.grams.hashes, room.grams.lengths, room.languages, room.text, row,
        )  # fmt: skip
        row[LANGUAGE] = np.argmax(room.languages)
        row[LANGUAGE_WORDS] = room.languages[row[LANGUAGE]]
        first, last = strip(room.text, 0, kept, characters)
        if last - first == end - start and np.array_equal(room.text[first:last], data[start:end]):
            row[C4_CHARACTERS] = row[CHARACTERS]
            row[C4_LINES:TOPS] = row[LINES:C4_LINES]
        else:
            row[C4_CHARACTERS] = count_characters(room.text, first, last)
            line_statistics(room.text, first, last, characters, room.seen, row[C4_LINES:TOPS])
        _count_repeats(data, start, room.grams, row)


@njit(nogil=True, cache=True)
def _count_repeats(data, start, grams, row):
    """Repeated words in a row, and the characters of the text as far as words are compared."""
    compared = min(row[WORDS], MOST_WORDS)
    row[DIFFERENT_WORDS] = repeat_words(grams, compared, row[TOPS:REPEATS], row[REPEATS:FIELDS])
    if row[WORDS] <= MOST_WORDS:
        row[COMPARED_CHARACTERS] = row[CHARACTERS]
    else:
        row[COMPARED_CHARACTERS] = count_characters(data, start, row[COMPARED_CHARACTERS])


@njit(nogil=True, cache=True)
def _count_kinds(data, start, end, characters, row):
    """Characters by kind, number signs and ellipses."""
    letters, digits, capitals, spaces, symbols, hashes, ellipses, number, dots = 0, 0, 0, 0, 0, 0, 0, 0, 0
    at = start
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
    row[CHARACTERS], row[LETTERS], row[DIGITS], row[CAPITALS] = number, letters, digits, capitals
    row[SPACES], row[SYMBOLS], row[HASHES], row[ELLIPSES] = spaces, symbols, hashes, ellipses


@njit(nogil=True, cache=True)
def read_lines(data, start, end, characters, lexicon, chunk, hashes, lengths, languages, text, row):
    """Words, sentences and C4's rules, line by line; gives the bytes of what C4 keeps, in `text`."""
    lengths[0] = 0
    kept = 0
    at = start
    while at < end:
        stop, following = line_end(data, at, end)
        first, last = strip(data, at, stop, characters)
        before = row[WORDS]
        sentences = _read_words(data, first, last, characters, lexicon, chunk, hashes, lengths, languages, row)
        words = row[WORDS] - before
        row[ROWS] += 1
        row[SENTENCES] += sentences
        _count_ends(data, first, last, row)
        kind, marks, cited, written = clean_line(data, first, last, characters, False, text, kept)
        row[C4_KINDS + kind] += 1
        row[C4_MARKS] |= marks
        if marks & ENDED:
            row[C4_ENDED_MARKS] |= marks
        if kind == KEPT:
            if cited:
                words, sentences = count_words(text, kept, written, characters, lexicon, chunk)
            row[C4_CITATIONS] += cited
            row[C4_WORDS] += words
            row[C4_SENTENCES] += sentences
            if marks & ENDED:
                row[C4_ENDED_LINES] += 1
                row[C4_ENDED_SENTENCES] += sentences
            text[written] = 10
            kept = written + 1
        at = following
    return kept


@njit(nogil=True, cache=True)
def _count_ends(data, first, last, row):
    """Whether a line begins with a bullet, and ends with an ellipsis."""
    if last == first:
        return
    row[BULLETS] += data[first] == 45
    if last - first > 2:
        row[BULLETS] += data[first] == 0xE2 and data[first + 1] == 0x80 and data[first + 2] == 0xA2
        a, b, c = data[last - 3], data[last - 2], data[last - 1]
        row[ELLIPSIS_ROWS] += (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@njit(nogil=True, cache=True)
def _read_words(data, start, end, characters, lexicon, chunk, hashes, lengths, languages, row):
    """Count the words of a line, which begins and ends with no white space; gives the sentences."""
    state = 0
    at = start
    while at < end:
        at, spaced = _skip_space(data, at, end, characters)
        state = _after_space(state) if spaced else state
        if at == end:
            break
        begin = at
        at, seen, every = read_plain(data, at, end, characters)
        closed = _closes(data, at, end, every, characters)
        if at == begin and closed:
            state = _add_mark(data, at, state, characters, hashes, lengths, languages, row)
            at += 1
            continue
        if at > begin and at - begin < CHUNK and (closed or _is_over(data, at, end)):
            key = hash_word(data, begin, at)
            place = find(lexicon, key)
            whole = closed and has_shape(lexicon, data[begin], data[at], at + 1 - begin)
            if not (whole or lexicon[PIECES, place] & EXCEPTION):
                flags = with_common(np.int64(seen), np.int64(every))
                state = _after_word(state, at - begin, flags)
                _add_word(key, lexicon[STOPS, place], at, at - begin, flags, hashes, lengths, languages, row)
                if closed:
                    state = _add_mark(data, at, state, characters, hashes, lengths, languages, row)
                    at += 1
                continue
        at, number = read_chunk(data, begin, end, characters, chunk)
        for i in range(cut_chunk(data, number, lexicon, chunk)):
            first, last = chunk[BEGINS, i], chunk[ENDINGS, i]
            flags = kinds_of(first, last, chunk)
            state = _after_word(state, last - first, flags)
            stop = chunk[PLACES, last]
            key = hash_word(data, chunk[PLACES, first], stop)
            stops = lexicon[STOPS, find(lexicon, key)] if flags & LETTER else _0
            _add_word(key, stops, stop, last - first, flags, hashes, lengths, languages, row)
    return state >> 1


@njit(nogil=True, cache=True, forceinline=True)
def _add_mark(data, at, state, characters, hashes, lengths, languages, row):
    """Add a mark as a word of its own; gives the state after it."""
    flags = np.int64(characters[data[at]])
    _add_word(hash_word(data, at, at + 1), _0, at + 1, 1, flags, hashes, lengths, languages, row)
    return _after_word(state, 1, flags)


@njit(nogil=True, cache=True, forceinline=True)
def _is_over(data, at, end):
    """Whether a chunk surely ends at a place: the text does, or ASCII white space begins."""
    return at == end or data[at] == 32 or 9 <= data[at] <= 13


@njit(nogil=True, cache=True, forceinline=True)
def _closes(data, at, end, every, characters):
    """Whether the character at a place is a suffix that ends its chunk, after characters without a rule."""
    if at == end or data[at] > 127 or not _is_over(data, at + 1, end):
        return False
    return characters[data[at]] & SUFFIX != 0 or (data[at] == _FULL_STOP and every & CLOSES != 0)


@njit(nogil=True, cache=True)
def count_words(data, start, end, characters, lexicon, chunk):
    """The words and the sentences of a line."""
    words, state = 0, 0
    at = start
    while at < end:
        at, spaced = _skip_space(data, at, end, characters)
        state = _after_space(state) if spaced else state
        if at == end:
            break
        at, number = read_chunk(data, at, end, characters, chunk)
        found = cut_chunk(data, number, lexicon, chunk)
        for i in range(found):
            first, last = chunk[BEGINS, i], chunk[ENDINGS, i]
            state = _after_word(state, last - first, kinds_of(first, last, chunk))
        words += found
    return words, state >> 1


@njit(nogil=True, cache=True, forceinline=True)
def _after_word(state, length, flags):
    """Twice the sentences so far, plus 1 after a mark that ends one (spaCy's sentencizer)."""
    if length == 1 and flags & ENDS:
        return max(state, 2) | 1
    if state & 1 and not flags & PUNCTUATION:
        return state + 1
    return max(state, 2)


@njit(nogil=True, cache=True, forceinline=True)
def _after_space(state):
    """White space that is a token of its own begins a sentence like a word."""
    return max(state + (state & 1), 2)


@njit(nogil=True, cache=True, forceinline=True)
def _skip_space(data, at, end, characters):
    """Where white space ends, and whether it is more than one blank, which is a token of its own to a sentence."""
    if at < end and data[at] == 32 and at + 1 < end and 32 < data[at + 1] < 128:
        return at + 1, False
    number = 0
    blank = at < end and data[at] == 32
    while at < end:
        code_point, length = decode(data, at)
        if not bits(characters, code_point) & SPACE:
            break
        number += 1
        at += length
    return at, number > 1 or (number == 1 and not blank)


@njit(nogil=True, cache=True, forceinline=True)
def _add_word(key, stops, end, length, flags, hashes, lengths, languages, row):
    words = row[WORDS]
    if words < MOST_WORDS:
        hashes[words] = key
        lengths[words + 1] = lengths[words] + length
        row[COMPARED_CHARACTERS] = end
    row[WORDS] = words + 1
    row[LETTER_WORDS] += flags & LETTER != 0
    if flags & MARK:
        return
    row[PLAIN_WORDS] += 1
    row[PLAIN_CHARACTERS] += length
    row[MINI_WORDS] += length <= 3
    if stops:
        row[STOP_WORDS] |= np.int64(stops >> GOPHER)
        stops &= _LANGUAGE_BITS
        while stops:
            languages[_PLACES[((stops & (~stops + _1)) * _DE_BRUIJN) >> _58]] += 1
            stops &= stops - _1
