"""THE CONTRACT: what a stage declares, and all that the runtime knows of it.

A stage is one file in `curate/stages/` that ends in `STAGE = Stage(...)`. From that declaration come
the command, the run-file key, help, validation, planning, resume, records and the contract tests.
A stage file imports at its top only pydantic, this module, `curate.ranked` and the standard library;
its functions import what they need when they run, in a worker.

    takes "corpus"   makes "layer"     annotates: `apply` gives the columns of `adds`, a row for a row
    takes "sources"  makes "corpus"    brings in: `apply` turns a slice of source files into documents
    takes "corpus"   makes "corpus"    selects: `apply` turns tables of documents into tables of documents
    takes "corpora"  makes "corpus"    mixes
    takes "corpus"   makes "files"     sends out: `write` turns tables into one file a slice

A census is a pass over the input before `apply` (or, as `after`, over the finished layer):

    survey(table, mine, config) -> Table    once a shard, on the columns of `needs` and of the runtime;
                                            an iterator of tables where one would be too large
    link(tables, part, config) -> Table     once a part, optional: the shuffle; `tables` is a `Tables`, which
                                            may be gone through more than once, whole or by columns
    settle(tables, config) -> Settled       once; streams over what came before, in shard order, as often as it likes

Tables given to `survey`, `apply` and `after` carry three columns of the runtime's besides those the stage
needs: `shard` (int32, over all inputs), `row` (int64, within the shard) and
`corpus` (the input's name, as a dictionary). With `--where` every function sees only the chosen rows. A survey
table with a `part` column (uint32, a hash over its full range) is routed to `link`: the runtime
scales it to the number of parts, and `link` sees its part's rows of every survey in shard order, less that column.
`mine` is this shard's rows of the previous census (its `Settled.rows` without `shard`, ordered by
`row`), or None.

A survey may also yield `Indexed` tables, which stay beside the layer's shards in `index/`. A later corpus, whose
command names this one by an option of type `OldCorpus`, reads them: see `Against`.

`prepare(model, config)` runs once a process; without it `apply` gets the model itself.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict

from curate.storage.sources import InputShard, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Against",
    "Alarm",
    "Applied",
    "Bytes",
    "Census",
    "Decision",
    "Indexed",
    "InputFile",
    "InputPath",
    "InputShard",
    "Likewise",
    "Load",
    "ModelPath",
    "OldCorpus",
    "Options",
    "Settled",
    "Share",
    "SourceFile",
    "Stage",
    "StageConfig",
    "Tables",
    "marked",
]


class FileMarker:
    """Marks an option that names a file whose bytes count in the fingerprint."""


class PathMarker:
    """Marks an option that names a path without its content counting (a source, a folder)."""


class ModelMarker:
    """Marks an option that is a keyword or public id, or names files or a folder, whose bytes then count.

    A keyword is never looked for on disk, whatever lies there.
    """

    KEYWORDS = frozenset({"builtin", "corpus"})


class CorpusMarker:
    """Marks an option that names finished corpora to be read beside the input; their content counts."""


class AlarmMarker:
    """Marks an option that decides only whether a result is accepted: it changes no byte and does not count."""


class DecisionMarker:
    """Marks an option that only decides over what the censuses before `apply` found: they see it at its default."""


InputFile = Annotated[str, FileMarker()]
InputPath = Annotated[str, PathMarker()]
ModelPath = Annotated[str, ModelMarker()]
OldCorpus = Annotated[str, CorpusMarker()]
Alarm = AlarmMarker()
"""For an option of any type: `max_loss: Annotated[Share, Alarm] = 0.95`."""
Decision = DecisionMarker()
"""For an option of any type, of a stage that has `again`: with another value nothing is searched a second time."""


def _fraction(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    number, slash, divisor = value.partition("/")
    if slash:
        return float(number) / float(divisor) if float(divisor) else value
    return float(value.strip()[:-1]) / 100 if value.strip().endswith("%") else value


Share = Annotated[float, BeforeValidator(_fraction)]
"""A number that may be written as a percentage or a fraction: `1%` is 0.01, `1/3` a third."""


def _bytes(value: Any) -> Any:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG])B?", value.strip().upper()) if isinstance(value, str) else None
    return int(float(found[1]) * {"K": 10**3, "M": 10**6, "G": 10**9}[found[2]]) if found else value


Bytes = Annotated[int, BeforeValidator(_bytes)]
"""A number of bytes that may be written as a size: `64M` is 64,000,000."""


class StageConfig(BaseModel):
    """The options of a stage that change bytes. Its docstring is the command's help."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Options(StageConfig):
    """The options of a stage that has none."""


