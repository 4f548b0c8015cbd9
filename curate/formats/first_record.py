"""Whether a file can have the fields that an option names, told from its first record and without loading a kernel.

So it can be asked while a run is planned; reading the whole file is left to the workers.
"""

from __future__ import annotations

import csv
import json
import os
from typing import Any

from curate.errors import UsageError
from curate.formats import format_of
from curate.formats.records import Source
from curate.formats.streams import Damage, opened
from curate.storage.corpus import is_corpus
from curate.storage.sources import listing


def without_text(path: str, text_field: str = "text") -> str | None:
    """What is wrong with `FILE` or `FILE#FIELDS`, as `formats.texts` takes it, if its first record has no such field.

    Only files of JSON Lines and with separators are looked into. None for others, for what is no file, and for a first
    line that is no object or no whole header.
    """
    if is_corpus(path):
        return None
    if not os.path.exists(path) and "#" in path:
        path, _, text_field = path.rpartition("#")
    try:
        files = [(file, format_of(file.relative).name) for file in listing([path])]
    except UsageError:
        return None
    for file, kind in files:
        record = _first(file.path, kind) if kind in ("jsonl", "csv", "tsv") else None
        if record and not any(all(_has(record, name) for name in part.split("+")) for part in text_field.split(",")):
            names = ", ".join(list(record)[:8])
            return (
                f"{file.path}: its first record has {names}, not {text_field}; name its text's fields as {path}#FIELD"
            )
    return None


def _first(path: str, kind: str) -> dict[str, Any] | None:
    """The first record, or of a file with separators the names in its header."""
    block = next((item for item in opened(Source(path)).blocks), b"")
    line = b"" if isinstance(block, Damage) else bytes(block).removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    try:
        if kind == "jsonl":
            record = json.loads(line)
            return record if isinstance(record, dict) else None
        names = next(csv.reader([line.decode().rstrip("\r")], delimiter="," if kind == "csv" else "\t"), [])
    except (ValueError, csv.Error):
        return None
    return dict.fromkeys(names, "") if line.count(b'"') % 2 == 0 else None


def _has(record: dict[str, Any], name: str) -> bool:
    """Whether a name, or a path with dots into nested objects, leads to something but null."""
    name = name.strip()
    if record.get(name) is not None:
        return True
    first, dot, rest = name.partition(".")
    inner = record.get(first)
    return bool(dot) and isinstance(inner, dict) and _has(inner, rest)
