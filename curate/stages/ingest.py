"""Bring text in from files of any of the formats of `curate.formats`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from curate.stage import Applied, Bytes, Census, InputPath, Load, Settled, Share, SourceFile, Stage, StageConfig

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from curate.formats.documents import Batch, Reading
    from curate.formats.records import Settings

EXPANSION = 4  # text bytes for a byte of a compressed file
FILE_BYTES = 4096  # what a file costs beside its text, so that many tiny ones are spread too
FormatName = Literal[
    "jsonl", "json", "csv", "tsv", "parquet", "arrow", "text", "markdown", "html", "warc", "tar", "zip"
]
_WITHOUT_PAGES = ("jsonl", "json", "csv", "tsv", "parquet", "arrow", "text", "markdown")
_PACKED_TAR = (".tgz", ".tbz2", ".txz", ".tzst")
COLUMN_TYPES = ("string", "int64", "float64", "bool", "timestamp")


class IngestConfig(StageConfig):
    """Read JSON, CSV, Parquet, Arrow, text, Markdown, HTML and WARC, plain, compressed or in tar and zip archives.

    Fields that no option lifts into a column stay, exactly as they were, in the column `meta`.
    What cannot be read is put aside with its file, position and reason, and the rest is read on.
    """

    sources: list[InputPath] = Field(min_length=1, description="Files, folders or globs to read.")
    text_field: str = Field(
        "text",
        description="Field that holds the text. Names between commas are tried in order and the first that is there "
        "counts; names joined by + are taken together, a blank line between them: text,question+answer. "
        "A name with dots is a path into nested objects.",
    )
    id_field: str | None = Field(
        None,
        description="Field that holds an id; of documents with the same id the first stays. Without it an id is made "
        "from the file's path and the document's place in it.",
    )
    source: str | None = Field(None, description="The source of every document, such as a crawl's name.")
    source_field: str = Field(
        "source",
        description="Field that holds a document's source, used where it is there. Elsewhere the source is "
        "the top folder below the one common to all files, or else the file's name up to its first dot.",
    )
    url_field: str = Field("url", description="Field that holds a document's URL, used where it is there.")
    date_field: str = Field(
        "date",
        description="Field that holds a document's date, used where it is there: ISO 8601, or an epoch in seconds, "
        "milli-, micro- or nanoseconds. What is no date stays in `meta`.",
    )
    column: list[str] = Field(
        [],
        description="A field to lift into a column of its own, as NAME=FIELD:TYPE; the types are string, int64, "
        "float64, bool and timestamp. A value that is not of the type stays in `meta`.",
    )
    format: FormatName | None = Field(
        None,
        description="The format of every file; without it each file's name tells it.",
    )
    extract: Literal["trafilatura", "resiliparse", "none"] = Field(
        "trafilatura",
        description="What finds the main text of an HTML page: trafilatura is the most exact, resiliparse ten times as "
        "fast; none takes the HTML as it is.",
    )
    split_paragraphs: bool = Field(False, description="Make each paragraph of a plain text a document, not each file.")
    split_lines: bool = Field(False, description="Make each line of a plain text a document, not each file.")
    nfc: bool = Field(True, description="Bring text into Unicode's normal form NFC.")
    newlines: bool = Field(True, description="Make every kind of line end a plain newline.")
    controls: bool = Field(True, description="Remove control characters other than tab and newline.")
    sample: Share = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of the documents to take, such as 1% or 0.01, drawn by a hash of the seed and the id.",
    )
    max_document_bytes: Bytes = Field(
        128_000_000, ge=1, description="A record of more bytes than this is put aside without being held in memory."
    )
    seed: int = Field(0, ge=0, lt=1 << 63, description="Another seed samples other documents.")

    @field_validator("column")
    @classmethod
    def _columns_are_well_formed(cls, values: list[str]) -> list[str]:
        from curate.storage.schema import DOCUMENTS, RESERVED

        names = [lifted(value)[0] for value in values]
        taken = {*DOCUMENTS.names, *RESERVED, "place", "file", "position", "unit"}
        for name in names:
            if name in taken or names.count(name) > 1:
                raise ValueError(f"column '{name}' is taken; choose another name")
        return values

    @model_validator(mode="after")
    def _fields_are_well_formed(self) -> IngestConfig:
        if self.split_paragraphs and self.split_lines:
            raise ValueError("split_paragraphs and split_lines exclude each other; give one")
        named = [self.text_field, self.id_field or "id", self.source_field, self.url_field, self.date_field]
        for fields in [*named, *(lifted(value)[1] for value in self.column)]:
            for names in (part.split("+") for part in fields.split(",")):
                if not all(name.strip() for name in names) or len(set(names)) < len(names):
                    raise ValueError(
                        f"fields '{fields}': a name is empty or repeated; write them as text,question+answer"
                    )
        return self


def lifted(column: str) -> tuple[str, str, str]:
    """`NAME=FIELD:TYPE` in its parts. Raises ValueError for anything else."""
    found = re.fullmatch(r"([a-z][a-z0-9_]*)=(.+):(\w+)", column)
    if not found or found[3] not in COLUMN_TYPES:
        raise ValueError(
            f"column '{column}': write NAME=FIELD:TYPE, such as year=meta.year:int64; a name is lower-case letters, "
            f"digits and _; the types are {', '.join(COLUMN_TYPES)}"
        )
    return found[1], found[2], found[3]


def adds(config: IngestConfig) -> pa.Schema:
    """The columns lifted by `--column`."""
    import pyarrow as pa

    from curate.formats.fields import TYPES

    return pa.schema([(name, TYPES[kind][1]) for name, _, kind in map(lifted, config.column)])


def reading(config: IngestConfig) -> Reading:
    """The options as the readers take them."""
    from curate.formats.documents import Reading
    from curate.formats.fields import Column, Fields

    columns = [Column("text", config.text_field, "text")]
    if config.id_field is not None:
        columns.append(Column("id", config.id_field, "string"))
    if config.source is None:
        columns.append(Column("source", config.source_field, "string"))
    columns += [Column("url", config.url_field, "string"), Column("date", config.date_field, "timestamp")]
    columns += [Column(*lifted(item)) for item in config.column]
    fields = Fields(tuple(columns), config.id_field is not None)
    return Reading(fields, _settings(config), config.format, config.source)


def _settings(config: IngestConfig) -> Settings:
    from curate.formats.records import Settings

    split = "paragraphs" if config.split_paragraphs else "lines" if config.split_lines else "none"
    return Settings(config.max_document_bytes, split, config.extract)


# --- slices --------------------------------------------------------------------------------------------


def slices(listing: list[SourceFile], config: IngestConfig, shard_bytes: int) -> list[dict]:
    """Cut large files that can be read from any byte on, pack small ones together; a compressed stream stays whole.

    What was found in a folder and is of no known format is only counted, by the last slice. Raises UsageError for
    such a file that was named, and where there are no others.
    """
    found: list[dict] = []
    room = 0
    known, others = _known(listing, config)
    for file in known:
        for part, weight in _parts(file, config, shard_bytes):
            if weight > room:
                found.append({"files": []})
                room = shard_bytes
            found[-1]["files"].append(part)
            room -= weight
    if others:
        found[-1]["files"] += others
    return found


def _known(listing: list[SourceFile], config: IngestConfig) -> tuple[list[SourceFile], list[dict]]:
    """The files of known formats, and what stands in a slice for each of the others."""
    from curate.errors import UsageError
    from curate.formats import format_of, kind_of_name

    known, others = [], []
    for file in listing:
        try:
            format_of(file.relative, config.format)
            known.append(file)
        except UsageError:
            if not file.found:
                raise
            others.append({"path": file.path, "relative": file.relative, "left_out": kind_of_name(file.relative)})
    if others and not known:
        format_of(others[0]["relative"])
    return known, others


def _parts(file: SourceFile, config: IngestConfig, shard_bytes: int) -> Iterator[tuple[dict, int]]:
    """The ranges of a file to be read apart, and about how many bytes of text each holds."""
    from curate.formats import format_of, unpacked_name

    file_format = format_of(file.relative, config.format)
    packed = unpacked_name(file.relative) != file.relative
    within = file_format.name in ("parquet", "zip") or file.relative.lower().endswith(_PACKED_TAR)
    size = file.size * (EXPANSION if packed or within else 1)
    count = 1
    if file_format.cuts(_settings(config)) and not packed:
        count = max(1, -(-size // shard_bytes))
    for i in range(count):
        start = file.size * i // count
        end = file.size * (i + 1) // count if i + 1 < count else None
        yield {"path": file.path, "relative": file.relative, "start": start, "end": end}, size // count + FILE_BYTES


# --- given ids must be unique ---------------------------------------------------------------------------


def survey(slice_: dict, mine: None, config: IngestConfig) -> Iterator[pa.Table]:
    """A row for each document: the hash of its id, and its place; a table for each batch, and one at least."""
    from curate.algorithms.documents import surveyed
    from curate.formats.documents import batches, empty

    how = reading(config)
    nothing = empty(how)
    yield surveyed(nothing["id"], nothing["place"], slice_["index"], 0)
    seen = 0
    for batch in batches(slice_["files"], how):
        yield surveyed(batch.table["id"], batch.table["place"], slice_["index"], seen)
        seen += batch.table.num_rows


def link(tables: Iterable[pa.Table], part: int, config: IngestConfig) -> pa.Table:
    """The documents of a part whose id an earlier one has."""
    from curate.algorithms.documents import repeated

    return repeated(tables)


def settle(tables: Iterable[pa.Table], config: IngestConfig) -> Settled:
    """Gather the repeated ids of all parts: about 100 bytes of memory for each."""
    import pyarrow as pa

    rows = list(tables)
    model = pa.table({"repeated_ids": pa.array([sum(table.num_rows for table in rows)], pa.int64())})
    return Settled(model, rows or None)


# --- documents -------------------------------------------------------------------------------------------


def apply(
    slice_: dict, tables: Iterable[pa.Table], mine: pa.Table | None, prepared: Any, config: IngestConfig
) -> Iterator[Applied]:
    """The documents of a slice, in batches of about 16 MiB of text."""
    from curate.formats.documents import batches

    again = zip(mine["row"].to_pylist(), mine["first"].to_pylist(), strict=True) if mine is not None else iter(())
    following = next(again, None)
    seen = 0
    for batch in batches(slice_["files"], reading(config)):
        here = {}
        while following and following[0] < seen + batch.table.num_rows:
            here[following[0] - seen] = following[1]
            following = next(again, None)
        yield _applied(batch, here, config)
        seen += batch.table.num_rows


def _applied(batch: Batch, again: dict[int, str], config: IngestConfig) -> Applied:
    """Normalise and check a batch. again: rows, ascending, whose id is taken, and the place that had it first."""
    import numpy as np
    import pyarrow as pa

    from curate.algorithms.documents import is_blank
    from curate.algorithms.normalise import digests, normalise, text_bytes
    from curate.algorithms.sample import sampled
    from curate.storage.schema import DOCUMENTS

    table, removed = batch.table, dict(batch.removed)
    keep = sampled(table["id"], config.sample, config.seed) if config.sample < 1 else np.ones(len(table), np.bool_)
    removed["sampled out"] = int(np.count_nonzero(~keep))
    repeated = [row for row in again if keep[row]]
    rejects = pa.concat_tables([batch.rejects, _repeats(batch, repeated, again)])
    keep[repeated] = False
    table = _kept(table, keep)
    text, counts = normalise(table["text"], nfc=config.nfc, newlines=config.newlines, controls=config.controls)
    table = table.set_column(table.schema.get_field_index("text"), "text", text)
    blank = is_blank(text)
    removed["empty text"] = int(np.count_nonzero(blank))
    table = _kept(table, ~blank)
    table = table.append_column("digest", digests(table["text"]))
    table = table.append_column("bytes", pa.array(text_bytes(table["text"])))
    read = batch.table.num_rows + batch.rejects.num_rows + sum(batch.removed.values())
    unfit = {f"{name} not understood": count for name, count in batch.unfit.items()}
    columns = [*DOCUMENTS.names, *adds(config).names]
    return Applied(table.select(columns), rejects, read, removed, counts={**counts, **unfit, **batch.counts})


def _kept(table: pa.Table, keep: np.ndarray) -> pa.Table:
    import pyarrow as pa

    return table if keep.all() else table.filter(pa.array(keep))


def _repeats(batch: Batch, rows: list[int], again: dict[int, str]) -> pa.Table:
    """Reject rows for documents whose id is taken."""
    import pyarrow as pa

    from curate.formats.documents import reject_table
    from curate.formats.records import Reject

    found = batch.table.select(["id", "file", "position", "unit"]).take(pa.array(rows, pa.int64())).to_pylist()
    return reject_table(
        [
            (
                batch.files[row["file"]],
                Reject(row["position"], row["unit"], "duplicate id", f"{row['id']} is the id of {again[number]}"),
            )
            for number, row in zip(rows, found, strict=True)
        ]
    )


def memory(load: Load, config: IngestConfig) -> int:
    """Batches of 16 MiB, and five times the largest record, which may be as large as the files allow: sixteen times
    their bytes, where they are compressed. Seven times where it may be a page, of which the block that it is in, its
    content and its decoded characters are held too. Ids that must be unique: 64 MiB of their rows, three times, to
    route them; 64 bytes a row to compare those of a part. Where HTML may be parsed, the process that it is parsed in:
    96 MiB, and 800 bytes for each of a page, up to the 512 MiB at which it ends."""
    record = min(config.max_document_bytes, 16 * load.bytes)
    if load.kind == "link":
        return (96 << 20) + (64 * load.rows + 4 * load.bytes if load.measured else 0)
    if load.kind == "settle":
        return (64 << 20) + (100 * load.rows if load.measured else 0)
    pages = _may_hold_pages(config)
    parsing = (96 << 20) + min(512 << 20, 800 * record) if pages and config.extract != "none" else 0
    return (96 << 20) + (7 if pages else 5) * record + parsing + ((192 << 20) if load.kind == "survey" else 0)


def _may_hold_pages(config: IngestConfig) -> bool:
    """Whether there may be pages, as far as names tell: a folder may hold anything."""
    from curate.errors import UsageError
    from curate.formats import format_of

    def other(source: str) -> bool:
        try:
            return format_of(source, config.format).name in _WITHOUT_PAGES
        except UsageError:
            return False

    return not all(map(other, config.sources))


STAGE = Stage(
    name="ingest",
    revision=2,
    config=IngestConfig,
    takes="sources",
    makes="corpus",
    adds=adds,
    before=(Census(survey, settle, link, sample=lambda config: 0 if config.id_field is None else None),),
    slices=slices,
    apply=apply,
    memory=memory,
)
