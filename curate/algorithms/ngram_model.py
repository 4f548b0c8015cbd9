"""N-gram language models of bytes, words or a tokenizer's tokens: the cost of a text in bits.

Estimated by interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998), and so that a model of words is one
of all texts: what the shortest context leaves to words never seen is shared out by a model of the bytes of a word,
trained on up to a million words of the vocabulary, each once. So the bits per byte of different units compare.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curate.algorithms import ngram_files as files
from curate.algorithms.ngram_counts import Counts, count, of_sequences
from curate.algorithms.ngram_tokens import Sequences, Unit, read, spans, tokens_of
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.kernels import ngram_estimate as estimation
from curate.kernels import ngram_score as scoring

__all__ = ["Counts", "Losses", "NgramModel", "count", "estimate"]

_KIND = "n-gram model"
_BATCH_BYTES = 1 << 20
_LOAD = 0.7
_SPELLING_ORDER = 6
_FALLBACK = (0, 0.5, 1, 1.5)
_LEAST = (0, 0.1, 0.2, 0.3)
_SPELLED_WORDS = 1 << 20
_SPELLED_BATCH = 1 << 17


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
        scoring.score(found.hashes, self.tables, self.slots, bits, unknown)
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
    tokenizer: str | None = field(repr=False)
    _parts: tuple[_Part, ...] = field(repr=False)

    def losses(self, texts: arrow.Array) -> Losses:
        """What each text costs; a null is an empty text. About 40 MB of memory, and as much again for a mixture."""
        sizes = np.diff(arrow.strings(texts).offsets).astype(np.int64)
        bits, unknown_bits = np.zeros(len(sizes)), np.zeros(len(sizes))
        tokens, unknown_tokens = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
        for row, found in read(texts, self.unit, self.tokenizer, self.order, _BATCH_BYTES):
            costs, unknown = self._costs(found)
            rows = slice(row, row + len(found.offsets) - 1)
            bits[rows] += _sums(costs, found.offsets)
            tokens[rows] += np.diff(found.offsets)
            unknown_bits[rows] += _sums(np.where(unknown, costs, 0.0), found.offsets)
            unknown_tokens[rows] += _sums(unknown.astype(np.int64), found.offsets)
        return Losses(bits, sizes, tokens, unknown_bits, unknown_tokens)

    def bits_per_byte(self, texts: arrow.Array) -> np.ndarray:
        """The bits of each text by its bytes: float64 (n,), NaN for an empty text or a null."""
        found = self.losses(texts)
        return np.divide(found.bits, found.bytes, out=np.full(len(found.bits), np.nan), where=found.bytes > 0)

    def adapt(self, target: Counts, weight: float) -> NgramModel:
        """A mixture, token by token, of a model of `target` with this weight, between 0 and 1, and this one.

        Raises UsageError for another weight, and unless unit and tokenizer are alike.
        """
        return self.mixed(estimate(target), weight)

    def mixed(self, added: NgramModel, weight: float) -> NgramModel:
        """The same of a model that is there already."""
        if not 0 < weight < 1:
            raise UsageError(f"weight {weight}: not between 0 and 1")
        if (added.unit, added.tokenizer) != (self.unit, self.tokenizer):
            raise UsageError(f"a model of {added.unit} for one of {self.unit}: units and tokenizers must be the same")
        parts = [_Part(p.tables, p.slots, p.unseen, p.spelling, p.weight * (1 - weight)) for p in self._parts]
        more = [_Part(p.tables, p.slots, p.unseen, p.spelling, p.weight * weight) for p in added._parts]
        return NgramModel(max(self.order, added.order), self.unit, self.tokenizer, (*parts, *more))

    def save(self, path: str | Path) -> None:
        """Write the model to one file."""
        arrays: list[np.ndarray] = []
        parts = [_described(part, arrays) for part in self._parts]
        said = {"order": self.order, "unit": self.unit, "tokenizer": self.tokenizer, "parts": parts}
        files.write(Path(path), _KIND, said, arrays)

    @staticmethod
    def load(path: str | Path) -> NgramModel:
        """A saved model, mapped into memory. Raises UsageError when there is no such file, DataError for another."""
        said, arrays = files.read(Path(path), _KIND)
        try:
            parts = tuple(_restored(part, arrays) for part in said["parts"])
            return NgramModel(said["order"], said["unit"], said["tokenizer"], parts)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DataError(f"{_KIND} {path}: damaged: {error}") from None

    def _costs(self, found: Sequences) -> tuple[np.ndarray, np.ndarray]:
        """The bits of every token, float64, and whether no part knows it."""
        if len(self._parts) == 1:
            return self._parts[0].costs(found)
        shares = []
        unknown = np.ones(len(found.hashes), np.bool_)
        for part in self._parts:
            bits, missing = part.costs(found)
            shares.append(np.log2(part.weight) - bits)
            unknown &= missing
        return -np.logaddexp2.reduce(shares), unknown


def estimate(counts: Counts, *, prune: Sequence[int] = ()) -> NgramModel:
    """The model of some counts.

    prune: how often an n-gram must occur to stay in the model, for each order from 1 on, the last one for all further
    orders, none below the one before; what the others would have goes to shorter contexts, and that of words to
    unknown ones. Measured on models of words and bytes of order 5, (1, 1, 2) makes a model of words three to five times
    smaller for 1 to 2 % more bits, one of bytes a third smaller for 0.5 to 0.8 %; (1, 2, 2) four to seven times for 2.5
    to 4 %.
    Discounts are those of Chen and Goodman, and where an order has too few n-grams for them, 0.5, 1 and 1.5. Near
    duplicates among the texts make theirs too small; none is below a tenth of the count it is taken from.
    Takes about 12 bytes for each n-gram, and 50 for each of the order that has most.
    """
    thresholds = [*prune, *[prune[-1] if prune else 1] * counts.order][: counts.order]
    if sorted(thresholds) != thresholds or thresholds[0] < 1:
        raise UsageError(f"prune {tuple(prune)}: a threshold below 1, or below that of a lower order")
    if counts.unit == "words":
        spelling, base = _spelled(counts)
        part = _estimated(counts, thresholds, base, 0.0, spelling)
    else:
        part = _uniform(counts, thresholds, 257 if counts.tokenizer is None else tokens_of(counts.tokenizer) + 1)
    return NgramModel(counts.order, counts.unit, counts.tokenizer, (part,))


def _uniform(counts: Counts, thresholds: list[int], size: int) -> _Part:
    return _estimated(counts, thresholds, np.full(len(counts.hashes), 1 / size), float(np.log2(size)), None)


def _spelled(counts: Counts) -> tuple[_Part, np.ndarray]:
    """The model of how words are spelled, and the probability that it gives each word of the vocabulary, float64."""
    none = np.empty(0, np.int64)
    words = Sequences(none, none, counts.spelled[2:-1], counts.spelled[3:], counts.spelling)
    number = len(words.ends)
    some = of_sequences(spans(words, np.arange(min(number, _SPELLED_WORDS))), _SPELLING_ORDER, "bytes", None)
    spelling = _uniform(some, [1] * _SPELLING_ORDER, 257)
    base = np.zeros(number + 2)
    for start in range(0, number, _SPELLED_BATCH):
        which = np.arange(start, min(number, start + _SPELLED_BATCH))
        base[2 + which] = np.exp2(-spelling.totals(spans(words, which)))
    return spelling, base


def _estimated(
    counts: Counts, thresholds: list[int], base: np.ndarray, base_bits: float, spelling: _Part | None
) -> _Part:
    """base: the vocabulary's probabilities below order 1; base_bits: the cost there of a token that has no spelling."""
    kept = [counts.counts[level] >= thresholds[level] for level in range(counts.order)]
    kept[0][:2] = True
    buckets = [max(1, int(np.ceil(here.sum() / (scoring.SLOTS * _LOAD)))) for here in kept]
    tables = np.concatenate([[0], np.cumsum(buckets)])
    slots = np.zeros(tables[-1] * scoring.WORDS, np.uint32)
    places = [slots[a * scoring.WORDS : b * scoring.WORDS] for a, b in itertools.pairwise(tables)]
    suffixes, hashes, probabilities = np.arange(len(base), dtype=np.uint32), counts.hashes, base
    rest = np.empty(1, np.float32)
    for level, keys in enumerate(counts.keys):
        longer = None if level == counts.order - 1 else _suffixes(counts, level + 1, suffixes)
        adjusted = _adjusted(counts, level, longer)
        found = np.empty(len(keys), np.float32)
        left = np.empty(len(hashes) if level else 1, np.float32)
        estimation.interpolate(keys, adjusted, kept[level], suffixes, probabilities, _discounts(adjusted), found, left)
        if level:
            scoring.fill(hashes, probabilities, left, kept[level - 1], places[level - 1])
            hashes = _hashed(keys, hashes, counts.hashes)
        else:
            rest = left
        probabilities = found
        if longer is not None:
            suffixes = longer
    scoring.fill(hashes, probabilities, np.zeros(len(hashes), np.float32), kept[-1], places[-1])
    return _Part(tables.astype(np.uint64), slots, base_bits - float(np.log2(rest[0])), spelling)


