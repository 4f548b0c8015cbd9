"""Interpolated modified Kneser-Ney (Chen and Goodman 1998) with dictionaries, and the words of n-gram models."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

from tests.naive.dedup import is_single

START, END = "<s>", "</s>"


def kind(character: str) -> str:
    """What kind of word a character belongs to."""
    if character.isspace():
        return "white"
    if is_single(character):
        return "alone"
    joins = unicodedata.category(character)[0] != "P" and 0x300 <= ord(character) < 0x2000
    return "letter" if character.isalnum() or character == "_" or joins else "symbol"


def words(text: str) -> list[str]:
    """The pieces of a text, which joined give the text."""
    found, at = [], 0
    while at < len(text):
        end = at + 1
        if text[at] == " " and end < len(text) and not text[end].isspace():
            end += 1
        of = kind(text[end - 1])
        while of != "alone" and end < len(text) and kind(text[end]) == of:
            end += 1
        if of == "white" and end < len(text) and end - at > 1 and text[end - 1] == " ":
            end -= 1
        found.append(text[at:end])
        at = end
    return found


class Model:
    """P(token | context) from token sequences; `base` is the distribution below that of single tokens."""

    def __init__(
        self, texts: Sequence[Sequence], order: int, base: Callable[[object], float], prune: Sequence[int] = ()
    ):
        self.order, self.base = order, base
        prune = [*prune, *[prune[-1] if prune else 1] * order][:order]
        raw = [Counter(gram for text in texts for gram in grams([START, *text, END], n)) for n in range(1, order + 1)]
        self.kept = [
            {gram for gram in raw[n] if raw[n][gram] >= prune[n] or (n == 0 and gram[0] == END)} for n in range(order)
        ]
        self.counts = raw
        for n in range(order - 1):
            before = Counter(gram[1:] for gram in raw[n + 1])
            self.counts[n] = Counter({gram: raw[n][gram] if gram[0] == START else before[gram] for gram in raw[n]})
        del self.counts[0][(START,)]
        self.discounts = [discounts(counts) for counts in self.counts]
        self.contexts: dict[tuple, list] = {}
        for counts in self.counts:
            for gram, number in counts.items():
                self.contexts.setdefault(gram[:-1], []).append((gram, number))

    def probability(self, token: object, context: tuple = ()) -> float:
        context = context[len(context) - self.order + 1 :] if len(context) >= self.order else context
        lower = self.probability(token, context[1:]) if context else self.base(token)
        grams = self.contexts.get(context)
        if not grams:
            return lower
        n = len(context)
        shares = {g: c - self.discounts[n][min(c, 3)] for g, c in grams if g in self.kept[n]}
        total = sum(c for _, c in grams)
        return (shares.get((*context, token), 0) + (total - sum(shares.values())) * lower) / total

    def bits(self, text: Sequence) -> list[float]:
        """The cost of every token and of the end; a token not in the vocabulary is a context to none."""
        tokens = [START, *text, END]
        found = []
        for at in range(1, len(tokens)):
            first = max(0, at - self.order + 1)
            for i in range(first, at):
                if tokens[i] != START and (tokens[i],) not in self.kept[0]:
                    first = i + 1
            found.append(-math.log2(self.probability(tokens[at], tuple(tokens[first:at]))))
        return found


def grams(tokens: Sequence, n: int) -> list[tuple]:
    """The runs of n tokens."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def discounts(counts: Counter) -> list[float]:
    """What is taken from counts of 0, 1, 2, and more."""
    n = Counter(counts.values())
    if not all(n[k] for k in (1, 2, 3, 4)):
        return [0, 0.5, 1, 1.5]
    y = n[1] / (n[1] + 2 * n[2])
    return [0, *(max(k / 10, k - (k + 1) * y * n[k + 1] / n[k]) for k in (1, 2, 3))]
