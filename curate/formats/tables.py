"""Arrow tables as documents: what Parquet and Arrow files have in common."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.formats import json_values
from curate.formats.fields import TYPES, Column, Fields, typed
from curate.formats.pieces import Piece
from curate.formats.records import Reject
from curate.kernels import arrow, normalise
from curate.kernels import fields as kernels

BATCH_BYTES = 16 << 20


class _Slots:
    """The wanted fields of a table: where each was found, its values as text, and where it was taken."""

    def __init__(self, batch: pa.RecordBatch, fields: Fields) -> None:
        self.rows = batch.num_rows
        self._texts: dict[str, pa.Array] = {}
        self._bad: dict[str, np.ndarray] = {}
        self.paths: dict[str, tuple[str, ...]] = {}
        self.kinds: dict[str, str] = {}
        self.taken: dict[tuple[str, ...], np.ndarray] = {}
        for name in fields.names:
            found = _find(batch, name)
            if found:
                self.paths[name], array = found
                self._add(name, json_values.decoded(array))

    def _add(self, name: str, array: pa.Array) -> None:
        kind = array.type
        if json_values.is_nested(kind):
            self.kinds[name] = "an object" if pa.types.is_struct(kind) else "an array"
            self._texts[name] = pc.if_else(pc.is_valid(array), pa.scalar("", pa.large_string()), None)
            return
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            values = arrow.strings(array)
            good = np.ones(len(values), dtype=np.bool_)
            normalise.valid_utf8(values.offsets, values.data, good)
            self._bad[name] = ~good
            array = pc.if_else(pa.array(good), array, pa.scalar(b"", kind)).cast(pa.large_string())
        text, quoted = json_values.plain(array)
        self._texts[name] = text
        self.kinds[name] = "a string" if quoted else "a boolean" if pa.types.is_boolean(kind) else "a number"
        if pa.types.is_temporal(kind) and quoted:
            self.kinds[name] = "a time"

    def choose(self, column: Column) -> tuple[pa.Array, list[tuple[np.ndarray, list[str]]]]:
        """A column's values, null where it has none, and for each alternative the rows that take it and its parts."""
        chosen = pa.nulls(self.rows, pa.large_string())
        taken = []
        for names in column.alternatives:
            if any(name not in self._texts for name in names):
                continue
            joined = pc.binary_join_element_wise(
                *(self._texts[name] for name in names), pa.scalar("\n\n", pa.large_string())
            )
            taken.append((arrow.validity(joined) & ~arrow.validity(chosen), names))
            chosen = pc.coalesce(chosen, joined)
        return chosen, taken

    def take(self, names: list[str], rows: np.ndarray) -> None:
        """Note that these fields are in a column now, in these rows."""
        for name in names:
            path = self.paths[name]
            self.taken[path] = self.taken.get(path, np.zeros(self.rows, dtype=np.bool_)) | rows

    def bad(self, names: list[str]) -> np.ndarray:
        """Rows in which one of these fields is bytes that are not UTF-8."""
        none = np.zeros(self.rows, dtype=np.bool_)
        return np.logical_or.reduce([self._bad.get(name, none) for name in names])


def _find(batch: pa.RecordBatch, name: str) -> tuple[tuple[str, ...], pa.Array] | None:
    """A field by its name as it is written or, failing that, down through structs: its path and values."""
    if batch.schema.get_field_index(name) >= 0:
        return (name,), arrow.combined(batch.column(name))
    first, *path = name.split(".")
    if not path or batch.schema.get_field_index(first) < 0:
        return None
    array = json_values.decoded(batch.column(first))
    for part in path:
        if not pa.types.is_struct(array.type) or array.type.get_field_index(part) < 0:
            return None
        array = json_values.decoded(pc.struct_field(array, part))
    return (first, *path), array


