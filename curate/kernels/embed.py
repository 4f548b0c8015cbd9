"""Words and character n-grams as rows of a table, and documents as weighted sums of such rows.

A *word* is a run of word alphabet, in lower case, every digit read as zero; a character of a
script without spaces is a word by itself, and so is each adjacent pair of them. Its *pieces* are
the n-grams of its letters between two boundary marks, hashed into buckets, so that a word never
seen before still says something. A *feature* is a row number: of a known word, or, after the known
words, of a bucket.

Sums run over the features of a document in the order of first occurrence, one after another, and
over the columns side by side, so that their bytes depend on the document and the table alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit, unicode
from curate.kernels.hashing import mix64
from curate.kernels.sparse import add_rows
from curate.kernels.unicode import DIGIT, PUNCTUATION, SINGLE, SPACE, WORD, decode

_PRIME = np.uint64(0x100000001B3)
_START = np.uint64(0xCBF29CE484222325)
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_NONE = np.uint64(0)
_NOTHING = np.float32(0)
_BOUNDARY = np.uint64(0x110000)
_ZERO = 48
_ALONE = np.int32(1 << 24)
_JOINS = np.int32(1 << 25)
_ELSEWHERE = np.int64(-1)

LETTERS = 40
"""Letters of a word that its pieces are made of: longer words are addresses, keys and encoded bytes."""
SHORTEST, LONGEST = 3, 4
PIECES = 2 * LETTERS
"""At most so many pieces has a word."""


class Vocabulary(NamedTuple):
    """The known words, as an open hash table, and the number of buckets for the pieces of all others.

    keys: uint64, a power of two of slots, more than there are words; 0 is an empty slot.
    ranks: int32, the number of the word in each slot. words: how many. mask: buckets - 1, uint64.
    """

    keys: np.ndarray
    ranks: np.ndarray
    words: int
    mask: np.uint64


def alphabet() -> np.ndarray:
    """What each code point counts as: int32, shape (0x110000,); 0 parts words, others are a letter and its marks."""
    flags, lower = unicode.flags(), unicode.lower()
    kinds = flags.leaves.reshape(-1, 256)[flags.pages].reshape(-1)
    code_points = np.arange(len(kinds), dtype=np.int32)
    letters = np.where(kinds & DIGIT, _ZERO, code_points + lower.leaves.reshape(-1, 256)[lower.pages].reshape(-1))
    letters[kinds & SINGLE != 0] |= _ALONE
    # Below U+2000 what is neither a letter nor punctuation is all but always a vowel sign or an accent.
    signs = (kinds & (WORD | SPACE | PUNCTUATION) == 0) & (code_points >= 0x300) & (code_points < 0x2000)
    letters = np.where(kinds & WORD, letters, np.where(signs, code_points | _JOINS, 0))
    return letters.astype(np.int32)


@njit(nogil=True, cache=True)
def _next_word(data, at, end, alphabet):
    """The next word of data[at:end]: its hash, its number of letters, its start and its end.

    No letters: the text is at its end. A negative number: a character of a script without spaces.
    """
    while at < end:
        code_point, step = np.int64(data[at]), 1
        if code_point >= 0x80:
            code_point, step = decode(data, at)
        letter = alphabet[code_point]
        if letter != 0 and not letter & _JOINS:
            break
        at += step
    start = at
    value = _START
    length = 0
    while at < end:
        code_point, step = np.int64(data[at]), 1
        if code_point >= 0x80:
            code_point, step = decode(data, at)
        letter = alphabet[code_point]
        if letter == 0:
            break
        if letter & _ALONE:
            if length:
                break
            return mix64((value ^ np.uint64(letter)) * _PRIME), -1, at, at + step
        value = (value ^ np.uint64(letter)) * _PRIME
        length += 1
        at += step
    return mix64(value), length, start, at


@njit(nogil=True, cache=True)
def _read_letters(data, at, end, alphabet, letters):
    """The first LETTERS letters of the word data[at:end], into letters; gives their number."""
    found = 0
    while at < end and found < LETTERS:
        code_point, step = decode(data, at)
        letters[found] = alphabet[code_point]
        found += 1
        at += step
    return found


@njit(nogil=True, cache=True)
def _pieces(data, start, end, alphabet, mask, letters, out):
    """Buckets of the n-grams of the word data[start:end] between boundary marks, into out; gives their number."""
    length = _read_letters(data, start, end, alphabet, letters)
    found = 0
    for size in range(SHORTEST, LONGEST + 1):
        for first in range(-1, length + 2 - size):
            value = _START
            for i in range(first, first + size):
                letter = _BOUNDARY if i < 0 or i >= length else np.uint64(letters[i])
                value = (value ^ letter) * _PRIME
            out[found] = np.int64(mix64(value) & mask)
            found += 1
    return found


@njit(nogil=True, cache=True)
def _slot(keys, value):
    """Where a hash is, or would be put."""
    mask = np.uint64(len(keys) - 1)
    at = value & mask
    while keys[at] != _NONE and keys[at] != value:
        at = (at + np.uint64(1)) & mask
    return at


@njit(nogil=True, cache=True)
def hash_words(offsets, data, alphabet, out, starts, stops, ends):
    """Hashes of every document's words and pairs, in order, and where in data each is.

    out, starts, stops: uint64, int64 and int64, as long as they must be, or of length 0 to leave out.
    ends: int64 (n,), the number of words and pairs up to the end of each document.
    """
    n = 0
    for i in range(len(ends)):
        at, end = offsets[i], offsets[i + 1]
        last, last_start, last_end = _NONE, _ELSEWHERE, _ELSEWHERE
        while True:
            value, length, start, at = _next_word(data, at, end, alphabet)
            if length == 0:
                break
            _put(n, value, start, at, out, starts, stops)
            n += 1
            if length < 0 and start == last_end:
                _put(n, mix64(last * _PAIR ^ value), last_start, at, out, starts, stops)
                n += 1
            last, last_start, last_end = value, start, at if length < 0 else _ELSEWHERE
        ends[i] = n


@njit(nogil=True, cache=True)
def _put(n, value, start, stop, out, starts, stops):
    if len(out):
        out[n] = value
    if len(starts):
        starts[n] = start
        stops[n] = stop


@njit(nogil=True, cache=True)
def number_words(hashes, ends, keys, ranks, words, documents):
    """Number the distinct words in order of first occurrence and count the documents of each.

    keys, ranks: a hash table as in `Vocabulary`, empty. words, documents: uint64 and int32, room for
    every distinct word. Gives the number of them.
    """
    found = 0
    last = np.full(len(words), -1, dtype=np.int32)
    at = 0
    for i in range(len(ends)):
        while at < ends[i]:
            slot = _slot(keys, hashes[at])
            if keys[slot] == _NONE:
                keys[slot] = hashes[at]
                ranks[slot] = found
                words[found] = hashes[at]
                documents[found] = 0
                found += 1
            rank = ranks[slot]
            if last[rank] != i:
                last[rank] = i
                documents[rank] += 1
            at += 1
    return found


@njit(nogil=True, cache=True)
def place_words(words, keys, ranks):
    """Fill an empty hash table so that words[i] is found with rank i."""
    for i in range(len(words)):
        slot = _slot(keys, words[i])
        keys[slot] = words[i]
        ranks[slot] = i


@njit(nogil=True, cache=True)
def find_pieces(offsets, data, alphabet, vocabulary, pieces, lengths):
    """Pieces of every known word that occurs in the documents.

    pieces: int32 (words, PIECES). lengths: int32 (words,), -1 until a word is met, then its number of pieces.
    """
    letters = np.empty(LETTERS, dtype=np.int64)
    buckets = np.empty(PIECES, dtype=np.int64)
    for i in range(len(offsets) - 1):
        at, end = offsets[i], offsets[i + 1]
        while True:
            value, length, start, at = _next_word(data, at, end, alphabet)
            if length == 0:
                break
            slot = _slot(vocabulary.keys, value)
            if vocabulary.keys[slot] == _NONE or lengths[vocabulary.ranks[slot]] >= 0:
                continue
            rank = vocabulary.ranks[slot]
            found = _pieces(data, start, at, alphabet, vocabulary.mask, letters, buckets) if length > 0 else 0
            for j in range(found):
                pieces[rank, j] = buckets[j]
            lengths[rank] = found


@njit(nogil=True, cache=True)
def _add(row, counts, touched, found):
    if counts[row] == 0:
        touched[found] = row
        found += 1
    counts[row] += 1
    return found


@njit(nogil=True, cache=True)
def _features(data, at, end, alphabet, vocabulary, letters, buckets, counts, touched):
    """Count the features of data[at:end] in counts, list them in touched, give their number."""
    last, last_end = _NONE, _ELSEWHERE
    found = 0
    while True:
        value, length, start, at = _next_word(data, at, end, alphabet)
        if length == 0:
            return found
        slot = _slot(vocabulary.keys, value)
        if vocabulary.keys[slot] != _NONE:
            found = _add(vocabulary.ranks[slot], counts, touched, found)
        elif length > 0:
            for j in range(_pieces(data, start, at, alphabet, vocabulary.mask, letters, buckets)):
                found = _add(vocabulary.words + buckets[j], counts, touched, found)
        if length < 0 and start == last_end:
            slot = _slot(vocabulary.keys, mix64(last * _PAIR ^ value))
            if vocabulary.keys[slot] != _NONE:
                found = _add(vocabulary.ranks[slot], counts, touched, found)
        last, last_end = value, at if length < 0 else _ELSEWHERE


@njit(nogil=True, cache=True)
def _sublinear():
    """1 + ln(count), for the counts that are usual."""
    out = np.zeros(256, dtype=np.float32)
    for count in range(1, len(out)):
        out[count] = _weight(count, out[:0])
    return out


@njit(nogil=True, cache=True)
def _weight(count, usual):
    return usual[count] if count < len(usual) else np.float32(1.0 + np.log(np.float64(count)))


@njit(nogil=True, cache=True)
def count_features(offsets, data, alphabet, vocabulary, rows, weights, ends):
    """Features of documents as a sparse matrix of sublinear counts, 1 + ln(count).

    rows, weights: int32 and float32, as long as they must be, or of length 0 to count only. ends: int64 (n,).
    """
    letters = np.empty(LETTERS, dtype=np.int64)
    buckets = np.empty(PIECES, dtype=np.int64)
    features = vocabulary.words + np.int64(vocabulary.mask) + 1
    counts = np.zeros(features, dtype=np.int32)
    touched = np.empty(features, dtype=np.int64)
    usual = _sublinear()
    n = 0
    for i in range(len(ends)):
        found = _features(data, offsets[i], offsets[i + 1], alphabet, vocabulary, letters, buckets, counts, touched)
        for j in range(found):
            row = touched[j]
            if len(rows):
                rows[n] = row
                weights[n] = _weight(counts[row], usual)
            counts[row] = 0
            n += 1
        ends[i] = n


@njit(nogil=True, cache=True)
def embed_documents(offsets, data, alphabet, vocabulary, table, scales, centre, out, known):
    """Vectors of documents: the sum of their features' rows, at length one, less the centre, again at length one.

    table: int8 (features, d), scales: float32 (features,), the row of a feature being table * scale: at four
    bytes a number the rows would come from memory rather than from the cache. centre: float32 (d,).
    out: float32 (n, d). known: bool (n,), false, and the vector zero, for a document without a feature, or
    whose features' rows are zero.
    """
    letters = np.empty(LETTERS, dtype=np.int64)
    buckets = np.empty(PIECES, dtype=np.int64)
    counts = np.zeros(len(table), dtype=np.int32)
    touched = np.empty(len(table), dtype=np.int64)
    usual = _sublinear()
    for i in range(len(out)):
        found = _features(data, offsets[i], offsets[i + 1], alphabet, vocabulary, letters, buckets, counts, touched)
        total = out[i]
        total[:] = 0
        for j in range(0, found, 2):
            first = touched[j]
            second = touched[j + 1] if j + 1 < found else first
            second_weight = _weight(counts[second], usual) * scales[second] if j + 1 < found else _NOTHING
            add_rows(table, first, _weight(counts[first], usual) * scales[first], second, second_weight, total)
        for j in range(found):
            counts[touched[j]] = 0
        known[i] = _normalise(total)
        if known[i]:
            for k in range(len(total)):
                total[k] -= centre[k]
            known[i] = _normalise(total)


@njit(nogil=True, cache=True)
def _normalise(vector):
    total = 0.0
    for k in range(len(vector)):
        total += np.float64(vector[k]) * np.float64(vector[k])
    if total <= 1e-12:
        vector[:] = 0
        return False
    scale = np.float32(1.0 / np.sqrt(total))
    for k in range(len(vector)):
        vector[k] *= scale
    return True
