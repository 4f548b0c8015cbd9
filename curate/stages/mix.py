"""Mix corpora into one shuffled corpus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from curate.stage import Applied, Census, InputFile, InputShard, Load, ModelPath, Settled, Share, Stage, StageConfig

_AMOUNT = re.compile(r"(\d[\d_,]*(?:\.\d+)?)([kMBGT]?)")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9, "G": 10**9, "T": 10**12}
_LEAST_PIECE, _MOST_PIECE, _MOST_PARTS = 3 << 20, 96 << 20, 1024


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
    """A list of GROUP=NUMBER as a mapping. Raises ValueError for other items."""
    if not isinstance(value, list | tuple):
        return value
    found = {}
    for item in value:
        group, mark, number = str(item).rpartition("=")
        if not (mark and group):
            raise ValueError(f"'{item}' is not GROUP=NUMBER")
        if group in found:
            raise ValueError(f"group '{group}' has two weights; give it one")
        found[group] = number
    return found


def _with_commas(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    return [part for item in items for part in (item.split(",") if isinstance(item, str) else [item])]


Amount = Annotated[
    int,
    BeforeValidator(amount),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{_AMOUNT.pattern}$"}]}),
]
Weights = Annotated[dict[str, Annotated[float, Field(gt=0)]], BeforeValidator(pairs)]


class MixConfig(StageConfig):
    """Mix one or more corpora, in given shares and up to a budget, into a new, shuffled corpus.

    With --balance every cluster gives as much as every other, or all it has: of a hierarchy at each of its levels
    (hierarchical k-means curation). With --score besides, each gives its best (Diversify and Conquer), and with
    --score=-cluster_distance --score-temperature 0 those nearest to its centre.
    With --sensitivity the new corpus has a column `weight`, one through the chance that the document had: sums over
    the corpus with these weights are right on average for all that could be chosen.
    """

    by: str | None = Field(
        None,
        description="Column whose values are the groups of the mixture, such as `cluster`. "
        "Without it each corpus is a group.",
    )
    weights: Weights = Field(
        {},
        description="Share of a group as GROUP=NUMBER; the numbers need not sum to one, and groups not named are left "
        "out. Without weights the shares follow the groups' sizes and the temperature.",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        description="Without weights, a group's share is its size to the power 1/temperature: 1 is by size, "
        "larger is more even.",
    )
    documents: Amount | None = Field(
        None, gt=0, description="How many documents to write, such as 1M. With no budget everything is written once."
    )
    tokens: Amount | None = Field(
        None, gt=0, description="How many tokens to write, such as 10M, met to within a document in each group."
    )
    keep_rate: Share | None = Field(
        None, gt=0, le=1, description="How many documents to write as a share of those to choose from, such as 25%."
    )
    max_epochs: float | None = Field(
        None,
        gt=0,
        description="How often a group may be repeated at most; what it then lacks goes to the others by their shares. "
        "4 unless given; with balance, sensitivity or keep_rate 1.",
    )
    balance: Annotated[list[str], BeforeValidator(_with_commas)] = Field(
        [],
        max_length=8,
        description="Columns of clusters, the coarsest first, with commas: `cluster_level2,cluster`. What a group "
        "gives is spread evenly over its clusters of the first, what each of them gives over its own of the next.",
    )
    score: str | None = Field(
        None,
        description="Column of log weights, such as `dsir`, by which documents are chosen inside a group: at random in "
        "proportion to exp(score / temperature), without replacement. Without it all are alike. With a minus before "
        "its name the least come first. Documents without a score are left out.",
    )
    quotas: Annotated[Weights, AfterValidator(lambda given: dict(sorted(given.items())))] = Field(
        {},
        description="Columns of log weights as COLUMN=NUMBER, such as `dsir_maths=3`: in place of --score, each "
        "chooses its share of what a group gives, in turn, and no document twice. The numbers need not sum to one.",
    )
    score_temperature: float = Field(
        1.0,
        ge=0,
        description="How much chance there is in choosing by score: 0 takes the greatest scores, "
        "larger is nearer to chance alone.",
    )
    sensitivity: str | None = Field(
        None,
        description="Column of clusters, such as `cluster`: documents are then chosen in proportion to the score of "
        "their cluster's document nearest to its centre, plus distance_weight times their own distance to it.",
    )
    distance_weight: float = Field(1.0, ge=0, description="With sensitivity, what a distance of one adds to a score.")
    tokenizer: ModelPath | None = Field(
        None,
        description="Tokenizer that counts tokens: a `tokenizer.json` file or a Hugging Face id. "
        "Without it counts are estimates.",
    )
    dsir_model: InputFile | None = Field(
        None,
        description="The folder of a layer that dsir made, such as `pool/dsir`, or a copy of its `model.parquet`: the "
        "report then says how far the mixture is from the targets of that model (KL reduction).",
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Another seed chooses and shuffles otherwise.")

    @model_validator(mode="after")
    def _together(self) -> MixConfig:
        budgets = [name for name in ("documents", "tokens", "keep_rate") if getattr(self, name)]
        if len(budgets) > 1:
            raise ValueError(f"{budgets[0]} and {budgets[1]} exclude each other; give one budget")
        if not budgets:
            for name in ("weights", "temperature", "max_epochs", "balance", "score", "quotas", "sensitivity"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(f"{name} means nothing without a budget; add documents, tokens or keep_rate")
        if self.quotas and (self.score is not None or self.sensitivity is not None or self.max_epochs is not None):
            raise ValueError("quotas choose in place of a score, sensitivity or epochs; leave those out")
        if self.score is None and not self.quotas and self.score_temperature != 1.0:
            raise ValueError("score_temperature means nothing without a score; add one")
        if self.weights and self.temperature != 1.0:
            raise ValueError("shares come from weights or from a temperature, not both")
        return self

    @model_validator(mode="after")
    def _sensitive(self) -> MixConfig:
        if self.sensitivity is None:
            if self.distance_weight != 1.0:
                raise ValueError("distance_weight means nothing without sensitivity; add a column of clusters")
            return self
        if self.score is None:
            raise ValueError(
                "sensitivity needs a score, such as a perplexity; at least the documents nearest to centres"
            )
        for name in ("by", "tokens", "balance", "max_epochs", "score_temperature"):
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} and sensitivity exclude each other; leave {name} out")
        return self


def _recipe(config: MixConfig):
    from curate.algorithms.mix import Recipe

    return Recipe(
        weights=config.weights or None,
        temperature=config.temperature,
        budget=config.documents or config.tokens,
        keep_rate=config.keep_rate,
        unit="tokens" if config.tokens else "documents",
        max_epochs=_epochs(config),
        by=config.by,
        below=_below(config),
        score=" or ".join(config.quotas) or _score(config)[0],
        keys=max(len(config.quotas), 1),
        distance_weight=None if config.sensitivity is None else config.distance_weight,
        seed=config.seed,
    )


def _epochs(config: MixConfig) -> float:
    once = config.balance or config.sensitivity or config.keep_rate or config.quotas
    return config.max_epochs or (1.0 if once else 4.0)


def _below(config: MixConfig) -> tuple[str, ...]:
    """The columns of the clusters inside a group."""
    return (config.sensitivity,) if config.sensitivity else tuple(config.balance)


def _score(config: MixConfig) -> tuple[str | None, int]:
    """Its column and its sign."""
    if config.score is None:
        return None, 1
    return config.score.removeprefix("-"), -1 if config.score.startswith("-") else 1


def _distance(clusters: str) -> str:
    return re.sub(r"_(level\d+|domain)$", "", clusters) + "_distance"


def needs_to_choose(config: MixConfig) -> tuple[str, ...]:
    distance = _distance(config.sensitivity) if config.sensitivity else None
    wanted = ("id", "text", config.by, *_below(config), distance, _score(config)[0], *config.quotas)
    return tuple(dict.fromkeys(name for name in wanted if name))


def survey(table, mine, config: MixConfig):
    """Group, tokens and key of each document: 40 bytes each, and its clusters' names."""
    import pyarrow as pa

    from curate.algorithms import mix, mix_quotas, mix_sensitivity

    hashes, (column, sign) = mix.document_hashes(table, config.seed), _score(config)
    surveyed = {
        "shard": table["shard"],
        "row": table["row"],
        "group": mix.paths(table, config.by, _below(config)),
        "tokens": pa.array(mix.token_counter(config.tokenizer).count(table["text"])),
    }
    if config.sensitivity and column:
        surveyed["key"] = pa.array(mix.choice_keys(hashes, None, 1.0))
        return pa.table({**surveyed, **mix_sensitivity.surveyed(table, column, sign, _distance(config.sensitivity))})
    if config.quotas:
        keys = mix_quotas.surveyed(table, hashes, list(config.quotas), config.score_temperature)
        return pa.table({**surveyed, **keys})
    scores, usable = mix.usable_scores(table[column]) if column else (None, None)
    keys = mix.choice_keys(hashes, None if scores is None else sign * scores, config.score_temperature)
    return pa.table({**surveyed, "key": pa.array(keys, mask=None if usable is None else ~usable)})


