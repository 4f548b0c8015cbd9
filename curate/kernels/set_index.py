"""The greedy choice among many sets, through an index of kept sets by their rarest elements.

Two similar sets share one of the rarest elements of either, in one order of all elements (prefix and positional
filtering: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007; Xiao et al. 2008). The filters pass
over no set that is similar enough, so the answer is that of comparing all pairs.

A set tries the lists of its rarest elements first, of smaller sets first, and in a list the set that was kept first.
That order hangs on the sets and their keep order alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.jaccard import CLOSE, FEW_SETS, NONE, consider, least_found, least_share

PASSED_PER_COMPARISON = 64
"""So many entries of the index passed over cost about as much as a comparison."""

COARSE = 4
FINE = 8
LONG = 32
"""A list of an element and a size has entries of one of 16 classes of size for each doubling; what comes after
the first 32 is spread over lists of 256 classes."""

_MOST_COUNTERS = 1 << 24
_EXACT = 1 << 22
"""Below this sum of sizes, a similarity that is greater at all is so by more than rounding."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_1 = np.uint64(1)
_2 = np.uint64(2)
_16 = np.uint64(16)
_32 = np.uint64(32)
_48 = np.uint64(48)
_MOST_COUNT = np.uint16(0xFFFF)
_MOST_SIZE = float(1 << 40)


class Index(NamedTuple):
    """Kept sets of some that are held, findable by their elements.

    first: the number of the first set held; begins, ends: int64, set first + i is sets[begins[i]:ends[i]], uint64.
    counters: uint16, a power of two, how often elements occur by their lowest bits. later: whether others will be
    compared with these; if not, an element that occurs once leads nowhere. seen: int32, which set last met each.
    heads, tails: int32, a power of two: the first and the last entry of each list. elements: uint64, owners, positions
    (in the owner's elements) and following (entries): int32. used: int64 (1,), the entries in use.
    """

    first: int
    begins: np.ndarray
    ends: np.ndarray
    sets: np.ndarray
    counters: np.ndarray
    later: bool
    seen: np.ndarray
    heads: np.ndarray
    tails: np.ndarray
    elements: np.ndarray
    owners: np.ndarray
    positions: np.ndarray
    following: np.ndarray
    used: np.ndarray


@njit(nogil=True, cache=True)
def choose(starts, fixed, begins, ends, sets, measure, choice):
    """Go through each component's sets in order: keep one unless it is similar enough to one kept before.

    starts: int64, shape (components + 1,), into the sets. fixed: bool (n,), sets that are kept whatever they
    are like. begins, ends: int64, shape (n,): set i is sets[begins[i]:ends[i]], uint64. choice: of n sets, undecided.
    """
    kept = np.empty(FEW_SETS, dtype=np.int64)
    for component in range(len(starts) - 1):
        start = starts[component]
        end = starts[component + 1]
        if end - start <= FEW_SETS:
            _choose_few(start, end, fixed, begins, ends, sets, measure, kept, choice)
        else:
            index = indexed(start, begins[start:end], ends[start:end], sets, measure, False)
            choose_held(index, fixed[start:end], measure, choice)


@njit(nogil=True, cache=True)
def _choose_few(start, end, fixed, begins, ends, sets, measure, kept, choice):
    count = 0
    for i in range(start, end):
        if begins[i] == ends[i]:
            continue
        for k in range(0 if fixed[i] else count):
            other = kept[k]
            consider(i, sets, begins[i], ends[i], other, sets, begins[other], ends[other], measure, choice)
            if choice.capped[i]:
                break
        if choice.keepers[i] == i:
            kept[count] = i
            count += 1


@njit(nogil=True, cache=True)
def indexed(first, begins, ends, sets, measure, later):
    """An empty index with room for all sets that are held; see `Index`."""
    share = 1.0 if measure.contained else 1.0 - measure.threshold
    room = 0
    for i in range(len(begins)):
        room += np.int64(share * (ends[i] - begins[i])) + 2
    size = 16
    while size < room:
        size *= 2
    return Index(
        first,
        begins,
        ends,
        sets,
        _count_elements(begins, ends, sets),
        later,
        np.full(len(begins), NONE, dtype=np.int32),
        np.full(size, NONE, dtype=np.int32),
        np.empty(size, dtype=np.int32),
        np.empty(room, dtype=np.uint64),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.zeros(1, dtype=np.int64),
    )


