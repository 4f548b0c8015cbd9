"""The probability that a document is of the good kind, by a fastText classifier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curate.stage import Census, InputFile, Load, ModelPath, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa


class FasttextConfig(StageConfig):
    """Score documents by a quality classifier: train one on good and bad text, or give a fastText model.

    The column is the probability of the positive label, and null for a document without a word.
    """

    positive: list[InputFile] = Field(
        [],
        description="Files of text of the kind wanted, in any format that ingest reads; FILE#FIELD names the field "
        "that holds the text when it is not 'text'.",
    )
    negative: list[ModelPath] = Field(
        ["corpus"],
        description="Files of text of the kind not wanted; 'corpus' stands for a random sample of the corpus itself.",
    )
    sample: int = Field(10_000, ge=1, le=100_000, description="Documents that 'corpus' draws.")
    epochs: int = Field(
        5, ge=1, le=1000, description="Passes over the examples in training; more help when they are few."
    )
    model: InputFile | None = Field(None, description="A fastText model file (.bin) to use instead of training one.")
    label: str | None = Field(
        None,
        description="The label of that model whose probability to give; by default __label__positive or __label__hq.",
    )
    text_as: Literal["lines", "tokens"] = Field(
        "lines",
        description="What that model reads: 'lines' is the text with spaces for newlines, 'tokens' is it lower-cased "
        "with spaces around words and punctuation, which is what a model trained here reads.",
    )
    seed: int = Field(
        0, ge=0, lt=1 << 31, description="Draws the sample and the held-out texts, and starts the training."
    )

    @model_validator(mode="after")
    def _trains_or_loads(self) -> FasttextConfig:
        if self.model and self.positive:
            raise ValueError("give either --model or --positive, not both")
        if not self.model and not self.positive:
            raise ValueError("give --positive files to train on, or a --model")
        if not self.model and not self.negative:
            raise ValueError("give --negative files, or 'corpus', to train on")
        if not self.model and self.label:
            raise ValueError("--label chooses a label of a --model; without one there is nothing to choose")
        return self


def needs(config: FasttextConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: FasttextConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("fasttext", pa.float32())])


def sample(config: FasttextConfig) -> int:
    return config.sample if config.positive and "corpus" in config.negative else 0


def survey(table: pa.Table, mine: None, config: FasttextConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import fasttext

    return pa.table({"line": fasttext.examples(table["text"])})


def settle(tables: Iterable[pa.Table], config: FasttextConfig) -> Settled:
    """Train the classifier. Holds 400 MB, and 3 times the bytes of the examples, of each at most 20,000 characters."""
    import pyarrow as pa

    from curate.algorithms import fasttext

    if config.model:
        fasttext.load(config.model, config.label)
        return Settled(fasttext.untrained())
    drawn = [table["line"].combine_chunks() for table in tables]
    positives = [line for path in config.positive for line in _examples(path, config)]
    negatives = [line for path in config.negative if path != "corpus" for line in _examples(path, config)]
    model = fasttext.train(
        pa.chunked_array(positives, pa.large_string()),
        pa.chunked_array(drawn + negatives, pa.large_string()),
        epochs=config.epochs,
        seed=config.seed,
    )
    return Settled(model)


def _examples(path: str, config: FasttextConfig) -> Iterable[pa.Array]:
    from curate import formats
    from curate.algorithms import fasttext
    from curate.algorithms.normalise import normalise

    for texts in formats.texts(path):
        yield fasttext.examples(normalise(texts)[0])


def prepare(model: pa.Table, config: FasttextConfig) -> Any:
    from curate.algorithms import fasttext

    if config.model:
        return fasttext.load(config.model, config.label)
    return fasttext.load_trained(model)


def apply(table: pa.Table, mine: None, prepared: Any, config: FasttextConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import fasttext

    tokens = config.model is None or config.text_as == "tokens"
    return pa.table({"fasttext": fasttext.predict(prepared, table["text"], tokens=tokens)})


def survey_scores(table: pa.Table, mine: None, config: FasttextConfig) -> pa.Table:
    from curate.algorithms import scores

    return scores.distribution(table["fasttext"], table["bytes"], scores.unit_edges())


def settle_scores(tables: Iterable[pa.Table], config: FasttextConfig) -> Settled:
    """Add up the distributions: under 1 KiB, whatever the number of documents."""
    from curate.algorithms import scores

    return Settled(scores.united(tables, scores.unit_edges()))


def report(model: pa.Table, summary: pa.Table, config: FasttextConfig) -> list[str]:
    from curate.algorithms import fasttext, scores

    lines = [] if config.model else fasttext.report_lines(model)
    return [*lines, *scores.kept_lines(summary), *scores.bar_lines(summary)]


def memory(load: Load, config: FasttextConfig) -> int:
    """A shard's text and the model, of which one trained here takes 96 MiB; for the settling what it says."""
    import os

    if load.kind == "settle" and load.census < 0:
        return 64 << 20
    model = os.path.getsize(config.model) * 3 // 2 if config.model else 96 << 20
    if load.kind != "settle" or config.model:
        return load.reading + model + 48 * load.rows
    files = [path.rpartition("#")[0] or path for path in [*config.positive, *config.negative]]
    given = 4 * sum(os.path.getsize(path) for path in files if os.path.isfile(path))
    drawn = load.bytes if load.measured else min(load.bytes, 20_000 * min(load.rows, config.sample))
    return (448 << 20) + 7 * (drawn + given) // 2


STAGE = Stage(
    name="fasttext",
    revision=1,
    config=FasttextConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle, sample=sample),),
    prepare=prepare,
    apply=apply,
    after=Census(survey_scores, settle_scores, needs=lambda config: ("bytes",)),
    report=report,
    memory=memory,
)
