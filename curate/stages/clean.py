"""clean: a new corpus with cleaned texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curate.stage import Applied, InputShard, Load, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa


class CleanConfig(StageConfig):
    """Write a new corpus with cleaned texts: without the lines that C4 drops, personal data masked, or both.

    A mask is a placeholder in place of what `curate pii` counts: <EMAIL>, <IP>, <PHONE>, <IBAN>, <CARD>, <KEY> or
    <PRIVATE_KEY>; C4's rules come before it. `curate show CORPUS --spans` lists where in the text as it was each mask
    and dropped line stood, and not what it was. Documents of which nothing is left are removed.
    """

    c4: bool = Field(
        False,
        description="Take out lines as C4 does: with a word of more than 1,000 characters, fewer than three words, "
        "'javascript' or a phrase of privacy and cookie policies; citation marks such as [12]; and white space around "
        "lines.",
    )
    terminal_punctuation: bool = Field(
        False,
        description="With --c4, take out lines that do not end in a full stop, question or exclamation mark or quote "
        "too: C4 itself does, FineWeb does not.",
    )
    mask: list[Literal["pii"]] = Field([], description="What placeholders take the place of: pii, personal data.")

    @model_validator(mode="after")
    def _cleans(self) -> CleanConfig:
        if not self.mask and not self.c4:
            raise ValueError("there is nothing to do; give --c4, --mask pii or both")
        if self.terminal_punctuation and not self.c4:
            raise ValueError("--terminal-punctuation is one of the rules of --c4; give that too")
        return self


def slices(inputs: list[InputShard], config: CleanConfig, shard_bytes: int) -> list[dict]:
    return [{"shards": [shard.index]} for shard in inputs]


def apply(
    slice_: dict, tables: Iterable[pa.Table], mine: None, prepared: Any, config: CleanConfig
) -> Iterator[Applied]:
    from curate.algorithms import clean

    cleaning = clean.Cleaning(config.c4, config.terminal_punctuation, bool(config.mask))
    for table in tables:
        for found in clean.cleaned(table, cleaning):
            yield Applied(found.table, read=found.read, removed=found.removed, counts=found.counts, spans=found.spans)


def memory(load: Load, config: CleanConfig) -> int:
    """Columns twice, and of 4 MiB of text or the longest document 20 times its bytes: measured, 16 times where there is
    nothing but citation marks, and three times in usual text."""
    return (64 << 20) + 2 * load.bytes + 20 * ((4 << 20) + load.longest)


STAGE = Stage(
    name="clean",
    revision=2,
    config=CleanConfig,
    makes="corpus",
    slices=slices,
    apply=apply,
    memory=memory,
    carries=False,
)
