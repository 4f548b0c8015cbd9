"""Lines and paragraphs that repeat anywhere in a corpus: found by hash, named, and taken out.

A place is one int64: the shard, and the byte in its texts laid end to end. Of units with the same
96 bits of hash the one at the smallest place stays. The expected number of pairs of different units with the
same hash is n**2 / 2**97: 6e-8 for 10**11 of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms.documents import is_blank
from curate.algorithms.normalise import digests, text_bytes
from curate.algorithms.scope import salts
from curate.kernels import arrow, cuts, unicode
from curate.kernels import lines as kernels

ALL_REMOVED = "all {}s duplicated"
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
    """What `remove` gives: the documents that are left, how many became blank, counts, and rows of `schema.SPANS`."""

    table: pa.Table
    blank: int
    counts: dict[str, int]
    spans: pa.Table


def parts(text_bytes: int, least: int) -> int:
    """Parts of both shuffles: some 4 M lines in each, at about 60 bytes of memory a line."""
    return max(1, -(-text_bytes // (LINES_PER_PART * (least + _USUAL_BYTES))))


def _units(table: pa.Table, looking: Looking) -> tuple[kernels.Units, np.ndarray]:
    """The units of a shard that count, and for each the number of the first with the same hash."""
    texts = arrow.strings(table["text"])
    found = kernels.room(int(texts.offsets[-1] - texts.offsets[0]) // looking.least)
    scratch = np.empty(kernels.SCRATCH_BYTES, dtype=np.uint8)
    scopes = salts(table, looking.scope)
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


def survey(table: pa.Table, looking: Looking) -> pa.Table:
    """`part`, `key`, `check`, `place` of the units of a shard, of equal ones the first: 20 bytes each in the shuffle.

    Memory: 64 bytes for each unit of the shard.
    """
    units, first = _units(table, looking)
    chosen = first == np.arange(len(first))
    check = units.check[chosen]
    places = _places(table, units.start[chosen])
    return pa.table({"part": check, "key": units.key[chosen], "check": check, "place": places})


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
    documents, starts = _in_documents(table, rows)
    return pa.table(
        {
            "part": (groups.view(np.uint64) * _GOLDEN >> np.uint64(32)).astype(np.uint32),
            "group": groups,
            "place": places,
            "id": arrow.combined(table["id"]).take(pa.array(documents, mask=others)),
            "start": pa.array(starts, mask=others),
        }
    )


def _numbers(mine: pa.Table | None, name: str) -> np.ndarray:
    return np.empty(0, dtype=np.int64) if mine is None else arrow.numbers(mine[name])


def _places(table: pa.Table, starts: np.ndarray) -> np.ndarray:
    """Places in the corpus of bytes of a shard's texts."""
    shard = int(arrow.numbers(table["shard"])[0]) if table.num_rows else 0
    return starts + np.int64(shard << BYTE_BITS)


def _in_documents(table: pa.Table, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The documents that hold these bytes of a shard's texts, and which byte of them each is."""
    bounds = np.concatenate([[0], np.cumsum(arrow.numbers(table["bytes"]))])
    documents = np.searchsorted(bounds[1:], starts, side="right")
    return documents, starts - bounds[documents]


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


def remove(table: pa.Table, mine: pa.Table | None, looking: Looking) -> Removed:
    """Take out of a shard's texts the units that equal one before.

    mine: the shard's rows of `named`. Memory: the texts once more, 90 bytes for each unit of the shard.
    """
    units, first = _units(table, looking)
    goes, of, of_start = _firsts(table, mine, units, first)
    removed = goes >= 0
    starts = np.empty(int(np.count_nonzero(removed)), dtype=np.int64)
    ends = np.empty_like(starts)
    kernels.cut_spans(units, removed, starts, ends)
    rows, chosen = units.row[removed], pa.array(goes[removed])
    where = _in_documents(table, units.start[removed])[1] - units.start[removed]
    unit = "paragraph" if looking.paragraphs else "line"
    spans = pa.table(
        {
            "id": arrow.combined(table["id"]).take(pa.array(rows)),
            "start": starts + where,
            "end": ends + where,
            "reason": pa.repeat(f"duplicate {unit}", len(rows)),
            "of": of.take(chosen),
            "of_start": of_start.take(chosen),
        }
    )
    changed = np.unique(rows)
    if not len(changed):
        return Removed(table, 0, {}, spans)
    table, characters = _without(table, starts, ends)
    counts = {
        f"{unit}s_removed": len(rows),
        "characters_removed": characters,
        "bytes_removed": int((ends - starts).sum()),
        "documents_changed": len(changed),
    }
    stays = np.ones(table.num_rows, dtype=np.bool_)
    stays[changed] = ~is_blank(table["text"])[changed]
    left = table if stays.all() else table.filter(pa.array(stays))
    return Removed(left, table.num_rows - left.num_rows, counts, spans)


def _firsts(
    table: pa.Table, mine: pa.Table | None, units: kernels.Units, first: np.ndarray
) -> tuple[np.ndarray, pa.Array, pa.Array]:
    """For each unit the number of its first occurrence, -1 where it is that itself; and of these, ids and starts."""
    elsewhere = np.searchsorted(units.start, _numbers(mine, "row"))
    goes = np.full(len(first), -1, dtype=np.int64)
    goes[elsewhere] = np.arange(len(elsewhere))
    again = np.flatnonzero(first != np.arange(len(first)))
    here, numbers = np.unique(first[again], return_inverse=True)
    goes[again] = np.where(goes[first[again]] < 0, len(elsewhere) + numbers, goes[first[again]])
    documents, starts = _in_documents(table, units.start[here])
    ids = [arrow.combined(table["id"]).take(pa.array(documents))]
    places = [pa.array(starts)]
    if mine is not None:
        ids, places = [arrow.combined(mine["of"]), *ids], [arrow.combined(mine["of_start"]), *places]
    return goes, pa.concat_arrays(ids), pa.concat_arrays(places)


def _without(table: pa.Table, starts: np.ndarray, ends: np.ndarray) -> tuple[pa.Table, int]:
    """The documents without stretches of their texts, and how many characters these have."""
    texts = arrow.strings(table["text"])
    offsets = np.empty_like(texts.offsets)
    data = np.empty(int(texts.offsets[-1] - texts.offsets[0] - (ends - starts).sum()), dtype=np.uint8)
    characters = cuts.without_spans(texts.offsets, texts.data, starts, ends, offsets, data)
    text = arrow.string_array(offsets, data)
    changed = {"text": text, "digest": digests(text), "bytes": pa.array(text_bytes(text))}
    for name, values in changed.items():
        table = table.set_column(table.schema.get_field_index(name), name, values)
    return table, int(characters)