def settle(tables: Iterable, config: MixConfig) -> Settled:
    """Decide how often each document is drawn; at most 64 bytes a document, with sensitivity 128, and 40 a quota."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import mix, mix_quotas

    recipe = _recipe(config)
    pool, removed = mix.pool(tables, recipe)
    taker = None
    if config.quotas:
        pool, taker = mix_quotas.interleaved(pool, config.quotas, recipe.unit == "tokens")
    draws, weights, model = mix.choose(pool, recipe)
    if taker is not None:
        taken = mix_quotas.taken(pool, draws, taker, config.quotas)
        model = model.append_column("taken", pa.array([taken] * model.num_rows, pa.list_(pa.list_(pa.int64()))))
    count = mix.token_counter(config.tokenizer)
    for name, value in {"unit": recipe.unit, "tokenizer": count.name, "estimated": count.estimated}.items():
        model = model.append_column(name, pa.repeat(pa.scalar(value), model.num_rows))
    removed["not drawn"] = int(np.count_nonzero(draws == 0))
    return Settled(model, mix.chosen_rows(pool, draws, weights), removed)


def needs_all(config: MixConfig) -> tuple[str, ...]:
    return ("*",)


def gather(table, mine, config: MixConfig):
    """The chosen documents of a shard, a row for each draw, routed to their places."""
    from curate.algorithms.mix import copies

    return copies(table, mine, config.seed)


def settled_already(tables: Iterable, config: MixConfig) -> Settled:
    """The copies stay where they are routed; the groups are what is worth keeping."""
    return Settled(None)


def pieces(inputs: list[InputShard], config: MixConfig) -> int:
    """How many pieces of about 96 MiB of text, or an eightieth of it all where that is less, the new corpus has."""
    read, rows = sum(shard.bytes for shard in inputs), sum(shard.rows for shard in inputs)
    epochs = 1.0
    if config.documents:
        epochs = min(_epochs(config), config.documents / max(rows, 1))
    elif config.tokens:
        epochs = min(_epochs(config), 8 * config.tokens / max(read, 1))
    elif config.keep_rate:
        epochs = min(_epochs(config), config.keep_rate)
    written = int(read * epochs)
    return max(written // min(max(written // 80, _LEAST_PIECE), _MOST_PIECE), 1)


def parts(inputs: list[InputShard], config: MixConfig) -> int:
    return min(pieces(inputs, config), _MOST_PARTS)


def slices(inputs: list[InputShard], config: MixConfig, shard_bytes: int) -> list[dict]:
    """The parts in order; above 1024 of them each is read several times, for one piece of it after another."""
    count = parts(inputs, config)
    share = -(-pieces(inputs, config) // count)
    return [{"part": piece // share, "piece": piece, "pieces": share * count} for piece in range(share * count)]


def adds(config: MixConfig):
    import pyarrow as pa

    weight = [("weight", pa.float64())] if config.sensitivity else []
    return pa.schema([("origin", pa.string()), ("origin_id", pa.string()), ("draw", pa.int32()), *weight])


def apply(slice_: dict, tables: Iterator, mine, prepared, config: MixConfig) -> Iterator[Applied]:
    import pyarrow.compute as pc

    from curate.algorithms.mix import shuffled

    table = shuffled(tables, slice_["piece"], slice_["pieces"])
    repeats = pc.sum(pc.greater(table["draw"], 0)).as_py() or 0
    yield Applied(table, read=table.num_rows - repeats, repeats=repeats)


def compared(config: MixConfig) -> int | None:
    """All of the new corpus, or nothing of it."""
    return None if config.dsir_model else 0


def survey_mixture(table, mine, config: MixConfig):
    """One new shard's n-grams: int64, one row a bucket."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import dsir

    assert config.dsir_model
    counts = np.zeros(dsir.saved(config.dsir_model).num_rows, dtype=np.int64)
    dsir.add_counts(table["text"], counts)
    return pa.table({"ngrams": counts})


