"""Take long stretches of text that stood before out of the documents, keeping the first copy."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from curate.stage import Applied, Bytes, InputShard, Load, Stage, StageConfig


class DedupSubstringsConfig(StageConfig):
    """Take out runs of words that stood before, in an earlier document or the same one, and keep the first copy.

    A run is `--length` consecutive words or more, equal byte for byte; marks and white space between words are not
    compared. Earlier means in the corpus's order, in the text as it was, and within a scope: neighbouring shards of
    up to `--scope-bytes` of text. Copies in different scopes are not found, so what is removed depends on how the
    corpus is cut into shards. A document of which no word stays is removed.
    """

    length: int = Field(
        50,
        ge=10,
        le=100_000,
        description="How many consecutive words at least must be repeated; of scripts that put no space between "
        "words each character counts as one.",
    )
    scope_bytes: Bytes = Field(
        1 << 27,
        ge=1 << 10,
        le=1 << 31,
        description="How many bytes of text of neighbouring shards, such as 1G, are compared with each other, which "
        "takes three to eight times as much memory; a larger shard is compared whole.",
    )


def slices(inputs: list[InputShard], config: DedupSubstringsConfig, shard_bytes: int) -> list[dict]:
    """The scopes: from the first shard on, as many as fit into `scope_bytes`, one at least."""
    from curate.algorithms.runs import runs

    return runs(inputs, config.scope_bytes)


def apply(slice_: dict, tables: Iterator, mine, prepared, config: DedupSubstringsConfig) -> Iterator[Applied]:
    from curate.algorithms.dedup_substrings import deduplicated

    for piece in deduplicated(tables, config.length):
        yield Applied(piece.table, read=piece.read, removed=piece.removed, counts=piece.counts, spans=piece.spans)


def memory(load: Load, config: DedupSubstringsConfig) -> int:
    """Eight times a scope's text: measured, 6 times for Chinese and 8 for lone letters where all of it comes twice.
    Three times its other columns."""
    columns = max(load.bytes, load.together)
    return (64 << 20) + 3 * columns + 5 * min(columns, max(load.bytes, config.scope_bytes))


STAGE = Stage(
    name="dedup-substrings",
    revision=1,
    config=DedupSubstringsConfig,
    takes="corpus",
    makes="corpus",
    slices=slices,
    apply=apply,
    carries=False,
    memory=memory,
)
