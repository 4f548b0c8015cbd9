"""What every reader gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curate.formats.fields import TYPES, Fields
from curate.formats.records import Reject


@dataclass(frozen=True)
class Piece:
    """A run of records of one file.

    positions: int64, shape (n,), of the records that are documents, in `unit`. columns: one array for each of
    the `Fields`, n long, the text (large_string, valid UTF-8, not null) first. meta: large_string, a JSON
    object of every field that is in no column. unfit: by column, how many values were there but not of
    its type; they stay in `meta`. removed: records that are no documents, by reason. counts: other things that
    were there. member: for a file that holds files, the place in it of the one that these records are in, and many:
    whether that may hold several.
    """

    positions: np.ndarray
    unit: str
    columns: list[pa.Array]
    meta: pa.Array
    rejects: list[Reject] = field(default_factory=list)
    unfit: dict[str, int] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    member: str = ""
    many: bool = True


def rejected(rejects: list[Reject], fields: Fields) -> Piece:
    """A piece without a document."""
    columns = [pa.array([], type=TYPES[column.type][1]) for column in fields.columns]
    return Piece(np.empty(0, dtype=np.int64), "byte", columns, pa.array([], type=pa.large_string()), rejects)
