"""Hashed uni- and bigrams of `wordpunct` tokens, counted and weighed (DSIR; Xie et al., NeurIPS 2023)."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.wordpunct import scratch, token_start, tokens

WHOLE = np.int64(1 << 62)
"""A chunk that no text fills."""

_SEED = np.uint64(0x9E3779B97F4A7C15)
_A = np.uint64(0xD6E8FEB86659FD93)
_B = np.uint64(0xFF51AFD7ED558CCD)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_0 = np.uint64(0)
_1 = np.uint64(1)
_3 = np.uint64(3)
_7 = np.uint64(7)
_8 = np.uint64(8)
_32 = np.uint64(32)
_63 = np.uint64(63)
_64 = np.uint64(64)


@njit(nogil=True, cache=True)
def count(offsets, data, tables, chunk, out):
    """Add the n-grams of all texts to out, int64, shape (buckets,).

    Bigrams do not reach over the ends of chunks, which are `chunk` tokens long.
    """
    room = scratch()
    hashes = np.empty(len(room.lowered), np.uint64)
    buckets = np.uint64(len(out))
    for i in range(len(offsets) - 1):
        at = offsets[i]
        before, filled = _0, 0
        while at < offsets[i + 1]:
            at, number = tokens(data, offsets[i], at, offsets[i + 1], tables, room)
            _hash_tokens(room.lowered.view(np.uint64), room.kinds, room.ends, number, hashes)
            for token in hashes[:number]:
                out[bucket(token, buckets)] += 1
                if filled:
                    out[bucket(joined(before, token), buckets)] += 1
                before = token
                filled += 1
                if filled == chunk:
                    filled = 0


@njit(nogil=True, cache=True)
def weigh(offsets, data, tables, chunk, per_gram, weights, out):
    """The log importance weight of each text: out (n,) float64, NaN for a text without a token.

    A chunk's weight is the sum of its n-grams' `weights` (buckets,), with `per_gram` their mean.
    Tokens left over after the last full chunk join that chunk. A text of several chunks has the
    logarithm of the mean of their exponentiated weights.
    """
    room = scratch()
    hashes = np.empty(len(room.lowered), np.uint64)
    for i in range(len(offsets) - 1):
        out[i] = _weigh_text(data, offsets[i], offsets[i + 1], tables, chunk, per_gram, weights, room, hashes)


@njit(nogil=True, cache=True)
def _weigh_text(data, start, end, tables, chunk, per_gram, weights, room, hashes):
    buckets = np.uint64(len(weights))
    before, filled, total = _0, 0, 0.0
    last_total, last_grams = 0.0, 0
    peak, share, chunks = -np.inf, 0.0, 0
    at = start
    while at < end:
        at, number = tokens(data, start, at, end, tables, room)
        _hash_tokens(room.lowered.view(np.uint64), room.kinds, room.ends, number, hashes)
        for token in hashes[:number]:
            weight = weights[bucket(token, buckets)]
            if filled:
                weight += weights[bucket(joined(before, token), buckets)]
            total += weight
            before = token
            filled += 1
            if filled == chunk:
                if last_grams:
                    peak, share = _add_exponential(peak, share, last_total / last_grams if per_gram else last_total)
                    chunks += 1
                last_total, last_grams = total, 2 * chunk - 1
                total, filled = 0.0, 0
    last_total += total
    last_grams += max(0, 2 * filled - 1)
    if last_grams == 0:
        return np.nan
    peak, share = _add_exponential(peak, share, last_total / last_grams if per_gram else last_total)
    return peak + np.log(share / (chunks + 1))


@njit(nogil=True, cache=True)
def _add_exponential(peak, share, value):
    """Add exp(value) to the sum exp(peak) * share."""
    if value > peak:
        return value, share * np.exp(peak - value) + 1.0
    return peak, share + np.exp(value - peak)


@njit(nogil=True, cache=True)
def bucket(total, buckets):
    """The bucket of a hash."""
    total = (total ^ total >> _32) * _B
    return np.int64((total >> _32) * buckets >> _32)


@njit(nogil=True, cache=True)
def joined(before, token):
    """The hash of a bigram."""
    return before * _SEED + token


@njit(nogil=True, cache=True)
def _hash_tokens(words, kinds, ends, number, out):
    """A 64-bit hash of each token that `wordpunct.tokens` found: out uint64.

    words: the lower-cased text, eight bytes to a uint64.
    """
    end = _0
    for i in range(number):
        begin = token_start(kinds, end)
        end = np.uint64(ends[i])
        total = _SEED + (end - begin)
        while begin < end:
            total = (total ^ _eight(words, begin) & (_ALL >> (_64 - _8 * min(end - begin, _8)))) * _A
            total ^= total >> _32
            begin += _8
        out[i] = total


@njit(nogil=True, cache=True)
def _eight(words, at):
    """The eight bytes from byte `at` on."""
    shift = (at & _7) * _8
    return words[at >> _3] >> shift | (words[(at >> _3) + _1] << _1) << (_63 - shift)


@njit(nogil=True, cache=True)
def hash_ngrams(offsets, data, tables, out):
    """The hash of each string of tokens with a space between them, as one n-gram: out (n,) uint64; 0 if it has none."""
    room = scratch()
    hashes = np.empty(len(room.lowered), np.uint64)
    for i in range(len(out)):
        _, number = tokens(data, offsets[i], offsets[i], offsets[i + 1], tables, room)
        _hash_tokens(room.lowered.view(np.uint64), room.kinds, room.ends, number, hashes)
        out[i] = hashes[0] if number else _0
        for token in hashes[1:number]:
            out[i] = joined(out[i], token)
