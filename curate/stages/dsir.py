"""Importance weights of documents by their hashed n-grams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from curate.stage import Census, InputFile, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa


class DsirConfig(StageConfig):
    """Score documents by how much likelier their words are in a target than in this corpus (DSIR).

    The column is a log importance weight, above 0 when a document is more like the target than
    like the corpus (that part of it that --where chooses), and null for a document without a
    word. That of a short document is uncertain: the authors leave out fewer than 100 tokens.
    """

    target: list[InputFile] = Field(
        min_length=1,
        description="Files whose distribution of words to match, in any format that ingest reads; FILE#FIELD names "
        "the field that holds the text when it is not 'text'.",
    )
    buckets: int = Field(
        10_000, ge=2, le=1 << 20, description="Hash buckets that all words and pairs of neighbouring words share."
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        description="Pseudo-count added to the target's number of every bucket; helps when the target is small.",
    )
    unit: Literal["document", "chunk"] = Field(
        "document",
        description="What is weighed: the document, or chunks of 128 tokens, and then the document's weight is the log "
        "of the mean importance weight of its chunks, close to that of its best one.",
    )
    normalise: Literal["none", "length"] = Field(
        "length",
        description="'length' divides a weight by the number of words and pairs, so that long documents are not "
        "favoured; 'none' gives the sum, as the authors' package does.",
    )


def needs(config: DsirConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: DsirConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("dsir", pa.float64())])


def survey(table: pa.Table, mine: None, config: DsirConfig) -> pa.Table:
    """One shard's n-grams: int64, one row a bucket."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import dsir

    counts = np.zeros(config.buckets, dtype=np.int64)
    dsir.add_counts(table["text"], counts, chunks=config.unit == "chunk")
    return pa.table({"ngrams": counts})


def settle(tables: Iterable[pa.Table], config: DsirConfig) -> Settled:
    """Compare the corpus with the target. Holds 64 bytes a bucket, whatever the number of documents."""
    import numpy as np

    from curate import formats
    from curate.algorithms import dsir
    from curate.algorithms.normalise import normalise
    from curate.errors import DataError

    pool = np.zeros(config.buckets, dtype=np.int64)
    for table in tables:
        pool += table["ngrams"].to_numpy().reshape(-1, config.buckets).sum(axis=0)  # of one shard or several
    target = np.zeros(config.buckets, dtype=np.int64)
    for path in config.target:
        for texts in formats.texts(path):
            dsir.add_counts(normalise(texts)[0], target, chunks=config.unit == "chunk")
    if not target.any():
        raise DataError(f"dsir: --target {' '.join(config.target)}: no text there has a word; give other files")
    return Settled(dsir.log_ratios(target, pool, config.smoothing))


def prepare(model: pa.Table, config: DsirConfig) -> Any:
    return model["log_ratio"].to_numpy()


def apply(table: pa.Table, mine: None, prepared: Any, config: DsirConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import dsir

    chunks, mean = config.unit == "chunk", config.normalise == "length"
    return pa.table({"dsir": dsir.weights(table["text"], prepared, chunks=chunks, mean=mean)})


def survey_scores(table: pa.Table, mine: None, config: DsirConfig) -> pa.Table:
    from curate.algorithms import scores

    return scores.distribution(table["dsir"], table["bytes"], scores.wide_edges())


def settle_scores(tables: Iterable[pa.Table], config: DsirConfig) -> Settled:
    """Add up the distributions: 32 KiB, whatever the number of documents."""
    from curate.algorithms import scores

    return Settled(scores.united(tables, scores.wide_edges()))


def report(model: pa.Table, summary: pa.Table, config: DsirConfig) -> list[str]:
    from curate.algorithms import dsir, scores

    documents = sum(scores.scored(summary)["documents"].to_pylist())
    effective = scores.effective_size(summary)
    return [
        f"KL divergence of the target from the corpus: {dsir.divergence(model):.3f} nats",
        f"effective sample size: {effective:,.1f} of {documents:,} documents ({effective / max(1, documents):.1%})",
        *scores.kept_lines(summary),
    ]


def memory(load: Load, config: DsirConfig) -> int:
    """A shard's text; for the settling 100 bytes a bucket and the target's texts, 16 MiB at a time."""
    if load.kind == "settle":
        return (128 << 20) + 100 * config.buckets
    return load.reading + 48 * load.rows


STAGE = Stage(
    name="dsir",
    revision=2,
    config=DsirConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle),),
    prepare=prepare,
    apply=apply,
    after=Census(survey_scores, settle_scores, needs=lambda config: ("bytes",)),
    report=report,
    memory=memory,
)
