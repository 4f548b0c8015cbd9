"""A vector for every document, near those of documents with the same subject."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from curate.stage import Census, Load, ModelPath, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.stage import Applied

BUILTIN = "builtin"


class EmbedConfig(StageConfig):
    """Give every document a vector of length one, near those of documents with the same subject.

    The vector is null for a document in which the model finds nothing to go by, such as one without a letter.
    """

    model: ModelPath = Field(
        BUILTIN,
        description="'builtin' learns from a sample of the corpus and needs no download; or the id or folder of a "
        "sentence-transformers model, which needs pip install 'curate[neural]'.",
    )
    dimensions: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Length of the vectors: 256 for 'builtin'; a neural model's own, or fewer, when it was "
        "trained so that its vectors can be cut.",
    )
    dtype: Literal["float16", "float32", "int8"] = Field(
        "float16",
        description="How the vectors' numbers are stored. int8: each vector scaled so that its largest number is 127.",
    )
    sample: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="How many documents 'builtin' learns from, each by its first 2,048 characters.",
    )
    seed: int = Field(0, ge=0, description="Decides which documents are sampled, and the start of the search for axes.")


def needs(config: EmbedConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: EmbedConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("embed", pa.list_(pa.type_for_alias(config.dtype), _dimensions(config)))])


def _dimensions(config: EmbedConfig) -> int:
    if config.model == BUILTIN:
        return config.dimensions or 256
    from curate.algorithms import embed_neural

    return embed_neural.dimensions(config.model, config.dimensions)


def sample(config: EmbedConfig) -> int:
    return config.sample if config.model == BUILTIN else 0


def survey(table: pa.Table, mine: None, config: EmbedConfig) -> pa.Table:
    """The beginnings of the sampled documents."""
    import pyarrow as pa

    from curate.algorithms import embed

    return pa.table({"text": embed.heads(table["text"])})


def settle(tables: Iterable[pa.Table], config: EmbedConfig) -> Settled:
    """Fit the builtin model, at 60 kB a sampled document and 1 MB a dimension. Of a neural one, look up its length."""
    import pyarrow as pa

    from curate.algorithms import embed

    if config.model != BUILTIN:
        return Settled(pa.table({"dimensions": [_dimensions(config)]}))
    texts = [chunk for table in tables for chunk in table["text"].chunks]
    text = pa.chunked_array(texts, pa.large_string()).combine_chunks()
    return Settled(embed.to_table(embed.fit(text, _dimensions(config), config.seed)))


def prepare(model: pa.Table, config: EmbedConfig) -> Any:
    """The builtin model, or a neural one loaded on the device that CURATE_DEVICE names."""
    if config.model != BUILTIN:
        from curate.algorithms import embed_neural

        return embed_neural.load(config.model, _dimensions(config))
    from curate.algorithms import embed

    return embed.from_table(model)


def apply(table: pa.Table, mine: None, prepared: Any, config: EmbedConfig) -> Applied:
    import pyarrow as pa

    from curate.algorithms import embed, embed_neural
    from curate.stage import Applied

    algorithm = embed if config.model == BUILTIN else embed_neural
    column = algorithm.embed(table["text"], prepared, config.dtype)
    return Applied(pa.table({"embed": column}), counts={"without_vector": column.null_count})


def report(model: pa.Table, summary: None, config: EmbedConfig) -> list[str]:
    if config.model != BUILTIN:
        return []
    from curate.algorithms import embed

    fitted = embed.from_table(model)
    return [
        f"learned {len(fitted.words):,} words from {fitted.documents:,} documents; "
        f"{_dimensions(config)} dimensions hold {fitted.share:.0%} of what tells these apart"
    ]


def memory(load: Load, config: EmbedConfig) -> int:
    """A shard's text, its vectors twice and the model; for the settling what it says. A neural model: 2 GiB more."""
    neural = 0 if config.model == BUILTIN else 2 << 30
    length = config.dimensions or (1024 if neural else 256)
    if load.kind != "settle":
        return load.reading + neural + 8 * load.rows * length
    return (64 << 20) + (neural or 60_000 * min(load.rows, config.sample) + (length << 20))


STAGE = Stage(
    name="embed",
    revision=1,
    config=EmbedConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle=settle, sample=sample),),
    prepare=prepare,
    apply=apply,
    report=report,
    memory=memory,
)
