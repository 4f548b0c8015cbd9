"""Runs an encoder over documents: tokenising in a thread of its own, batches filled by tokens, on a device.

Vectors are equal only on one kind of device and with one size of batches: elsewhere a matrix product may add in
another order, and the padding of a batch moves the last bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curate.algorithms import embed_tokens, vectors
from curate.errors import UsageError
from curate.kernels import arrow

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 16_384
_ROWS_AT_ONCE = 4_096
_BYTES_AT_ONCE = 8 << 20
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def batch_tokens() -> int:
    """Tokens of a batch, padding included: what CURATE_BATCH_TOKENS says."""
    return int(os.environ.get("CURATE_BATCH_TOKENS", BATCH_TOKENS))


def device() -> str:
    """The device that CURATE_DEVICE names; of several GPUs, where it names none, this worker's by its number.

    Raises UsageError for one that torch does not have here.
    """
    import torch

    name = os.environ.get("CURATE_DEVICE", "cpu")
    try:
        kind = torch.device(name)
    except RuntimeError:
        raise UsageError(f"--device {name}: torch knows no such device; give cpu, cuda or cuda:1") from None
    if kind.type != "cuda":
        return name
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise UsageError(f"--device {name}: torch finds no CUDA device here; use --device cpu")
    if kind.index is None:
        return f"cuda:{int(os.environ.get('CURATE_WORKER', '0')) % count}"
    if kind.index >= count:
        raise UsageError(f"--device {name}: there are {count} here, from cuda:0 on")
    return name


def too_much(where: str, rows: int, tokens: int) -> str:
    """What to say when a batch of sequences does not fit on a device."""
    what = f"a batch of {rows:,} x {tokens:,} tokens does not fit into the memory of {where}"
    fewer = f"give fewer, such as {max(1, batch_tokens() // 2)}" if rows > 1 else "cut sequences by --max-length"
    return f"--batch-tokens {batch_tokens()}: {what}; {fewer}, or run fewer --workers"


@dataclass(frozen=True)
class TorchEncoder:
    """A model that is loaded.

    forward: token numbers and mask, int64 (b, t), to vectors (b, d'), of which the first `length` numbers count.
    pad: the number that fills shorter rows of a batch, at their end.
    """

    model: str
    reader: embed_tokens.Reader
    forward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    pad: int
    length: int
    device: str

    def embed(self, text: pa.ChunkedArray, dtype: str) -> pa.Array:
        """See Encoder. Null for a text of nothing but white space, or without a token."""
        out = np.zeros((len(text), self.length), dtype=dtype)
        known = np.zeros(len(text), dtype=np.bool_)
        with ThreadPoolExecutor(1) as beside:
            for rows, sequences in _ahead(beside, text, self.reader):
                if len(rows) == 0:
                    continue
                found = self._mean_vectors(sequences)
                vectors.store(found, kept := np.empty(found.shape, dtype=dtype))
                out[rows], known[rows] = kept, True
        return arrow.vector_array(out, known)

    def _mean_vectors(self, sequences: embed_tokens.Sequences) -> np.ndarray:
        """A vector of length one for each text that has a sequence: the mean of its sequences', weighted by tokens."""
        lengths = np.array([len(ids) for ids in sequences.ids], dtype=np.int64)
        rows = self._vectors(sequences.ids, lengths)
        if not np.isfinite(rows).all():
            raise UsageError(f"--model {self.model}: gives vectors that are not numbers; it may be damaged")
        first = np.flatnonzero(np.diff(sequences.owners, prepend=-1))
        if len(first) == len(rows):
            return rows
        own = lengths - (len(self.reader.before) + len(self.reader.after))
        sums = np.add.reduceat(rows * own[:, None].astype(np.float32), first, axis=0)
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-30)

    def _vectors(self, ids: list[np.ndarray], lengths: np.ndarray) -> np.ndarray:
        """Vectors of length one of sequences, float32 (s, d). They stay on the device until all are made."""
        import torch

        found, order = [], []
        with torch.inference_mode():
            for batch in embed_tokens.batches(lengths, batch_tokens()):
                found.append(self._batch(ids, lengths[batch], batch))
                order.append(batch)
            rows = torch.cat(found).cpu().numpy()
        out = np.empty_like(rows)
        out[np.concatenate(order)] = rows
        return out

    def _batch(self, ids: list[np.ndarray], lengths: np.ndarray, batch: np.ndarray) -> torch.Tensor:
        import torch

        mask = np.arange(lengths[0]) < lengths[:, None]
        numbers = np.full(mask.shape, self.pad, dtype=np.int64)
        numbers[mask] = np.concatenate([ids[i] for i in batch])
        try:
            given = [torch.from_numpy(array).to(self.device) for array in (numbers, mask.astype(np.int64))]
            rows = self.forward(*given)[:, : self.length].float()
            return torch.nn.functional.normalize(rows, dim=1)
        except RuntimeError as problem:
            if not any(words in str(problem) for words in OUT_OF_MEMORY):
                raise
            raise UsageError(too_much(self.device, *mask.shape)) from None


