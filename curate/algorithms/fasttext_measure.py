"""How good a classifier is on examples that it was not trained on: accuracy, calibration, and labels to doubt.

Calibration is a logistic curve over the log-odds of the score (Platt 1999), so it changes no order. Doubts are those of
confident learning (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068): an example is doubted when a model that did not
see it gives another label at least the probability that examples of that label have on average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

HELD_OUT = 10
"""One example in this many is not trained on."""
MOST_DOUBTFUL = 100

_SHOWN = 3
_SHOWN_CHARACTERS = 120
_BINS = 10
_STEPS = 100
_LEAST = 1e-7

FIGURES = [
    pa.field("trained", pa.list_(pa.int64())),
    pa.field("measured", pa.list_(pa.int64())),
    pa.field("folds", pa.int64()),
    pa.field("accuracy", pa.float64()),
    pa.field("auc", pa.float64()),
    pa.field("slope", pa.float64()),
    pa.field("intercept", pa.float64()),
    pa.field("calibration_error", pa.float64()),
    pa.field("calibrated_error", pa.float64()),
    pa.field("doubted", pa.list_(pa.int64())),
    pa.field(
        "doubtful",
        pa.list_(
            pa.struct(
                [
                    ("origin", pa.string()),
                    ("label", pa.string()),
                    ("likelier", pa.string()),
                    ("probability", pa.float64()),
                    ("beginning", pa.string()),
                ]
            )
        ),
    ),
]
"""By label: how many were trained on, measured, and doubted (after cross-validation alone). The area under the curve
and the calibration are those of the label wanted against the others, and null where none is."""


@dataclass(frozen=True)
class Measured:
    """probabilities: float (n, labels). labels: int64 (n,). wanted: scores of the wanted label, (n,), or None."""

    probabilities: np.ndarray
    labels: np.ndarray
    names: list[str]
    right: np.ndarray
    wanted: np.ndarray | None

    def figures(self, trained: list[int], folds: int, doubtful: list[dict[str, Any]]) -> dict[str, Any]:
        """The values of `FIGURES`."""
        number = len(self.names)
        found: dict[str, Any] = {
            "trained": trained,
            "measured": np.bincount(self.labels, minlength=number).tolist(),
            "folds": folds,
            "accuracy": float((self.probabilities.argmax(axis=1) == self.labels).mean()),
        }
        if folds:
            doubts = np.flatnonzero(doubts_of(self.probabilities, self.labels) >= 0)
            found["doubted"] = np.bincount(self.labels[doubts], minlength=number).tolist()
            found["doubtful"] = doubtful
        if self.wanted is not None:
            slope, intercept = fit(self.wanted, self.right)
            found["auc"] = area_under_curve(self.wanted[self.right], self.wanted[~self.right])
            found["slope"], found["intercept"] = slope, intercept
            found["calibration_error"] = error(self.wanted, self.right)
            found["calibrated_error"] = error(logistic(self.wanted, slope, intercept), self.right)
        return found


def held_out(labels: np.ndarray) -> np.ndarray:
    """The first tenth of each label, rounded up: bool (n,)."""
    found = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        found[rows[: math.ceil(len(rows) / HELD_OUT)]] = True
    return found


def measured(probabilities: np.ndarray, labels: np.ndarray, names: list[str], main: np.ndarray) -> Measured:
    """Of examples with labels. main: bool (labels,), those whose probability is the score; all false for none."""
    values = probabilities.astype(np.float64)
    if not main.any() or main.all():
        return Measured(values, labels, names, np.zeros(len(labels), dtype=np.bool_), None)
    return Measured(values, labels, names, main[labels], values[:, main].sum(axis=1))


def doubts_of(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The likelier label of each example that is to be doubted, -1 for the others: int64 (n,)."""
    number = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=number)
    usual = np.bincount(labels, weights=own, minlength=number) / np.maximum(counts, 1)
    usual[counts == 0] = np.inf
    sure = np.where(probabilities >= usual, probabilities, -1.0)
    best = sure.argmax(axis=1)
    return np.where((sure.max(axis=1) >= 0) & (best != labels), best, -1)


def doubtful(found: Measured, lines: pa.Array, origins: pa.Array, rows: np.ndarray) -> list[dict[str, Any]]:
    """The examples to look at first, those whose own label is least likely. rows: of each, where it lies in `lines`."""
    likelier = doubts_of(found.probabilities, found.labels)
    places = np.flatnonzero(likelier >= 0)
    own = found.probabilities[places, found.labels[places]]
    places = places[np.lexsort((rows[places], own))][:MOST_DOUBTFUL]
    return [
        {
            "origin": origins[int(rows[place])].as_py(),
            "label": found.names[found.labels[place]],
            "likelier": found.names[likelier[place]],
            "probability": float(found.probabilities[place, likelier[place]]),
            "beginning": lines[int(rows[place])].as_py()[:_SHOWN_CHARACTERS].strip(),
        }
        for place in places
    ]


