"""What fastText models read in a text (Joulin et al. 2017, arXiv 1607.01759; hashes of version 12 of its files).

A text is read as one line: its words lie between blanks, a newline is a blank, and the end of line follows as a word
of its own. A word has a row of the input matrix, each of its character n-grams one, and each n-gram of words one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit

ROWS_AT_ONCE = 4096

_HASH_START = np.uint32(2166136261)
_HASH_FACTOR = np.uint32(16777619)
_NGRAM_FACTOR = np.uint64(116049371)
_ENTRY_BYTES = 9
_SHORT = 254
_LABEL, END_OF_LINE = (np.frombuffer(word, dtype=np.uint8).copy() for word in (b"__label__", b"</s>"))
_LOW_32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


class Words(NamedTuple):
    """The dictionary. data: uint8. starts: int64 (words and then labels,), where each begins in `data`; a 0 ends it.

    slots: uint64, a power of two of them: an id plus 1 and, above it, the hash; 0 for none.
    kept: int32 (buckets,), the row of each bucket, -1 where it was pruned away; (0,) where none was.
    subwords, subword_starts: uint32 and int64 (words + 1,), the rows of each word's character n-grams.
    """

    data: np.ndarray
    starts: np.ndarray
    slots: np.ndarray
    kept: np.ndarray
    subwords: np.ndarray
    subword_starts: np.ndarray


class Settings(NamedTuple):
    """words: how many of the dictionary are no labels. least, most: lengths of character n-grams; 0 is none.

    reciprocal: 2 ** 64 over `buckets`, rounded up; uint64.
    """

    words: int
    word_ngrams: int
    buckets: int
    reciprocal: np.uint64
    least: int
    most: int
    loss: int


class Place(NamedTuple):
    """How far reading a text has come. at: behind the last word begun. begin: where that begins.

    inside: the byte of `<word>` whose character n-grams come next, -1 when they are done. words: how many are read.
    ended: whether the end of line was.
    """

    at: int
    begin: int
    inside: int
    words: int
    ended: bool


class Room(NamedTuple):
    """What a text needs on the way. rows: uint32, `ROWS_AT_ONCE` and those of a short word. word: uint8, a short word.

    hashes: int32, for all words of the text.
    """

    rows: np.ndarray
    hashes: np.ndarray
    word: np.ndarray


def room(longest: int, settings: Settings) -> Room:
    """For texts of up to so many bytes: 2 bytes of memory for each, and 16 KiB."""
    at_once = ROWS_AT_ONCE + (settings.most + 1) * (_SHORT + 2) + settings.word_ngrams
    return Room(np.empty(at_once, np.uint32), np.empty(longest // 2 + 2, np.int32), np.empty(_SHORT + 2, np.uint8))


@njit(nogil=True, cache=True)
def find_entries(data, at, starts, ends, counts):
    """Where the entries of a dictionary lie, and their counts; gives the place behind them, -1 if they do not end."""
    for i in range(len(starts)):
        starts[i] = at
        while at < len(data) and data[at] != 0:
            at += 1
        ends[i] = at
        if at + 1 + _ENTRY_BYTES > len(data):
            return -1
        count = np.uint64(0)
        for k in range(8):
            count |= np.uint64(data[at + 1 + k]) << np.uint64(8 * k)
        counts[i] = np.int64(count)
        at += 1 + _ENTRY_BYTES
    return at


@njit(nogil=True, cache=True)
def fill_slots(data, starts, ends, slots):
    """Enter every word; slots: uint64, zeros, a power of two and more than there are words."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(starts)):
        value = _hash(data, starts[i], ends[i], _HASH_START)
        at = np.uint64(value) & mask
        while slots[at]:
            at = (at + np.uint64(1)) & mask
        slots[at] = np.uint64(value) << _32 | np.uint64(i + 1)


@njit(nogil=True, cache=True)
def _hash(data, start, end, value):
    """FNV-1a of signed bytes, going on from `value`."""
    for i in range(start, end):
        value = np.uint32((value ^ np.uint32(np.int8(data[i]))) * _HASH_FACTOR)
    return value


