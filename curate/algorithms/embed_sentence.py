"""Document vectors by sentence-transformers (Reimers and Gurevych 2019): the one file that knows that package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curate.algorithms import embed_models, embed_tokens, embed_torch, embed_transformer, vectors
from curate.errors import UsageError
from curate.kernels import arrow

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

    from curate.algorithms.embed_models import Wanted

_ROWS_AT_ONCE = 4_096
_BYTES_AT_ONCE = 8 << 20
_TOKENS_A_DOCUMENT = 512


def load(wanted: Wanted, length: int) -> embed_models.Encoder:
    """Load a model on the device, its vectors cut to a length. Raises UsageError when that cannot be.

    A transformer and what follows it are given batches of ours; a model that begins with another module makes its own.
    """
    device = embed_torch.device()
    embed_torch.quiet()
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        loaded = SentenceTransformer(wanted.model, device=device)
    except (OSError, ValueError, KeyError, SafetensorError) as problem:
        raise UsageError(f"--model {wanted.model}: cannot be loaded: {problem}") from None
    embed_models.check_dimensions(wanted.model, length, loaded.get_embedding_dimension() or length)
    if type(loaded[0]).__name__ == "Transformer":
        return _batched(wanted, loaded, length, device)
    if wanted.max_length is not None or wanted.truncation != "head":
        raise UsageError(f"--max-length, --truncation: --model {wanted.model} reads texts its own way; leave them out")
    return WholeEncoder(loaded, length)


def _batched(wanted: Wanted, loaded: SentenceTransformer, length: int, device: str) -> embed_torch.TorchEncoder:
    first: Any = loaded[0]
    tokenizer, transformer = first.tokenizer, first.auto_model
    most = embed_torch.longest(wanted.model, transformer, tokenizer, loaded.max_seq_length, wanted.max_length)
    prompt = loaded.prompts.get(loaded.default_prompt_name or "") or ""
    reader = embed_torch.reader(tokenizer, most, wanted.truncation, wanted.model, prompt)
    typed = embed_transformer.takes_types(transformer, tokenizer)
    more = {"prompt_length": len(reader.before) + len(reader.tokenise([prompt])[0])} if prompt else {}

    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        types = {"token_type_ids": ids.new_zeros(ids.shape)} if typed else {}
        features: Any = {"input_ids": ids, "attention_mask": mask, **types, **more}
        return loaded(features)["sentence_embedding"]

    return embed_torch.TorchEncoder(wanted.model, reader, forward, tokenizer.pad_token_id or 0, length, device)


@dataclass(frozen=True)
class WholeEncoder:
    """A model that batches for itself."""

    model: SentenceTransformer
    length: int

    def embed(self, text: pa.ChunkedArray, dtype: str) -> pa.Array:
        """See Encoder. Null for a text of nothing but white space, and where the vector is zero."""
        out = np.zeros((len(text), self.length), dtype=dtype)
        known = np.zeros(len(text), dtype=np.bool_)
        size = max(1, embed_torch.batch_tokens() // _TOKENS_A_DOCUMENT)
        for start, stop in embed_tokens.windows(arrow.strings(text).offsets, _ROWS_AT_ONCE, _BYTES_AT_ONCE):
            texts = text.slice(start, stop - start).to_pylist()
            chosen = np.array([i for i, value in enumerate(texts) if value and not value.isspace()], dtype=np.int64)
            if len(chosen) == 0:
                continue
            rows = self.model.encode(
                [texts[i] for i in chosen],
                batch_size=size,
                show_progress_bar=False,
                truncate_dim=self.length,
                normalize_embeddings=True,
            )
            kept = np.empty(rows.shape, dtype=dtype)
            vectors.store(rows, kept)
            out[start + chosen], known[start + chosen] = kept, rows.any(axis=1)
        return arrow.vector_array(out, known)
