"""The decisions of datatrove's four quality filters, by the Python of an environment of its own; `rules.py` calls this.

    /tmp/peers/bin/python scripts/bench/peer_rules.py texts.parquet outcome.parquet

The file has the column `text`. Each document goes through the filters in the order of FineWeb's published pipeline:
Gopher repetition, Gopher quality, C4 without terminal punctuation, and, where C4 keeps it, FineWeb's own on what C4
leaves of the text. Each filter sees every document, whatever those before said; seconds are taken for each alone,
imports and a first document not counted. The outcome has a row for each document, in the order of the file: for each
filter `<name>`, the reason it gives for dropping, null where it keeps, and `<name>_seconds`; and the text that C4
leaves, `cleaned`.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

FILTERS = {
    "repetition": GopherRepetitionFilter(),
    "quality": GopherQualityFilter(),
    "c4": C4QualityFilter(filter_no_terminal_punct=False),
    "fineweb": FineWebQualityFilter(),
}
WARM = "The first text loads what the filters need. " * 20


def decided(decide: Callable, document: Document) -> tuple[str | None, float]:
    """Why a filter drops a document, None if it keeps it, and the seconds that took."""
    begun = time.perf_counter()
    try:
        found = decide(document)
    except ZeroDivisionError:  # a text without words
        found = False, "fails"
    seconds = time.perf_counter() - begun
    kept, reason = found if isinstance(found, tuple) else (found, None)
    return None if kept else reason or "dropped", seconds


def judged(text: str) -> dict:
    """One row of the outcome. Times of filters that a document does not reach are zero."""
    document = Document(text=text, id="")
    row: dict = {}
    for name, step in FILTERS.items():
        if name == "fineweb" and row["c4"] is not None:
            row |= {"fineweb": None, "fineweb_seconds": 0.0, "cleaned": None}
            continue
        row[name], row[f"{name}_seconds"] = decided(step.filter, document)
        if name == "c4":
            row["cleaned"] = document.text
    return row


def main() -> None:
    """Judge the texts of one file."""
    texts, outcome = sys.argv[1:]
    judged(WARM)
    rows = [judged(text) for text in pq.read_table(texts, columns=["text"])["text"].to_pylist()]
    version = {"version": importlib.metadata.version("datatrove")}
    names = [name for step in FILTERS for name in (step, f"{step}_seconds")] + ["cleaned"]
    kinds = [pa.float64() if name.endswith("_seconds") else pa.large_string() for name in names]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(list(zip(names, kinds)), metadata=version)), outcome)


if __name__ == "__main__":
    main()
