"""The items of benchmarks, as tokens that are looked up."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from curate.errors import DataError, UsageError
from curate.kernels import arrow, contamination, words
from curate.kernels.contamination import SHORTEST
from curate.kernels.contamination_tokens import NUMBER, Spelling, read_items

MOST_ITEMS = 20
LEAST_ITEMS = 1000

_NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands
million millions billion billions trillion trillions"""


@dataclass(frozen=True)
class Rules:
    """What counts as a leak: the options of these names."""

    ngram: int
    span: int
    share: float
    common: float


@dataclass(frozen=True)
class Items:
    """The items of all benchmarks, m of them with g tokens together, and what is looked up.

    rules: they were made by. names: of the benchmarks. benchmark: int64, shape (m,), the number of each item's.
    number: its place in there. texts: large_string. index: of `kernels.contamination`. grams, lengths: int64,
    shape (g,), see `contamination.count_documents`. frequent: bool, by number of n-gram, those of more than
    MOST_ITEMS items. bits: float64, shape (g + 1,), what the words before each token tell. needed: int64, shape (m,),
    tokens of a span that make it a leak; 0 for an item that is not looked for.
    """

    rules: Rules
    names: tuple[str, ...]
    benchmark: np.ndarray
    number: np.ndarray
    texts: pa.LargeStringArray
    index: contamination.Index
    grams: np.ndarray
    lengths: np.ndarray
    frequent: np.ndarray
    bits: np.ndarray
    needed: np.ndarray

    def name(self, item: int) -> str:
        """An item's id: its file, as named in the option, and its place there."""
        return f"{self.names[self.benchmark[item]]}:{self.number[item]}"

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each item."""
        return np.diff(self.index.offsets)


def _hashed(text: str) -> np.ndarray:
    values = arrow.strings(pa.array([text], pa.large_string()))
    hashes = np.empty(len(values.data), dtype=np.uint64)
    none = np.empty((0, 2), dtype=np.int64)
    count = words.hash_words(values.data, 0, len(values.data), words.tables(), hashes, none)
    return np.sort(hashes[:count])


@lru_cache(maxsize=1)
def spelling() -> Spelling:
    """How words are read: English number words, and `and` and `point` within numbers."""
    numbers = sorted(_NUMBERS.split(), key=lambda word: (word[:2], -len(word)))
    letters = np.frombuffer("".join(numbers).encode(), dtype=np.uint8)
    groups = np.zeros((32, 32, 2), dtype=np.int64)
    for number, word in enumerate(numbers):
        group = groups[ord(word[0]) & 31, ord(word[1]) & 31]
        group[:] = group[0] if group[1] else number, number + 1
    starts = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
    return Spelling(words.tables(), letters, starts, groups, _hashed("and point"))


def items(benchmarks: Sequence[tuple[str, Iterable[pa.Array]]], rules: Rules) -> Items:
    """The items of benchmarks, each with its name and its texts. Raises DataError when there is none at all.

    About 150 bytes a token, and their texts, while it is made; 80 bytes a token stay.
    """
    found = [pa.chunked_array(texts, pa.large_string()) for _, texts in benchmarks]
    texts = arrow.combined(pa.chunked_array([c for array in found for c in array.chunks], pa.large_string()))
    names = tuple(name for name, _ in benchmarks)
    sizes = [len(array) for array in found]
    if not len(texts):
        raise DataError(f"decontaminate: --benchmark {' '.join(names)}: no item there; give other files")
    return Items(
        rules=rules,
        names=names,
        benchmark=np.repeat(np.arange(len(names)), sizes),
        number=np.concatenate([np.arange(size) for size in sizes]),
        texts=texts,
        **_indexed(texts, rules),
    )


def names(paths: Sequence[str]) -> list[str]:
    """What benchmarks are called: their files' names, with the fields. Raises UsageError for two of one name."""
    found = [_name(path) for path in paths]
    if twice := [name for name in found if found.count(name) > 1]:
        raise UsageError(
            f"--benchmark: two are called '{twice[0]}', so that items could not be told apart; rename one file"
        )
    return found


