"""All that the rules count of a text, in one pass a document; ratios are made of the counts elsewhere.

Every statistic comes from the text's own bytes. Line by line the words are found once, for all that asks for words;
the line is put through C4's rules on the way, and what they keep is looked at by FineWeb's again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels import rules_fields as fields
from curate.kernels.bits import chunk_masks, trailing_zeros
from curate.kernels.c4 import BEYOND, ENDED, KEPT, clean_line
from curate.kernels.rules_characters import (
    CLOSES,
    ENDS,
    LETTER,
    MARK,
    PUNCTUATION,
    SPACE,
    SUFFIX,
    bits,
    count_characters,
    line_end,
    strip,
)
from curate.kernels.rules_grams import MOST_WORDS, Grams, grams_room, repeat_words
from curate.kernels.rules_kinds import count_kinds
from curate.kernels.rules_lexicon import (
    EXCEPTION,
    GOPHER,
    LANGUAGES,
    PIECES,
    STOPS,
    find,
    has_shape,
    hash_word,
    may_know,
    mix_sixteen,
    most,
    sixteen,
)
from curate.kernels.rules_lines import MOST_LINES, line_statistics
from curate.kernels.rules_parse import TABLE, parsed_bytes
from curate.kernels.rules_words import (
    BEGINS,
    ENDINGS,
    PLACES,
    chunk_room,
    cut_chunk,
    kinds_of,
    read_chunk,
)
from curate.kernels.scan import is_same
from curate.kernels.unicode import decode

_FULL_STOP = 46
_0 = np.uint64(0)
_1 = np.uint64(1)
_8 = np.uint64(8)
_BYTE = np.uint64(255)
_BEYOND = np.uint64(1 << 32)
_PLANES = 40
_CACHED = 1024
_CACHE_MASK = np.uint64(_CACHED - 1)
_LETTERS = np.int64(LETTER)
_LANGUAGE_BITS = np.uint64((1 << LANGUAGES) - 1)


class Room(NamedTuple):
    """Scratch for documents of at most a number of bytes.

    chunk: see `rules_words.CODES`. seen, met: uint64, for lines and for paragraphs. text: uint8, what C4 keeps.
    parse: int32.
    languages: uint64, shape (_PLANES,), stop words of each by bit-sliced counters: plane k has bit k of every count.
    cache: uint64, shape (_CACHED, 16), odd chunks met before; a row is the bytes of a chunk (two numbers), its size
    and, from bit 8 on, how many words it is cut into, and of each its hash, its end, length and kinds, and its stop
    word bits.
    """

    chunk: np.ndarray
    grams: Grams
    seen: np.ndarray
    met: np.ndarray
    text: np.ndarray
    parse: np.ndarray
    languages: np.ndarray
    cache: np.ndarray


@njit(nogil=True, cache=True)
def make_room(longest):
    """Scratch for documents of at most `longest` bytes.

    Touched are 1 byte for each of the longest document, 40 to 60 for each of its words and 16 to 32 for each of its
    lines and paragraphs, up to `MOST_WORDS` and `MOST_LINES`: 370 MiB at most beside the text, 4 for a document of
    64 KiB.
    """
    lines = paragraphs = 16
    while lines < 2 * min(longest + 1, MOST_LINES):
        lines *= 2
    while paragraphs < 2 * min(longest // 2 + 1, MOST_LINES):
        paragraphs *= 2
    return Room(
        chunk_room(),
        grams_room(longest),
        np.empty(lines, np.uint64),
        np.empty(paragraphs, np.uint64),
        np.empty(longest + BEYOND, np.uint8),
        np.empty(TABLE, np.int32),
        np.empty(_PLANES, np.uint64),
        np.zeros((_CACHED, 16), np.uint64),
    )


@njit(nogil=True, cache=True)
def measure(offsets, data, characters, lexicon, out):
    """Count: out (n, FIELDS of `rules_fields`) int64; offsets (n + 1,) int64 into the UTF-8 of data."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    room = make_room(longest)
    for i in range(len(offsets) - 1):
        start, end = offsets[i], offsets[i + 1]
        row = out[i]
        row[:] = 0
        row[fields.PARSED_BYTES] = parsed_bytes(data, start, end, room.parse)
        count_kinds(data, start, end, characters, row)
        ascii_only = row[fields.CHARACTERS] == end - start
        line_statistics(
            data, start, end, characters, ascii_only, room.seen, room.met,
            row[fields.LINES : fields.C4_LINES], row[fields.PARAGRAPHS : fields.C4_MARKS],
        )  # fmt: skip
        room.languages[:] = 0
        kept = read_lines(
            data, start, end, characters, lexicon,
            room.chunk, room.grams.hashes, room.grams.lengths, room.languages, room.cache, room.text, row,
        )  # fmt: skip
        row[fields.LANGUAGE], row[fields.LANGUAGE_WORDS] = most(room.languages)
        first, last = strip(room.text, 0, kept, characters)
        if last - first == end - start and is_same(room.text, first, data, start, end - start):
            row[fields.C4_CHARACTERS] = row[fields.CHARACTERS]
            row[fields.C4_LINES : fields.TOPS] = row[fields.LINES : fields.C4_LINES]
        else:
            row[fields.C4_CHARACTERS] = count_characters(room.text, first, last)
            line_statistics(
                room.text, first, last, characters, ascii_only, room.seen, room.met,
                row[fields.C4_LINES : fields.TOPS], row[:0],
            )  # fmt: skip
        _count_repeats(data, start, room.grams, row)