@njit(nogil=True, cache=True)
def _count_elements(begins, ends, sets):
    """How often elements occur, by their lowest bits: never too low, so 1 means once."""
    total = 0
    for i in range(len(begins)):
        total += ends[i] - begins[i]
    size = 1 << 10
    while size < 2 * total and size < _MOST_COUNTERS:
        size *= 2
    counters = np.zeros(size, dtype=np.uint16)
    mask = np.uint64(size - 1)
    for i in range(len(begins)):
        for k in range(begins[i], ends[i]):
            at = sets[k] & mask
            counters[at] += counters[at] < _MOST_COUNT
    return counters


@njit(nogil=True, cache=True)
def choose_held(index, fixed, measure, choice):
    """Go through the sets that an index holds, in order; the kept ones enter it."""
    for i in range(len(index.begins)):
        start = index.begins[i]
        end = index.ends[i]
        number = index.first + i
        if start == end:
            continue
        rarest = _rarest(index, index.sets, start, end, least_found(number, measure, choice))
        if not fixed[i]:
            _probe(number, index.sets, start, end, rarest, index, measure, choice)
        if choice.keepers[number] == number:
            elements = _all(index, start, end) if measure.contained else rarest
            _insert(i, end - start, elements, measure.contained, index)


@njit(nogil=True, cache=True)
def compare_later(numbers, offsets, sets, index, measure, choice):
    """Compare sets that come after all of an index with those kept there.

    numbers: int64 (n,), or negative for sets left out. Set i is sets[offsets[i]:offsets[i + 1]], uint64.
    """
    for i in range(len(numbers)):
        if numbers[i] >= 0 and offsets[i] < offsets[i + 1] and not choice.capped[numbers[i]]:
            best = least_found(numbers[i], measure, choice)
            rarest = _rarest(index, sets, offsets[i], offsets[i + 1], best)
            _probe(numbers[i], sets, offsets[i], offsets[i + 1], rarest, index, measure, choice)


# --- elements -------------------------------------------------------------------------------------


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
def _keys(index, sets, start, end):
    """A set's elements as 16 bits of the count and 48 of the hash. Two that fall together can only add candidates."""
    mask = np.uint64(len(index.counters) - 1)
    keys = np.empty(end - start, dtype=np.uint64)
    for i in range(end - start):
        value = sets[start + i]
        keys[i] = (np.uint64(index.counters[value & mask]) << _48) | (value >> _16)
    return keys


@njit(nogil=True, cache=True)
def _rarest(index, sets, start, end, threshold):
    """The rarest elements of a set, ascending, of which any set similar enough shares one."""
    keys = _keys(index, sets, start, end)
    length = len(keys) - least_share(len(keys), threshold) + 1
    _move_least(keys, length)
    return np.sort(keys[:length])


@njit(nogil=True, cache=True)
def _all(index, start, end):
    return np.sort(_keys(index, index.sets, start, end))


@njit(nogil=True, cache=True)
def _size_class(size, bits):
    """A number that grows with a size: 2**bits for every doubling, and one of each size before the first.

    0 for every size where there are no bits, as for sets that may be contained in any larger one.
    """
    if bits == 0:
        return 0
    doublings = 0
    while size >> doublings >= 2 << bits:
        doublings += 1
    return (doublings << bits) + (size >> doublings)


@njit(nogil=True, cache=True)
def _class_sizes(size_class):
    """The least and the greatest size of a class of COARSE bits."""
    doublings = max(0, (size_class >> COARSE) - 1)
    least = (size_class - (doublings << COARSE)) << doublings
    return least, least + (1 << doublings) - 1


@njit(nogil=True, cache=True)
def _head(index, element, size_class, bits):
    spread = (element ^ np.uint64(size_class << 8 | bits)) * _SPREAD
    return (spread >> _32) & np.uint64(len(index.heads) - 1)


@njit(nogil=True, cache=True)
def _is_long(index, element, size_class):
    """Whether a list of coarse classes has LONG entries, so that no more are put there."""
    length = 0
    entry = index.heads[_head(index, element, size_class, COARSE)]
    while entry != NONE and length < LONG:
        owner = index.owners[entry]
        if index.elements[entry] == element:
            length += _size_class(index.ends[owner] - index.begins[owner], COARSE) == size_class
        entry = index.following[entry]
    return length >= LONG


