"""Benchmark items in documents: runs of equal tokens, the longest of each item and document (ConTAM, arXiv 2411.03923).

Two texts are compared as tokens (see `kernels.contamination`: case, punctuation and numbers do not count). Wherever an
n-gram of an item stands in a document, the two are followed from there in both directions; where they differ, up to 3
tokens of each may be passed by if 3 equal ones follow. The number of equal tokens is the span.

A phrase is no leak. So an n-gram does not count towards a span that stands in more than MOST_ITEMS items, or
in more documents than `common` says, not counting those that have a stretch of twice `span` tokens around it, which
is more than a phrase. And the words of a span must tell something together: LEAST_BITS, where a word
that stands in a share x of the items, of 1000 at least, has log2(1/x) bits, and a number none. Where a span has numbers
in digits on both sides, no more of them may differ than are the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import DataError, UsageError, counted
from curate.kernels import arrow, contamination, words
from curate.kernels.contamination import COLUMNS, NUMBER, SHORTEST

MOST_ITEMS = 20
LEAST_ITEMS = 1000
LEAST_BITS = 24.0
LEAST_DOCUMENTS = 10
_SHOWN = 600
_AROUND = 60
_ROOM = 1 << 16
_LISTED = 5

_NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands
million millions billion billions trillion trillions"""

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