@njit(nogil=True, cache=True, _nrt=False)
def _count_repeats(data, start, grams, row):
    """Repeated words in a row, and the characters of the text as far as words are compared."""
    compared = min(row[fields.WORDS], MOST_WORDS)
    row[fields.DIFFERENT_WORDS] = repeat_words(
        grams, compared, row[fields.TOPS : fields.REPEATS], row[fields.REPEATS : fields.FIELDS]
    )
    if row[fields.WORDS] <= MOST_WORDS:
        row[fields.COMPARED_CHARACTERS] = row[fields.CHARACTERS]
    else:
        row[fields.COMPARED_CHARACTERS] = count_characters(data, start, row[fields.COMPARED_CHARACTERS])


@njit(nogil=True, cache=True, _nrt=False)
def read_lines(data, start, end, characters, lexicon, chunk, hashes, lengths, languages, cache, text, row):
    """Words, sentences and C4's rules, line by line; gives the bytes of what C4 keeps, in `text`."""
    lengths[0] = 0
    kept = 0
    at = start
    while at < end:
        stop, following = line_end(data, at, end)
        first, last = strip(data, at, stop, characters)
        before = row[fields.WORDS]
        sentences = _read_words(data, first, last, characters, lexicon, chunk, hashes, lengths, languages, cache, row)
        words = row[fields.WORDS] - before
        row[fields.ROWS] += 1
        row[fields.SENTENCES] += sentences
        _count_ends(data, first, last, row)
        kind, marks, cited, written = clean_line(data, first, last, characters, False, text, kept)
        row[fields.C4_KINDS + kind] += 1
        row[fields.C4_MARKS] |= marks
        if marks & ENDED:
            row[fields.C4_ENDED_MARKS] |= marks
        if kind == KEPT:
            if cited:
                words, sentences = count_words(text, kept, written, characters, lexicon, chunk)
            row[fields.C4_CITATIONS] += cited
            row[fields.C4_WORDS] += words
            row[fields.C4_SENTENCES] += sentences
            if marks & ENDED:
                row[fields.C4_ENDED_LINES] += 1
                row[fields.C4_ENDED_SENTENCES] += sentences
            text[written] = 10
            kept = written + 1
        at = following
    return kept


@njit(nogil=True, cache=True, _nrt=False)
def _count_ends(data, first, last, row):
    """Whether a line begins with a bullet, and ends with an ellipsis."""
    if last == first:
        return
    row[fields.BULLETS] += data[first] == 45
    if last - first > 2:
        row[fields.BULLETS] += data[first] == 0xE2 and data[first + 1] == 0x80 and data[first + 2] == 0xA2
        a, b, c = data[last - 3], data[last - 2], data[last - 1]
        row[fields.ELLIPSIS_ROWS] += (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)


