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
