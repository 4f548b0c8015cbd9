"""N-gram language models of bytes, words or a tokenizer's tokens: the cost of a text in bits.

Estimated by interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998), and so that a model of words is one
of all texts: what the shortest context leaves to words never seen is shared out by a model of the bytes of a word,
trained on the vocabulary, each word once. So the bits per byte of different units compare.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms.ngram_counts import Counts, Sequences, Unit, batches, count, of_sequences, sequences, spans
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.kernels import ngram_estimate as estimation
from curate.kernels import ngram_score as scoring
from curate.storage.files import replacing

__all__ = ["Counts", "Losses", "NgramModel", "count", "estimate"]

_MAGIC = b"curate-ngrams-1\n"
_ALIGNMENT = 64
_BATCH_BYTES = 1 << 20
_LOAD = 0.7
_SPELLING_ORDER = 6


class Losses(NamedTuple):
    """What texts cost. bits: float64 (n,), what ends a text included; bytes: int64 (n,), of the text in UTF-8.

    tokens: int64 (n,), what ends a text included; unknown_bits, unknown_tokens: the part of words not in the
    vocabulary.
    """

    bits: np.ndarray
    bytes: np.ndarray
    tokens: np.ndarray
    unknown_bits: np.ndarray
    unknown_tokens: np.ndarray


@dataclass(frozen=True)
class _Part:
    """One model's tables: as `kernels.ngram_score.score` has them. unseen: the bits of an unknown token beyond those
    of its contexts and its spelling; weight: the model's share of a mixture."""

    tables: np.ndarray
    slots: np.ndarray
    unseen: float
    spelling: _Part | None = None
    weight: float = 1.0

    def costs(self, found: Sequences) -> tuple[np.ndarray, np.ndarray]:
        """The bits of every token, float64, and whether it is unknown."""
        bits = np.empty(len(found.hashes), np.float32)
        unknown = np.empty(len(found.hashes), np.bool_)
        scoring.score(found.hashes, found.offsets, self.tables, self.slots, bits, unknown)
        bits = bits.astype(np.float64)
        which = np.flatnonzero(unknown)
        bits[which] += self.unseen
        if self.spelling is not None:
            bits[which] += self.spelling.totals(spans(found, which))
        return bits, unknown

    def totals(self, found: Sequences) -> np.ndarray:
        """The bits of every sequence, float64."""
        return _sums(self.costs(found)[0], found.offsets)


