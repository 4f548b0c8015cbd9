"""Choose documents by an expression over columns."""

from __future__ import annotations

from collections.abc import Iterator

from curate.stage import Applied, InputShard, Load, Stage, StageConfig


class SelectConfig(StageConfig):
    """Write the documents that --where chooses as a new corpus, with their scores and labels."""


def slices(inputs: list[InputShard], config: SelectConfig, shard_bytes: int) -> list[dict]:
    from curate.algorithms.runs import runs

    return runs(inputs, shard_bytes)


def apply(slice_: dict, tables: Iterator, mine, prepared, config: SelectConfig) -> Iterator[Applied]:
    for table in tables:
        yield Applied(table)


def memory(load: Load, config: SelectConfig) -> int:
    """A shard's columns two and a half times."""
    return (96 << 20) + 5 * load.bytes // 2


STAGE = Stage(
    name="select",
    revision=1,
    config=SelectConfig,
    takes="corpus",
    makes="corpus",
    slices=slices,
    apply=apply,
    memory=memory,
)
