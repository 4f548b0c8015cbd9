"""Places on a plane for a sample of the documents, and how diverse they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from curate.stage import Applied, Census, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa


class MapConfig(StageConfig):
    """Give a sample of the documents places on a plane, for pictures, and tell how diverse they are.

    map_x, map_y: null for documents that are not of the sample. The figures, of the sample: the effective rank of the
    vectors (RankMe), and the mean distance of two documents, one minus the cosine; of all documents: the entropy of
    the sizes of the clusters.
    """

    sample: int = Field(25_600, ge=1, le=1_000_000, description="How many documents get a place.")
    method: Literal["pca", "umap"] = Field(
        "pca",
        description="pca: the two directions in which vectors differ most. umap: neighbours stay neighbours, but "
        "distances mean little; it needs pip install 'curate[map]'.",
    )
    cluster: str | None = Field(None, description="The column of clusters whose entropy is told, such as cluster.")
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Decides which documents are sampled.")


def needs_survey(config: MapConfig) -> tuple[str, ...]:
    return ("id", config.embedding)


def sample(config: MapConfig) -> int:
    return config.sample


def adds(config: MapConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("map_x", pa.float32()), ("map_y", pa.float32())])


def survey(table: pa.Table, mine: None, config: MapConfig) -> pa.Table:
    from curate.algorithms import mapping

    return mapping.surveyed(table, config.embedding, config.seed)


def settle(tables: Iterable[pa.Table], config: MapConfig) -> Settled:
    """Find the places. Holds 14 bytes for each number of the sampled vectors; UMAP 4 kB a document besides."""
    from curate.algorithms import mapping

    return Settled(*mapping.settled(tables, config.sample, config.method, config.seed))


def apply(table: pa.Table, mine: pa.Table | None, prepared: pa.Table, config: MapConfig) -> Applied:
    from curate.algorithms import mapping

    return Applied(mapping.columns(mine, table["row"].to_numpy(), adds(config)))


def needs_after(config: MapConfig) -> tuple[str, ...]:
    return ("id",) if config.cluster is None else (config.cluster,)


def survey_clusters(table: pa.Table, mine: None, config: MapConfig) -> pa.Table:
    from curate.algorithms import mapping

    return mapping.counted(table, config.cluster)


def settle_clusters(tables: Iterable[pa.Table], config: MapConfig) -> Settled:
    from curate.algorithms import mapping

    return Settled(mapping.summarised(tables))


def report(model: pa.Table, summary: pa.Table, config: MapConfig) -> list[str]:
    from curate.algorithms import mapping

    return mapping.lines(model, summary)


def memory(load: Load, config: MapConfig) -> int:
    """A shard's columns twice; for the settling seven times the sampled vectors, of 1,024 numbers where they are not
    there yet, and with UMAP 512 MiB and 4 kB a document."""
    if load.kind == "settle" and load.census >= 0:
        rows = min(load.rows, config.sample)
        umap = (512 << 20) + 4_096 * rows if config.method == "umap" else 0
        return (128 << 20) + 7 * (load.bytes if load.measured else 2_048 * rows) + umap
    if load.kind == "settle":
        return (64 << 20) + 4 * load.bytes
    return load.reading + 2 * load.bytes + 100 * load.rows


STAGE = Stage(
    name="map",
    revision=1,
    config=MapConfig,
    adds=adds,
    before=(Census(survey, settle=settle, sample=sample, needs=needs_survey),),
    apply=apply,
    after=Census(survey_clusters, settle=settle_clusters, needs=needs_after),
    report=report,
    memory=memory,
)
