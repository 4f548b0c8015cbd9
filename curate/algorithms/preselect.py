"""PreSelect (Shum et al. 2025, arXiv 2503.00808): documents whose losses order models as benchmarks do.

A document's predictive strength is the number of pairs of models of which the one with the better score loses less on
it, in bits per byte; of equal losses a half. Those with all pairs right, and as many of those with the fewest, teach a
classifier.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import distilled, loss_tables, ranking
from curate.errors import DataError
from curate.kernels import arrow

FIGURES = pa.schema(
    [("models", pa.int64()), ("pairs", pa.int64()), ("texts", pa.int64()), ("strengths", pa.list_(pa.int64()))]
)
"""How many models, pairs with unlike scores and documents there are, and for each number of half pairs, from 0, how
many documents have so many right."""


def strengths(losses: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, int]:
    """Pairs that each document has right, float64 (d,), and how many there are with unlike scores.

    Of equal losses a pair counts a half, so that a document that says nothing of the models is in the middle.
    losses: float64 (n, d) of n models. scores: float64 (n,), better where higher.
    """
    found, pairs = np.zeros(losses.shape[1]), 0
    for better in range(len(scores)):
        for worse in np.flatnonzero(scores < scores[better]):
            found += (np.sign(losses[worse] - losses[better]) + 1) / 2
            pairs += 1
    return found, pairs


def labelled(
    examples: pa.Table, losses: loss_tables.Losses, found: np.ndarray, pairs: int, top: float | None
) -> list[pa.Table]:
    """Examples with labels: documents with all pairs right, or the share `top` with the most, and as many with the
    fewest; of equal ones a hash of the id decides. Raises DataError for fewer than 20 of a kind."""
    ties = ranking.ties(losses.keys)
    order = np.lexsort((ties, -found))
    count = int((found == pairs).sum()) if top is None else ranking.kept(top, len(found))
    kinds = np.zeros(len(found), dtype=np.int8)
    last = order[::-1][: min(count, len(found) - count)]
    kinds[order[:count]], kinds[last] = 1, -1
    if min(count, len(last)) < distilled.FEWEST_EXAMPLES:
        raise DataError(
            f"preselect: of {len(found):,} documents {count:,} order the models as the benchmarks do, where "
            f"{distilled.FEWEST_EXAMPLES} are needed, and as many others; give more documents by --sample or --losses, "
            "or take the best, such as --top 10%"
        )
    places = pc.index_in(arrow.combined(examples["group"]), value_set=losses.keys)
    kinds = np.where(arrow.validity(places), kinds[arrow.numbers(pc.fill_null(places, 0))], 0)
    return loss_tables.labelled(examples, kinds == 1, kinds == -1)


def lines(model: pa.Table) -> list[str]:
    """How many documents have how many pairs right, from the model's first row."""
    row = model.select(FIGURES.names).slice(0, 1).to_pylist()[0]
    counts = row["strengths"]
    mean = sum(halves * count for halves, count in enumerate(counts)) / (2 * max(1, row["texts"]))
    return [
        f"{row['models']} models, {row['pairs']} pairs: of {row['texts']:,} documents {counts[-1]:,} have all right, "
        f"{counts[0]:,} none, and {mean:.1f} on average"
    ]