def _hashed(keys: np.ndarray, contexts: np.ndarray, words: np.ndarray) -> np.ndarray:
    out = np.empty(len(keys), np.uint64)
    scoring.hash_level(keys, contexts, words, out)
    return out


def _suffixes(counts: Counts, level: int, below: np.ndarray) -> np.ndarray:
    """The rank of each n-gram of a level without its first token, uint32; below: those of the level below."""
    keys, lower = counts.keys[level], counts.keys[level - 1]
    out = np.empty(len(keys), np.uint32)
    if level == 1:
        out[:] = keys & np.uint64(0xFFFFFFFF)
        return out
    children = np.empty(len(counts.keys[level - 2]) + 1, np.int64)
    estimation.first_children(lower, children)
    estimation.find_suffixes(keys, below, lower, children, out)
    return out


def _adjusted(counts: Counts, level: int, longer: np.ndarray | None) -> np.ndarray:
    """How often, for the highest order and n-grams that begin a text; else after how many different tokens.

    longer: the suffixes of the level above.
    """
    if longer is None:
        adjusted = counts.counts[level].copy()
    else:
        adjusted = np.zeros(len(counts.keys[level]), np.int64)
        estimation.count_predecessors(longer, adjusted)
        beginning = 1
        for keys in counts.keys[1 : level + 1]:
            beginning = int(np.searchsorted(keys, np.uint64(beginning << 32)))
        adjusted[:beginning] = counts.counts[level][:beginning]
    if level == 0:
        adjusted[0] = 0
    return adjusted


