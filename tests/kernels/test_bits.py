import string

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from curate.kernels import bits


@njit
def eight(data, at):
    return bits.eight(data, at)


@njit
def masks(data, at):
    return bits.block_masks(data, at)


@njit
def newlines_and_starts(data, at):
    return bits.newline_mask(data, at), bits.start_mask(data, at)


@njit
def characters(data, at):
    return bits.character_masks(data, at)


@njit
def zeros(value):
    return bits.trailing_zeros(value)


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=64, max_size=100), st.integers(0, 36))
def test_blocks(given_bytes, at):
    data = np.frombuffer(given_bytes, dtype=np.uint8)
    at = min(at, len(data) - 64)
    block = given_bytes[at : at + 64]
    word = sum(1 << i for i, byte in enumerate(block) if byte < 128 and (chr(byte).isalnum() or chr(byte) == "_"))
    high = sum(1 << i for i, byte in enumerate(block) if byte >= 128)
    assert masks(data, np.uint64(at)) == (word, high)
    assert eight(data, np.uint64(at)) == int.from_bytes(block[:8], "little")


def test_every_byte_is_classified():
    data = np.arange(256, dtype=np.uint8)
    found = [masks(data, np.uint64(at)) for at in (0, 64, 128, 192)]
    word = [
        i for block, (bits_, _) in enumerate(found) for i in range(64 * block, 64 * block + 64) if bits_ >> i % 64 & 1
    ]
    assert bytes(word) == b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
    assert [high for _, high in found] == [0, 0, 2**64 - 1, 2**64 - 1]


def test_every_byte_as_newline_and_as_start_of_a_character():
    data = np.arange(256, dtype=np.uint8)
    found = [newlines_and_starts(data, np.uint64(at)) for at in (0, 64, 128, 192)]
    assert [newlines for newlines, _ in found] == [1 << 10, 0, 0, 0]
    assert [starts for _, starts in found] == [2**64 - 1, 2**64 - 1, 0, 2**64 - 1]


def test_every_byte_by_its_kind():
    data = np.arange(256, dtype=np.uint8)
    found = [characters(data, np.uint64(at)) for at in (0, 64, 128, 192)]
    kinds = [sum(masks[i] << 64 * block for block, masks in enumerate(found)) for i in range(6)]
    white = "".join(chr(i) for i in range(128) if chr(i).isspace())
    wanted = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation, white, "\n")
    assert kinds == [sum(1 << ord(character) for character in kind) for kind in wanted]


def test_trailing_zeros():
    assert [zeros(np.uint64(1) << np.uint64(i)) for i in range(64)] == list(range(64))
    assert zeros(np.uint64(2**63 + 8)) == 3


@njit
def alike(data, at, value):
    bits.prefetch(data, at)
    return bits.equal_mask(data, at, value)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([0, 1, 2**31, 2**32 - 1]), min_size=8, max_size=20), st.integers(0, 12))
def test_mask_of_equal_words(words, at):
    at = min(at, len(words) - 8)
    data = np.array(words, np.uint32)
    data.setflags(write=False)
    for value in (0, 1, 2**32 - 1):
        found = alike(data, np.uint64(at), np.uint32(value))
        assert found == sum(1 << i for i, word in enumerate(words[at : at + 8]) if word == value)
