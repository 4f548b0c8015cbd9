"""Which documents order models as benchmarks do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from curate.ranked import KeepRate, Ranked
from curate.stage import Census, InputFile, Load, ModelPath, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

_RANKED = Ranked("preselect")


class PreselectConfig(StageConfig):
    """Score documents by how well the order of models' losses on their like is that of benchmarks (PreSelect).

    A document's predictive strength is the number of pairs of models of which the better one loses less on it, of
    equal losses a half. Those with all pairs right, and as many with the fewest, teach a fastText classifier, which
    reads the text of every document.
    preselect: the classifier's probability, from 0 to 1; null for a text without a word. preselect_keep: whether the
    document is among the --keep-rate best: exactly that share of those with a score, rounded down. preselect_quantile:
    the share of them with a score as high or higher: preselect_quantile <= 0.02 is what another --keep-rate would keep,
    and that trains nothing again.
    """

    losses: InputFile | None = Field(
        None,
        description="A table (.csv, .tsv, .parquet, .jsonl) of bits per byte: a document's id in the first column and "
        "a model in each of the others, or a model a row, named in a column 'model'.",
    )
    models: list[ModelPath] = Field(
        [],
        description="Instead, models that make them, of the first 2,000 characters of each document: layers of "
        "perplexity, KenLM files, or folders or ids of causal models of transformers.",
    )
    benchmarks: InputFile = Field(
        description="A table (.csv, .tsv, .parquet, .jsonl) of how models do on benchmarks: a model a row, named in a "
        "column 'model' as in --losses, or as --models are given; a benchmark in each of the others, better where "
        "higher.",
    )
    benchmark: list[str] = Field(
        [], description="Which of them to take the mean of, with a minus (=-NAME) those of errors; all by default."
    )
    keep_rate: KeepRate = 0.1
    top: Share | None = Field(
        None,
        gt=0,
        le=0.5,
        description="The share of the documents judged to learn to find; by default those with every pair right.",
    )
    sample: int = Field(20_000, ge=40, le=200_000, description="The most documents to judge and learn from.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Seeds the training.")

    @model_validator(mode="after")
    def _has_losses(self) -> PreselectConfig:
        if bool(self.losses) == bool(self.models):
            raise ValueError("give either a table of --losses or the --models that make them")
        return self


def needs_groups(config: PreselectConfig) -> tuple[str, ...]:
    return ("id", "bytes")


def needs_texts(config: PreselectConfig) -> tuple[str, ...]:
    return ("id", "text")


def needs_text(config: PreselectConfig) -> tuple[str, ...]:
    return ("id", "text")


def survey_groups(table: pa.Table, mine: None, config: PreselectConfig) -> pa.Table:
    from curate.algorithms import loss_tables

    return loss_tables.surveyed(table, "id", config.losses, config.sample)


def settle_groups(tables: Iterable[pa.Table], config: PreselectConfig) -> Settled:
    from curate.algorithms import loss_tables

    groups, rows = loss_tables.settled(tables, 1, config.sample)
    return Settled(groups, [rows])


def survey_texts(table: pa.Table, mine: pa.Table, model: pa.Table, config: PreselectConfig) -> pa.Table:
    from curate.algorithms import loss_tables

    return loss_tables.judged(table, "id", config.models, model)


def settle_texts(tables: Iterable[pa.Table], model: pa.Table, config: PreselectConfig) -> Settled:
    """Count pairs and train. Holds the table of losses three times and 5 times the texts."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import distilled, loss_tables, preselect

    examples = pa.concat_tables(tables).combine_chunks()
    losses = loss_tables.known(examples, config.losses, config.models)
    there, scores = loss_tables.scores(config.benchmarks, config.benchmark, losses.models)
    found, pairs = preselect.strengths(losses.values[there], scores)
    labelled = preselect.labelled(examples, losses, found, pairs, config.top)
    strengths = np.bincount((2 * found).astype(np.int64), minlength=2 * pairs + 1).tolist()
    figures = {"models": len(there), "pairs": pairs, "texts": len(found), "strengths": strengths}
    return Settled(
        distilled.train(labelled, config.seed, {f.name: (figures[f.name], f.type) for f in preselect.FIGURES})
    )


def survey(table: pa.Table, mine: None, model: pa.Table, config: PreselectConfig) -> pa.Table:
    from curate.algorithms import distilled

    return distilled.scored(table, model)


def report(model: pa.Table, summary: pa.Table, config: PreselectConfig) -> list[str]:
    from curate.algorithms import fasttext, preselect, scores

    return [*preselect.lines(model), *fasttext.report_lines(model), *scores.kept_lines(summary)]


def memory(load: Load, config: PreselectConfig) -> int:
    """The tables that are given, of losses 8 times; of the first settling 200 bytes a document; of the texts what is
    read and the models, and of the training 0.7 GiB and 5 times the texts; of a shard what is read, the classifier and
    160 bytes a document; of the last settling 70 bytes a document and the pieces of its rows."""
    from curate import formats
    from curate.algorithms import loss_models

    given = 8 * formats.unpacked_bytes([path for path in (config.losses, config.benchmarks) if path])
    if load.kind == "settle" and load.census == 0:
        return (192 << 20) + given + 200 * load.rows
    if load.kind == "settle" and load.census == 1:
        drawn = load.bytes if load.measured else min(load.bytes, 20_000 * min(load.rows, config.sample))
        return (700 << 20) + given + 5 * drawn
    if load.kind == "settle":
        return (128 << 20) + 70 * load.rows + min(256 << 20, 60 * load.rows)
    models = config.models if load.kind == "survey" and load.census == 1 else []
    opened = sum(loss_models.memory(loss_models.settled_model(path)) for path in models)
    return load.reading + given + opened + (160 << 20) + 200 * load.rows


STAGE = Stage(
    name="preselect",
    revision=3,
    config=PreselectConfig,
    adds=_RANKED.adds,
    before=(
        Census(survey_groups, settle_groups, needs=needs_groups),
        Census(survey_texts, settle_texts, needs=needs_texts, only_mine=True, given=True, settle_given=True),
        Census(survey, _RANKED.settle, needs=needs_text, given=True),
    ),
    apply=_RANKED.apply,
    again=_RANKED.again,
    after=_RANKED.after,
    report=report,
    memory=memory,
)
