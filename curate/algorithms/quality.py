"""What scores look like over groups of documents, and what a threshold on one keeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
LEAST_RATIO = 0.25
"""A group whose keep-rate is below this share of all documents' is told of."""
LEAST_EXPECTED = 5.0
"""... unless so few of its documents would be kept at the rate of all that chance alone may have done it."""


@dataclass(frozen=True)
class Groups:
    """column: what parts documents. values: its values, the commonest first. codes: int32 (n,), the place of each
    document's value, -1 where it has none."""

    column: str
    values: list[str]
    codes: np.ndarray


@dataclass(frozen=True)
class Scored:
    """The documents that have a score: scores float64 (n,), tokens int64 (n,), and what parts them."""

    scores: np.ndarray
    tokens: np.ndarray
    groups: list[Groups]


def scored(scores: np.ndarray, tokens: np.ndarray, groups: Sequence[Groups]) -> Scored:
    """Without the documents whose score is missing (NaN)."""
    there = ~np.isnan(scores)
    parted = [Groups(group.column, group.values, group.codes[there]) for group in groups]
    return Scored(scores[there], tokens[there], parted)


def distribution(scores: np.ndarray, tokens: np.ndarray) -> dict[str, Any]:
    """Documents, tokens, mean and quantiles of scores; exact, a quantile being a score that occurs (the lower one)."""
    found: dict[str, Any] = {"documents": len(scores), "tokens": int(tokens.sum())}
    if not len(scores):
        return {**found, "mean": None, **{quantile_name(share): None for share in SHARES}}
    quantiles = np.quantile(scores, SHARES, method="inverted_cdf")
    names = [quantile_name(share) for share in SHARES]
    return {**found, "mean": float(scores.mean()), **dict(zip(names, quantiles.tolist(), strict=True))}


def quantile_name(share: float) -> str:
    """`5%` for 0.05."""
    return f"{share:.0%}"


def distributions(found: Scored, groups: Groups) -> list[dict[str, Any]]:
    """The distribution in each group that has any of the documents, the largest groups first."""
    order = np.argsort(groups.codes, kind="stable")
    ends = np.searchsorted(groups.codes[order], np.arange(len(groups.values)), side="right")
    starts = np.searchsorted(groups.codes[order], np.arange(len(groups.values)), side="left")
    rows = []
    for value, start, end in zip(groups.values, starts, ends, strict=True):
        if end > start:
            here = order[start:end]
            rows.append({"value": value, **distribution(found.scores[here], found.tokens[here])})
    return sorted(rows, key=lambda row: -row["documents"])


def threshold_of_rate(scores: np.ndarray, rate: float, small: bool) -> float:
    """The score that a share of the documents reach: at least `rate` of them are kept, more where scores are equal."""
    kept = max(1, math.ceil(rate * len(scores) - 1e-9))
    place = kept - 1 if small else len(scores) - kept
    return float(np.partition(scores, place)[place])


def threshold_of_tokens(found: Scored, wanted: int, small: bool) -> float | None:
    """The strictest threshold that keeps `wanted` tokens at least; None where all documents have fewer."""
    order = np.argsort(found.scores if small else -found.scores, kind="stable")
    total = np.cumsum(found.tokens[order])
    place = int(np.searchsorted(total, wanted, side="left"))
    return float(found.scores[order[place]]) if place < len(order) else None


def kept(found: Scored, threshold: float, small: bool) -> dict[str, Any]:
    """What a threshold keeps: documents, share of them, tokens, and the groups that lose by far the most.

    `losing`: groups whose keep-rate is below a quarter of that of all, as `column`, `value`, `rate`, `documents`.
    """
    chosen = found.scores <= threshold if small else found.scores >= threshold
    rate = float(chosen.mean()) if len(chosen) else 0.0
    losing = [row for groups in found.groups for row in _losing(groups, chosen, rate)]
    return {
        "threshold": threshold,
        "documents": int(chosen.sum()),
        "share": rate,
        "tokens": int(found.tokens[chosen].sum()),
        "losing": sorted(losing, key=lambda row: (-row["documents"], row["column"], row["value"])),
    }


def _losing(groups: Groups, chosen: np.ndarray, rate: float) -> list[dict[str, Any]]:
    there = groups.codes >= 0
    codes = groups.codes[there]
    sizes = np.bincount(codes, minlength=len(groups.values))
    left = np.bincount(codes, weights=chosen[there], minlength=len(groups.values))
    rates = left / np.maximum(sizes, 1)
    low = (rates < LEAST_RATIO * rate) & (rate * sizes >= LEAST_EXPECTED)
    return [
        {
            "column": groups.column,
            "value": groups.values[i],
            "rate": float(rates[i]),
            "documents": int(sizes[i]),
        }
        for i in np.flatnonzero(low)
    ]
