"""A vector for every document, near those of documents with the same subject."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from curate.stage import Census, Load, ModelPath, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.embed_models import Wanted
    from curate.stage import Applied

BUILTIN = "builtin"


class EmbedConfig(StageConfig):
    """Give every document a vector of length one, near those of documents with the same subject.

    The vector is null for a document in which the model finds nothing to go by, such as one without a letter.
    """

    model: ModelPath = Field(
        BUILTIN,
        description="'builtin' learns from a sample of the corpus and needs no download; texts in different languages "
        "are far apart in it, whatever their subject; or the id or folder of a model: static token embeddings "
        "(model2vec, sentence-transformers), which need nothing more, or a sentence-transformers or "
        "transformers model, which needs pip install 'curate[neural]'.",
    )
    dimensions: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="Length of the vectors: 256 for 'builtin'; another model's own, or fewer, when it was "
        "trained so that its vectors can be cut.",
    )
    dtype: Literal["float16", "float32", "int8"] = Field(
        "float16",
        description="How the vectors' numbers are stored. int8: each vector scaled so that its largest number is 127.",
    )
    pooling: Literal["mean", "cls", "last", "weighted-mean"] | None = Field(
        None,
        description="What a transformer's vector is made of: the mean over tokens, also weighted by position, or the "
        "state of the first or last; by default what the model's files say, or the mean.",
    )
    max_length: int | None = Field(
        None,
        ge=1,
        description="Tokens that the model takes at once, special ones included; by default what its files say.",
    )
    truncation: Literal["head", "chunks-mean"] = Field(
        "head",
        description="What counts of a document of more tokens than that: its head, or all of it as the mean of its "
        "chunks' vectors, weighted by tokens.",
    )
    sample: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="How many documents 'builtin' learns from, each by its first 2,048 characters, or its share of "
        "4 million where that is less.",
    )
    seed: int = Field(0, ge=0, description="Decides which documents are sampled, and the start of the search for axes.")

    @model_validator(mode="after")
    def _builtin_reads_every_word(self) -> EmbedConfig:
        given = [name for name in ("pooling", "max_length") if getattr(self, name) is not None]
        given += ["truncation"] if self.truncation != "head" else []
        if self.model == BUILTIN and given:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise ValueError(f"{names}: 'builtin' counts every word of a document; leave it out or name a --model")
        return self


def needs(config: EmbedConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: EmbedConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("embed", pa.list_(pa.type_for_alias(config.dtype), _dimensions(config)))])


def _dimensions(config: EmbedConfig) -> int:
    if config.model == BUILTIN:
        return config.dimensions or 256
    from curate.algorithms import embed_models

    return embed_models.dimensions(_wanted(config))


def _wanted(config: EmbedConfig) -> Wanted:
    from curate.algorithms.embed_models import Wanted

    return Wanted(config.model, config.dimensions, config.pooling, config.max_length, config.truncation)


def sample(config: EmbedConfig) -> int:
    return config.sample if config.model == BUILTIN else 0


def survey(table: pa.Table, mine: None, config: EmbedConfig) -> pa.Table:
    """The beginnings of the sampled documents."""
    import pyarrow as pa

    from curate.algorithms import embed

    documents = int(table.schema.metadata[b"documents"])
    return pa.table({"text": embed.heads(table["text"], min(documents, config.sample))})


def settle(tables: Iterable[pa.Table], config: EmbedConfig) -> Settled:
    """Fit the builtin model, at 140 bytes a character of the sample, which are 4 million at most, and more a dimension.

    Of another, look up its length.
    """
    import pyarrow as pa

    from curate.algorithms import embed

    if config.model != BUILTIN:
        return Settled(pa.table({"dimensions": [_dimensions(config)]}))
    texts = [chunk for table in tables for chunk in table["text"].chunks]
    text = pa.chunked_array(texts, pa.large_string()).combine_chunks()
    return Settled(embed.to_table(embed.fit(text, _dimensions(config), config.seed)))


def prepare(model: pa.Table, config: EmbedConfig) -> Any:
    """The builtin model, or another, loaded on the device that CURATE_DEVICE names."""
    if config.model != BUILTIN:
        from curate.algorithms import embed_models

        return embed_models.load(_wanted(config))
    from curate.algorithms import embed

    return embed.from_table(model)


def apply(table: pa.Table, mine: None, prepared: Any, config: EmbedConfig) -> Applied:
    import pyarrow as pa

    from curate.algorithms import embed
    from curate.stage import Applied

    if config.model == BUILTIN:
        column = embed.embed(table["text"], prepared, config.dtype)
    else:
        column = prepared.embed(table["text"], config.dtype)
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
    """A shard's text, its vectors twice and the model; for the settling what it says.

    Another model than the builtin adds what it takes, and six times the longest document: its characters and tokens.
    """
    builtin = config.model == BUILTIN
    if load.kind == "settle":
        return (64 << 20) + (_fit_memory(load, config) if builtin else 0)
    stated = load.reading + 8 * load.rows * _dimensions(config)
    if builtin:
        return stated
    from curate.algorithms import embed_models

    return stated + embed_models.memory(_wanted(config)) + 6 * load.longest


def _fit_memory(load: Load, config: EmbedConfig) -> int:
    """Words of the sample, of Chinese at worst; 28 bytes a document and dimension; the table and products with it."""
    documents, dimensions = min(load.rows, config.sample), _dimensions(config)
    return 140 * min(load.bytes, 4_000_000) + (28 * documents + (1 << 19)) * dimensions + (64 << 20)


STAGE = Stage(
    name="embed",
    revision=3,
    config=EmbedConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle=settle, sample=sample),),
    prepare=prepare,
    apply=apply,
    report=report,
    memory=memory,
)
