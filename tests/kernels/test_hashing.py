import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from curate.kernels import arrow, hashing
from tests.naive import hashing as naive

WORDS = st.integers(0, (1 << 64) - 1) | st.sampled_from([0, 1, 1 << 63, (1 << 64) - 1])
BYTES = st.lists(st.binary(max_size=70) | st.binary(min_size=15, max_size=17), max_size=12)


@njit
def mix_all(values, out):
    for i in range(len(values)):
        out[i] = hashing.mix64(values[i])


@njit
def murmur(data, seed):
    return hashing.murmur128(data, 0, len(data), seed)


def sliced(values: list[bytes]) -> arrow.Strings:
    return arrow.strings(pa.array([b"before", *values, b"after"], pa.large_binary()).slice(1, len(values)))


@settings(deadline=None, max_examples=60)
@given(st.lists(WORDS, max_size=20))
def test_mix64_equals_the_naive_one(values):
    array = np.array(values, dtype=np.uint64)
    array.flags.writeable = False
    out = np.empty(len(values), dtype=np.uint64)
    mix_all(array, out)
    assert out.tolist() == [naive.mix64(value) for value in values]


def test_mix64_is_one_to_one():
    values = np.arange(1 << 16, dtype=np.uint64) << np.uint64(48)
    out = np.empty(len(values), dtype=np.uint64)
    mix_all(values, out)
    assert len(np.unique(out)) == len(values)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "00000000000000000000000000000000"),
        (b"hello", "029bbd41b3a7d8cb191dae486a901e5b"),
        (b"The quick brown fox jumps over the lazy dog", "6c1b07bc7bbc4be347939ac4a93c437a"),
    ],
)
def test_known_digests(text, digest):
    """Of the reference implementation, low half first, little end first."""
    values = sliced([text])
    out = np.empty((1, 2), dtype=np.uint64)
    hashing.digest_strings(values.offsets, values.data, out)
    assert out.tobytes().hex() == digest


@settings(deadline=None, max_examples=60)
@given(BYTES, WORDS)
def test_strings_hash_as_the_naive_ones(strings, seed):
    values = sliced(strings)
    hashes = np.empty(len(strings), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed), hashes)
    assert hashes.tolist() == [naive.hash_string(value, seed) for value in strings]
    digests = np.empty((len(strings), 2), dtype=np.uint64)
    hashing.digest_strings(values.offsets, values.data, digests)
    assert [tuple(row) for row in digests.tolist()] == [naive.murmur128(value) for value in strings]


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=50), WORDS)
def test_murmur_takes_any_seed(data, seed):
    array = np.frombuffer(data, dtype=np.uint8)
    assert murmur(array, np.uint64(seed)) == naive.murmur128(data, seed)
