"""Words and character n-grams as rows of a table, and documents as weighted sums of such rows.

A *feature* is a row number: of a known word, or, after the known words, of the bucket of a piece of an unknown one.

Sums run over the features of a document in the order of first occurrence, one after another, and
over the columns side by side, so that their bytes depend on the document and the table alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.embed_words import PIECES, pieces, read_words
from curate.kernels.sparse import add_rows

_NONE = np.uint64(0)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_RANK = np.uint64(0xFFFF)
_ONE = np.uint64(1)
_NOTHING = np.float32(0)
_AT_ONCE = 2_048

MOST_WORDS = 0xFFFF
"""A vocabulary holds no more words."""


class Vocabulary(NamedTuple):
    """The known words, as an open hash table, and the number of buckets for the pieces of all others.

    entries: uint64, a power of two of slots, more than there are words: the upper 48 bits of a word's hash, and its
    number plus one; 0 is an empty slot. words: how many. mask: buckets - 1, uint64.
    """

    entries: np.ndarray
    words: int
    mask: np.uint64


@njit(nogil=True, cache=True)
def _rank(entries, value):
    """The number of the word with this hash, -1 if there is none."""
    mask = np.uint64(len(entries) - 1)
    at = value & mask
    while True:
        entry = entries[at]
        if entry == _NONE:
            return np.int64(-1)
        if (entry ^ value) <= _RANK:
            return np.int64(entry & _RANK) - 1
        at = (at + _ONE) & mask


@njit(nogil=True, cache=True)
def place_words(words, entries):
    """Fill an empty hash table so that words[i] is found with rank i; of hashes alike in 48 bits, the first."""
    mask = np.uint64(len(entries) - 1)
    for i in range(len(words)):
        if _rank(entries, words[i]) >= 0:
            continue
        at = words[i] & mask
        while entries[at] != _NONE:
            at = (at + _ONE) & mask
        entries[at] = (words[i] & ~_RANK) | np.uint64(i + 1)


@njit(nogil=True, cache=True)
def number_words(hashes, ends, keys, ranks, words, documents):
    """Number the distinct words in order of first occurrence and count the documents of each.

    keys, ranks: an empty hash table of a power of two of slots, uint64 and int32. words, documents: uint64 and
    int32, room for half as many. Gives the number of them, or -1 where there are more.
    """
    found = 0
    last = np.full(len(words), -1, dtype=np.int32)
    mask = np.uint64(len(keys) - 1)
    at = 0
    for i in range(len(ends)):
        while at < ends[i]:
            value = hashes[at]
            slot = value & mask
            while keys[slot] != _NONE and keys[slot] != value:
                slot = (slot + _ONE) & mask
            if keys[slot] == _NONE:
                if found == len(words):
                    return -1
                keys[slot] = value
                ranks[slot] = found
                words[found] = value
                documents[found] = 0
                found += 1
            rank = ranks[slot]
            if last[rank] != i:
                last[rank] = i
                documents[rank] += 1
            at += 1
    return found


@njit(nogil=True, cache=True)
def find_pieces(hashes, starts, stops, data, alphabet, vocabulary, found, lengths):
    """Pieces of every known word among those given.

    found: int32 (words, PIECES). lengths: int32 (words,), -1 until a word is met, then its number of pieces.
    """
    buckets = np.empty(PIECES, dtype=np.int64)
    for i in range(len(hashes)):
        rank = _rank(vocabulary.entries, hashes[i])
        if rank < 0 or lengths[rank] >= 0:
            continue
        lengths[rank] = pieces(data, starts[i], stops[i], alphabet, vocabulary.mask, buckets)
        for j in range(lengths[rank]):
            found[rank, j] = buckets[j]


@njit(nogil=True, cache=True)
def _add(row, counts, touched, found):
    touched[found] = row
    found += counts[row] == 0
    counts[row] += 1
    return found


@njit(nogil=True, cache=True)
def _add_words(hashes, starts, stops, data, alphabet, vocabulary, buckets, counts, touched, found):
    """Count the features of words in counts, list new ones in touched behind the first `found`, give their number."""
    for i in range(len(hashes)):
        rank = _rank(vocabulary.entries, hashes[i])
        if rank >= 0:
            found = _add(rank, counts, touched, found)
            continue
        for j in range(pieces(data, starts[i], stops[i], alphabet, vocabulary.mask, buckets)):
            found = _add(vocabulary.words + buckets[j], counts, touched, found)
    return found


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
def count_features(hashes, starts, stops, word_ends, data, alphabet, vocabulary, rows, weights, ends):
    """Features of documents, whose words are as `hash_words` gives them, as a sparse matrix of 1 + ln(count).

    rows, weights: int32 and float32, as long as they must be, or of length 0 to count only. ends: int64 (n,).
    """
    buckets = np.empty(PIECES, dtype=np.int64)
    features = vocabulary.words + np.int64(vocabulary.mask) + 1
    counts = np.zeros(features, dtype=np.int32)
    touched = np.empty(features + 1, dtype=np.int64)
    usual = _sublinear()
    n = start = 0
    for i in range(len(ends)):
        stop = word_ends[i]
        words = hashes[start:stop], starts[start:stop], stops[start:stop]
        found = _add_words(*words, data, alphabet, vocabulary, buckets, counts, touched, 0)
        for j in range(found):
            row = touched[j]
            if len(rows):
                rows[n] = row
                weights[n] = _weight(counts[row], usual)
            counts[row] = 0
            n += 1
        ends[i] = n
        start = stop


@njit(nogil=True, cache=True)
def embed_documents(offsets, data, alphabet, vocabulary, table, scales, centre, out, known):
    """Vectors of documents: the sum of their features' rows, at length one, less the centre, again at length one.

    table: int8 (features, d), scales: float32 (features,), the row of a feature being table * scale: at four
    bytes a number the rows would come from memory rather than from the cache. centre: float32 (d,).
    out: float32 (n, d). known: bool (n,), false, and the vector zero, for a document without a feature, or
    whose features' rows are zero.
    """
    buckets = np.empty(PIECES, dtype=np.int64)
    hashes = np.empty(_AT_ONCE, dtype=np.uint64)
    starts, stops = np.empty(_AT_ONCE, dtype=np.int64), np.empty(_AT_ONCE, dtype=np.int64)
    last = np.empty(3, dtype=np.uint64)
    counts = np.zeros(len(table), dtype=np.int32)
    touched = np.empty(len(table) + 1, dtype=np.int64)
    usual = _sublinear()
    for i in range(len(out)):
        at, end, found = np.uint64(offsets[i]), np.uint64(offsets[i + 1]), 0
        last[2] = _ALL
        while at < end:
            count, at = read_words(data, at, end, alphabet, last, hashes, starts, stops)
            words = hashes[:count], starts[:count], stops[:count]
            found = _add_words(*words, data, alphabet, vocabulary, buckets, counts, touched, found)
        _sum_rows(touched[:found], counts, usual, table, scales, out[i])
        known[i] = _normalise(out[i])
        if known[i]:
            for k in range(out.shape[1]):
                out[i, k] -= centre[k]
            known[i] = _normalise(out[i])


@njit(nogil=True, cache=True)
def _sum_rows(touched, counts, usual, table, scales, total):
    """The weighted sum of the rows of features, whose counts are set to zero."""
    total[:] = 0
    for j in range(0, len(touched), 2):
        first, second, second_weight = touched[j], touched[j], _NOTHING
        first_weight = _weight(counts[first], usual) * scales[first]
        if j + 1 < len(touched):
            second = touched[j + 1]
            second_weight = _weight(counts[second], usual) * scales[second]
        counts[first] = counts[second] = 0
        add_rows(table, first, first_weight, second, second_weight, total)


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
