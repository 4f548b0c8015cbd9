"""MinHash signatures equal to datasketch's, so that an index can be exchanged. Slow: Python objects."""

from __future__ import annotations

from typing import Literal

import numpy as np

from curate.kernels import arrow, words

SCHEMES: dict[str, Literal["affine32", "legacy"]] = {"datasketch": "affine32", "datasketch-1": "legacy"}
"""The signatures of datasketch 2, and those of all versions before it."""

_VALUES_AT_ONCE = 1 << 21
_SIMPLE = {0x130: "i", 0x3A3: "σ"}
"""The two characters that `str.lower` lowers otherwise than by simple case mapping."""


def signatures(
    texts: arrow.Strings, wanted: np.ndarray, unit: str, ngram: int, permutations: int, seed: int, sketch: str
) -> np.ndarray:
    """What `datasketch.MinHash(permutations, seed)` holds after an update with each n-gram of a document.

    An n-gram is the UTF-8 of its words, lower-cased by simple case mapping, joined by one space; or of its
    characters, lower-cased likewise, joined by nothing. sketch: one of `SCHEMES`. wanted: bool (n,). Gives
    uint32, shape (wanted, permutations). Memory: 48 MiB, and the distinct n-grams of a document.
    """
    from datasketch import MinHash

    model = MinHash(permutations, seed, scheme=SCHEMES[sketch])
    at_once = max(1, _VALUES_AT_ONCE // permutations)
    out = np.empty((int(wanted.sum()), permutations), dtype=np.uint32)
    for number, i in enumerate(np.flatnonzero(wanted)):
        model.clear()
        found = list(_ngrams(texts.data[texts.offsets[i] : texts.offsets[i + 1]], unit, ngram))
        for start in range(0, len(found), at_once):
            model.update_batch(found[start : start + at_once])
        out[number] = model.hashvalues
    return out


def _ngrams(data: np.ndarray, unit: str, ngram: int) -> set[bytes]:
    tokens = _words(data) if unit == "word" else list(_lower(" ".join(data.tobytes().decode().split())))
    between = " " if unit == "word" else ""
    runs = range(max(1, len(tokens) - ngram + 1))
    return {between.join(tokens[start : start + ngram]).encode() for start in runs}


def _words(data: np.ndarray) -> list[str]:
    hashes = np.empty(words.most_tokens(words.WORDS, len(data)), dtype=np.uint64)
    spans = np.empty((len(hashes), 2), dtype=np.int64)
    count = words.hash_words(data, 0, len(data), words.tables(), hashes, spans)
    text = data.tobytes()
    return [_lower(text[start:end].decode()) for start, end in spans[:count].tolist()]


def _lower(text: str) -> str:
    return text.translate(_SIMPLE).lower()
