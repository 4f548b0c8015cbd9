"""Band keys of documents: a min-wise sketch of each one's n-grams, cut into bands.

The sketch has bands x rows bins. One hash of an n-gram chooses its bin and its value there, and a
bin keeps the least value (one permutation hashing: Li, Owen and Zhang 2012). A bin that no n-gram
chose gets what classic MinHash would put there: the least value of all n-grams under a permutation
of its own. That is fast similarity sketching (Dahlgaard, Knudsen and Thorup 2017) with one round
of the first kind. Two sketches agree in a bin with a probability of exactly the Jaccard
similarity, for documents of any length, and bins agree less jointly than independent ones would,
so the error is at most that of as many permutations; the cost is one hash for each n-gram.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from curate.kernels.hashing import mix64
from curate.kernels.words import hash_ngrams, hash_sequence, hash_words

EMPTY = np.uint32(0xFFFFFFFF)
EXACT = np.uint64(1)
"""The lowest bit of a key: set for the key of a document's whole word sequence, clear for a band's."""

_MIX = np.uint64(0xFF51AFD7ED558CCD)
_BAND = np.uint64(0xD6E8FEB86659FD93)
_LOW = np.uint64(0xFFFFFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_29 = np.uint64(29)
_31 = np.uint64(31)
_32 = np.uint64(32)
_33 = np.uint64(33)
_FEW = 64


class Permutations(NamedTuple):
    """seed: uint64. multipliers (odd) and offsets: uint32, shape (bins,), one permutation of uint32 a bin."""

    seed: np.uint64
    multipliers: np.ndarray
    offsets: np.ndarray


def permutations(bins: int, seed: int) -> Permutations:
    """The permutations of a seed."""
    drawn = np.empty(bins, dtype=np.uint64)
    _draw(np.uint64(seed), drawn)
    return Permutations(
        np.uint64(mix64(np.uint64(seed))),
        (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1),
        drawn.astype(np.uint32),
    )


@njit(nogil=True, cache=True)
def _draw(seed, out):
    for i in range(len(out)):
        out[i] = mix64(mix64(seed) + np.uint64(i))


@njit(nogil=True, cache=True)
def sketch(hashes, count, permutations, scratch, out):
    """Sketch the set of the first `count` n-gram hashes: out (bins,) uint32; scratch: uint32, room for `count`."""
    bins = np.uint64(len(out))
    out[:] = EMPTY
    for i in range(count):
        mixed = (hashes[i] ^ permutations.seed) * _MIX
        mixed ^= mixed >> _31
        chosen = ((mixed >> _32) * bins) >> _32
        out[chosen] = min(out[chosen], np.uint32(mixed & _LOW))
    empty = 0
    for j in range(len(out)):
        empty += out[j] == EMPTY
    if empty and count:
        for i in range(count):
            scratch[i] = np.uint32(((hashes[i] ^ permutations.seed) * _MIX) >> _32)
        if count < _FEW:
            _fill_few(scratch, count, permutations.multipliers, permutations.offsets, out)
        else:
            _fill_many(scratch, count, permutations.multipliers, permutations.offsets, out)


@njit(nogil=True, cache=True)
def _fill_few(mixed, count, multipliers, offsets, out):
    """Permute all bins at once: the loop over bins is the one that the compiler vectorises."""
    least = np.full(len(out), EMPTY, dtype=np.uint32)
    for i in range(count):
        value = mixed[i]
        for j in range(len(out)):
            least[j] = min(least[j], np.uint32((value ^ offsets[j]) * multipliers[j]))
    for j in range(len(out)):
        if out[j] == EMPTY:
            out[j] = least[j]


@njit(nogil=True, cache=True)
def _fill_many(mixed, count, multipliers, offsets, out):
    """The same for longer documents, whose empty bins are few."""
    for j in range(len(out)):
        if out[j] == EMPTY:
            least = EMPTY
            for i in range(count):
                least = min(least, np.uint32((mixed[i] ^ offsets[j]) * multipliers[j]))
            out[j] = least


@njit(nogil=True, cache=True)
def band_key(values, start, end, salt):
    """One key of values[start:end], a band that starts there; the lowest bit is clear."""
    key = np.uint64(start)
    for i in range(start, end):
        key = (key ^ np.uint64(values[i])) * _BAND
        key ^= key >> _29
    return mix64(key ^ salt) & ~EXACT


@njit(nogil=True, cache=True)
def _exact_key(hashes, count, digest, salt):
    """A key that documents share when their words are the same in the same order, or, lacking words, their digests.

    Of N different documents any two share one with probability below N**2 / 2**64: 6e-8 for a million.
    """
    if count:
        return mix64(hash_sequence(hashes, count) ^ salt) | EXACT
    return mix64(mix64(digest[0]) ^ (digest[1] << _1) ^ (digest[1] >> _33) ^ salt) | EXACT


@njit(nogil=True, cache=True)
def _is_new(key, seen):
    """Put a key into an open-addressing set of uint64, zero being free; false when it was there."""
    mask = np.uint64(len(seen) - 1)
    at = (key >> _1) & mask
    while seen[at] != _0:
        if seen[at] == key:
            return False
        at = (at + _1) & mask
    seen[at] = key
    return True


@njit(nogil=True, cache=True)
def document_keys(offsets, data, digests, salts, tables, ngram, rows, permutations, seen, keys, documents):
    """Keys of every document of a shard; gives how many were written.

    A document has its exact key and, unless one with the same exact key came before it in the
    shard or it has no words, one key for each band.

    digests: uint64, shape (n, 2). salts: uint64, shape (n,), or empty: documents of different salts
    share no key. rows: permutations a band. seen: uint64 zeros, a power of two above n.
    keys: uint64 and documents: int64, room for n x (1 + bands).
    """
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    hashes = np.empty(longest // 2 + 1, dtype=np.uint64)
    scratch = np.empty(longest // 2 + 1, dtype=np.uint32)
    spans = np.empty((0, 2), dtype=np.int64)
    values = np.empty(len(permutations.multipliers), dtype=np.uint32)
    written = 0
    for i in range(len(offsets) - 1):
        salt = salts[i] if len(salts) else _0
        count = hash_words(data, offsets[i], offsets[i + 1], tables, hashes, spans)
        key = _exact_key(hashes, count, digests[i], salt)
        keys[written] = key
        documents[written] = i
        written += 1
        if not _is_new(key, seen) or not count or not len(values):
            continue
        sketch(hashes, hash_ngrams(hashes, count, ngram), permutations, scratch, values)
        for start in range(0, len(values), rows):
            keys[written] = band_key(values, start, start + rows, salt)
            documents[written] = i
            written += 1
    return written
