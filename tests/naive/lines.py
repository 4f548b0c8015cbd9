"""Deduplication of lines and paragraphs in the plainest Python."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple


class Cut(NamedTuple):
    """A text in units and what separates them: len(between) == len(units) - 1 where there are units."""

    lead: str
    units: list[str]
    between: list[str]
    tail: str


def cut_lines(text: str) -> Cut:
    parts = re.split("(\r?\n)", text)
    return Cut("", parts[::2], parts[1::2], "")


def cut_paragraphs(text: str) -> Cut:
    """Runs of lines that hold more than white space."""
    units: list[str] = []
    gaps = [""]
    inside = False
    parts = ["", *re.split("(\r?\n)", text)]
    for newline, line in zip(parts[::2], parts[1::2], strict=True):
        blank = not line.strip()
        if blank:
            gaps[-1] += newline + line
        elif inside:
            units[-1] += newline + line
        else:
            gaps[-1] += newline
            units.append(line)
            gaps.append("")
        inside = not blank
    if not units:
        return Cut(text, [], [], "")
    return Cut(gaps[0], units, gaps[1:-1], gaps[-1])


def letters(text: str) -> list[str]:
    """The characters that the normalised form keeps, as they are."""
    return [
        c for c in text if not (c.isspace() or _is_punctuation(c) or unicodedata.category(c) == "Cc" or c == "\ufeff")
    ]


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P" or character in string.punctuation


def normalised(text: str) -> str:
    return "".join("0" if c.isdecimal() else c.lower()[0] for c in letters(text))


def size(text: str) -> int:
    """Bytes of the letters."""
    return len("".join(letters(text)).encode())


def joined(cut: Cut, stays: Sequence[bool]) -> str:
    """The text of the units that stay. A unit goes with what is after it, the last ones with what is before them."""
    text = cut.lead
    for number, unit in enumerate(cut.units):
        if stays[number]:
            text += unit + (cut.between[number] if any(stays[number + 1 :]) else "")
    return text + cut.tail


class Document(NamedTuple):
    id: str
    text: str
    scope: str = ""


class Span(NamedTuple):
    """Bytes of a unit that goes, and the first document and byte where it stands."""

    id: str
    start: int
    end: int
    of: str
    of_start: int


def deduplicated(
    documents: Sequence[Document], *, paragraphs: bool, normalise: bool, least: int
) -> tuple[list[str], list[Span]]:
    """The new texts, and the units that went, as they stood in the text."""
    seen: dict[tuple[str, str], tuple[str, int]] = {}
    texts, spans = [], []
    for document in documents:
        cut = (cut_paragraphs if paragraphs else cut_lines)(document.text)
        stays = []
        at = len(cut.lead.encode())
        for number, unit in enumerate(cut.units):
            key = (document.scope, normalised(unit) if normalise else unit)
            counts = size(unit) >= least
            stays.append(not counts or key not in seen)
            if counts and key in seen:
                spans.append(Span(document.id, at, at + len(unit.encode()), *seen[key]))
            elif counts:
                seen[key] = (document.id, at)
            at += len((unit + (cut.between[number : number + 1] or [""])[0]).encode())
        texts.append(document.text if all(stays) else joined(cut, stays))
    return texts, spans
