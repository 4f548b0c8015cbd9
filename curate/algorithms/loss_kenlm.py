"""Losses by KenLM (Heafield 2011): n-gram models as .arpa or binary files, read by the library itself.

A text is cut at newlines, and each line at white space into words, as the model's makers do before they train; a model
of lower-cased or otherwise prepared words needs its corpus prepared likewise. A word that the model does not know costs
what its `<unk>` does, however long it is: figures of models with other vocabularies do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curate.errors import UsageError
from curate.kernels import arrow

if TYPE_CHECKING:
    import kenlm

_BITS = float(np.log2(10))
_ROWS_AT_ONCE = 1024


def load(path: str) -> KenlmModel:
    """Load a model; a binary one is mapped into memory. Raises UsageError when the library cannot read it."""
    import kenlm

    config = kenlm.Config()
    config.show_progress = False
    config.arpa_complain = kenlm.ARPALoadComplain.NONE
    config.load_method = kenlm.LoadMethod.POPULATE_OR_READ
    try:
        return KenlmModel(kenlm.Model(path, config))
    except (OSError, RuntimeError) as problem:
        raise UsageError(f"model {path}: KenLM cannot read it: {problem}") from None


@dataclass(frozen=True)
class KenlmModel:
    """A model that is loaded."""

    model: kenlm.Model

    def bits_per_byte(self, texts: arrow.Array) -> np.ndarray:
        """See LossModel. Every line with a word costs what its words and its end cost; others cost nothing."""
        texts = arrow.combined(texts)
        sizes = np.diff(arrow.strings(texts).offsets).astype(np.float64)
        bits = np.empty(len(texts), dtype=np.float64)
        for start in range(0, len(texts), _ROWS_AT_ONCE):
            rows = texts.slice(start, _ROWS_AT_ONCE).to_pylist()
            bits[start : start + len(rows)] = [self._bits(text or "") for text in rows]
        return np.divide(bits, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)

    def _bits(self, text: str) -> float:
        score = self.model.score
        return -_BITS * sum(score(line, bos=True, eos=True) for line in text.split("\n") if not line.isspace() and line)