def piece(batch: pa.RecordBatch, first_row: int, fields: Fields, most_bytes: int) -> Piece:
    """The documents of a batch of rows; positions are row numbers."""
    positions = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)
    good, rejects = _valid_rows(batch, positions)
    if rejects:
        batch, positions = batch.filter(pa.array(good)), positions[good]
    slots = _Slots(batch, fields)
    reasons = np.zeros(batch.num_rows, dtype=object)
    columns, unfit = [], {}
    for column in fields.columns:
        array, lost = _column(column, slots, fields, reasons, most_bytes)
        columns.append(array)
        if lost:
            unfit[column.name] = lost
    arrays = [batch.column(i) for i in range(batch.num_columns)]
    meta = json_values.objects(batch.schema.names, arrays, np.ones(batch.num_rows, dtype=np.bool_), slots.taken)
    bad = reasons != 0
    rejects += [Reject(int(positions[i]), "row", *reasons[i]) for i in np.flatnonzero(bad)]
    if bad.any():
        keep = pa.array(~bad)
        columns, meta, positions = [array.filter(keep) for array in columns], meta.filter(keep), positions[~bad]
    return Piece(positions, "row", columns, meta, rejects, unfit)


def _column(
    column: Column, slots: _Slots, fields: Fields, reasons: np.ndarray, most_bytes: int
) -> tuple[pa.Array, int]:
    """One column, and how many values were not of its type. Rows that are no documents get a reason."""
    chosen, alternatives = slots.choose(column)
    valid = arrow.validity(chosen)
    values = arrow.strings(chosen)
    fit = np.empty(len(values), dtype=np.bool_)
    kernels.fitting(values.offsets, values.data, TYPES[column.type][0], fit)
    required = column is fields.columns[0] or (fields.given_id and column is fields.columns[1])
    for rows, names in alternatives:
        wrong = [slots.kinds[name] for name in names if not _allowed(column, slots.kinds[name])]
        fit &= ~(rows & slots.bad(names))
        if wrong:
            fit &= ~rows
        if required:
            _give(reasons, rows & slots.bad(names), "invalid UTF-8", column)
            if wrong:
                _give(reasons, rows, f"{column.name} is {wrong[0]}", column)
        slots.take(names, rows & fit)
    if required:
        there = any(name in slots.kinds for part in column.alternatives for name in part)
        _give(reasons, ~valid, f"{column.name} is {'null' if there else 'missing'}", column)
    if column is fields.columns[0]:
        for i in np.flatnonzero(np.diff(values.offsets) > most_bytes):
            size = int(values.offsets[i + 1] - values.offsets[i])
            reasons[i] = ("document too long", f"{size} bytes, more than --max-document-bytes {most_bytes}")
    kept = valid & fit
    if not kept.all():
        values = arrow.strings(pc.if_else(pa.array(kept), chosen, pa.scalar("", pa.large_string())))
    return typed(column, values, kept), int(np.count_nonzero(valid & ~fit))


def _allowed(column: Column, kind: str) -> bool:
    return kind == "a string" if column.type == "text" else kind not in ("an object", "an array")


def _give(reasons: np.ndarray, rows: np.ndarray, reason: str, column: Column) -> None:
    for i in np.flatnonzero(rows & (reasons == 0)):
        reasons[i] = (reason, f"field {column.fields}")


def _valid_rows(batch: pa.RecordBatch, positions: np.ndarray) -> tuple[np.ndarray, list[Reject]]:
    """Which rows hold what their types promise, and the others."""
    bad = np.zeros(batch.num_rows, dtype=np.bool_)
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as problem:
            if "UTF8" not in str(problem):
                detail = f"{len(positions)} rows are lost: {problem}"
                return np.zeros_like(bad), [Reject(int(positions[0]), "row", "damaged values", detail)]
            bad |= _not_utf8(column)
    return ~bad, [Reject(int(position), "row", "invalid UTF-8", "") for position in positions[bad]]


def _not_utf8(array: pa.Array) -> np.ndarray:
    """Bool, shape (n,): rows with a string in them, however deep, that is not well-formed UTF-8."""
    array = json_values.decoded(array)
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = arrow.strings(array)
        good = np.empty(len(values), dtype=np.bool_)
        normalise.valid_utf8(values.offsets, values.data, good)
        return ~good
    bad = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_struct(kind):
        for child in array.flatten():
            bad |= _not_utf8(child)
    elif (lists := json_values.list_items(array)) is not None:
        offsets, items = lists
        total = np.cumsum(np.concatenate([[False], _not_utf8(items)]))
        bad = (total[offsets[1:]] > total[offsets[:-1]]) & arrow.validity(array)
    return bad
