"""The weights of scores whose choice teaches a small language model most about a target (Meta-rater)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import combine
from curate.errors import DataError
from curate.kernels import arrow

RATE = 0.1
"""The share of the sample's text that each trial trains on."""
EXAMPLE_CHARACTERS = 5_000
TARGET_TEXTS = 2_000
ORDER = 3
_DRAWS = 20_000
_BEST = 128
_RIDGE = 1e-3


def examples(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Sampled documents: the beginnings of their texts, and their values."""
    texts = pc.utf8_slice_codeunits(arrow.combined(table["text"]), 0, EXAMPLE_CHARACTERS)
    values = combine.numbers(table, columns)
    return pa.table({"text": texts, **{str(i): values[:, i] for i in range(len(columns))}})


def searched(
    tables: Iterable[pa.Table], target: pa.Array, method: combine.Method, trials: int, seed: int
) -> tuple[np.ndarray, str]:
    """The best weights, float64 (columns,), summing to 1, and what people should know of the search.

    Each trial draws weights, takes the best tenth of the sample's text by them, trains a trigram model of words on it
    and measures the target in bits per byte. A quadratic in the weights is fitted to these costs, and the weights are
    the mean of the 128 for which it promises least among 20,000 drawn (Meta-rater, Zhuang et al. 2025, which trains
    small transformers and fits LightGBM; the proxy here is `ngram_model`), or the best tried where that is better.
    The first trial has equal weights.
    Memory: the sample, and 200 bytes for each of its n-grams that a trial trains on.
    """
    sample = pa.concat_tables(list(tables)).combine_chunks()
    if not sample.num_rows:
        raise DataError("no document to try weights on; the corpus is empty")
    texts = arrow.combined(sample["text"]).cast(pa.large_string())
    values = np.column_stack([arrow.numbers(column) for column in sample.columns[1:]])
    values = combine.standardised(values, method)
    sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    tried = np.random.default_rng(seed).dirichlet(np.ones(values.shape[1]), size=trials)
    tried[0] = 1 / values.shape[1]
    costs = np.array([_cost(texts, sizes, combine.combined(values, weights), target) for weights in tried])
    best = _best_weights(tried, costs, seed)
    cost = _cost(texts, sizes, combine.combined(values, best), target)
    if cost > costs.min():
        best, cost = tried[int(costs.argmin())], float(costs.min())
    said = f"{trials} trials: the target costs {cost:.4f} bits per byte with these weights, "
    return best, f"{said}{costs[0]:.4f} with equal ones, {costs.min():.4f} to {costs.max():.4f} in all trials"


def _cost(texts: pa.Array, sizes: np.ndarray, scores: np.ndarray, target: pa.Array) -> float:
    """Bits per byte of the target under a model of the best texts."""
    from curate.algorithms import ngram_counts, ngram_model

    order = np.argsort(np.nan_to_num(-scores, nan=np.inf), kind="stable")
    count = 1 + int(np.searchsorted(np.cumsum(sizes[order]), RATE * sizes.sum()))
    counts = ngram_counts.count(texts.take(pa.array(np.sort(order[:count]))), order=ORDER)
    losses = ngram_model.estimate(counts).losses(target)
    return float(losses.bits.sum() / max(1, losses.bytes.sum()))


def _best_weights(tried: np.ndarray, costs: np.ndarray, seed: int) -> np.ndarray:
    drawn = np.random.default_rng([seed, 1]).dirichlet(np.ones(tried.shape[1]), size=_DRAWS)
    known = _features(tried)
    center, spread = costs.mean(), costs.std() or 1.0
    square = known.T @ known + _RIDGE * len(known) * np.eye(known.shape[1])
    fitted = np.linalg.solve(square, known.T @ ((costs - center) / spread))
    best = drawn[np.argsort(_features(drawn) @ fitted, kind="stable")[:_BEST]].mean(axis=0)
    return best / best.sum()


def _features(weights: np.ndarray) -> np.ndarray:
    """1, the weights, and the products of every two: shape (n, features)."""
    one, other = np.triu_indices(weights.shape[1])
    return np.column_stack([np.ones(len(weights)), weights, weights[:, one] * weights[:, other]])
