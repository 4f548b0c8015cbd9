"""Importance weights of texts by their hashed n-grams (DSIR; Xie et al., NeurIPS 2023, arXiv 2302.03169).

A text is the bag of the unigrams and bigrams of its lower-cased `wordpunct` tokens, marks being parts of
words, each n-gram put into a bucket by a hash. With p the distribution of the target's n-grams over the
buckets and q the pool's, an n-gram in bucket b weighs log(p[b] + 1e-8) - log(q[b] + 1e-8), and a text
the sum over its n-grams: the logarithm of how much likelier the text is under p than under q.

The weights are those of the authors' package (with NLTK from 3.10 on) when its hash is replaced by `bucket`, but
that q counts the whole pool (there at most 100,000 n-grams a bucket) and every text has a weight (there texts of
fewer than 100 tokens are left out).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from curate.errors import CurateError, DataError, UsageError
from curate.kernels import arrow, wordpunct
from curate.kernels import dsir as kernels
from curate.storage import shard
from curate.storage.corpus import layer_model

CHUNK_TOKENS = 128
"""The length of the paper's unit."""

DIVERGENCES = pa.schema([("target", pa.string()), ("pool", pa.float64()), ("selection", pa.float64())])

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


def added(tables: Iterable[pa.Table], buckets: int) -> np.ndarray:
    """The sum of the columns `ngrams` of some tables, each of one or several lots of `buckets` rows: int64."""
    total = np.zeros(buckets, dtype=np.int64)
    for table in tables:
        total += arrow.numbers(table["ngrams"]).reshape(-1, buckets).sum(axis=0)
    return total


def log_ratios(target: np.ndarray, pool: np.ndarray, smoothing: float = 0.0, name: str = "") -> pa.Table:
    """What an n-gram of each bucket weighs: float64 columns `log_ratio`, and `target` and `pool`, the distributions.

    target, pool: numbers of n-grams by bucket. smoothing: a pseudo-count added to each of the target's. name: what the
    target is called, where there are several: then the columns of its own are `log_ratio_NAME` and `target_NAME`.
    The target must not be empty; an empty pool counts as having no n-gram anywhere.
    """
    wanted, there = distribution(target + smoothing), distribution(pool)
    ratio = np.log(wanted + _FLOOR) - np.log(there + _FLOOR)
    return pa.table({_column("log_ratio", name): ratio, _column("target", name): wanted, "pool": there})


def fitted(targets: Mapping[str, np.ndarray], pool: np.ndarray, smoothing: float) -> pa.Table:
    """The feature model: the columns of `log_ratios` for each target by its name."""
    tables = [log_ratios(counts, pool, smoothing, name) for name, counts in targets.items()]
    columns = {name: table[name] for table in tables for name in table.column_names}
    return pa.table({**{name: columns[name] for name in columns if name != "pool"}, "pool": columns["pool"]})


def saved(path: str) -> pa.Table:
    """The feature model in a file such as `model.parquet` of a layer, or in that layer's folder; see `fitted`.

    Raises DataError for another file.
    """
    try:
        table = shard.read_model(layer_model(path) or Path(path))
    except (CurateError, OSError, pa.ArrowInvalid) as problem:
        raise DataError(f"{path}: not a feature model: {problem}") from None
    if "pool" not in table.column_names or not targets(table):
        raise DataError(
            f"{path}: not a feature model; give the folder of a layer that dsir made, or a copy of its model.parquet"
        )
    return table


def targets(model: pa.Table) -> list[str]:
    """The names of a feature model's targets, "" for one without."""
    names = [name for name in model.column_names if name.startswith("log_ratio")]
    return [name.removeprefix("log_ratio").removeprefix("_") for name in names]


def column(model: pa.Table, kind: str, name: str = "") -> np.ndarray:
    """The `log_ratio` or `target` of one of its targets, or `pool`: float64, shape (buckets,)."""
    return arrow.numbers(model[_column(kind, name)])


def of_targets(model: pa.Table, names: Sequence[str]) -> pa.Table:
    """A feature model with only those targets. Raises UsageError for one that it has not."""
    if lacking := [name for name in names if name not in targets(model)]:
        there = ", ".join(name or "one without a name" for name in targets(model))
        asked = f"no target '{lacking[0]}'" if lacking[0] else "none without a name"
        raise UsageError(f"--names: the model has {asked}; its targets: {there}")
    return model.select([*(_column(kind, name) for name in names for kind in ("log_ratio", "target")), "pool"])


def distribution(counts: np.ndarray) -> np.ndarray:
    """Shares that sum to 1, float64; all 0 when nothing was counted."""
    total = counts.sum()
    return counts / total if total else np.zeros(len(counts))


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


def divergence(target: np.ndarray, other: np.ndarray) -> float:
    """Kullback-Leibler divergence of a target from another distribution over the buckets, in nats.

    Both as the weights see them, 1e-8 added to each share. The smaller it is for a selection than for what it was
    selected from (the KL reduction of the paper), the more the selection is like the target.
    """
    return float(np.dot(target, np.log(target + _FLOOR) - np.log(other + _FLOOR)))


def divergences(model: pa.Table, selection: np.ndarray) -> pa.Table:
    """The divergence of each target from the pool and from a selection: `target` (its name), `pool`, `selection`.

    selection: the numbers of its n-grams by bucket.
    """
    shares, pool = distribution(selection), column(model, "pool")
    found = {"target": targets(model), "pool": [], "selection": []}
    for name in targets(model):
        wanted = column(model, "target", name)
        found["pool"].append(divergence(wanted, pool))
        found["selection"].append(divergence(wanted, shares))
    return pa.table(found, schema=DIVERGENCES)


def divergence_lines(divergences: pa.Table, selection: str) -> list[str]:
    """The rows of `divergences` to read, with the KL reduction; selection: what it is."""
    return [
        f"{row['target']}{': ' if row['target'] else ''}KL divergence of the target: from the model's corpus "
        f"{row['pool']:.3f} nats, from {selection} {row['selection']:.3f}, KL reduction "
        f"{row['pool'] - row['selection']:.3f}"
        for row in divergences.to_pylist()
    ]


def _column(kind: str, name: str) -> str:
    return f"{kind}_{name}" if name else kind


def _length(chunks: bool) -> np.int64:
    return np.int64(CHUNK_TOKENS) if chunks else kernels.WHOLE
