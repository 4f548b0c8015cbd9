"""dedup: mark documents that duplicate another, exactly or nearly, and say which one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from curate.stage import Census, Settled, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from curate.algorithms.dedup import Sketching
    from curate.algorithms.dedup_bands import Bands
    from curate.stage import InputShard


class DedupConfig(StageConfig):
    """Mark documents that duplicate another, exactly or nearly, and say which one.

    Candidates come from MinHash bands over word n-grams; each is then compared by exact Jaccard
    similarity with the documents kept before it, so nothing is removed without a kept document that
    it really resembles. `dedup_keep` says which stay.
    """

    threshold: float = Field(
        0.8, gt=0, le=1, description="Jaccard similarity of n-gram sets from which a document counts as a duplicate."
    )
    ngram: int = Field(5, ge=1, le=100, description="Words in an n-gram; shorter documents match only the same words.")
    permutations: int = Field(
        128, ge=16, le=4096, description="Length of a document's sketch, cut into bands to suit the threshold."
    )
    bands: int | None = Field(None, ge=1, description="Bands, instead of those chosen for the threshold; with --rows.")
    rows: int | None = Field(None, ge=1, description="Rows of a band, instead of those chosen; with --bands.")
    exact_only: bool = Field(
        False, description="Only remove documents with the same words in the same order, whatever case and punctuation."
    )
    keep: str = Field(
        "longest",
        description="Which of several duplicates stays: longest (in bytes), first (the smallest id), "
        "or best:COLUMN (the largest value); equal ones by digest, then id.",
    )
    scope: str = Field(
        "global", description="Deduplicate the whole corpus (global), or only within equal values of a column."
    )
    seed: int = Field(0, ge=0, description="Chooses the permutations.")

    @field_validator("keep")
    @classmethod
    def _known_order(cls, value: str) -> str:
        if value not in ("longest", "first") and not (value.startswith("best:") and value != "best:"):
            raise ValueError(f"'{value}' is not longest, first or best:COLUMN")
        return value

    @model_validator(mode="after")
    def _whole_cut(self) -> DedupConfig:
        from curate.algorithms import dedup_bands

        if (self.bands is None) != (self.rows is None):
            raise ValueError("bands and rows belong together; give both or neither")
        if self.bands is None:
            dedup_bands.chosen(self.threshold, self.permutations)
        return self


def cut(config: DedupConfig) -> Bands | None:
    """The bands to look through, None for exact duplicates alone."""
    from curate.algorithms import dedup_bands

    if config.exact_only:
        return None
    if config.bands is not None and config.rows is not None:
        return dedup_bands.Bands(config.bands, config.rows)
    return dedup_bands.chosen(config.threshold, config.permutations)


def needs_keys(config: DedupConfig) -> tuple[str, ...]:
    return ("text", "digest", *([] if config.scope == "global" else [config.scope]))


def needs_sets(config: DedupConfig) -> tuple[str, ...]:
    column = ranking(config)
    return ("id", "digest", *([] if column is None else [column]), *([] if config.exact_only else ["text"]))


def needs_pairs(config: DedupConfig) -> tuple[str, ...]:
    return ("id", "digest", "source")


def adds(config: DedupConfig) -> pa.Schema:
    """dedup_of: the id of a document that stays, null for those. dedup_similarity: the Jaccard similarity to it.
    dedup_size: a document that stays and all that name it, the same number for each of them.
    """
    import pyarrow as pa

    return pa.schema(
        [
            ("dedup_keep", pa.bool_()),
            ("dedup_of", pa.string()),
            ("dedup_similarity", pa.float32()),
            ("dedup_size", pa.int32()),
        ]
    )


def parts(inputs: list[InputShard], config: DedupConfig) -> int:
    from curate.algorithms import dedup_bands

    return dedup_bands.parts(sum(shard.rows for shard in inputs), sum(shard.bytes for shard in inputs), cut(config))


def sketching(config: DedupConfig) -> Sketching:
    from curate.algorithms.dedup import Sketching

    return Sketching(config.ngram, cut(config), None if config.scope == "global" else config.scope, config.seed)


def ranking(config: DedupConfig) -> str | None:
    """The column whose largest values are kept, None for the smallest id."""
    known = {"longest": "bytes", "first": None}
    return known[config.keep] if config.keep in known else config.keep.removeprefix("best:")


def survey_keys(table: pa.Table, mine: None, config: DedupConfig) -> Iterator[pa.Table]:
    from curate.algorithms import dedup

    return dedup.survey_keys(table, sketching(config))


def link_keys(tables: Iterable[pa.Table], part: int, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup

    return dedup.join_keys(tables)


def settle_components(tables: Iterable[pa.Table], config: DedupConfig) -> Settled:
    """24 to 48 bytes for each document that shares a key with another, and 28 for its row."""
    from curate.algorithms import dedup

    return Settled(*dedup.components_of(tables))


def survey_sets(table: pa.Table, mine: pa.Table | None, config: DedupConfig) -> Iterator[pa.Table]:
    from curate.algorithms import dedup_verify

    return dedup_verify.survey_sets(table, mine, ranking(config), None if config.exact_only else config.ngram)


def link_sets(tables: Iterable[pa.Table], part: int, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_verify

    return dedup_verify.verify(tables, ranking(config), config.threshold)


def settle_duplicates(tables: Iterable[pa.Table], config: DedupConfig) -> Settled:
    """Passes the rows on: 24 bytes and an id, held twice, for each document removed or that others duplicate."""
    from curate.algorithms import dedup_bands

    return Settled(dedup_bands.curve(cut(config)), tables)


def apply(table: pa.Table, mine: pa.Table | None, prepared: pa.Table, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_verify

    return dedup_verify.columns(mine, table, adds(config))


def survey_pairs(table: pa.Table, mine: None, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_pairs

    return dedup_pairs.survey_pairs(table)


def link_pairs(tables: Iterable[pa.Table], part: int, config: DedupConfig) -> pa.Table:
    from curate.algorithms import dedup_pairs

    return dedup_pairs.pairs(tables)


def settle_pairs(tables: Iterable[pa.Table], config: DedupConfig) -> Settled:
    """About 30 bytes and two ids for each removed document."""
    from curate.algorithms import dedup_pairs

    return Settled(dedup_pairs.summary(tables))


def report(model: pa.Table | None, summary: pa.Table | None, config: DedupConfig) -> list[str]:
    from curate.algorithms import dedup_bands, dedup_pairs

    lines = dedup_bands.report(cut(config))
    return lines if summary is None else [*lines, *dedup_pairs.report(summary)]


STAGE = Stage(
    name="dedup",
    revision=1,
    config=DedupConfig,
    apply=apply,
    adds=adds,
    before=(
        Census(survey_keys, settle=settle_components, link=link_keys, needs=needs_keys),
        Census(survey_sets, settle=settle_duplicates, link=link_sets, needs=needs_sets),
    ),
    after=Census(survey_pairs, settle=settle_pairs, link=link_pairs, needs=needs_pairs),
    parts=parts,
    report=report,
)
