"""How much less a document costs a language model once that has learnt a target."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from curate.ranked import KeepRate, Ranked
from curate.stage import Census, InputFile, Load, ModelPath, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.contrast import Contrast

_EXAMPLE_BYTES = 8_192
_RANKED = Ranked("contrast", "float64")


class ContrastConfig(StageConfig):
    """Score documents by how much less they cost a language model once it has learnt a target (CoLoR-Filter).

    The model of before, the prior, knows a sample of the corpus; the one of after, the conditional, is a mixture of the
    prior and a model of the target (Moore and Lewis). Both may be given instead.
    contrast: bits per byte under the prior less those under the conditional, higher for documents like the target and
    null for an empty text. contrast_keep: whether the document is among the --keep-rate best: exactly that share of
    those with a score, rounded down. contrast_quantile: the share of them with a score as high or higher.
    Another --keep-rate scores nothing again: give it to the same command, or write 'contrast_quantile <= 0.02' to
    select. The mean over a long text varies less than over a short one, so short texts come first and last.
    """

    target: list[InputFile] = Field(
        [],
        description="Files of texts to be like, in any format that ingest reads; FILE#FIELD names the field that "
        "holds the text when it is not 'text'.",
    )
    prior: ModelPath | None = Field(
        None,
        description="The prior: a layer of perplexity, with the n-gram model it trained, which --target then adapts, "
        "or with --conditional a KenLM file or the folder or id of a causal model of transformers. Without one an "
        "n-gram model is trained on a sample of the corpus, in two halves, and judges no document that it has read.",
    )
    conditional: ModelPath | None = Field(
        None,
        description="Instead of --target, a model that has learnt it: the prior, fine-tuned on the target.",
    )
    keep_rate: KeepRate = 0.1
    weight: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="The share of the target's own model in the conditional; less tells targets from other documents "
        "worse, as few words of a small target come to count.",
    )
    sample: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="How many documents of the corpus to train the prior on, each by its first 8,192 characters.",
    )
    order: int = Field(2, ge=1, le=6, description="The length of the longest n-grams of models trained here.")
    unit: Literal["words", "bytes"] = Field(
        "words", description="What those are made of; words that a model has never seen are spelled in bytes."
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the sample.")

    @field_validator("prior", "conditional")
    @classmethod
    def _of_a_layer(cls, value: str | None) -> str | None:
        if value is None:
            return None
        from curate.algorithms import loss_models

        return loss_models.settled_model(value)

    @model_validator(mode="after")
    def _has_two_models(self) -> ContrastConfig:
        if bool(self.target) == bool(self.conditional):
            raise ValueError("give either --target files or a --conditional model")
        if self.conditional and not self.prior:
            raise ValueError("--conditional needs the --prior that it was made from")
        return self


def needs_sample(config: ContrastConfig) -> tuple[str, ...]:
    return ("id", "text")


def sample(config: ContrastConfig) -> int:
    return 0 if config.prior else config.sample


def survey_sample(table: pa.Table, mine: None, config: ContrastConfig) -> pa.Table:
    from curate.algorithms import loss_ngrams

    return loss_ngrams.examples(table["text"], table["id"])


def settle_models(tables: Iterable[pa.Table], config: ContrastConfig) -> Settled:
    """Train the prior, if none is given, and the target's model, which comes last."""
    from curate import formats
    from curate.algorithms import contrast, loss_ngrams, ngram_model

    if config.conditional:
        return Settled(loss_ngrams.to_table([]))
    order, unit, tokenizer = config.order, config.unit, None
    models = []
    if config.prior:
        order, unit, tokenizer = contrast.adaptable(config.prior)
    else:
        models = [ngram_model.estimate(found) for found in loss_ngrams.half_counts(tables, order, config.unit)]
    texts = (found for path in config.target for found in formats.texts(path))
    given = f"--target {' '.join(config.target)}"
    counts = loss_ngrams.text_counts(texts, given, order, unit, tokenizer)
    return Settled(loss_ngrams.to_table([*models, ngram_model.estimate(counts)]))


def survey(table: pa.Table, mine: None, model: pa.Table, config: ContrastConfig) -> pa.Table:
    from curate.algorithms import loss_ngrams, ranking

    found: Contrast = loss_ngrams.once(model, lambda: _contrast(model, config))
    return ranking.scored(table, found.scores(table["text"], table["id"]))


def _contrast(model: pa.Table, config: ContrastConfig) -> Contrast:
    from curate.algorithms import contrast, loss_ngrams

    if config.prior and config.conditional:
        return contrast.opened(config.prior, config.conditional)
    return contrast.adapted(loss_ngrams.from_table(model), config.prior, config.weight)


def report(model: pa.Table, summary: pa.Table, config: ContrastConfig) -> list[str]:
    from curate.algorithms import scores

    return scores.kept_lines(summary)


def memory(load: Load, config: ContrastConfig) -> int:
    """For training 6 bytes for each byte trained on and each order; of a survey what is read and the models; for the
    settling of scores 70 bytes a document and its rows' pieces."""
    from curate import formats
    from curate.algorithms import loss_models, loss_ngrams

    target = formats.unpacked_bytes(config.target)
    if load.kind == "settle" and load.census == 0:
        drawn = load.bytes if load.measured else min(load.bytes, _EXAMPLE_BYTES * min(load.rows, config.sample))
        return (128 << 20) + loss_ngrams.training_bytes(target + (0 if config.prior else drawn), config.order)
    if load.kind == "settle":
        return (64 << 20) + 70 * load.rows + min(256 << 20, 60 * load.rows)
    if load.kind == "survey" and load.census == 1:
        given = sum(loss_models.memory(path) for path in (config.prior, config.conditional) if path)
        texts = target + (0 if config.prior else _EXAMPLE_BYTES * config.sample)
        trained = loss_ngrams.model_bytes(texts, config.order)
        return load.reading + given + trained + (160 << 20) + 100 * load.rows
    return load.reading + 100 * load.rows


STAGE = Stage(
    name="contrast",
    revision=1,
    config=ContrastConfig,
    adds=_RANKED.adds,
    before=(
        Census(survey_sample, settle_models, sample=sample, needs=needs_sample),
        Census(survey, _RANKED.settle, needs=needs_sample, given=True),
    ),
    apply=_RANKED.apply,
    again=_RANKED.again,
    after=_RANKED.after,
    report=report,
    memory=memory,
)
