"""What every document costs a language model, and which to keep by that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from curate.stage import Applied, Census, Decision, InputFile, Load, ModelPath, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.loss_models import LossModel
    from curate.algorithms.perplexity import Wanted


_EXAMPLE_BYTES = 8_192


class PerplexityConfig(StageConfig):
    """Score documents by what they cost a language model, in bits per byte of text, and mark which to keep by that.

    It adds columns and takes no document out: `curate select CORPUS --where perplexity_keep --to NEW` does.
    Text unlike what the model knows costs much; boilerplate and repeats cost little.
    perplexity: bits per byte; null for an empty text, which then has no place, bucket or weight and is not kept.
    perplexity_quantile: the share of documents (of those alike in --by) that cost no more, itself included.
    perplexity_bucket: head, middle or tail by that share, as CCNet has them.
    perplexity_weight: with gaussian and stepwise how likely it is to be drawn, 1 for the likeliest; otherwise null.
    perplexity_rank: the share of documents that are kept before it or with it.
    perplexity_keep: whether it stays: of n documents exactly --keep-rate * n, rounded down.
    Another --keep-rate, --head or --tail scores nothing again: give it to the same command, or write
    'perplexity_rank <= 0.3' or 'perplexity_quantile <= 0.2' to select.
    """

    model: ModelPath | None = Field(
        None,
        description="The model: a layer that perplexity made before, with the n-gram model it trained; a KenLM file "
        "(.arpa or binary), which needs pip install 'curate[kenlm]'; or the folder or id of a causal model of "
        "transformers, which needs pip install 'curate[neural]'. Without one an n-gram model is trained.",
    )
    reference: list[InputFile] = Field(
        [],
        description="Files of text to train the n-gram model on, such as Wikipedia (CCNet), in any format that ingest "
        "reads; FILE#FIELD names the field that holds the text when it is not 'text'. Without any it is trained on a "
        "sample of the corpus, in two halves, and judges no document that it was trained on.",
    )
    sample: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="How many documents of the corpus to train on, each by its first 8,192 characters.",
    )
    order: int = Field(3, ge=1, le=6, description="The length of the longest n-grams of a model trained here.")
    unit: Literal["words", "bytes"] = Field(
        "words", description="What those are made of; words that the model has never seen are spelled in bytes."
    )
    by: str | None = Field(
        None,
        description="A column, such as language, whose values part the corpus: quantiles, buckets, weights and what is "
        "kept are then those among documents that are alike in it.",
    )
    head: Annotated[Share, Decision] = Field(
        0.3, ge=0, le=1, description="The share of documents in the head, those that cost least (CCNet's code: 30%)."
    )
    tail: Annotated[Share, Decision] = Field(
        0.4, ge=0, le=1, description="The share of documents in the tail, those that cost most (CCNet's code: 40%)."
    )
    keep: Literal["middle", "low", "gaussian", "stepwise"] = Field(
        "middle",
        description="Which stay: middle drops both tails evenly; low keeps what costs least; gaussian and stepwise "
        "draw documents with a probability that peaks at the median, as BERTIN does.",
    )
    keep_rate: Annotated[Share, Decision] = Field(
        0.8, gt=0, le=1, description="The share of documents to keep, such as 25%."
    )
    width: float = Field(
        4.5, gt=0, description="The width of the Gaussian, in squares of the median perplexity; 4.5 is BERTIN's."
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the sample to train on, and the documents to keep.")

    @field_validator("model")
    @classmethod
    def _of_a_layer(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from curate.algorithms import loss_models

        return loss_models.settled_model(value)

    @model_validator(mode="after")
    def _fits_together(self) -> PerplexityConfig:
        if self.model and self.reference:
            raise ValueError("give either --model or --reference, not both")
        if self.head + self.tail > 1:
            raise ValueError(f"--head {self.head} and --tail {self.tail} are more than all documents")
        return self


def needs(config: PerplexityConfig) -> tuple[str, ...]:
    return ()


def needs_sample(config: PerplexityConfig) -> tuple[str, ...]:
    return ("id", "text")


def needs_scores(config: PerplexityConfig) -> tuple[str, ...]:
    return ("id", "text", *([config.by] if config.by else []))


def adds(config: PerplexityConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("perplexity", pa.float64()),
            ("perplexity_quantile", pa.float64()),
            ("perplexity_bucket", pa.string()),
            ("perplexity_weight", pa.float64()),
            ("perplexity_rank", pa.float64()),
            ("perplexity_keep", pa.bool_()),
        ]
    )


def sample(config: PerplexityConfig) -> int:
    return 0 if config.model or config.reference else config.sample


def survey_sample(table: pa.Table, mine: None, config: PerplexityConfig) -> pa.Table:
    from curate.algorithms import loss_ngrams

    return loss_ngrams.examples(table["text"], table["id"])


def settle_model(tables: Iterable[pa.Table], config: PerplexityConfig) -> Settled:
    """Train the model, if one is to be trained: see `loss_ngrams.training_bytes`."""
    from curate import formats
    from curate.algorithms import loss_models, loss_ngrams, ngram_model

    if config.model:
        loss_models.kind(config.model)
        return Settled(loss_ngrams.to_table([]))
    if config.reference:
        given = f"--reference {' '.join(config.reference)}"
        texts = (found for path in config.reference for found in formats.texts(path))
        counts = [loss_ngrams.text_counts(texts, given, config.order, config.unit)]
    else:
        counts = loss_ngrams.half_counts(tables, config.order, config.unit)
    return Settled(loss_ngrams.to_table([ngram_model.estimate(found) for found in counts]))


def survey_scores(table: pa.Table, mine: None, model: pa.Table, config: PerplexityConfig) -> pa.Table:
    from curate.algorithms import loss_ngrams, perplexity

    models = loss_ngrams.once(model, lambda: _models(model, config))
    bits = loss_ngrams.crossed(table["text"], table["id"], models)
    return perplexity.surveyed(table, bits, config.by, config.seed)


def _models(model: pa.Table, config: PerplexityConfig) -> Sequence[LossModel]:
    from curate.algorithms import loss_models, loss_ngrams

    return loss_models.open_models(config.model) if config.model else loss_ngrams.from_table(model)


def settle_scores(tables: Iterable[pa.Table], config: PerplexityConfig) -> Settled:
    """120 bytes a document, and two pieces of 128 MiB of the rows that it leaves."""
    from curate.algorithms import perplexity

    return Settled(None, rows=perplexity.settled(tables, _wanted(config)))


def _wanted(config: PerplexityConfig) -> Wanted:
    from curate.algorithms.perplexity import Wanted

    return Wanted(config.keep, config.width, config.seed)


def apply(table: pa.Table, mine: pa.Table | None, prepared: None, config: PerplexityConfig) -> Applied:
    from curate.algorithms import perplexity

    return Applied(perplexity.columns(mine, config.keep_rate, config.head, config.tail, adds(config)))


def again(table: pa.Table, config: PerplexityConfig) -> Applied:
    return apply(
        table, table.rename_columns([name.removeprefix("perplexity_") for name in table.column_names]), None, config
    )


def needs_summary(config: PerplexityConfig) -> tuple[str, ...]:
    return ("bytes", *([config.by] if config.by else []))


def survey_summary(table: pa.Table, mine: None, config: PerplexityConfig) -> pa.Table:
    from curate.algorithms import perplexity

    return perplexity.counted(table, config.by)


def settle_summary(tables: Iterable[pa.Table], config: PerplexityConfig) -> Settled:
    """Three rows of a shard for every value of --by."""
    from curate.algorithms import perplexity

    return Settled(perplexity.added(tables))


def report(model: pa.Table, summary: pa.Table, config: PerplexityConfig) -> list[str]:
    from curate.algorithms import perplexity

    return perplexity.lines(summary)


def memory(load: Load, config: PerplexityConfig) -> int:
    """Of a survey what is read and the model; for training 6 bytes for each byte trained on and each order; for the
    settling of scores 120 bytes a document and its rows' pieces."""
    from curate.algorithms import loss_ngrams

    if load.kind == "settle" and load.census == 0:
        return (128 << 20) + loss_ngrams.training_bytes(_trained_bytes(load, config), config.order)
    if load.kind == "settle" and load.census == 1:
        return (64 << 20) + 120 * load.rows + min(256 << 20, 80 * load.rows)
    if load.kind == "survey" and load.census == 1:
        return load.reading + _model_bytes(config) + (96 << 20) + 100 * load.rows
    return load.reading + 100 * load.rows


def _trained_bytes(load: Load, config: PerplexityConfig) -> int:
    from curate import formats

    if config.model:
        return 0
    if config.reference:
        return formats.unpacked_bytes(config.reference)
    return load.bytes if load.measured else min(load.bytes, _EXAMPLE_BYTES * min(load.rows, config.sample))


def _model_bytes(config: PerplexityConfig) -> int:
    """What a given model takes, or one trained here: its file and the tables it is mapped from."""
    from curate import formats
    from curate.algorithms import loss_models, loss_ngrams

    if config.model:
        return loss_models.memory(config.model)
    trained = formats.unpacked_bytes(config.reference) if config.reference else _EXAMPLE_BYTES * config.sample
    return loss_ngrams.model_bytes(trained, config.order)


STAGE = Stage(
    name="perplexity",
    revision=2,
    config=PerplexityConfig,
    needs=needs,
    adds=adds,
    before=(
        Census(survey_sample, settle_model, sample=sample, needs=needs_sample),
        Census(survey_scores, settle_scores, needs=needs_scores, given=True),
    ),
    apply=apply,
    again=again,
    after=Census(survey_summary, settle_summary, needs=needs_summary),
    report=report,
    memory=memory,
)
