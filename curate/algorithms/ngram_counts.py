"""Exact counts of the n-grams of texts, which add and subtract without loss."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.algorithms import ngram_files as files
from curate.algorithms.ngram_tokens import Sequences, Unit, described, read, sequences
from curate.errors import DataError, UsageError
from curate.kernels import ngram_counts as kernels
from curate.kernels import ngram_tokens as tokens

_KIND = "n-gram counts"

LONGEST = 8
"""The highest order."""
_MOST = 0xFFFFFFFF
_SPECIAL = np.array([tokens.START, tokens.END])
_BATCH_BYTES = {"bytes": 1 << 22, "words": 1 << 23, "tokenizer": 1 << 23}


@dataclass(frozen=True)
class Counts:
    """How often each n-gram of up to `order` tokens occurs, begins and ends of texts counting as tokens.

    unit: what a token is. tokenizer: its JSON, for the unit `tokenizer`.
    hashes: the vocabulary, uint64: what begins a text, what ends it, and all other tokens in the order of their hashes.
    spelled: int64 (vocabulary + 1,), where each word's bytes begin in `spelling`, uint8; all zero for other units.
    keys: of every order the n-grams, as in `kernels.ngram_counts`, those of order 1 being 0, 1, 2, ...
    counts: int64, of the shapes of keys.
    """

    unit: Unit
    tokenizer: str | None = field(repr=False)
    hashes: np.ndarray
    spelled: np.ndarray
    spelling: np.ndarray
    keys: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return len(self.keys)

    def merge(self, other: Counts, folder: str | Path | None = None) -> Counts:
        """The counts of both: exactly those of all their texts together.

        With a folder they are in nameless files there, mapped, and take 4 bytes of memory for each n-gram of the two
        orders that have most, for a while; else 16 bytes for every one. Raises UsageError unless they are alike.
        """
        return self._joined(other, 1, folder)

    def subtract(self, other: Counts) -> Counts:
        """The counts less those of some of the texts: exactly those of the other texts.

        Raises UsageError unless they are alike, DataError if `other` counts an n-gram more often than this.
        """
        joined = self._joined(other, -1, None)
        if any((counts < 0).any() for counts in joined.counts):
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

    def _joined(self, other: Counts, sign: int, folder: str | Path | None) -> Counts:
        mine, theirs = (self.unit, self.tokenizer, self.order), (other.unit, other.tokenizer, other.order)
        if mine != theirs:
            raise UsageError(
                f"n-gram counts: of {self.order} {self.unit} and of {other.order} {other.unit}; units, orders and "
                "tokenizers must be the same"
            )
        hashes, first, second = _united(self.hashes, other.hashes)
        spelled, spelling = _united_spelling(self, other, first, second, len(hashes))
        counts = np.zeros(len(hashes), np.int64)
        counts[first] += self.counts[0]
        counts[second] += sign * other.counts[0]
        keys, sums = [np.arange(len(hashes), dtype=np.uint64)], [counts]
        contexts, other_contexts = first, second
        for level in range(1, self.order):
            room = len(self.keys[level]) + len(other.keys[level])
            out, total = _room(room, np.uint64, folder), _room(room, np.int64, folder)
            size, contexts, other_contexts = kernels.merge_level(
                self.keys[level], self.counts[level], contexts, first,
                other.keys[level], other.counts[level], other_contexts, second, sign, out, total,
            )  # fmt: skip
            if size > _MOST:
                raise DataError(f"n-gram counts: {size:,} different n-grams of {level + 1} tokens; {_MOST:,} fit")
            keys.append(out[:size])
            sums.append(total[:size])
        return Counts(self.unit, self.tokenizer, hashes, spelled, spelling, tuple(keys), tuple(sums))


def count(
    texts: pa.Array,
    *,
    order: int,
    unit: Unit = "words",
    tokenizer: str | None = None,
    folder: str | Path | None = None,
) -> Counts:
    """Count the n-grams of up to `order` tokens in every text; a null is an empty text.

    unit: "bytes", "words" (see `kernels.ngram_tokens`) or "tokenizer", the tokens of `tokenizer`, the path of a
    tokenizer.json file or what is in it. A word is known by a 64-bit hash: two of 10 million words share one with
    probability 3e-6.
    folder: where the counts are kept, as by `Counts.merge`; without it they take twice their 16 bytes for each n-gram.
    To that come about 300 MB for the texts that are counted at a time.
    Raises UsageError for an order that is not 1 to 8, and for a tokenizer where none belongs, or the other way round.
    """
    if not 1 <= order <= LONGEST:
        raise UsageError(f"order {order}: not 1 to {LONGEST}")
    if (unit == "tokenizer") != (tokenizer is not None):
        raise UsageError(f"unit {unit} and tokenizer {tokenizer}: the unit `tokenizer` needs one, no other takes one")
    tokenizer = None if tokenizer is None else described(tokenizer)
    waiting: list[Counts] = []
    for _, found in read(texts, unit, tokenizer, order, _BATCH_BYTES[unit]):
        waiting.append(of_sequences(found, order, unit, tokenizer))
        while len(waiting) > 1 and len(waiting[-1].keys[-1]) >= len(waiting[-2].keys[-1]) // 2:
            last = waiting.pop()
            waiting.append(waiting.pop().merge(last, folder))
    if not waiting:
        return of_sequences(sequences(texts, unit, tokenizer), order, unit, tokenizer)
    total = waiting.pop()
    while waiting:
        total = waiting.pop().merge(total, folder)
    return total


def of_sequences(found: Sequences, order: int, unit: Unit, tokenizer: str | None) -> Counts:
    """The counts of token sequences; the n-grams that end before the first sequence are there, but not counted."""
    numbers = np.empty(len(found.hashes), np.uint32)
    distinct = kernels.number(found.hashes, numbers)
    hashes = np.concatenate([_SPECIAL, np.sort(distinct[~np.isin(distinct, _SPECIAL)])])
    ranks = _ranks(hashes, distinct)
    skip = int(found.offsets[0])
    if skip:
        stream = ranks[numbers]
    else:
        stream = np.empty(len(numbers) + len(found.offsets) - 1, np.uint32)
        kernels.stream(numbers, found.offsets, ranks, np.uint32(0), stream)
    spelled, spelling = _spelling(found, numbers, ranks, len(hashes))
    keys = [np.arange(len(hashes), dtype=np.uint64)]
    counts = [np.bincount(stream[skip:], minlength=len(hashes)).astype(np.int64)]
    places = stream.copy()
    for level in range(2, order + 1):
        found_keys, found_counts = kernels.count_level(stream, level, skip, places, len(hashes), len(keys[-1]))
        keys.append(found_keys)
        counts.append(found_counts)
    return Counts(unit, tokenizer, hashes, spelled, spelling, tuple(keys), tuple(counts))


def _room(size: int, kind: type, folder: str | Path | None) -> np.ndarray:
    if folder is None or size == 0:
        return np.empty(size, kind)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size * np.dtype(kind).itemsize)
        return np.asarray(np.memmap(file, kind, "r+", shape=(size,)))


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
