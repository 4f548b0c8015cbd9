"""The scores of a corpus, read a column at a time for `quality-report`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import quality
from curate.errors import UsageError
from curate.runtime.opened import Opened

APART = ("rules", "map", "language")
"""Stages whose numbers are no scores to choose documents by; they are reported when named."""
BY = ("source", "language", "cluster")
_LITTLE = ("_quantile", "_rank", "_distance", "_similarity")
"""Ends of columns of which little is good: places among all, the best first; how far from a centre; how much alike."""


def score_columns(opened: Opened) -> list[str]:
    """The columns of fractions that stages other than `APART` left, with a minus before those where little is good."""
    found = []
    for layer in opened.layers[1:]:
        manifest = opened.corpus.must(layer)
        if manifest.stage not in APART:
            names = [name for name in manifest.column_names if pa.types.is_floating(opened.schema.field(name).type)]
            found += ["-" + name if _little_is_good(name, layer, manifest.stage) else name for name in names]
    return found


def _little_is_good(column: str, layer: str, stage: str) -> bool:
    """A perplexity is a cost; a place within a group, which fasttext alone gives, rises with the score."""
    return (stage == "perplexity" and column == layer) or (stage != "fasttext" and column.endswith(_LITTLE))


def report(
    opened: Opened, scores: list[str], by: list[str], rates: list[float], tokens: int | None, where: str | None
) -> dict[str, Any]:
    """The distribution of scores and what thresholds keep, as plain values.

    scores: columns of numbers, with a minus before one where little is good; all of `score_columns` where none is
    given. by: columns that part documents; where none is given, those of `BY` that are there. tokens: a budget.
    Memory: 16 bytes a document, 4 more for each of `by`, 40 while a score is looked at. Raises UsageError for a
    column that is not there or holds no numbers, and where there is none.
    """
    names = opened.schema.names
    scores = scores or score_columns(opened)
    by = by or [name for name in BY if name in names]
    if not scores:
        raise UsageError(
            f"{opened.corpus.path}: no scores yet; make some, by `curate dsir` or another, or name --scores"
        )
    for name in scores:
        column = name.removeprefix("-")
        if column in names and not _is_number(opened.schema.field(column).type):
            raise UsageError(
                f"--scores {name}: {opened.schema.field(column).type} is no number; name a column of numbers"
            )
    opened.must([name.removeprefix("-") for name in scores] + by)
    for name in by:
        if pa.types.is_nested(kind := opened.schema.field(name).type):
            raise UsageError(f"--by {name}: documents cannot be parted by {kind}; name a column of labels")
    manifest = opened.corpus.documents()
    ratio = manifest.tokens / max(1, sum(shard.bytes for shard in manifest.shards))
    sizes = np.round(_numbers(opened, "bytes", where) * ratio).astype(np.int64)
    groups = [_groups(opened, name, where) for name in by]
    found = [_of_score(opened, name, sizes, groups, rates, tokens, where) for name in scores]
    return {"documents": len(sizes), "tokens": int(sizes.sum()), "by": by, "scores": found}


def _of_score(
    opened: Opened,
    name: str,
    sizes: np.ndarray,
    groups: list[quality.Groups],
    rates: list[float],
    tokens: int | None,
    where: str | None,
) -> dict[str, Any]:
    small, column = name.startswith("-"), name.removeprefix("-")
    found = quality.scored(_numbers(opened, column, where), sizes, groups)
    thresholds = [quality.threshold_of_rate(found.scores, rate, small) for rate in rates if len(found.scores)]
    result: dict[str, Any] = {
        "score": column,
        "good": "small" if small else "large",
        "all": quality.distribution(found.scores, found.tokens),
        "by": {group.column: quality.distributions(found, group) for group in found.groups},
        "thresholds": [
            {"keep_rate": rate, **quality.kept(found, threshold, small)}
            for rate, threshold in zip(rates, thresholds, strict=False)
        ],
    }
    if tokens is not None:
        threshold = quality.threshold_of_tokens(found, tokens, small)
        result["suggested"] = None if threshold is None else quality.kept(found, threshold, small)
    return result


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _numbers(opened: Opened, column: str, where: str | None) -> np.ndarray:
    """A column as float64, nulls as NaN."""
    pieces = [pc.cast(batch.column(0), pa.float64(), safe=False) for batch in opened.scan([column], where)]
    arrays = [pc.fill_null(piece, float("nan")).to_numpy(zero_copy_only=False) for piece in pieces]
    return np.concatenate([np.empty(0), *arrays])


def _groups(opened: Opened, column: str, where: str | None) -> quality.Groups:
    """A column's values as codes, the commonest first."""
    places: dict[Any, int] = {}
    pieces = [np.empty(0, dtype=np.int32)]
    for batch in opened.scan([column], where):
        values = batch.column(0)
        encoded = pc.dictionary_encode(values.dictionary_decode() if pa.types.is_dictionary(values.type) else values)
        local = [places.setdefault(value, len(places)) for value in encoded.dictionary.to_pylist()]
        codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        pieces.append(np.append(np.array(local, dtype=np.int32), np.int32(-1))[codes])
    codes = np.concatenate(pieces)
    sizes = np.bincount(codes[codes >= 0], minlength=len(places))
    order = np.argsort(-sizes, kind="stable")
    ranks = np.empty(len(places) + 1, dtype=np.int32)
    ranks[order], ranks[-1] = np.arange(len(places)), -1
    values = list(places)
    return quality.Groups(column, [str(values[i]) for i in order], ranks[codes])
