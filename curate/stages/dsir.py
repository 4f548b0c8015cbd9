"""Importance weights of documents by their hashed n-grams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from curate.stage import Census, InputFile, Load, Settled, Stage, StageConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


_MOST_BUCKETS = 1 << 20


def _with_commas(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    return [part for item in items for part in (item.split(",") if isinstance(item, str) else [item])]


TargetName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]


class DsirConfig(StageConfig):
    """Score documents by how much likelier their words are in a target than in this corpus (DSIR).

    The column is a log importance weight, above 0 when a document is more like the target than
    like the corpus (that part of it that --where chooses), and null for a document without a
    word. That of a short document is uncertain: the authors leave out fewer than 100 tokens.
    `curate mix --score dsir` draws by it at random, without replacement. With --model the report says how far the
    documents are from the model's target: the less, the better they were selected (KL reduction).
    """

    target: list[InputFile] = Field(
        [],
        description="Files whose distribution of words to match, in any format that ingest reads; FILE#FIELD names "
        "the field that holds the text when it is not 'text'. Several are one target, but with --names.",
    )
    names: Annotated[list[TargetName], BeforeValidator(_with_commas)] = Field(
        [],
        description="A name for each --target, with commas: each name is a target of its own with its own column "
        "`dsir_NAME`, and `dsir` is the greatest. With --model, which of its targets to weigh by.",
    )
    model: InputFile | None = Field(
        None,
        description="A saved feature model to weigh by, instead of fitting one to --target and this corpus: the folder "
        "of a layer that dsir made, such as `pool/dsir`, or a copy of the `model.parquet` in it.",
    )
    buckets: int = Field(
        10_000, ge=2, le=_MOST_BUCKETS, description="Hash buckets that all words and pairs of neighbouring words share."
    )
    smoothing: float = Field(
        0.0,
        ge=0,
        description="Pseudo-count added to the target's number of every bucket; helps when the target is small.",
    )
    unit: Literal["document", "chunk"] = Field(
        "document",
        description="What is weighed: the document, or chunks of 128 tokens, and then the document's weight is the log "
        "of the mean importance weight of its chunks, close to that of its best one.",
    )
    normalise: Literal["none", "length"] = Field(
        "length",
        description="'length' divides a weight by the number of words and pairs, so that long documents are not "
        "favoured; 'none' gives the sum, as the authors' package does.",
    )

    @model_validator(mode="after")
    def _together(self) -> DsirConfig:
        if bool(self.target) == bool(self.model):
            raise ValueError("give either --target files to fit a model to, or a --model")
        if self.target and self.names and len(self.names) != len(self.target):
            raise ValueError(f"{len(self.names)} names for {len(self.target)} targets; give each target one")
        for name in ("buckets", "smoothing"):
            if self.model and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"a --model has its own {name}; leave --{name} out")
        return self


def _targets(config: DsirConfig) -> list[str]:
    """The names of the targets, or one empty one."""
    return list(dict.fromkeys(config.names)) or [""]


def _columns(config: DsirConfig) -> list[str]:
    return ["dsir", *(f"dsir_{name}" for name in _targets(config) if name)]


def needs(config: DsirConfig) -> tuple[str, ...]:
    return ("text",)


def adds(config: DsirConfig) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(name, pa.float64()) for name in _columns(config)])


def survey(table: pa.Table, mine: None, config: DsirConfig) -> pa.Table:
    """One shard's n-grams: int64, one row a bucket."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms import dsir

    counts = np.zeros(_buckets(config), dtype=np.int64)
    dsir.add_counts(table["text"], counts, chunks=config.unit == "chunk")
    return pa.table({"ngrams": counts})


def _buckets(config: DsirConfig) -> int:
    from curate.algorithms import dsir

    return dsir.saved(config.model).num_rows if config.model else config.buckets


def settle(tables: Iterable[pa.Table], config: DsirConfig) -> Settled:
    """Compare the corpus with the targets. Holds 64 bytes a bucket and target, whatever the number of documents.

    Beside a saved model there are the numbers of this corpus's n-grams, `here`.
    """
    import pyarrow as pa

    from curate.algorithms import dsir

    here = dsir.added(tables, _buckets(config))
    if config.model:
        model = dsir.of_targets(dsir.saved(config.model), _targets(config))
        return Settled(model.append_column("here", pa.array(here)))
    return Settled(dsir.fitted(_target_counts(config), here, config.smoothing))


