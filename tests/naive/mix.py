"""Mixing in the plainest Python."""

from __future__ import annotations

import math
from fractions import Fraction

MASK = (1 << 64) - 1


def mix64(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def salted(value: int, salt: int) -> int:
    return mix64(value ^ salt)


def choice(value: int) -> int:
    return mix64(value ^ 0x6A09E667F3BCC909)


def place(value: int, draw: int) -> int:
    return mix64((mix64(value ^ 0xBB67AE8584CAA73B) + draw * 0x9E3779B97F4A7C15) & MASK)


def noisy(value: int, score: float, temperature: float) -> float:
    return score / temperature - math.log(-math.log(((value >> 12) + 0.5) / 2**52))


def water_filling(weights: list[float], caps: list[int], budget: int) -> list[Fraction]:
    """Give out by weight, cap who is over, and give what is left to the others, until nobody is over."""
    amounts = [Fraction(0)] * len(weights)
    active = {i for i, weight in enumerate(weights) if weight}
    left = Fraction(budget)
    while active:
        total = sum(Fraction(weights[i]) for i in active)
        over = [i for i in active if left * Fraction(weights[i]) / total >= caps[i]]
        if not over:
            for i in active:
                amounts[i] = left * Fraction(weights[i]) / total
            break
        for i in over:
            amounts[i] = Fraction(caps[i])
        left -= sum(caps[i] for i in over)
        active -= set(over)
    return amounts


def even(sizes: list[int], target: int, order: list[int]) -> list[int]:
    """One unit a round to every group that has more, in an order, until nothing is left to give."""
    amounts = [0] * len(sizes)
    while target and amounts != sizes:
        for i in sorted(range(len(sizes)), key=lambda i: order[i]):
            if target and amounts[i] < sizes[i]:
                amounts[i] += 1
                target -= 1
    return amounts


def balanced(sizes: dict[tuple[str, ...], int], target: int, order) -> dict[tuple[str, ...], int]:
    """`even` over the children of a root, and so on down to the leaves; order(path) is a group's place."""
    depth = len(next(iter(sizes)))
    given = {path[:1]: target for path in sizes}
    for level in range(2, depth + 1):
        below = {}
        for above, amount in given.items():
            children = sorted({path[:level] for path in sizes if path[: level - 1] == above})
            held = [sum(size for path, size in sizes.items() if path[:level] == child) for child in children]
            below |= dict(zip(children, even(held, amount, [order(child) for child in children]), strict=True))
        given = below
    return given


def chances(sensitivity: list[Fraction], count: int) -> list[Fraction]:
    """In proportion; who would be above one is certain, and the others share what is left, until nobody is."""
    certain: set[int] = set()
    while True:
        others = [i for i in range(len(sensitivity)) if i not in certain]
        total = sum(sensitivity[i] for i in others)
        left = count - len(certain)
        if not total:
            even_share = Fraction(left, len(others)) if others else Fraction(0)
            return [Fraction(1) if i in certain else even_share for i in range(len(sensitivity))]
        over = [i for i in others if sensitivity[i] and sensitivity[i] * left >= total]
        if not over:
            return [Fraction(1) if i in certain else sensitivity[i] * left / total for i in range(len(sensitivity))]
        certain |= set(over)


def interleaved(orders, units, shares):
    """When each document is taken and by whom, the one furthest from his share choosing next."""
    given, taken = [0] * len(shares), {}
    while len(taken) < len(units):
        chooser = min(range(len(shares)), key=lambda i: (Fraction(given[i]) / Fraction(shares[i]), i))
        document = next(each for each in orders[chooser] if each not in taken)
        taken[document] = (len(taken), chooser)
        given[chooser] += units[document]
    return [taken[i] for i in range(len(units))]
