"""How much examples of a target help to compress each document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curate.ranked import KeepRate, Ranked
from curate.stage import Census, InputFile, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

_RANKED = Ranked("zipfit")


class ZipfitConfig(StageConfig):
    """Score documents by how well they compress together with examples of a target (ZIP-FIT).

    zipfit: the mean over the examples of 1 - the normalised compression distance of example and document, higher for
    those that share phrases and code with the target; null for an empty document. zipfit_keep: whether the document is
    among the --keep-rate best: exactly that share of those with a score, rounded down. zipfit_quantile: the share of
    them with a score as high or higher: zipfit_quantile <= 0.02 is what another --keep-rate would keep, and that
    compresses nothing again. A document costs one compression for each example. The score is highest for texts about as
    long as the examples.
    """

    target: list[InputFile] = Field(
        min_length=1,
        description="Files of texts to be alike, in any format that ingest reads; FILE#FIELD names the field that "
        "holds the text when it is not 'text'.",
    )
    keep_rate: KeepRate = 0.1
    examples: int = Field(
        64, ge=1, le=10_000, description="Texts of the target to compare with, drawn from all. Time grows with them."
    )
    window: int = Field(
        2048,
        ge=64,
        le=1 << 20,
        description="Bytes of the beginning of each document and example that are compared. Time grows with it.",
    )
    compressor: Literal["zstd", "gzip"] = Field(
        "zstd",
        description="zstd, level 3, is two or three times as fast and tells targets apart as well or better; gzip, "
        "level 9, is the authors', and looks back 32 KiB.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the examples.")

    @model_validator(mode="after")
    def _gzip_sees_both(self) -> ZipfitConfig:
        if self.compressor == "gzip" and self.window > 16 << 10:
            raise ValueError(f"--window {self.window}: gzip looks back 32 KiB, so give at most 16384, or zstd")
        return self


def needs_survey(config: ZipfitConfig) -> tuple[str, ...]:
    return ("text", "id")


def compressor(config: ZipfitConfig) -> Any:
    from curate.algorithms import zipfit

    return zipfit.Compressor(config.compressor == "gzip", config.window)


def settle_examples(tables: Iterable[pa.Table], config: ZipfitConfig) -> Settled:
    """Draw the examples and compress each alone."""
    from itertools import chain

    from curate import formats
    from curate.algorithms import examples, zipfit

    texts = chain.from_iterable(map(formats.texts, config.target))
    drawn = examples.drawn(texts, config.examples, config.seed)
    return Settled(zipfit.beginnings(drawn, config.window, compressor(config)))


def survey(table: pa.Table, mine: None, model: pa.Table, config: ZipfitConfig) -> pa.Table:
    from curate.algorithms import ranking, zipfit

    return ranking.scored(table, zipfit.alignments(table["text"], model, config.window, compressor(config)))


def report(model: pa.Table, summary: pa.Table, config: ZipfitConfig) -> list[str]:
    from curate.algorithms import scores

    return [f"compared with {model.num_rows:,} examples", *scores.kept_lines(summary)]


def memory(load: Load, config: ZipfitConfig) -> int:
    """The target's texts and the examples; of a shard what is read and 64 bytes a document, and the pairs being
    compressed; of a settling 70 bytes a document and the pieces of its rows."""
    from curate import formats

    examples = config.examples * config.window
    if load.kind == "settle":
        given = 4 * min(formats.unpacked_bytes(config.target), 64 << 20) if load.census == 0 else 0
        return (128 << 20) + given + 2 * examples + 70 * load.rows + min(256 << 20, 60 * load.rows)
    return load.reading + examples + (64 << 20) + 8 * config.window + 100 * load.rows


STAGE = Stage(
    name="zipfit",
    revision=2,
    config=ZipfitConfig,
    adds=_RANKED.adds,
    before=(
        Census(None, settle_examples, sample=lambda config: 0),
        Census(survey, _RANKED.settle, needs=needs_survey, given=True),
    ),
    apply=_RANKED.apply,
    again=_RANKED.again,
    after=_RANKED.after,
    report=report,
    memory=memory,
)
