"""Losses by any causal model that `transformers` loads, in windows that overlap where a text is longer than one.

A text's tokens, without special ones, follow the model's token for the beginning of a text (or the one for the end,
where it has no other; without either the first token costs as much as any of the vocabulary would). Windows are as
long as the model's positions, and each but the first begins half a window after the one before: every token is
counted once, with at least half a window before it wherever the text has it. A text's cost is that of its tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curate.algorithms import embed_files, embed_tokens, embed_torch
from curate.errors import UsageError
from curate.kernels import arrow

if TYPE_CHECKING:
    import torch

_WINDOW_BYTES = 512 << 20
"""Of the logits of a window, in float32: with a vocabulary of 50,000 it has 2,684 tokens at most."""
_BATCH_BYTES = {"cuda": 4 << 30}
"""Of those of a batch; elsewhere a window's."""
_ROWS_AT_ONCE = 1024
_BYTES_AT_ONCE = 4 << 20


def load(path: str) -> TransformerModel:
    """Load a model on the device, in float32 on a CPU. Raises UsageError when it cannot be loaded."""
    device = embed_torch.device()
    embed_torch.quiet()
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    kind = torch.device(device).type
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
        loaded: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32 if kind == "cpu" else "auto")
    except (OSError, ValueError, KeyError, SafetensorError) as problem:
        raise UsageError(f"model {path}: cannot be loaded as a causal language model: {problem}") from None
    loaded = loaded.to(device).eval()
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return TransformerModel(path, loaded, tokenizer, first, window(loaded.config.get_text_config(), tokenizer), device)


def window(config: Any, tokenizer: Any) -> int:
    """Tokens of a window, the same on every device."""
    said = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions")]
    most = max(2, _WINDOW_BYTES // (4 * config.vocab_size))
    return min([most, tokenizer.model_max_length, *(number for number in said if number)])


class Windows(NamedTuple):
    """Windows of texts. ids: what is put in, int32; owners: numbers of texts; skips: targets counted in the one before.

    A window's targets are the tokens behind its first.
    """

    ids: list[np.ndarray]
    owners: np.ndarray
    skips: np.ndarray


def cut(tokens: list[np.ndarray], longest: int) -> Windows:
    """The windows of texts, each given as int32 tokens with what begins a text. Those of fewer than two have none."""
    ids, owners, skips = [], [], []
    step = max(1, longest // 2)
    for owner, text in enumerate(tokens):
        counted, start = 1, 0
        while counted < len(text):
            piece = text[start : start + longest]
            ids.append(piece)
            owners.append(owner)
            skips.append(counted - start - 1)
            counted = start + len(piece)
            start += step
    return Windows(ids, np.array(owners, dtype=np.int64), np.array(skips, dtype=np.int64))


@dataclass(frozen=True)
class TransformerModel:
    """A model that is loaded. first: the token before every text, None without one. longest: tokens of a window."""

    path: str
    model: Any
    tokenizer: Any
    first: int | None
    longest: int
    device: str

    def bits_per_byte(self, texts: arrow.Array) -> np.ndarray:
        """See LossModel."""
        texts = arrow.combined(texts)
        offsets = arrow.strings(texts).offsets
        out = np.full(len(texts), np.nan)
        for start, stop in embed_tokens.windows(offsets, _ROWS_AT_ONCE, _BYTES_AT_ONCE):
            rows = [text or "" for text in texts.slice(start, stop - start).to_pylist()]
            sizes = np.diff(offsets[start : stop + 1]).astype(np.float64)
            np.divide(self._bits(rows), sizes, out=out[start:stop], where=sizes > 0)
        return out

    def _bits(self, texts: list[str]) -> np.ndarray:
        before = np.array([] if self.first is None else [self.first], dtype=np.int32)
        tokens = [np.concatenate([before, ids]) for ids in embed_tokens.all_tokens(texts, self._tokenise)]
        unscored = [self.first is None and len(ids) > 0 for ids in tokens]
        bits = np.where(unscored, math.log2(self.model.config.get_text_config().vocab_size), 0.0)
        windows = cut(tokens, self.longest)
        for batch in self._batches(windows):
            np.add.at(bits, windows.owners[batch], self._losses(windows, batch))
        if not np.isfinite(bits).all():
            raise UsageError(f"model {self.path}: gives losses that are not numbers; it may be damaged")
        return bits

    def _tokenise(self, texts: list[str]) -> list[np.ndarray]:
        found = self.tokenizer(
            texts, add_special_tokens=False, truncation=False, padding=False, return_attention_mask=False, verbose=False
        )
        return [np.array(ids, dtype=np.int32) for ids in found["input_ids"]]

    def _batches(self, windows: Windows) -> Iterator[np.ndarray]:
        import torch

        most = _BATCH_BYTES.get(torch.device(self.device).type, _WINDOW_BYTES)
        tokens = most // (4 * self.model.config.get_text_config().vocab_size)
        lengths = np.array([len(ids) for ids in windows.ids], dtype=np.int64)
        return embed_tokens.batches(lengths, min(embed_torch.batch_tokens(), tokens))

    def _losses(self, windows: Windows, batch: np.ndarray) -> np.ndarray:
        """The bits of the targets that each window of a batch counts: float64, in its order."""
        import torch

        lengths = np.array([len(windows.ids[i]) for i in batch])
        places = np.arange(lengths.max())
        mask = places < lengths[:, None]
        numbers = np.zeros(mask.shape, dtype=np.int64)
        numbers[mask] = np.concatenate([windows.ids[i] for i in batch])
        counted = mask[:, 1:] & (places[:-1] >= windows.skips[batch][:, None])
        ids, attended, chosen = (torch.from_numpy(array).to(self.device) for array in (numbers, mask * 1, counted))
        try:
            with torch.inference_mode():
                return _summed(self.model(input_ids=ids, attention_mask=attended, use_cache=False).logits, ids, chosen)
        except RuntimeError as problem:
            if not any(words in str(problem) for words in embed_torch.OUT_OF_MEMORY):
                raise
            raise UsageError(embed_torch.too_much(self.device, *mask.shape)) from None


def _summed(logits: torch.Tensor, ids: torch.Tensor, chosen: torch.Tensor) -> np.ndarray:
    """Bits by window, of logits (b, t, v), tokens (b, t), and which of the tokens behind the first count (b, t - 1)."""
    import torch

    sums = torch.zeros(len(ids), dtype=torch.float64, device=ids.device)
    for row in range(len(ids)):
        which = chosen[row].nonzero().squeeze(1)
        losses = torch.nn.functional.cross_entropy(logits[row, which].float(), ids[row, which + 1], reduction="none")
        sums[row] = losses.double().sum()
    return sums.cpu().numpy() / math.log(2)


def memory(path: str) -> int:
    """Bytes that a model takes at most on the CPU: its weights twice, 0.7 GiB for torch, a batch's logits thrice.

    A public id is taken for 2 GiB.
    """
    folder = Path(path)
    if not folder.is_dir():
        return 2 << 30
    config = embed_files.read_json(path, "config.json") or {}
    weights = 2 * sum(file.stat().st_size for end in (".safetensors", ".bin") for file in folder.rglob(f"*{end}"))
    width = max([0, *(config.get(key, 0) for key in embed_files.WIDTH_KEYS)])
    return weights + (720 << 20) + 80 * width * embed_torch.batch_tokens() + 3 * _WINDOW_BYTES
