"""Models that say what a text costs, whatever made them, behind one interface.

ngrams        an n-gram model of ours: the file that `NgramModel.save` writes, or the model.parquet of a layer
kenlm         a KenLM file, .arpa or binary
transformer   a folder, or the public id, of a causal model that `transformers` loads
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from curate.algorithms import ngram_files
from curate.errors import UsageError
from curate.kernels import arrow
from curate.storage import manifest
from curate.storage.corpus import Generation

NGRAMS, KENLM, TRANSFORMER = "ngrams", "kenlm", "transformer"

_HEAD_BYTES = 1 << 16
_PARQUET = b"PAR1"
_KENLM = b"mmap lm http://kheafield.com/code"
_ARPA = b"\\data\\"
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_FILES = (".arpa", ".bin", ".binary", ".klm", ".parquet", ".gz")
_NEEDS = {KENLM: ("kenlm", "kenlm"), TRANSFORMER: ("transformers", "neural")}


class LossModel(Protocol):
    """A model that is loaded."""

    def bits_per_byte(self, texts: arrow.Array) -> np.ndarray:
        """What each text costs, by its bytes in UTF-8: float64 (n,), NaN for a text without a byte or a null."""
        ...


def open_model(path: str) -> LossModel:
    """Load a model, on the device that CURATE_DEVICE names where that matters. Raises UsageError when it cannot be."""
    found = kind(path)
    if found == KENLM:
        from curate.algorithms import loss_kenlm

        return loss_kenlm.load(path)
    if found == TRANSFORMER:
        from curate.algorithms import loss_transformer

        return loss_transformer.load(path)
    from curate.algorithms import loss_ngrams

    return loss_ngrams.averaged(loss_ngrams.load(path))


def open_models(path: str) -> Sequence[LossModel]:
    """The same, but of a layer's two models both: `loss_ngrams.crossed` judges each document by one of them."""
    if kind(path) != NGRAMS:
        return [open_model(path)]
    from curate.algorithms import loss_ngrams

    return loss_ngrams.load(path)


def kind(path: str) -> str:
    """What a file, a folder or a public id is. Raises UsageError for anything else, or where its package is missing."""
    found = _kind(path)
    package, extra = _NEEDS.get(found, ("numpy", ""))
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"model {path}: needs {package}: pip install 'curate[{extra}]'")
    return found


def _kind(path: str) -> str:
    if not os.path.exists(path) and (os.path.isabs(path) or path.count("/") > 1 or Path(path).suffix in _FILES):
        raise UsageError(f"model {path}: no such file or folder")
    if not os.path.isfile(path):
        return TRANSFORMER
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_PARQUET) or ngram_files.is_one(Path(path), "n-gram model"):
        return NGRAMS
    if head.startswith(_KENLM) or head.lstrip().startswith(_ARPA):
        return KENLM
    if head.startswith(_PACKED) and ".arpa" in os.path.basename(path):
        return KENLM
    raise UsageError(
        f"model {path}: neither an n-gram model that curate made, nor a KenLM file (.arpa or binary), nor a folder "
        f"that transformers loads"
    )


def settled_model(path: str) -> str:
    """The file that holds the model of a layer, for the layer's folder; any other path as it is.

    Raises UsageError for a layer without one.
    """
    made = manifest.read(Path(path)) if os.path.isdir(path) else None
    if made is None:
        return path
    found = Generation(Path(path) / made.generation).model
    if not found.is_file():
        raise UsageError(f"model {path}: a layer of {made.stage} that holds no model; name one that trained its own")
    return str(found)


def memory(path: str) -> int:
    """Bytes that a loaded model takes at most on the CPU beside the documents of a shard."""
    if kind(path) == TRANSFORMER:
        from curate.algorithms import loss_transformer

        return loss_transformer.memory(path)
    return (64 << 20) + 2 * os.path.getsize(path)