@dataclass(frozen=True)
class NgramModel:
    """A model of texts. order, unit, tokenizer: those of its counts. `estimate` and `load` make one."""

    order: int
    unit: Unit
    tokenizer: str | None
    _parts: tuple[_Part, ...] = field(repr=False)

    def losses(self, texts: arrow.Array) -> Losses:
        """What each text costs; a null is an empty text. About 40 bytes of memory for each byte of a text."""
        texts = arrow.combined(texts)
        found = [self._batch(batch) for batch in batches(texts, _BATCH_BYTES)] or [self._batch(texts)]
        return Losses(*(np.concatenate(column) for column in zip(*found, strict=True)))

    def bits_per_byte(self, texts: arrow.Array) -> np.ndarray:
        """The bits of each text by its bytes: float64 (n,), NaN for an empty text or a null."""
        found = self.losses(texts)
        return np.divide(found.bits, found.bytes, out=np.full(len(found.bits), np.nan), where=found.bytes > 0)

    def adapt(self, target: Counts, weight: float) -> NgramModel:
        """A mixture, token by token, of a model of `target` with this weight, between 0 and 1, and this one.

        Raises UsageError for another weight, and unless unit and tokenizer are alike.
        """
        if not 0 < weight < 1:
            raise UsageError(f"weight {weight}: not between 0 and 1")
        if (target.unit, target.tokenizer) != (self.unit, self.tokenizer):
            raise UsageError(
                f"counts of {target.unit}, {target.tokenizer} for a model of {self.unit}, {self.tokenizer}"
            )
        added = estimate(target)
        parts = [_Part(p.tables, p.slots, p.unseen, p.spelling, p.weight * (1 - weight)) for p in self._parts]
        more = [_Part(p.tables, p.slots, p.unseen, p.spelling, p.weight * weight) for p in added._parts]
        return NgramModel(max(self.order, added.order), self.unit, self.tokenizer, (*parts, *more))

    def save(self, path: str | Path) -> None:
        """Write the model to one file."""
        arrays: list[np.ndarray] = []
        header = {
            "order": self.order,
            "unit": self.unit,
            "tokenizer": self.tokenizer,
            "parts": [_described(part, arrays) for part in self._parts],
        }
        places, at = [], 0
        for array in arrays:
            places.append([at, len(array)])
            at += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        head = json.dumps({**header, "arrays": places}).encode()
        head = _MAGIC + str(len(head)).encode() + b"\n" + head
        with replacing(Path(path)) as aside, open(aside, "wb") as file:
            file.write(head.ljust(-(-len(head) // _ALIGNMENT) * _ALIGNMENT))
            for array in arrays:
                file.write(array.tobytes().ljust(-(-array.nbytes // _ALIGNMENT) * _ALIGNMENT, b"\0"))

    @staticmethod
    def load(path: str | Path) -> NgramModel:
        """A saved model, mapped into memory. Raises UsageError when there is no such file, DataError for another."""
        try:
            return _loaded(Path(path))
        except FileNotFoundError:
            raise UsageError(f"n-gram model {path}: no such file") from None
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DataError(f"n-gram model {path}: not an n-gram model, or damaged: {error}") from None

    def _batch(self, texts: pa.Array) -> Losses:
        found = sequences(texts, self.unit, self.tokenizer)
        if len(self._parts) == 1:
            bits, unknown = self._parts[0].costs(found)
        else:
            shares = []
            unknown = np.ones(len(found.hashes), np.bool_)
            for part in self._parts:
                bits, missing = part.costs(found)
                shares.append(np.log2(part.weight) - bits)
                unknown &= missing
            bits = -np.logaddexp2.reduce(shares)
        sizes = np.diff(arrow.strings(texts).offsets)
        return Losses(
            _sums(bits, found.offsets),
            sizes.astype(np.int64),
            np.diff(found.offsets),
            _sums(np.where(unknown, bits, 0.0), found.offsets),
            _sums(unknown.astype(np.int64), found.offsets),
        )


def estimate(counts: Counts, *, prune: Sequence[int] = ()) -> NgramModel:
    """The model of some counts.

    prune: how often an n-gram must occur to stay in the model, for each order from 1 on, the last one for all further
    orders, none below the one before; what the others would have goes to shorter contexts, and that of words to
    unknown ones.
    Discounts are those of Chen and Goodman, and where an order has too few n-grams for them, 0.5, 1 and 1.5.
    """
    thresholds = [*prune, *[prune[-1] if prune else 1] * counts.order][: counts.order]
    if sorted(thresholds) != thresholds or thresholds[0] < 1:
        raise UsageError(f"prune {tuple(prune)}: a threshold below 1, or below that of a lower order")
    spelling = None
    if counts.unit == "words":
        words = Sequences(counts.hashes[2:], np.empty(0), counts.spelled[2:-1], counts.spelled[3:], counts.spelling)
        letters = spans(words, np.arange(len(words.hashes)))
        spelling = _estimated(of_sequences(letters, _SPELLING_ORDER, "bytes", None), [1] * _SPELLING_ORDER, None, None)
        base = np.zeros(len(counts.hashes))
        base[2:] = np.exp2(-spelling.totals(letters))
        part = _estimated(counts, thresholds, base, spelling)
    else:
        part = _estimated(counts, thresholds, None, None)
    return NgramModel(counts.order, counts.unit, counts.tokenizer, (part,))


def _estimated(counts: Counts, thresholds: list[int], base: np.ndarray | None, spelling: _Part | None) -> _Part:
    size = _vocabulary_size(counts) if spelling is None else 1
    if base is None:
        base = np.full(len(counts.hashes), 1 / size)
    suffixes = _suffixes(counts)
    lower, context_hashes = base, np.empty(0, np.uint64)
    kept = [counts.counts[level] >= thresholds[level] for level in range(counts.order)]
    kept[0][:2] = True
    lefts, probabilities = [], []
    for level, keys in enumerate(counts.keys):
        adjusted = _adjusted(counts, suffixes, level)
        out = np.empty(len(keys), np.float32)
        left = np.empty(len(counts.keys[level - 1]) if level else 1, np.float32)
        below = suffixes[level] if level else np.arange(len(keys), dtype=np.uint32)
        estimation.interpolate(
            keys if level else np.arange(len(keys), dtype=np.uint64),
            adjusted, kept[level], below, lower, _discounts(adjusted), out, left,
        )  # fmt: skip
        lefts.append(left)
        probabilities.append(out)
        lower = out
    lefts.append(np.zeros(len(counts.keys[-1]), np.float32))
    slots, tables = [], [0]
    for level, keys in enumerate(counts.keys):
        hashes = counts.hashes if level == 0 else np.empty(len(keys), np.uint64)
        if level:
            scoring.hash_level(keys, context_hashes, counts.hashes, hashes)
        context_hashes = hashes
        buckets = max(1, int(np.ceil(kept[level].sum() / (scoring.SLOTS * _LOAD))))
        table = np.zeros(buckets * scoring.SLOTS, np.uint64)
        scoring.fill(hashes, probabilities[level], lefts[level + 1], kept[level], table)
        slots.append(table)
        tables.append(tables[-1] + buckets)
    unseen = float(np.log2(size) - np.log2(lefts[0][0]))
    return _Part(np.array(tables, np.uint64), np.concatenate(slots), unseen, spelling)


def _suffixes(counts: Counts) -> list[np.ndarray]:
    """For every order from 2 on, by index from 1, each n-gram's rank without its first token, uint32."""
    found = [np.empty(0, np.uint32)]
    children = np.empty(0, np.int64)
    for level in range(1, counts.order):
        keys = counts.keys[level]
        if level == 1:
            suffixes = keys.astype(np.uint32)
        else:
            suffixes = np.empty(len(keys), np.uint32)
            estimation.find_suffixes(keys, found[-1], counts.keys[level - 1], children, suffixes)
        found.append(suffixes)
        children = np.empty(len(counts.keys[level - 1]) + 1, np.int64)
        estimation.first_children(keys, children)
    return found


def _adjusted(counts: Counts, suffixes: list[np.ndarray], level: int) -> np.ndarray:
    """How often, for the highest order and n-grams that begin a text; else after how many different tokens."""
    if level == counts.order - 1:
        adjusted = counts.counts[level].copy()
    else:
        adjusted = np.zeros(len(counts.keys[level]), np.int64)
        estimation.count_predecessors(suffixes[level + 1], adjusted)
        beginning = 1
        for keys in counts.keys[1 : level + 1]:
            beginning = int(np.searchsorted(keys, np.uint64(beginning << 32)))
        adjusted[:beginning] = counts.counts[level][:beginning]
    if level == 0:
        adjusted[0] = 0
    return adjusted


def _discounts(adjusted: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2, and more: float64."""
    fallback = np.array([0, 0.5, 1, 1.5])
    one, two, three, four = np.bincount(np.minimum(adjusted, 5), minlength=6)[1:5].tolist()
    if min(one, two, three, four) == 0:
        return fallback
    share = one / (one + 2 * two)
    found = np.array([0, 1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three])
    return found if (found >= 0).all() and (found[1:] < [1, 2, 3]).all() else fallback


def _vocabulary_size(counts: Counts) -> int:
    """How many tokens there are that may come next, known or not."""
    if counts.unit == "bytes":
        return 257
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(counts.tokenizer)).get_vocab_size() + 1


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sum of each sequence's values; none is empty."""
    return np.add.reduceat(values, offsets[:-1]) if len(offsets) > 1 else values[:0]


def _described(part: _Part, arrays: list[np.ndarray]) -> dict:
    arrays += [part.tables, part.slots]
    spelling = None if part.spelling is None else _described(part.spelling, arrays)
    return {"unseen": part.unseen, "weight": part.weight, "spelling": spelling}


def _loaded(path: Path) -> NgramModel:
    with open(path, "rb") as file:
        if file.readline() != _MAGIC:
            raise ValueError(f"it does not begin with {_MAGIC.decode().strip()}")
        size = int(file.readline())
        header = json.loads(file.read(size))
        start = -(-file.tell() // _ALIGNMENT) * _ALIGNMENT
    arrays = [np.asarray(np.memmap(path, np.uint64, "r", start + at, (length,))) for at, length in header["arrays"]]
    parts = tuple(_restored(part, arrays) for part in header["parts"])
    return NgramModel(header["order"], header["unit"], header["tokenizer"], parts)


def _restored(described: dict, arrays: list[np.ndarray]) -> _Part:
    tables, slots = arrays.pop(0), arrays.pop(0)
    spelling = None if described["spelling"] is None else _restored(described["spelling"], arrays)
    return _Part(tables, slots, described["unseen"], spelling, described["weight"])
