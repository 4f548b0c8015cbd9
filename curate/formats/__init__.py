"""Readers of other people's files. A new format is one file with a reader, and one line in FORMATS.

A file's format is told by its name, after the ending of a compression is taken off; whether it is
compressed is told by its first bytes. Where a record is, and so the id made for it, is

    jsonl                            the byte, of the decompressed file, at which its line begins
    json                             the number of the member, from 0 (in a file of lines the byte, as above)
    csv, tsv, parquet, arrow         the number of the row, from 0, the header not counted
    text, markdown                   the byte at which the paragraph or line begins; 0 for a file that is one document
    html                             0: a file is one page
    warc                             the byte at which the record, or its member of a packed file, begins
    tar, zip                         the name of the member, and the place in that

Behind damage, positions count on from what could be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from curate.errors import DataError, UsageError
from curate.formats.records import Format, Settings, Source
from curate.storage.sources import listing

if TYPE_CHECKING:
    import pyarrow as pa


def _always(settings: Settings) -> bool:
    return True


def _by_lines(settings: Settings) -> bool:
    return settings.split == "lines"


FORMATS: dict[str, Format] = {
    item.name: item
    for item in (
        Format("jsonl", (".jsonl", ".ndjson", ".jsonlines"), "curate.formats.jsonl:read", _always),
        Format("json", (".json",), "curate.formats.json:read"),
        Format("csv", (".csv",), "curate.formats.csv:read_commas"),
        Format("tsv", (".tsv", ".tab"), "curate.formats.csv:read_tabs"),
        Format("parquet", (".parquet", ".pq"), "curate.formats.parquet:read", _always),
        Format("arrow", (".arrow", ".feather", ".ipc", ".arrows"), "curate.formats.arrow:read"),
        Format("text", (".txt", ".text"), "curate.formats.text:read", _by_lines, many=False),
        Format("html", (".html", ".htm", ".xhtml"), "curate.formats.html:read", many=False),
        Format("warc", (".warc", ".wet"), "curate.formats.warc:read", _always),
        Format("tar", (".tar", ".tgz", ".tbz2", ".txz", ".tzst"), "curate.formats.tar:read"),
        Format("zip", (".zip",), "curate.formats.zip:read"),
        Format("markdown", (".md", ".markdown"), "curate.formats.text:read", _by_lines, many=False),
    )
}
COMPRESSIONS = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz")


def format_of(name: str, forced: str | None = None) -> Format:
    """The format of a file of this name. Raises UsageError for a name, or a format, that is not known."""
    known = ", ".join(f"{item.name} ({' '.join(item.suffixes)})" for item in FORMATS.values())
    if forced is not None:
        if forced not in FORMATS:
            raise UsageError(f"--format '{forced}': no such format; known are {known}")
        return FORMATS[forced]
    base = unpacked_name(name)
    suffix = os.path.splitext(base)[1].lower()
    for item in FORMATS.values():
        if suffix in item.suffixes:
            return item
    raise UsageError(
        f"source '{name}': its name does not tell its format; leave it out, "
        f"such as by a quoted glob ('site/**/*.html'), or force one with --format; "
        f"known are {known}, each also with {' '.join(COMPRESSIONS)} behind"
    )


def kind_of_name(name: str) -> str:
    """What to count a file as that no reader reads: the ending of its name, in lower case."""
    base = name.rsplit("/", 1)[-1]
    found = re.fullmatch(r"[^.].*(\.[A-Za-z0-9]{1,8})", base, re.DOTALL)
    return found[1].lower() if found else "hidden files" if base.startswith(".") else "other names"


def unpacked_name(name: str) -> str:
    """A file's name without the ending of a compression."""
    base, suffix = os.path.splitext(name)
    return base if suffix.lower() in COMPRESSIONS else name


def texts(path: str, text_field: str = "text") -> Iterator[pa.LargeStringArray]:
    """The texts of a file, a folder or a glob, in any format that `ingest` reads, in arrays of some megabytes.

    Those of a corpus are its documents'.

    `FILE#FIELDS` names the fields of its records that hold the text instead of `text_field`: names joined
    by + are taken together, names between commas are tried in order (`questions.jsonl#question+answer`).
    They are as they stand in the file, valid UTF-8 but not normalised, and may be empty. Raises UsageError when
    there is no such file or its format is not known, and DataError at the first record that has no text.
    """
    from curate.formats.fields import text_only
    from curate.storage.corpus import is_corpus

    if is_corpus(path):
        for table in corpus_tables(path, ["text"]):
            yield from table["text"].chunks
        return
    if not os.path.exists(path) and "#" in path:
        path, _, text_field = path.rpartition("#")
    fields = text_only(text_field)
    for file in listing([path]):
        for piece in format_of(file.relative).read(Source(file.path), fields, Settings()):
            if piece.rejects:
                position, unit, reason, detail = piece.rejects[0]
                raise DataError(
                    f"{file.path}: {unit} {position}: {reason}{f' ({detail})' if detail else ''}; "
                    f"mend the file, or name the fields that hold its text as {path}#FIELD"
                )
            if len(piece.positions):
                yield piece.columns[0]


def corpus_tables(path: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The text and other columns of a corpus, in tables of some megabytes. Those of other layers must fit into memory
    a shard at a time."""
    from curate.storage import shard as shards
    from curate.storage.corpus import DOCUMENTS, Corpus

    corpus = Corpus(path)
    owners = corpus.columns()
    theirs = [name for name in columns if owners[name] == DOCUMENTS]
    for entry in corpus.entries():
        beside = {
            name: shards.read(corpus.current(owners[name]).shard(entry.name), [name])[name]
            for name in columns
            if name not in theirs
        }
        start = 0
        for table in shards.groups(corpus.current(DOCUMENTS).shard(entry.name), theirs):
            for name, values in beside.items():
                table = table.append_column(name, values.slice(start, table.num_rows))
            start += table.num_rows
            yield table.select(columns)


def unpacked_bytes(paths: Iterable[str]) -> int:
    """About the bytes of files that `texts` reads: as they lie there, compressed ones four times."""
    from curate.storage.corpus import Corpus, is_corpus

    total = 0
    for path in paths:
        if is_corpus(path):
            total += sum(entry.bytes for entry in Corpus(path).entries())
            continue
        try:
            files = listing([path])
        except UsageError:
            files = listing([path.rpartition("#")[0]])
        total += sum(file.size * (4 if file.relative.endswith(COMPRESSIONS) else 1) for file in files)
    return total
