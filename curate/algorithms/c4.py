"""C4's line cleaning of texts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.kernels import arrow
from curate.kernels import c4 as kernels
from curate.kernels.rules_characters import characters

RULES = {
    "long_word": kernels.LONG_WORD,
    "no_terminal_punctuation": kernels.NOT_ENDED,
    "few_words": kernels.FEW_WORDS,
    "javascript": kernels.JAVASCRIPT,
    "policy": kernels.POLICY,
}


class Cleaned(NamedTuple):
    """texts: large_string, what is left of each text; a null stays null.
    lines, characters: dropped ones by rule, the keys of `RULES`; "kept" counts the lines that stay.
    citations, citation_bytes: citation marks taken out of lines that stay.
    lorem_ipsum, curly_bracket: bool, shape (n,): texts that C4 drops altogether, for a line that its rules reached.
    """

    texts: pa.Array
    lines: dict[str, int]
    characters: dict[str, int]
    citations: int
    citation_bytes: int
    lorem_ipsum: np.ndarray
    curly_bracket: np.ndarray


def clean(texts: arrow.Array, ended_only: bool = False) -> Cleaned:
    """Keep the lines of texts that C4 keeps (Raffel et al. 2020), without citation marks, joined by newlines.

    ended_only: ask for terminal punctuation, as C4 does and FineWeb does not. Takes the texts' bytes once.
    Kept lines lose the white space around them; that is counted nowhere.
    """
    array = arrow.combined(texts)
    values = arrow.strings(array)
    offsets = np.empty(len(values) + 1, dtype=np.int64)
    out = np.empty(values.offsets[-1] - values.offsets[0] + kernels.BEYOND, dtype=np.uint8)
    lines, removed = np.zeros(kernels.KINDS, dtype=np.int64), np.zeros(kernels.KINDS, dtype=np.int64)
    citations = np.zeros(2, dtype=np.int64)
    marks = np.empty(len(values), dtype=np.uint8)
    kernels.clean_texts(
        values.offsets, values.data, characters(), ended_only, offsets, out, lines, removed, citations, marks
    )
    cleaned = arrow.string_array(offsets, out[: offsets[-1]], arrow.validity(array))
    return Cleaned(
        cleaned,
        {"kept": int(lines[kernels.KEPT])} | {name: int(lines[kind]) for name, kind in RULES.items()},
        {name: int(removed[kind]) for name, kind in RULES.items()},
        int(citations[0]),
        int(citations[1]),
        marks & kernels.LOREM_IPSUM != 0,
        marks & kernels.CURLY_BRACKET != 0,
    )
