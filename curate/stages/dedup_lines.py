"""dedup-lines: take lines or paragraphs out of texts that stand anywhere before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from curate.stage import Applied, Census, InputShard, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.lines import Looking


class DedupLinesConfig(StageConfig):
    """Write a new corpus without the lines or paragraphs that stand anywhere before, as C4 and CCNet do.

    Of equal ones the first in the order of the corpus stays, also within one document. What was taken
    out, and where the copy that stays is, `curate show CORPUS --spans` lists. Documents of which only blank lines are
    left are removed. Near copies of documents leave shreds, so take them out before: `--where dedup_keep`.
    """

    unit: Literal["line", "paragraph"] = Field(
        "line", description="What is compared: lines, or paragraphs, which blank lines separate."
    )
    match: Literal["text", "normalised"] = Field(
        "text",
        description="How it is compared: byte by byte as text, or normalised as CCNet does (lower-cased, digits as 0, "
        "without punctuation and white space), so that lines which differ in numbers alone are equal too.",
    )
    min_bytes: int = Field(
        24,
        ge=1,
        le=1 << 20,
        description="Units with fewer bytes of letters and digits always stay: about five words, below which equal "
        "lines are headings, code and phrases that belong to each of their texts.",
    )
    scope: str = Field(
        "global",
        description="Compare within the whole corpus (global), or only within equal values of a column (source ...).",
    )


def looking(config: DedupLinesConfig) -> Looking:
    from curate.algorithms.lines import Looking

    scope = None if config.scope == "global" else config.scope
    return Looking(config.unit == "paragraph", config.match == "normalised", config.min_bytes, scope)


def needs(config: DedupLinesConfig) -> tuple[str, ...]:
    return ("text", *(() if config.scope == "global" else (config.scope,)))


def needs_names(config: DedupLinesConfig) -> tuple[str, ...]:
    return ("id", "bytes")


def parts(inputs: list[InputShard], config: DedupLinesConfig) -> int:
    from curate.algorithms import lines

    return lines.parts(sum(shard.bytes for shard in inputs), config.min_bytes)


def slices(inputs: list[InputShard], config: DedupLinesConfig, shard_bytes: int) -> list[dict]:
    return [{"shards": [shard.index]} for shard in inputs]


def survey(table: pa.Table, mine: None, config: DedupLinesConfig) -> Iterator[pa.Table]:
    from curate.algorithms import lines

    return lines.survey(table, looking(config))


def link(tables: Iterable[pa.Table], part: int, config: DedupLinesConfig) -> pa.Table:
    from curate.algorithms import lines

    return lines.repeated(tables)


def settle(tables: Iterable[pa.Table], config: DedupLinesConfig) -> Settled:
    """Passes the rows on."""
    import pyarrow as pa

    return Settled(pa.table({"unit": [config.unit]}), tables)


def survey_names(table: pa.Table, mine: pa.Table | None, config: DedupLinesConfig) -> pa.Table:
    from curate.algorithms import lines

    return lines.survey_names(table, mine)


def link_names(tables: Iterable[pa.Table], part: int, config: DedupLinesConfig) -> pa.Table:
    from curate.algorithms import lines

    return lines.named(tables)


def settle_names(tables: Iterable[pa.Table], config: DedupLinesConfig) -> Settled:
    """Passes the rows on."""
    return Settled(None, tables)


def apply(
    slice_: dict, tables: Iterable[pa.Table], mine: pa.Table | None, prepared: Any, config: DedupLinesConfig
) -> Iterator[Applied]:
    from curate.algorithms import lines

    reason = lines.ALL_REMOVED.format(config.unit)
    for table in tables:
        for found in lines.remove(table, mine, looking(config)):
            removed = {reason: found.blank}
            yield Applied(found.table, read=found.read, removed=removed, counts=found.counts, spans=found.spans)


def memory(load: Load, config: DedupLinesConfig) -> int:
    """Columns twice; of a block the text twice, and 160 bytes a unit; three times the 20 bytes a unit that wait to be
    routed, 64 MiB of them at most; rows of the census before six times, twelve times to name the first ones. Units are
    reckoned as short as they may be, but not shorter than 8 bytes. Joining them: 80 bytes each, or five times the rows
    with ids."""
    if load.kind == "link":
        units = load.rows if load.measured else load.bytes // (config.min_bytes + 32)
        return (64 << 20) + (80 * units if load.census == 0 else 5 * (load.bytes if load.measured else 40 * units))
    if load.kind == "settle":
        return (96 << 20) + min(320 << 20, 3 * load.bytes)
    columns = (96 << 20) + 2 * load.bytes
    if load.kind == "survey" and load.census == 1:
        return columns + 12 * load.mine
    shortest = max(8, config.min_bytes + 1)
    block = ((16 << 20) + load.longest) * (2 + 160 // shortest)
    routed = min(192 << 20, 60 * load.bytes // shortest) if load.kind == "survey" else 0
    return columns + block + routed + 6 * load.mine


STAGE = Stage(
    name="dedup-lines",
    revision=1,
    config=DedupLinesConfig,
    makes="corpus",
    before=(
        Census(survey, settle=settle, link=link),
        Census(survey_names, settle=settle_names, link=link_names, needs=needs_names),
    ),
    slices=slices,
    parts=parts,
    needs=needs,
    apply=apply,
    memory=memory,
    carries=False,
)
