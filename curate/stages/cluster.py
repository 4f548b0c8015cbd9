"""Clusters of documents whose vectors point the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from curate.stage import Census, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.stage import Applied


class ClusterConfig(StageConfig):
    """Put every document into the cluster whose centre its vector is nearest to, by spherical k-means.

    Cluster 0 is the largest of the sample on which the centres were found. The distance is one minus the
    cosine, from 0 for a typical document to 2. Both are null for a document without a vector.
    """

    clusters: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="How many clusters; by default 1,000, or one for every 39 sampled documents where that is less. "
        "There are never more than different vectors.",
    )
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    documents_per_cluster: int = Field(
        100, ge=1, le=10_000, description="How many documents are sampled for each cluster to find the centres."
    )
    iterations: int = Field(20, ge=1, le=1000, description="Rounds of k-means.")
    seed: int = Field(0, ge=0, description="Decides which documents are sampled and where the centres start.")


def needs(config: ClusterConfig) -> tuple[str, ...]:
    return (config.embedding,)


def adds(config: ClusterConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("cluster", pa.int32()), ("cluster_distance", pa.float32())])


def sample(config: ClusterConfig) -> int:
    from curate.algorithms import cluster

    return config.documents_per_cluster * (config.clusters or cluster.USUAL_CLUSTERS)


def survey(table: pa.Table, mine: None, config: ClusterConfig) -> pa.Table:
    """The vectors of the sampled documents."""
    import pyarrow as pa

    from curate.algorithms import cluster

    return pa.table({"vector": cluster.vectors_of(table[config.embedding], config.embedding)})


def settle(tables: Iterable[pa.Table], config: ClusterConfig) -> Settled:
    """Find the centres. Holds ten bytes for each number of the sampled vectors: 2.5 kB a document of 256."""
    from curate.algorithms import cluster

    return Settled(cluster.trained(tables, config.clusters, config.iterations, config.seed))


def prepare(model: pa.Table, config: ClusterConfig) -> Any:
    from curate.algorithms import cluster

    return cluster.from_table(model)


def apply(table: pa.Table, mine: None, prepared: Any, config: ClusterConfig) -> Applied:
    import pyarrow as pa

    from curate.algorithms import cluster
    from curate.stage import Applied

    clusters, distances = cluster.assign_column(table[config.embedding], config.embedding, prepared)
    columns = pa.table({"cluster": clusters, "cluster_distance": distances})
    return Applied(columns, counts={"without_vector": clusters.null_count})


def needs_after(config: ClusterConfig) -> tuple[str, ...]:
    return ("id", "bytes", "text", "cluster", "cluster_distance")


def survey_clusters(table: pa.Table, mine: None, config: ClusterConfig) -> pa.Table:
    from curate.algorithms import cluster_summary

    return cluster_summary.partial(table, config.seed)


def settle_clusters(tables: Iterable[pa.Table], config: ClusterConfig) -> Settled:
    """Sizes, terms and nearest documents. Holds 60 kB a cluster, whatever the number of documents."""
    from curate.algorithms import cluster_summary

    return Settled(cluster_summary.summarise(tables))


def report(model: pa.Table, summary: pa.Table, config: ClusterConfig) -> list[str]:
    from curate.algorithms import cluster_summary

    asked = ""
    if config.clusters is not None and model.num_rows < config.clusters:
        asked = f" of the {config.clusters:,} asked for: the sample has no more different vectors"
    return [f"{model.num_rows:,} clusters{asked}", *cluster_summary.lines(summary)]


def memory(load: Load, config: ClusterConfig) -> int:
    """Twelve times the vectors of a shard, or its text for the summary; for the settling six times the sampled
    vectors, whose length is taken as 1,024 where they are not there yet, and ten times the parts of the summary."""
    after = load.census < 0
    if load.kind == "settle" and after:
        return (160 << 20) + (10 * load.bytes if load.measured else 60_000 * (config.clusters or 1000))
    if load.kind == "settle":
        numbers = 2048 * min(load.rows, sample(config))
        return (112 << 20) + 6 * (load.bytes if load.measured else numbers)
    return load.reading + 100 * load.rows if after and load.kind == "survey" else (64 << 20) + 12 * load.bytes


STAGE = Stage(
    name="cluster",
    revision=1,
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
