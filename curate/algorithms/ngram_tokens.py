"""Texts as sequences of the tokens of n-gram models, some texts, or a piece of a long one, at a time."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from curate.errors import UsageError
from curate.kernels import arrow
from curate.kernels import ngram_tokens as kernels

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Unit = Literal["bytes", "words", "tokenizer"]
_NONE = np.empty(0, np.int64)


class Sequences(NamedTuple):
    """The tokens of texts. hashes: uint64, with what ends a text; offsets: int64 (n + 1,), each sequence's first.

    Tokens before the first sequence are those of the same text before a piece of it; only its last piece has an end.
    starts, ends: int64, where each word is in `data`, uint8; of no length for other units.
    """

    hashes: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    data: np.ndarray


def read(
    texts: arrow.Array, unit: Unit, tokenizer: str | None, order: int, size: int
) -> Iterator[tuple[int, Sequences]]:
    """The tokens of about `size` bytes of text at a time, each with the row of its first text.

    A text of more than that, which must be that of at least `order` words, comes in pieces, cut between two words, each
    with as many of the tokens before it as an n-gram of `order` may reach back to. A tokenizer may find a token or two
    more or fewer there.
    """
    texts = arrow.combined(texts)
    lengths = np.diff(arrow.strings(texts).offsets)
    groups = np.cumsum(lengths) // size
    long = lengths > size
    new = (np.diff(groups, prepend=-1) != 0) | long | np.concatenate([[False], long[:-1]])[: len(long)]
    for start, end in itertools.pairwise([*np.flatnonzero(new).tolist(), len(texts)]):
        if long[start]:
            yield from ((start, piece) for piece in _pieces(texts.slice(start, 1), unit, tokenizer, order, size))
        else:
            yield start, sequences(texts.slice(start, end - start), unit, tokenizer)


def _pieces(text: pa.Array, unit: Unit, tokenizer: str | None, order: int, size: int) -> Iterator[Sequences]:
    (at, end), data = arrow.strings(text)
    context = None
    while at < end:
        stop = kernels.boundary(data, at, min(at + size, end), end, *kernels.classes())
        found = sequences(arrow.string_array(np.array([at, stop]), data), unit, tokenizer)
        if stop < end:
            found = _part(found, 0, len(found.hashes) - 1)
        if context is not None:
            found = _after(context, found)
        yield found
        context = _part(found, max(0, len(found.hashes) - max(1, order - 1)), len(found.hashes))
        at = stop


def _part(found: Sequences, first: int, last: int) -> Sequences:
    return Sequences(
        found.hashes[first:last],
        np.array([0, last - first]),
        found.starts[first:last],
        found.ends[first:last],
        found.data,
    )


def _after(context: Sequences, found: Sequences) -> Sequences:
    return Sequences(
        np.concatenate([context.hashes, found.hashes]),
        found.offsets + len(context.hashes),
        np.concatenate([context.starts, found.starts]),
        np.concatenate([context.ends, found.ends]),
        found.data,
    )


def sequences(texts: pa.Array, unit: Unit, tokenizer: str | None) -> Sequences:
    """The tokens of every text; tokenizer: its JSON."""
    values = arrow.strings(texts)
    offsets, data = values
    size = int(offsets[-1] - offsets[0]) + len(values)
    hashes, firsts = np.empty(size, np.uint64), np.empty(len(offsets), np.int64)
    if unit == "bytes":
        kernels.hash_spans(offsets[:-1], offsets[1:], data, hashes, firsts)
        return Sequences(hashes, firsts, _NONE, _NONE, data)
    if unit == "words":
        ends = np.empty(size, np.int64)
        number = kernels.hash_words(offsets, data, *kernels.classes(), hashes, ends, firsts)
        starts = np.empty(number, np.int64)
        starts[1:] = ends[: number - 1]
        starts[firsts[:-1]] = offsets[:-1]
        return Sequences(hashes[:number], firsts, starts, ends[:number], data)
    assert tokenizer is not None
    rows = [text or "" for text in texts.to_pylist()]
    found = [each.ids for each in _tokenizer(tokenizer).encode_batch_fast(rows, add_special_tokens=False)]
    given = np.concatenate([[0], np.cumsum([len(row) for row in found], dtype=np.int64)])
    hashes = np.empty(given[-1] + len(found), np.uint64)
    flat = np.fromiter(itertools.chain.from_iterable(found), np.int64, given[-1])
    kernels.hash_numbers(given, flat, hashes, firsts)
    return Sequences(hashes, firsts, _NONE, _NONE, data)


def spans(found: Sequences, which: np.ndarray) -> Sequences:
    """The bytes of some of the words, by number, each as a sequence."""
    starts, ends = found.starts[which], found.ends[which]
    hashes = np.empty(int((ends - starts).sum()) + len(which), np.uint64)
    firsts = np.empty(len(which) + 1, np.int64)
    kernels.hash_spans(starts, ends, found.data, hashes, firsts)
    return Sequences(hashes, firsts, _NONE, _NONE, found.data)


def described(tokenizer: str) -> str:
    """The JSON that describes a tokenizer, from the path of its file, or that JSON itself.

    Raises UsageError when it is neither.
    """
    if tokenizer.startswith("{"):
        return tokenizer
    try:
        text = Path(tokenizer).read_text(encoding="utf-8")
        _tokenizer(text)
    except Exception as error:
        raise UsageError(f"tokenizer {tokenizer}: not a tokenizer.json file: {error}") from None
    return text


def tokens_of(tokenizer: str) -> int:
    """How many different tokens a tokenizer, given by its JSON, has."""
    return _tokenizer(tokenizer).get_vocab_size()


@functools.lru_cache(maxsize=4)
def _tokenizer(text: str) -> Tokenizer:
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_str(text)
    loaded.no_truncation()
    loaded.no_padding()
    return loaded
