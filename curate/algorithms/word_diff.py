"""How two texts differ, word by word, for a person to read. Bounded in time and memory whatever the texts are."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

WINDOW = 1 << 20
"""Characters of each text, after the part that both begin with, that are compared."""

MOST_WORDS = 8_000
"""Longer texts are compared sentence by sentence first, and sentences that are longer in stretches."""

MOST_UNITS = 20_000
"""Sentences or stretches of one text that are compared."""

_SINGLE = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"(?:[{_SINGLE}]|(?:(?![{_SINGLE}])\w)+|[^\w\s])\s*|\s+")
_SENTENCE = re.compile(r"[^\n.!?。！？]*(?:[\n.!?。！？]+\s*|$)")
_BOUNDARY = 200
_STRETCH_WORDS = 64  # on average
_MOST_MATCHES = 200_000  # pairs of equal units; with more, those that are common begin no match, or it takes minutes

Cut = Callable[[str], list[str]]
Kind = Literal["same", "first", "second", "skipped"]


class Piece(NamedTuple):
    """A stretch of text that both have, that only the first or the second has, or what is said in place of one."""

    kind: Kind
    text: str


def difference(first: str, second: str) -> list[Piece]:
    """The texts as stretches in order; white space alone makes no difference.

    What is shown of a stretch that both have is the first text's. The middle that is left between a common
    beginning and a common end is compared by `difflib`, up to WINDOW characters of each: by words up to MOST_WORDS,
    else by sentences and lines, what changed of these by runs of words that end with certain ones, and then by words.
    The stretches join up to the texts but for white space and the `skipped` ones. Memory: about 300 bytes a word of
    the windows.
    """
    start = _back_to_space(first, _common_start(first, second))
    end = _common_end(first[start:], second[start:])
    end = _forward_to_space(first, end)
    middles = first[start : len(first) - end], second[start : len(second) - end]
    pieces = [Piece("same", first[:start]), *_compared(middles[0][:WINDOW], middles[1][:WINDOW])]
    left = max(len(middle) for middle in middles) - WINDOW
    if left > 0:
        pieces.append(Piece("skipped", f"{left:,} characters not compared"))
    pieces.append(Piece("same", first[len(first) - end :]))
    return list(_joined(pieces))


def _common_start(first: str, second: str) -> int:
    return _longest(min(len(first), len(second)), lambda low, high: first[low:high] == second[low:high])


def _common_end(first: str, second: str) -> int:
    one, other = len(first), len(second)
    return _longest(
        min(one, other),
        lambda low, high: first[one - high : one - low] == second[other - high : other - low],
    )


def _longest(most: int, equal: Callable[[int, int], bool]) -> int:
    """The longest length up to which all is equal, by halving: every character is compared about once."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        if equal(low, middle):
            low = middle
        else:
            most = middle - 1
    return low


def _back_to_space(text: str, start: int) -> int:
    for position in range(start, max(start - _BOUNDARY, 0), -1):
        if text[position - 1].isspace():
            return position
    return start if start > _BOUNDARY else 0


def _forward_to_space(text: str, end: int) -> int:
    """Shorten a common end to begin after white space."""
    for position in range(end, max(end - _BOUNDARY, 0), -1):
        if text[len(text) - position].isspace():
            return position
    return end if end > _BOUNDARY else 0


# --- comparing ------------------------------------------------------------------------------------


def _sentences(text: str) -> list[str]:
    return list(filter(None, _SENTENCE.findall(text)))


def _stretches(text: str) -> list[str]:
    """Cut after words of certain checksums, so that equal words are cut alike whatever stands before them."""
    units: list[str] = []
    start = 0
    for word in _WORD.finditer(text):
        if zlib.crc32(word[0].strip().encode()) % _STRETCH_WORDS == 0:
            units.append(text[start : word.end()])
            start = word.end()
    return list(filter(None, [*units, text[start:]]))


def _compared(first: str, second: str, cuts: Sequence[Cut] = (_sentences, _stretches)) -> Iterator[Piece]:
    """By words where they are few, else by the first of the larger units, and what differs by those that follow."""
    words = _WORD.findall(first), _WORD.findall(second)
    if max(map(len, words)) <= MOST_WORDS:
        yield from _by_words(*words)
        return
    if not cuts:
        yield Piece("first", first)
        yield Piece("second", second)
        return
    del words
    units = [cuts[0](text) for text in (first, second)]
    for kind, one, other in _matched(units[0][:MOST_UNITS], units[1][:MOST_UNITS]):
        if kind == "equal":
            yield Piece("same", one)
        else:
            yield from _compared(one, other, cuts[1:])
    left = max(map(len, units)) - MOST_UNITS
    if left > 0:
        yield Piece("skipped", f"{left:,} {'sentences' if cuts[0] is _sentences else 'stretches'} not compared")


def _by_words(first: list[str], second: list[str]) -> Iterator[Piece]:
    for kind, one, other in _matched(first, second):
        if kind == "equal":
            yield Piece("same", one)
        else:
            yield Piece("first", one)
            yield Piece("second", other)


def _matched(first: Sequence[str], second: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    keys = [[" ".join(unit.split()) for unit in units] for units in (first, second)]
    counts = Counter(keys[1])
    rough = sum(counts[key] for key in keys[0]) > _MOST_MATCHES
    for kind, a, b, c, d in SequenceMatcher(None, keys[0], keys[1], autojunk=rough).get_opcodes():
        yield kind, "".join(first[a:b]), "".join(second[c:d])


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Without empty pieces, and neighbours of a kind as one; what differs only in white space is the same."""
    before: list[Piece] = []
    for piece in pieces:
        if not piece.text or (piece.kind in ("first", "second") and piece.text.isspace()):
            continue
        if before and before[-1].kind == piece.kind and piece.kind != "skipped":
            before[-1] = Piece(piece.kind, before[-1].text + piece.text)
        else:
            yield from before
            before = [piece]
    yield from before


# --- showing --------------------------------------------------------------------------------------


def abridged(pieces: Sequence[Piece], context: int = 80, longest: int = 600, most: int = 40) -> list[Piece]:
    """What fits on a screen, saying what is left out.

    context: characters beside a difference that are shown of what both have. longest: characters of a stretch that
    only one has. most: such stretches.
    """
    shown: list[Piece] = []
    differences = 0
    for i, piece in enumerate(pieces):
        if piece.kind == "same":
            shown += _ends(piece, context if i else 0, context if i + 1 < len(pieces) else 0, "characters alike")
            continue
        differences += piece.kind != "skipped"
        if differences > most:
            left = sum(later.kind in ("first", "second") for later in pieces[i:])
            return [*shown, Piece("skipped", f"{left:,} more stretches that differ")]
        if piece.kind == "skipped" or len(piece.text) <= longest:
            shown.append(piece)
        else:
            shown += _ends(piece, longest // 2, longest // 2, "characters more")
    return shown


def _ends(piece: Piece, head: int, tail: int, what: str) -> list[Piece]:
    """The first and last characters of a stretch, to the nearest white space, and how many there are between."""
    text = piece.text
    if len(text) <= head + tail + 40:
        return [piece]
    first = re.split(r"\s\S*$", text[:head])[0] if head else ""
    last = re.split(r"^\S*\s", text[-tail:])[-1] if tail else ""
    between = Piece("skipped", f"{len(text) - len(first) - len(last):,} {what}")
    return [item for item in (Piece(piece.kind, first), between, Piece(piece.kind, last)) if item.text]
