"""Perplexity Correlations (Thrush, Potts and Hashimoto 2024, arXiv 2409.05816).

For each text or group of texts: how well the losses of many models on it go with their errors on a benchmark. The
estimates are projected onto the mixtures that a corpus can give, and what these take teaches a classifier.

Losses are x, float64 (n, d), of n models on d texts; errors y, float64 (n,). Every estimator gives float64 (d,).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

from curate.algorithms import distilled, loss_tables, ranking
from curate.errors import DataError
from curate.kernels import arrow

Estimator = Literal["spearman", "product", "sign", "sign_cdf", "sign_sign"]
Projection = Literal["linear", "l2"]

_STEPS = 200
_LISTED = 3


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The mean of y x over the models; the stage gives it errors less their mean, so that it is a covariance."""
    return y @ x / len(y)


def sign(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The mean over pairs of models of sign(y_g - y_k) (x_g - x_k)."""
    count = len(y)
    return np.sign(y[:, None] - y).sum(axis=1) @ x / max(1, count * (count - 1) // 2)


def sign_cdf(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The same with each text's empirical distribution in place of x: the share of models that lose as much or less."""
    return sign(rankdata(x, axis=0, method="max") / len(x), y)


def sign_sign(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The mean over pairs of sign(y_g - y_k) sign(x_g - x_k): Kendall's tau-a."""
    count, total = len(y), np.zeros(x.shape[1])
    for model in range(1, count):
        total += np.sign(y[model] - y[:model]) @ np.sign(x[model] - x[:model])
    return total / max(1, count * (count - 1) // 2)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The correlation of ranks, equal ones at their mean: as SciPy has it, but 0 where all are equal."""
    ranks, errors = rankdata(x, axis=0), rankdata(y)
    ranks -= ranks.mean(axis=0)
    errors -= errors.mean()
    length = np.sqrt((ranks**2).sum(axis=0) * (errors**2).sum())
    return np.divide(errors @ ranks, length, out=np.zeros(x.shape[1]), where=length > 0)


_ESTIMATORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "spearman": spearman,
    "product": product,
    "sign": sign,
    "sign_cdf": sign_cdf,
    "sign_sign": sign_sign,
}


def linear(estimates: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """The mixture, float64 (d,), with the most of the estimates: best first, each as much as there is, up to 1.

    caps: of each text the most that it can give, float64 (d,). Of equal estimates the first counts.
    """
    order = np.argsort(-estimates, kind="stable")
    before = np.cumsum(caps[order]) - caps[order]
    found = np.empty(len(caps))
    found[order] = np.clip(1 - before, 0, caps[order])
    return found


def l2(estimates: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """The mixture within the caps that is nearest to the estimates: each less one offset, found by bisection."""
    if caps.sum() <= 1:
        return caps.copy()
    low, high = float((estimates - caps).min()), float(estimates.max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(estimates - middle, 0, caps).sum() > 1 else (low, middle)
    return np.clip(estimates - high, 0, caps)


_PROJECTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"linear": linear, "l2": l2}

FIGURES = pa.schema(
    [("models", pa.int64()), ("texts", pa.int64()), ("best", pa.list_(pa.string())), ("worst", pa.list_(pa.string()))]
)
"""How many models and groups there are, and the names, estimates and weights of the first and last."""
GROUPS = pa.schema(
    [("group", pa.string()), ("bytes", pa.int64()), ("estimate", pa.float64()), ("weight", pa.float64())]
)
"""Of each group its bytes in the corpus, the estimate and its share of the mixture."""


def estimated(
    losses: loss_tables.Losses,
    groups: pa.Table,
    there: np.ndarray,
    scores: np.ndarray,
    ratio: float,
    estimator: Estimator,
    projection: Projection,
) -> pa.Table:
    """Rows of `GROUPS`, by name. groups: `group` and `bytes`. there, scores: see `loss_tables.scores`.

    What a group can give is its share of the bytes over `ratio`, the share of the corpus that is wanted. Of equal
    estimates a hash of the name decides.
    """
    rows = pc.index_in(losses.keys, value_set=arrow.combined(groups["group"]))
    sizes = arrow.numbers(groups["bytes"].take(rows)).astype(np.int64)
    found = _ESTIMATORS[estimator](losses.values[there], scores.mean() - scores)
    caps, weights = sizes / (ratio * max(1, sizes.sum())), np.empty(len(found))
    order = np.argsort(ranking.ties(losses.keys), kind="stable")
    weights[order] = _PROJECTIONS[projection](found[order], caps[order])
    return pa.table([losses.keys, pa.array(sizes), pa.array(found), pa.array(weights)], schema=GROUPS)


def labelled(examples: pa.Table, found: pa.Table, ratio: float) -> list[pa.Table]:
    """Examples with labels: of each group the share that the mixture takes of what there is, by a hash of the id.

    Raises DataError for fewer than 20 of a kind.
    """
    sizes, weights = (arrow.numbers(found[name]) for name in ("bytes", "weight"))
    shares = weights * ratio * max(1, sizes.sum()) / np.maximum(1, sizes)
    places = pc.index_in(arrow.combined(examples["group"]), value_set=arrow.combined(found["group"]))
    valid, numbers = arrow.validity(places), arrow.numbers(pc.fill_null(places, 0))
    draws = (ranking.ties(examples["origin"]) >> np.uint64(11)) / 2.0**53
    taken = draws < shares[numbers]
    included, excluded = valid & taken, valid & ~taken
    if min(included.sum(), excluded.sum()) < distilled.FEWEST_EXAMPLES:
        raise DataError(
            f"correlations: the mixture takes {included.sum():,} and leaves {excluded.sum():,} of the documents to "
            f"learn from, where {distilled.FEWEST_EXAMPLES} of each are needed; give losses of more texts, or a larger "
            "--ratio"
        )
    return loss_tables.labelled(examples, included, excluded)


def in_first_row(found: pa.Table, rows: int) -> pa.Array:
    """Rows of `GROUPS` as a list in the first of some rows; the others have none."""
    ends = pa.array([0, *[found.num_rows] * rows], pa.int64())
    return pa.LargeListArray.from_arrays(ends, arrow.combined(found.to_struct_array()))


def figures(found: pa.Table, models: int) -> dict:
    """The values of `FIGURES`."""
    order = np.argsort(-arrow.numbers(found["estimate"]), kind="stable")
    shown = [_shown(found.take(pa.array(rows))) for rows in (order[:_LISTED], order[-_LISTED:])]
    return {"models": models, "texts": found.num_rows, "best": shown[0], "worst": shown[1]}


def _shown(rows: pa.Table) -> Sequence[str]:
    return [f"{row['group']} {row['estimate']:.3f} ({row['weight']:.1%})" for row in rows.to_pylist()]


def lines(model: pa.Table, estimator: str) -> list[str]:
    """What was estimated, from the model's first row."""
    row = model.select(FIGURES.names).slice(0, 1).to_pylist()[0]
    return [
        f"{estimator} of losses and errors of {row['models']} models, for {row['texts']:,} texts or groups of them "
        "(share of the mixture)",
        f"  best: {', '.join(row['best'])}",
        f"  last: {', '.join(row['worst'])}",
    ]
