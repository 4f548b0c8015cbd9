"""Exact counts of the n-grams of texts, which add and subtract without loss."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import ngram_files as files
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.kernels import ngram_counts as kernels
from curate.kernels import ngram_tokens as tokens

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Unit = Literal["bytes", "words", "tokenizer"]

_KIND = "n-gram counts"

LONGEST = 8
"""The highest order."""
_SPECIAL = np.array([tokens.START, tokens.END])
_BATCH_BYTES = {"bytes": 1 << 22, "words": 1 << 24, "tokenizer": 1 << 24}


class Sequences(NamedTuple):
    """The tokens of texts. hashes: uint64, what ends a text included; offsets: int64 (n + 1,), each text's first.

    starts, ends: int64, where each word is in `data`, uint8; of no length for other units.
    """

    hashes: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    data: np.ndarray


@dataclass(frozen=True)
class Counts:
    """How often each n-gram of up to `order` tokens occurs, begins and ends of texts counting as tokens.

    unit: what a token is. tokenizer: the path of its file, for the unit `tokenizer`.
    hashes: the vocabulary, uint64: what begins a text, what ends it, and all other tokens in the order of their hashes.
    spelled: int64 (vocabulary + 1,), where each word's bytes begin in `spelling`, uint8; all zero for other units.
    keys: of every order the n-grams, as in `kernels.ngram_counts`, those of order 1 being 0, 1, 2, ...
    counts: int64, of the shapes of keys.
    """

    unit: Unit
    tokenizer: str | None
    hashes: np.ndarray
    spelled: np.ndarray
    spelling: np.ndarray
    keys: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return len(self.keys)

    def merge(self, other: Counts) -> Counts:
        """The counts of both: exactly those of all their texts together. Raises UsageError unless they are alike."""
        return self._joined(other, 1)

    def subtract(self, other: Counts) -> Counts:
        """The counts less those of some of the texts: exactly those of the other texts.

        Raises UsageError unless they are alike, DataError if `other` counts an n-gram more often than this.
        """
        joined = self._joined(other, -1)
        if any((counts[2 * (level == 0) :] < 0).any() for level, counts in enumerate(joined.counts)):
            raise DataError(
                "n-gram counts: those to subtract count an n-gram more often; they are not of a part of the texts"
            )
        return joined.least([1] * self.order)

    def least(self, thresholds: Sequence[int]) -> Counts:
        """The n-grams that occur at least so often; one threshold for each order, none below the one before."""
        keep = self.counts[0] >= thresholds[0]
        keep[:2] = True
        words = np.cumsum(keep).astype(np.uint32) - np.uint32(1)
        words[~keep] = np.uint32(0xFFFFFFFF)
        lengths = np.diff(self.spelled)[keep]
        spelled = np.concatenate([[0], np.cumsum(lengths)])
        spelling = np.empty(spelled[-1], np.uint8)
        kernels.copy_spans(self.spelled[:-1][keep], self.spelled[1:][keep], self.spelling, spelled, spelling)
        keys, counts, contexts = [np.arange(keep.sum(), dtype=np.uint64)], [self.counts[0][keep]], words
        for level in range(1, self.order):
            found = kernels.drop_level(self.keys[level], self.counts[level], thresholds[level], contexts, words)
            keys.append(found[0])
            counts.append(found[1])
            contexts = found[2]
        return Counts(self.unit, self.tokenizer, self.hashes[keep], spelled, spelling, tuple(keys), tuple(counts))

    def save(self, path: str | Path) -> None:
        """Write the counts to one file: 16 bytes for each n-gram."""
        said = {"unit": self.unit, "tokenizer": self.tokenizer, "order": self.order}
        arrays = [self.hashes, self.spelled, self.spelling, *self.keys, *self.counts]
        files.write(Path(path), _KIND, said, arrays)

    @staticmethod
    def load(path: str | Path) -> Counts:
        """Saved counts, mapped into memory. Raises UsageError when there is no such file, DataError for another."""
        said, (hashes, spelled, spelling, *rest) = files.read(Path(path), _KIND)
        order = said["order"]
        return Counts(
            said["unit"], said["tokenizer"], hashes, spelled, spelling, tuple(rest[:order]), tuple(rest[order:])
        )

    def _joined(self, other: Counts, sign: int) -> Counts:
        mine, theirs = (self.unit, self.tokenizer, self.order), (other.unit, other.tokenizer, other.order)
        if mine != theirs:
            raise UsageError(f"n-gram counts: unit, tokenizer and order differ: {mine} and {theirs}")
        hashes, first, second = _united(self.hashes, other.hashes)
        spelled, spelling = _united_spelling(self, other, first, second, len(hashes))
        counts = np.zeros(len(hashes), np.int64)
        counts[first] += self.counts[0]
        counts[second] += sign * other.counts[0]
        keys, sums = [np.arange(len(hashes), dtype=np.uint64)], [counts]
        contexts, other_contexts = first, second
        for level in range(1, self.order):
            united = kernels.merge_level(
                self.keys[level], self.counts[level], contexts, first,
                other.keys[level], other.counts[level], other_contexts, second, sign,
            )  # fmt: skip
            keys.append(united[0])
            sums.append(united[1])
            contexts, other_contexts = united[2:]
        return Counts(self.unit, self.tokenizer, hashes, spelled, spelling, tuple(keys), tuple(sums))


def count(texts: pa.Array, *, order: int, unit: Unit = "words", tokenizer: str | None = None) -> Counts:
    """Count the n-grams of up to `order` tokens in every text; a null is an empty text.

    unit: "bytes", "words" (see `kernels.ngram_tokens`) or "tokenizer", the tokens of the tokenizer.json file
    `tokenizer`. A word is known by a 64-bit hash: two of 10 million words share one with probability 3e-6.
    Raises UsageError for an order that is not 1 to 8, and for a tokenizer where none belongs, or the other way round.
    """
    if not 1 <= order <= LONGEST:
        raise UsageError(f"order {order}: not 1 to {LONGEST}")
    if (unit == "tokenizer") != (tokenizer is not None):
        raise UsageError(f"unit {unit} and tokenizer {tokenizer}: the unit `tokenizer` needs one, no other takes one")
    waiting: list[Counts] = []
    for batch in batches(arrow.combined(texts), _BATCH_BYTES[unit]):
        waiting.append(_counted(batch, order, unit, tokenizer))
        while len(waiting) > 1 and len(waiting[-1].keys[-1]) >= len(waiting[-2].keys[-1]) // 2:
            last = waiting.pop()
            waiting.append(waiting.pop().merge(last))
    total = waiting.pop() if waiting else _counted(texts, order, unit, tokenizer)
    while waiting:
        total = waiting.pop().merge(total)
    return total


def batches(texts: pa.Array, size: int) -> Iterator[pa.Array]:
    """Runs of texts of about `size` bytes."""
    offsets = arrow.strings(texts).offsets
    groups = (offsets[:-1] - offsets[0]) // size
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    for start, end in itertools.pairwise([*starts.tolist(), len(texts)]):
        yield texts.slice(start, end - start)


def sequences(texts: pa.Array, unit: Unit, tokenizer: str | None) -> Sequences:
    """The tokens of every text."""
    values = arrow.strings(texts)
    offsets, data = values
    size = int(offsets[-1] - offsets[0]) + len(values)
    hashes, firsts = np.empty(size, np.uint64), np.empty(len(offsets), np.int64)
    none = np.empty(0, np.int64)
    if unit == "bytes":
        tokens.hash_spans(offsets[:-1], offsets[1:], data, hashes, firsts)
        return Sequences(hashes, firsts, none, none, data)
    if unit == "words":
        ends = np.empty(size, np.int64)
        number = tokens.hash_words(offsets, data, *tokens.classes(), hashes, ends, firsts)
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
    tokens.hash_numbers(given, flat, hashes, firsts)
    return Sequences(hashes, firsts, none, none, data)


def spans(found: Sequences, which: np.ndarray) -> Sequences:
    """The bytes of some of the words, by number, each as a sequence."""
    starts, ends = found.starts[which], found.ends[which]
    hashes = np.empty(int((ends - starts).sum()) + len(which), np.uint64)
    firsts = np.empty(len(which) + 1, np.int64)
    tokens.hash_spans(starts, ends, found.data, hashes, firsts)
    none = np.empty(0, np.int64)
    return Sequences(hashes, firsts, none, none, found.data)


def of_sequences(found: Sequences, order: int, unit: Unit, tokenizer: str | None) -> Counts:
    """The counts of token sequences."""
    numbers = np.empty(len(found.hashes), np.uint32)
    distinct = kernels.number(found.hashes, numbers)
    hashes = np.concatenate([_SPECIAL, np.sort(distinct[~np.isin(distinct, _SPECIAL)])])
    ranks = _ranks(hashes, distinct)
    stream = np.empty(len(numbers) + len(found.offsets) - 1, np.uint32)
    kernels.stream(numbers, found.offsets, ranks, np.uint32(0), stream)
    spelled, spelling = _spelling(found, numbers, ranks, len(hashes))
    keys = [np.arange(len(hashes), dtype=np.uint64)]
    counts = [np.bincount(stream, minlength=len(hashes)).astype(np.int64)]
    places = stream.copy()
    for level in range(2, order + 1):
        found_keys, found_counts = kernels.count_level(stream, level, 0, places, len(hashes), len(keys[-1]))
        keys.append(found_keys)
        counts.append(found_counts)
    return Counts(unit, tokenizer, hashes, spelled, spelling, tuple(keys), tuple(counts))


def _counted(texts: pa.Array, order: int, unit: Unit, tokenizer: str | None) -> Counts:
    return of_sequences(sequences(texts, unit, tokenizer), order, unit, tokenizer)


def _united(hashes: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The union of two vocabularies, and the ranks in it of the tokens of both, uint32."""
    both = np.concatenate([_SPECIAL, np.union1d(hashes[2:], others[2:])])
    return both, _ranks(both, hashes), _ranks(both, others)


