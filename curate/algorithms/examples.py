"""Texts that stand for a target."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from curate.algorithms.documents import is_blank
from curate.algorithms.normalise import normalise
from curate.errors import DataError
from curate.kernels import arrow, hashing


def drawn(arrays: Iterable[pa.Array], count: int, seed: int) -> pa.Array:
    """`count` different texts of some arrays, large_string, or all there are when they are fewer.

    They are drawn, and ordered, by a hash of (seed, text), so where a text stands does not count. A blank text is none.
    Raises DataError when there is no other. Memory: the largest array, and `count` whole texts.
    """
    kept = pa.array([], pa.large_string())
    for texts in arrays:
        texts = normalise(texts)[0]
        texts = texts.filter(pa.array(~is_blank(pa.chunked_array([texts]))))
        texts = pa.concat_arrays([kept, texts])
        values, hashes = arrow.strings(texts), np.empty(len(texts), dtype=np.uint64)
        hashing.hash_strings(values.offsets, values.data, np.uint64(seed), hashes)
        kept = texts.take(pa.array(np.unique(hashes, return_index=True)[1][:count]))
    if not len(kept):
        raise DataError("--target: no text there has more than white space; give other files")
    return kept
