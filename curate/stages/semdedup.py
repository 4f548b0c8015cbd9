"""Mark documents that mean the same as an earlier one of their cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator, model_validator

from curate.stage import Applied, Census, Decision, InputShard, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from curate.stage import Tables


class SemdedupConfig(StageConfig):
    """Mark documents that mean the same as an earlier one of their cluster, by the cosine of their vectors (SemDeDup).

    It adds columns and takes no document out: `curate select CORPUS --where semdedup_keep --to NEW` does. Another
    threshold or share compares nothing again: give it to the same command, or write
    --where 'semdedup_similarity <= 0.9', or 'semdedup_quantile <= 0.6'.
    semdedup_similarity: the highest cosine to any earlier document of the cluster in --order, whether that one stays
    or not (with --admit-below to those that do); -1 for the first of a cluster and for a document without a vector.
    semdedup_of: the id of that earlier document, of equally similar ones the first.
    semdedup_quantile: the share of documents whose similarity is no higher, equal ones in a fixed random order.
    semdedup_keep: whether it stays, by --threshold or --keep-rate.
    semdedup_split: the part of the cluster it was compared in, where that had more than --max-cluster documents.
    """

    threshold: Annotated[float, Decision] = Field(
        0.95, ge=-1, le=1, description="A document with a higher similarity goes; it is one minus epsilon in the paper."
    )
    keep_rate: Annotated[Share | None, Decision] = Field(
        None,
        gt=0,
        le=1,
        description="Instead of a threshold, the share of documents to keep, such as 75%, the least similar ones; "
        "of n documents exactly so many, rounded down.",
    )
    admit_below: float | None = Field(
        None,
        gt=-1,
        le=1,
        description="Instead of both: compare each document only with those that stay, and let it stay where it is "
        "less similar to all of them, as DEITA does with --order best:COLUMN. Another value compares anew.",
    )
    order: str = Field(
        "hard",
        description="Which of similar documents comes first and so stays: hard (farthest from the cluster's centre), "
        "easy (nearest to it), random, or best:COLUMN (the largest value); equal ones by digest, then id.",
    )
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    cluster: str = Field("cluster", description="The column of clusters, as a layer of cluster added it.")
    distance: str | None = Field(
        None,
        description="The column of distances from the centre, for hard and easy; else that of the layer of --cluster, "
        "such as cluster_distance.",
    )
    max_cluster: int = Field(
        200_000,
        ge=2,
        description="A cluster of more documents is split by k-means, and documents are compared within its parts.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Decides the random order, and where k-means starts.")

    @model_validator(mode="after")
    def _one_rule(self) -> SemdedupConfig:
        threshold = type(self).model_fields["threshold"].default
        if self.admit_below is not None and (self.keep_rate is not None or self.threshold != threshold):
            raise ValueError("--admit-below decides what stays; leave --threshold and --keep-rate out")
        return self

    @field_validator("order")
    @classmethod
    def _known_order(cls, value: str) -> str:
        if value not in ("hard", "easy", "random") and not (value.startswith("best:") and value != "best:"):
            raise ValueError(f"'{value}' is not hard, easy, random or best:COLUMN")
        return value


def ordering(config: SemdedupConfig) -> str | None:
    """The column that puts documents in order, None for a random order."""
    if config.order == "random":
        return None
    if config.order.startswith("best:"):
        return config.order.partition(":")[2]
    import re

    return config.distance or re.sub(r"_(level\d+|domain)$", "", config.cluster) + "_distance"


def needs_survey(config: SemdedupConfig) -> tuple[str, ...]:
    column = ordering(config)
    return tuple(dict.fromkeys(["id", "digest", config.embedding, config.cluster, *([column] if column else [])]))


def adds(config: SemdedupConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("semdedup_similarity", pa.float32()),
            ("semdedup_of", pa.string()),
            ("semdedup_quantile", pa.float64()),
            ("semdedup_keep", pa.bool_()),
            ("semdedup_split", pa.int32()),
        ]
    )


def parts(inputs: list[InputShard], config: SemdedupConfig) -> int:
    """About 25,000 documents in each, so that all workers have some."""
    return max(1, min(4096, sum(shard.rows for shard in inputs) // 25_000))


def survey(table: pa.Table, mine: None, config: SemdedupConfig) -> Iterator[pa.Table]:
    """What documents are compared by, in pieces of 16 MiB of vectors."""
    from curate.algorithms import semdedup

    column = ordering(config)
    if column is None:
        keys = semdedup.random_keys(table["id"], config.seed)
    else:
        keys = semdedup.keys_of(table[column], column, largest_first=config.order != "easy")
    return semdedup.routed(table, config.embedding, config.cluster, keys)


def link(tables: Tables, part: int, config: SemdedupConfig) -> pa.Table:
    from curate.algorithms import semdedup

    return semdedup.compared(tables, config.max_cluster, config.seed, config.admit_below)


def settle(tables: Iterable[pa.Table], config: SemdedupConfig) -> Settled:
    """60 bytes a document, and two pieces of 128 MiB of the rows that it passes on."""
    from curate.algorithms import semdedup

    return Settled(*semdedup.settled(tables))


def apply(table: pa.Table, mine: pa.Table | None, prepared: pa.Table, config: SemdedupConfig) -> Applied:
    from curate.algorithms import semdedup

    return _decided(semdedup.columns(mine, adds(config)), config)


def again(table: pa.Table, config: SemdedupConfig) -> Applied:
    return _decided(table.drop_columns(["semdedup_keep"]), config)


def _decided(table: pa.Table, config: SemdedupConfig) -> Applied:
    from curate.algorithms import semdedup

    keep = semdedup.kept(table, config.threshold, config.keep_rate, config.admit_below)
    split = len(table) - table["semdedup_split"].null_count
    names = adds(config).names
    return Applied(table.append_column("semdedup_keep", keep).select(names), counts={"semdedup_split": split})


def report(model: pa.Table, summary: None, config: SemdedupConfig) -> list[str]:
    from curate.algorithms import semdedup

    return semdedup.lines(model) if config.admit_below is None else []


def memory(load: Load, config: SemdedupConfig) -> int:
    """Of a survey 256 MiB for its pieces and what they are routed by; of a link a block of at most 64 MiB, the same
    packed, what of it is admitted, a table, and 300 bytes a document."""
    if load.kind == "survey":
        return load.reading + (256 << 20)
    if load.kind == "link":
        most = (160 << 20) if config.admit_below is None else (224 << 20)
        blocks = min(most, 7 * load.bytes) if load.measured else most
        return (96 << 20) + blocks + max(load.longest, min(64 << 20, load.bytes)) + 300 * load.rows
    if load.kind == "settle":
        return (64 << 20) + 60 * load.rows + min(256 << 20, 3 * load.bytes if load.measured else 300 * load.rows)
    return load.reading + 400 * load.rows


STAGE = Stage(
    name="semdedup",
    revision=3,
    config=SemdedupConfig,
    adds=adds,
    before=(Census(survey, settle=settle, link=link, needs=needs_survey),),
    apply=apply,
    again=again,
    parts=parts,
    report=report,
    memory=memory,
)
