"""Which documents would bring a corpus nearer to a target, by optimal transport of their vectors (GOT-D; Kang et al.
2024, arXiv 2405.02774).

The distance of corpus and target is the least mean Euclidean distance, of vectors of length one, over which the
documents' mass can be moved onto the examples', both with equal weights; a small entropic term makes it smooth (Cuturi
2013). Its derivative by a document's mass is the document's dual potential, less the mean of the others (calibrated, as
in Just et al. 2023): the most negative are those of what the target has and the corpus lacks.

The examples' potentials are found by Sinkhorn's iterations between them and a sample of the corpus, in the logarithmic
domain, with a regularisation that is halved until it is as asked. A document's potential follows from theirs alone (the
soft c-transform, which for documents of the sample is Sinkhorn's own last step), so all others are worked out shard by
shard, and no document hangs on which others lie beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms import ranking, similar
from curate.algorithms import vectors as stored
from curate.errors import DataError
from curate.kernels import arrow, distance
from curate.kernels import transport as kernels

KEPT = (0.01, 0.05, 0.1, 0.25)
"""The shares of the best documents whose distances are reported."""

_MOST_STEPS = 1_000
_ROUGH, _FAIR, _FINE = 1e-1, 3e-2, 1e-3
_ROWS_AT_ONCE = 4_096


class Potentials(NamedTuple):
    """Those of documents, float32 (n,), and of examples, float32 (m,); the regularised distance; the steps it took, and
    how far the examples' masses then were from their share, as a mean over them."""

    documents: np.ndarray
    examples: np.ndarray
    distance: float
    steps: int
    error: float


def costs(rows: np.ndarray, examples: np.ndarray) -> np.ndarray:
    """Euclidean distances of unit vectors (n, d) and (m, d): float32 (n, m), with sums in one fixed order."""
    packed, width = distance.packed(examples), distance.padded(rows.shape[1])
    out = np.empty((len(rows), len(examples)), dtype=np.float32)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        block = rows[start : start + _ROWS_AT_ONCE]
        wide = np.zeros((len(block), width), dtype=np.float32)
        wide[:, : rows.shape[1]] = block
        distance.products(wide, packed, out[start : start + len(block)])
    kernels.distances(out, out)
    return out


def sinkhorn(
    given: np.ndarray,
    regularisation: float,
    masses: np.ndarray | None = None,
    start: np.ndarray | None = None,
    enough: float = _FINE,
) -> Potentials:
    """Potentials of masses on the rows, equal ones or float64 (n,) above 0, and equal ones on the columns of costs.

    given: float32 (n, m). start: potentials of the columns, float32 (m,), that may be near.
    Ends when the columns' masses are within `enough`, 0.1 %, of their share, or after 1,000 steps. Memory: the costs
    once more.
    """
    turned = np.ascontiguousarray(given.T)
    weights = np.zeros(len(given)) if masses is None else np.log(masses / masses.mean())
    documents, examples = (np.zeros(count, dtype=np.float32) for count in given.shape)
    better, steps, error = np.empty_like(examples), 0, np.inf
    scale = max(regularisation, float(given.max(initial=0)))
    if start is not None:
        examples[:], scale = start, regularisation
    while True:
        inverse, near = np.float32(1 / scale), enough if scale == regularisation else _ROUGH
        while True:
            kernels.soft_minima(given, examples, inverse, documents)
            kernels.soft_minima(turned, documents + (scale * weights).astype(np.float32), inverse, better)
            error = float(np.abs(np.expm1((examples - better).astype(np.float64) / scale)).mean())
            examples, better, steps = better, examples, steps + 1
            if error < near or steps >= _MOST_STEPS:
                break
        if scale == regularisation:
            break
        scale = max(regularisation, scale / 2)
    kernels.soft_minima(given, examples, np.float32(1 / regularisation), documents)
    found = float(np.average(documents, weights=masses) + examples.mean(dtype=np.float64))
    return Potentials(documents, examples, found, steps, error)


# --- the model ------------------------------------------------------------------------------------


def schema(dimensions: int) -> pa.Schema:
    """What a model is: of each example its vector and potential.

    The same in every row: the size of the sample, the mean of its documents' potentials and the distance of the target
    from it; what Sinkhorn's iterations took; and, for each share of `KEPT`, the distance from the sample with half of
    its weight on its best documents (`joined`), from these alone, and from as many others.
    """
    return pa.schema(
        [
            ("vector", pa.list_(pa.float32(), dimensions)),
            ("potential", pa.float32()),
            ("sample", pa.int64()),
            ("mean", pa.float64()),
            ("distance", pa.float64()),
            ("steps", pa.int64()),
            ("error", pa.float64()),
            ("joined", pa.list_(pa.float64())),
            ("best", pa.list_(pa.float64())),
            ("random", pa.list_(pa.float64())),
        ]
    )