@njit(nogil=True, cache=True)
def _find(words_data, starts, slots, value, data, start, end):
    """The id of a word of that hash, -1 for none."""
    mask = np.uint64(len(slots) - 1)
    at = np.uint64(value) & mask
    while slots[at]:
        if slots[at] >> _32 == np.uint64(value):
            word = np.int64(slots[at] & _LOW_32) - 1
            stop = starts[word] + end - start
            if stop < len(words_data) and words_data[stop] == 0 and _equal(words_data, starts[word], data, start, end):
                return word
        at = (at + np.uint64(1)) & mask
    return -1


@njit(nogil=True, cache=True)
def _equal(left, at, right, start, end):
    """Whether the bytes of `left` from `at` on begin with right[start:end]."""
    i = start
    while i < end and left[at + i - start] == right[i]:
        i += 1
    return i == end


@njit(nogil=True, cache=True)
def _blank(byte):
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@njit(nogil=True, cache=True)
def _is_end_of_line(data, start, end):
    """Whether a word is `</s>`."""
    if end - start != 4 or data[start] != 60 or data[start + 1] != 47:
        return False
    return data[start + 2] == 115 and data[start + 3] == 62


@njit(nogil=True, cache=True)
def _is_label(data, start, end):
    """Whether a word begins with `__label__`."""
    return end - start >= len(_LABEL) and _equal(data, start, _LABEL, 0, len(_LABEL))


@njit(nogil=True, cache=True)
def read(data, end, words, settings, room, first, place):
    """Rows of words and of their character n-grams, until the text ends or there are `ROWS_AT_ONCE`.

    The hashes of words go to `room.hashes`, from `first` on. Gives the new place, the last word of which may still have
    n-grams to come, and the number of rows.
    """
    words_data, starts, slots, kept, subwords, subword_starts = words
    rows, hashes, short = room
    at, begin, inside, number, ended = place
    filled = 0
    while filled < ROWS_AT_ONCE:
        if inside >= 0:
            size = at - begin + 2
            while inside < size and filled < ROWS_AT_ONCE:
                filled = _subwords(data, begin, size, inside, settings, kept, rows, filled)
                inside += 1
            if inside == size:
                inside = -1
            continue
        while at < end and _blank(data[at]):
            at += 1
        if at == end or ended:
            break
        begin = at
        value = _HASH_START
        while at < end and not _blank(data[at]):
            value = np.uint32((value ^ np.uint32(np.int8(data[at]))) * _HASH_FACTOR)
            at += 1
        word = _find(words_data, starts, slots, value, data, begin, at)
        if word >= settings.words or (word < 0 and _is_label(data, begin, at)):
            continue
        ended = _is_end_of_line(data, begin, at)
        hashes[first + number] = np.int32(value)
        number += 1
        if word >= 0:
            rows[filled] = word
            filled += 1
        if settings.most == 0 or ended:
            continue
        if at - begin > _SHORT:
            inside = 0
        elif word >= 0:
            for i in range(subword_starts[word], subword_starts[word + 1]):
                rows[filled] = subwords[i]
                filled += 1
        else:
            filled = _short_subwords(data, begin, at, settings, kept, short, rows, filled)
    return Place(at, begin, inside, number, ended), filled


@njit(nogil=True, cache=True)
def _short_subwords(data, start, end, settings, kept, word, rows, filled):
    """Rows of the character n-grams of a word, by their first character and then by length."""
    size = end - start + 2
    word[0], word[size - 1] = np.uint8(60), np.uint8(62)
    for i in range(end - start):
        word[i + 1] = data[start + i]
    for i in range(size):
        if word[i] & 0xC0 == 0x80:
            continue
        value, j, number = _HASH_START, i, 0
        while j < size and number < settings.most:
            value = np.uint32((value ^ np.uint32(np.int8(word[j]))) * _HASH_FACTOR)
            j += 1
            while j < size and word[j] & 0xC0 == 0x80:
                value = np.uint32((value ^ np.uint32(np.int8(word[j]))) * _HASH_FACTOR)
                j += 1
            number += 1
            if number >= settings.least and not (number == 1 and (i == 0 or j == size)):
                filled = _push(_bucket(value, settings), settings, kept, rows, filled)
    return filled


