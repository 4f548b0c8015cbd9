"""Which documents are easy for the models that do well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from curate.ranked import KeepRate, Ranked
from curate.stage import Census, InputFile, Load, ModelPath, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

_RANKED = Ranked("correlations")


class CorrelationsConfig(StageConfig):
    """Score documents by how well models' losses on their like go with benchmarks (Perplexity Correlations).

    For each text, or group of texts such as a domain, the losses of many models are set against how these do on
    benchmarks. The texts on which better models lose less, as many as there are, teach a fastText classifier what to
    include, the others what to exclude, and it reads the text of every document.
    correlations: the classifier's probability, from 0 to 1; null for a text without a word. correlations_keep: whether
    the document is among the --keep-rate best: exactly that share of those with a score, rounded down.
    correlations_quantile: the share of them with a score as high or higher: correlations_quantile <= 0.02 is what
    another --keep-rate would keep, and that trains nothing again.
    """

    losses: InputFile | None = Field(
        None,
        description="A table (.csv, .tsv, .parquet, .jsonl) of bits per byte: a document's id or a group's name in the "
        "first column and a model in each of the others, or a model a row, named in a column 'model'.",
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
    by: str = Field(
        "id",
        description="What the texts of the table are: documents by id, or the values of another column, such as "
        "source, or 'domain', the host of the URL without www.",
    )
    estimator: Literal["spearman", "product", "sign", "sign_cdf", "sign_sign"] = Field(
        "spearman",
        description="How losses and errors are set against each other: the correlation of their ranks, their "
        "covariance, or by pairs of models: with the difference of losses, of their places, or its sign.",
    )
    projection: Literal["linear", "l2"] = Field(
        "linear",
        description="How the mixture follows from the estimates, within what each text or group can give. linear: the "
        "best, all of each, up to the --ratio. l2: the mixture nearest to the estimates.",
    )
    ratio: Share = Field(
        0.1, gt=0, le=1, description="The share of the bytes that the mixture is to have, so what each text can give."
    )
    documents: int = Field(25, ge=1, le=10_000, description="The most documents of a group to judge and learn from.")
    sample: int = Field(20_000, ge=40, le=200_000, description="The most documents in all to judge and learn from.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Seeds the training.")

    @model_validator(mode="after")
    def _has_losses(self) -> CorrelationsConfig:
        if bool(self.losses) == bool(self.models):
            raise ValueError("give either a table of --losses or the --models that make them")
        return self


def needs_groups(config: CorrelationsConfig) -> tuple[str, ...]:
    from curate.algorithms import fasttext_groups

    return tuple(dict.fromkeys(("id", "bytes", fasttext_groups.column_of(config.by))))


def needs_texts(config: CorrelationsConfig) -> tuple[str, ...]:
    from curate.algorithms import fasttext_groups

    return tuple(dict.fromkeys(("id", "text", fasttext_groups.column_of(config.by))))


def needs_text(config: CorrelationsConfig) -> tuple[str, ...]:
    return ("id", "text")


def survey_groups(table: pa.Table, mine: None, config: CorrelationsConfig) -> pa.Table:
    from curate.algorithms import loss_tables

    each = config.sample if config.by == "id" else config.documents
    return loss_tables.surveyed(table, config.by, config.losses, each)


def settle_groups(tables: Iterable[pa.Table], config: CorrelationsConfig) -> Settled:
    from curate.algorithms import loss_tables

    groups, rows = loss_tables.settled(tables, config.documents, config.sample)
    return Settled(groups, [rows])


def survey_texts(table: pa.Table, mine: pa.Table, model: pa.Table, config: CorrelationsConfig) -> pa.Table:
    from curate.algorithms import loss_tables

    return loss_tables.judged(table, config.by, config.models, model)


def settle_texts(tables: Iterable[pa.Table], model: pa.Table, config: CorrelationsConfig) -> Settled:
    """Estimate, project and train. Holds the table of losses three times and 5 times the texts."""
    import pyarrow as pa

    from curate.algorithms import correlations, distilled, loss_tables

    examples = pa.concat_tables(tables).combine_chunks()
    losses = loss_tables.known(examples, config.losses, config.models)
    there, scores = loss_tables.scores(config.benchmarks, config.benchmark, losses.models)
    found = correlations.estimated(losses, model, there, scores, config.ratio, config.estimator, config.projection)
    figures = correlations.figures(found, len(there))
    named = {f.name: (figures[f.name], f.type) for f in correlations.FIGURES}
    trained = distilled.train(correlations.labelled(examples, found, config.ratio), config.seed, named)
    return Settled(trained.append_column("groups", correlations.in_first_row(found, trained.num_rows)))


def survey(table: pa.Table, mine: None, model: pa.Table, config: CorrelationsConfig) -> pa.Table:
    from curate.algorithms import distilled

    return distilled.scored(table, model)


def report(model: pa.Table, summary: pa.Table, config: CorrelationsConfig) -> list[str]:
    from curate.algorithms import correlations, fasttext, scores

    trained = fasttext.report_lines(model.drop_columns(["groups"]))
    return [*correlations.lines(model, config.estimator), *trained, *scores.kept_lines(summary)]


def memory(load: Load, config: CorrelationsConfig) -> int:
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
    name="correlations",
    revision=3,
    config=CorrelationsConfig,
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
