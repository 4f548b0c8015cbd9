"""Choices of documents near to given texts, as their definitions read: a cosine at a time.

cosines: of each document, a list with one for each text, task or centre. order: what puts equally near ones in order.
"""


def nearest(cosines, order, most):
    """Of each document the best place that it has among the nearest of a text, where that is at most `most`."""
    ranks = {}
    for text in range(len(cosines[0])):
        ranked = sorted(range(len(cosines)), key=lambda one: (-cosines[one][text], order[one]))
        for rank, one in enumerate(ranked[:most], 1):
            ranks[one] = min(rank, ranks.get(one, rank))
    return ranks


def in_turn(cosines, order, wanted):
    """The documents in the order in which tasks take them, each its nearest that is left."""
    left, taken = set(range(len(cosines))), []
    while len(taken) < wanted:
        task = len(taken) % len(cosines[0])
        taken.append(min(left, key=lambda one: (-cosines[one][task], order[one])))
        left.remove(taken[-1])
    return taken


def layers(cosines, order, stop):
    """Lists of documents, each of the nearest left of every centre, while their mean cosine is near the first's."""
    taken = in_turn(cosines, order, len(cosines))
    width = len(cosines[0])
    found = [taken[start : start + width] for start in range(0, len(taken), width)]
    means = [sum(cosines[one][queue] for queue, one in enumerate(layer)) / len(layer) for layer in found]
    ends = [place for place, mean in enumerate(means) if place and mean < stop * means[0]]
    return found[: ends[0]] if ends else found
