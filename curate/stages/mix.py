"""Mix corpora into one shuffled corpus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from curate.stage import Applied, Census, InputShard, ModelPath, Settled, Stage, StageConfig

_AMOUNT = re.compile(r"(\d[\d_,]*(?:\.\d+)?)([kMBGT]?)")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}
_LEAST_PART, _MOST_PART, _MOST_PARTS = 4 << 20, 64 << 20, 1024


def amount(value: Any) -> Any:
    """A number as people write it: 10M, 2.5B, 10k, 1_000_000. Raises ValueError for other strings."""
    if not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value.strip())
    if not match:
        raise ValueError(f"'{value}' is not an amount; write a number such as 1000000, 10k, 10M or 2.5B")
    from decimal import Decimal

    return int(Decimal(re.sub("[_,]", "", match[1])) * _UNITS[match[2]])


def pairs(value: Any) -> Any:
    """A mapping as a list of NAME=WEIGHT."""
    return [f"{name}={weight}" for name, weight in value.items()] if isinstance(value, dict) else value


Amount = Annotated[
    int,
    BeforeValidator(amount),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}]}),
]
Weights = Annotated[
    list[str],
    BeforeValidator(pairs),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "number"}},
            ]
        }
    ),
]


class MixConfig(StageConfig):
    """Mix one or more corpora, in given shares and up to a budget, into a new, shuffled corpus."""

    names: list[str] = Field(
        [], description="Names of the corpora in their order; given by NAME=PATH, or else those of the folders."
    )
    by: str | None = Field(
        None,
        description="Column whose values are the groups of the mixture, such as `cluster`. Without it each corpus is a group.",
    )
    weights: Weights = Field(
        [],
        description="Share of a group as GROUP=NUMBER; the numbers need not sum to one, and groups not named are left out. "
        "Without weights the shares follow the groups' sizes and the temperature.",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        description="Without weights, a group's share is its size to the power 1/temperature: 1 is by size, larger is more even.",
    )
    documents: Amount | None = Field(
        None, gt=0, description="How many documents to write, such as 1M. With no budget everything is written once."
    )
    tokens: Amount | None = Field(
        None, gt=0, description="How many tokens to write, such as 10M, met to within a document a group."
    )
    max_epochs: float = Field(
        4.0,
        gt=0,
        description="How often a group may be repeated at most; what it then lacks goes to the others by their shares.",
    )
    score: str | None = Field(
        None,
        description="Column of log weights, such as `dsir`, by which documents are chosen inside a group: at random in proportion to "
        "exp(score / temperature), without replacement. Without it all are alike. Documents without a score are left out.",
    )
    score_temperature: float = Field(
        1.0,
        ge=0,
        description="How much chance there is in choosing by score: 0 takes the greatest scores, larger is nearer to chance alone.",
    )
    tokenizer: ModelPath | None = Field(
        None,
        description="Tokenizer that counts tokens: a `tokenizer.json` file or a Hugging Face id. Without it counts are estimates.",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Another seed chooses and shuffles otherwise.")

    @field_validator("names")
    @classmethod
    def _plain_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if not re.fullmatch(r"[^/#=\s]+", name):
                raise ValueError(f"'{name}' cannot name a corpus: no '/', '#', '=' or space; write NAME=PATH")
        if len(set(names)) < len(names):
            raise ValueError("two corpora have one name; tell them apart with NAME=PATH")
        return names

    @field_validator("weights")
    @classmethod
    def _numbers(cls, weights: list[str]) -> list[str]:
        groups = [_weight(item)[0] for item in weights]
        if len(set(groups)) < len(groups):
            raise ValueError("a group has two weights; give each one")
        return weights

    @model_validator(mode="after")
    def _together(self) -> MixConfig:
        if self.documents and self.tokens:
            raise ValueError("give a budget in documents or in tokens, not both")
        if not (self.documents or self.tokens):
            for name in ("weights", "temperature", "max_epochs", "score"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} means nothing without a budget; add documents or tokens")
        if self.weights and self.temperature != 1.0:
            raise ValueError("shares come from weights or from a temperature, not both")
        return self


def _weight(item: str) -> tuple[str, float]:
    group, mark, number = item.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not (mark and group and 0 < weight < float("inf")):
        raise ValueError(f"'{item}' is not GROUP=NUMBER with a number above 0")
    return group, weight


def _recipe(config: MixConfig):
    from curate.algorithms.mix import Recipe

    return Recipe(
        weights=dict(map(_weight, config.weights)) or None,
        temperature=config.temperature,
        budget=config.documents or config.tokens,
        unit="tokens" if config.tokens else "documents",
        max_epochs=config.max_epochs,
        by=config.by,
        score=config.score,
    )


def needs_to_choose(config: MixConfig) -> tuple[str, ...]:
    return tuple(name for name in ("id", "text", config.by, config.score) if name)


def survey(table, mine, config: MixConfig):
    """Group, tokens and key of each document: 40 bytes each."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import mix
    from curate.algorithms.tokens import counter

    scores, usable = (
        mix.usable_scores(table[config.score]) if config.score else (None, np.ones(table.num_rows, dtype=np.bool_))
    )
    keys = mix.choice_keys(mix.document_hashes(table, config.names, config.seed), scores, config.score_temperature)
    return pa.table(
        {
            "shard": table["shard"],
            "row": table["row"],
            "group": mix.groups(table, config.names, config.by),
            "tokens": pa.array(counter(config.tokenizer).count(table["text"])),
            "key": pa.array(keys, mask=~usable),
        }
    )


