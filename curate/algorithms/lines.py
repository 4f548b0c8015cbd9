"""Lines and paragraphs that repeat anywhere in a corpus: found by hash, named, and taken out.

A place is one int64: the shard, and the byte in its texts laid end to end. Of units with the same
96 bits of hash the one at the smallest place stays. The expected number of pairs of different units with the
same hash is n**2 / 2**97: 6e-8 for 10**11 of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.normalise import digests, text_bytes
from curate.algorithms.scope import salts
from curate.kernels import arrow, cuts, unicode
from curate.kernels import lines as kernels

ALL_REMOVED = "all {}s duplicated"
BLOCK_BYTES = 16 << 20
BYTE_BITS = 40
LINES_PER_PART = 4 << 20
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_USUAL_BYTES = 32  # what a line has, on average, beyond the least that counts


class Looking(NamedTuple):
    """What to compare: paragraphs or lines, normalised or as they are, of so many bytes of letters or more,
    within equal values of the column `scope` or, for None, anywhere."""

    paragraphs: bool
    normalised: bool
    least: int
    scope: str | None


class Removed(NamedTuple):
    """What `remove` gives of `read` documents: those that are left, how many became blank, counts, and rows of
    `schema.SPANS`."""

    read: int
    table: pa.Table
    blank: int
    counts: dict[str, int]
    spans: pa.Table


class Block(NamedTuple):
    """Documents of a shard with about 16 MiB of text, which starts at byte `start` of the shard's texts."""

    start: int
    table: pa.Table
    texts: arrow.Strings

    def documents_at(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The documents that hold these bytes of the block's texts, and which byte of them each is."""
        bounds = self.texts.offsets - self.texts.offsets[0]
        documents = np.searchsorted(bounds[1:], starts, side="right")
        return documents, starts - bounds[documents]


def blocks(table: pa.Table) -> Iterator[Block]:
    """The documents of a shard: by blocks, what is held of them does not hang on how large the shard is."""
    ends = np.cumsum(arrow.numbers(pc.binary_length(table["text"])))
    firsts = np.flatnonzero(np.diff(ends // BLOCK_BYTES, prepend=-1)) if table.num_rows else [0]
    for first, last in pairwise([*firsts, table.num_rows]):
        piece = table.slice(first, last - first)
        yield Block(int(ends[first - 1]) if first else 0, piece, arrow.strings(piece["text"]))


def parts(text_bytes: int, least: int) -> int:
    """Parts of both shuffles: some 4 M lines in each, at about 60 bytes of memory a line."""
    return max(1, -(-text_bytes // (LINES_PER_PART * (least + _USUAL_BYTES))))


def _units(block: Block, looking: Looking) -> tuple[kernels.Units, np.ndarray]:
    """The units of a block that count, and for each the number of the first with the same hash."""
    texts = block.texts
    found = kernels.room(int(texts.offsets[-1] - texts.offsets[0]) // looking.least)
    scratch = np.empty(kernels.SCRATCH_BYTES, dtype=np.uint8)
    scopes = salts(block.table, looking.scope) if looking.scope else np.zeros(len(texts), dtype=np.uint64)
    tables = (unicode.flags(), kernels.forms())
    options = (looking.paragraphs, looking.normalised, looking.least)
    count = kernels.find_units(texts.offsets, texts.data, scopes, *options, *tables, scratch, found)
    units = kernels.Units._make(array[:count] for array in found)
    return units, first_equal(units.key, units.check)


def first_equal(keys: np.ndarray, checks: np.ndarray) -> np.ndarray:
    """For each row the number of the first one with the same key and check: int32, shape (n,)."""
    slots = np.full(1 << (2 * len(keys)).bit_length(), kernels.FREE)
    out = np.empty(len(keys), dtype=np.int32)
    kernels.first_equal(keys, checks, slots, out)
    return out


def survey(table: pa.Table, looking: Looking) -> Iterator[pa.Table]:
    """`part`, `key`, `check`, `place` of the units of each block of a shard, of equal ones the first.

    20 bytes each in the shuffle. Memory: a block's text and 70 bytes for each unit of it.
    """
    for block in blocks(table):
        units, first = _units(block, looking)
        chosen = first == np.arange(len(first))
        check = units.check[chosen]
        places = _places(table, block.start + units.start[chosen])
        yield pa.table({"part": check, "key": units.key[chosen], "check": check, "place": places})


def _columns(tables: Iterable[pa.Table], *names: str) -> list[np.ndarray]:
    whole = pa.concat_tables(tables)
    return [arrow.numbers(whole[name]) for name in names]


def repeated(tables: Iterable[pa.Table]) -> pa.Table:
    """Of the units of a part those that another one equals: `shard`, `row` (the byte in the shard's texts) and `group`.

    A group is the place of its first unit. Units come in the order of their places. Memory: 60 bytes a unit.
    """
    keys, checks, places = _columns(tables, "key", "check", "place")
    first = first_equal(keys, checks)
    again = first != np.arange(len(first), dtype=np.int32)
    shared = again.copy()
    shared[first[again]] = True
    return pa.table({**_located(places[shared]), "group": places[first[shared]]})


def _located(places: np.ndarray) -> dict[str, np.ndarray]:
    return {"shard": (places >> BYTE_BITS).astype(np.int32), "row": places & ((1 << BYTE_BITS) - 1)}


def survey_names(table: pa.Table, mine: pa.Table | None) -> pa.Table:
    """`part`, `group`, `place` of the units of a shard that repeat, and of the first of each group `id` and `start`.

    table: `id` and `bytes`. mine: the shard's rows of `repeated`. Memory: 40 bytes and perhaps an id for each.
    """
    rows, groups = (_numbers(mine, name) for name in ("row", "group"))
    places = _places(table, rows)
    others = places != groups
    bounds = np.concatenate([[0], np.cumsum(arrow.numbers(table["bytes"]))])
    documents = np.searchsorted(bounds[1:], rows, side="right")
    return pa.table(
        {
            "part": (groups.view(np.uint64) * _GOLDEN >> np.uint64(32)).astype(np.uint32),
            "group": groups,
            "place": places,
            "id": arrow.combined(table["id"]).take(pa.array(documents, mask=others)),
            "start": pa.array(rows - bounds[documents], mask=others),
        }
    )


def _numbers(mine: pa.Table | None, name: str) -> np.ndarray:
    return np.empty(0, dtype=np.int64) if mine is None else arrow.numbers(mine[name])


def _places(table: pa.Table, starts: np.ndarray) -> np.ndarray:
    """Places in the corpus of bytes of a shard's texts."""
    shard = int(arrow.numbers(table["shard"])[0]) if table.num_rows else 0
    return starts + np.int64(shard << BYTE_BITS)


def named(tables: Iterable[pa.Table]) -> pa.Table:
    """Of the rows of `survey_names` of a part those that go: `shard`, `row`, and where the first is: `of`, `of_start`.

    Memory: 60 bytes and an id a row.
    """
    table = pa.concat_tables(tables)
    groups = arrow.numbers(table["group"])
    first = first_equal(groups.view(np.uint64), np.zeros(len(groups), dtype=np.uint32))
    goes = first != np.arange(len(first), dtype=np.int32)
    firsts = pa.array(first[goes])
    columns = {"of": table["id"].take(firsts), "of_start": table["start"].take(firsts)}
    return pa.table({**_located(arrow.numbers(table["place"])[goes]), **columns})


def remove(table: pa.Table, mine: pa.Table | None, looking: Looking) -> Iterator[Removed]:
    """Take out of a shard's texts the units that equal one before, block by block.

    mine: the shard's rows of `named`. Memory: a block's text twice, and 160 bytes for each unit of it.
    """
    places = _numbers(mine, "row")
    for block in blocks(table):
        size = int(block.texts.offsets[-1] - block.texts.offsets[0])
        low, high = np.searchsorted(places, [block.start, block.start + size])
        named = None if mine is None else mine.slice(low, high - low)
        yield _removed(block, places[low:high] - block.start, named, looking)


def _removed(block: Block, elsewhere: np.ndarray, named: pa.Table | None, looking: Looking) -> Removed:
    """elsewhere: where in the block the units of the rows `named` start."""
    units, first = _units(block, looking)
    goes, of, of_start = _firsts(block, elsewhere, named, units, first)
    removed = goes >= 0
    starts = np.empty(int(np.count_nonzero(removed)), dtype=np.int64)
    ends = np.empty_like(starts)
    kernels.cut_spans(units, removed, starts, ends)
    unit = "paragraph" if looking.paragraphs else "line"
    rows, chosen = units.row[removed], pa.array(goes[removed])
    bounds = block.texts.offsets[rows] - block.texts.offsets[0]
    table = block.table
    spans = pa.table(
        {
            "id": arrow.combined(table["id"]).take(pa.array(rows)),
            "start": starts - bounds,
            "end": ends - bounds,
            "reason": pa.repeat(f"duplicate {unit}", len(rows)),
            "of": of.take(chosen),
            "of_start": of_start.take(chosen),
        }
    )
    if not len(rows):
        return Removed(table.num_rows, table, 0, {}, spans)
    changed = np.unique(rows)
    text, characters = _without(block.texts, starts, ends)
    counts = {
        f"{unit}s_removed": len(rows),
        "characters_removed": characters,
        "bytes_removed": int((ends - starts).sum()),
        "documents_changed": len(changed),
    }
    stays = np.ones(table.num_rows, dtype=np.bool_)
    stays[changed] = ~_is_white(text)[changed]
    left = _with_text(table, text)
    left = left if stays.all() else left.filter(pa.array(stays))
    return Removed(table.num_rows, left, table.num_rows - left.num_rows, counts, spans)


def _firsts(
    block: Block, elsewhere: np.ndarray, named: pa.Table | None, units: kernels.Units, first: np.ndarray
) -> tuple[np.ndarray, pa.Array, pa.Array]:
    """For each unit the number of its first occurrence, -1 where it is that itself; and of these, ids and starts."""
    goes = np.full(len(first), -1, dtype=np.int64)
    goes[np.searchsorted(units.start, elsewhere)] = np.arange(len(elsewhere))
    again = np.flatnonzero(first != np.arange(len(first)))
    here, numbers = np.unique(first[again], return_inverse=True)
    goes[again] = np.where(goes[first[again]] < 0, len(elsewhere) + numbers, goes[first[again]])
    documents, starts = block.documents_at(units.start[here])
    ids = [arrow.combined(block.table["id"]).take(pa.array(documents))]
    places = [pa.array(starts)]
    if named is not None:
        ids, places = [arrow.combined(named["of"]), *ids], [arrow.combined(named["of_start"]), *places]
    return goes, pa.concat_arrays(ids), pa.concat_arrays(places)


def _without(texts: arrow.Strings, starts: np.ndarray, ends: np.ndarray) -> tuple[pa.Array, int]:
    """Texts without stretches of them, and how many characters these have."""
    offsets = np.empty_like(texts.offsets)
    data = np.empty(int(texts.offsets[-1] - texts.offsets[0] - (ends - starts).sum()), dtype=np.uint8)
    characters = cuts.without_spans(texts.offsets, texts.data, starts, ends, offsets, data)
    return arrow.string_array(offsets, data), int(characters)


def _is_white(text: pa.Array) -> np.ndarray:
    texts = arrow.strings(text)
    out = np.empty(len(texts), dtype=np.bool_)
    kernels.find_white(texts.offsets, texts.data, unicode.flags(), out)
    return out


def _with_text(table: pa.Table, text: pa.Array) -> pa.Table:
    changed = {"text": text, "digest": digests(text), "bytes": pa.array(text_bytes(text))}
    for name, values in changed.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table
