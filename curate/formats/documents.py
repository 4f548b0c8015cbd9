"""Records of files as documents: each with an id, a source, and the place it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.formats import format_of
from curate.formats.fields import Fields
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Format, Reject, Settings, Source
from curate.storage.schema import REJECTS

BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Reading:
    """How to read files. format: forces one. source: the source of every document, instead of a field's."""

    fields: Fields
    settings: Settings
    format: str | None = None
    source: str | None = None


@dataclass
class Batch:
    """Documents in order: the columns of the fields, `id`, `source`, `meta`, and where each is from.

    place: string, the id that is derived from file and position, unique by construction.
    file: int32, an index into `files`, which are relative paths, FILE#MEMBER for a file within one. position: int64.
    unit: string.
    """

    table: pa.Table
    rejects: pa.Table
    files: list[str]
    unfit: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


def place_prefix(relative: str) -> str:
    """What the places in a file begin with; # and % are written as %23 and %25, so no two places are the same."""
    return relative.replace("%", "%25").replace("#", "%23")


def source_of(relative: str, file_format: Format) -> str:
    """The source of a file's documents when no field tells it.

    It is the first folder of the relative path; without one the file's name up to its first dot if such a
    file holds many documents, else its format's name.
    """
    folder, slash, _ = relative.partition("/")
    if slash:
        return folder
    return (relative.split(".")[0] or relative) if file_format.many else file_format.name


def batches(files: Sequence[dict], reading: Reading) -> Iterator[Batch]:
    """The documents of files (`path`, `relative`, `start`, `end`), in batches of about BATCH_BYTES of text."""
    waiting: list[pa.Table] = []
    rejects: list[tuple[str, Reject]] = []
    unfit, removed, counts = Counter(), Counter(), Counter()
    names: list[str] = []
    size = 0
    for item in files:
        for piece in _pieces(item, reading):
            name = f"{item['relative']}#{piece.member}" if piece.member else item["relative"]
            rejects += [(name, reject) for reject in piece.rejects]
            unfit.update(piece.unfit)
            removed.update(piece.removed)
            counts.update(piece.counts)
            if len(piece.positions):
                if not names or names[-1] != name:
                    names.append(name)
                waiting.append(_located(piece, item["relative"], len(names) - 1, reading))
                size += waiting[-1]["text"].nbytes
            if size >= BATCH_BYTES or len(rejects) >= _MOST_REJECTS:
                yield _batch(waiting, rejects, names, unfit, removed, counts, reading)
                waiting, rejects, names, size = [], [], [], 0
                unfit, removed, counts = Counter(), Counter(), Counter()
    if waiting or rejects or removed or counts:
        yield _batch(waiting, rejects, names, unfit, removed, counts, reading)


_MOST_REJECTS = 100_000


def _pieces(item: dict, reading: Reading) -> Iterator[Piece]:
    if "left_out" in item:
        yield replace(rejected([], reading.fields), counts={f"files left out: {item['left_out']}": 1})
        return
    source = Source(item["path"], item["start"], item["end"])
    yield from format_of(item["relative"], reading.format).read(source, reading.fields, reading.settings)


def _located(piece: Piece, relative: str, number: int, reading: Reading) -> pa.Table:
    """The columns of a piece, with ids and sources where no field gave them."""
    rows = len(piece.positions)
    file_format = format_of(relative, reading.format)
    columns = {column.name: array for column, array in zip(reading.fields.columns, piece.columns)}
    places = _places(piece, relative, file_format, reading.settings)
    ids = columns.get("id")
    columns["id"] = places if ids is None else pc.coalesce(ids, places)
    source = reading.source or source_of(relative, file_format)
    found = columns.get("source")
    columns["source"] = pa.repeat(source, rows) if found is None else pc.fill_null(found, source)
    columns["meta"] = piece.meta
    columns["place"] = places
    columns["file"] = pa.array(np.full(rows, number, dtype=np.int32))
    columns["position"] = pa.array(piece.positions)
    columns["unit"] = pa.repeat(piece.unit, rows)
    return pa.table(columns)


def _places(piece: Piece, relative: str, file_format: Format, settings: Settings) -> pa.Array:
    prefix = place_prefix(relative)
    if piece.member:
        prefix = f"{prefix}#{piece.member}"
    if not (piece.many if piece.member else file_format.many) and settings.split == "none":
        return pa.repeat(prefix, len(piece.positions))
    return pc.binary_join_element_wise(prefix, pa.array(piece.positions).cast(pa.string()), "#")


def _batch(
    waiting: list[pa.Table],
    rejects: list[tuple[str, Reject]],
    names: list[str],
    unfit: Counter[str],
    removed: Counter[str],
    counts: Counter[str],
    reading: Reading,
) -> Batch:
    table = pa.concat_tables(waiting) if waiting else empty(reading)
    return Batch(table, reject_table(rejects), list(names), unfit, removed, counts)


def empty(reading: Reading) -> pa.Table:
    """The columns of a batch without rows."""
    piece = rejected([], reading.fields)
    return _located(piece, "none.jsonl", 0, reading)


def reject_table(rejects: Sequence[tuple[str, Reject]]) -> pa.Table:
    """Rows of REJECTS."""
    rows = [{"file": file, **reject._asdict()} for file, reject in rejects]
    return pa.Table.from_pylist(rows, schema=REJECTS)
