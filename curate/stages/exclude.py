"""Leave out whole clusters: those of a list, or those whose mean scores are too low or too high."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from curate.stage import Census, InputFile, Load, Settled, Share, Stage, StageConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from curate.algorithms.exclude import Rules


def _bounds(value: Any) -> Any:
    """A list of COLUMN=NUMBER as a mapping."""
    if not isinstance(value, list | tuple):
        return value
    found = {}
    for item in value:
        column, mark, number = str(item).rpartition("=")
        if not (mark and column.strip()):
            raise ValueError(f"'{item}' is not COLUMN=NUMBER, such as fasttext=0.4")
        if column.strip() in found:
            raise ValueError(f"'{column.strip()}' has two bounds; give it one")
        found[column.strip()] = number
    return found


Bounds = Annotated[dict[str, float], BeforeValidator(_bounds)]
Shares = Annotated[dict[str, Annotated[Share, Field(gt=0, lt=1)]], BeforeValidator(_bounds)]


class ExcludeConfig(StageConfig):
    """Leave out whole clusters: those of a list that a person made, or those whose mean scores tell against them.

    `curate clusters` shows what the clusters are, and writes a list to fill in. Several grounds may be given; a cluster
    goes by any of them.

    exclude_keep: whether a document stays; null where it is in no cluster.
    exclude_reason: why its cluster goes, null where it stays.
    """

    exclude: InputFile | None = Field(
        None,
        description="A list of clusters with reasons, YAML or CSV, as `curate clusters CORPUS --template FILE` begins "
        "it. One that was made for another clustering is refused.",
    )
    min_mean: Bounds = Field(
        {},
        description="Leave out clusters whose mean of a column of numbers is less, as COLUMN=NUMBER, such as "
        "fasttext=0.4; documents without the number do not count.",
    )
    max_mean: Bounds = Field({}, description="The same for a mean that is greater.")
    drop_least: Shares = Field(
        {},
        description="Leave out the clusters with the least means of a column, as COLUMN=SHARE, such as fasttext=25%: "
        "as many as hold at most that share of the documents.",
    )
    cluster: str = Field("cluster", description="The column of clusters, such as cluster_level2 or cluster_domain.")

    @model_validator(mode="after")
    def _some_ground(self) -> ExcludeConfig:
        if self.exclude is None and not scores(self):
            raise ValueError(
                "nothing to leave clusters out by; give --exclude FILE, --min-mean, --max-mean or --drop-least"
            )
        return self


def scores(config: ExcludeConfig) -> list[str]:
    """The columns whose means decide."""
    return list(dict.fromkeys([*config.min_mean, *config.max_mean, *config.drop_least]))


def rules(config: ExcludeConfig) -> Rules:
    """The grounds, the list read."""
    from curate.algorithms import exclude, exclude_list

    reasons = exclude_list.read(config.exclude).reasons if config.exclude else {}
    return exclude.Rules(reasons, config.min_mean, config.max_mean, config.drop_least)


def about(config: ExcludeConfig) -> str:
    return config.cluster


def check(config: ExcludeConfig, content: str) -> None:
    """Raise UsageError for a list that is for another clustering."""
    from curate.algorithms import exclude_list

    if config.exclude:
        exclude_list.check(config.exclude, exclude_list.named(config.cluster, content))


def needs(config: ExcludeConfig) -> tuple[str, ...]:
    return (config.cluster,)


def needs_scores(config: ExcludeConfig) -> tuple[str, ...]:
    return tuple(dict.fromkeys([config.cluster, "bytes", *scores(config)]))


def adds(config: ExcludeConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([("exclude_keep", pa.bool_()), ("exclude_reason", pa.string())])


def survey(table: pa.Table, mine: None, config: ExcludeConfig) -> pa.Table:
    """Sizes and sums of scores of a shard's clusters."""
    from curate.algorithms import exclude

    return exclude.sums(table, config.cluster, scores(config))


def settle(tables: Iterable[pa.Table], config: ExcludeConfig) -> Settled:
    """Which clusters go, and why: some hundred bytes a cluster."""
    from curate.algorithms import exclude

    return Settled(exclude.decided(tables, rules(config)))


def prepare(model: pa.Table, config: ExcludeConfig) -> Any:
    from curate.algorithms import exclude

    return exclude.prepared(model)


def apply(table: pa.Table, mine: None, prepared: Any, config: ExcludeConfig) -> pa.Table:
    import pyarrow as pa

    from curate.algorithms import exclude

    return pa.table(list(exclude.verdicts(table[config.cluster], prepared)), schema=adds(config))


def report(model: pa.Table, summary: None, config: ExcludeConfig, clusters: pa.Table | None) -> list[str]:
    from curate.algorithms import exclude

    return exclude.report_lines(model, config.cluster, clusters)


def memory(load: Load, config: ExcludeConfig) -> int:
    """A shard's columns and 100 bytes a document; for settling 100,000 rows of sums and 2 kB for each cluster."""
    if load.kind == "settle":
        return (160 << 20) + 2_000 * min(load.rows, 1_000_000)
    return load.reading + 100 * load.rows


STAGE = Stage(
    name="exclude",
    revision=1,
    config=ExcludeConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle=settle, needs=needs_scores),),
    prepare=prepare,
    apply=apply,
    about=about,
    check=check,
    report=report,
    memory=memory,
)