def logistic(values: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """The curve over the log-odds of some probabilities: float64 (n,)."""
    return np.exp(-np.logaddexp(0, -(slope * _log_odds(values) + intercept)))


def _log_odds(values: np.ndarray) -> np.ndarray:
    clipped = np.clip(values.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.log(clipped) - np.log1p(-clipped)


def fit(values: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and intercept that make the examples likeliest, with Platt's targets; by Newton's method with halving."""
    odds = _log_odds(values)
    high, low = np.count_nonzero(right), np.count_nonzero(~right)
    targets = np.where(right, (high + 1) / (high + 2), 1 / (low + 2))
    design = np.column_stack([odds, np.ones_like(odds)])
    found = np.array([0.0, np.log((high + 1) / (low + 1))])
    loss = _loss(design @ found, targets)
    for _ in range(_STEPS):
        shares = np.exp(-np.logaddexp(0, -(design @ found)))
        slopes = design.T @ (shares - targets)
        bends = (design * (shares * (1 - shares))[:, None]).T @ design + 1e-6 * np.eye(2)
        step, size = np.linalg.solve(bends, slopes), 1.0
        while size > 1e-6 and _loss(design @ (found - size * step), targets) > loss:
            size /= 2
        before, loss = loss, min(loss, _loss(design @ (found - size * step), targets))
        if before - loss < 1e-10 * max(1.0, before):
            break
        found = found - size * step
    return max(float(found[0]), 0.0), float(found[1])


def _loss(odds: np.ndarray, targets: np.ndarray) -> float:
    return float((np.logaddexp(0, odds) - targets * odds).sum())


def error(values: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over ten bins of equally many examples: |mean value - share right|, weighted."""
    order = np.argsort(values, kind="stable")
    gaps = [
        abs(values[some].mean() - right[some].mean()) * len(some) for some in np.array_split(order, _BINS) if len(some)
    ]
    return float(sum(gaps) / max(1, len(values)))


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, a tie counting half (Mann and Whitney 1947)."""
    ordered = np.sort(negative)
    below, upto = (np.searchsorted(ordered, positive, side=side) for side in ("left", "right"))
    return float((below + upto).sum() / 2 / (len(positive) * len(negative)))


def calibration(model: pa.Table) -> tuple[float, float] | None:
    """Slope and intercept, as the first row of a model has them."""
    rows = model.select(["slope", "intercept"]).slice(0, 1).to_pylist()
    return (rows[0]["slope"], rows[0]["intercept"]) if rows and rows[0]["slope"] is not None else None


def lines(model: pa.Table) -> list[str]:
    """What the first row of a model says of its training."""
    if model.num_rows == 0:
        return []
    row = model.drop_columns(["bin"]).slice(0, 1).to_pylist()[0]
    names = [name.removeprefix("__label__") for name in row["names"]]
    how = f"in {row['folds']} folds" if row["folds"] else "held out"
    trained = f"trained on {_counted(row['trained'], names)} texts; " if any(row["trained"]) else ""
    on = f"on {_counted(row['measured'], names)} {how}: " if trained else f"on {_counted(row['measured'], names)}: "
    area = "" if row["auc"] is None else f"AUC {row['auc']:.4f}, "
    found = [f"{trained}{on}{area}accuracy {row['accuracy']:.1%}"]
    if row["calibration_error"] is not None:
        found.append(
            f"calibration error {row['calibration_error']:.3f}, and {row['calibrated_error']:.3f} by "
            f"sigmoid({row['slope']:.3f} * log-odds + {row['intercept']:.3f})"
        )
    return found + _doubts(row, names)


def _counted(numbers: Sequence[int], names: Sequence[str]) -> str:
    if len(names) > 4:
        return f"{sum(numbers):,} ({len(names)} labels)"
    return " and ".join(f"{number:,} {name}" for number, name in zip(numbers, names, strict=True))


def _doubts(row: dict[str, Any], names: Sequence[str]) -> list[str]:
    if row["doubted"] is None:
        return []
    told = [
        f"{doubted / max(1, number):.1%} of {name}"
        for doubted, number, name in zip(row["doubted"], row["measured"], names, strict=True)
        if doubted
    ]
    found = [f"labels to doubt, by cross-validation: {', '.join(told) or 'none'}"]
    for item in row["doubtful"][:_SHOWN]:
        place = f"{item['origin']}: " if item["origin"] else ""
        found.append(f"  {place}{item['label']}, or {item['likelier']}? {item['beginning'][:80]}")
    return found
