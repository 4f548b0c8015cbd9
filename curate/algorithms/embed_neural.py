"""Document vectors by a sentence-transformers model (Reimers and Gurevych 2019): the one file that knows that package.

Vectors are equal on one kind of device only: elsewhere a matrix product may add in another order.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curate.errors import UsageError
from curate.kernels import arrow

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_ROWS_AT_ONCE = 16_384
_LENGTH_KEYS = ("out_features", "embedding_dimension", "word_embedding_dimension")
"""Of a dense layer, and of pooling in newer and in older files."""


@functools.cache
def dimensions(model: str, wanted: int | None) -> int:
    """The length of the vectors to make: what is wanted, at most what the model's files say it gives.

    Loads no model. Raises UsageError when the package or the model is missing, or it gives fewer.
    """
    _require_package()
    own = _own_dimensions(model)
    if own is None and wanted is None:
        raise UsageError(f"--model {model}: its files do not say how long its vectors are; give --dimensions")
    if own is not None and wanted is not None and wanted > own:
        raise UsageError(f"--dimensions {wanted}: the vectors of --model {model} have {own}; give at most that")
    return wanted or own or 0


def load(model: str, length: int) -> SentenceTransformer:
    """Load a model on the device that CURATE_DEVICE names (default cpu), its vectors cut to a length."""
    _require_package()
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    device = os.environ.get("CURATE_DEVICE", "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {device}: torch finds no CUDA device here; use --device cpu")
    logging.disable_progress_bar()
    try:
        loaded = SentenceTransformer(model, device=device, truncate_dim=length)
    except (OSError, ValueError) as problem:
        raise UsageError(f"--model {model}: cannot be loaded: {problem}") from None
    own = loaded.get_embedding_dimension() or 0
    if own != length:
        raise UsageError(f"--dimensions {length}: the vectors of --model {model} have {own}; give at most that")
    return loaded


def embed(text: pa.ChunkedArray, model: SentenceTransformer, dtype: str) -> pa.Array:
    """Unit vectors, null for a text of nothing but space. Documents beyond the model's window count by their beginning.

    A batch holds documents of about equal length, since the package sorts what it is given.
    """
    length = model.get_embedding_dimension() or 0
    out = np.zeros((len(text), length), dtype=dtype)
    known = np.zeros(len(text), dtype=np.bool_)
    for start in range(0, len(text), _ROWS_AT_ONCE):
        texts = text.slice(start, _ROWS_AT_ONCE).to_pylist()
        chosen = np.array([i for i, value in enumerate(texts) if value.strip()], dtype=np.int64)
        if len(chosen) == 0:
            continue
        vectors = model.encode([texts[i] for i in chosen], normalize_embeddings=True, show_progress_bar=False)
        out[start + chosen] = vectors
        known[start + chosen] = True
    return arrow.vector_array(out, known)


def _require_package() -> None:
    if importlib.util.find_spec("sentence_transformers") is None:
        raise UsageError("--model other than 'builtin' needs sentence-transformers: pip install 'curate[neural]'")


def _own_dimensions(model: str) -> int | None:
    """What the last module that says so gives; a folder without modules is a transformer with pooling."""
    modules = _read_json(model, "modules.json")
    if modules is None:
        config = _read_json(model, "config.json")
        if config is None:
            raise UsageError(f"--model {model}: neither a folder with a model in it nor a model that can be downloaded")
        return config.get("hidden_size")
    found = None
    for module in modules:
        config = _read_json(model, f"{module['path']}/config.json") if module["path"] else None
        for key in _LENGTH_KEYS:
            found = (config or {}).get(key, found)
    return found


def _read_json(model: str, name: str):
    if Path(model).is_dir():
        path = Path(model) / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, LocalEntryNotFoundError

    try:
        return json.loads(Path(hf_hub_download(model, name)).read_text(encoding="utf-8"))
    except EntryNotFoundError as problem:
        if isinstance(problem, LocalEntryNotFoundError):
            raise UsageError(f"--model {model}: no such folder, and nothing can be downloaded: {problem}") from None
        return None
    except (HFValidationError, OSError) as problem:
        raise UsageError(f"--model {model}: no such folder, and not a model to download: {problem}") from None
