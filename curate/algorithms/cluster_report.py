"""What `cluster` says at its end: the largest clusters, and warnings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curate.kernels import arrow

_MOST_SHOWN = 10
_COLLAPSED_COSINE = 0.95
_COLLAPSED_RANK = 1 / 16
_GIANT = 0.2
_SINGLE = 0.95
_FEWEST = 20
_ONE_LANGUAGE = 0.9
_PARTED = 0.5


def lines(model: pa.Table, summary: pa.Table, asked: list[int]) -> list[str]:
    """How many clusters of how many asked for at each level, the largest, and what to beware of."""
    levels = arrow.numbers(model["level"])
    named = []
    for number, wanted in enumerate(asked, start=1):
        there = int(np.count_nonzero(levels == number))
        fewer = f" of the {wanted:,} asked for: the sample has no more different vectors" if there < wanted else ""
        named.append(f"{there:,} clusters{fewer}")
    return [*named, *largest(summary), *spread(model), *giant(summary), *single_sources(summary), *languages(summary)]


def largest(summary: pa.Table, most: int = _MOST_SHOWN) -> list[str]:
    """The largest clusters as a table for a terminal."""
    chosen = np.argsort(-arrow.numbers(summary["documents"]), kind="stable")[:most]
    found = [f"{'cluster':>7} {'documents':>10} {'distance':>8}  terms"]
    for row in summary.take(pa.array(chosen)).to_pylist():
        terms = " ".join(row["terms"][:8])[:72]
        found.append(f"{row['cluster']:>7} {row['documents']:>10,} {row['mean_distance']:>8.3f}  {terms}")
    rest = summary.num_rows - len(chosen)
    return [*found, f"and {rest:,} smaller"] if rest else found


def spread(model: pa.Table) -> list[str]:
    """The effective rank of the sample's vectors, and a warning where they hardly differ."""
    if not model.num_rows:
        return []
    rank, cosine = model["effective_rank"][0].as_py(), model["mean_cosine"][0].as_py()
    sampled = int(arrow.numbers(model["sampled"])[arrow.numbers(model["level"]) == 1].sum())
    most = min(model["centroid"].type.list_size, sampled)
    said = f"effective rank {rank:,.1f} of {most:,} dimensions, mean cosine of two documents {cosine:.2f}"
    if sampled >= _FEWEST and (cosine > _COLLAPSED_COSINE or rank < most * _COLLAPSED_RANK):
        return [
            f"warning: the vectors hardly differ ({said}), and so clusters mean little; embed with another model, or "
            "look for boilerplate that all documents share"
        ]
    return [said]


def giant(summary: pa.Table) -> list[str]:
    """A warning of a cluster that holds a fifth of all documents, and five times its even share."""
    documents = arrow.numbers(summary["documents"])
    if not len(documents) or documents.max() <= max(_GIANT, 5 / len(documents)) * documents.sum():
        return []
    number = summary["cluster"][int(documents.argmax())].as_py()
    share = documents.max() / documents.sum()
    return [
        f"warning: cluster {number} holds {share:.0%} of the documents; look at its nearest "
        "and farthest ones: it may be of boilerplate, or of what the model cannot tell apart"
    ]


def single_sources(summary: pa.Table) -> list[str]:
    """A warning of clusters of which a source has 95 %, where it does not have as much of everything."""
    documents = arrow.numbers(summary["documents"])
    tops = [values[0] for values in summary["top_source"].to_pylist()]
    everywhere: dict[str, int] = {}
    for values in summary["top_source"].to_pylist():
        for value in values:
            everywhere[value["value"]] = everywhere.get(value["value"], 0) + value["documents"]
    alone = [
        i
        for i, top in enumerate(tops)
        if documents[i] >= _FEWEST
        and top["documents"] >= _SINGLE * documents[i]
        and everywhere[top["value"]] < _SINGLE * documents.sum()
    ]
    if not alone:
        return []
    shown = ", ".join(f"{summary['cluster'][i].as_py()} ({tops[i]['value']})" for i in alone[:3])
    share = documents[alone].sum() / documents.sum()
    return [
        f"warning: {len(alone):,} clusters with {share:.0%} of the documents are of one source alone, "
        f"such as {shown}: they may tell how a source is written, not what it is about"
    ]


def languages(summary: pa.Table) -> list[str]:
    """A warning where two documents of a cluster share their language far more often than any two do.

    Of the documents read, each cluster's counted as often as it has documents. The excess is what of the distance to
    always sharing it the clusters cover: (within - anywhere) / (1 - anywhere), 0 where they say nothing of languages.
    Pairs of different documents are counted, so that a cluster of few says no more than it can.
    """
    shares: dict[str, float] = {}
    alike = weights = total = 0.0
    for documents, values in zip(arrow.numbers(summary["documents"]), summary["languages"].to_pylist(), strict=True):
        counts = np.array([value["documents"] for value in values], dtype=np.float64)
        if not counts.sum():
            continue
        total += documents
        for value in values:
            shares[value["value"]] = shares.get(value["value"], 0) + documents * value["documents"] / counts.sum()
        if counts.sum() > 1:
            alike += documents * (counts * (counts - 1)).sum() / (counts.sum() * (counts.sum() - 1))
            weights += documents
    if not weights:
        return []
    within, anywhere = alike / weights, sum((share / total) ** 2 for share in shares.values())
    if anywhere > _ONE_LANGUAGE or within - anywhere < _PARTED * (1 - anywhere):
        return []
    return [
        f"warning: the clusters part languages before subjects: two documents of one share their language in "
        f"{within:.0%} of cases, any two in {anywhere:.0%}; for subjects across languages embed with a multilingual "
        "--model, for those within one give --where"
    ]
