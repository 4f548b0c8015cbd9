"""All that the rules count of a text, in one pass a document; ratios are made of the counts elsewhere.

Every statistic comes from the text's own bytes. Line by line the words are found once, for all that asks for words;
the line is put through C4's rules on the way, and what they keep is looked at by FineWeb's again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels import rules_fields as fields
from curate.kernels.c4 import BEYOND, ENDED, KEPT, clean_line
from curate.kernels.rules_characters import count_characters, line_end, strip
from curate.kernels.rules_grams import MOST_WORDS, Grams, grams_room, repeat_words
from curate.kernels.rules_kinds import count_kinds
from curate.kernels.rules_lexicon import most
from curate.kernels.rules_lines import MOST_LINES, line_statistics
from curate.kernels.rules_parse import TABLE, parsed_bytes
from curate.kernels.rules_read import PLANES, chunk_cache, count_stops, count_words, read_words
from curate.kernels.rules_words import chunk_room
from curate.kernels.scan import is_same


class Room(NamedTuple):
    """Scratch for documents of at most a number of bytes.

    chunk: see `rules_words.CODES`. seen, met: uint64, for lines and for paragraphs. text: uint8, what C4 keeps.
    parse: int32. cache: see `rules_read.chunk_cache`.
    languages: uint64, shape (PLANES,), stop words of each by bit-sliced counters: plane k has bit k of every count.
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
        np.empty(PLANES, np.uint64),
        chunk_cache(),
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
        compared = min(row[fields.WORDS], MOST_WORDS)
        count_stops(room.grams.hashes, compared, lexicon, room.languages, room.grams.positions, row)
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
        sentences = read_words(data, first, last, characters, lexicon, chunk, hashes, lengths, languages, cache, row)
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
