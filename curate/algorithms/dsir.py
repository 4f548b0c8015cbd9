"""Importance weights of texts by their hashed n-grams (DSIR; Xie et al., NeurIPS 2023, arXiv 2302.03169).

A text is the bag of the unigrams and bigrams of its lower-cased `wordpunct` tokens, each n-gram put
into a bucket by a hash. With p the distribution of the target's n-grams over the buckets and q the
pool's, an n-gram in bucket b weighs log(p[b] + 1e-8) - log(q[b] + 1e-8), and a text the sum over its
n-grams: the logarithm of how much likelier the text is under p than under q.

The weights are those of the authors' package when its hash is replaced by `bucket`, but that q
counts the whole pool (there at most 100,000 n-grams a bucket) and every text has a weight (there
texts of fewer than 100 tokens are left out).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curate.kernels import arrow, wordpunct
from curate.kernels import dsir as kernels

CHUNK_TOKENS = 128
"""The length of the paper's unit."""

_FLOOR = 1e-8


def bucket(ngram: str, buckets: int) -> int:
    """The bucket of an n-gram: its lower-cased tokens with one space between them."""
    values = arrow.strings(pa.array([ngram], type=pa.large_string()))
    out = np.empty(1, dtype=np.uint64)
    kernels.hash_ngrams(values.offsets, values.data, wordpunct.tables(marks=True), out)
    return int(kernels.bucket(out[0], np.uint64(buckets)))


def add_counts(texts: arrow.Array, out: np.ndarray, *, chunks: bool = False) -> None:
    """Add the number of n-grams of all texts in each bucket to out, int64, shape (buckets,).

    With `chunks`, bigrams do not reach over the ends of chunks of 128 tokens.
    """
    values = arrow.strings(texts)
    kernels.count(values.offsets, values.data, wordpunct.tables(marks=True), _length(chunks), out)


def log_ratios(target: np.ndarray, pool: np.ndarray, smoothing: float = 0.0) -> pa.Table:
    """What an n-gram of each bucket weighs: float64 columns `log_ratio`, and `target` and `pool`, the distributions.

    target, pool: numbers of n-grams by bucket. smoothing: a pseudo-count added to each of the target's.
    The target must not be empty; an empty pool counts as having no n-gram anywhere.
    """
    target = target + smoothing
    target = target / target.sum()
    pool = pool / max(1, pool.sum())
    ratio = np.log(target + _FLOOR) - np.log(pool + _FLOOR)
    return pa.table({"log_ratio": ratio, "target": target, "pool": pool})


def weights(texts: arrow.Array, log_ratio: np.ndarray, *, chunks: bool = False, mean: bool = False) -> pa.Array:
    """The log importance weight of each text, float64, null for a text without a token.

    It is the sum of the text's n-grams' log ratios, float64, shape (buckets,), or with `mean` their mean.

    With `chunks` a text is cut every 128 tokens, what is left over staying with the last full
    chunk, and its weight is the logarithm of the mean importance weight of its chunks: how much
    likelier a chunk drawn from it at random is picked. It is close to that of its best chunk.
    """
    values = arrow.strings(texts)
    out = np.empty(len(values), dtype=np.float64)
    kernels.weigh(values.offsets, values.data, wordpunct.tables(marks=True), _length(chunks), mean, log_ratio, out)
    return pa.array(out, mask=np.isnan(out))


def divergence(model: pa.Table) -> float:
    """Kullback-Leibler divergence of the target from the pool, in nats, over the buckets of `log_ratios`."""
    return float(np.dot(arrow.numbers(model["target"]), arrow.numbers(model["log_ratio"])))


def _length(chunks: bool) -> np.int64:
    return np.int64(CHUNK_TOKENS) if chunks else kernels.WHOLE