@njit(nogil=True, cache=True)
def _insert(owner, size, elements, contained, index):
    """Put a kept set at the ends of its elements' lists."""
    least = _1 if index.later else _2
    coarse = 0 if contained else _size_class(size, COARSE)
    used = index.used[0]
    for p in range(len(elements)):
        if elements[p] >> _48 >= least:
            at = _head(index, elements[p], coarse, 0 if contained else COARSE)
            if not contained and elements[p] >> _48 >= LONG and _is_long(index, elements[p], coarse):
                at = _head(index, elements[p], _size_class(size, FINE), FINE)
            index.elements[used] = elements[p]
            index.owners[used] = owner
            index.positions[used] = p
            index.following[used] = NONE
            if index.heads[at] == NONE:
                index.heads[at] = used
            else:
                index.following[index.tails[at]] = used
            index.tails[at] = used
            used += 1
    index.used[0] = used


# --- search ---------------------------------------------------------------------------------------


@njit(nogil=True, cache=True)
def _probe(number, sets, start, end, rarest, index, measure, choice):
    """Compare a set with the kept sets that share a rare element, once each.

    The first element that two sets share leaves room for no more shared ones than either has from
    there on; that bounds the sizes worth looking up for it, and so cuts long lists of common elements.
    """
    size = end - start
    least = _1 if index.later else _2
    bits = 0 if measure.contained else COARSE
    best = least_found(number, measure, choice)
    for p in range(len(rarest)):
        smallest, largest = _sizes(size, size - p, best, measure.contained)
        if largest < smallest:
            break
        if rarest[p] >> _48 < least:
            continue
        for size_class in range(_size_class(smallest, bits), _size_class(largest, bits) + 1):
            given = (number, sets, start, end, p, rarest[p])
            best, length = _search(given, size_class, bits, best, index, measure, choice)
            if length >= LONG and bits == COARSE:
                low, high = _class_sizes(size_class)
                low, high = _size_class(max(low, smallest), FINE), _size_class(min(high, largest), FINE)
                for fine in range(low, high + 1):
                    best, _ = _search(given, fine, FINE, best, index, measure, choice)
            if choice.capped[number]:
                return


@njit(nogil=True, cache=True)
def _sizes(size, rest, best, contained):
    """The smallest and the largest set worth looking up, when no more than `rest` elements can be shared."""
    if contained:
        return size, size if rest >= best * size - CLOSE else np.int64(-1)
    smallest = np.int64(best * size - CLOSE)
    return smallest, np.int64(min(rest * (1.0 + best) / best - size, size / best, _MOST_SIZE) + CLOSE)


@njit(nogil=True, cache=True)
def _search(given, size_class, bits, best, index, measure, choice):
    """Consider the kept sets of one list that may be similar enough; gives the new least similarity, and its length."""
    number, sets, start, end, position, element = given
    size = end - start
    mark = np.int32(number - index.first)
    length = 0
    passed = choice.passed[number]
    entry = NONE if choice.capped[number] else index.heads[_head(index, element, size_class, bits)]
    while entry != NONE:
        owner = index.owners[entry]
        other = index.first + owner
        later = choice.keepers[number] != number and other > choice.keepers[number]
        if later and measure.contained and size - position < best * size + 0.5:
            break
        if index.elements[entry] == element:
            begin = index.begins[owner]
            other_size = index.ends[owner] - begin
            if _size_class(other_size, bits) == size_class:
                length += 1
                rest = min(size - position, other_size - index.positions[entry])
                if index.seen[owner] != mark and _possible(size, other_size, rest, best, measure.contained, later):
                    best = consider(
                        number, sets, start, end, other, index.sets, begin, begin + other_size, measure, choice
                    )
                index.seen[owner] = mark
        passed += 1
        if measure.most and passed >= PASSED_PER_COMPARISON * measure.most:
            choice.capped[number] = True
        if choice.capped[number]:
            break
        entry = index.following[entry]
    choice.passed[number] = passed
    return best, length


@njit(nogil=True, cache=True)
def _possible(size, other_size, rest, best, contained, later):
    """Whether sets of two sizes that share at most `rest` elements can be similar enough: more so than the best,
    where that one comes first."""
    if contained:
        return other_size >= size and rest >= best * size + (0.5 if later else -CLOSE)
    more = 0.5 * best / size if later and size + other_size < _EXACT else -CLOSE
    return rest * (1.0 + best) >= best * (size + other_size) + more