@njit(nogil=True, cache=True)
def count_subwords(data, starts, ends, settings, kept, counts):
    """How many character n-grams each short word but the end of line has a row for; counts: int64."""
    word, rows = np.empty(_SHORT + 2, np.uint8), np.empty((_SHORT + 2) * settings.most, np.uint32)
    for i in range(len(counts)):
        counts[i] = 0
        if ends[i] - starts[i] <= _SHORT and not _is_end_of_line(data, starts[i], ends[i]):
            counts[i] = _short_subwords(data, starts[i], ends[i], settings, kept, word, rows, 0)


@njit(nogil=True, cache=True)
def list_subwords(data, starts, ends, settings, kept, subword_starts, out):
    """Those rows; subword_starts: int64 (words + 1,), out: uint32 (subword_starts[words],)."""
    word = np.empty(_SHORT + 2, np.uint8)
    for i in range(len(subword_starts) - 1):
        if subword_starts[i] < subword_starts[i + 1]:
            rows = out[subword_starts[i] : subword_starts[i + 1]]
            _short_subwords(data, starts[i], ends[i], settings, kept, word, rows, 0)


@njit(nogil=True, cache=True)
def _bucket(value, settings):
    """The remainder of a hash by the buckets, without a division (Lemire, Kaser and Kurz 2019, arXiv 1902.01961)."""
    low = np.uint64(value) * settings.reciprocal
    buckets = np.uint64(settings.buckets)
    return np.int64(((low >> _32) * buckets + (((low & _LOW_32) * buckets) >> _32)) >> _32)


@njit(nogil=True, cache=True)
def _subwords(data, start, size, i, settings, kept, rows, filled):
    """The same for those alone that begin with byte i of `<word>`, however long that is."""
    if _continues(data, start, size, i):
        return filled
    value, j, number = _HASH_START, i, 0
    while j < size and number < settings.most:
        value = _with_byte(data, start, size, j, value)
        j += 1
        while j < size and _continues(data, start, size, j):
            value = _with_byte(data, start, size, j, value)
            j += 1
        number += 1
        if number >= settings.least and not (number == 1 and (i == 0 or j == size)):
            filled = _push(_bucket(value, settings), settings, kept, rows, filled)
    return filled


@njit(nogil=True, cache=True)
def _continues(data, start, size, i):
    """Whether byte i of `<word>` is not the first of its character."""
    return 0 < i < size - 1 and data[start + i - 1] & 0xC0 == 0x80


@njit(nogil=True, cache=True)
def _with_byte(data, start, size, i, value):
    byte = np.uint8(60) if i == 0 else np.uint8(62) if i == size - 1 else data[start + i - 1]
    return np.uint32((value ^ np.uint32(np.int8(byte))) * _HASH_FACTOR)


@njit(nogil=True, cache=True)
def _push(bucket, settings, kept, rows, filled):
    if len(kept):
        bucket = np.int64(kept[bucket])
        if bucket < 0:
            return filled
    rows[filled] = settings.words + bucket
    return filled + 1


@njit(nogil=True, cache=True)
def word_ngrams(hashes, first, settings, kept, rows):
    """Rows of the n-grams of words from `first` on; gives the word that comes next and the number of rows."""
    filled = 0
    while first < len(hashes) and filled < ROWS_AT_ONCE:
        value = np.uint64(np.int64(hashes[first]))
        for j in range(first + 1, min(len(hashes), first + settings.word_ngrams)):
            value = value * _NGRAM_FACTOR + np.uint64(np.int64(hashes[j]))
            filled = _push(np.int64(value % np.uint64(settings.buckets)), settings, kept, rows, filled)
        first += 1
    return first, filled


@njit(nogil=True, cache=True)
def has_words(offsets, data, out):
    """Whether each text has anything but blanks; out: bool (n,)."""
    for i in range(len(out)):
        at = offsets[i]
        while at < offsets[i + 1] and _blank(data[at]):
            at += 1
        out[i] = at < offsets[i + 1]