@dataclass(frozen=True)
class Settled:
    """What a census found.

    model: goes to every task that follows, and, after the last census, into the layer's `model.parquet`;
    None keeps that of the census before, without its details.
    details: tables of the model's columns, written behind it for people and programs; no function is given them.
    rows: tables with `shard` (int32) and `row` (int64) and more columns, in any order; stored by shard.
    removed: documents that this census already decided to leave out, by reason (a mix does).
    """

    model: pa.Table | None
    rows: Iterable[pa.Table] | None = None
    removed: Mapping[str, int] = field(default_factory=dict)
    details: Iterable[pa.Table] | None = None


class Tables(Protocol):
    """The rows of one part, table by table in shard order, of old corpora first; every pass reads them again."""

    def __iter__(self) -> Iterator[pa.Table]: ...

    def only(self, *columns: str) -> Iterator[pa.Table]:
        """The same tables, reading these columns alone."""
        ...


class Likewise(Protocol):
    """Other documents put through the stages that made some columns, with the options and the models they had then."""

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table, such as one of only `text`, with the layers' columns; one that it has already is not made."""
        ...

    def same(self, folder: str, column: str) -> str | None:
        """The column of another corpus that holds what this would give its documents, None where there is none."""
        ...


@dataclass(frozen=True)
class Indexed:
    """Rows of a survey that a later run needs: kept in `index/` under the shard's name, as given, in order.

    table: `row` (int64) and any columns, the same in every table; at least one table a shard, perhaps empty.
    """

    table: pa.Table


@dataclass(frozen=True)
class Against:
    """What a census does with the corpora that an `OldCorpus` option names.

    survey(table, mine, config): like the census's own, once a shard of theirs. Their shards are numbered
    after the input's. What it yields comes before the rows of the input.
    needs(config): columns of that corpus, of its layer of the same name as the one being made (by the stage's own
    names), and of that layer's `index/`.
    indexed: those of them that lie in `index/`.
    same: the options in which that layer must agree with these.
    """

    survey: Callable[..., pa.Table | Iterator[pa.Table]]
    needs: Callable[[Any], tuple[str, ...]]
    indexed: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class Load:
    """What a task will be given: by this a stage states the memory that it needs.

    kind: survey, link, settle or apply. census: its number in `before`, or -1 for the one after.
    rows, bytes: of the columns read of the largest shard (survey, apply), of the Arrow tables of the largest part
    (link, and apply of a slice that is a part), or of all rows that come (settle). Where it takes sources, the bytes
    of all files, and no rows.
    longest: bytes of the largest row group, of about 8 MiB, of the columns read of a shard: no document is larger.
    For a link, of the largest table: more than 64 MiB only where a single one that a survey gave was.
    mine: bytes of the largest shard's rows of the census before, 0 until they are there.
    together: bytes of the columns read of all shards of the largest slice of a new corpus.
    measured: False for a link or settle asked about before its rows are there: rows and bytes are then those of the
    documents they will come from, a part's share of them for a link.
    """

    kind: str
    census: int
    rows: int
    bytes: int
    longest: int = 0
    measured: bool = True
    mine: int = 0
    together: int = 0

    @property
    def reading(self) -> int:
        """64 MiB, and 3.25 times the bytes to read a shard's columns and have them in one piece: 3.1 when measured."""
        return (64 << 20) + 13 * self.bytes // 4


@dataclass(frozen=True)
class Applied:
    """What `apply` gives when a table alone does not say it all.

    table: a stage that makes a layer gives one row per input row, null where a row is quarantined.
    rejects: rows of `storage.schema.REJECTS`, one for each quarantined document.
    read: documents this piece accounts for; None means as many as `table` has rows.
    removed: documents left out, by reason.
    repeats: documents in `table` beyond their first copy.
    counts: anything else worth counting (characters changed, lines unified), summed into the ledger's `counts`.
    spans: for a stage that makes a corpus: rows of `storage.schema.SPANS`, one for each stretch of text taken out.
    read + repeats = rows of `table` + removed + rejects (for a layer: read = rows, rejects are among them).
    """

    table: pa.Table
    rejects: pa.Table | None = None
    read: int | None = None
    removed: Mapping[str, int] = field(default_factory=dict)
    repeats: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    spans: pa.Table | None = None