def embedded(make: Callable[[pa.Table], pa.Table], texts: pa.Array, column: str) -> pa.Table:
    """The vectors of the texts that have one. make: gives a table of texts that column.

    Raises DataError when none has, and UsageError for a column of something else.
    """
    made = make(pa.table({"text": texts}))[column]
    stored.vectors_of(made.slice(0, 0), column)
    rows = _directed(made)[0]
    if not len(rows):
        raise DataError(f"--target: none of the {len(texts):,} texts drawn has a vector; give other texts")
    return pa.table({"vector": arrow.vector_array(rows)})


def surveyed(table: pa.Table, column: str) -> pa.Table:
    """The vectors of a shard's documents, and a hash of their ids."""
    rows, chosen = _directed(table[column])
    return pa.table({"vector": arrow.vector_array(rows), "tie": ranking.ties(table["id"])[chosen]})


def _directed(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The vectors at length one, float32 (k, d), of the rows that have a direction, and which these are."""
    rows = stored.unit_rows(column)
    chosen = np.flatnonzero(arrow.validity(column) & similar.directed(rows))
    return rows[chosen], chosen


def learned(tables: Iterable[pa.Table], examples: pa.Table, regularisation: float) -> pa.Table:
    """The model: `schema`, of a sample of the corpus, as `surveyed` gave it, and the examples' vectors.

    Raises DataError for a sample without a vector. Memory: 8 bytes a pair of document and example, and the vectors.
    """
    sample = pa.concat_tables(tables).sort_by("tie")
    if not sample.num_rows:
        raise DataError("transport: no document has a vector; ingest others, or embed them by another model")
    vectors = arrow.vectors(examples["vector"])
    given = costs(arrow.vectors(sample["vector"]), vectors)
    found = sinkhorn(given, regularisation)
    order = np.argsort(found.documents, kind="stable")
    counts = [max(1, ranking.kept(rate, len(given))) for rate in KEPT]
    same = {
        "sample": len(given),
        "mean": float(found.documents.mean(dtype=np.float64)),
        "distance": found.distance,
        "steps": found.steps,
        "error": found.error,
        "joined": [_joined(given, order[:count], found.examples, regularisation) for count in counts],
        "best": [sinkhorn(given[np.sort(order[:count])], regularisation, enough=_FAIR).distance for count in counts],
        "random": [sinkhorn(given[:count], regularisation, enough=_FAIR).distance for count in counts],
    }
    fields = schema(vectors.shape[1])
    columns = {"vector": examples["vector"], "potential": pa.array(found.examples)}
    columns |= {name: pa.array([value] * len(vectors), fields.field(name).type) for name, value in same.items()}
    return pa.table(columns, schema=fields)


def _joined(given: np.ndarray, best: np.ndarray, start: np.ndarray, regularisation: float) -> float:
    """The distance with half of the weight on some rows and half on all."""
    masses = np.ones(len(given))
    masses[best] += len(given) / len(best)
    return sinkhorn(given, regularisation, masses, start, _FAIR).distance


def gains(column: pa.ChunkedArray, model: pa.Table, regularisation: float) -> pa.Array:
    """Minus the calibrated derivative of the distance by the mass of each document: float32, null without a vector.

    Memory: 64 MiB for 4,096 documents and 1,024 examples.
    """
    known = np.ascontiguousarray(arrow.vectors(model["vector"]))
    potentials, inverse = arrow.numbers(model["potential"]), np.float32(1 / regularisation)
    count, mean = (model[name][0].as_py() for name in ("sample", "mean"))
    out = np.full(len(column), np.nan)
    for start, cosines in similar.blocks(column, known):
        valid = ~np.isneginf(cosines[:, 0])
        distances = cosines[valid]
        kernels.distances(distances, distances)
        found = np.empty(len(distances), dtype=np.float32)
        kernels.soft_minima(distances, potentials, inverse, found)
        out[start : start + len(cosines)][valid] = (mean - found) * (count / max(1, count - 1))
    return pa.array(out.astype(np.float32), mask=np.isnan(out))


def lines(model: pa.Table) -> list[str]:
    """What was found."""
    row = model.drop_columns(["vector"]).slice(0, 1).to_pylist()[0]
    found = [
        f"distance of {model.num_rows:,} examples from {row['sample']:,} documents: {row['distance']:.3f}",
        *(
            f"with half of the weight on the best {share:4.0%}: {joined:.3f}; from these alone {best:.3f}, "
            f"from as many at random {random:.3f}"
            for share, joined, best, random in zip(KEPT, row["joined"], row["best"], row["random"], strict=True)
        ),
    ]
    if row["error"] >= _FINE:
        found.append(
            f"after {row['steps']:,} steps of Sinkhorn the examples' masses are still {row['error']:.1%} off; "
            "a larger --regularisation ends sooner"
        )
    return found