def _discounts(adjusted: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2, and more: float64."""
    one, two, three, four = np.bincount(np.minimum(adjusted, 5), minlength=6)[1:5].tolist()
    if min(one, two, three, four) == 0:
        return np.array(_FALLBACK)
    share = one / (one + 2 * two)
    found = [0, 1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three]
    return np.maximum(found, _LEAST)


def _sums(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sum of each sequence's values; none is empty."""
    return np.add.reduceat(values, offsets[:-1]) if len(offsets) > 1 else values[:0]


def _described(part: _Part, arrays: list[np.ndarray]) -> dict:
    arrays += [part.tables, part.slots]
    spelling = None if part.spelling is None else _described(part.spelling, arrays)
    return {"unseen": part.unseen, "weight": part.weight, "spelling": spelling}


def _restored(described: dict, arrays: list[np.ndarray]) -> _Part:
    tables, slots = arrays.pop(0), arrays.pop(0)
    if (np.diff(tables.astype(np.int64)) < 1).any() or tables[0] != 0 or tables[-1] * scoring.WORDS != len(slots):
        raise ValueError("its tables are not of the sizes that it says")
    spelling = None if described["spelling"] is None else _restored(described["spelling"], arrays)
    return _Part(tables, slots, described["unseen"], spelling, described["weight"])