def settle(tables: Iterable, config: MixConfig) -> Settled:
    """Decide how often each document is drawn; at most 64 bytes a document."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import mix
    from curate.algorithms.tokens import counter

    recipe = _recipe(config)
    pool, removed = mix.pool(tables, recipe)
    draws, found = mix.choose(pool, recipe)
    count = counter(config.tokenizer)
    constant = {"unit": recipe.unit, "tokenizer": count.name, "estimated": count.estimated}
    model = pa.table({**found, **{name: pa.array([value] * len(pool.names)) for name, value in constant.items()}})
    if missing := int(np.count_nonzero(draws == 0)):
        removed["not drawn"] = missing
    return Settled(model, mix.chosen_rows(pool, draws), removed)


def needs_all(config: MixConfig) -> tuple[str, ...]:
    return ("*",)


def gather(table, mine, config: MixConfig):
    """The chosen documents of a shard, a row for each draw, routed to their places."""
    from curate.algorithms.mix import copies

    return copies(table, mine, config.names, config.seed)


def parts(inputs: list[InputShard], config: MixConfig) -> int:
    """So many that a part holds 64 MiB of text at most, and about 64 of them where there is less than that."""
    read, rows = sum(shard.bytes for shard in inputs), sum(shard.rows for shard in inputs)
    epochs = 1.0
    if config.documents:
        epochs = min(config.max_epochs, config.documents / max(rows, 1))
    elif config.tokens:
        epochs = min(config.max_epochs, 8 * config.tokens / max(read, 1))
    written = int(read * epochs)
    return min(max(written // min(max(written // 64, _LEAST_PART), _MOST_PART), 1), _MOST_PARTS)


def slices(inputs: list[InputShard], config: MixConfig, shard_bytes: int) -> list[dict]:
    return [{"part": part} for part in range(parts(inputs, config))]


def adds(config: MixConfig):
    import pyarrow as pa

    return pa.schema([("origin", pa.string()), ("origin_id", pa.string()), ("draw", pa.int32())])


def apply(slice_: dict, tables: Iterator, mine, prepared, config: MixConfig) -> Iterator[Applied]:
    import pyarrow.compute as pc

    from curate.algorithms.mix import shuffled

    table = shuffled(tables)
    repeats = pc.sum(pc.greater(table["draw"], 0)).as_py() or 0
    yield Applied(table, read=table.num_rows - repeats, repeats=repeats)


def report(model, summary, config: MixConfig) -> list[str]:
    from curate.algorithms.mix_report import lines

    return lines(model, config.documents or config.tokens)


STAGE = Stage(
    name="mix",
    revision=1,
    config=MixConfig,
    takes="corpora",
    makes="corpus",
    adds=adds,
    before=(
        Census(survey, settle=settle, needs=needs_to_choose),
        Census(gather, settle=None, needs=needs_all),
    ),
    slices=slices,
    parts=parts,
    apply=apply,
    report=report,
)
