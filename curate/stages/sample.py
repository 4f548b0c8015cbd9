"""Draw a share of the documents at random."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from curate.stage import Applied, InputShard, Load, Share, Stage, StageConfig


class SampleConfig(StageConfig):
    """Write a random share of the documents as a new corpus, with their scores and labels."""

    fraction: Share = Field(
        gt=0,
        le=1,
        description="Share of the documents to draw, such as 1% or 0.01. Each is drawn or not by a hash of the seed "
        "and its id, so the number comes close to the share; a smaller sample of a seed is part of a larger one.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Another seed draws other documents.")


def slices(inputs: list[InputShard], config: SampleConfig, shard_bytes: int) -> list[dict]:
    from curate.algorithms.runs import runs

    return runs(inputs, shard_bytes, config.fraction)


def apply(slice_: dict, tables: Iterator, mine, prepared, config: SampleConfig) -> Iterator[Applied]:
    import pyarrow as pa

    from curate.algorithms.sample import sampled

    for table in tables:
        chosen = table.filter(pa.array(sampled(table["id"], config.fraction, config.seed)))
        yield Applied(chosen, read=table.num_rows, removed={"sampled out": table.num_rows - chosen.num_rows})


def memory(load: Load, config: SampleConfig) -> int:
    """A shard's columns two and a half times."""
    return (96 << 20) + 5 * load.bytes // 2


STAGE = Stage(
    name="sample",
    revision=1,
    config=SampleConfig,
    takes="corpus",
    makes="corpus",
    slices=slices,
    apply=apply,
    memory=memory,
)
