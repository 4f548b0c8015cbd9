"""SemDeDup and prototypes as their definitions read, a document at a time."""

import math
from fractions import Fraction


def cosine(left, right):
    """Summed exactly."""
    product = math.fsum(a * b for a, b in zip(left, right, strict=True))
    return product / math.sqrt(math.fsum(a * a for a in left) * math.fsum(b * b for b in right))


def similarities(documents, rounded):
    """For each document its highest cosine to an earlier one of its cluster, and that one's id; -1 and None for none.

    documents: dicts with id, digest, key, cluster and vector, the last two None where there is none.
    rounded: of equal cosines, so rounded, the first counts.
    """
    found = {}
    order = sorted(documents, key=lambda one: (one["key"], one["digest"], one["id"]))
    for place, one in enumerate(order):
        best, of = -1.0, None
        for other in order[:place]:
            if None in (one["vector"], one["cluster"], other["vector"]) or other["cluster"] != one["cluster"]:
                continue
            value = rounded(cosine(one["vector"], other["vector"]))
            if of is None or value > best:
                best, of = value, other["id"]
        found[one["id"]] = best, of
    return found


def admitted(documents, rounded, below):
    """The same, where only those documents count that are themselves less similar than `below` to all that count."""
    found, counted = {}, []
    for one in sorted(documents, key=lambda one: (one["key"], one["digest"], one["id"])):
        best, of = -1.0, None
        for other in counted:
            if None in (one["vector"], one["cluster"]) or other["cluster"] != one["cluster"]:
                continue
            value = rounded(cosine(one["vector"], other["vector"]))
            if of is None or value > best:
                best, of = value, other["id"]
        found[one["id"]] = best, of
        if best < rounded(below) and one["vector"] is not None:
            counted.append(one)
    return found


def prototypes(documents, rate, floor, hard):
    """The ids that stay: some of every cluster for sure, then the others in order.

    documents: dicts with id, tie, cluster and distance, the last two None where there is none.
    rate and floor are numbers as written; what they make of a count is rounded down.
    """
    sign = -1 if hard else 1
    order = sorted(documents, key=lambda one: (one["distance"] is None, sign * (one["distance"] or 0), one["tie"]))
    wanted = math.floor(Fraction(str(rate)) * len(order))
    sure = []
    for cluster in {one["cluster"] for one in order if one["distance"] is not None}:
        mine = [one["id"] for one in order if one["cluster"] == cluster and one["distance"] is not None]
        sure += mine[: math.floor(Fraction(str(floor)) * Fraction(str(rate)) * len(mine))]
    others = [one["id"] for one in order if one["id"] not in sure]
    return {*sure, *others[: wanted - len(sure)]}
