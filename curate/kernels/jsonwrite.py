"""JSON Lines out of columns: first measure every line, then write column after column in its place."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit

_QUOTE = np.uint8(ord('"'))
_BACKSLASH = np.uint8(ord("\\"))
_U = np.uint8(ord("u"))
_ZERO = np.uint8(ord("0"))
_NULL = np.frombuffer(b"null", dtype=np.uint8)


def escapes() -> tuple[np.ndarray, np.ndarray]:
    """For each byte how many bytes it becomes in a JSON string (RFC 8259), and the letter or hex digit it ends in."""
    widths = np.ones(256, dtype=np.uint8)
    letters = np.zeros(256, dtype=np.uint8)
    widths[:32] = 6
    letters[:32] = np.frombuffer(b"0123456789abcdef" * 2, dtype=np.uint8)
    for plain, letter in zip(b'"\\\b\f\n\r\t', b'"\\bfnrt', strict=True):
        widths[plain], letters[plain] = 2, letter
    return widths, letters


@njit(nogil=True, cache=True)
def measure(offsets, data, valid, quoted, extra, widths, out):
    """Add to each line the bytes of its value: out (n,) int64. extra: bytes that go before the value."""
    for i in range(len(out)):
        if not valid[i]:
            size = 4
        elif quoted:
            size = 2
            for j in range(offsets[i], offsets[i + 1]):
                size += widths[data[j]]
        else:
            size = offsets[i + 1] - offsets[i]
        out[i] += extra + size


@njit(nogil=True, cache=True)
def _copy(source, start, end, out, at):
    for j in range(start, end):
        out[at] = source[j]
        at += 1
    return at


@njit(nogil=True, cache=True)
def _escape(data, start, end, widths, letters, out, at):
    for j in range(start, end):
        byte = data[j]
        width = widths[byte]
        if width == 1:
            out[at] = byte
        else:
            out[at] = _BACKSLASH
            if width == 6:
                out[at + 1] = _U
                out[at + 2] = _ZERO
                out[at + 3] = _ZERO
                out[at + 4] = _ZERO + (byte >> np.uint8(4))
            out[at + width - 1] = letters[byte]
        at += width
    return at


@njit(nogil=True, cache=True)
def write(offsets, data, valid, quoted, before, widths, letters, at, out):
    """Write one value of each line where at (n,) int64 says, and move that on; out (bytes,) uint8.

    before: uint8 to go before each value. A value not valid is null; quoted ones are escaped, others written as is.
    """
    for i in range(len(at)):
        place = _copy(before, 0, len(before), out, at[i])
        if not valid[i]:
            place = _copy(_NULL, 0, 4, out, place)
        elif quoted:
            out[place] = _QUOTE
            place = _escape(data, offsets[i], offsets[i + 1], widths, letters, out, place + 1)
            out[place] = _QUOTE
            place += 1
        else:
            place = _copy(data, offsets[i], offsets[i + 1], out, place)
        at[i] = place


@njit(nogil=True, cache=True)
def ended(offsets, data, mark, out):
    """Strings one after another, each with a mark after it: out (bytes + n * marks,) uint8."""
    at = 0
    for i in range(len(offsets) - 1):
        at = _copy(data, offsets[i], offsets[i + 1], out, at)
        at = _copy(mark, 0, len(mark), out, at)
