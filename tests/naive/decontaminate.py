"""Decontamination in the plainest Python: tokens as strings, stretches by looking at every place of every item."""

from __future__ import annotations

import re
from typing import NamedTuple

_NAMES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands
million millions billion billions trillion trillions"""
NUMBER = re.compile(rf"(?:[0-9]|{'|'.join(sorted(_NAMES.split(), key=len, reverse=True))})+")
WORD = re.compile(r"\w+(?:['\u2018\u2019]\w+)*")
SHORTEST, SKIP, AGAIN = 4, 3, 3


class Token(NamedTuple):
    """A word, or "#" for a number, whose text `written` is."""

    word: str
    written: str


def tokens(text: str) -> list[Token]:
    """The tokens of a text without scripts that put no space between words."""
    found: list[Token] = []
    for match in WORD.finditer(text):
        word = re.sub("['\u2018\u2019]", "", match[0]).lower().strip("_")
        if not word:
            continue
        if not NUMBER.fullmatch(word):
            found.append(Token(word, word))
            continue
        if len(found) > 1 and found[-1].word in ("and", "point") and found[-2].word == "#":
            joint = found.pop().word
            found[-1] = Token("#", found[-1].written + joint)
        if found and found[-1].word == "#":
            found[-1] = Token("#", found[-1].written + word)
        else:
            found.append(Token("#", word))
    return found


def _compared(one: Token, two: Token) -> tuple[int, int]:
    """(1, 0) for numbers of the same digits, (0, 1) for others, (0, 0) for words and numbers in words."""
    if one.word != "#" or not (one.written + two.written).isdigit():
        return 0, 0
    return (1, 0) if one.written == two.written else (0, 1)


def _follow(text: list[Token], item: list[Token]) -> tuple[int, int, int, int, int]:
    """Equal tokens without numbers that differ, numbers alike, numbers that differ, tokens gone over on both sides."""
    equal = same = other = i = j = 0
    while True:
        while i < len(text) and j < len(item) and text[i].word == item[j].word:
            alike, unlike = _compared(text[i], item[j])
            equal, same, other = equal + 1 - unlike, same + alike, other + unlike
            i, j = i + 1, j + 1
        skips = [(a, t - a) for t in range(1, 2 * SKIP + 1) for a in range(SKIP + 1) if 0 <= t - a <= SKIP]
        for a, b in skips:
            here, there = ([token.word for token in part] for part in (text[i + a :], item[j + b :]))
            if len(here) >= AGAIN and len(there) >= AGAIN and here[:AGAIN] == there[:AGAIN]:
                i, j = i + a, j + b
                break
        else:
            return equal, same, other, i, j


def stretches(text: list[Token], item: list[Token], ngram: int) -> list[tuple[int, int, int, int, int]]:
    """(equal, same, other, from, to) of the item, for every place in the text where an n-gram of it stands first."""
    length = min(ngram, len(item))
    if len(item) < SHORTEST:
        return []
    words = [token.word for token in item]
    first: dict[tuple[str, ...], int] = {}
    for g in range(len(item) - length + 1):
        first.setdefault(tuple(words[g : g + length]), g)
    found = []
    latest = (-1, -1, -1)
    for p in range(len(text) - length + 1):
        g = first.get(tuple(token.word for token in text[p : p + length]))
        if g is None or (p < latest[0] and latest[1] <= g < latest[2]):
            continue
        more = _follow(text[p:], item[g:])
        less = _follow(text[:p][::-1], item[:g][::-1])
        equal, same, other = (more[k] + less[k] for k in range(3))
        found.append((equal, same, other, g - less[4], g + more[4]))
        latest = (p + more[3], g - less[4], g + more[4])
    return found


def longest(texts: list[str], items: list[str], ngram: int) -> dict[tuple[int, int], tuple[int, int, int, int, int]]:
    """The first longest stretch by text and item."""
    parts = [tokens(item) for item in items]
    best = {}
    for t, text in enumerate(texts):
        for m, item in enumerate(parts):
            for found in stretches(tokens(text), item, ngram):
                if (t, m) not in best or found[0] > best[t, m][0]:
                    best[t, m] = found
    return best