def _name(path: str) -> str:
    file, mark, fields = (path, "", "") if os.path.exists(path) else path.rpartition("#")
    return os.path.basename((file or path).rstrip("/")) + (mark + fields if file else "")


def _tokens(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = arrow.strings(texts)
    bounds = np.zeros(len(values) + 1, dtype=np.int64)
    room = int(np.sum(np.diff(values.offsets) // 2 + 1)) + 1
    tokens = np.empty(room, dtype=np.uint64)
    places = np.empty((room, 2), dtype=np.int64)
    count = read_items(values.offsets, values.data, spelling(), bounds, tokens, places)
    return bounds, tokens[:count].copy(), places[:count].copy()


def _indexed(texts: pa.Array, rules: Rules) -> dict:
    bounds, tokens, places = _tokens(texts)
    sizes = np.diff(bounds)
    item = np.repeat(np.arange(len(sizes)), sizes)
    left = bounds[1:][item] - np.arange(len(tokens))
    lengths = np.minimum(rules.ngram, sizes)[item]
    starts = np.flatnonzero((left >= lengths) & (sizes[item] >= SHORTEST))
    values = np.empty(len(starts), dtype=np.uint64)
    contamination.hash_grams(tokens, starts, lengths[starts], values)
    known, numbers = np.unique(values, return_inverse=True)
    grams = np.full(len(tokens), -1, dtype=np.int64)
    grams[starts] = numbers
    once = _first_of_item(numbers, item[starts])
    frequent = np.bincount(numbers[once], minlength=len(known)) > MOST_ITEMS
    looked = starts[once][~frequent[numbers[once]]]
    short = lengths < rules.ngram
    keys = np.empty(len(looked), dtype=np.uint64)
    contamination.hash_grams(tokens, looked, np.where(short[looked], SHORTEST, rules.ngram), keys)
    return {
        "index": contamination.Index(
            tokens,
            bounds,
            arrow.strings(texts).data,
            places,
            np.int64(rules.ngram),
            np.bool_(short[looked].any()),
            *_table(looked, keys, item[looked]),
        ),
        "grams": grams,
        "lengths": lengths,
        "frequent": frequent,
        "bits": _bits(tokens, item, len(sizes)),
        "needed": _needed(sizes, rules),
    }


def _first_of_item(numbers: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Where an n-gram stands in an item for the first time."""
    order = np.lexsort((item, numbers))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(numbers[order]) != 0) | (np.diff(item[order]) != 0)
    return np.sort(order[new])


def _table(places: np.ndarray, keys: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, ...]:
    """The last fields of an `Index`."""
    order = np.argsort(keys, kind="stable")
    hashes, first = np.unique(keys[order], return_index=True)
    power = max(6, len(hashes).bit_length())
    maybe = np.zeros(1 << (power - 2), dtype=np.uint64)
    slots = np.full(1 << (power + 1), -1, dtype=np.int64)
    contamination.fill(hashes, maybe, slots)
    return maybe, slots, hashes, np.append(first, len(keys)).astype(np.int64), places[order], item[order]


def _bits(tokens: np.ndarray, item: np.ndarray, count: int) -> np.ndarray:
    """What the words before each token tell, from the number of items that have them, in whole 64ths of a bit."""
    _, numbers = np.unique(tokens, return_inverse=True)
    frequency = np.bincount(numbers[_first_of_item(numbers, item)])
    bits = np.rint(64 * np.log2(max(count, LEAST_ITEMS) / frequency)) / 64
    return np.concatenate([[0.0], np.cumsum(np.where(tokens == NUMBER, 0.0, bits[numbers]))])


def _needed(sizes: np.ndarray, rules: Rules) -> np.ndarray:
    part = np.ceil(rules.share * sizes - 1e-9).astype(np.int64)
    needed = np.minimum(rules.span, np.maximum(rules.ngram, part))
    return np.where(sizes < SHORTEST, 0, np.minimum(needed, sizes))
