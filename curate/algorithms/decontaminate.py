"""Benchmark items in documents: runs of equal tokens, the longest of each item and document (ConTAM, arXiv 2411.03923).

Two texts are compared as tokens (see `kernels.contamination_tokens`: case, punctuation and numbers do not count).
Wherever an n-gram of an item stands in a document, the two are followed from there in both directions; where they
differ, up to 3 tokens of each may be passed by if 3 equal ones follow. The number of equal tokens is the span.

A phrase is no leak. So an n-gram does not count towards a span that stands in more than MOST_ITEMS items, or
in more documents than `common` says, not counting those that have a stretch of twice `span` tokens around it, which
is more than a phrase. And the words of a span must tell something together: LEAST_BITS, where a word
that stands in a share x of the items, of 1000 at least, has log2(1/x) bits, and a number none. Where a span has numbers
in digits on both sides, no more of them may differ than are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.decontaminate_items import Items
from curate.algorithms.decontaminate_matches import LEAST_BITS, MATCHES, SHOWN, excerpt, telling
from curate.errors import counted
from curate.kernels import arrow, contamination

LEAST_DOCUMENTS = 10
_LISTED = 5

SUMMARY = pa.schema(
    [
        ("kind", pa.string()),
        ("benchmark", pa.string()),
        ("item", pa.string()),
        ("items", pa.int64()),
        ("unsearchable", pa.int64()),
        ("matched", pa.int64()),
        ("long", pa.int64()),
        ("contaminated", pa.int64()),
        ("documents", pa.int64()),
        ("id", pa.string()),
        ("source", pa.string()),
        ("span", pa.int64()),
        ("tokens", pa.int64()),
        ("text", pa.string()),
        ("item_text", pa.string()),
    ]
)
"""kind is

    benchmark  how many items it has, of those how many are too short to be looked for, were found in some document with
               a span at all, with one of `span` tokens, and in a document that goes; documents that go for it
    item       an item that some document goes for: its longest span, how many tokens it has, documents that go for it
    match      a document that goes, the item found in it, the span, and the texts of both about it
"""


@dataclass(frozen=True)
class Judged:
    """Stretches, and what they are worth. span: int64, without common n-grams. leak: bool."""

    table: pa.Table
    span: np.ndarray
    leak: np.ndarray


def settle(tables: Iterable[pa.Table], known: Items) -> tuple[pa.Table, Iterator[pa.Table], Iterator[pa.Table]]:
    """The benchmarks' and items' rows of SUMMARY, the documents' rows (see `documents`), and the matches' of SUMMARY.

    Goes through the tables four times. Memory: 60 bytes a token of the benchmarks beside their own.
    """
    common = known.frequent | _common(tables, known)

    def judged() -> Iterator[Judged]:
        return (_judged(table, known, common) for table in _whole(tables))

    return (
        _counted(judged, known),
        (_documents(part, known) for part in judged()),
        (_listed(part, known) for part in judged()),
    )


def _whole(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of stretches, those of a document in one table."""
    waiting = MATCHES.empty_table()
    for table in tables:
        table = pa.concat_tables([waiting, table.filter(pc.greater_equal(table["item"], 0)).select(MATCHES.names)])
        at = _documents_of(table)
        first = int(np.searchsorted(at, at[-1])) if len(at) else 0
        waiting = table.slice(first)
        if first:
            yield table.slice(0, first)
    yield waiting


def _documents_of(table: pa.Table) -> np.ndarray:
    """Which document of the table each row is of."""
    shard, row = arrow.numbers(table["shard"]), arrow.numbers(table["row"])
    new = np.zeros(len(row), dtype=np.int64)
    new[1:] = (np.diff(shard) != 0) | (np.diff(row) != 0)
    return np.cumsum(new)


def _common(tables: Iterable[pa.Table], known: Items) -> np.ndarray:
    """Which n-grams stand in many documents without much of the item around them."""
    total = 0
    for table in tables:
        counts = table.filter(pc.less(table["item"], 0))
        total += pc.sum(counts["equal"]).as_py() or 0
    seen = np.full(len(known.frequent), -1, dtype=np.int64)
    counts = np.zeros(len(seen), dtype=np.int64)
    before = 0
    for table in _whole(tables):
        at = _documents_of(table)
        chosen = arrow.numbers(table["equal"]) < 2 * known.rules.span
        starts, ends = (arrow.numbers(table[name])[chosen] for name in ("start", "end"))
        contamination.count_documents(before + at[chosen], starts, ends, known.grams, known.lengths, seen, counts)
        before += len(at)
    return counts > max(LEAST_DOCUMENTS, known.rules.common * total)


def _judged(table: pa.Table, known: Items, common: np.ndarray) -> Judged:
    item, starts, ends = (arrow.numbers(table[name]) for name in ("item", "start", "end"))
    covered = np.empty(len(item), dtype=np.int64)
    contamination.covered(starts, ends, known.grams, known.lengths, common, covered)
    span = np.minimum(covered, arrow.numbers(table["equal"]))
    same, other = (arrow.numbers(table[name]) for name in ("same", "other"))
    enough = (span >= known.needed[item]) & telling(known, starts, ends, same, other)
    return Judged(table, span, enough)


