"""How much a document is of the kind wanted, by a fastText classifier."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from curate.stage import Alarm, Applied, Census, InputFile, Load, ModelPath, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.fasttext import Examples


class FasttextConfig(StageConfig):
    """Score documents by a quality classifier: train one on good and bad text, or give a fastText model.

    fasttext: the score, the probability of the positive label; null for a document without a word.
    fasttext_label: the likeliest label, without `__label__`.
    fasttext_calibrated (with --calibrate): the score as a probability that holds on the examples.
    fasttext_quantile (with --by): the share of the documents of its group that score no higher, itself included, so
    `fasttext_quantile > 0.9` chooses the best tenth of each group; groups of under 100 documents are taken together.
    """

    positive: list[ModelPath] = Field(
        [],
        description="Examples of the kind wanted: files in any format that ingest reads (FILE#FIELD names the field "
        "that holds the text when it is not 'text'), or a condition on the corpus's columns, such as "
        "\"url like '%wikipedia%'\". With --model, the examples measure it.",
    )
    negative: list[ModelPath] = Field(
        ["corpus"],
        description="Examples of the kind not wanted, given likewise; 'corpus' stands for a random sample of the "
        "corpus itself, less what a condition of --positive chooses.",
    )
    labels: str | None = Field(
        None,
        description="Train on this column instead: a classifier of its values, of which --label is the one wanted.",
    )
    sample: int = Field(10_000, ge=1, le=100_000, description="Documents of the corpus of each kind to learn from.")
    epochs: int = Field(
        5, ge=1, le=1000, description="Passes over the examples in training; more help when they are few."
    )
    folds: int = Field(
        0,
        ge=0,
        le=20,
        description="Train so many models more (2 or more), each without its share of the examples, and report the "
        "labels to doubt; with 0, a tenth is held out to measure the model.",
    )
    model: InputFile | None = Field(
        None, description="A fastText model file (.bin or .ftz) to use instead of training one."
    )
    label: list[str] = Field(
        [],
        description="The labels whose probability is the score, added up; by default __label__positive or __label__hq.",
    )
    score: Literal["label", "top", "mean"] = Field(
        "label",
        description="label: the probability of --label. top: that of the likeliest label. mean: the mean of labels "
        "that are numbers, as of grades from 0 to 5, weighted by their probabilities.",
    )
    text_as: Literal["lines", "tokens"] = Field(
        "lines",
        description="What that model reads: 'lines' is the text with spaces for newlines, 'tokens' is it lower-cased "
        "with spaces around words and punctuation, which is what a model trained here reads.",
    )
    calibrate: bool = Field(
        False, description="Add fasttext_calibrated: a logistic curve over the score's log-odds, fitted to examples."
    )
    by: str | None = Field(
        None,
        description="Add fasttext_quantile, the place within the documents of the same value of this column, such as "
        "language or source; 'domain' is the host of the url.",
    )
    max_same: Annotated[Share, Alarm] = Field(
        0.99,
        ge=0,
        le=1,
        description="Stop before the commit if a larger share of 1,000 documents or more scores alike.",
    )
    seed: int = Field(
        0, ge=0, lt=1 << 31, description="Draws the sample and the held-out texts, and starts the training."
    )

    @model_validator(mode="after")
    def _trains_or_loads(self) -> FasttextConfig:
        if self.labels and (self.model or self.positive):
            raise ValueError("--labels trains on a column; give it without --model and --positive")
        if not self.model and not self.positive and not self.labels:
            raise ValueError("give --positive or --labels to train on, or a --model")
        if self.positive and not self.negative:
            raise ValueError("give --negative files or conditions, or 'corpus', to train on")
        if self.positive and not self.model and (self.label or self.score == "mean"):
            raise ValueError("--label and --score choose among the labels of a --model or of --labels")
        if self.labels and self.score == "label" and not self.label:
            raise ValueError("say by --label which value of --labels is wanted, or --score top or mean")
        if self.calibrate and (self.score != "label" or not (self.positive or self.labels)):
            raise ValueError("--calibrate needs examples: --positive, or --labels with --label")
        return self

    @model_validator(mode="after")
    def _measures_what_is_given(self) -> FasttextConfig:
        if self.folds == 1 or (self.model and self.folds):
            raise ValueError("--folds is 0, or 2 or more to train; a --model stands as it is")
        if self.model and self.positive and self.score != "label":
            raise ValueError("the examples measure a --model by --score label alone")
        return self


def needs(config: FasttextConfig) -> tuple[str, ...]:
    return () if config.by else ("text",)


def adds(config: FasttextConfig) -> pa.Schema:
    import pyarrow as pa

    fields = [("fasttext", pa.float32()), ("fasttext_label", pa.string())]
    if config.calibrate:
        fields.append(("fasttext_calibrated", pa.float32()))
    if config.by:
        fields.append(("fasttext_quantile", pa.float64()))
    return pa.schema(fields)


def _from_corpus(config: FasttextConfig) -> bool:
    """Whether documents of the corpus are examples."""
    from curate.algorithms import fasttext_choice

    if not config.positive:
        return config.labels is not None
    given = [*config.positive, *config.negative]
    return any(item == "corpus" or not fasttext_choice.is_file(item) for item in given)


def sample_examples(config: FasttextConfig) -> int | None:
    return None if _from_corpus(config) else 0


def _file_bytes(config: FasttextConfig) -> int:
    """Bytes of the files of examples. Raises UsageError for one that is not there."""
    import os

    from curate.algorithms import fasttext_choice
    from curate.storage.corpus import DOCUMENTS
    from curate.storage.sources import listing

    given = [path for path in [*config.positive, *config.negative] if fasttext_choice.is_file(path)]
    paths = [fasttext_choice.path_of(path) for path in given]
    folders = [os.path.join(path, DOCUMENTS) for path in paths]
    paths = [folder if os.path.isdir(folder) else path for path, folder in zip(paths, folders, strict=True)]
    return sum(file.size for path in paths for file in listing([path]))


def needs_choice(config: FasttextConfig) -> tuple[str, ...]:
    from curate.algorithms import fasttext_choice

    _file_bytes(config)
    if config.labels:
        return ("id", config.labels)
    if not _from_corpus(config):
        return ()
    found = [*fasttext_choice.columns(config.positive, "positive")]
    found += fasttext_choice.columns(config.negative if config.positive else [], "negative")
    return ("id", *dict.fromkeys(name for name in found if name != "id"))


def survey_choice(table: pa.Table, mine: None, config: FasttextConfig) -> pa.Table:
    from curate.algorithms import fasttext_choice

    return fasttext_choice.candidates(
        table, config.positive, config.negative, config.labels, config.sample, config.seed
    )


def settle_choice(tables: Iterable[pa.Table], config: FasttextConfig) -> Settled:
    """Holds 128 bytes for each document to learn from, and 64 MiB."""
    from curate.algorithms import fasttext_choice

    rows = fasttext_choice.settled(tables, config.sample)
    return Settled(rows.slice(0, 0), [rows] if _from_corpus(config) else None)


def needs_examples(config: FasttextConfig) -> tuple[str, ...]:
    if not _from_corpus(config):
        return ()
    return ("id", "text", *([config.labels] if config.labels else []))


def survey_examples(table: pa.Table, mine: pa.Table, config: FasttextConfig) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    from curate.algorithms import fasttext, fasttext_choice

    if config.labels:
        labels: Any = table[config.labels]
    else:
        wanted = pc.equal(mine["kind"], pa.scalar(fasttext_choice.POSITIVE, pa.int64()))
        labels = pc.if_else(wanted, fasttext.POSITIVE, fasttext.NEGATIVE)
    return fasttext.examples(table["text"], labels, table["id"], tokens=_tokens(config))


def _tokens(config: FasttextConfig) -> bool:
    return config.model is None or config.text_as == "tokens"


def settle_examples(tables: Iterable[pa.Table], config: FasttextConfig) -> Settled:
    """Train the classifier. Holds 400 MB, and 4 times the bytes of the examples, of each at most 20,000 characters."""
    from curate.algorithms import fasttext

    if config.model:
        loaded = fasttext.load(config.model, config.label, config.score)
        if not config.positive:
            return Settled(fasttext.MODEL.empty_table())
        return Settled(fasttext.measure(loaded, _gathered(tables, config)))
    given = _gathered(tables, config)
    main = _main(config)
    model = fasttext.train(given, epochs=config.epochs, seed=config.seed, folds=config.folds, main=main)
    fasttext.load_trained(model, config.label, config.score)
    return Settled(model)


def _main(config: FasttextConfig) -> list[str]:
    """The labels whose probability is the score, in full."""
    from curate.algorithms import fasttext

    if not config.labels:
        return [fasttext.POSITIVE]
    return [label if label.startswith(fasttext.PREFIX) else fasttext.PREFIX + label for label in config.label]


def _gathered(tables: Iterable[pa.Table], config: FasttextConfig) -> Examples:
    from curate.algorithms import fasttext

    if config.labels:
        return fasttext.gathered(list(tables), None)
    files = [
        table
        for paths, label in ((config.positive, fasttext.POSITIVE), (config.negative, fasttext.NEGATIVE))
        for path in paths
        for table in _examples(path, label, config)
    ]
    return fasttext.gathered([*files, *tables], [fasttext.POSITIVE, fasttext.NEGATIVE])


def _examples(path: str, label: str, config: FasttextConfig) -> Iterable[pa.Table]:
    import os

    from curate import formats
    from curate.algorithms import fasttext, fasttext_choice
    from curate.algorithms.normalise import normalise

    if path == "corpus" or not fasttext_choice.is_file(path):
        return
    for texts in formats.texts(path):
        yield fasttext.examples(normalise(texts)[0], label, os.path.basename(path), tokens=_tokens(config))


def sample_scores(config: FasttextConfig) -> int | None:
    return None if config.by else 0


def needs_scores(config: FasttextConfig) -> tuple[str, ...]:
    from curate.algorithms import fasttext_groups

    return tuple(dict.fromkeys(("id", "text", fasttext_groups.column_of(config.by)))) if config.by else ()


def survey_scores(table: pa.Table, mine: None, model: pa.Table, config: FasttextConfig) -> pa.Table:
    from curate.algorithms import fasttext, fasttext_groups

    assert config.by is not None
    judged = fasttext.judge(_classifier(model, config), table["text"], tokens=_tokens(config))
    return fasttext_groups.surveyed(table, judged, config.by)


def settle_scores(tables: Iterable[pa.Table], config: FasttextConfig) -> Settled:
    """Holds 100 bytes a document, and two pieces of 128 MiB of the rows that it leaves."""
    from curate.algorithms import fasttext_groups

    return Settled(None, fasttext_groups.settled(tables) if config.by else None)


def _classifier(model: pa.Table, config: FasttextConfig) -> Any:
    from curate.algorithms import fasttext

    if config.model:
        return fasttext.load(config.model, config.label, config.score, model)
    return fasttext.load_trained(model, config.label, config.score)


def prepare(model: pa.Table, config: FasttextConfig) -> Any:
    return _classifier(model, config)


def apply(table: pa.Table, mine: pa.Table | None, prepared: Any, config: FasttextConfig) -> Applied:
    import pyarrow as pa

    from curate.algorithms import fasttext

    schema = adds(config)
    if config.by and mine is None:
        return Applied(schema.empty_table())
    judged = mine if config.by else fasttext.judge(prepared, table["text"], tokens=_tokens(config))
    assert judged is not None
    columns = {"fasttext": judged["score"], "fasttext_label": judged["label"]}
    if config.calibrate:
        columns["fasttext_calibrated"] = fasttext.calibrated(prepared, judged["score"])
    if config.by:
        columns["fasttext_quantile"] = judged["quantile"]
    return Applied(pa.table(columns, schema=schema))


def needs_after(config: FasttextConfig) -> tuple[str, ...]:
    from curate.algorithms import fasttext_groups

    grouped = [fasttext_groups.column_of(config.by)] if config.by else []
    return tuple(dict.fromkeys(["bytes", "source", *grouped]))


def survey_after(table: pa.Table, mine: None, config: FasttextConfig) -> pa.Table:
    from curate.algorithms import fasttext_groups

    return fasttext_groups.counted(table, "fasttext", config.by, fasttext_groups.edges(config.score == "mean"))


def settle_after(tables: Iterable[pa.Table], config: FasttextConfig) -> Settled:
    """Add up the distributions: 100 bytes for each bin of each group that has a document."""
    from curate.algorithms import fasttext_groups

    return Settled(fasttext_groups.united(tables, fasttext_groups.edges(config.score == "mean")))


def report(model: pa.Table, summary: pa.Table, config: FasttextConfig) -> list[str]:
    from curate.algorithms import fasttext, fasttext_groups

    return [*fasttext.report_lines(model), *fasttext_groups.lines(summary, config.by, config.score == "mean")]


def alarm(summary: pa.Table, config: FasttextConfig) -> None:
    from curate.algorithms import fasttext_groups

    fasttext_groups.check(summary, config.max_same)


def memory(load: Load, config: FasttextConfig) -> int:
    """A shard's text and the model, for which one trained here takes 224 MiB; for the settling what it says.

    A model given is mapped, so that all processes share it. The last settling before `apply` copies the model.
    """
    import os

    model = os.path.getsize(config.model) * 3 // 2 if config.model else 224 << 20
    if load.kind == "settle" and load.census != 1:
        copied = model if load.census == 2 else 0
        return (128 << 20) + copied + 160 * load.rows + min(256 << 20, 60 * load.rows)
    if load.kind != "settle":
        return load.reading + model + 160 * load.rows
    given = 4 * _file_bytes(config)
    drawn = load.bytes if load.measured else min(load.bytes, 20_000 * min(load.rows, 2 * config.sample))
    return (512 << 20) + model + 5 * (drawn + given)


STAGE = Stage(
    name="fasttext",
    revision=3,
    config=FasttextConfig,
    needs=needs,
    adds=adds,
    before=(
        Census(survey_choice, settle_choice, needs=needs_choice, sample=sample_examples),
        Census(survey_examples, settle_examples, needs=needs_examples, sample=sample_examples, only_mine=True),
        Census(survey_scores, settle_scores, needs=needs_scores, sample=sample_scores, given=True),
    ),
    prepare=prepare,
    apply=apply,
    after=Census(survey_after, settle_after, needs=needs_after),
    report=report,
    alarm=alarm,
    memory=memory,
)
