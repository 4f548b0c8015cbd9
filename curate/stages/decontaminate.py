"""Which documents hold items of benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from curate.stage import Census, InputFile, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.decontaminate_items import Items, Rules


class DecontaminateConfig(StageConfig):
    """Find documents that hold items of benchmarks, whole or in part, so that a model is not tested on what it read.

    Compared are runs of words: case, punctuation and the spelling of numbers do not count, nor which
    number it is. Phrases that stand in many documents or many items are no evidence. `curate show CORPUS --matches`
    lists both texts of every leak. Run it after deduplication, so that one often copied text is not taken for a phrase.
    """

    benchmark: list[InputFile] = Field(
        min_length=1,
        description="Files of benchmark items, one a record, in any format that ingest reads; FILE#question+answer "
        "names the fields that hold the text when it is not 'text'.",
    )
    ngram: int = Field(
        8,
        ge=5,
        le=50,
        description="Tokens of a run that must be equal at least somewhere; 13 is GPT-3's, and misses more. "
        "Items with fewer must be found whole.",
    )
    span: int = Field(
        20, ge=5, le=1000, description="A document goes when this many tokens of an item stand in it together ..."
    )
    share: Share = Field(
        0.4,
        gt=0,
        le=1,
        description="... or, for a short item, this share of its tokens, though not fewer than --ngram.",
    )
    common: Share = Field(
        1e-5,
        ge=0,
        le=1,
        description="A run of --ngram tokens in more than this share of the documents, and in more than ten, is "
        "a phrase and counts for nothing, unless twice --span tokens of the item are around it.",
    )

    @field_validator("benchmark")
    @classmethod
    def _has_its_fields(cls, values: list[str]) -> list[str]:
        from curate.formats.first_record import without_text

        if wrong := next(filter(None, map(without_text, values)), None):
            raise ValueError(wrong)
        return values


def rules(config: DecontaminateConfig) -> Rules:
    from curate.algorithms.decontaminate_items import Rules

    return Rules(config.ngram, config.span, config.share, config.common)


def items(config: DecontaminateConfig) -> Items:
    """The benchmarks, read once a process. Raises UsageError and DataError as `decontaminate_items`."""
    return _read(tuple(config.benchmark), rules(config))


@lru_cache(maxsize=1)
def _read(paths: tuple[str, ...], chosen: Rules) -> Items:
    from curate import formats
    from curate.algorithms import decontaminate_items

    return decontaminate_items.items(
        list(zip(decontaminate_items.names(paths), map(formats.texts, paths), strict=True)), chosen
    )


def needs(config: DecontaminateConfig) -> tuple[str, ...]:
    return ()


def needs_texts(config: DecontaminateConfig) -> tuple[str, ...]:
    return ("text", "id", "source")


def adds(config: DecontaminateConfig) -> pa.Schema:
    """decontaminate_span: tokens of the longest run, whether enough or not, 0 without one. decontaminate_by: the item
    whose leak it is, as file and place in it (from 0), null for a document that stays."""
    import pyarrow as pa

    return pa.schema(
        [("decontaminate_keep", pa.bool_()), ("decontaminate_span", pa.int32()), ("decontaminate_by", pa.string())]
    )


def survey(table: pa.Table, mine: None, config: DecontaminateConfig) -> Iterator[pa.Table]:
    from curate.algorithms import decontaminate_matches

    return decontaminate_matches.survey(table, items(config))


def settle(tables: Iterable[pa.Table], config: DecontaminateConfig) -> Settled:
    """Judge every run by how common it is. Memory is the benchmarks'."""
    from curate.algorithms import decontaminate

    model, rows, matches = decontaminate.settle(tables, items(config))
    return Settled(model, rows, details=matches)


def apply(table: pa.Table, mine: pa.Table, prepared: Any, config: DecontaminateConfig) -> pa.Table:
    from curate.algorithms import decontaminate

    return decontaminate.columns(mine, table, adds(config))


def report(model: pa.Table, summary: None, config: DecontaminateConfig) -> list[str]:
    from curate.algorithms import decontaminate

    return decontaminate.report(model, config.ngram, config.span)


def memory(load: Load, config: DecontaminateConfig) -> int:
    """The benchmarks' texts and 40 bytes a byte of them; for a survey a shard's text, 100 MiB for the tokens of the
    longest document, and the rows found until they are routed; for the settling its rows some megabytes at a time."""
    if load.kind == "apply":
        return load.reading + 64 * load.rows
    items = (64 << 20) + 40 * benchmark_bytes(config)
    if load.kind == "settle":
        return items + (96 << 20) + min(320 << 20, 3 * load.bytes if load.measured else 40 * load.rows)
    return items + load.reading + (100 << 20) + min(192 << 20, 100 * load.rows)


def benchmark_bytes(config: DecontaminateConfig) -> int:
    """Of the files as they lie there, compressed ones four times."""
    from curate import formats

    return formats.unpacked_bytes(config.benchmark)


STAGE = Stage(
    name="decontaminate",
    revision=1,
    config=DecontaminateConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle, needs=needs_texts),),
    apply=apply,
    report=report,
    memory=memory,
)
