"""Which documents of a component stay: exact Jaccard similarity against the documents kept before.

In keep order a document is compared with the kept documents of its component and removed if one is
similar enough; the most similar one is the document it duplicates. So the outcome hangs on pairs
alone, never on a chain of pairs, on shards or on their order. Documents with the same words in the
same order are a group: the first in keep order stands for all, and the others go with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.dedup import ROW_BITS, documents_of
from curate.errors import UsageError
from curate.kernels import arrow, jaccard, words

ROWS = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("of", pa.string()),
        ("similarity", pa.float32()),
        ("size", pa.int32()),
    ]
)

PIECE_BYTES = 16 << 20

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def survey_sets(table: pa.Table, mine: pa.Table | None, ranking: str | None, ngram: int | None) -> Iterator[pa.Table]:
    """What decides about a shard's documents that are in components, in pieces.

    ranking: the column whose largest values come first in keep order, equal ones by digest, then id;
    None is by id alone. Gives `part, component, group, document, rank, upper, lower` (the digest as two
    numbers), `id`, and `grams`: the n-gram set of the one document of each group that gave it its name.
    `ngram` None leaves all sets empty.
    Memory: 8 bytes an n-gram, about 1.3 times the text, for pieces of 16 MiB of text.
    """
    rows = component = group = np.empty(0, dtype=np.int64)
    if mine is not None:
        rows = np.searchsorted(arrow.numbers(table["row"]), arrow.numbers(mine["row"]))
        component, group = arrow.numbers(mine["component"]), arrow.numbers(mine["group"])
    chosen = table.select([name for name in table.column_names if name != "text"]).take(pa.array(rows))
    documents = documents_of(chosen)
    digests = np.ascontiguousarray(arrow.fixed_bytes(chosen["digest"])).view(">u8").astype(np.uint64)
    decisive = pa.table(
        {
            "part": ((component.astype(np.uint64) * _SPREAD) >> np.uint64(32)).astype(np.uint32),
            "component": component,
            "group": group,
            "document": documents,
            "rank": _ranks(chosen, ranking),
            "upper": digests[:, 0],
            "lower": digests[:, 1],
            "id": chosen["id"],
        }
    )
    texts = None if ngram is None else arrow.strings(table["text"])
    for start, end in _pieces(texts, rows):
        wanted = group[start:end] == documents[start:end]
        sets = _sets(texts, rows[start:end], wanted, ngram)
        yield decisive.slice(start, end - start).append_column("grams", sets)


def _pieces(texts: arrow.Strings | None, rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where to cut the rows for about 16 MiB of text each; one piece at least."""
    start = 0
    if texts is not None:
        total = np.cumsum(texts.offsets[rows + 1] - texts.offsets[rows])
        while start < len(rows) and total[-1] - (total[start - 1] if start else 0) > PIECE_BYTES:
            before = total[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(total, before + PIECE_BYTES, side="right")))
            yield start, end
            start = end
    yield start, len(rows)


def _ranks(table: pa.Table, ranking: str | None) -> np.ndarray:
    if ranking is None:
        return np.zeros(table.num_rows)
    column = arrow.combined(table[ranking])
    kind = column.type
    if not (pa.types.is_primitive(kind) or pa.types.is_boolean(kind)):
        raise UsageError(f"--keep best:{ranking}: that column is {kind}; name one of numbers or dates")
    ranks = arrow.numbers(column).astype(np.float64)
    ranks[~arrow.validity(column) | np.isnan(ranks)] = -np.inf
    return ranks