def _documents(judged: Judged, known: Items) -> pa.Table:
    """One row a document with a span: shard, row, span, and by, the item it goes for."""
    item = arrow.numbers(judged.table["item"])
    at = _documents_of(judged.table)
    order = np.lexsort((item, -judged.span, ~judged.leak, at))
    best = order[np.flatnonzero(np.diff(at[order], prepend=-1))]
    names = [known.name(i) if leak else None for i, leak in zip(item[best], judged.leak[best], strict=True)]
    return pa.table(
        {
            "shard": judged.table["shard"].take(pa.array(best)),
            "row": judged.table["row"].take(pa.array(best)),
            "span": pa.array(judged.span[best].astype(np.int32)),
            "by": pa.array(names, pa.string()),
        }
    )


def columns(mine: pa.Table, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The layer's columns for a shard's rows, of `mine`, which has some of them by `row`."""
    rows = arrow.numbers(table["row"])
    at = np.searchsorted(rows, arrow.numbers(mine["row"]))
    span = np.zeros(len(rows), dtype=np.int32)
    span[at] = arrow.numbers(mine["span"])
    take = np.full(len(rows), -1, dtype=np.int64)
    take[at] = np.arange(len(at))
    by = arrow.combined(mine["by"]).take(pa.array(take, mask=take < 0))
    return pa.table([pc.is_null(by), span, by], schema=schema)


def _counted(judged: Callable[[], Iterator[Judged]], known: Items) -> pa.Table:
    count, benchmarks = len(known.benchmark), len(known.names)
    longest, leaks = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    documents = np.zeros(benchmarks, dtype=np.int64)
    for part in judged():
        item = arrow.numbers(part.table["item"])
        np.maximum.at(longest, item, part.span)
        np.add.at(leaks, item, part.leak)
        pairs = np.stack([_documents_of(part.table), known.benchmark[item]])[:, part.leak]
        documents += np.bincount(np.unique(pairs, axis=1)[1], minlength=benchmarks)

    def of(mask: np.ndarray) -> np.ndarray:
        return np.bincount(known.benchmark[mask], minlength=benchmarks)

    found = np.flatnonzero(leaks)
    head = pa.table(
        {
            "kind": pa.repeat("benchmark", benchmarks),
            "benchmark": list(known.names),
            "items": of(np.ones(count, dtype=np.bool_)),
            "unsearchable": of(_unsearchable(known)),
            "matched": of(longest > 0),
            "long": of(longest >= known.rules.span),
            "contaminated": of(leaks > 0),
            "documents": documents,
        }
    )
    rest = pa.table(
        {
            "kind": pa.repeat("item", len(found)),
            **_told(found, known),
            "span": longest[found],
            "documents": leaks[found],
            "item_text": [known.texts[i].as_py()[:SHOWN] for i in found],
        }
    )
    return pa.concat_tables([SUMMARY.empty_table(), head, rest], promote_options="permissive").cast(SUMMARY)


def _unsearchable(known: Items) -> np.ndarray:
    bounds = known.index.offsets
    return (known.needed == 0) | (known.bits[bounds[1:]] - known.bits[bounds[:-1]] < LEAST_BITS)


def _told(item: np.ndarray, known: Items) -> dict:
    names = pa.array(known.names, pa.string())
    return {
        "benchmark": names.take(pa.array(known.benchmark[item])),
        "item": pa.array([known.name(i) for i in item], pa.string()),
        "tokens": known.sizes[item],
    }


def _listed(judged: Judged, known: Items) -> pa.Table:
    """The rows of SUMMARY for leaks."""
    table = judged.table.filter(pa.array(judged.leak))
    item, start, end = (arrow.numbers(table[name]) for name in ("item", "start", "end"))
    texts = arrow.strings(known.texts)
    shown = [
        excerpt(
            texts.data[texts.offsets[i] : texts.offsets[i + 1]],
            known.index.places[s, 0] - texts.offsets[i],
            known.index.places[e - 1, 1] - texts.offsets[i],
        )
        for i, s, e in zip(item, start, end, strict=True)
    ]
    rows = pa.table(
        {
            "kind": pa.repeat("match", len(item)),
            **_told(item, known),
            "id": table["id"],
            "source": table["source"],
            "span": judged.span[judged.leak],
            "text": table["text"],
            "item_text": pa.array(shown, pa.string()),
        }
    )
    return pa.concat_tables([SUMMARY.empty_table(), rows], promote_options="permissive").cast(SUMMARY)


def report(model: pa.Table, ngram: int, span: int) -> list[str]:
    """What of each benchmark was found, and the items that the most documents go for."""
    lines = []
    for row in model.filter(pc.equal(model["kind"], "benchmark")).to_pylist():
        share = row["contaminated"] / max(1, row["items"])
        lines.append(
            f"{row['benchmark']}: {row['contaminated']:,} of {row['items']:,} items ({share:.1%}) are in "
            f"{counted(row['documents'], 'document')}; "
            f"{row['matched']:,} share a run of {ngram} tokens or more with one, "
            f"{row['long']:,} one of {span}"
        )
        if row["unsearchable"]:
            lines.append(f"  {row['unsearchable']:,} are too short, or of too common words, to be looked for")
    found = model.filter(pc.equal(model["kind"], "item"))
    worst = found.sort_by([("documents", "descending"), ("item", "ascending")]).slice(0, _LISTED).to_pylist()
    lines += [
        f"  {row['item']}: in {counted(row['documents'], 'document')}, {row['span']} of {row['tokens']} tokens"
        for row in worst
    ]
    return lines
