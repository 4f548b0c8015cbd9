"""Hashes that every stage shares: fixed for ever, since ids, samples and bands depend on them."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_C1 = np.uint64(0x87C37B91114253D5)
_C2 = np.uint64(0x4CF5AD432745937F)
_F1 = np.uint64(0xFF51AFD7ED558CCD)
_F2 = np.uint64(0xC4CEB9FE1A85EC53)
_5 = np.uint64(5)
_M1 = np.uint64(0x52DCE729)
_M2 = np.uint64(0x38495AB5)
_27 = np.uint64(27)
_30 = np.uint64(30)
_31 = np.uint64(31)
_33 = np.uint64(33)
_64 = np.uint64(64)
_8 = np.uint64(8)


@njit(nogil=True, cache=True, _nrt=False)
def mix64(x):
    """SplitMix64's finaliser (Steele, Lea and Flood 2014): a bijection of uint64 that avalanches."""
    x = x + _GOLDEN
    x = (x ^ (x >> _30)) * _A
    x = (x ^ (x >> _27)) * _B
    return x ^ (x >> _31)


@njit(nogil=True, cache=True, _nrt=False)
def _rotate(x, bits):
    return (x << bits) | (x >> (_64 - bits))


@njit(nogil=True, cache=True, _nrt=False)
def _finish(x):
    x = (x ^ (x >> _33)) * _F1
    x = (x ^ (x >> _33)) * _F2
    return x ^ (x >> _33)


@njit(nogil=True, cache=True, _nrt=False)
def _word(data, at):
    """Eight bytes as a little-endian uint64; LLVM makes one load of it since unsigned indexes do not wrap."""
    first = np.uint64(at)
    value = np.uint64(0)
    for i in range(8):
        value |= np.uint64(data[first + np.uint64(i)]) << np.uint64(8 * i)
    return value


@njit(nogil=True, cache=True, _nrt=False)
def _last(data, start, end, count):
    """The last `count` bytes, fewer than eight, of data[start:end] as a little-endian uint64."""
    if count == 0:
        return np.uint64(0)
    if end - start >= 8:
        return _word(data, end - 8) >> np.uint64(64 - 8 * count)
    value = np.uint64(0)
    for i in range(count):
        value |= np.uint64(data[end - count + i]) << np.uint64(8 * i)
    return value


@njit(nogil=True, cache=True, _nrt=False)
def murmur128(data, start, end, seed):
    """MurmurHash3_x64_128 (Appleby) of data[start:end] as two uint64, low half first."""
    length = end - start
    h1 = np.uint64(seed)
    h2 = np.uint64(seed)
    at = start
    for _ in range(length // 16):
        k1 = _rotate(_word(data, at) * _C1, _31) * _C2
        h1 = (_rotate(h1 ^ k1, _27) + h2) * _5 + _M1
        k2 = _rotate(_word(data, at + 8) * _C2, _33) * _C1
        h2 = (_rotate(h2 ^ k2, _31) + h1) * _5 + _M2
        at += 16
    tail = end - at
    k1 = _word(data, at) if tail >= 8 else _last(data, start, end, tail)
    k2 = _last(data, start, end, tail - 8) if tail > 8 else np.uint64(0)
    if tail > 8:
        h2 ^= _rotate(k2 * _C2, _33) * _C1
    if tail > 0:
        h1 ^= _rotate(k1 * _C1, _31) * _C2
    h1 ^= np.uint64(length)
    h2 ^= np.uint64(length)
    h1 += h2
    h2 += h1
    h1 = _finish(h1)
    h2 = _finish(h2)
    h1 += h2
    h2 += h1
    return h1, h2


@njit(nogil=True, cache=True)
def hash_strings(offsets, data, seed, out):
    """64-bit hash of each string under a seed: out (n,) uint64."""
    for i in range(len(out)):
        low, _ = murmur128(data, offsets[i], offsets[i + 1], np.uint64(0))
        out[i] = mix64(low ^ mix64(seed))


@njit(nogil=True, cache=True)
def digest_strings(offsets, data, out):
    """MurmurHash3_x64_128 of each string: out (n, 2) uint64, whose little-endian bytes are the digest."""
    for i in range(len(out)):
        low, high = murmur128(data, offsets[i], offsets[i + 1], np.uint64(0))
        out[i, 0] = low
        out[i, 1] = high