def _target_counts(config: DsirConfig) -> dict[str, np.ndarray]:
    """The n-grams of each target by its name. Raises DataError for one without any."""
    import numpy as np

    from curate import formats
    from curate.algorithms import dsir
    from curate.algorithms.normalise import normalise
    from curate.errors import DataError

    names = config.names or [""] * len(config.target)
    found = {name: np.zeros(config.buckets, dtype=np.int64) for name in names}
    for name, path in zip(names, config.target, strict=True):
        for texts in formats.texts(path):
            dsir.add_counts(normalise(texts)[0], found[name], chunks=config.unit == "chunk")
    for name, counts in found.items():
        if not counts.any():
            files = " ".join(path for path, of in zip(config.target, names, strict=True) if of == name)
            raise DataError(f"dsir: --target {files}: no text there has a word; give other files")
    return found


def prepare(model: pa.Table, config: DsirConfig) -> Any:
    from curate.algorithms import dsir

    return [dsir.column(model, "log_ratio", name) for name in _targets(config)]


def apply(table: pa.Table, mine: None, prepared: Any, config: DsirConfig) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    from curate.algorithms import dsir

    chunks, mean = config.unit == "chunk", config.normalise == "length"
    found = [dsir.weights(table["text"], ratios, chunks=chunks, mean=mean) for ratios in prepared]
    if config.names:
        found.insert(0, pc.max_element_wise(*found))
    return pa.table(found, names=_columns(config))


def survey_scores(table: pa.Table, mine: None, config: DsirConfig) -> pa.Table:
    """The distribution of each column, in `column` its place."""
    import pyarrow as pa

    from curate.algorithms import scores

    found = [scores.distribution(table[name], table["bytes"], scores.wide_edges()) for name in _columns(config)]
    places = [pa.array([place] * each.num_rows, pa.int32()) for place, each in enumerate(found)]
    return pa.concat_tables(each.append_column("column", at) for each, at in zip(found, places, strict=True))


def settle_scores(tables: Iterable[pa.Table], config: DsirConfig) -> Settled:
    """Add up the distributions, a column after the other: 32 KiB, whatever the number of documents."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from curate.algorithms import scores

    united = []
    for place, name in enumerate(_columns(config)):
        of_one = (table.filter(pc.equal(table["column"], place)) for table in tables)
        found = scores.united(of_one, scores.wide_edges())
        united.append(found.append_column("column", pa.array([name] * found.num_rows, pa.string())))
    return Settled(pa.concat_tables(united))


def report(model: pa.Table, summary: pa.Table, config: DsirConfig) -> list[str]:
    """How far each target is, how much its weights vary, and what some thresholds of `dsir` keep."""
    import pyarrow.compute as pc

    from curate.algorithms import dsir, scores

    names = _targets(config)
    if config.model:
        lines = dsir.divergence_lines(dsir.divergences(model, model["here"].to_numpy()), "these documents")
    else:
        far = (dsir.divergence(dsir.column(model, "target", name), dsir.column(model, "pool")) for name in names)
        said = (f"KL divergence of the target from the corpus: {value:.3f} nats" for value in far)
        lines = [f"{name}: {line}" if name else line for name, line in zip(names, said, strict=True)]
    for name, column in zip(names, _columns(config)[-len(names) :], strict=True):
        of_one = summary.filter(pc.equal(summary["column"], column))
        documents = sum(scores.scored(of_one)["documents"].to_pylist())
        effective = scores.effective_size(of_one)
        share = f"{effective:,.1f} of {documents:,} documents ({effective / max(1, documents):.1%})"
        lines.append(f"{name}{': ' if name else ''}effective sample size: {share}")
    return [*lines, *scores.kept_lines(summary.filter(pc.equal(summary["column"], "dsir")))]


def memory(load: Load, config: DsirConfig) -> int:
    """A shard's text; for the settling 100 bytes a bucket and target, and the target's texts, 16 MiB at a time.
    A saved model is taken to have as many buckets as one can."""
    columns = len(_columns(config))
    if load.kind == "settle":
        return (128 << 20) + 100 * columns * (_MOST_BUCKETS if config.model else config.buckets)
    return load.reading + 48 * columns * load.rows


STAGE = Stage(
    name="dsir",
    revision=2,
    config=DsirConfig,
    needs=needs,
    adds=adds,
    before=(Census(survey, settle),),
    prepare=prepare,
    apply=apply,
    after=Census(survey_scores, settle_scores, needs=lambda config: ("bytes",)),
    report=report,
    memory=memory,
)
