"""The evidence of a deduplication: every removed document beside the one it duplicates, and each source's loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import DataError
from curate.kernels import arrow, hashing

SUMMARY = pa.schema(
    [
        ("kind", pa.string()),
        ("id", pa.string()),
        ("of", pa.string()),
        ("similarity", pa.float32()),
        ("source", pa.string()),
        ("of_source", pa.string()),
        ("of_corpus", pa.string()),
        ("documents", pa.int64()),
        ("removed", pa.int64()),
        ("capped", pa.int64()),
        ("unnamed", pa.int64()),
        ("unranked", pa.int64()),
    ]
)
"""kind is `source` for a source's documents, how many of them were removed, were compared with only some of their
candidates, and have no value in the column that names them or in the one that says which stays; rows of another kind
without an id count the removed documents of that kind and of equal `source`, `of_source`, `of_corpus`. For a removed
document it is `against` (an old corpus, `of_corpus`, holds `of`), or

    exact       the same digest
    normalised  the same set of n-grams, so other case, spacing or punctuation
    contained   every n-gram is in the other
    near        similar
    unverified  the texts were not compared
"""

KINDS = ("exact", "normalised", "contained", "near", "unverified")
LEAST_DOCUMENTS = 1000
_LOSS = ("kind", "source", "documents", "removed", "capped", "unnamed", "unranked")
_PLACES = ("kind", "source", "of_source", "of_corpus")
_LISTED = 5


def survey_pairs(table: pa.Table, name: str | None = None, rank: str | None = None) -> pa.Table:
    """What `pairs` needs of a shard, with a `part`: removed documents by the one they duplicate, the kept ones
    that others duplicate by their id, and the counts of each source by its name.

    name, rank: columns without which a document is equal to none, or the last choice to stay; None where all have them.
    About 65 bytes, two ids and a source's name for each such document.
    """
    shared = table.filter(pc.greater(table["dedup_size"], 1))
    corpora = pa.nulls(shared.num_rows, pa.string())
    if "dedup_corpus" in table.column_names:
        corpora = arrow.combined(shared["dedup_corpus"])
    found = pa.table(
        {
            "kind": pc.if_else(pc.is_valid(corpora), "against", pa.scalar(None, pa.string())),
            "id": shared["id"],
            "of": shared["dedup_of"],
            "similarity": shared["dedup_similarity"],
            "source": shared["source"],
            "of_corpus": corpora,
            "digest": shared["digest"],
        }
    )
    rows = pa.concat_tables([found, _losses(table, name, rank)], promote_options="default")
    return rows.append_column("part", _parts(pc.coalesce(rows["of"], rows["id"], rows["source"])))


def _losses(table: pa.Table, name: str | None, rank: str | None) -> pa.Table:
    flags = {
        "kept": table["dedup_keep"],
        "capped": table["dedup_capped"],
        "unnamed": _missing(table, name),
        "unranked": _missing(table, rank),
    }
    counts = {flag: values.cast(pa.int64()) for flag, values in flags.items()}
    grouped = pa.table({"source": table["source"], **counts}).group_by("source", use_threads=False)
    counted = grouped.aggregate([([], "count_all"), *((flag, "sum") for flag in flags)])
    kept = pc.fill_null(counted["kept_sum"], 0)
    return pa.table(
        {
            "kind": pa.repeat("source", counted.num_rows),
            "source": counted["source"],
            "documents": counted["count_all"],
            "removed": pc.subtract(counted["count_all"], kept),
            **{flag: counted[f"{flag}_sum"] for flag in ("capped", "unnamed", "unranked")},
        }
    )


def _missing(table: pa.Table, column: str | None) -> pa.Array | pa.ChunkedArray:
    """Where a column is null or NaN."""
    if column is None:
        return pa.repeat(False, table.num_rows)
    return pc.is_null(table[column], nan_is_null=True)


def _parts(names: pa.ChunkedArray) -> pa.Array:
    values = arrow.strings(names)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(0), hashes)
    return pa.array((hashes >> np.uint64(32)).astype(np.uint32))


def pairs(tables: Iterable[pa.Table], verified: str = "jaccard") -> pa.Table:
    """`SUMMARY` of one part: sources by name, then pairs by (of, id), those within this corpus first.

    verified: how candidates were compared, which says what a similarity of 1 means.
    Memory: three times what `survey_pairs` gave.
    """
    rows = pa.concat_tables(tables).combine_chunks()
    losses = rows.filter(pc.equal(rows["kind"], "source")).select(_LOSS)
    losses = losses.group_by(["kind", "source"], use_threads=False)
    sums = losses.aggregate([(name, "sum") for name in _LOSS[2:]]).rename_columns(_LOSS).sort_by("source")
    against = rows.filter(pc.equal(rows["kind"], "against")).drop_columns(["digest"])
    within = _within(rows.filter(pc.is_null(rows["kind"])), verified)
    by_name = [("of", "ascending"), ("id", "ascending")]
    wanted = [SUMMARY.empty_table(), sums, within.sort_by(by_name), _of_summary(against).sort_by(by_name)]
    return pa.concat_tables(wanted, promote_options="default").combine_chunks()


def _of_summary(rows: pa.Table) -> pa.Table:
    return rows.select([name for name in SUMMARY.names if name in rows.column_names])


def _within(rows: pa.Table, verified: str) -> pa.Table:
    """The pairs of this corpus, of rows that are removed documents or the kept ones they name."""
    kept = rows.filter(pc.is_null(rows["of"]))
    found = rows.filter(pc.is_valid(rows["of"]))
    at = pc.index_in(found["of"], kept["id"].combine_chunks())
    equal = {"containment": "contained", "signature": "near"}.get(verified, "normalised")
    kinds = pc.if_else(pc.equal(found["similarity"], pa.scalar(1, pa.float32())), equal, "near")
    kinds = pc.if_else(pc.equal(found["digest"], kept["digest"].take(at)), "exact", pc.fill_null(kinds, "unverified"))
    return pa.table(
        {
            "kind": kinds,
            "id": found["id"],
            "of": found["of"],
            "similarity": found["similarity"],
            "source": found["source"],
            "of_source": kept["source"].take(at),
        }
    )


def summary(tables: Iterable[pa.Table]) -> tuple[pa.Table, Iterator[pa.Table]]:
    """What is counted, sources by name, then pairs by kind and sources; and, to be read on, the pairs of each part.

    Memory: the counts, and one part.
    """
    losses, counts = [], []
    for table in tables:
        losses.append(table.filter(pc.equal(table["kind"], "source")))
        counts.append(_counted(table.filter(pc.is_valid(table["id"]))))
    by_place = [(name, "ascending") for name in _PLACES]
    counted = _counted(pa.concat_tables(counts)).sort_by(by_place)
    head = pa.concat_tables([*losses, SUMMARY.empty_table()]).sort_by("source")
    whole = pa.concat_tables([head, counted], promote_options="default").select(SUMMARY.names).combine_chunks()
    return whole, (table.filter(pc.is_valid(table["id"])) for table in tables)


def _counted(rows: pa.Table) -> pa.Table:
    """The number of rows, or the sum of `removed` where these count already, by kind and sources."""
    ones = pc.fill_null(rows["removed"], 1)
    grouped = rows.select(_PLACES).append_column("removed", ones).group_by(list(_PLACES), use_threads=False)
    return grouped.aggregate([("removed", "sum")]).rename_columns([*_PLACES, "removed"])


def report(rows: pa.Table, most: int = 10) -> list[str]:
    """Removals by kind, what was left undecided, and the sources that lost the greatest share; rows: the counts."""
    losses = rows.filter(pc.equal(rows["kind"], "source"))
    pairs_of = rows.filter(pc.not_equal(rows["kind"], "source"))
    counts = {item["kind"]: item["removed"] for item in _sums(pairs_of, "kind")}
    shown = [kind for kind in KINDS if kind in counts or kind in ("exact", "normalised", "near")]
    told = [f"{counts.get(kind, 0):,} {kind}" for kind in shown]
    held = _sums(pairs_of.filter(pc.is_valid(pairs_of["of_corpus"])), "of_corpus")
    told += [f"{item['removed']:,} that {item['of_corpus']} holds" for item in held]
    lines = ["removed: " + ", ".join(told)]
    if capped := pc.sum(losses["capped"]).as_py():
        lines.append(f"compared with only some candidates (dedup_capped): {capped:,}")
    lost = losses.filter(pc.greater(losses["removed"], 0))
    lines += [f"  {_told(item)}" for item in _worst_first(lost).slice(0, most).to_pylist()]
    if lost.num_rows > most:
        lines.append(f"  and {lost.num_rows - most:,} sources that lost less")
    return lines


def warnings(rows: pa.Table, name: str | None, rank: str | None, sources: Iterable[str] = ()) -> list[str]:
    """What the options ask for and the documents do not have; rows: the counts.

    name, rank: as `survey_pairs` was given them. sources: those that a priority lists.
    """
    losses = rows.filter(pc.equal(rows["kind"], "source"))
    total = pc.sum(losses["documents"]).as_py() or 0
    unnamed, unranked = (pc.sum(losses[flag]).as_py() or 0 for flag in ("unnamed", "unranked"))
    lines = []
    if unnamed:
        lines.append(f"{unnamed:,} of {total:,} documents have no {name}, and so stay")
    if unranked:
        lines.append(f"{unranked:,} of {total:,} documents have no {rank}, and so stay only where no duplicate has one")
    known = {*losses["source"].to_pylist()}
    if strangers := [source for source in sources if source not in known]:
        lines.append(f"--keep source-priority: no document here is of source {', '.join(strangers)}")
    return lines


def _sums(rows: pa.Table, name: str) -> list[dict]:
    """`removed` summed by a column, the most first."""
    summed = rows.group_by(name, use_threads=False).aggregate([("removed", "sum")]).rename_columns([name, "removed"])
    return summed.sort_by([("removed", "descending"), (name, "ascending")]).to_pylist()


def _worst_first(losses: pa.Table) -> pa.Table:
    share = pc.divide(losses["removed"].cast(pa.float64()), losses["documents"])
    keys = [("share", "descending"), ("removed", "descending"), ("source", "ascending")]
    return losses.append_column("share", share).sort_by(keys)


def _told(item: dict) -> str:
    return f"{item['source']}: {item['removed']:,} of {item['documents']:,} ({item['share']:.1%})"


def check_losses(rows: pa.Table, most: float) -> None:
    """Raises DataError when a source of at least LEAST_DOCUMENTS lost more than the share `most` of them."""
    losses = _worst_first(rows.filter(pc.equal(rows["kind"], "source")))
    large = pc.greater_equal(losses["documents"], LEAST_DOCUMENTS)
    found = losses.filter(pc.and_(large, pc.greater(losses["share"], most)))
    if not found.num_rows:
        return
    listed = [f"{_told(item)}{_in_favour(rows, item['source'])}" for item in found.slice(0, _LISTED).to_pylist()]
    more = f"\n  and {found.num_rows - _LISTED:,} more" if found.num_rows > _LISTED else ""
    raise DataError(
        f"{found.num_rows:,} source{'s' * (found.num_rows > 1)} lost more than --max-source-loss {100 * most:g}% "
        "of the documents:\n  " + "\n  ".join(listed) + f"{more}\n`curate show CORPUS --pairs` lists them; "
        "--keep source-priority:A,B,... says whose documents stay\n"
        "raise --max-source-loss to accept; nothing is computed again"
    )


def _in_favour(rows: pa.Table, source: str) -> str:
    """Where most of the documents are that those of a source duplicate."""
    lost = rows.filter(pc.and_(pc.equal(rows["source"], source), pc.not_equal(rows["kind"], "source")))
    lost = lost.append_column("place", pc.coalesce(lost["of_corpus"], lost["of_source"]))
    first = next((item for item in _sums(lost, "place") if item["place"] is not None), None)
    return f", {first['removed']:,} for documents of {first['place']}" if first else ""
