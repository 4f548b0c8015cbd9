"""Which documents examples of a benchmark rank highest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from curate.ranked import KeepRate, Ranked
from curate.stage import Census, InputFile, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.stage import Likewise

_RANKED = Ranked("betr")


class BetrConfig(StageConfig):
    """Score documents by a classifier of what examples of a benchmark rank highest in a sample (BETR).

    Every example puts a sample of the corpus in the order of cosines to it. The documents with the best ranks, and as
    many others, teach a fastText classifier, which reads the text of every document. Give training examples: those that
    a benchmark tests by would leak into the choice.
    betr: the classifier's probability, from 0 to 1; null for a text without a word. betr_keep: whether the document is
    among the --keep-rate best: exactly that share of those with a score, rounded down. betr_quantile: the share of them
    with a score as high or higher: betr_quantile <= 0.02 is what another --keep-rate would keep, and that ranks and
    trains nothing again.
    """

    target: list[InputFile] = Field(
        min_length=1,
        description="Files of examples, one a record, in any format that ingest reads; FILE#question+answer names the "
        "fields that hold the text when it is not 'text'.",
    )
    keep_rate: KeepRate = 0.1
    examples: int = Field(
        4096, ge=1, le=65_536, description="Examples that rank, drawn from all. Time grows with them."
    )
    sample: int = Field(
        32_768, ge=40, le=1_000_000, description="Documents that are ranked, drawn from all. Time grows with them."
    )
    top: Share = Field(0.1, gt=0, le=0.5, description="The share of the sample that the classifier learns to find.")
    combine: Literal["best", "reciprocal", "logarithm"] = Field(
        "best",
        description="What a document's ranks come to. best: the best of them. reciprocal or logarithm: the mean over "
        "the examples of 1/rank, or of -log2(rank), so that many examples count for more than one.",
    )
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the examples and the sample, and seeds the training.")


def needs_vectors(config: BetrConfig) -> tuple[str, ...]:
    return ("id", config.embedding)


def needs_text(config: BetrConfig) -> tuple[str, ...]:
    return ("id", "text")


def settle_target(make: Likewise, config: BetrConfig) -> Settled:
    """Draw the examples and embed them as the corpus was."""
    from itertools import chain

    from curate import formats
    from curate.algorithms import examples, transport

    texts = chain.from_iterable(map(formats.texts, config.target))
    drawn = examples.drawn(texts, config.examples, config.seed)
    return Settled(transport.embedded(make, drawn, config.embedding))


def survey_sample(table: pa.Table, mine: None, config: BetrConfig) -> pa.Table:
    from curate.algorithms import betr

    return betr.surveyed(table, config.embedding)


def settle_sample(tables: Iterable[pa.Table], model: pa.Table, config: BetrConfig) -> Settled:
    from curate.algorithms import betr

    figures, rows = betr.learned(tables, model, config.top, config.combine)
    return Settled(figures, [rows])


def survey_examples(table: pa.Table, mine: pa.Table, config: BetrConfig) -> pa.Table:
    from curate.algorithms import distilled

    return distilled.examples(table, mine)


def settle_examples(tables: Iterable[pa.Table], model: pa.Table, config: BetrConfig) -> Settled:
    from curate.algorithms import betr, distilled

    found = model.to_pylist()[0]
    return Settled(distilled.train(tables, config.seed, {f.name: (found[f.name], f.type) for f in betr.FIGURES}))


def survey(table: pa.Table, mine: None, model: pa.Table, config: BetrConfig) -> pa.Table:
    from curate.algorithms import distilled

    return distilled.scored(table, model)


def report(model: pa.Table, summary: pa.Table, config: BetrConfig) -> list[str]:
    from curate.algorithms import betr, fasttext, scores

    return [*betr.lines(model, config.combine), *fasttext.report_lines(model), *scores.kept_lines(summary)]


def memory(load: Load, config: BetrConfig) -> int:
    """The target's texts, and 512 MiB to embed the examples; of the sample its vectors four times; of the training
    0.7 GiB and 5 times the texts; of a shard what is read, the classifier and 100 bytes a document; of the last
    settling 70 bytes a document and the pieces of its rows."""
    from curate import formats

    vectors = 16 << 10
    if load.kind == "settle" and load.census == 0:
        given = 4 * min(formats.unpacked_bytes(config.target), 64 << 20)
        return (512 << 20) + given + config.examples * vectors
    if load.kind == "settle" and load.census == 1:
        sample = load.bytes if load.measured else min(load.bytes, config.sample * vectors)
        return (192 << 20) + 4 * sample + config.sample * 400 + config.examples * vectors
    if load.kind == "settle" and load.census == 2:
        drawn = load.bytes if load.measured else min(load.bytes, 20_000 * 2 * int(config.top * config.sample))
        return (700 << 20) + 5 * drawn
    if load.kind == "settle":
        return (128 << 20) + 70 * load.rows + min(256 << 20, 60 * load.rows)
    return load.reading + (160 << 20) + 160 * load.rows


STAGE = Stage(
    name="betr",
    revision=2,
    config=BetrConfig,
    adds=_RANKED.adds,
    before=(
        Census(None, settle_target, likewise=lambda config: (config.embedding,)),
        Census(
            survey_sample, settle_sample, sample=lambda config: config.sample, needs=needs_vectors, settle_given=True
        ),
        Census(survey_examples, settle_examples, needs=needs_text, only_mine=True, settle_given=True),
        Census(survey, _RANKED.settle, needs=needs_text, given=True),
    ),
    apply=_RANKED.apply,
    again=_RANKED.again,
    after=_RANKED.after,
    report=report,
    memory=memory,
)
