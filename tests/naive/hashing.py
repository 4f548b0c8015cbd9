"""MurmurHash3_x64_128 and SplitMix64's finaliser in the plainest Python."""

from __future__ import annotations

_ALL = (1 << 64) - 1


def mix64(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & _ALL
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _ALL
    return x ^ (x >> 31)


def _rotate(x: int, bits: int) -> int:
    return ((x << bits) | (x >> (64 - bits))) & _ALL


def _finish(x: int) -> int:
    x = ((x ^ (x >> 33)) * 0xFF51AFD7ED558CCD) & _ALL
    x = ((x ^ (x >> 33)) * 0xC4CEB9FE1A85EC53) & _ALL
    return x ^ (x >> 33)


def _first(k: int) -> int:
    return _rotate(k * 0x87C37B91114253D5 & _ALL, 31) * 0x4CF5AD432745937F & _ALL


def _second(k: int) -> int:
    return _rotate(k * 0x4CF5AD432745937F & _ALL, 33) * 0x87C37B91114253D5 & _ALL


def murmur128(data: bytes, seed: int = 0) -> tuple[int, int]:
    h1 = h2 = seed
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        h1 ^= _first(int.from_bytes(data[at : at + 8], "little"))
        h1 = ((_rotate(h1, 27) + h2) * 5 + 0x52DCE729) & _ALL
        h2 ^= _second(int.from_bytes(data[at + 8 : at + 16], "little"))
        h2 = ((_rotate(h2, 31) + h1) * 5 + 0x38495AB5) & _ALL
    tail = data[whole:]
    h2 ^= _second(int.from_bytes(tail[8:], "little"))
    h1 ^= _first(int.from_bytes(tail[:8], "little"))
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & _ALL
    h2 = (h2 + h1) & _ALL
    h1, h2 = _finish(h1), _finish(h2)
    h1 = (h1 + h2) & _ALL
    return h1, (h2 + h1) & _ALL


def hash_string(data: bytes, seed: int) -> int:
    return mix64(murmur128(data)[0] ^ mix64(seed))
