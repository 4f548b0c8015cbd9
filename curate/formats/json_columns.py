"""JSON records that lie somewhere in a block of bytes, as columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curate.formats.fields import Fields, typed
from curate.formats.frames import Frames
from curate.formats.pieces import Piece
from curate.formats.records import Reject
from curate.kernels import arrow, columns, fields, json_records, json_strings, normalise

INVALID_UTF8 = 20

_KINDS = ("missing", "null", "a string", "a number", "a boolean", "an object", "an array")
_INVALID = {
    status: f"{words}, at byte {{where}} of the record"
    for status, words in (
        (json_strings.ENDS_EARLY, "it ends early"),
        (json_records.NO_VALUE, "no value where one must be"),
        (json_records.NO_NAME, "no name in quotes where one must be"),
        (json_records.NO_COLON, "no colon after a name"),
        (json_records.NO_COMMA, "no comma or closing bracket after a value"),
        (json_strings.CONTROL_CHARACTER, "a control character in a string"),
        (json_strings.BAD_ESCAPE, "an escape that JSON does not have"),
        (json_records.BAD_NUMBER, "not a number of JSON"),
        (json_records.TEXT_AFTER, "something after the object"),
        (json_records.TOO_DEEP, f"nested deeper than {json_records.MOST_DEPTH}"),
        (json_records.NOT_OBJECT, "not an object"),
    )
}


def stack() -> fields.Stack:
    """Room for the containers open at one place of a record."""
    size = json_records.MOST_DEPTH
    return fields.Stack(
        close=np.empty(size, dtype=np.uint8),
        start=np.empty(size, dtype=np.int64),
        leads=np.empty(size, dtype=np.uint64),
        ends=np.empty(size, dtype=np.uint64),
    )


def valid_records(frames: Frames) -> np.ndarray:
    """Boolean, shape (n,): which records are well-formed UTF-8."""
    bounds = np.empty(2 * len(frames.starts), dtype=np.int64)
    bounds[::2] = frames.starts
    bounds[1::2] = frames.ends
    out = np.ones(len(bounds), dtype=np.bool_)
    normalise.valid_utf8(bounds, frames.data, out[:-1])
    return out[::2]


def empty_columns(frames: Frames, wanted: Fields, meta_bytes: int) -> fields.Columns:
    """Room for the columns of these records; records that are not UTF-8 are marked already."""
    count = len(frames.starts)
    size = int((frames.ends - frames.starts).sum())
    status = np.where(valid_records(frames), 0, INVALID_UTF8).astype(np.int64)
    return fields.Columns(
        status=status,
        where=np.zeros(count, dtype=np.int64),
        values=np.empty((len(wanted.columns), size + 8), dtype=np.uint8),
        offsets=np.zeros((len(wanted.columns), count + 1), dtype=np.int64),
        valid=np.zeros((len(wanted.columns), count), dtype=np.bool_),
        meta=np.empty(meta_bytes, dtype=np.uint8),
        meta_offsets=np.zeros(count + 1, dtype=np.int64),
        unfit=np.zeros(len(wanted.columns), dtype=np.int64),
    )


def parse(frames: Frames, wanted: Fields) -> Piece:
    """Parse JSON objects; positions are bytes."""
    out = empty_columns(frames, wanted, int((frames.ends - frames.starts).sum()) + 8)
    json_records.parse(frames.data, frames.starts, frames.ends, wanted.wanted, wanted.slots(), stack(), out)
    return piece(out, frames.positions, frames.unit, wanted, _INVALID, "invalid JSON")


def piece(
    out: fields.Columns, positions: np.ndarray, unit: str, wanted: Fields, invalid: dict[int, str], reason: str
) -> Piece:
    """Columns that a kernel has written, less the records that are none; `invalid` words what breaks the grammar."""
    good = out.status == 0
    keep = None if good.all() else pa.array(good)
    arrays = []
    for number, column in enumerate(wanted.columns):
        offsets = out.offsets[number]
        data = out.values[number, : offsets[-1]]
        if number:
            data = data.copy()
        arrays.append(typed(column, arrow.Strings(offsets, data), out.valid[number]))
    arrays.append(arrow.string_array(out.meta_offsets, out.meta[: out.meta_offsets[-1]]))
    if keep is not None:
        arrays = [array.filter(keep) for array in arrays]
    rejects = [
        Reject(int(positions[i]), unit, *worded(int(out.status[i]), int(out.where[i]), wanted, invalid, reason))
        for i in np.flatnonzero(~good)
    ]
    unfit = {column.name: int(n) for column, n in zip(wanted.columns, out.unfit, strict=True) if n}
    return Piece(positions[good], unit, arrays[:-1], arrays[-1], rejects, unfit)


def worded(status: int, where: int, wanted: Fields, invalid: dict[int, str], reason: str) -> tuple[str, str]:
    """A status as (reason, detail)."""
    if status in invalid:
        return reason, invalid[status].format(where=where)
    if status == INVALID_UTF8:
        return "invalid UTF-8", ""
    text, *others = wanted.columns
    if status == columns.LONE_SURROGATE:
        return "text is not Unicode", f"field {text.fields} has half of a surrogate pair"
    column = text if status < fields.ID_IS else others[0]
    kind = status - (fields.TEXT_IS if column is text else fields.ID_IS)
    if column is not text and kind == fields.STRING:
        return "id is not Unicode", f"field {column.fields} has half of a surrogate pair"
    return f"{column.name} is {_KINDS[kind]}", f"field {column.fields}"
