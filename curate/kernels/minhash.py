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

from curate.kernels import njit
from curate.kernels.hashing import mix64
from curate.kernels.words import hash_ngrams, hash_sequence, hash_tokens, most_tokens

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
_FEW = 48


class Permutations(NamedTuple):
    """seed: uint64. multipliers (odd) and offsets: uint32, shape (bins,), one permutation of uint32 a bin.
    padded: both as rows, with zeros up to a multiple of 64, so that a loop over them has no remainder."""

    seed: np.uint64
    multipliers: np.ndarray
    offsets: np.ndarray
    padded: np.ndarray


def permutations(bins: int, seed: int) -> Permutations:
    """The permutations of a seed."""
    drawn = np.empty(bins, dtype=np.uint64)
    _draw(np.uint64(seed), drawn)
    padded = np.zeros((2, -(-bins // 64) * 64), dtype=np.uint32)
    padded[0, :bins] = (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
    padded[1, :bins] = drawn.astype(np.uint32)
    return Permutations(np.uint64(mix64(np.uint64(seed))), padded[0, :bins], padded[1, :bins], padded)


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
        if empty < _FEW:
            _fill_few(scratch, count, permutations.multipliers, permutations.offsets, out)
        else:
            _fill_many(scratch, count, permutations.padded[0], permutations.padded[1], out)


@njit(nogil=True, cache=True)
def _fill_few(mixed, count, multipliers, offsets, out):
    """One empty bin after another: the loop over values is the one that the compiler vectorises."""
    for j in range(len(out)):
        if out[j] == EMPTY:
            least = EMPTY
            for i in range(count):
                least = min(least, np.uint32((mixed[i] ^ offsets[j]) * multipliers[j]))
            out[j] = least


@njit(nogil=True, cache=True)
def _fill_many(mixed, count, multipliers, offsets, out):
    """The same for shorter documents: all bins, empty or not, for four values at once, the loop over bins within."""
    least = np.full(len(multipliers), EMPTY)
    whole = count & ~3
    for i in range(0, whole, 4):
        a, b, c, d = mixed[i], mixed[i + 1], mixed[i + 2], mixed[i + 3]
        for j in range(len(least)):
            m, o = multipliers[j], offsets[j]
            one = min(np.uint32((a ^ o) * m), np.uint32((b ^ o) * m))
            two = min(np.uint32((c ^ o) * m), np.uint32((d ^ o) * m))
            least[j] = min(least[j], min(one, two))
    for i in range(whole, count):
        for j in range(len(least)):
            least[j] = min(least[j], np.uint32((mixed[i] ^ offsets[j]) * multipliers[j]))
    for j in range(len(out)):
        out[j] = least[j] if out[j] == EMPTY else out[j]


@njit(nogil=True, cache=True)
def band_key(values, start, end, salt):
    """One key of values[start:end], a band that starts there; the lowest bit is clear."""
    key = np.uint64(start)
    for i in range(start, end - 1, 2):
        key = (key ^ np.uint64(values[i]) ^ np.uint64(values[i + 1]) << _32) * _BAND
        key ^= key >> _29
    if (end - start) & 1:
        key = (key ^ np.uint64(values[end - 1])) * _BAND
        key ^= key >> _29
    return mix64(key ^ salt) & ~EXACT


@njit(nogil=True, cache=True)
def _name_key(name, salt):
    """A key that documents of one salt share when their names, of 128 bits, are equal.

    Of N different documents any two share one with probability below N**2 / 2**64: 6e-8 for a million.
    """
    return mix64(mix64(name[0]) ^ (name[1] << _1) ^ (name[1] >> _33) ^ salt) | EXACT


@njit(nogil=True, cache=True)
def _exact_key(hashes, count, digest, salt):
    """The same for documents with the same tokens in the same order or, lacking tokens, the same digest."""
    return mix64(hash_sequence(hashes, count) ^ salt) | EXACT if count else _name_key(digest, salt)


@njit(nogil=True, cache=True)
def name_keys(names, salts, out):
    """The keys of names: names (n, 2) uint64; salts (n,) uint64, or empty; out (n,) uint64."""
    for i in range(len(out)):
        out[i] = _name_key(names[i], salts[i] if len(salts) else _0)


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
def document_keys(
    offsets, data, digests, salts, tables, unit, ngram, rows, permutations, seen, keys, ends, signatures, filled
):
    """Keys and sketches of every document of a shard; gives how many keys there are.

    A document has its exact key and, unless one with the same exact key came before it in the
    shard or it has no tokens, one key for each band.

    digests: uint64, shape (n, 2). salts: uint64, shape (n,), or empty: documents of different salts
    share no key. unit: of `hash_tokens`. rows: permutations a band. seen: uint64 zeros, a power of two above n.
    keys: uint64, room for n x (1 + bands); ends: int64 (n,), where each document's keys end.
    signatures: uint32, shape (n, bins), gets the sketches of documents with bands, one after another, and
    filled: bool (n,), which documents those are; signatures of no rows when nobody asks.
    """
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    hashes = np.empty(most_tokens(unit, longest) + 1, dtype=np.uint64)
    scratch = np.empty(len(hashes), dtype=np.uint32)
    spans = np.empty((0, 2), dtype=np.int64)
    values = np.empty(len(permutations.multipliers), dtype=np.uint32)
    written = 0
    sketched = 0
    for i in range(len(offsets) - 1):
        salt = salts[i] if len(salts) else _0
        count = hash_tokens(data, offsets[i], offsets[i + 1], tables, unit, hashes, spans)
        key = _exact_key(hashes, count, digests[i], salt)
        keys[written] = key
        written += 1
        filled[i] = _is_new(key, seen) and count > 0 and len(values) > 0
        if filled[i]:
            sketch(hashes, hash_ngrams(hashes, count, ngram), permutations, scratch, values)
            written = band_keys(values, rows, salt, keys, written)
            if len(signatures):
                signatures[sketched] = values
                sketched += 1
        ends[i] = written
    return written


@njit(nogil=True, cache=True)
def band_keys(values, rows, salt, keys, at):
    """Write the keys of a sketch's bands from keys[at] on; gives where they end."""
    for start in range(0, len(values), rows):
        keys[at] = band_key(values, start, start + rows, salt)
        at += 1
    return at


@njit(nogil=True, cache=True)
def replace_bands(signatures, rows, filled, salts, ends, keys):
    """Put the keys of other sketches into the place of those that `document_keys` wrote.

    signatures: uint32, shape (m, bands x rows), of the documents that are `filled`.
    """
    sketched = 0
    for i in range(len(filled)):
        if filled[i]:
            bands = signatures.shape[1] // rows
            band_keys(signatures[sketched], rows, salts[i] if len(salts) else _0, keys, ends[i] - bands)
            sketched += 1
