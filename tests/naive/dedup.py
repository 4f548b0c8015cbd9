"""Deduplication said as plainly as possible: all pairs, Python sets, no hashes."""

from __future__ import annotations

import unicodedata

SINGLE_NAMES = (
    "CJK UNIFIED IDEOGRAPH",
    "CJK COMPATIBILITY IDEOGRAPH",
    "IDEOGRAPHIC",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "HENTAIGANA",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
)


def is_single(character: str) -> bool:
    name = unicodedata.name(character, "")
    return character.isalnum() and not character.isdecimal() and name.startswith(SINGLE_NAMES)


def spans(text: str) -> list[tuple[int, int]]:
    """Where each word begins and ends, in characters."""
    found: list[tuple[int, int]] = []
    start = None
    for i, character in enumerate(text + "\n"):
        inside = character.isalnum() or character == "_"
        if start is not None and (not inside or is_single(character)):
            found.append((start, i))
            start = None
        if is_single(character):
            found.append((i, i + 1))
        elif inside and start is None:
            start = i
    return found


def words(text: str) -> list[str]:
    return ["".join(c.lower()[0] for c in text[start:end]) for start, end in spans(text)]


def ngrams(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    if not found:
        return set()
    return {tuple(found[i : i + length]) for i in range(max(1, len(found) - length + 1))}


def jaccard(one: set, other: set) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def choose(sets: list[set], threshold: float) -> tuple[list[int], list[float]]:
    """For each set, in order: itself when kept, else the most similar one kept before it; and the similarity."""
    keepers: list[int] = []
    similarities: list[float] = []
    for i, one in enumerate(sets):
        found = [(jaccard(one, sets[k]), -k) for k in range(i) if keepers[k] == k]
        best, earliest = max(found, default=(0.0, 0))
        similar = best >= threshold
        keepers.append(-earliest if similar else i)
        similarities.append(best if similar else 1.0)
    return keepers, similarities


def deduplicate(documents: list[dict], threshold: float, length: int) -> dict[str, tuple]:
    """{id: (of, similarity, size)} for documents with `id`, `text`, `digest` and `rank`, the largest rank first.

    Documents with equal words, or without words and equal, go with the first of them.
    """
    order = sorted(documents, key=lambda item: (-item["rank"], item["digest"], item["id"]))
    leaders: dict[object, int] = {}
    for i, item in enumerate(order):
        leaders.setdefault(tuple(words(item["text"])) or item["digest"], i)
    chosen = sorted(leaders.values())
    keepers, similarities = choose([ngrams(order[i]["text"], length) for i in chosen], threshold)
    outcome = {}
    for item in order:
        leader = leaders[tuple(words(item["text"])) or item["digest"]]
        at = chosen.index(leader)
        keeper = order[chosen[keepers[at]]]
        alone = keeper is item
        outcome[item["id"]] = (None, None) if alone else (keeper["id"], similarities[at])
    sizes: dict[str, int] = {}
    for name, (of, _) in outcome.items():
        sizes[of or name] = sizes.get(of or name, 0) + 1
    return {name: (of, similarity, sizes[of or name]) for name, (of, similarity) in outcome.items()}
