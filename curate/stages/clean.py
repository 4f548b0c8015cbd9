"""clean: a new corpus with cleaned texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curate.stage import Applied, InputShard, Load, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa


class CleanConfig(StageConfig):
    """Write a new corpus with cleaned texts: personal data masked.

    A mask is a placeholder in place of what `curate pii` counts: <EMAIL>, <IP>, <PHONE>, <IBAN>, <CARD>, <KEY> or
    <PRIVATE_KEY>. `curate show CORPUS --spans` lists where each was in the text as it was, and not what it was.
    """

    mask: list[Literal["pii"]] = Field([], description="What placeholders take the place of: pii, personal data.")

    @model_validator(mode="after")
    def _cleans(self) -> CleanConfig:
        if not self.mask:
            raise ValueError("there is nothing to do; give --mask pii")
        return self


def slices(inputs: list[InputShard], config: CleanConfig, shard_bytes: int) -> list[dict]:
    return [{"shards": [shard.index]} for shard in inputs]


def apply(
    slice_: dict, tables: Iterable[pa.Table], mine: None, prepared: Any, config: CleanConfig
) -> Iterator[Applied]:
    from curate.algorithms import clean

    for table in tables:
        for found in clean.cleaned(table, mask=bool(config.mask)):
            yield Applied(found.table, read=found.read, removed=found.removed, counts=found.counts, spans=found.spans)


def memory(load: Load, config: CleanConfig) -> int:
    """Columns twice; of a block the text twice, and 200 bytes a stretch, of which there is none shorter than six."""
    return (96 << 20) + 2 * load.bytes + 4 * ((16 << 20) + load.longest)


STAGE = Stage(
    name="clean",
    revision=1,
    config=CleanConfig,
    makes="corpus",
    slices=slices,
    apply=apply,
    memory=memory,
    carries=False,
)