@dataclass(frozen=True)
class Census:
    """A pass over the input that ends in one answer.

    sample: how many documents `survey` needs at most; the runtime then passes on only those whose
    hash of (seed, id) is among about that many smallest, the same ones for any sharding. 0 skips
    the pass altogether: `settle` gets no tables. None, or no `sample`, surveys every document; for the census
    after it is one or the other. The config must have a `seed`. The metadata of a sampled table's schema says as
    `documents` how many there are to choose from.
    needs: the columns of this census when they differ from the stage's.
    against: what it does with old corpora.
    indexed: whether the survey yields `Indexed` tables under these options.
    only_mine: the survey sees only its `mine` rows, and nothing else of a shard is read.
    given: whether the survey is given the model of the census before: survey(table, mine, model, config).
    settle_given: whether the settle is: settle(tables, model, config).
    likewise(config): columns of the input, as other stages' layers added them. Nothing is surveyed then: in place of
    tables `settle` is given a `Likewise`. What the models of those stages take need not be stated as memory.
    A stage that takes sources is surveyed by slices: survey(slice, mine, config), where slice["index"] is its number.
    """

    survey: Callable[..., pa.Table | Iterator[pa.Table]] | None
    settle: Callable[..., Settled]
    link: Callable[..., pa.Table] | None = None
    sample: Callable[[Any], int | None] | None = None
    needs: Callable[[Any], tuple[str, ...]] | None = None
    against: Against | None = None
    indexed: Callable[[Any], bool] | None = None
    only_mine: bool = False
    given: bool = False
    settle_given: bool = False
    likewise: Callable[[Any], tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Stage:
    """One verb. See the module's docstring for the functions' arguments.

    apply, by what is made:
      layer   apply(table, mine, prepared, config) -> Table | Applied
      corpus  apply(slice, tables, mine, prepared, config) -> Iterator[Applied]; `tables` iterates over the
              chosen rows of the slice's shards, or over the slice's part of the last census
      files   apply(tables, path, prepared, config) -> int: writes one file at `path`, gives the documents in it
    again(table, config) -> Table | Applied: where a layer stands that differs in options of the type `Decision` alone,
    gives a shard's columns from those it had, for the chosen rows, in place of all censuses before and of `apply`; the
    same as these would give. The stage keeps no index and quarantines nothing.
    slices(inputs, config, shard_bytes) -> list of dict, a pure function of the listing (list of SourceFile) or of the
    input shards (list of InputShard). A slice is plain JSON; the keys `shards` (list of shard indexes)
    and `part` (int) tell the runtime which tables to bring.
    parts(inputs, config): the number of parts of the shuffles, when a stage needs its own.
    suffix(config): the file name suffix of a stage that makes files, such as ".jsonl.zst".
    report(model, summary, config) -> lines that the command prints at its end; made in a worker, and either
    table may be None.
    alarm(summary, config): raises DataError when the result should not be accepted as it is; asked right before
    the commit, of options of the type `Alarm`, which no other function sees but at their defaults. Finished work stays,
    so a run with another limit commits at once; a layer that stands is asked again, and stays whatever comes of it.
    about(config): a column of the input, where the stage's options may fit only that very layer which holds it:
    `check(config, content)` raises UsageError, when a run is planned, for those that do not go with the layer's content
    digest; `report` gets the layer's summary as a fourth argument, None where it has none.
    carries: whether layers of the input may come along into a new corpus; not where the text they say it of changes.
    memory(load, config) -> bytes that a task allocates at most beyond what an idle worker holds, what the runtime
    reads and routes for it included, and the shards of a new corpus that are being written excepted. None is
    128 MiB and four times the bytes of the load.
    """

    name: str
    revision: int
    config: type[StageConfig]
    apply: Callable[..., Any]
    takes: Literal["sources", "corpus", "corpora"] = "corpus"
    makes: Literal["layer", "corpus", "files"] = "layer"
    needs: Callable[[Any], tuple[str, ...]] = lambda config: ()
    adds: Callable[[Any], pa.Schema] | None = None
    before: tuple[Census, ...] = ()
    prepare: Callable[..., Any] | None = None
    after: Census | None = None
    again: Callable[..., pa.Table | Applied] | None = None
    slices: Callable[..., list[dict]] | None = None
    parts: Callable[..., int] | None = None
    suffix: Callable[[Any], str] | None = None
    report: Callable[..., list[str]] | None = None
    alarm: Callable[..., None] | None = None
    about: Callable[[Any], str] | None = None
    check: Callable[[Any, str], None] | None = None
    memory: Callable[[Load, Any], int] | None = None
    carries: bool = True

    @property
    def panel(self) -> str:
        """The heading of the command in `curate --help`."""
        if self.takes == "sources":
            return "bring in"
        return {"layer": "annotate", "corpus": "select", "files": "send out"}[self.makes]


def marked(config: type[StageConfig], marker: type) -> Iterator[str]:
    """Names of the options of a model whose type, or whose list's items, carry a marker."""
    for name, info in config.model_fields.items():
        found = [*info.metadata, *_metadata(info.annotation)]
        if any(isinstance(item, marker) for item in found):
            yield name


def _metadata(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return list(annotation.__metadata__)
    if origin in (list, tuple, Union, types.UnionType):
        return [item for part in get_args(annotation) for item in _metadata(part)]
    return []
