"""Alignment of texts with examples by how much they help to compress each other (ZIP-FIT; Obbad et al. 2024,
arXiv 2410.18194).

The normalised compression distance of an example x and a text y is (C(xy) - min(C(x), C(y))) / max(C(x), C(y)), for C
the number of bytes that a compressor makes of a text and xy the two joined (Li et al. 2004); the alignment of y is the
mean over the examples of 1 - the distance. Of every text only the first `window` bytes are compared. C(x) is worked
out once for each example and C(y) once for each text, so a text costs one compression an example.

zstd is level 3, and makes frames without a header, so that these do not make short texts alike. gzip is what the
authors use: zlib at level 9, with the 18 bytes around it; it looks back 32 KiB.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pyarrow as pa

from curate.kernels import arrow, heads

_ZSTD_LEVEL = 3
_GZIP_LEVEL = 9
_GZIP_FORMAT = 31
_PAIRS_BYTES = 4 << 20

EXAMPLES = pa.schema([("example", pa.large_binary()), ("compressed", pa.int64())])
"""The beginnings of the examples, and C(x) of each."""


class Compressor:
    """The function C, of many texts at once."""

    def __init__(self, gzip: bool, window: int) -> None:
        import zstandard

        self.gzip = gzip
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _ZSTD_LEVEL, source_size=2 * window, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
        )
        self._zstd = zstandard.ZstdCompressor(compression_params=parameters)
        self._segments: Any = zstandard.BufferWithSegments

    def sizes(self, data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Bytes that stretches of data, uint8, become: float64 (n,). None of them may be empty."""
        if self.gzip:
            whole = data.data
            pieces = (whole[at : at + size] for at, size in zip(starts.tolist(), lengths.tolist(), strict=True))
            found = (len(zlib.compress(piece, _GZIP_LEVEL, _GZIP_FORMAT)) for piece in pieces)
        else:
            segments = np.stack([starts, lengths], axis=1).astype(np.uint64)
            made = self._zstd.multi_compress_to_buffer(self._segments(data, segments.tobytes()), threads=1)
            found = (len(made[i]) for i in range(len(starts)))
        return np.fromiter(found, dtype=np.float64, count=len(starts))


def beginnings(texts: pa.Array, window: int, compressor: Compressor) -> pa.Table:
    """`EXAMPLES` of texts that are not empty."""
    values = arrow.strings(texts)
    lengths = np.minimum(np.diff(values.offsets), window)
    cut = [bytes(values.data[start : start + size]) for start, size in zip(values.offsets, lengths, strict=False)]
    sizes = compressor.sizes(values.data, values.offsets[:-1], lengths)
    return pa.table([pa.array(cut, pa.large_binary()), pa.array(sizes.astype(np.int64))], schema=EXAMPLES)


def alignments(texts: arrow.Array, examples: pa.Table, window: int, compressor: Compressor) -> pa.Array:
    """The alignment of each text with the examples, float32, null for an empty text. Memory: 8 MiB, 28 bytes a text."""
    values = arrow.strings(texts)
    out = np.full(len(values), np.nan)
    ends = np.minimum(values.offsets[1:], values.offsets[:-1] + window)
    there = np.flatnonzero(ends > values.offsets[:-1])
    at_once = max(1, _PAIRS_BYTES // (2 * window))
    pairs = np.empty((min(at_once, len(there)), 2 * window), dtype=np.uint8)
    given = [np.frombuffer(example.as_py(), dtype=np.uint8) for example in examples["example"]]
    alone = arrow.numbers(examples["compressed"]).astype(np.float64)
    for first in range(0, len(there), at_once):
        rows = there[first : first + at_once]
        placed = pairs[: len(rows)]
        starts = values.offsets[rows]
        heads.place(starts, ends[rows], values.data, window, placed)
        out[rows] = _aligned(placed, ends[rows] - starts, given, alone, compressor)
    return pa.array(out.astype(np.float32), mask=np.isnan(out))


def _aligned(
    pairs: np.ndarray, lengths: np.ndarray, examples: list[np.ndarray], alone: np.ndarray, compressor: Compressor
) -> np.ndarray:
    """Alignments of texts that are not empty, float64 (n,).

    pairs: uint8 (n, twice the window), each text, of lengths int64 (n,), behind room for the longest example, so that
    only the example before it is written anew for the next pair.
    """
    window = pairs.shape[1] // 2
    flat = pairs.reshape(-1)
    starts = np.arange(len(pairs)) * pairs.shape[1] + window
    sizes = compressor.sizes(flat, starts, lengths)
    total = np.zeros(len(pairs))
    for example, size in zip(examples, alone, strict=True):
        pairs[:, window - len(example) : window] = example
        joined = compressor.sizes(flat, starts - len(example), lengths + len(example))
        total += 1 - (joined - np.minimum(sizes, size)) / np.maximum(sizes, size)
    return total / len(examples)
