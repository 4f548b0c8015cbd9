"""Which documents would bring a corpus nearer to a target."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from curate.ranked import KeepRate, Ranked
from curate.stage import Census, InputFile, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.stage import Likewise

_RANKED = Ranked("transport", missing="without_vector")


class TransportConfig(StageConfig):
    """Score documents by how much nearer a corpus comes to a target with more of them (GOT-D).

    Near is meant by optimal transport of vectors, from the corpus's documents onto texts of the target: best are
    documents of what the target has and the corpus lacks, not those most like the target. The texts get vectors
    from the very model that made the corpus's own.
    transport: how fast the distance falls as the document's weight rises, from -2 to 2, 0 for one that changes nothing;
    null without a vector. transport_keep: whether the document is among the --keep-rate best: exactly that share
    of those with a vector, rounded down. transport_quantile: the share of them with a score as high or higher:
    transport_quantile <= 0.02 is what another --keep-rate would keep, and that compares nothing again.
    """

    target: list[InputFile] = Field(
        min_length=1,
        description="Files of texts to come near to, in any format that ingest reads; FILE#FIELD names the field that "
        "holds the text when it is not 'text'.",
    )
    keep_rate: KeepRate = 0.1
    examples: int = Field(
        1024, ge=1, le=16_384, description="Texts that stand for the target, drawn from all. Time grows with them."
    )
    sample: int = Field(
        16_384, ge=1, le=65_536, description="Documents that stand for the corpus where the plan is made."
    )
    regularisation: float = Field(
        0.02,
        ge=0.001,
        le=1,
        description="Weight of the entropy that smooths the plan, in the unit of the distances: less is more exact and "
        "takes more steps.",
    )
    embedding: str = Field("embed", description="The column of vectors, as a layer of embed added it.")
    seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the texts and the documents that stand for others.")


def needs_vectors(config: TransportConfig) -> tuple[str, ...]:
    return ("id", config.embedding)


def settle_examples(make: Likewise, config: TransportConfig) -> Settled:
    """Draw the examples and embed them as the corpus was."""
    from itertools import chain

    from curate import formats
    from curate.algorithms import examples, transport

    texts = chain.from_iterable(map(formats.texts, config.target))
    drawn = examples.drawn(texts, config.examples, config.seed)
    return Settled(transport.embedded(make, drawn, config.embedding))


def survey_sample(table: pa.Table, mine: None, config: TransportConfig) -> pa.Table:
    from curate.algorithms import transport

    return transport.surveyed(table, config.embedding)


def settle_sample(tables: Iterable[pa.Table], model: pa.Table, config: TransportConfig) -> Settled:
    from curate.algorithms import transport

    return Settled(transport.learned(tables, model, config.regularisation))


def survey(table: pa.Table, mine: None, model: pa.Table, config: TransportConfig) -> pa.Table:
    from curate.algorithms import ranking, transport

    return ranking.scored(table, transport.gains(table[config.embedding], model, config.regularisation))


def report(model: pa.Table, summary: pa.Table, config: TransportConfig) -> list[str]:
    from curate.algorithms import scores, transport

    return [*transport.lines(model), *scores.kept_lines(summary)]


def memory(load: Load, config: TransportConfig) -> int:
    """The target's texts, and 512 MiB to embed the examples; 16 bytes for each pair of an example and a document of the
    sample, and their vectors; of a shard what is read, and 160 MiB for two million pairs; of the last settling 70 bytes
    a document and the pieces of its rows."""
    from curate import formats

    vectors = 16 << 10
    if load.kind == "settle" and load.census == 0:
        given = 4 * min(formats.unpacked_bytes(config.target), 64 << 20)
        return (512 << 20) + given + config.examples * vectors
    if load.kind == "settle" and load.census == 1:
        return (128 << 20) + config.sample * (16 * config.examples + vectors) + config.examples * vectors
    if load.kind == "settle":
        return (128 << 20) + 70 * load.rows + min(256 << 20, 60 * load.rows)
    return load.reading + config.examples * vectors + (160 << 20) + 100 * load.rows


STAGE = Stage(
    name="transport",
    revision=2,
    config=TransportConfig,
    adds=_RANKED.adds,
    before=(
        Census(None, settle_examples, likewise=lambda config: (config.embedding,)),
        Census(
            survey_sample, settle_sample, sample=lambda config: config.sample, needs=needs_vectors, settle_given=True
        ),
        Census(survey, _RANKED.settle, needs=needs_vectors, given=True),
    ),
    apply=_RANKED.apply,
    again=_RANKED.again,
    after=_RANKED.after,
    report=report,
    memory=memory,
)
