"""Which documents are taken for given texts: the nearest of each text, in turn for each task, or layer by layer.

Equally near documents are in the order of their digests (the first eight bytes), then of a hash of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import ranking, similar
from curate.errors import DataError
from curate.kernels import arrow

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)
_HELD = 2_000_000
"""Documents that all queues together hold at a time."""

ROWS = pa.schema([("shard", pa.int32()), ("row", pa.int64()), ("rank", pa.int64())])
"""The documents chosen, each with its rank, from 1."""


def _orders(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """The order of equally near documents: eight bytes of the digest, then a hash of the id, both uint64 (n,)."""
    bytes_ = np.ascontiguousarray(arrow.fixed_bytes(table["digest"])[:, :8])
    return bytes_.view(">u8").reshape(-1).astype(np.uint64), ranking.ties(table["id"])


# --- the nearest of each text (DINOv2: Oquab et al. 2024, 3) ----------------------------------------


class _Nearest:
    """The `most` nearest documents of each of some seeds, of all that were added."""

    def __init__(self, seeds: int, most: int) -> None:
        self.most = most
        self.limits = np.full(seeds, -np.inf, dtype=np.float32)
        kinds = (np.int64, np.float32, np.uint64, np.uint64, np.int64)
        self.held: tuple[Any, ...] = tuple(np.empty(0, dtype=kind) for kind in kinds)

    def add(self, *found: np.ndarray) -> None:
        """found: of each pair the seed, the cosine, the document's two orders, and a number of it."""
        joined = tuple(np.concatenate(pair) for pair in zip(self.held, found, strict=True))
        seed, cosine, key, tie, _ = joined
        order = np.lexsort((tie, key, -cosine, seed))
        first = np.searchsorted(seed[order], seed[order])
        order = order[np.arange(len(order)) - first < self.most]
        self.held = tuple(values[order] for values in joined)
        names, ends = np.unique(self.held[0][::-1], return_index=True)
        full = np.bincount(self.held[0], minlength=len(self.limits))[names] == self.most
        self.limits[names[full]] = self.held[1][::-1][ends[full]]


def candidates(table: pa.Table, embedding: str, known: similar.Seeds, most: int) -> pa.Table:
    """The `most` nearest documents of a shard to each seed, routed by the seed.

    Memory: of a block of 2 M cosines 60 bytes each, and 100 bytes a seed and document kept.
    """
    keys, ties = _orders(table)
    nearest = _Nearest(len(known.rows), most)
    for start, cosines in similar.blocks(table[embedding], known.rows):
        limits = nearest.limits
        if len(cosines) > most and np.isneginf(limits).any():
            limits = np.maximum(limits, np.partition(cosines, len(cosines) - most, axis=0)[len(cosines) - most])
        rows, seeds = np.nonzero((cosines >= limits) & ~np.isneginf(cosines))
        at = start + rows
        nearest.add(seeds, cosines[rows, seeds], keys[at], ties[at], at)
    seeds, cosines, keys, ties, rows = nearest.held
    return pa.table(
        {
            "part": ((seeds.astype(np.uint64) * _GOLDEN) >> _32).astype(np.uint32),
            "seed": seeds,
            "cosine": cosines,
            "key": keys,
            "tie": ties,
            "shard": table["shard"].take(pa.array(rows)),
            "row": table["row"].take(pa.array(rows)),
        }
    )


def linked(tables: Iterable[pa.Table], most: int) -> pa.Table:
    """Of the candidates of all shards the nearest to each seed, with `rank` from 1."""
    nearest, found, count = None, [], 0
    for table in tables:
        seeds = arrow.numbers(table["seed"]).astype(np.int64)
        largest = int(seeds.max(initial=0)) + 1
        if nearest is None:
            nearest = _Nearest(largest, most)
        elif largest > len(nearest.limits):
            more = np.full(largest - len(nearest.limits), -np.inf, dtype=np.float32)
            nearest.limits = np.concatenate([nearest.limits, more])
        numbers = np.arange(count, count + table.num_rows)
        nearest.add(seeds, *(arrow.numbers(table[name]) for name in ("cosine", "key", "tie")), numbers)
        found.append(table.select(["shard", "row"]))
        count += table.num_rows
        kept, places = np.unique(nearest.held[4], return_inverse=True)
        found, count = [pa.concat_tables(found).take(pa.array(kept)).combine_chunks()], len(kept)
        nearest.held = (*nearest.held[:4], places.astype(np.int64))
    if nearest is None:
        return ROWS.empty_table()
    seeds = nearest.held[0]
    ranks = np.arange(len(seeds)) - np.searchsorted(seeds, seeds) + 1
    rows = found[0].take(pa.array(nearest.held[4]))
    return pa.table([rows["shard"], rows["row"], pa.array(ranks)], schema=ROWS)


def best_ranks(tables: Iterable[pa.Table]) -> pa.Table:
    """Each document once, with its best rank. Memory: 40 bytes a row."""
    table = pa.concat_tables([ROWS.empty_table(), *tables])
    best = table.group_by(["shard", "row"], use_threads=False).aggregate([("rank", "min")])
    return best.rename_columns(["shard", "row", "rank"]).cast(ROWS)


# --- queues ---------------------------------------------------------------------------------------


