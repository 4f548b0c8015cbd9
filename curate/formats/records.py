"""What readers are given, and what a format is. Light to import: a plan needs no more than this."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from curate.formats.fields import Fields
    from curate.formats.pieces import Piece

MOST_DOCUMENT_BYTES = 128_000_000


class Reject(NamedTuple):
    """A record, or a stretch of a file, that gave no document.

    position: where, a byte, row or member as `unit` says. reason: in a few words, the same for all of a kind.
    """

    position: int
    unit: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Source:
    """A file, or the records of it that start at bytes `start` to `end` of it; `end` None is its end.

    depth: in how many archives, one within another, it was found.
    """

    path: str
    start: int = 0
    end: int | None = None
    depth: int = 0


@dataclass(frozen=True)
class Settings:
    """How to read.

    most_bytes: a longer record is rejected. split: what of a plain text is a document, all of it ("none"), "paragraphs"
    or "lines". extract: the engine that finds the main text of HTML pages, of `extraction_child.ENGINES`, or "none".
    """

    most_bytes: int = MOST_DOCUMENT_BYTES
    split: str = "none"
    extract: str = "trafilatura"


@dataclass(frozen=True)
class Format:
    """A kind of file.

    suffixes: of the names of such files, with the dot, without that of a compression.
    reader: the importable name, MODULE:FUNCTION, of a function of (Source, Fields, Settings) that yields `Piece`s.
    cuts: whether a file that is not compressed can be read from any byte on.
    many: whether a file usually holds many documents.
    """

    name: str
    suffixes: tuple[str, ...]
    reader: str
    cuts: Callable[[Settings], bool] = lambda settings: False
    many: bool = True

    def read(self, source: Source, fields: Fields, settings: Settings) -> Iterator[Piece]:
        """The records of a file, in order, a piece at a time."""
        module, function = self.reader.split(":")
        return getattr(importlib.import_module(module), function)(source, fields, settings)