MATCHES = pa.schema(
    [
        ("shard", pa.int32()),
        ("row", pa.int64()),
        ("item", pa.int64()),
        ("equal", pa.int64()),
        ("same", pa.int64()),
        ("other", pa.int64()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("id", pa.string()),
        ("source", pa.string()),
        ("text", pa.string()),
    ]
)
"""What `survey` gives: a stretch of an item, tokens `start` to `end` of all items', in a document, and its text there
if it is long enough. With item -1, `equal` is the number of documents in a shard."""


@dataclass(frozen=True)
class Rules:
    """What counts as a leak: the options of these names."""

    ngram: int
    span: int
    share: float
    common: float


@dataclass(frozen=True)
class Items:
    """The items of all benchmarks, m of them with g tokens together, and what is looked up.

    rules: they were made by. names: of the benchmarks. benchmark: int64, shape (m,), the number of each item's.
    number: its place in there. texts: large_string. index: of `kernels.contamination`. grams, lengths: int64,
    shape (g,), see `contamination.count_documents`. frequent: bool, by number of n-gram, those of more than
    MOST_ITEMS items. bits: float64, shape (g + 1,), what the words before each token tell. needed: int64, shape (m,),
    tokens of a span that make it a leak; 0 for an item that is not looked for.
    """

    rules: Rules
    names: tuple[str, ...]
    benchmark: np.ndarray
    number: np.ndarray
    texts: pa.LargeStringArray
    index: contamination.Index
    grams: np.ndarray
    lengths: np.ndarray
    frequent: np.ndarray
    bits: np.ndarray
    needed: np.ndarray

    def name(self, item: int) -> str:
        """An item's id: its file, as named in the option, and its place there."""
        return f"{self.names[self.benchmark[item]]}:{self.number[item]}"

    @property
    def sizes(self) -> np.ndarray:
        """Tokens of each item."""
        return np.diff(self.index.offsets)


def _hashed(text: str) -> np.ndarray:
    values = arrow.strings(pa.array([text], pa.large_string()))
    hashes = np.empty(len(values.data), dtype=np.uint64)
    none = np.empty((0, 2), dtype=np.int64)
    count = words.hash_words(values.data, 0, len(values.data), words.tables(), hashes, none)
    return np.sort(hashes[:count])


@lru_cache(maxsize=1)
def spelling() -> contamination.Spelling:
    """How words are read: English number words, and `and` and `point` within numbers."""
    numbers = sorted(_NUMBERS.split(), key=lambda word: (word[:2], -len(word)))
    letters = np.frombuffer("".join(numbers).encode(), dtype=np.uint8)
    groups = np.zeros((32, 32, 2), dtype=np.int64)
    for number, word in enumerate(numbers):
        group = groups[ord(word[0]) & 31, ord(word[1]) & 31]
        group[:] = group[0] if group[1] else number, number + 1
    starts = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
    return contamination.Spelling(words.tables(), letters, starts, groups, _hashed("and point"))


def items(benchmarks: Sequence[tuple[str, Iterable[pa.Array]]], rules: Rules) -> Items:
    """The items of benchmarks, each with its name and its texts. Raises DataError when there is none at all.

    About 150 bytes a token, and their texts, while it is made; 80 bytes a token stay.
    """
    found = [pa.chunked_array(texts, pa.large_string()) for _, texts in benchmarks]
    texts = arrow.combined(pa.chunked_array([c for array in found for c in array.chunks], pa.large_string()))
    names = tuple(name for name, _ in benchmarks)
    sizes = [len(array) for array in found]
    if not len(texts):
        raise DataError(f"decontaminate: --benchmark {' '.join(names)}: no item there; give other files")
    return Items(
        rules=rules,
        names=names,
        benchmark=np.repeat(np.arange(len(names)), sizes),
        number=np.concatenate([np.arange(size) for size in sizes]),
        texts=texts,
        **_indexed(texts, rules),
    )


def names(paths: Sequence[str]) -> list[str]:
    """What benchmarks are called: their files' names, with the fields. Raises UsageError for two of one name."""
    found = [_name(path) for path in paths]
    if twice := [name for name in found if found.count(name) > 1]:
        raise UsageError(
            f"--benchmark: two are called '{twice[0]}', so that items could not be told apart; rename one file"
        )
    return found


def _name(path: str) -> str:
    file, mark, fields = (path, "", "") if os.path.exists(path) else path.rpartition("#")
    return os.path.basename((file or path).rstrip("/")) + (mark + fields if file else "")


def _tokens(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = arrow.strings(texts)
    bounds = np.zeros(len(values) + 1, dtype=np.int64)
    room = int(np.sum(np.diff(values.offsets) // 2 + 1)) + 1
    tokens = np.empty(room, dtype=np.uint64)
    places = np.empty((room, 2), dtype=np.int64)
    count = contamination.read_items(values.offsets, values.data, spelling(), bounds, tokens, places)
    return bounds, tokens[:count].copy(), places[:count].copy()


def _indexed(texts: pa.Array, rules: Rules) -> dict:
    bounds, tokens, places = _tokens(texts)
    sizes = np.diff(bounds)
    item = np.repeat(np.arange(len(sizes)), sizes)
    left = bounds[1:][item] - np.arange(len(tokens))
    lengths = np.minimum(rules.ngram, sizes)[item]
    starts = np.flatnonzero((left >= lengths) & (sizes[item] >= SHORTEST))
    values = np.empty(len(starts), dtype=np.uint64)
    contamination.hash_grams(tokens, starts, lengths[starts], values)
    known, numbers = np.unique(values, return_inverse=True)
    grams = np.full(len(tokens), -1, dtype=np.int64)
    grams[starts] = numbers
    once = _first_of_item(numbers, item[starts])
    frequent = np.bincount(numbers[once], minlength=len(known)) > MOST_ITEMS
    looked = starts[once][~frequent[numbers[once]]]
    short = lengths < rules.ngram
    keys = np.empty(len(looked), dtype=np.uint64)
    contamination.hash_grams(tokens, looked, np.where(short[looked], SHORTEST, rules.ngram), keys)
    return {
        "index": contamination.Index(
            tokens,
            bounds,
            arrow.strings(texts).data,
            places,
            np.int64(rules.ngram),
            np.bool_(short[looked].any()),
            *_table(looked, keys, item[looked]),
        ),
        "grams": grams,
        "lengths": lengths,
        "frequent": frequent,
        "bits": _bits(tokens, item, len(sizes)),
        "needed": _needed(sizes, rules),
    }


def _first_of_item(numbers: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Where an n-gram stands in an item for the first time."""
    order = np.lexsort((item, numbers))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(numbers[order]) != 0) | (np.diff(item[order]) != 0)
    return np.sort(order[new])


def _table(places: np.ndarray, keys: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, ...]:
    """The last fields of an `Index`."""
    order = np.argsort(keys, kind="stable")
    hashes, first = np.unique(keys[order], return_index=True)
    power = max(6, len(hashes).bit_length())
    maybe = np.zeros(1 << (power - 2), dtype=np.uint64)
    slots = np.full(1 << (power + 1), -1, dtype=np.int64)
    contamination.fill(hashes, maybe, slots)
    return maybe, slots, hashes, np.append(first, len(keys)).astype(np.int64), places[order], item[order]


def _bits(tokens: np.ndarray, item: np.ndarray, count: int) -> np.ndarray:
    """What the words before each token tell, from the number of items that have them, in whole 64ths of a bit."""
    _, numbers = np.unique(tokens, return_inverse=True)
    frequency = np.bincount(numbers[_first_of_item(numbers, item)])
    bits = np.rint(64 * np.log2(max(count, LEAST_ITEMS) / frequency)) / 64
    return np.concatenate([[0.0], np.cumsum(np.where(tokens == NUMBER, 0.0, bits[numbers]))])


def _needed(sizes: np.ndarray, rules: Rules) -> np.ndarray:
    part = np.ceil(rules.share * sizes - 1e-9).astype(np.int64)
    needed = np.minimum(rules.span, np.maximum(rules.ngram, part))
    return np.where(sizes < SHORTEST, 0, np.minimum(needed, sizes))


def survey(table: pa.Table, known: Items) -> Iterator[pa.Table]:
    """`MATCHES` of a shard; a document's rows are together.

    Memory beside the text: 96 MiB at most for a text's tokens, 56 bytes an item, and at least 3.5 MB.
    """
    yield _empty(1).set_column(3, "equal", pa.array([table.num_rows]))
    values = arrow.strings(table["text"])
    count = contamination.room(values.offsets)
    hashes, spans = np.empty(count, dtype=np.uint64), np.empty((count, 2), dtype=np.int64)
    latest, seen = np.empty((len(known.benchmark), 4), dtype=np.int64), np.empty(len(known.benchmark), dtype=np.int64)
    out = np.empty((len(known.benchmark) + _ROOM, COLUMNS), dtype=np.int64)
    row = 0
    while row < len(values):
        latest.fill(-1)
        seen.fill(-1)
        row, found = contamination.find(
            values.offsets, values.data, row, spelling(), known.index, hashes, spans, latest, seen, out
        )
        if found:
            yield _matches(table, values, known, out[:found])


def _empty(rows: int) -> pa.Table:
    fill = {"shard": 0, "row": 0, "item": -1, "equal": 0, "same": 0, "other": 0, "start": 0, "end": 0}
    columns = [pa.array([fill.get(field.name)] * rows, field.type) for field in MATCHES]
    return pa.table(columns, schema=MATCHES)


def _matches(table: pa.Table, values: arrow.Strings, known: Items, found: np.ndarray) -> pa.Table:
    row, item, equal, same, other, start, end, first, last = map(np.ascontiguousarray, found.T)
    enough = (equal >= known.needed[item]) & _telling(known, start, end, same, other)
    texts = [
        _excerpt(values.data[values.offsets[r] : values.offsets[r + 1]], at, to) if told else None
        for r, at, to, told in zip(row, first, last, enough, strict=True)
    ]
    taken = table.select(["shard", "row", "id", "source"]).take(pa.array(row))
    numbers = (item, equal, same, other, start, end)
    return pa.table([taken["shard"], taken["row"], *numbers, taken["id"], taken["source"], texts], schema=MATCHES)


def _telling(known: Items, start: np.ndarray, end: np.ndarray, same: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which stretches tell enough, and have no more numbers that differ than numbers that are the same."""
    return (known.bits[end] - known.bits[start] >= LEAST_BITS) & (other <= same)


def _excerpt(data: np.ndarray, start: int, end: int) -> str:
    """The text from byte to byte with something around it."""
    first = max(0, start - _AROUND)
    last = min(len(data), min(end + _AROUND, first + _SHOWN))
    text = data[first:last].tobytes().decode(errors="ignore")
    return f"{'…' if first else ''}{text}{'…' if last < len(data) else ''}"


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
    telling = _telling(known, starts, ends, same, other)
    return Judged(table, span, (span >= known.needed[item]) & telling)


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
            "item_text": [known.texts[i].as_py()[:_SHOWN] for i in found],
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
        _excerpt(
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
