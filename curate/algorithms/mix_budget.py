"""How much of each group a mixture takes: exact arithmetic, so that budgets are met to the unit."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

_ONE = 1 << 60


def tempered(sizes: Sequence[int], temperature: float) -> list[float]:
    """Weights proportional to size ** (1 / temperature): 1 is proportional, infinity is equal; an empty group has 0."""
    largest = max(sizes, default=0)
    return [(size / largest) ** (1.0 / temperature) if size else 0.0 for size in sizes]


def shares(weights: Sequence[float]) -> list[float]:
    """Weights over their sum; all zeros stay so."""
    total = sum(weights)
    return [weight / total if total else 0.0 for weight in weights]


def allocate(weights: Sequence[float], caps: Sequence[int], budget: int) -> list[int]:
    """Share a budget in proportion to weights without going over any cap.

    Water-filling: what a group at its cap cannot take goes to the others in proportion to their
    weights. Whole units by largest remainder, the earlier group first where remainders are equal.
    The amounts sum to the budget, or to the caps of all groups with weight where those are less.
    """
    heaviest = max(weights, default=0.0)
    scaled = [round(weight / heaviest * _ONE) if weight else 0 for weight in weights]
    waiting = sorted((i for i, weight in enumerate(scaled) if weight), key=lambda i: Fraction(caps[i], scaled[i]))
    amounts = [0] * len(weights)
    total = sum(scaled)
    while waiting and caps[waiting[0]] * total <= budget * scaled[waiting[0]]:
        full = waiting.pop(0)
        amounts[full] = caps[full]
        budget -= caps[full]
        total -= scaled[full]
    remainders = {}
    for i in waiting:
        amounts[i], remainders[i] = divmod(scaled[i] * budget, total)
    missing = budget - sum(amounts[i] for i in waiting) if waiting else 0
    for i in sorted(waiting, key=lambda i: (-remainders[i], i))[:missing]:
        amounts[i] += 1
    return amounts


def nearest(wanted: Sequence[int], reached: Sequence[int], following: Sequence[int]) -> list[bool]:
    """Which groups take one document more, so that their sum comes closest to what was wanted.

    wanted, reached: units a group should have and has without going over. following: the length of
    its next document, 0 when there is none. Groups whose gap is the greatest part of that document
    come first, and each takes it if the sum gets nearer; so no group is a whole document off.
    """
    left = sum(wanted) - sum(reached)
    order = [i for i, length in enumerate(following) if length > 0 and wanted[i] > reached[i]]
    order.sort(key=lambda i: (-Fraction(wanted[i] - reached[i], following[i]), i))
    takes = [False] * len(wanted)
    for i in order:
        if abs(left - following[i]) < abs(left):
            takes[i] = True
            left -= following[i]
    return takes
