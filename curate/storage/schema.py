"""The columns that every corpus has, and the tables that stages write beside them."""

from __future__ import annotations

import pyarrow as pa

FORMAT = 1

DOCUMENTS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("digest", pa.binary(16), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("date", pa.timestamp("us", tz="UTC")),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("meta", pa.large_string(), nullable=False),
    ]
)

# Columns that the runtime and `mix` give to tables beside those of a corpus.
RESERVED = ("shard", "row", "corpus", "part", "order", "origin", "origin_id", "draw")

# `file` is a source file or, for an annotating stage, a shard; `position` is a byte offset,
# a line, a row or a member number in it, as `unit` says.
REJECTS = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.large_string(), nullable=False),
    ]
)

# A stretch of a document's text that was taken out, in bytes of the text as it was; `of` and `of_start`
# say where the copy that stays begins.
SPANS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("of", pa.string()),
        pa.field("of_start", pa.int64()),
    ]
)
