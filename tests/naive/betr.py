"""Benchmark-targeted ranking, example by example."""

from __future__ import annotations

import math


def scores(examples, documents, combine):
    """Scores and highest cosines of unit vectors, as lists."""
    places = []
    for example in examples:
        cosines = [sum(a * b for a, b in zip(example, row, strict=True)) for row in documents]
        order = sorted(range(len(documents)), key=lambda i: (-cosines[i], i))
        places.append([order.index(i) + 1 for i in range(len(documents))])
    if combine == "best":
        return [-float(min(found[i] for found in places)) for i in range(len(documents))]
    worth = {"reciprocal": lambda rank: 1 / rank, "logarithm": lambda rank: -math.log2(rank)}[combine]
    return [sum(worth(found[i]) for found in places) / len(places) for i in range(len(documents))]
