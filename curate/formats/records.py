"""What every reader gives, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.formats.fields import Fields

MOST_DOCUMENT_BYTES = 128_000_000


class Reject(NamedTuple):
    """A record, or a stretch of a file, that gave no document: where (a byte, row or member, as `unit` says) and why."""

    position: int
    unit: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Piece:
    """A run of records of one file.

    positions: int64, shape (n,), of the records that are documents, in `unit`. columns: one array for each of
    the `Fields`, n long, the text (large_string, valid UTF-8, not null) first. meta: large_string, a JSON object of
    every field that is in no column. unfit: by column, how many values were there but not of its type (they stay in `meta`).
    """

    positions: np.ndarray
    unit: str
    columns: list[pa.Array]
    meta: pa.Array
    rejects: list[Reject] = field(default_factory=list)
    unfit: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A file, or the records of it that start at bytes `start` to `end` of it; `end` None is its end."""

    path: str
    start: int = 0
    end: int | None = None

    @property
    def whole(self) -> bool:
        return self.start == 0 and self.end is None


@dataclass(frozen=True)
class Settings:
    """How to read.

    split: what of a plain text is a document, "none" (all), "paragraphs" or "lines".
    """

    most_bytes: int = MOST_DOCUMENT_BYTES
    split: str = "none"


Read = Callable[[Source, Fields, Settings], Iterator[Piece]]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    suffixes: of the names of such files, with the dot, without that of a compression.
    unit: what positions count. cuts: whether a plain file can be read from any byte on.
    many: whether a file usually holds many documents.
    """

    name: str
    suffixes: tuple[str, ...]
    unit: str
    read: Read
    cuts: Callable[[Settings], bool] = lambda settings: False
    many: bool = True


def rejected(rejects: list[Reject], fields: Fields) -> Piece:
    """A piece without a document."""
    from curate.formats.fields import TYPES

    columns = [pa.array([], type=TYPES[column.type][1]) for column in fields.columns]
    return Piece(np.empty(0, dtype=np.int64), "byte", columns, pa.array([], type=pa.large_string()), rejects)