def _sets(texts: arrow.Strings | None, rows: np.ndarray, wanted: np.ndarray, ngram: int | None) -> pa.Array:
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    sets = np.empty(0, dtype=np.uint64)
    if texts is not None and ngram is not None:
        lengths = texts.offsets[rows + 1] - texts.offsets[rows]
        sets = np.empty(int((lengths[wanted] // 2 + 1).sum()), dtype=np.uint64)
        jaccard.document_sets(texts.offsets, texts.data, rows, wanted, words.tables(), ngram, offsets, sets)
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(sets[: offsets[-1]]))


def verify(tables: Iterable[pa.Table], ranking: str | None, threshold: float) -> pa.Table:
    """Decide about the components of one part; gives `ROWS` of documents that are removed or that others duplicate.

    Memory: the n-gram sets of the part, 100 bytes a document beside its id, and, for the rarest fifth of the
    n-grams of the largest component, an index of 28 bytes for each that occurs twice.
    """
    table, begins, ends, sets = _gathered(tables)
    if table.num_rows == 0:
        return ROWS.empty_table()
    table, carriers, leaders, member = _ordered(table, ranking)
    component = arrow.numbers(table["component"])[leaders]
    starts = np.append(np.flatnonzero(np.diff(component, prepend=component[0] - 1)), len(component))
    keepers = np.empty(len(leaders), dtype=np.int64)
    similarities = np.empty(len(leaders), dtype=np.float64)
    jaccard.choose(starts, begins[carriers], ends[carriers], sets, threshold, keepers, similarities)
    return _rows(table, leaders[keepers][member], similarities[member])


def _gathered(tables: Iterable[pa.Table]) -> tuple[pa.Table, np.ndarray, np.ndarray, np.ndarray]:
    """All rows less their sets, where each row's set begins and ends, and the sets, held once."""
    sets = np.empty(0, dtype=np.uint64)
    kept, begins, ends = [], [], []
    for table in tables:
        lists = arrow.combined(table["grams"])
        offsets = arrow.numbers(lists.offsets) - lists.offsets[0].as_py() + len(sets)
        begins.append(offsets[:-1])
        ends.append(offsets[1:])
        values = arrow.numbers(lists.flatten())
        sets.resize(len(sets) + len(values), refcheck=False)
        sets[len(sets) - len(values) :] = values
        kept.append(table.drop_columns(["grams"]))
    return pa.concat_tables(kept).combine_chunks(), np.concatenate(begins), np.concatenate(ends), sets


def _ordered(table: pa.Table, ranking: str | None) -> tuple[pa.Table, np.ndarray, np.ndarray, np.ndarray]:
    """The table by component and keep order; for each group, in that order: the row of the unordered table
    that carries its set, and its first row; and for each row the number of its group."""
    keys = [("component", "ascending"), ("id", "ascending")]
    if ranking is not None:
        keys[1:1] = [("rank", "descending"), ("upper", "ascending"), ("lower", "ascending")]
    positions = arrow.numbers(pc.sort_indices(table, sort_keys=keys)).astype(np.int64)
    documents = arrow.numbers(table["document"])
    table = table.take(pa.array(positions))
    groups, first, member = np.unique(arrow.numbers(table["group"]), return_index=True, return_inverse=True)
    by_document = np.argsort(documents)
    carriers = by_document[np.searchsorted(documents[by_document], groups)]
    in_order = np.argsort(first)
    number = np.empty(len(groups), dtype=np.int64)
    number[in_order] = np.arange(len(groups))
    return table, carriers[in_order], first[in_order], number[member]


def _rows(table: pa.Table, keepers: np.ndarray, similarities: np.ndarray) -> pa.Table:
    kept = keepers == np.arange(table.num_rows)
    sizes = np.bincount(keepers, minlength=table.num_rows)[keepers]
    documents = arrow.numbers(table["document"])
    of = pc.take(table["id"], pa.array(keepers, mask=kept)).combine_chunks()
    rows = pa.table(
        [
            (documents >> ROW_BITS).astype(np.int32),
            documents & ((1 << ROW_BITS) - 1),
            of,
            pa.array(similarities.astype(np.float32), mask=kept),
            sizes.astype(np.int32),
        ],
        schema=ROWS,
    )
    return rows.filter(pa.array(sizes > 1))


def columns(mine: pa.Table | None, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The four columns for every row of a shard, from its rows of `ROWS` less the shard."""
    rows = ROWS.empty_table() if mine is None else mine
    place = np.full(table.num_rows, -1, dtype=np.int64)
    place[np.searchsorted(arrow.numbers(table["row"]), arrow.numbers(rows["row"]))] = np.arange(rows.num_rows)
    take = pa.array(place, mask=place < 0)
    of = rows["of"].take(take)
    sizes = pc.fill_null(rows["size"].take(take), 1)
    return pa.table([of.is_null(), of, rows["similarity"].take(take), sizes], schema=schema)