def _ahead(
    beside: ThreadPoolExecutor, text: pa.ChunkedArray, reader: embed_tokens.Reader
) -> Iterator[tuple[np.ndarray, embed_tokens.Sequences]]:
    """Rows with a sequence, and their sequences, a window at a time; the next one is being read meanwhile."""
    stretches = embed_tokens.windows(arrow.strings(text).offsets, _ROWS_AT_ONCE, _BYTES_AT_ONCE)
    waiting = None
    for start, stop in stretches:
        following = beside.submit(_read, text.slice(start, stop - start), start, reader)
        if waiting is not None:
            yield waiting.result()
        waiting = following
    if waiting is not None:
        yield waiting.result()


def _read(text: pa.ChunkedArray, start: int, reader: embed_tokens.Reader) -> tuple[np.ndarray, embed_tokens.Sequences]:
    texts = text.to_pylist()
    chosen = np.array([i for i, value in enumerate(texts) if value and not value.isspace()], dtype=np.int64)
    sequences = embed_tokens.read([texts[i] for i in chosen], reader)
    return start + chosen[np.unique(sequences.owners)], sequences


def quiet() -> None:
    """No progress bars of downloads or of loading."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def reader(tokenizer: Any, most: int, truncation: str, model: str, prompt: str = "") -> embed_tokens.Reader:
    """How a tokenizer of `transformers` reads sequences of at most `most` tokens, special ones included."""

    def tokenise(texts: list[str]) -> list[np.ndarray]:
        found = tokenizer(
            texts,
            add_special_tokens=False,
            truncation=False,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        return [np.array(ids, dtype=np.int32) for ids in found["input_ids"]]

    bare, whole = tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer("a")["input_ids"]
    place = next((i for i in range(len(whole)) if whole[i : i + len(bare)] == bare), 0)
    before, after = (np.array(ids, dtype=np.int32) for ids in (whole[:place], whole[place + len(bare) :]))
    content = most - len(before) - len(after)
    if content < 1:
        raise UsageError(f"--max-length {most}: --model {model} adds {most - content} special tokens; give more")
    return embed_tokens.Reader(tokenise, before, after, content, truncation == "chunks-mean", prompt)


def longest(model: str, loaded: Any, tokenizer: Any, said: int | None, wanted: int | None) -> int:
    """Tokens of a sequence: what is wanted, else what the model's files say, at most its positions.

    loaded: a model of `transformers`. Raises UsageError when more are wanted than it has positions.
    """
    table = getattr(getattr(loaded, "embeddings", None), "position_embeddings", None)
    unused = getattr(table, "padding_idx", None)  # positions begin behind it, in models of RoBERTa's kind
    positions = getattr(loaded.config, "max_position_embeddings", None) or 1 << 30
    positions -= 0 if unused is None else unused + 1
    if wanted is not None and wanted > positions:
        raise UsageError(f"--max-length {wanted}: --model {model} has {positions} positions; give at most that")
    return wanted or min(said or tokenizer.model_max_length, positions)
