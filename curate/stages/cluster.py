"""Clusters of documents whose vectors point the same way."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from curate.stage import Census, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.stage import Applied


def _with_commas(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    return [part for item in items for part in (item.split(",") if isinstance(item, str) else [item])]


class ClusterConfig(StageConfig):
    """Put every document into the cluster whose centre its vector is nearest to, by spherical k-means.

    Cluster 0 is the largest of the sample on which the centres were found. The distance is one minus the
    cosine, from 0 for a typical document to 2. All columns are null for a document without a vector.

    cluster_level2 and further: the coarser clusters of --levels. cluster_domain: the domain of --domains.
    """

    clusters: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["auto"] = Field(
        "auto",
        description="How many clusters; auto is the square root of the number of documents, at most 4,000, "
        "and at most one for every 39 sampled documents. There are never more than different vectors.",
    )
    levels: Annotated[list[Annotated[int, Field(ge=1, le=1_000_000)]], BeforeValidator(_with_commas)] = Field(
        [],
        max_length=8,
        description="In place of --clusters, how many at each of several levels, the finest first, with commas: "
        "5000,200. Each level clusters the centres of the one before, resampled so that they spread evenly.",
    )
    resamples: int = Field(
        10,
        ge=0,
        le=100,
        description="Rounds at each of the --levels in which the centres are found again from as many documents of "
        "every cluster, those closest to its centre; 0 is plain k-means of k-means.",
    )
    domains: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Merge the clusters, or those of the coarsest level, by Ward's linkage into so many domains.",
    )
    describe: Annotated[list[str], BeforeValidator(_with_commas)] = Field(
        [],
        max_length=50,
        description="Columns that the table of clusters tells about besides sizes, terms, documents and sources: of "
        "numbers the mean, of strings the commonest, such as dsir,language.",
    )
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    documents_per_cluster: int = Field(
        100, ge=1, le=10_000, description="How many documents are sampled for each cluster to find the centres."
    )
    iterations: int = Field(20, ge=1, le=1000, description="Rounds of k-means.")
    seed: int = Field(0, ge=0, description="Decides which documents are sampled and where the centres start.")

    @model_validator(mode="after")
    def _options_agree(self) -> ClusterConfig:
        if self.levels and self.clusters != "auto":
            raise ValueError(f"clusters {self.clusters} and levels exclude each other; the first level is the clusters")
        if any(second >= first for first, second in itertools.pairwise(self.levels)):
            raise ValueError("levels: each must be of fewer clusters than the one before")
        if own := [name for name in self.describe if name in ("cluster", "cluster_distance", *_above(self))]:
            raise ValueError(f"describe: '{own[0]}' is what is made here, which the table tells anyway; leave it out")
        return self


def needs(config: ClusterConfig) -> tuple[str, ...]:
    return (config.embedding,)


def _above(config: ClusterConfig) -> list[str]:
    domain = ["cluster_domain"] if config.domains is not None else []
    return [*(f"cluster_level{number}" for number in range(2, len(config.levels) + 1)), *domain]


def adds(config: ClusterConfig) -> pa.Schema:
    import pyarrow as pa

    columns = [("cluster", pa.int32()), ("cluster_distance", pa.float32())]
    return pa.schema([*columns, *((name, pa.int32()) for name in _above(config))])


def _clusters(config: ClusterConfig) -> int:
    from curate.algorithms import cluster_model

    if config.clusters == "auto":
        return config.levels[0] if config.levels else cluster_model.MOST_AUTO
    return config.clusters


def sample(config: ClusterConfig) -> int:
    return config.documents_per_cluster * _clusters(config)


def survey(table: pa.Table, mine: None, config: ClusterConfig) -> pa.Table:
    """The vectors of the sampled documents."""
    from curate.algorithms import cluster_model

    return cluster_model.sampled(table, config.embedding, config.seed)


def settle(tables: Iterable[pa.Table], config: ClusterConfig) -> Settled:
    """Find the centres. Holds four bytes for each number of the sampled vectors, for levels six."""
    from curate.algorithms import cluster_model

    counts = config.levels or (None if config.clusters == "auto" else [config.clusters])
    resamples = config.resamples if config.levels else 0
    model, tree = cluster_model.trained(
        tables,
        cluster_model.Wanted(
            counts, config.documents_per_cluster, resamples, config.domains, config.iterations, config.seed
        ),
    )
    return Settled(model, details=[tree] if tree.num_rows else None)


def prepare(model: pa.Table, config: ClusterConfig) -> Any:
    from curate.algorithms import cluster_model

    return cluster_model.prepared(model, _above(config))


def apply(table: pa.Table, mine: None, prepared: Any, config: ClusterConfig) -> Applied:
    from curate.algorithms import cluster_model
    from curate.stage import Applied

    columns = cluster_model.assign_column(table[config.embedding], config.embedding, prepared)
    return Applied(columns, counts={"without_vector": columns["cluster"].null_count})


def needs_after(config: ClusterConfig) -> tuple[str, ...]:
    described = (name for name in config.describe if name != "source")
    return ("id", "bytes", "text", "source", "cluster", "cluster_distance", *_above(config), *described)


def survey_clusters(table: pa.Table, mine: None, config: ClusterConfig) -> pa.Table:
    from curate.algorithms import cluster_summary

    described = [name for name in dict.fromkeys(config.describe) if name != "source"]
    return cluster_summary.partial(table, _above(config), described, config.seed)


def settle_clusters(tables: Iterable[pa.Table], config: ClusterConfig) -> Settled:
    """Sizes, terms, documents and scores of clusters, merged shard by shard."""
    from curate.algorithms import cluster_summary

    return Settled(cluster_summary.summarise(tables))


def report(model: pa.Table, summary: pa.Table, config: ClusterConfig) -> list[str]:
    from curate.algorithms import cluster_report

    return cluster_report.lines(model, summary, config.levels or [0 if config.clusters == "auto" else config.clusters])


def memory(load: Load, config: ClusterConfig) -> int:
    """Twelve times the vectors of a shard, or its text five times for the summary. For the settling six times the
    sampled vectors, whose length is taken as 1,024 where they are not there yet, and 8 bytes for each two clusters that
    are merged. For that of the summary 200 kB a cluster, and 2 kB for each above 2,000."""
    after = load.census < 0
    if load.kind == "settle" and after:
        clusters = min(_clusters(config), load.rows)
        return (232 << 20) + 200_000 * min(2_000, clusters) + 2_000 * clusters
    if load.kind == "settle":
        numbers = 2048 * min(load.rows, sample(config))
        merged = 0 if config.domains is None else min((config.levels or [_clusters(config)])[-1], 10_000)
        return (176 << 20) + 6 * (load.bytes if load.measured else numbers) + 8 * merged**2
    if after and load.kind == "survey":
        return (48 << 20) + load.reading + 2 * load.bytes + 200 * load.rows
    return (112 << 20) + 12 * load.bytes


STAGE = Stage(
    name="cluster",
    revision=6,
    config=ClusterConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle=settle, sample=sample),),
    prepare=prepare,
    apply=apply,
    after=Census(survey_clusters, settle=settle_clusters, needs=needs_after),
    report=report,
    memory=memory,
)
