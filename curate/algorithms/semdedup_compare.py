"""The most similar of the vectors before each in its group, block by block from disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from curate.kernels import arrow, similarity

BLOCK_BYTES = 64 << 20
"""Of the vectors that others are compared with at a time, as float32."""
_ROWS_AT_ONCE = 8_192
_ADMITTED_AT_ONCE = 512


def blocks(
    tables: Any, positions: np.ndarray, starts: np.ndarray, below: np.float32 | None
) -> tuple[np.ndarray, np.ndarray]:
    """The highest cosine to an earlier place of the group, and that place, -1 for none, by place."""
    count = len(positions)
    cosines, found = np.full(count, -2, dtype=np.float32), np.full(count, -1, dtype=np.int64)
    width = next(iter(tables.only("vector")))["vector"].type.list_size
    most = max(1, BLOCK_BYTES // (4 * similarity.padded(width)))
    low = 0
    while low < count:
        high = _end(starts, low, most)
        if (starts[low:high] < np.arange(low, high)).any() or (high < count and starts[high] < high):
            _compare(tables, positions, starts, low, high, below, cosines, found)
        low = high
    return cosines, found


def _end(starts: np.ndarray, low: int, most: int) -> int:
    """The end of a block: where a group ends, if one does."""
    high = min(low + most, len(starts))
    if high == len(starts) or starts[high] == high:
        return high
    return int(starts[high]) if starts[high] > low else high


class _Earlier(NamedTuple):
    """Vectors that later ones are compared with: places, rising; rows; the same packed; one by their lengths."""

    places: np.ndarray
    rows: np.ndarray
    packed: np.ndarray
    inverse: np.ndarray


def _earlier(places: np.ndarray, rows: np.ndarray, lengths: np.ndarray) -> _Earlier:
    return _Earlier(places, rows, similarity.packed(rows), 1 / lengths)


def _raised(rows, lengths, starts: np.ndarray, before: _Earlier, cosines: np.ndarray, found: np.ndarray) -> None:
    """Raise cosines, and the places found, by earlier vectors. starts: the first place that counts for each row."""
    firsts = np.searchsorted(before.places, starts).astype(np.int64)
    lasts = np.full(len(rows), len(before.places))
    numbers = np.full(len(rows), -1, dtype=np.int64)
    similarity.closest(rows, lengths, firsts, lasts, before.rows, before.packed, before.inverse, 0, cosines, numbers)
    found[numbers >= 0] = before.places[numbers[numbers >= 0]]


def _compare(
    tables: Any,
    positions: np.ndarray,
    starts: np.ndarray,
    low: int,
    high: int,
    below: np.float32 | None,
    cosines: np.ndarray,
    found: np.ndarray,
) -> None:
    """Compare all that follow with places low to high: those of the block itself, then later ones of its last group."""
    block, lengths = _gathered(tables, positions, low, high)
    places = np.arange(low, high)
    if below is None:
        counted = [_earlier(places, block, lengths)]
        mine, numbers = cosines[low:high], found[low:high]
        firsts, lasts = np.maximum(starts[places], low) - low, places - low
        whole = counted[0]
        similarity.closest(block, lengths, firsts, lasts, block, whole.packed, whole.inverse, low, mine, numbers)
    else:
        counted = _admitted(block, lengths, starts, low, below, cosines, found)
    if high == len(starts) or starts[high] >= high:
        return
    for later, vectors in chosen(tables, positions, lambda place: (place >= high) & (starts[place] < high)):
        rows, sizes = _scaled(vectors)
        mine, numbers = cosines[later], found[later]
        for before in counted:
            _raised(rows, sizes, starts[later], before, mine, numbers)
        cosines[later], found[later] = mine, numbers


def _admitted(
    block: np.ndarray,
    lengths: np.ndarray,
    starts: np.ndarray,
    low: int,
    below: np.float32,
    cosines: np.ndarray,
    found: np.ndarray,
) -> list[_Earlier]:
    """Those of a block that count, some hundred places at a time: each is compared with those that count before it."""
    counted: list[_Earlier] = []
    for top in range(0, len(block), _ADMITTED_AT_ONCE):
        rows, sizes = block[top : top + _ADMITTED_AT_ONCE], lengths[top : top + _ADMITTED_AT_ONCE]
        first, last = low + top, low + top + len(rows)
        mine, numbers = cosines[first:last], found[first:last]
        for before in counted:
            if before.places[-1] >= starts[first]:
                _raised(rows, sizes, starts[first:last], before, mine, numbers)
        kept = np.zeros(len(rows), dtype=np.bool_)
        similarity.admit(rows, sizes, np.maximum(starts[first:last] - first, 0), below, first, mine, numbers, kept)
        if kept.any():
            counted.append(_earlier(np.arange(first, last)[kept], rows[kept], sizes[kept]))
    return counted


def _gathered(tables: Any, positions: np.ndarray, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of places low to high, in order, and their lengths."""
    block, lengths = np.empty((0, 0), dtype=np.float32), np.ones(high - low)
    for places, vectors in chosen(tables, positions, lambda place: (place >= low) & (place < high)):
        if not block.size:
            block = np.zeros((high - low, similarity.padded(vectors.shape[1])), dtype=np.float32)
        block[places - low], lengths[places - low] = _scaled(vectors)
    return block, lengths


def _scaled(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors as the kernel takes them, float32 of a length from 1 to 2, and that: powers of two change no cosine."""
    rows = np.zeros((len(vectors), similarity.padded(vectors.shape[1])), dtype=np.float32)
    rows[:, : vectors.shape[1]] = vectors
    lengths = np.empty(len(rows), dtype=np.float64)
    similarity.lengths_of(rows, lengths)
    exponents = np.where(lengths > 0, np.frexp(lengths)[1] - 1, 0).astype(np.int32)
    np.ldexp(rows, -exponents[:, None], out=rows)
    lengths = np.ldexp(lengths, -exponents)
    return rows, np.where(lengths > 0, lengths, 1)


def chosen(
    tables: Any, numbers: np.ndarray, wanted: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The numbers and the vectors of rows whose number is wanted, at most 8,192 at a time, in one pass.

    numbers: int64 (n,), one for each row of all tables.
    """
    start = 0
    for table in tables.only("vector"):
        for offset in range(0, table.num_rows, _ROWS_AT_ONCE):
            piece = table["vector"].slice(offset, _ROWS_AT_ONCE)
            mine = numbers[start + offset : start + offset + len(piece)]
            chosen = wanted(mine)
            if chosen.any():
                yield mine[chosen], arrow.vectors(piece)[chosen]
        start += table.num_rows
