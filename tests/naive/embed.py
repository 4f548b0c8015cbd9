"""Words, pieces and document vectors, in the plainest Python."""

import math
import unicodedata

import numpy as np

MASK = (1 << 64) - 1
START, FOLD, LAST = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xBF58476D1CE4E5B9
PAIR = 0x9E3779B97F4A7C15
ALONE, JOINS = 1 << 24, 1 << 25
SINGLE = (
    "CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA",
    "HALFWIDTH KATAKANA", "HENTAIGANA", "THAI", "LAO", "KHMER", "MYANMAR",
)  # fmt: skip


def mix64(x):
    x = (x + PAIR) & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def letter(character):
    """0, or the letter that a character counts as, with its marks."""
    if character.isdecimal():
        return ord("0")
    if character.isalnum() or character == "_":
        alone = unicodedata.name(character, "").startswith(SINGLE)
        return ord(character.lower()[0]) | (ALONE if alone else 0)
    sign = 0x300 <= ord(character) < 0x2000 and not character.isspace() and unicodedata.category(character)[0] != "P"
    return ord(character) | JOINS if sign else 0


def hashed(letters):
    """A word's hash: its UTF-8 folded in by eight bytes, with the case bit of ASCII set."""
    spelled = "".join(chr(one & 0xFFFFFF) for one in letters).encode("utf-8", "surrogatepass")
    spelled = bytes(byte | 32 if byte < 128 else byte for byte in spelled)
    value = START
    for at in range(0, len(spelled), 8):
        value = (value ^ int.from_bytes(spelled[at : at + 8], "little")) * FOLD & MASK
        value ^= value >> 32
    value = value * LAST & MASK
    return value ^ value >> 29


def words(text):
    """(letters, start, stop) of every word, by character."""
    found, current = [], None
    for at, character in enumerate(text):
        one = letter(character)
        if one & ALONE:
            found.append(([one], at, at + 1))
            current = None
        elif one == 0 or (one & JOINS and current is None):
            current = None
        elif current is None:
            current = ([one], at, at + 1)
            found.append(current)
        else:
            current[0].append(one)
            current = found[-1] = (current[0], current[1], at + 1)
    return found


def tokens(text):
    """(hash, letters, start, stop) of words and, without letters, of pairs, in the kernel's order."""
    found = []
    last = None
    for letters, start, stop in words(text):
        value = hashed(letters)
        found.append((value, letters, start, stop))
        alone = bool(letters[0] & ALONE)
        if alone and last is not None and last[3] == start:
            found.append((mix64((last[0] * PAIR & MASK) ^ value), None, last[2], stop))
        last = (value, letters, start, stop) if alone else None
    return found


def pieces(letters, mask):
    marked = [1, *(one & 0xFFFFFF for one in letters[:40]), 1]
    found = []
    for at in range(max(1, len(marked) - 3)):
        value = 0
        for one in marked[at : at + 4]:
            value = (value << 16 ^ one) & MASK
        found.append(mix64(value) & mask)
    return found


def features(text, known, mask):
    """How often each feature occurs; known: a dict from the hash of a word to its rank."""
    counts = {}
    for value, letters, _, _ in tokens(text):
        if value in known:
            rows = [known[value]]
        elif letters is None or letters[0] & ALONE:
            rows = []
        else:
            rows = [len(known) + piece for piece in pieces(letters, mask)]
        for row in rows:
            counts[row] = counts.get(row, 0) + 1
    return counts


def embed(text, known, mask, table, scales, centre):
    """A vector in float64; None for one without features."""
    counts = features(text, known, mask)
    total = sum(
        ((1 + math.log(n)) * scales[row] * table[row].astype(float) for row, n in counts.items()), np.zeros(len(centre))
    )
    if not total.any():
        return None
    total = total / np.linalg.norm(total) - centre
    return total / np.linalg.norm(total)
