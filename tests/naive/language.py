"""Plain twins of `curate.kernels.language`, written from its description."""

from __future__ import annotations

import math
from collections import Counter

from curate.kernels import language as compiled
from curate.kernels import scripts


def windows(text: bytes, size: int, most: int) -> list[bytes]:
    """The windows of a text, moved to whole characters."""
    if len(text) > most * size:
        cuts = [(start, start + size) for start in ((len(text) - size) * i // (most - 1) for i in range(most))]
    else:
        count = -(-len(text) // size)
        cuts = [(len(text) * i // count, len(text) * (i + 1) // count) for i in range(count)]
    return [text[_whole(text, first) : _whole(text, last)] for first, last in cuts]


def _whole(text: bytes, at: int) -> int:
    while at < len(text) and text[at] >> 6 == 2:
        at += 1
    return at


def script_of(character: str) -> int:
    """The index of a character's script, 0 for what is no letter."""
    return int(scripts.table()[ord(character)]) if ord(character) < scripts.END else 0


def identify(text: str, model: compiled.Model, nothing: int) -> tuple[int, float]:
    """The language of a text and its score, of sums in floating point."""
    data = text.encode()
    size = min(max(compiled.LEAST_WINDOW, -(-len(data) // compiled.WINDOWS)), compiled.WINDOW)
    masses: Counter[int] = Counter()
    letters = 0
    for piece in windows(data, size, compiled.WINDOWS):
        letters += _read(piece.decode(), model, masses)
    languages = [masses[language] for language in range(nothing)]
    if not letters or not max(languages):
        return -1, 0.0
    language = languages.index(max(languages))
    text_share = 1 - masses[nothing] / letters
    share = min(1.0, languages[language] / letters / max(text_share, 1e-9))
    return language, share * min(1.0, 2 * text_share) * letters / (letters + compiled.FEW)


def _read(piece: str, model: compiled.Model, masses: Counter[int]) -> int:
    found = [script_of(character) for character in piece]
    counts = Counter({script: n * int(model.letters[script]) for script, n in Counter(found).items() if script})
    letters = sum(counts.values())
    if not letters:
        return 0
    shares = [sum(n for script, n in counts.items() if row[script]) / letters for row in model.covers]
    best = shares.index(max(shares))
    if not shares[best]:
        return letters
    fits = [bool(model.near[best, g]) and shares[g] >= compiled.CLOSE * shares[best] for g in range(len(shares))]
    if sum(fits) == 1 and model.alone[best] >= 0:
        masses[int(model.alone[best])] += letters * shares[best]
        return letters
    cased = [character for character, script in zip(piece, found) if model.cased[script]]
    fold = sum(map(_is_large, cased)) * 2 > len(cased)
    shown = piece
    if fold or shares[best] < compiled.PURE:
        wanted = {script for g, row in enumerate(model.covers) if fits[g] for script in row.nonzero()[0]}
        kept = [c if not script or script in wanted else " " for c, script in zip(piece, found)]
        shown = "".join(_small(character) if fold else character for character in kept)
    seen = _features(shown.encode(), model)
    _share_out(model, seen, shares, fits, letters, masses)
    return letters


def _small(character: str) -> str:
    return character.lower()[0]


def _is_large(character: str) -> bool:
    return _small(character) != character


def _features(data: bytes, model: compiled.Model) -> Counter[int]:
    seen: Counter[int] = Counter()
    state = 0
    for byte in data:
        state = int(model.moves[model.rows[state] + byte])
        if model.features[state] >= 0:
            seen[int(model.features[state])] += 1
    return seen


def _share_out(
    model: compiled.Model,
    seen: Counter[int],
    shares: list[float],
    fits: list[bool],
    letters: int,
    masses: Counter[int],
) -> None:
    logarithms = {feature: math.log1p(times) for feature, times in seen.items()}
    sums = [
        float(model.prior[column]) / compiled.SUM_SCALE
        + sum(value * int(model.weights[f, column]) / compiled.WEIGHT_SCALE for f, value in logarithms.items())
        for column in range(len(model.prior))
    ]
    temperature = compiled.TEMPERATURE * math.sqrt(max(1.0, sum(logarithms.values())))
    columns = [c for c in range(len(sums)) if model.groups[c] < 0 or fits[model.groups[c]]]
    best = max(sums[column] for column in columns)
    odds = {c: math.exp((sums[c] - best) / temperature) for c in columns}
    for column, odd in odds.items():
        group = model.groups[column]
        share = shares[group] if group >= 0 else 1.0
        masses[int(model.languages[column])] += letters * odd / sum(odds.values()) * share
