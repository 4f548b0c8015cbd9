"""Keep the documents that are farthest from the centre of their cluster, or nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from curate.stage import Applied, Census, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa


class PrototypesConfig(StageConfig):
    """Mark which documents to keep by how typical of their cluster they are: the hard or the easy ones.

    Hard is far from the cluster's centre (SSL prototypes).
    It adds columns and takes no document out: `curate select CORPUS --where prototypes_keep --to NEW` does. Cluster
    what semdedup left anew before: many copies of one text make a cluster whose centre is that text.
    prototypes_keep: whether it stays: of n documents exactly --keep-rate * n, rounded down.
    prototypes_quantile: the share of documents that are as hard or harder (with --keep easy, easier), itself included;
    one without a distance comes last. With --floor 0, prototypes_quantile <= 0.3 chooses what --keep-rate 0.3 would.
    """

    keep_rate: Share = Field(gt=0, le=1, description="The share of documents to keep, such as 25%.")
    keep: Literal["hard", "easy"] = Field(
        "hard",
        description="Which stay: hard, far from the centre, when data is plentiful; easy, near it, when it is scarce.",
    )
    floor: Share = Field(
        0.5,
        ge=0,
        le=1,
        description="Each cluster keeps at least this share of what it would if all kept the same share; with 0 the "
        "distance alone decides, as in D4.",
    )
    cluster: str = Field("cluster", description="The column of clusters, as a layer of cluster added it.")
    distance: str | None = Field(
        None,
        description="The column of distances from the centre; else that of the layer of --cluster, such as "
        "cluster_distance.",
    )


def distance(config: PrototypesConfig) -> str:
    import re

    return config.distance or re.sub(r"_(level\d+|domain)$", "", config.cluster) + "_distance"


def needs_survey(config: PrototypesConfig) -> tuple[str, ...]:
    return ("id", config.cluster, distance(config))


def adds(config: PrototypesConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("prototypes_keep", pa.bool_()), ("prototypes_quantile", pa.float64())])


def survey(table: pa.Table, mine: None, config: PrototypesConfig) -> pa.Table:
    from curate.algorithms import prototypes

    return prototypes.surveyed(table, config.cluster, distance(config))


def settle(tables: Iterable[pa.Table], config: PrototypesConfig) -> Settled:
    """120 bytes a document, and two pieces of 128 MiB of the rows that it leaves."""
    from curate.algorithms import prototypes

    return Settled(*prototypes.settled(tables, config.keep == "hard", config.keep_rate, config.floor))


def apply(table: pa.Table, mine: pa.Table | None, prepared: pa.Table, config: PrototypesConfig) -> Applied:
    from curate.algorithms import prototypes

    return Applied(prototypes.columns(mine, adds(config)))


def report(model: pa.Table, summary: None, config: PrototypesConfig) -> list[str]:
    from curate.algorithms import prototypes

    return prototypes.lines(model)


def memory(load: Load, config: PrototypesConfig) -> int:
    """Of a shard what is read and 100 bytes a document; for the settling 120 bytes a document and its rows' pieces."""
    if load.kind == "settle":
        return (64 << 20) + 120 * load.rows + min(256 << 20, 60 * load.rows)
    return load.reading + 100 * load.rows


STAGE = Stage(
    name="prototypes",
    revision=1,
    config=PrototypesConfig,
    adds=adds,
    before=(Census(survey, settle=settle, needs=needs_survey),),
    apply=apply,
    report=report,
    memory=memory,
)
