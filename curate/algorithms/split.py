"""Documents dealt out at random to parts of exact sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from curate.errors import UsageError
from curate.kernels import arrow, hashing

_SALT = 0x1F83D9ABFB41BD6B
REST = "rest"

Size = int | float | str
"""A number of documents, a share of them, or REST."""


def hashes(ids: pa.ChunkedArray, seed: int) -> np.ndarray:
    """By what documents are dealt out: a hash of (seed, id) that no other stage draws by, uint64 (n,)."""
    values = arrow.strings(ids)
    found = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed ^ _SALT), found)
    return found


def sizes(parts: Mapping[str, Size], documents: int) -> dict[str, int]:
    """The parts in documents: shares rounded down, REST what the others leave. Raises UsageError for more than there
    are."""
    found = {
        name: 0 if size == REST else size if isinstance(size, int) else int(float(size) * documents + 1e-9)
        for name, size in parts.items()
    }
    wanted = sum(found.values())
    if wanted > documents:
        raise UsageError(
            f"--parts: {wanted:,} documents asked for, but there are {documents:,}; ask for fewer or shares"
        )
    return {name: documents - wanted if parts[name] == REST else size for name, size in found.items()}


def bounds(tables: Iterable[pa.Table], parts: Mapping[str, Size]) -> pa.Table:
    """Of each part, by name, `documents`, and `below`: its documents' hashes are less than that, and not less
    than that of the part before. The last row, without a name, is of the documents in no part.

    tables: with `hash`. Holds 16 bytes a document. Two documents with the same hash of 64 bits go to the same part.
    """
    drawn = np.sort(np.concatenate([arrow.numbers(table["hash"]) for table in tables]))
    found = dict(sorted(sizes(parts, len(drawn)).items()))
    ends = np.cumsum(list(found.values()))
    below = np.append(drawn, np.uint64((1 << 64) - 1))[ends]
    counts = [*found.values(), len(drawn) - int(ends[-1])]
    return pa.table(
        {
            "name": pa.array([*found, None], pa.string()),
            "documents": pa.array(counts, pa.int64()),
            "below": pa.array([*below.tolist(), (1 << 64) - 1], pa.uint64()),
        }
    )


def dealt(found: np.ndarray, model: pa.Table) -> pa.Array:
    """The name of the part of each hash, null for none."""
    places = np.searchsorted(arrow.numbers(model["below"])[:-1], found, side="right")
    return arrow.combined(model["name"]).take(pa.array(places))


def report_lines(model: pa.Table) -> list[str]:
    """How many documents each part has."""
    rows = model.to_pylist()
    total = max(1, sum(row["documents"] for row in rows))
    said = [f"{row['name'] or 'no part'}: {row['documents']:,} ({row['documents'] / total:.2%})" for row in rows]
    return said if rows[-1]["documents"] else said[:-1]
