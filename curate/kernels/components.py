"""Buckets of equal keys, and the components that they join, by union and find.

A document is one int64. Components are kept as a forest over dense numbers that documents get as
they appear, in arrays that grow; a document's number is found by open addressing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.hashing import mix64
from curate.kernels.minhash import EXACT

FREE = np.int32(-1)
_1 = np.uint64(1)
_6 = np.uint64(6)
_63 = np.uint64(63)


class Forest(NamedTuple):
    """slots: int32, a power of two at least one and a half times the documents, FREE or a number.
    documents: int64. parents, groups: int32, numbers; all three with room for as many documents."""

    slots: np.ndarray
    documents: np.ndarray
    parents: np.ndarray
    groups: np.ndarray


def forest(room: int) -> Forest:
    """An empty forest with room for that many documents: 22 to 28 bytes for each."""
    return Forest(_slots(room), np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int32))


def _slots(room: int) -> np.ndarray:
    return np.full(1 << max(4, (room + room // 2).bit_length()), FREE, dtype=np.int32)


def grown(old: Forest, count: int, room: int) -> Forest:
    """The same `count` documents with more room. The old forest is gone: its arrays are extended where they lie."""
    for values in old[1:]:
        values.resize(room, refcheck=False)
    new = old._replace(slots=_slots(room)) if len(old.slots) < room + room // 2 else old
    if new is not old:
        _rehash(new.documents, count, new.slots)
    return new


@njit(nogil=True, cache=True)
def _slot(documents, slots, document):
    mask = np.uint64(len(slots) - 1)
    at = mix64(np.uint64(document)) & mask
    while slots[at] != FREE and documents[slots[at]] != document:
        at = (at + _1) & mask
    return at


@njit(nogil=True, cache=True)
def _rehash(documents, count, slots):
    for number in range(count):
        slots[_slot(documents, slots, documents[number])] = number


@njit(nogil=True, cache=True)
def _number(forest, count, document):
    """The number of a document, which is `count` when it is new."""
    at = _slot(forest.documents, forest.slots, document)
    number = forest.slots[at]
    if number == FREE:
        number = np.int32(count)
        forest.slots[at] = number
        forest.documents[number] = document
        forest.parents[number] = number
        forest.groups[number] = number
    return number


@njit(nogil=True, cache=True)
def _root(parents, number):
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


@njit(nogil=True, cache=True)
def _join(forest, one, other):
    """Make the smaller document the root, so that a component's root does not hang on the order of joining."""
    one = _root(forest.parents, one)
    other = _root(forest.parents, other)
    if forest.documents[one] < forest.documents[other]:
        forest.parents[other] = one
    else:
        forest.parents[one] = other


@njit(nogil=True, cache=True)
def count_keys(keys, once, twice):
    """Note keys. once, twice: uint64 zeros at first, a power of two of them, a bit for the lower part of a key."""
    mask = np.uint64(len(once) * 64 - 1)
    for i in range(len(keys)):
        at = (keys[i] >> _1) & mask
        bit = _1 << (at & _63)
        twice[at >> _6] |= once[at >> _6] & bit
        once[at >> _6] |= bit


@njit(nogil=True, cache=True)
def take_repeated(keys, documents, twice, keys_out, documents_out):
    """Move the keys that may have been noted more than once, and their documents, to the front; gives how many.

    All keys that were are among them, and of others about one in eight when there are eight bits a key.
    """
    mask = np.uint64(len(twice) * 64 - 1)
    count = 0
    for i in range(len(keys)):
        at = (keys[i] >> _1) & mask
        keys_out[count] = keys[i]
        documents_out[count] = documents[i]
        count += np.int64((twice[at >> _6] >> (at & _63)) & _1)
    return count


@njit(nogil=True, cache=True)
def bucket_end(keys, order, at):
    """The first place from `at` on where a bucket begins, or the end. order: int64, sorts `keys`."""
    while 0 < at < len(order) and keys[order[at]] == keys[order[at - 1]]:
        at += 1
    return min(at, len(order))


@njit(nogil=True, cache=True)
def join_buckets(keys, documents, order, count, forest):
    """Join the documents of every bucket of two or more; gives the number of documents then in the forest.

    order: int64, sorts `keys`; whole buckets. The documents of a bucket are joined with the smallest of them: so many
    steps as there are documents, however large it is. A bucket of exact keys makes that one the group of all.
    """
    start = 0
    while start < len(order):
        key = keys[order[start]]
        head = documents[order[start]]
        end = start + 1
        while end < len(order) and keys[order[end]] == key:
            head = min(head, documents[order[end]])
            end += 1
        if end - start > 1:
            first = _number(forest, count, head)
            count = max(count, first + 1)
            for i in range(start, end):
                number = _number(forest, count, documents[order[i]])
                count = max(count, number + 1)
                _join(forest, first, number)
                if key & EXACT:
                    forest.groups[number] = first
        start = end
    return count


@njit(nogil=True, cache=True)
def join_rows(documents, roots, groups, count, forest):
    """Join each document with another, and put it into its group unless that is itself; gives the new count."""
    for i in range(len(documents)):
        number = _number(forest, count, documents[i])
        count = max(count, number + 1)
        root = _number(forest, count, roots[i])
        count = max(count, root + 1)
        _join(forest, number, root)
        if groups[i] != documents[i]:
            group = _number(forest, count, groups[i])
            count = max(count, group + 1)
            _join(forest, number, group)
            forest.groups[number] = group
    return count


@njit(nogil=True, cache=True)
def resolved(forest, order, roots, groups):
    """The root and the group, as documents, of the numbers in `order`: roots and groups (len(order),) int64."""
    for i in range(len(order)):
        roots[i] = forest.documents[_root(forest.parents, order[i])]
        groups[i] = forest.documents[forest.groups[order[i]]]
