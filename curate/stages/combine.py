"""One decision of many scores: a weighted mean, a vote of fallible judges, or a rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from curate.ranked import Ranked
from curate.stage import Applied, Census, Decision, InputFile, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

_RANKED = Ranked("combine", "float64", missing="without_score")


def _weights(value: Any) -> Any:
    """A list of COLUMN or COLUMN=WEIGHT as a mapping."""
    if not isinstance(value, list | tuple):
        return value
    found = {}
    for item in ",".join(map(str, value)).split(","):
        column, _, weight = item.partition("=")
        if column.strip().removeprefix("-") in {name.removeprefix("-") for name in found}:
            raise ValueError(f"'{column.strip()}' is named twice")
        found[column.strip()] = weight or 1
    return found


Weights = Annotated[dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]], BeforeValidator(_weights)]


class CombineConfig(StageConfig):
    """Make one decision of many columns: a weighted mean of scores, a vote of fallible judges, or a rule.

    It adds columns and takes no document out: `curate select CORPUS --where combine_keep --to NEW` does.
    combine: the mean of --scores, made comparable, over those that a document has; or, of --votes, how probably it is
    good. Null for a document with none of them, and absent with --rule.
    combine_keep: whether the document is among the --keep-rate best, exactly that share of those with a score, rounded
    down; or whether --rule is true, null where it is neither true nor false.
    combine_quantile: the share of documents with a score as high or higher: combine_quantile <= 0.02 is what another
    --keep-rate would keep, and that combines nothing again.
    """

    scores: Weights = Field(
        {},
        description="Columns of numbers to take the mean of, as COLUMN or COLUMN=WEIGHT, with a minus before one where "
        "little is good, such as fasttext=2 -perplexity. A document is judged by those that it has.",
    )
    method: Literal["ranks", "z"] = Field(
        "ranks",
        description="How scores are made comparable: each by its rank among all documents, or by its distance from the "
        "mean in standard deviations (z), where one extreme value outweighs many.",
    )
    target: list[InputFile] = Field(
        [],
        description="Files of texts to find the weights of --scores by, in any format that ingest reads (FILE#FIELD "
        "names another field than 'text'): those whose choice teaches a small language model most about them "
        "(Meta-rater).",
    )
    trials: int = Field(64, ge=8, le=4096, description="Models to train in the search for weights.")
    sample: int = Field(4_000, ge=100, le=200_000, description="Documents that the search chooses from.")
    votes: list[str] = Field(
        [],
        description="Conditions, SQL over columns, that each vote on whether a document is good, three or more, as "
        "'fasttext > 0.5'. How often each errs is learned from how they agree (Dawid and Skene 1979); one that is "
        "null for a document does not vote.",
    )
    rule: str | None = Field(
        None,
        description="SQL over columns that says which documents stay, such as '(dclm > 0.002 or cosmo > 0.03) and "
        "rules_eflaw < 70'.",
    )
    keep_rate: Annotated[Share, Decision] = Field(
        0.1, gt=0, le=1, description="The share of documents to keep by --scores or --votes, such as 5%."
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Draws the sample and the weights that are tried.")

    @model_validator(mode="after")
    def _one_way(self) -> CombineConfig:
        given = [name for name in ("scores", "votes", "rule") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                "give one of --scores, --votes and --rule" + (f", not {' and '.join(given)}" * bool(given))
            )
        if self.target and len(self.scores) < 2:
            raise ValueError("target: weights are sought for two scores or more; name them by --scores")
        if self.target and set(self.scores.values()) != {1.0}:
            raise ValueError("target: either it finds the weights, or --scores gives them; leave one out")
        if self.votes and len(self.votes) < 3:
            raise ValueError("votes: of two judges who differ nobody knows which errs; give three or more")
        return self


def needs(config: CombineConfig) -> tuple[str, ...]:
    from curate.algorithms import where

    return tuple(where.columns(config.rule)) if config.rule else ()


def needs_values(config: CombineConfig) -> tuple[str, ...]:
    from curate.algorithms import where

    columns = [name.removeprefix("-") for name in config.scores]
    columns += [name for vote in config.votes for name in where.columns(vote)]
    return tuple(dict.fromkeys(["id", *columns]))


def needs_sample(config: CombineConfig) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*needs_values(config), "text"]))


def adds(config: CombineConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("combine_keep", pa.bool_())]) if config.rule else _RANKED.adds(config)


def survey_sample(table: pa.Table, mine: None, config: CombineConfig) -> pa.Table:
    from curate.algorithms import combine_search

    return combine_search.examples(table, list(config.scores))


def settle_weights(tables: Iterable[pa.Table], config: CombineConfig) -> Settled:
    """The sample and what `combine_search.searched` states."""
    import pyarrow as pa

    from curate import formats
    from curate.algorithms import combine_search, examples

    weights, said = list(config.scores.values()), ""
    if config.target:
        texts = (array for name in config.target for array in formats.texts(name))
        target = examples.drawn(texts, combine_search.TARGET_TEXTS, config.seed)
        best, said = combine_search.searched(tables, target, config.method, config.trials, config.seed)
        weights = best.tolist()
    return Settled(pa.table({"weight": pa.array(weights, pa.float64()), "search": [said] * len(weights)}))


def survey(table: pa.Table, mine: None, config: CombineConfig) -> pa.Table:
    from curate.algorithms import combine

    values = combine.votes(table, config.votes) if config.votes else combine.numbers(table, list(config.scores))
    return combine.surveyed(table, values)


def settle(tables: Iterable[pa.Table], model: pa.Table, config: CombineConfig) -> Settled:
    """70 bytes a document, and 40 more for each column."""
    from curate.algorithms import combine, combine_votes

    if config.rule:
        return Settled(None)
    documents, values = combine.gathered(tables)
    if config.votes:
        voters, scores = combine_votes.learned(values)
        told = {"right_good": voters.right_good, "right_bad": voters.right_bad}
        return Settled(combine.summary(config.votes, values, told), combine.ranked(documents, scores))
    weights = model["weight"].to_numpy()
    scores = combine.combined(combine.standardised(values, config.method), weights)
    told = {"weight": weights, "search": model["search"].to_pylist()}
    return Settled(combine.summary(list(config.scores), values, told), combine.ranked(documents, scores))


def apply(table: pa.Table, mine: pa.Table | None, prepared: Any, config: CombineConfig) -> Applied:
    if config.rule is None:
        return _RANKED.apply(table, mine, prepared, config)
    import pyarrow as pa

    from curate.algorithms import where

    true, unknown = where.mask(table, config.rule)
    return Applied(pa.table([pa.array(true, mask=unknown)], schema=adds(config)))


def again(table: pa.Table, config: CombineConfig) -> Applied:
    return Applied(table) if config.rule else _RANKED.again(table, config)


def report(model: pa.Table | None, summary: None, config: CombineConfig) -> list[str]:
    from curate.algorithms import combine

    return combine.lines(model) if model is not None and not config.rule else []


def memory(load: Load, config: CombineConfig) -> int:
    """A shard's columns and 200 bytes a document. Of the search the sample, the target's texts and 512 MiB to count
    n-grams in; of settling 70 bytes a document, 40 more for each column, and the pieces of its rows."""
    if load.kind == "settle" and load.census == 0:
        return (512 << 20) + config.sample * 40_000 if config.target else 64 << 20
    if load.kind == "settle":
        columns = len(config.scores) + len(config.votes)
        return (128 << 20) + (70 + 40 * columns) * load.rows + min(256 << 20, 60 * load.rows)
    return (64 << 20) + load.reading + 200 * load.rows


STAGE = Stage(
    name="combine",
    revision=2,
    config=CombineConfig,
    needs=needs,
    adds=adds,
    before=(
        Census(
            survey_sample,
            settle_weights,
            sample=lambda config: config.sample if config.target else 0,
            needs=needs_sample,
        ),
        Census(survey, settle, sample=lambda config: 0 if config.rule else None, needs=needs_values, settle_given=True),
    ),
    apply=apply,
    again=again,
    report=report,
    memory=memory,
)
