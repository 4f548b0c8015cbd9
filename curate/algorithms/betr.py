"""Benchmark-targeted ranking (BETR; Mizrahi et al. 2025, arXiv 2507.12466).

Every example of a target puts the documents of a sample in the order of their cosines to it: the nearest has rank 1. A
document's score is its best rank with any example, or the mean over the examples of what its ranks are worth. The best
tenth and as many of the others teach a classifier, which then judges all documents.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import distilled, ranking, similar
from curate.algorithms import vectors as stored
from curate.errors import DataError
from curate.kernels import arrow

Combine = Literal["best", "reciprocal", "logarithm"]


class Ranks(NamedTuple):
    """Of each document of the sample: `scores`, float64 (n,), the higher the better, and `nearest`, its highest cosine
    to an example, float32 (n,)."""

    scores: np.ndarray
    nearest: np.ndarray


def surveyed(table: pa.Table, column: str) -> pa.Table:
    """`shard`, `row`, the vector and a hash of the id of a shard's documents that have a direction."""
    rows = stored.unit_rows(table[column])
    there = np.flatnonzero(arrow.validity(table[column]) & similar.directed(rows))
    found = table.select(["shard", "row"]).take(pa.array(there))
    found = found.append_column("vector", arrow.vector_array(rows[there]))
    return found.append_column("tie", pa.array(ranking.ties(table["id"])[there]))


def ranked(examples: pa.ChunkedArray, rows: np.ndarray, combine: Combine) -> Ranks:
    """What the examples' orders say of some documents, vectors float32 (n, d). Of equal cosines the first row counts.

    best: minus the best rank. reciprocal, logarithm: the mean of 1/rank, or of -log2(rank). Memory: 16 MiB or 300 bytes
    a document, and the vectors once more.
    """
    count = len(rows)
    places = np.arange(1, count + 1)
    worth = {"best": -places.astype(np.float64), "reciprocal": 1 / places, "logarithm": -np.log2(places)}[combine]
    scores = np.full(count, -np.inf) if combine == "best" else np.zeros(count)
    nearest = np.full(count, -np.inf, dtype=np.float32)
    values = np.empty(count)
    for _, cosines in similar.blocks(examples, rows):
        np.maximum(nearest, cosines.max(axis=0), out=nearest)
        for row in cosines:
            values[np.argsort(-row, kind="stable")] = worth
            if combine == "best":
                np.maximum(scores, values, out=scores)
            else:
                scores += values
    return Ranks(scores if combine == "best" else scores / len(examples), nearest)


def learned(tables: Iterable[pa.Table], examples: pa.Table, top: float, combine: Combine) -> tuple[pa.Table, pa.Table]:
    """What was found, one row of `FIGURES`, and the rows to learn from: the best and as many others by chance.

    tables: a sample, as `surveyed` gave it. examples: `vector`s. Of equal scores the higher cosine counts. Raises
    DataError when the best are too few to learn from.
    """
    sample = pa.concat_tables(tables).sort_by("tie").combine_chunks()
    wanted = ranking.kept(top, sample.num_rows)
    if min(wanted, sample.num_rows - wanted) < distilled.FEWEST_EXAMPLES:
        raise DataError(
            f"betr: the best {top:.1%} of {sample.num_rows:,} documents with a vector are {wanted:,}, where the "
            f"classifier wants {distilled.FEWEST_EXAMPLES} or more, and as many others; give a larger --sample or --top"
        )
    found = ranked(examples["vector"], arrow.vectors(sample["vector"]), combine)
    order = np.lexsort((-found.nearest, -found.scores))
    best, others = order[:wanted], np.sort(order[wanted:])
    figures = {
        "examples": examples.num_rows,
        "sample": sample.num_rows,
        "last": float(found.scores[best[-1]]),
        "near": float(found.nearest[best].mean(dtype=np.float64)),
        "far": float(found.nearest[others].mean(dtype=np.float64)),
    }
    return pa.Table.from_pylist([figures], schema=FIGURES), distilled.chosen(sample, best, others[:wanted])


FIGURES = pa.schema(
    [
        ("examples", pa.int64()),
        ("sample", pa.int64()),
        ("last", pa.float64()),
        ("near", pa.float64()),
        ("far", pa.float64()),
    ]
)
"""How many examples and documents were compared, the score of the last of the best, and the mean of the highest cosines
of these, and of the others."""


def lines(model: pa.Table, combine: Combine) -> list[str]:
    """What the ranking found, from the model's first row."""
    row = model.select(FIGURES.names).slice(0, 1).to_pylist()[0]
    last = f"rank {-row['last']:,.0f}" if combine == "best" else f"{row['last']:.4g}"
    return [
        f"{row['examples']:,} examples ranked {row['sample']:,} documents: the best go down to {last}, with a mean "
        f"cosine to the nearest example of {row['near']:.3f}, the others of {row['far']:.3f}"
    ]
