"""Which encoder a model is for, found from its files, and the length of its vectors.

static        a sentence-transformers StaticEmbedding or model2vec folder: a row of numbers a token; needs no torch
sentence      any other sentence-transformers model, with the pooling that is part of it
transformer   anything `transformers` loads, with a pooling to choose; also the transformer of the above with another
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

from curate.algorithms import embed_files
from curate.errors import UsageError

_WEIGHTS = (".safetensors", ".bin")


class Wanted(NamedTuple):
    """A model and how to use it.

    dimensions: the vectors' length, at most the model's own; None for that. pooling: mean, cls, last or
    weighted-mean; None for what the model's files say, or mean. max_length: tokens of a sequence; None for what the
    model's files say. truncation: head or chunks-mean.
    """

    model: str
    dimensions: int | None = None
    pooling: str | None = None
    max_length: int | None = None
    truncation: str = "head"


class Encoder(Protocol):
    """A model that is loaded."""

    def embed(self, text: pa.ChunkedArray, dtype: str) -> pa.Array:
        """Vectors as `vectors.store` keeps them, null for a text in which the model finds nothing to go by."""
        ...


def load(wanted: Wanted) -> Encoder:
    """Load a model, on the device that CURATE_DEVICE names where that matters. Raises UsageError when it cannot be."""
    length = dimensions(wanted)
    if kind(wanted) == "static":
        from curate.algorithms import embed_static

        return embed_static.load(wanted, length)
    if kind(wanted) == "sentence":
        from curate.algorithms import embed_sentence

        return embed_sentence.load(wanted, length)
    from curate.algorithms import embed_transformer

    return embed_transformer.load(wanted, length)


@functools.cache
def kind(wanted: Wanted) -> str:
    """static, sentence or transformer. Raises UsageError when what that takes is missing, or the options do not fit."""
    found = _kind(wanted)
    if found == "static" and wanted.pooling is not None:
        raise UsageError(f"--pooling {wanted.pooling}: --model {wanted.model} has one row a token; leave --pooling out")
    package = {"sentence": "sentence_transformers", "transformer": "transformers"}.get(found)
    if package and importlib.util.find_spec(package) is None:
        raise UsageError(f"--model {wanted.model}: needs {package.replace('_', '-')}: pip install 'curate[neural]'")
    return found


@functools.cache
def dimensions(wanted: Wanted) -> int:
    """The length of the vectors to make: what is wanted, at most what the model's files say it gives.

    Loads no model. Raises UsageError when it gives fewer, or its files do not say.
    """
    own = _own_dimensions(wanted)
    if own is None and wanted.dimensions is None:
        raise UsageError(f"--model {wanted.model}: its files do not say how long its vectors are; give --dimensions")
    if own is not None and wanted.dimensions is not None:
        check_dimensions(wanted.model, wanted.dimensions, own)
    return wanted.dimensions or own or 0


def memory(wanted: Wanted) -> int:
    """Bytes that a loaded model takes at most on the CPU beside the documents and vectors of a shard.

    The weights twice, and with torch 0.7 GiB for its libraries and, for each token of a batch, 20 numbers for each of
    the model's own width: with 2 layers of 256, 0.35 GB and 17 were measured. A public id is taken for 2 GiB.
    """
    folder = Path(wanted.model)
    if not folder.is_dir():
        return 2 << 30
    weights = 2 * sum(path.stat().st_size for end in _WEIGHTS for path in folder.rglob(f"*{end}"))
    if kind(wanted) == "static":
        return weights + (256 << 20)
    from curate.algorithms import embed_torch

    parts = embed_files.modules(wanted.model)
    config = embed_files.read_json(wanted.model, embed_files.inside(parts[0]["path"] if parts else "", "config.json"))
    width = max([dimensions(wanted), *((config or {}).get(key, 0) for key in embed_files.WIDTH_KEYS)])
    return weights + (720 << 20) + 80 * width * embed_torch.batch_tokens()


def check_dimensions(model: str, length: int, own: int) -> None:
    """Raise UsageError for vectors longer than the model's own."""
    if length > own:
        raise UsageError(f"--dimensions {length}: the vectors of --model {model} have {own}; give at most that")


def _kind(wanted: Wanted) -> str:
    parts = embed_files.modules(wanted.model)
    if parts is None:
        config = embed_files.read_json(wanted.model, "config.json") or {}
        return "static" if config.get("model_type") == "model2vec" else "transformer"
    names = [part["type"] for part in parts]
    if names[:1] == ["StaticEmbedding"] and set(names[1:]) <= {"Normalize"}:
        weights = embed_files.find(wanted.model, embed_files.inside(parts[0]["path"], "model.safetensors"))
        return "sentence" if weights is None else "static"
    return "sentence" if wanted.pooling is None else "transformer"


def _own_dimensions(wanted: Wanted) -> int | None:
    parts = embed_files.modules(wanted.model)
    which = kind(wanted)
    if which == "static":
        from curate.algorithms import embed_static

        return embed_static.length(wanted.model)
    if which == "sentence":
        return embed_files.sentence_length(wanted.model, parts or [])
    return embed_files.transformer_length(wanted.model, parts[0]["path"] if parts else "")
