"""Sets of n-grams, or of what a sketch holds, as runs of ascending distinct 64-bit hashes.

Two different n-grams share a hash with probability 2**-64, so a similarity of two sets is wrong with
probability below |x| |y| / 2**64: for two documents of a million n-grams 5e-8.
"""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64
from curate.kernels.minhash import sketch
from curate.kernels.words import hash_ngrams, hash_tokens, most_tokens

_SMALL_BUCKET = 24
_32 = np.uint64(32)


@njit(nogil=True, cache=True)
def sorted_set(hashes, count, ends, out):
    """The distinct ones of the first `count` hashes, ascending; gives how many.

    Hashes are spread evenly, so they are dealt into as many buckets by their highest bits; then few are out of
    place, and by little. ends: int32, room for count + 1. out: uint64, room for count.
    """
    scale = np.uint64(count)
    ends[: count + 1] = 0
    for i in range(count):
        ends[((hashes[i] >> _32) * scale) >> _32] += 1
    total = 0
    largest = 0
    for i in range(count):
        size = ends[i]
        ends[i] = total
        total += size
        largest = max(largest, size)
    for i in range(count):
        bucket = ((hashes[i] >> _32) * scale) >> _32
        out[ends[bucket]] = hashes[i]
        ends[bucket] += 1
    if largest > _SMALL_BUCKET:
        _sort_large(out, count, ends)
    _insert_sorted(out, count)
    kept = 0
    for i in range(count):
        out[kept] = out[i]
        kept += i + 1 == count or out[i] != out[i + 1]
    return kept


@njit(nogil=True, cache=True)
def _sort_large(values, count, ends):
    start = 0
    for i in range(count):
        if ends[i] - start > _SMALL_BUCKET:
            values[start : ends[i]].sort()
        start = ends[i]


@njit(nogil=True, cache=True)
def _insert_sorted(values, count):
    for i in range(1, count):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@njit(nogil=True, cache=True)
def document_sets(offsets, data, rows, wanted, tables, unit, ngram, set_offsets, sets):
    """The n-gram sets of the documents `rows`, empty where not `wanted`.

    unit: of `words.hash_tokens`. set_offsets: int64, shape (len(rows) + 1,).
    sets: uint64, room for `words.most_tokens` of each wanted document.
    """
    hashes = np.empty(_longest(offsets, rows, unit), dtype=np.uint64)
    ends = np.empty(len(hashes) + 1, dtype=np.int32)
    spans = np.empty((0, 2), dtype=np.int64)
    total = 0
    set_offsets[0] = 0
    for i in range(len(rows)):
        if wanted[i]:
            count = hash_tokens(data, offsets[rows[i]], offsets[rows[i] + 1], tables, unit, hashes, spans)
            total += sorted_set(hashes, hash_ngrams(hashes, count, ngram), ends, sets[total:])
        set_offsets[i + 1] = total


@njit(nogil=True, cache=True)
def document_sketches(offsets, data, rows, wanted, tables, unit, ngram, permutations, set_offsets, sets):
    """The sketches of the documents `rows` as sets: one element for each bin and its value, mixed.

    Where m of b bins agree, the Jaccard similarity of two such sets is m / (2 b - m). A document without
    tokens has an empty set. permutations: of `minhash.sketch`. sets: uint64, room for a sketch of each.
    """
    hashes = np.empty(_longest(offsets, rows, unit), dtype=np.uint64)
    scratch = np.empty(len(hashes), dtype=np.uint32)
    bins = np.empty(len(permutations.multipliers), dtype=np.uint32)
    elements = np.empty(len(bins), dtype=np.uint64)
    ends = np.empty(len(bins) + 1, dtype=np.int32)
    spans = np.empty((0, 2), dtype=np.int64)
    total = 0
    set_offsets[0] = 0
    for i in range(len(rows)):
        count = 0
        if wanted[i]:
            count = hash_tokens(data, offsets[rows[i]], offsets[rows[i] + 1], tables, unit, hashes, spans)
        if count:
            sketch(hashes, hash_ngrams(hashes, count, ngram), permutations, scratch, bins)
            for j in range(len(bins)):
                elements[j] = mix64(np.uint64(j) << _32 | np.uint64(bins[j]))
            total += sorted_set(elements, len(bins), ends, sets[total:])
        set_offsets[i + 1] = total


@njit(nogil=True, cache=True)
def _longest(offsets, rows, unit):
    longest = 0
    for row in rows:
        longest = max(longest, offsets[row + 1] - offsets[row])
    return most_tokens(unit, longest) + 1


@njit(nogil=True, cache=True)
def gather(offsets, values, targets, out):
    """Copy list i, values[offsets[i]:offsets[i + 1]], to out[targets[i]:] unless its target is negative."""
    for i in range(len(targets)):
        if targets[i] >= 0:
            at = targets[i]
            for k in range(offsets[i], offsets[i + 1]):
                out[at] = values[k]
                at += 1
