"""Texts as token numbers for encoders: cut to what a model takes, or into sequences that it can take.

A long text is tokenised in stretches of 32,768 characters, which end at white space where there is some near; a
tokenizer that looks further than that may cut one word in another way there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

STRETCH = 32_768
_BACK = 1_000
"""How far back from the end of a stretch white space is looked for."""
_SLACK = 16
"""Tokens at the end of a text that was cut, which may be others than those of the whole text."""
_CHARACTERS_A_TOKEN = 8
_CHARACTERS_AT_ONCE = 1 << 20

Tokenise = Callable[[list[str]], list[np.ndarray]]


def windows(offsets: np.ndarray, rows: int, text_bytes: int) -> Iterator[tuple[int, int]]:
    """Stretches of documents: at most so many and of so many bytes, at least one. offsets: int64 (n + 1,)."""
    start, count = 0, len(offsets) - 1
    while start < count:
        most = int(np.searchsorted(offsets, offsets[start] + text_bytes, side="right")) - 1
        stop = min(max(most, start + 1), start + rows, count)
        yield start, stop
        start = stop


def all_tokens(texts: list[str], tokenise: Tokenise) -> list[np.ndarray]:
    """The tokens of each text, int32 arrays; `tokenise` is given no more than about a million characters at once."""
    stretches, owners, waiting = [], [], 0
    found: list[list[np.ndarray]] = [[] for _ in texts]

    def flush() -> None:
        for owner, ids in zip(owners, tokenise(stretches) if stretches else []):
            found[owner].append(ids)
        stretches.clear()
        owners.clear()

    for owner, text in enumerate(texts):
        for stretch in _stretches(text):
            stretches.append(stretch)
            owners.append(owner)
            waiting += len(stretch)
            if waiting >= _CHARACTERS_AT_ONCE:
                flush()
                waiting = 0
    flush()
    return [_joined(some) for some in found]


def first_tokens(texts: list[str], most: int, tokenise: Tokenise) -> list[np.ndarray]:
    """The first tokens of each text, at most so many, without tokenising much more of it."""
    found: list[np.ndarray] = [_joined([])] * len(texts)
    waiting, characters = list(range(len(texts))), most * _CHARACTERS_A_TOKEN
    while waiting:
        heads = [texts[i][: _end(texts[i], 0, characters)] for i in waiting]
        short = []
        for i, head, ids in zip(waiting, heads, all_tokens(heads, tokenise)):
            found[i] = ids[:most]
            if len(head) < len(texts[i]) and len(ids) < most + _SLACK:
                short.append(i)
        waiting, characters = short, characters * 4
    return found


def _joined(some: list[np.ndarray]) -> np.ndarray:
    return some[0] if len(some) == 1 else np.concatenate([np.empty(0, dtype=np.int32), *some])


def _stretches(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = _end(text, start, STRETCH)
        yield text[start:end]
        start = end


def _end(text: str, start: int, most: int) -> int:
    """Where a stretch that begins here ends: before the last white space near its end, with which the next begins."""
    end = start + most
    if end >= len(text):
        return len(text)
    for place in range(end, max(end - _BACK, start), -1):
        if text[place].isspace():
            return place
    return end


class Reader(NamedTuple):
    """How a model reads: int32 tokens `before` and `after` the content of each sequence, of at most `most` tokens.

    prompt: text that every document begins with, whose tokens each further sequence of it is given too.
    """

    tokenise: Tokenise
    before: np.ndarray
    after: np.ndarray
    most: int
    chunks: bool
    prompt: str = ""


class Sequences(NamedTuple):
    """Token sequences of texts, in the order of these: ids are int32 arrays, owners int64 (s,) numbers of texts."""

    ids: list[np.ndarray]
    owners: np.ndarray


def read(texts: list[str], reader: Reader) -> Sequences:
    """The sequences of texts; none for a text without a token."""
    given = [reader.prompt + text for text in texts] if reader.prompt else texts
    if not reader.chunks:
        tokens = first_tokens(given, reader.most, reader.tokenise)
        pieces = [(owner, ids) for owner, ids in enumerate(tokens) if len(ids)]
    else:
        prompt = reader.tokenise([reader.prompt])[0] if reader.prompt else _joined([])
        pieces = []
        for owner, ids in enumerate(all_tokens(given, reader.tokenise)):
            pieces += [(owner, piece) for piece in _chunks(ids, prompt, reader.most)]
    ids = [np.concatenate([reader.before, piece, reader.after]) for _, piece in pieces]
    return Sequences(ids, np.array([owner for owner, _ in pieces], dtype=np.int64))


def _chunks(ids: np.ndarray, prompt: np.ndarray, most: int) -> Iterator[np.ndarray]:
    if len(ids):
        yield ids[:most]
    step = max(1, most - len(prompt))
    for start in range(most, len(ids), step):
        yield np.concatenate([prompt, ids[start : start + step]])


def batches(lengths: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Numbers of sequences, longest first, in batches of at most so many tokens, padding included, or of one sequence.

    lengths: int64 (s,).
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, most // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop
