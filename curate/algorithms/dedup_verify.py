"""Which documents of a component stay: exact similarity to the documents kept before.

In keep order a document is compared with the kept documents of its component and removed if one is
similar enough; the most similar one is the document it duplicates. So the outcome hangs on pairs
alone, never on shards or on their order; chains of shared bands only decide what is compared at all. Documents
with the same words in the same order are a group: the first in keep order stands for all, and the others go with it.

Documents that an old corpus kept come before all others, stay, and are not compared with one another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.dedup import ROW_BITS
from curate.algorithms.dedup_rules import Rules
from curate.algorithms.dedup_sets import unpacked
from curate.kernels import arrow, jaccard, ngram_sets, set_index

ROWS = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("of", pa.string()),
        ("of_corpus", pa.string()),
        ("similarity", pa.float32()),
        ("size", pa.int32()),
        ("capped", pa.bool_()),
    ]
)

BLOCK_BYTES = 256 << 20
"""What n-gram sets of one component, and the entries of an index of those that are kept, may take at one time."""

RUN_BYTES = 96 << 20
"""What those of several components may take."""

_COPIED_TABLES = 8
_ELEMENT_BYTES = 8
_ENTRY_BYTES = 36
_DECIDED = ["component", "group", "document", "old", "corpus", "size", "grams_count", "id"]
_RANKED = ["rank", "upper", "lower"]
_KEEP_ORDER = [
    ("old", "ascending"),
    ("rank", "descending"),
    *((name, "ascending") for name in ("upper", "lower", "id")),
]
"""New documents have a null in `old`, and nulls come last."""


class Tables(Protocol):
    """Tables that may be gone through more than once, in the same order."""

    def __iter__(self) -> Iterator[pa.Table]: ...

    def only(self, *columns: str) -> Iterator[pa.Table]: ...


class Entries(NamedTuple):
    """What is compared: each group's first document, which stands for it, and each old document.

    Ordered by component, then keep order; one value an entry: leaders, its row in the ordered table; carriers,
    the row as it came that has its set; sizes, of these sets; fixed, whether it is old. int64 but for the last,
    bool. starts: int64, where each component starts, and the end. member: int64, the entry of each row.
    """

    leaders: np.ndarray
    carriers: np.ndarray
    sizes: np.ndarray
    fixed: np.ndarray
    starts: np.ndarray
    member: np.ndarray


def verify(tables: Tables, rules: Rules) -> pa.Table:
    """Decide about the components of one part; gives `ROWS` of new documents that are removed, that others
    duplicate, or whose search was capped.

    Reads all rows less their sets, then the sets, as many at a time as RUN_BYTES hold: once, and for a component that
    BLOCK_BYTES do not hold twice for each of its blocks. The outcome is the same, but for what a cap leaves out.
    Memory: BLOCK_BYTES, or as much as the largest set needs, two tables of the part, and 350 bytes a document with an
    id of 16.
    """
    table = _copied(tables.only(*_DECIDED, *_RANKED))
    if table.num_rows == 0:
        return ROWS.empty_table()
    order = pc.sort_indices(table, sort_keys=[("component", "ascending"), *_KEEP_ORDER])
    table = table.select(_DECIDED).take(order).combine_chunks()
    entries = _entries(table, arrow.numbers(order).astype(np.int64))
    choice = jaccard.undecided(len(entries.leaders))
    similarities = choice.similarities
    if rules.verify == "none":
        first = np.repeat(entries.starts[:-1], np.diff(entries.starts))
        choice.keepers[:] = np.where(entries.fixed, choice.keepers, first)
        similarities = np.full(len(first), np.nan)
    elif rules.sets:
        _choose(tables, entries, rules, choice)
        if rules.verify == "signature":
            similarities = _agreement(similarities, rules.bins)
    return _rows(table, entries, choice, similarities)


def _copied(tables: Iterable[pa.Table]) -> pa.Table:
    """All tables in one, no longer in the files that they lie in: the sets beside them would count as held."""
    given = iter(tables)
    found = []
    while few := list(itertools.islice(given, _COPIED_TABLES)):
        found.append(pa.concat_tables(few).combine_chunks())
    return pa.concat_tables(found)


def _entries(table: pa.Table, order: np.ndarray) -> Entries:
    fixed = arrow.validity(table["old"])
    group, document = arrow.numbers(table["group"]), arrow.numbers(table["document"])
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    leads = fixed.copy()
    leads[first] = True
    number = np.cumsum(leads) - 1
    leaders = np.flatnonzero(leads)
    named = np.flatnonzero(arrow.numbers(table["group"]) == document)
    carrier = first.copy()
    carrier[group[named]] = named
    carriers = np.where(fixed[leaders], leaders, carrier[group[leaders]])
    component = arrow.numbers(table["component"])[leaders]
    return Entries(
        leaders,
        order[carriers],
        arrow.numbers(table["grams_count"])[carriers].astype(np.int64),
        fixed[leaders],
        np.append(np.flatnonzero(np.diff(component, prepend=component[0] - 1)), len(component)),
        np.where(fixed, number, number[first[group]]),
    )


def _agreement(similarities: np.ndarray, bins: int) -> np.ndarray:
    """The share m / b of bins that agree, from m / (2 b - m)."""
    return np.rint(2 * bins * similarities / (1 + similarities)) / bins


def _measure(rules: Rules) -> jaccard.Measure:
    threshold = rules.threshold
    if rules.verify == "signature":
        agreeing = jaccard.least_share(rules.bins, threshold)
        threshold = agreeing / (2 * rules.bins - agreeing)
    return jaccard.Measure(float(threshold), rules.verify == "containment", rules.most_comparisons)


# --- blocks ---------------------------------------------------------------------------------------


def _choose(tables: Tables, entries: Entries, rules: Rules, choice: jaccard.Choice) -> None:
    measure = _measure(rules)
    members = np.diff(entries.starts)
    of_its_component = np.repeat(members, members)
    entries = entries._replace(sizes=np.where(of_its_component > 1, entries.sizes, 0))
    held = _held_bytes(entries.sizes, of_its_component > jaccard.FEW_SETS, measure)
    for first, last in _runs(np.add.reduceat(held, entries.starts[:-1]), min(RUN_BYTES, BLOCK_BYTES)):
        start, end = int(entries.starts[first]), int(entries.starts[last])
        if held[start:end].sum() > BLOCK_BYTES:
            for block, after in _runs(held[start:end], BLOCK_BYTES):
                _choose_block(tables, entries, start + block, start + after, end, measure, choice)
        else:
            _choose_whole(tables, entries, entries.starts[first : last + 1], measure, choice)


def _held_bytes(sizes: np.ndarray, indexed: np.ndarray, measure: jaccard.Measure) -> np.ndarray:
    """What sets take, with their entries in an index where there is one: int64 (n,)."""
    share = 1.0 if measure.contained else 1.0 - measure.threshold
    return _ELEMENT_BYTES * sizes + _ENTRY_BYTES * np.where(indexed, (share * sizes).astype(np.int64) + 2, 0)


def _runs(sizes: np.ndarray, room: int) -> Iterator[tuple[int, int]]:
    """Cut into runs that fit, from the first on; what does not fit is a run of its own."""
    total = np.concatenate([[0], np.cumsum(sizes)])
    first = 0
    while first < len(sizes):
        last = max(first + 1, int(np.searchsorted(total, total[first] + room, side="right")) - 1)
        yield first, last
        first = last


def _choose_whole(
    tables: Tables, entries: Entries, starts: np.ndarray, measure: jaccard.Measure, choice: jaccard.Choice
) -> None:
    """Components that fit: each chooses among its own sets."""
    start, end = int(starts[0]), int(starts[-1])
    begins, ends, sets = _loaded(tables, entries, start, end)
    part = jaccard.Choice(*(values[start:end] for values in choice))
    part.keepers[:] -= start
    set_index.choose(starts - start, entries.fixed[start:end], begins, ends, sets, measure, part)
    part.keepers[:] += start


def _choose_block(
    tables: Tables, entries: Entries, start: int, after: int, end: int, measure: jaccard.Measure, choice: jaccard.Choice
) -> None:
    """A block of a large component: its sets choose among themselves, then all later ones are compared with them."""
    begins, ends, sets = _loaded(tables, entries, start, after)
    index = set_index.indexed(start, begins, ends, sets, measure, after < end)
    set_index.choose_held(index, entries.fixed[start:after], measure, choice)
    if after < end:
        later = np.arange(after, end)
        later = later[~entries.fixed[later]]
        for numbers, offsets, values in _streamed(tables, entries.carriers[later], later):
            set_index.compare_later(numbers, offsets, values, index, measure, choice)


def _loaded(tables: Tables, entries: Entries, start: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sets of some entries: where each begins and ends, and the sets."""
    sizes = entries.sizes[start:end]
    ends = np.cumsum(sizes)
    begins = ends - sizes
    sets = np.empty(int(ends[-1]), dtype=np.uint64)
    wanted = np.flatnonzero(sizes)
    if len(wanted):
        for targets, offsets, values in _streamed(tables, entries.carriers[start:end][wanted], begins[wanted]):
            ngram_sets.gather(offsets, values, targets, sets)
    return begins, ends, sets


def _streamed(
    tables: Tables, rows: np.ndarray, values: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each table: what its rows were given as `values`, -1 for others; and their sets, as offsets and elements."""
    order = np.argsort(rows)
    rows, values = rows[order], values[order]
    before = 0
    for table in tables.only("grams"):
        start, end = np.searchsorted(rows, [before, before + table.num_rows])
        if start < end:
            given = np.full(table.num_rows, -1, dtype=np.int64)
            given[rows[start:end] - before] = values[start:end]
            yield given, *unpacked(table["grams"])
        before += table.num_rows


# --- rows -----------------------------------------------------------------------------------------


def _rows(table: pa.Table, entries: Entries, choice: jaccard.Choice, similarities: np.ndarray) -> pa.Table:
    """`ROWS`: `size` is what a document that stays and all that name it count."""
    removed = choice.keepers != np.arange(len(choice.keepers))
    counts = np.bincount(entries.member, weights=arrow.numbers(table["size"]))
    sizes = np.bincount(choice.keepers, weights=counts, minlength=len(counts))[choice.keepers][entries.member]
    keepers = entries.leaders[choice.keepers][entries.member]
    kept = keepers == np.arange(table.num_rows)
    capped = choice.capped[entries.member] & (kept | removed[entries.member])
    shown = np.flatnonzero(~arrow.validity(table["old"]) & (~kept | (sizes > 1) | capped))
    documents = arrow.numbers(table["document"])[shown]
    stays = kept[shown]
    of = pa.array(keepers[shown], mask=stays)
    similarity = similarities[entries.member][shown]
    return pa.table(
        [
            (documents >> ROW_BITS).astype(np.int32),
            documents & ((1 << ROW_BITS) - 1),
            table["id"].take(of),
            table["corpus"].take(of),
            pa.array(similarity.astype(np.float32), mask=stays | np.isnan(similarity)),
            sizes[shown].astype(np.int32),
            capped[shown],
        ],
        schema=ROWS,
    )


def columns(mine: pa.Table | None, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a schema for every row of a shard, from its rows of `ROWS` less the shard."""
    rows = ROWS.empty_table() if mine is None else mine
    place = np.full(table.num_rows, -1, dtype=np.int64)
    place[np.searchsorted(arrow.numbers(table["row"]), arrow.numbers(rows["row"]))] = np.arange(rows.num_rows)
    take = pa.array(place, mask=place < 0)
    of = rows["of"].take(take)
    found = {
        "dedup_keep": of.is_null(),
        "dedup_of": of,
        "dedup_similarity": rows["similarity"].take(take),
        "dedup_size": pc.fill_null(rows["size"].take(take), 1),
        "dedup_capped": pc.fill_null(rows["capped"].take(take), False),
        "dedup_corpus": rows["of_corpus"].take(take),
    }
    return pa.table([found[name] for name in schema.names], schema=schema)
