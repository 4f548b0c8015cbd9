"""Exact Jaccard similarity of n-gram sets, and the greedy choice of documents by it.

A set is a run of ascending distinct 64-bit hashes. Two different n-grams share a hash with
probability 2**-64, so a similarity is wrong with probability below |x| |y| / 2**64: for two
documents of a million n-grams 5e-8.

`choose` compares few sets one with another, and many through an index over each set's rarest
n-grams (prefix and positional filtering: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and
Srikant 2007; Xiao et al. 2008). The filters pass over no pair that reaches the threshold, so both
ways give the same answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from curate.kernels.words import hash_ngrams, hash_words

NONE = np.int32(-1)
FEW_SETS = 24
_MOST_COUNTERS = 1 << 22
_SMALL_BUCKET = 24
_CLOSE = 1e-6
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_1 = np.uint64(1)
_16 = np.uint64(16)
_32 = np.uint64(32)
_48 = np.uint64(48)
_MOST_COUNT = np.uint64(0xFFFF)


# --- sets -----------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def _insert_sorted(values, start, end):
    for i in range(start + 1, end):
        value = values[i]
        j = i
        while j > start and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@njit(nogil=True, cache=True)
def sorted_set(hashes, count, ends, out):
    """The distinct ones of the first `count` hashes, ascending; gives how many.

    Hashes are spread evenly, so they are dealt into as many buckets by their highest bits, and each
    bucket is sorted. ends: int32, room for count + 1. out: uint64, room for count.
    """
    scale = np.uint64(count)
    ends[: count + 1] = 0
    for i in range(count):
        ends[((hashes[i] >> _32) * scale) >> _32] += 1
    total = 0
    for i in range(count):
        size = ends[i]
        ends[i] = total
        total += size
    for i in range(count):
        bucket = ((hashes[i] >> _32) * scale) >> _32
        out[ends[bucket]] = hashes[i]
        ends[bucket] += 1
    start = 0
    for i in range(count):
        if ends[i] - start > _SMALL_BUCKET:
            out[start : ends[i]].sort()
        else:
            _insert_sorted(out, start, ends[i])
        start = ends[i]
    kept = 0
    for i in range(count):
        if kept == 0 or out[i] != out[kept - 1]:
            out[kept] = out[i]
            kept += 1
    return kept


@njit(nogil=True, cache=True)
def document_sets(offsets, data, rows, wanted, tables, ngram, set_offsets, sets):
    """The n-gram sets of the documents `rows`, empty where not `wanted`.

    set_offsets: int64, shape (len(rows) + 1,). sets: uint64, room for half the bytes of the documents and one each.
    """
    longest = 0
    for row in rows:
        longest = max(longest, offsets[row + 1] - offsets[row])
    hashes = np.empty(longest // 2 + 1, dtype=np.uint64)
    ends = np.empty(longest // 2 + 2, dtype=np.int32)
    spans = np.empty((0, 2), dtype=np.int64)
    total = 0
    set_offsets[0] = 0
    for i in range(len(rows)):
        if wanted[i]:
            count = hash_words(data, offsets[rows[i]], offsets[rows[i] + 1], tables, hashes, spans)
            total += sorted_set(hashes, hash_ngrams(hashes, count, ngram), ends, sets[total:])
        set_offsets[i + 1] = total


# --- pairs ----------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def least_overlap(one, other, threshold):
    """The least number of shared elements with which sets of two sizes reach a Jaccard similarity."""
    total = one + other
    shared = np.int64(threshold / (1.0 + threshold) * total)
    while shared > 0 and (shared - 1) / (total - shared + 1) >= threshold:
        shared -= 1
    while shared / (total - shared) < threshold:
        shared += 1
    return shared


@njit(nogil=True, cache=True)
def overlap(sets, start, end, other_start, other_end, least):
    """How many elements two sets share, or less than `least` as soon as that is certain."""
    spare = end - start - least
    other_spare = other_end - other_start - least
    i = start
    j = other_start
    shared = 0
    while i < end and j < other_end:
        if i - start - shared > spare or j - other_start - shared > other_spare:
            return -1
        one = sets[i]
        other = sets[j]
        shared += one == other
        i += one <= other
        j += other <= one
    return shared


@njit(nogil=True, cache=True)
def _compare(begins, ends, sets, one, other, threshold):
    """The Jaccard similarity of two sets, or -1 when it is below the threshold."""
    size = ends[one] - begins[one]
    other_size = ends[other] - begins[other]
    if min(size, other_size) < threshold * max(size, other_size) - _CLOSE:
        return -1.0
    least = least_overlap(size, other_size, threshold)
    shared = overlap(sets, begins[one], ends[one], begins[other], ends[other], least)
    return shared / (size + other_size - shared) if shared >= least else -1.0


# --- the greedy choice ----------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def choose(starts, begins, ends, sets, threshold, keepers, similarities):
    """Go through each component's sets in order: keep one unless it is similar enough to one kept before.

    starts: int64, shape (components + 1,), into the sets. begins, ends: int64, shape (n,): set i is
    sets[begins[i]:ends[i]], uint64. keepers: int64 (n,), gets the most similar kept set, the earliest
    of equals, or itself for a set that is kept. similarities: float64 (n,), gets the Jaccard similarity to it.
    """
    kept = np.empty(FEW_SETS, dtype=np.int64)
    for component in range(len(starts) - 1):
        start = starts[component]
        end = starts[component + 1]
        if end - start <= FEW_SETS:
            _choose_few(start, end, begins, ends, sets, threshold, kept, keepers, similarities)
        else:
            _choose_many(start, end, begins, ends, sets, threshold, keepers, similarities)


@njit(nogil=True, cache=True)
def _choose_few(start, end, begins, ends, sets, threshold, kept, keepers, similarities):
    count = 0
    for i in range(start, end):
        keepers[i] = i
        similarities[i] = 1.0
        best = threshold
        for k in range(count if ends[i] > begins[i] else 0):
            found = _compare(begins, ends, sets, i, kept[k], best)
            if found > best or (found == best and keepers[i] == i):
                best = found
                keepers[i] = kept[k]
                similarities[i] = found
        if keepers[i] == i:
            kept[count] = i
            count += 1


@njit(nogil=True, cache=True)
def _choose_many(start, end, begins, ends, sets, threshold, keepers, similarities):
    counters = _count_hashes(start, end, begins, ends, sets)
    index = _empty_index(start, end, begins, ends, threshold)
    seen = np.full(end - start, NONE, dtype=np.int32)
    used = 0
    for i in range(start, end):
        keepers[i] = i
        similarities[i] = 1.0
        if ends[i] == begins[i]:
            continue
        prefix = _prefix(sets, begins[i], ends[i], counters, threshold)
        _probe(i, start, prefix, index, seen, begins, ends, sets, threshold, keepers, similarities)
        if keepers[i] == i:
            used = _insert(i - start, ends[i] - begins[i], prefix, index, used)


@njit(nogil=True, cache=True)
def _count_hashes(start, end, begins, ends, sets):
    """How often hashes occur, by their lowest bits: never too low, so 1 means once."""
    total = 0
    for i in range(start, end):
        total += ends[i] - begins[i]
    size = 1 << 10
    while size < 2 * total and size < _MOST_COUNTERS:
        size *= 2
    counters = np.zeros(size, dtype=np.uint32)
    mask = np.uint64(size - 1)
    for i in range(start, end):
        for k in range(begins[i], ends[i]):
            counters[sets[k] & mask] += np.uint32(1)
    return counters


@njit(nogil=True, cache=True)
def _move_least(values, length):
    """Move the `length` least values to the front, in any order (quickselect: Hoare 1961)."""
    low = 0
    high = len(values) - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if length - 1 <= j:
            high = j
        elif length - 1 >= i:
            low = i
        else:
            return


@njit(nogil=True, cache=True)
def _prefix(sets, start, end, counters, threshold):
    """The rarest elements of a set, ascending by (count, hash), of which any set similar enough shares one.

    An element is 16 bits of its count and 48 of its hash. Two that fall together can only add candidates.
    """
    size = end - start
    least = np.int64(threshold * size)
    while least > 0 and (least - 1) / size >= threshold:
        least -= 1
    while least / size < threshold:
        least += 1
    mask = np.uint64(len(counters) - 1)
    keys = np.empty(size, dtype=np.uint64)
    for i in range(size):
        value = sets[start + i]
        count = min(np.uint64(counters[value & mask]), _MOST_COUNT)
        keys[i] = (count << _48) | (value >> _16)
    length = size - least + 1
    _move_least(keys, length)
    return np.sort(keys[:length])


class Index(NamedTuple):
    """Lists of entries, one for some bits of (an element, the size class of the set).

    heads: int32, a power of two. elements: uint64, owners (sets), positions (in the owner's prefix)
    and following (entries): int32.
    """

    heads: np.ndarray
    elements: np.ndarray
    owners: np.ndarray
    positions: np.ndarray
    following: np.ndarray


@njit(nogil=True, cache=True)
def _empty_index(start, end, begins, ends, threshold):
    room = 0
    for i in range(start, end):
        room += np.int64((1.0 - threshold) * (ends[i] - begins[i])) + 2
    size = 16
    while size < room:
        size *= 2
    return Index(
        np.full(size, NONE, dtype=np.int32),
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
    )


@njit(nogil=True, cache=True)
def _size_class(size):
    """A number that grows with a size: one of each size below 32, then 16 for every doubling."""
    doublings = 0
    while size >> doublings >= 32:
        doublings += 1
    return (doublings << 4) + (size >> doublings)


@njit(nogil=True, cache=True)
def _head(index, element, size_class):
    spread = (element ^ np.uint64(size_class)) * _SPREAD
    return (spread >> _32) & np.uint64(len(index.heads) - 1)


@njit(nogil=True, cache=True)
def _insert(owner, size, prefix, index, used):
    """Put a kept set into the index, so that its earlier elements are met first; gives the entries then used.

    An element that occurs once in all sets leads nowhere and is left out.
    """
    size_class = _size_class(size)
    for p in range(len(prefix) - 1, -1, -1):
        if prefix[p] >> _48 > _1:
            at = _head(index, prefix[p], size_class)
            index.elements[used] = prefix[p]
            index.owners[used] = owner
            index.positions[used] = p
            index.following[used] = index.heads[at]
            index.heads[at] = used
            used += 1
    return used


@njit(nogil=True, cache=True)
def _probe(i, start, prefix, index, seen, begins, ends, sets, threshold, keepers, similarities):
    """Compare a set with the kept sets that share a rare element, once each.

    The first element that two sets share leaves room for no more shared ones than either has from
    there on; that bounds the sizes worth looking up for it, and so cuts long lists of common elements.
    """
    size = ends[i] - begins[i]
    share = threshold / (1.0 + threshold)
    smallest = np.int64(threshold * size - _CLOSE)
    lowest = _size_class(smallest)
    best = threshold
    for p in range(len(prefix)):
        largest = np.int64(min((size - p) / share - size, size / threshold) + _CLOSE)
        if largest < smallest:
            break
        if prefix[p] >> _48 == _1:
            continue
        for size_class in range(lowest, _size_class(largest) + 1):
            entry = index.heads[_head(index, prefix[p], size_class)]
            while entry != NONE:
                owner = index.owners[entry]
                if index.elements[entry] == prefix[p] and seen[owner] != i - start:
                    other = start + owner
                    other_size = ends[other] - begins[other]
                    if _size_class(other_size) == size_class:
                        seen[owner] = i - start
                        if min(size - p, other_size - index.positions[entry]) >= share * (size + other_size) - _CLOSE:
                            found = _compare(begins, ends, sets, i, other, best)
                            if found > best or (found == best and (keepers[i] == i or other < keepers[i])):
                                best = found
                                keepers[i] = other
                                similarities[i] = found
                entry = index.following[entry]
