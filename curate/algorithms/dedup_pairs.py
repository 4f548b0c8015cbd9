"""The evidence of a deduplication: every removed document beside the one it duplicates, and each source's loss."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.kernels import arrow, hashing

SUMMARY = pa.schema(
    [
        ("kind", pa.string()),
        ("id", pa.string()),
        ("of", pa.string()),
        ("similarity", pa.float32()),
        ("source", pa.string()),
        ("of_source", pa.string()),
        ("documents", pa.int64()),
        ("removed", pa.int64()),
    ]
)
"""kind is `exact` (the same digest), `normalised` (the same set of n-grams: other case, spacing or
punctuation) or `near` for a removed document, and `source` for the documents of a source and how many were removed."""

_LOSS = ("kind", "source", "documents", "removed")


def survey_pairs(table: pa.Table) -> pa.Table:
    """What `pairs` needs of a shard, with a `part`: removed documents by the one they duplicate, the kept ones
    that others duplicate by their id, and the counts of each source by its name."""
    removed = pc.invert(table["dedup_keep"])
    shared = table.filter(pc.greater(table["dedup_size"], 1))
    pairs = pa.table(
        {
            "kind": pa.nulls(shared.num_rows, pa.string()),
            "id": shared["id"],
            "of": shared["dedup_of"],
            "similarity": shared["dedup_similarity"],
            "source": shared["source"],
            "digest": shared["digest"],
        }
    )
    counted = pa.table({"source": table["source"], "removed": removed.cast(pa.int64())})
    counted = counted.group_by("source", use_threads=False).aggregate([([], "count_all"), ("removed", "sum")])
    losses = pa.table(
        {
            "kind": pa.repeat("source", counted.num_rows),
            "source": counted["source"],
            "documents": counted["count_all"],
            "removed": counted["removed_sum"],
        }
    )
    rows = pa.concat_tables([pairs, losses], promote_options="default")
    return rows.append_column("part", _parts(pc.coalesce(rows["of"], rows["id"], rows["source"])))


def _parts(names: pa.ChunkedArray) -> pa.Array:
    values = arrow.strings(names)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(0), hashes)
    return pa.array((hashes >> np.uint64(32)).astype(np.uint32))


def pairs(tables: Iterable[pa.Table]) -> pa.Table:
    """`SUMMARY` of one part, pairs ordered by (of, id) and sources by name."""
    rows = pa.concat_tables(tables).combine_chunks()
    losses = rows.filter(pc.is_valid(rows["kind"])).select(_LOSS)
    losses = losses.group_by(["kind", "source"], use_threads=False)
    losses = losses.aggregate([("documents", "sum"), ("removed", "sum")]).rename_columns(_LOSS).sort_by("source")
    rows = rows.filter(pc.is_null(rows["kind"]))
    kept = rows.filter(pc.is_null(rows["of"]))
    found = rows.filter(pc.is_valid(rows["of"])).sort_by([("of", "ascending"), ("id", "ascending")])
    at = pc.index_in(found["of"], kept["id"].combine_chunks())
    same = pc.if_else(pc.equal(found["similarity"], pa.scalar(1, pa.float32())), "normalised", "near")
    found = pa.table(
        {
            "kind": pc.if_else(pc.equal(found["digest"], kept["digest"].take(at)), "exact", same),
            "id": found["id"],
            "of": found["of"],
            "similarity": found["similarity"],
            "source": found["source"],
            "of_source": kept["source"].take(at),
        }
    )
    empty = SUMMARY.empty_table()
    return pa.concat_tables([empty, losses, found], promote_options="default").combine_chunks()


def summary(tables: Iterable[pa.Table]) -> pa.Table:
    """All parts: sources by name, then pairs. Memory: about 30 bytes and two ids for each removed document."""
    rows = pa.concat_tables(tables)
    losses = pc.equal(rows["kind"], "source")
    return pa.concat_tables([rows.filter(losses).sort_by("source"), rows.filter(pc.invert(losses))]).combine_chunks()


def report(rows: pa.Table, most: int = 10) -> list[str]:
    """Removals by kind, and the sources that lost the greatest share."""
    kinds = dict.fromkeys(("exact", "normalised", "near"), 0)
    counts = rows.group_by("kind", use_threads=False).aggregate([([], "count_all")]).to_pylist()
    kinds |= {item["kind"]: item["count_all"] for item in counts if item["kind"] in kinds}
    losses = rows.filter(pc.equal(rows["kind"], "source"))
    lost = sorted((item for item in losses.to_pylist() if item["removed"]), key=_least_lost)
    lines = ["removed: " + ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())]
    for item in lost[:most]:
        share = item["removed"] / item["documents"]
        lines.append(f"  {item['source']}: {item['removed']:,} of {item['documents']:,} ({share:.1%})")
    if len(lost) > most:
        lines.append(f"  and {len(lost) - most:,} sources that lost less")
    return lines


def _least_lost(item: dict) -> tuple[float, int, str]:
    return (-item["removed"] / item["documents"], -item["removed"], item["source"])