def reached(table: pa.Table, embedding: str, known: similar.Seeds, by_centre: bool) -> Iterator[pa.Table]:
    """Of each document with a vector the highest cosine to each task, or that to each centre: `cosines`."""
    keys, ties = _orders(table)
    rows = known.centres if by_centre else known.rows
    starts = np.searchsorted(known.tasks, np.unique(known.tasks))
    yield _reach(table.slice(0, 0), keys[:0], ties[:0], np.empty((0, len(rows) if by_centre else len(starts))))
    for start, cosines in similar.blocks(table[embedding], rows):
        if not by_centre:
            cosines = np.maximum.reduceat(cosines, starts, axis=1)
        chosen = np.flatnonzero(~np.isneginf(cosines[:, 0]))
        at = start + chosen
        yield _reach(table.take(pa.array(at)), keys[at], ties[at], cosines[chosen])


def _reach(table: pa.Table, keys: np.ndarray, ties: np.ndarray, cosines: np.ndarray) -> pa.Table:
    vectors = arrow.vector_array(cosines.astype(np.float32, copy=False))
    return pa.table({"shard": table["shard"], "row": table["row"], "key": keys, "tie": ties, "cosines": vectors})


class Taken(NamedTuple):
    """A document that a queue takes: its place among all rows."""

    queue: int
    place: int
    cosine: float


def drawn(tables: Iterable[pa.Table]) -> Iterator[Taken]:
    """Queue after queue takes the document of its highest cosine that none has taken, until none is left.

    tables: what `reached` gave, gone through again each time a queue has used up what it holds, which is its share of
    two million. Memory: 40 bytes a document, and 100 MiB.
    """
    columns = [(arrow.numbers(table["key"]), arrow.numbers(table["tie"])) for table in tables]
    places = np.empty(sum(len(keys) for keys, _ in columns), dtype=np.int64)
    if not len(places):
        return
    places[np.lexsort([np.concatenate(values) for values in list(zip(*columns, strict=True))[::-1]])] = np.arange(
        len(places)
    )
    del columns
    gone = np.zeros(len(places), dtype=np.bool_)
    turn, queues = 0, next(iter(tables))["cosines"].type.list_size
    while not gone.all():
        held = _held(tables, places, gone, max(1, _HELD // queues))
        at = [0] * queues
        while True:
            queue = turn % queues
            numbers, cosines = held[queue]
            while at[queue] < len(numbers) and gone[numbers[at[queue]]]:
                at[queue] += 1
            if at[queue] == len(numbers):
                break
            place = int(numbers[at[queue]])
            gone[place] = True
            turn += 1
            yield Taken(queue, place, float(cosines[at[queue]]))


def _held(
    tables: Iterable[pa.Table], places: np.ndarray, gone: np.ndarray, most: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each queue the `most` first documents that are not gone, int64, and their cosines."""
    held: list[tuple[np.ndarray, np.ndarray]] = []
    start = 0
    for table in tables:
        cosines = arrow.vectors(table["cosines"])
        free = np.flatnonzero(~gone[start : start + len(cosines)])
        held = held or [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))] * cosines.shape[1]
        for queue, (numbers, values) in enumerate(held):
            numbers = np.concatenate([numbers, start + free])
            values = np.concatenate([values, cosines[free, queue]])
            held[queue] = _first(numbers, values, places, most) if len(numbers) > 2 * most else (numbers, values)
        start += len(cosines)
    return [_first(numbers, values, places, most) for numbers, values in held]


def _first(numbers: np.ndarray, values: np.ndarray, places: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((places[numbers], -values))[:most]
    return numbers[order], values[order]


def in_turn(tables: Iterable[pa.Table], wanted: int) -> pa.Table:
    """The first documents that the tasks take in turn (RDS+: Ivison et al. 2025), ranked in that order: `ROWS`.

    Raises DataError when there are fewer with a vector.
    """
    places = []
    for taken in drawn(tables):
        if len(places) == wanted:
            break
        places.append(taken.place)
    if len(places) < wanted:
        raise DataError(f"{wanted:,} documents are wanted, but only {len(places):,} have a vector; ask for fewer")
    return _rows(tables, np.array(places, dtype=np.int64), np.arange(1, len(places) + 1))


def by_layers(tables: Iterable[pa.Table], stop: float) -> pa.Table:
    """The documents that the centres take, layer by layer (SimCore: Kim et al. 2023), ranked by the layer: `ROWS`.

    It ends before the first layer whose mean cosine is less than `stop` times that of the first layer.
    """
    places: list[int] = []
    ranks: list[int] = []
    first = None
    for number, layer in enumerate(_layers(tables), 1):
        mean = float(np.mean([taken.cosine for taken in layer]))
        first = mean if first is None else first
        if number > 1 and mean < stop * first:
            break
        places += [taken.place for taken in layer]
        ranks += [number] * len(layer)
    return _rows(tables, np.array(places, dtype=np.int64), np.array(ranks, dtype=np.int64))


def _layers(tables: Iterable[pa.Table]) -> Iterator[list[Taken]]:
    layer: list[Taken] = []
    for taken in drawn(tables):
        if layer and taken.queue == 0:
            yield layer
            layer = []
        layer.append(taken)
    if layer:
        yield layer


def _rows(tables: Iterable[pa.Table], places: np.ndarray, ranks: np.ndarray) -> pa.Table:
    order = np.argsort(places)
    places, ranks = places[order], ranks[order]
    found, start = [ROWS.empty_table()], 0
    for table in tables:
        low, high = np.searchsorted(places, [start, start + table.num_rows])
        taken = table.select(["shard", "row"]).take(pa.array(places[low:high] - start))
        found.append(pa.table([taken["shard"], taken["row"], pa.array(ranks[low:high])], schema=ROWS))
        start += table.num_rows
    return pa.concat_tables(found)
