"""Which documents are near given texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curate.stage import Applied, Census, InputFile, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.stage import Likewise, Tables


class SimilarConfig(StageConfig):
    """Find the documents that are near given texts, by the cosine of their vectors.

    The texts get vectors from the very model that made the corpus's own; those of a corpus keep what its own layer of
    the same model holds. It adds columns and takes no document out: `curate select CORPUS --where similar_keep
    --to NEW` does, and another threshold needs no second run.
    similar: the highest cosine to any of the texts; null without a vector. similar_to: which text that is, as its file
    and its place there, from 0, or its corpus and id. similar_keep: whether --method chooses the document, or with
    --drop, whether it is none of those. similar_rank: nearest: its best place among the nearest documents of a text;
    round-robin: when it was taken; simcore: in which layer; cluster: its place among those drawn from its cluster;
    most-hit: that of its cluster; so fewer are a filter on it. similar_hits: for cluster and most-hit, how many of the
    texts fall into its cluster. With --drop, `curate show CORPUS --matches` lists both sides of each match.
    """

    to: list[InputFile] = Field(
        min_length=1,
        description="Files of texts, one a record, in any format that ingest reads, or corpora, each a task of its "
        "own; FILE#question+answer names the fields that hold the text when it is not 'text'.",
    )
    method: Literal["threshold", "nearest", "cluster", "round-robin", "simcore", "most-hit"] = Field(
        "threshold",
        description="threshold: documents at least so near to some text. nearest: the --nearest documents of each text "
        "(DINOv2, many texts). cluster: --per-cluster documents, by chance, of each cluster that --least-texts of a "
        "file fall into (DINOv2, few texts). round-robin: file after file takes its nearest document that none has "
        "taken, until there are --documents (RDS+). simcore: centres of the texts do, until the nearest left are too "
        "far (SimCore). most-hit: whole clusters, those first that most texts fall into, until there are --documents "
        "(DP4TL).",
    )
    threshold: float = Field(0.6, ge=-1, le=1, description="For threshold: the least cosine.")
    drop: bool = Field(
        False, description="Choose the documents that are less near than --threshold, so that no benchmark leaks."
    )
    nearest: int = Field(4, ge=1, le=10_000, description="For nearest: documents for each text.")
    cluster: str = Field(
        "cluster", description="For cluster and most-hit: the column of clusters, as a layer of cluster added it."
    )
    per_cluster: int = Field(10_000, ge=1, description="For cluster: the most documents of each cluster.")
    least_texts: int = Field(4, ge=1, description="For cluster: texts of a file that must fall into a cluster.")
    documents: int | None = Field(
        None,
        ge=1,
        description="For round-robin and most-hit: how many documents to take. For cluster: the most for each file.",
    )
    keep_rate: Share | None = Field(
        None,
        gt=0,
        le=1,
        description="For round-robin and most-hit, instead: the share of documents with a vector, rounded down.",
    )
    centres: int = Field(100, ge=1, le=1_000, description="For simcore: centres of the texts, found by k-means.")
    stop: float = Field(
        0.95,
        gt=0,
        le=1,
        description="For simcore: it ends when the mean cosine of those taken falls below this share of the first's.",
    )
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    seed: int = Field(
        0, ge=0, lt=1 << 63, description="Decides where k-means of simcore starts, and chance in clusters."
    )

    @model_validator(mode="after")
    def _fits_the_method(self) -> SimilarConfig:
        for name, methods in _SAYS_TO.items():
            changed = getattr(self, name) != type(self).model_fields[name].default
            if changed and self.method not in methods:
                told = " and ".join(methods)
                raise ValueError(f"--{name.replace('_', '-')} says nothing to --method {self.method}, but to {told}")
        if self.method in ("round-robin", "most-hit") and (self.documents is None) == (self.keep_rate is None):
            raise ValueError(f"--method {self.method} takes one of --documents and --keep-rate")
        return self

    @property
    def by_cluster(self) -> bool:
        return self.method in ("cluster", "most-hit")


_SAYS_TO = {
    "threshold": ("threshold",),
    "drop": ("threshold",),
    "nearest": ("nearest",),
    "cluster": ("cluster", "most-hit"),
    "per_cluster": ("cluster",),
    "least_texts": ("cluster",),
    "documents": ("round-robin", "most-hit", "cluster"),
    "keep_rate": ("round-robin", "most-hit"),
    "centres": ("simcore",),
    "stop": ("simcore",),
}


def needs(config: SimilarConfig) -> tuple[str, ...]:
    return (config.embedding, config.cluster) if config.by_cluster else (config.embedding,)


def needs_survey(config: SimilarConfig) -> tuple[str, ...]:
    if config.by_cluster:
        return (config.cluster, "id")
    return (config.embedding, "id", *(("source", "text") if config.drop else ("digest",)))


def adds(config: SimilarConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("similar", pa.float32()),
            ("similar_to", pa.string()),
            ("similar_keep", pa.bool_()),
            ("similar_rank", pa.int64()),
            *([("similar_hits", pa.int64())] if config.by_cluster else []),
        ]
    )


def sample(config: SimilarConfig) -> int | None:
    """A threshold needs no survey, unless its matches are to be listed."""
    return 0 if config.method == "threshold" and not config.drop else None


def likewise(config: SimilarConfig) -> tuple[str, ...]:
    return needs(config)


def settle_seeds(make: Likewise, config: SimilarConfig) -> Settled:
    """Embed the texts as the corpus was, but for those that were already."""
    from curate import formats
    from curate.algorithms import similar
    from curate.storage.corpus import is_corpus

    def given(name: str, path: str) -> similar.Given:
        if not is_corpus(path):
            return similar.of_file(name, formats.texts(path))
        own = make.same(path, config.embedding)
        tables = formats.corpus_tables(path, ["id", "text", *([own] if own else [])])
        return similar.of_corpus(name, tables, own, config.embedding)

    files = [given(name, path) for name, path in zip(similar.names(config.to), config.to, strict=True)]
    centres = config.centres if config.method == "simcore" else 0
    clusters = config.cluster if config.by_cluster else None
    return Settled(similar.learned(make, files, config.embedding, centres, config.seed, clusters, config.drop))


def survey(table: pa.Table, mine: None, model: pa.Table, config: SimilarConfig) -> pa.Table | Iterator[pa.Table]:
    from curate.algorithms import similar, similar_choice, similar_clusters

    known = similar.seeds(model)
    if config.method == "cluster":
        return similar_clusters.sampled(
            table, config.cluster, known, config.least_texts, config.per_cluster, config.seed
        )
    if config.method == "most-hit":
        return similar_clusters.reached(table, config.cluster, known, config.seed)
    if config.drop:
        return similar.matches(table, config.embedding, known, config.threshold)
    if config.method == "nearest":
        return similar_choice.candidates(table, config.embedding, known, config.nearest)
    return similar_choice.reached(table, config.embedding, known, config.method == "simcore")


def link(tables: Tables, part: int, config: SimilarConfig) -> pa.Table | Iterator[pa.Table]:
    from curate.algorithms import similar_choice, similar_clusters

    if config.method == "cluster":
        return similar_clusters.linked(tables, config.per_cluster)
    return similar_choice.linked(tables, config.nearest) if config.method == "nearest" else iter(tables)


def settle(tables: Iterable[pa.Table], config: SimilarConfig) -> Settled:
    from curate.algorithms import ranking, similar_choice, similar_clusters

    if config.method == "cluster":
        return Settled(None, [similar_clusters.limited(tables, config.documents)])
    if config.method == "most-hit":
        return Settled(None, [similar_clusters.most_hit(tables, config.documents, config.keep_rate)])
    if config.method == "threshold":
        return Settled(None, details=(table for table in tables if table.num_rows) if config.drop else None)
    if config.method == "nearest":
        return Settled(None, [similar_choice.best_ranks(tables)])
    if config.method == "simcore":
        return Settled(None, [similar_choice.by_layers(tables, config.stop)])
    wanted = config.documents
    if wanted is None:
        wanted = ranking.kept(config.keep_rate or 1, sum(table.num_rows for table in tables))
    return Settled(None, [similar_choice.in_turn(tables, wanted)])


def prepare(model: pa.Table, config: SimilarConfig) -> Any:
    from curate.algorithms import similar

    return similar.seeds(model)


def apply(table: pa.Table, mine: pa.Table | None, prepared: Any, config: SimilarConfig) -> Applied:
    import numpy as np

    from curate.algorithms import similar, similar_clusters

    def keep(cosines, valid, chosen):
        near = valid & (cosines >= np.float32(config.threshold)) if config.method == "threshold" else chosen
        return ~near if config.drop else near

    columns = similar.columns(table, config.embedding, mine, prepared, keep)
    if config.by_cluster:
        columns = columns.append_column("similar_hits", similar_clusters.hit(table, config.cluster, prepared))
    return Applied(columns, counts={"without_vector": columns["similar"].null_count})


def report(model: pa.Table, summary: None, config: SimilarConfig) -> list[str]:
    from curate.algorithms import similar, similar_clusters

    told = similar.lines(model)
    if not config.by_cluster:
        return told
    least = config.least_texts if config.method == "cluster" else 1
    return told + similar_clusters.lines(similar.seeds(model), least)


def memory(load: Load, config: SimilarConfig) -> int:
    """Texts and their vectors, 16 bytes a byte of the files; 512 MiB to embed them. Of a survey or apply a shard's
    columns, and 256 MiB for two million cosines; of a settling 100 bytes a document and what the queues hold."""
    from curate import formats

    seeds = 16 * formats.unpacked_bytes(config.to)
    if load.kind == "settle":
        return (512 << 20) + seeds if load.census == 0 else (192 << 20) + 100 * load.rows
    if load.kind == "link":
        return (192 << 20) + 200 * load.rows
    return load.reading + seeds + (256 << 20) + 300 * load.rows


STAGE = Stage(
    name="similar",
    revision=2,
    config=SimilarConfig,
    needs=needs,
    adds=adds,
    before=(
        Census(None, settle_seeds, likewise=likewise),
        Census(survey, settle, link, sample=sample, needs=needs_survey, given=True),
    ),
    prepare=prepare,
    apply=apply,
    report=report,
    memory=memory,
)