def settle_mixture(tables: Iterable, config: MixConfig) -> Settled:
    """How far each target is; no row without a model. 64 bytes a bucket and target."""
    from curate.algorithms import dsir

    if not config.dsir_model:
        return Settled(dsir.DIVERGENCES.empty_table())
    model = dsir.saved(config.dsir_model)
    return Settled(dsir.divergences(model, dsir.added(tables, model.num_rows)))


def report(model, summary, config: MixConfig) -> list[str]:
    from curate.algorithms import dsir, mix_quotas, mix_report

    lines = mix_report.lines(model, config.documents or config.tokens, _epochs(config), _below(config))
    if config.quotas and model.num_rows:
        lines += mix_quotas.lines(config.quotas, model["taken"][0].as_py(), model["unit"][0].as_py())
    return lines + (dsir.divergence_lines(summary, "the mixture") if config.dsir_model else [])


def memory(load: Load, config: MixConfig) -> int:
    """A shard's columns, and 64 MiB three times to route them; a part's four times; 96 bytes a document to choose,
    160 with sensitivity, and 40 for each quota.
    A tokenizer other than the built-in estimate: 256 MiB, and eight times the largest documents."""
    if load.kind == "settle":
        each = (160 if config.sensitivity else 96) + 40 * len(config.quotas)
        return (64 << 20) + (each * load.rows if load.census == 0 else 0)
    if load.kind == "apply":
        return (64 << 20) + 4 * load.bytes
    per_row = 100 + 40 * len(_below(config)) + 24 * len(config.quotas)
    counting = (256 << 20) + 8 * load.longest if config.tokenizer and load.census == 0 else 0
    return load.reading + min(192 << 20, 12 * load.bytes) + per_row * load.rows + counting


STAGE = Stage(
    name="mix",
    revision=3,
    config=MixConfig,
    takes="corpora",
    makes="corpus",
    adds=adds,
    before=(
        Census(survey, settle=settle, needs=needs_to_choose),
        Census(gather, settle=settled_already, needs=needs_all),
    ),
    slices=slices,
    parts=parts,
    apply=apply,
    after=Census(survey_mixture, settle_mixture, sample=compared),
    report=report,
    memory=memory,
)