def _ranks(vocabulary: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    out = np.searchsorted(vocabulary[2:], hashes).astype(np.uint32) + np.uint32(2)
    for rank, special in enumerate(_SPECIAL):
        out[hashes == special] = rank
    return out


def _spelling(found: Sequences, numbers: np.ndarray, ranks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.zeros(size, np.int64)
    if len(found.starts) == 0:
        return np.zeros(size + 1, np.int64), np.empty(0, np.uint8)
    places = np.zeros(size, np.int64)
    places[ranks[numbers[::-1]]] = np.arange(len(numbers) - 1, -1, -1)
    starts, ends = found.starts[places], found.ends[places]
    ends[:2] = starts[:2]
    lengths = ends - starts
    spelled = np.concatenate([[0], np.cumsum(lengths)])
    spelling = np.empty(spelled[-1], np.uint8)
    kernels.copy_spans(starts, ends, found.data, spelled, spelling)
    return spelled, spelling


def _united_spelling(
    one: Counts, two: Counts, first: np.ndarray, second: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.zeros(size, np.int64)
    lengths[first] = np.diff(one.spelled)
    lengths[second] = np.diff(two.spelled)
    spelled = np.concatenate([[0], np.cumsum(lengths)])
    spelling = np.empty(spelled[-1], np.uint8)
    for counts, ranks in ((one, first), (two, second)):
        kernels.copy_spans(counts.spelled[:-1], counts.spelled[1:], counts.spelling, spelled[ranks], spelling)
    return spelled, spelling


def tokens_of(tokenizer: str) -> int:
    """How many different tokens a tokenizer has."""
    return _tokenizer(tokenizer).get_vocab_size()


@functools.lru_cache(maxsize=4)
def _tokenizer(tokenizer: str) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        loaded = Tokenizer.from_file(tokenizer)
    except Exception as error:
        raise UsageError(f"tokenizer {tokenizer}: not a tokenizer.json file: {error}") from None
    loaded.no_truncation()
    loaded.no_padding()
    return loaded
