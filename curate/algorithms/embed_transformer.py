"""Document vectors by any model that `transformers` loads: its last hidden states, pooled over the tokens."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from curate.algorithms import embed_files, embed_models, embed_torch
from curate.errors import UsageError

if TYPE_CHECKING:
    import torch

    from curate.algorithms.embed_models import Wanted


def load(wanted: Wanted, length: int) -> embed_torch.TorchEncoder:
    """Load a model on the device. Raises UsageError when it cannot be loaded or does not fit the options."""
    device = embed_torch.device()
    embed_torch.quiet()
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer

    parts = embed_files.modules(wanted.model)
    where = {"subfolder": parts[0]["path"]} if parts and parts[0]["path"] else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(wanted.model, **where)
        loaded: Any = AutoModel.from_pretrained(wanted.model, **where)
    except (OSError, ValueError, KeyError, SafetensorError) as problem:
        raise UsageError(f"--model {wanted.model}: cannot be loaded: {problem}") from None
    if loaded.config.is_encoder_decoder:
        loaded = loaded.get_encoder()
    loaded = loaded.to(device).eval()
    embed_models.check_dimensions(wanted.model, length, loaded.config.hidden_size)
    most = embed_torch.longest(wanted.model, loaded, tokenizer, None, wanted.max_length)
    reader = embed_torch.reader(tokenizer, most, wanted.truncation, wanted.model)
    pooling = wanted.pooling or "mean"
    typed = takes_types(loaded, tokenizer)

    def forward(ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        more = {"token_type_ids": ids.new_zeros(ids.shape)} if typed else {}
        return pool(loaded(input_ids=ids, attention_mask=mask, **more).last_hidden_state, mask, pooling)

    return embed_torch.TorchEncoder(wanted.model, reader, forward, tokenizer.pad_token_id or 0, length, device)


def takes_types(loaded: Any, tokenizer: Any) -> bool:
    """Whether a model is to be given token types, which are all zero for one text."""
    named = "token_type_ids" in inspect.signature(loaded.forward).parameters
    return named and "token_type_ids" in tokenizer.model_input_names


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One vector a sequence, float32 (b, d), of states (b, t, d) where the mask, int64 (b, t), is one: a row's first.

    cls is the first token's state, last the last one's, mean their mean, and weighted-mean that with the weights
    1, 2, ... by position (SGPT: Muennighoff 2022).
    """
    import torch

    if pooling == "cls":
        return states[:, 0].float()
    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1].float()
    weights = mask if pooling == "mean" else mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)
    weights = weights.to(torch.float32)
    sums = torch.bmm(weights.unsqueeze(1), states.float()).squeeze(1)
    return sums / weights.sum(dim=1, keepdim=True)
