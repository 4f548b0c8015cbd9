"""Cutting an array of texts where each row has to become a Python object for a moment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from curate.kernels import arrow


def batches(texts: pa.Array, size: int) -> Iterator[tuple[int, pa.Array]]:
    """Runs of rows of about `size` bytes of text, each with the number of its first row."""
    if len(texts) == 0:
        return
    ends = np.cumsum(np.diff(arrow.strings(texts).offsets)) // size
    starts = np.flatnonzero(np.diff(ends, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(texts)], strict=True):
        yield int(start), texts.slice(start, end - start)
