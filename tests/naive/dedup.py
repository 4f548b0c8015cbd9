"""Deduplication said as plainly as possible: all pairs, Python sets, no hashes."""

from __future__ import annotations

import re
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


def characters(text: str) -> list[str]:
    """Lower-cased, a run of white space being one space, none at the ends."""
    return [character.lower()[0] for character in " ".join(text.split())]


def address(url: str) -> str:
    """What is left of a web address: no fragment, scheme, default port or slash at the path's end; the host lower."""
    rest = url.strip("".join(map(chr, range(33)))).split("#")[0]
    scheme, authority, rest = re.fullmatch(r"(?:(?:([^/:]*):)?//)?([^/?]*)(.*)", rest, re.S).groups()
    user, at, host = authority.rpartition("@")
    default = {"https": "443", "http": "80", None: "80"}.get(scheme.lower() if scheme is not None else None)
    if port := re.fullmatch("(.*):([0-9]{0,6})", host, re.S):
        host = port[1] if port[2] == "" or port[2].lstrip("0") == default else host
    host = "".join(c.lower() if c.isascii() else c for c in host)
    path, question, query = rest.partition("?")
    return user + at + host + path.removesuffix("/") + question + query


def ngrams(text: str, length: int) -> set[tuple[str, ...]]:
    found = words(text)
    if not found:
        return set()
    return {tuple(found[i : i + length]) for i in range(max(1, len(found) - length + 1))}


def jaccard(one: set, other: set) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def containment(one: set, other: set) -> float:
    """The share of one set that another holds; a smaller one holds nothing."""
    return len(one & other) / len(one) if one and len(other) >= len(one) else 0.0


def choose(sets: list[set], threshold: float, fixed: list[bool], similarity=jaccard) -> tuple[list[int], list[float]]:
    """For each set, in order: itself when kept, else the most similar one kept before it; and the similarity.

    The fixed ones are kept whatever they are like.
    """
    keepers: list[int] = []
    similarities: list[float] = []
    for i, one in enumerate(sets):
        found = [(similarity(one, sets[k]), -k) for k in range(i) if keepers[k] == k]
        best, earliest = max(found, default=(0.0, 0))
        similar = best >= threshold and not fixed[i]
        keepers.append(-earliest if similar else i)
        similarities.append(best if similar else 1.0)
    return keepers, similarities


def deduplicate(
    documents: list[dict], threshold: float, length: int, similarity=jaccard, featured=ngrams
) -> dict[str, tuple]:
    """{id: (of, similarity, size)} for documents with `id`, `text`, `digest` and `rank`, the largest rank first.

    Documents with equal words, or without words and equal, go with the first of them. Those with an `old`
    above 0 come first, by that number, stay, count `size`, and have no outcome. featured(text, length): a set.
    """
    order = sorted(documents, key=lambda item: (item.get("old", 0), -item["rank"], item["digest"], item["id"]))
    order = [item for item in order if item.get("old")] + [item for item in order if not item.get("old")]
    names = [tuple(words(item["text"])) or item["digest"] for item in order]
    leaders: dict[object, int] = {}
    for i, name in enumerate(names):
        leaders.setdefault(name, i)
    chosen = [i for i, item in enumerate(order) if item.get("old") or leaders[names[i]] == i]
    fixed = [bool(order[i].get("old")) for i in chosen]
    keepers, similarities = choose([featured(order[i]["text"], length) for i in chosen], threshold, fixed, similarity)
    sizes = [item.get("size", 1) if item.get("old") else 0 for item in order]
    found: dict[str, tuple[int, float]] = {}
    for i, item in enumerate(order):
        if not item.get("old"):
            at = chosen.index(leaders[names[i]])
            found[item["id"]] = (chosen[keepers[at]], similarities[at])
            sizes[chosen[keepers[at]]] += 1
    return {
        name: (*((None, None) if order[of]["id"] == name else (order[of]["id"], similar)), sizes[of])
        for name, (of, similar) in found.items()
    }
