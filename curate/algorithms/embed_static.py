"""Static token embeddings: a document is the mean of its tokens' rows, put at length one. Needs no torch.

Reads what sentence-transformers (`StaticEmbedding`) and model2vec (Tulkens and van Dongen 2024) save: `tokenizer.json`,
and in `model.safetensors` a table `embedding.weight` or `embeddings`, for model2vec perhaps with `mapping` (each
token's row) and `weights` (what the row is multiplied by). As in those packages no special tokens are added, and
model2vec passes the unknown token over. A vector has length one, whatever `normalize` says there.

Sums are taken in the order of the tokens, so that vectors are equal on any machine. A table of float32 is mapped, not
read: processes share it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import embed_files, embed_tokens, vectors
from curate.errors import UsageError
from curate.kernels import arrow, token_sums

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from curate.algorithms.embed_models import Wanted

_WEIGHTS = "model.safetensors"
_TABLES = ("embedding.weight", "embeddings")
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1", "I32": "<i4", "I64": "<i8"}
_ROWS_AT_ONCE = 4_096
_BYTES_AT_ONCE = 8 << 20


@dataclass(frozen=True)
class StaticEncoder:
    """table: float32 (r, d'), of which the first `length` columns count; see `token_sums.add_rows` for the others."""

    tokenizer: Tokenizer
    table: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    unknown: int
    most: int | None
    length: int

    def embed(self, text: pa.ChunkedArray, dtype: str) -> pa.Array:
        """See Encoder."""
        offsets = arrow.strings(text).offsets
        out = np.zeros((len(text), self.length), dtype=dtype)
        known = np.zeros(len(text), dtype=np.bool_)
        for start, stop in embed_tokens.windows(offsets, _ROWS_AT_ONCE, _BYTES_AT_ONCE):
            texts = [value or "" for value in text.slice(start, stop - start).to_pylist()]
            sums = self._sums(texts)
            lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
            known[start:stop] = lengths > 0
            sums /= np.where(lengths > 0, lengths, 1)[:, None]
            vectors.store(sums.astype(np.float32), out[start:stop])
        return arrow.vector_array(out, known)

    def _sums(self, texts: list[str]) -> np.ndarray:
        if self.most is None:
            tokens = embed_tokens.all_tokens(texts, self._tokenise)
        else:
            tokens = embed_tokens.first_tokens(texts, self.most, self._tokenise)
        sums = np.zeros((len(texts), self.length), dtype=np.float64)
        ends = np.cumsum([len(ids) for ids in tokens], dtype=np.int64)
        ids = np.concatenate([np.empty(0, dtype=np.int32), *tokens])
        learned = (self.table, self.places, self.weights)
        token_sums.add_rows(ids, ends, np.arange(len(texts)), *learned, self.unknown, sums)
        return sums

    def _tokenise(self, texts: list[str]) -> list[np.ndarray]:
        found = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.int32) for encoding in found]


def load(wanted: Wanted, length: int) -> StaticEncoder:
    """Load a model. Raises UsageError when its files are not what they must be."""
    from tokenizers import Tokenizer

    model, path = wanted.model, _subfolder(wanted.model)
    config = embed_files.read_json(model, embed_files.inside(path, "config.json")) or {}
    file = embed_files.find(model, embed_files.inside(path, "tokenizer.json"))
    if file is None:
        raise UsageError(f"--model {model}: no tokenizer.json in it")
    tokenizer = Tokenizer.from_file(str(file))
    said = config.get("max_length") or (tokenizer.truncation or {}).get("max_length")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tensors = _tensors(model)
    name, table = _table(model, tensors)
    places, weights = _optional(tensors, "mapping", np.int64), _optional(tensors, "weights", np.float32)
    _check(model, table, places, weights, max(tokenizer.get_vocab().values(), default=-1) + 1)
    unknown = _unknown(tokenizer) if name == "embeddings" else -1
    most = None if wanted.truncation == "chunks-mean" else wanted.max_length or said
    return StaticEncoder(tokenizer, table, places, weights, unknown, most, length)


def length(model: str) -> int:
    """The length of the model's vectors."""
    return _table(model, _tensors(model))[1].shape[1]


class Tensor(NamedTuple):
    """Where a tensor lies in its file."""

    path: Path
    kind: str
    shape: list[int]
    start: int


def _tensors(model: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file: eight bytes that give the length of a JSON header, and numbers behind it."""
    path = embed_files.find(model, embed_files.inside(_subfolder(model), _WEIGHTS))
    if path is None:
        raise UsageError(f"--model {model}: no {_WEIGHTS} in it")
    try:
        with open(path, "rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            header: dict[str, Any] = json.loads(opened.read(min(size, path.stat().st_size)))
        header.pop("__metadata__", None)
        return {
            name: Tensor(path, entry["dtype"], entry["shape"], 8 + size + entry["data_offsets"][0])
            for name, entry in header.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"--model {model}: {_WEIGHTS} is not a safetensors file") from None


def _table(model: str, tensors: dict[str, Tensor]) -> tuple[str, np.ndarray]:
    name = next((name for name in _TABLES if name in tensors), None)
    if name is None or len(tensors[name].shape) != 2 or tensors[name].kind not in _TYPES:
        raise UsageError(f"--model {model}: no table of numbers named {' or '.join(_TABLES)} in {_WEIGHTS}")
    return name, _read(model, tensors[name], np.float32)


def _optional(tensors: dict[str, Tensor], name: str, kind: type) -> np.ndarray:
    return _read("", tensors[name], kind) if name in tensors else np.empty(0, dtype=kind)


def _read(model: str, tensor: Tensor, kind: type) -> np.ndarray:
    """A tensor as numbers of a type; one of that type is mapped."""
    try:
        found = np.memmap(tensor.path, _TYPES[tensor.kind], "r", tensor.start, tuple(tensor.shape))
    except (ValueError, KeyError):
        raise UsageError(f"--model {model}: {tensor.path.name} ends too early, or holds {tensor.kind}") from None
    if tensor.kind == "BF16":  # the upper half of a float32
        return (found.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return np.asarray(found).astype(kind, copy=False)


def _check(model: str, table: np.ndarray, places: np.ndarray, weights: np.ndarray, tokens: int) -> None:
    """Every token must have a row, since the kernel does not look."""
    rows = len(places) or len(table)
    fits = tokens <= rows and (len(weights) == 0 or tokens <= len(weights))
    if not fits or (len(places) and (places.min() < 0 or places.max() >= len(table))):
        raise UsageError(f"--model {model}: {_WEIGHTS} has rows for {rows:,} tokens, tokenizer.json has {tokens:,}")


def _unknown(tokenizer: Tokenizer) -> int:
    """The number of the unknown token, -1 when there is none."""
    if hasattr(tokenizer.model, "unk_token"):
        name = tokenizer.model.unk_token
        found = None if name is None else tokenizer.token_to_id(name)
    else:
        found = json.loads(tokenizer.to_str())["model"].get("unk_id")
    return -1 if found is None else found


def _subfolder(model: str) -> str:
    parts = embed_files.modules(model)
    return parts[0]["path"] if parts else ""