@njit(nogil=True, cache=True, _nrt=False)
def _read_words(data, start, end, characters, lexicon, chunk, hashes, lengths, languages, cache, row):
    """Count the words of a line, which begins and ends with no white space; gives the sentences.

    Letters with white space or one parted mark after them are a word or two at once; other short chunks are looked up
    among those met before, and cut if they are not there.
    """
    state = 0
    at = start
    while at < end:
        at, spaced = _skip_space(data, at, end, characters)
        state = _after_space(state) if spaced else state
        if at == end:
            break
        run, size = _measure_chunk(data, at, end)
        closed = run + 1 == size and _closes(data, at, at + run, characters)
        if run and (run == size or closed):
            key = hash_word(data, at, at + run)
            pieces, stops = _0, _0
            if may_know(lexicon, key):
                place = find(lexicon, key)
                pieces, stops = lexicon[PIECES, place] & EXCEPTION, lexicon[STOPS, place]
            if not (pieces or (closed and has_shape(lexicon, data[at], data[at + run], size))):
                at += run
                state = _after_word(state, run, _LETTERS)
                _add_word(key, stops, at, run, _LETTERS, hashes, lengths, languages, row)
                if closed:
                    state = _add_mark(data, at, state, characters, hashes, lengths, languages, row)
                    at += 1
                continue
        if 0 < size <= 16:
            low, high = sixteen(data, np.uint64(at), np.uint64(size))
            place = mix_sixteen(np.uint64(size), low, high) & _CACHE_MASK
            met = cache[place]
            known = met[0] == low and met[1] == high and met[2] & _BYTE == np.uint64(size)
            if not (known or _meet(data, at, characters, lexicon, chunk, size, low, high, met)):
                size = 0
            for i in range(np.int64(met[2] >> _8) if size else 0):
                last, packed = at + np.int64(met[3 * i + 4] & _BYTE), np.int64(met[3 * i + 4] >> _8)
                length, flags = packed & 255, packed >> 8
                state = _after_word(state, length, flags)
                _add_word(met[3 * i + 3], met[3 * i + 5], last, length, flags, hashes, lengths, languages, row)
            if size:
                at += size
                continue
        begin = at
        at, number = read_chunk(data, begin, end, characters, chunk)
        for i in range(cut_chunk(data, number, lexicon, chunk)):
            key, stops, stop, length, flags = _word_of(data, i, lexicon, chunk)
            state = _after_word(state, length, flags)
            _add_word(key, stops, stop, length, flags, hashes, lengths, languages, row)
    return state >> 1


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _measure_chunk(data, at, end):
    """How many letters the chunk begins with and how many bytes it has; 0, 0 if it is not ASCII of less than 32."""
    if at + 32 > len(data):
        return 0, 0
    letters, stops = chunk_masks(data, np.uint64(at))
    left = end - at
    if left < 32:
        bit = _1 << np.uint64(left)
        letters &= bit - _1
        stops |= bit
    run = np.int64(trailing_zeros(~letters))
    size = np.int64(trailing_zeros(stops | _BEYOND))
    if size == 32 or (size < left and data[at + size] > 127):
        return 0, 0
    return run, size


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _word_of(data, i, lexicon, chunk):
    """Of the i-th word of a chunk: the hash, stop word bits, end, characters and kinds."""
    first, last = chunk[BEGINS, i], chunk[ENDINGS, i]
    flags = kinds_of(first, last, chunk)
    stop = chunk[PLACES, last]
    key = hash_word(data, chunk[PLACES, first], stop)
    stops = lexicon[STOPS, find(lexicon, key)] if flags & LETTER else _0
    return key, stops, stop, last - first, flags


@njit(nogil=True, cache=True, _nrt=False)
def _meet(data, at, characters, lexicon, chunk, size, low, high, met):
    """Cut a chunk of at most 16 bytes of ASCII and write it to a row of the cache; false if it has too many words."""
    _, number = read_chunk(data, at, at + size, characters, chunk)
    words = cut_chunk(data, number, lexicon, chunk)
    if words > 4:
        return False
    met[0], met[1], met[2] = low, high, np.uint64(words << 8 | size)
    for i in range(words):
        key, stops, stop, length, flags = _word_of(data, i, lexicon, chunk)
        met[3 * i + 3] = key
        met[3 * i + 4] = np.uint64(stop - at | length << 8 | flags << 16)
        met[3 * i + 5] = stops
    return True


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_mark(data, at, state, characters, hashes, lengths, languages, row):
    """Add a mark as a word of its own; gives the state after it."""
    flags = np.int64(characters[data[at]])
    _add_word(hash_word(data, at, at + 1), _0, at + 1, 1, flags, hashes, lengths, languages, row)
    return _after_word(state, 1, flags)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _closes(data, begin, at, characters):
    """Whether the ASCII character at a place is a suffix after the letters from `begin` on."""
    if data[at] > 127:
        return False
    if characters[data[at]] & SUFFIX:
        return True
    return data[at] == _FULL_STOP and at > begin and characters[data[at - 1]] & CLOSES != 0


@njit(nogil=True, cache=True, _nrt=False)
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


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _after_word(state, length, flags):
    """Twice the sentences so far, plus 1 after a mark that ends one (spaCy's sentencizer)."""
    if length == 1 and flags & ENDS:
        return max(state, 2) | 1
    if state & 1 and not flags & PUNCTUATION:
        return state + 1
    return max(state, 2)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _after_space(state):
    """White space that is a token of its own begins a sentence like a word."""
    return max(state + (state & 1), 2)


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
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


@njit(nogil=True, cache=True, forceinline=True, _nrt=False)
def _add_word(key, stops, end, length, flags, hashes, lengths, languages, row):
    words = row[fields.WORDS]
    if words < MOST_WORDS:
        hashes[words] = key
        lengths[words + 1] = lengths[words] + length
        row[fields.COMPARED_CHARACTERS] = end
    row[fields.WORDS] = words + 1
    row[fields.LETTER_WORDS] += flags & LETTER != 0
    if flags & MARK:
        return
    row[fields.PLAIN_WORDS] += 1
    row[fields.PLAIN_CHARACTERS] += length
    row[fields.MINI_WORDS] += length <= 3
    if stops:
        row[fields.STOP_WORDS] |= np.int64(stops >> GOPHER)
        carry, plane = stops & _LANGUAGE_BITS, 0
        while carry:
            before = languages[plane]
            languages[plane] = before ^ carry
            carry &= before
            plane += 1
