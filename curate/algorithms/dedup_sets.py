"""What decides about documents that may duplicate one another: their place in keep order and their n-gram sets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.dedup import UNITS, documents_of
from curate.algorithms.dedup_rules import Order, Rules
from curate.errors import UsageError
from curate.kernels import arrow, minhash, ngram_sets, words

PIECE_BYTES = 16 << 20
_LENGTH_BITS = np.int64(40)

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_TOP = np.uint64(1 << 63)


def survey_sets(table: pa.Table, mine: pa.Table | None, rules: Rules) -> Iterator[pa.Table]:
    """What decides about a shard's documents that are in components, in pieces.

    Gives `part, component, group, document`; the place in keep order, `rank` (largest first, nulls last), `upper,
    lower` (the digest as two numbers; all three 0 where ids alone decide), `id`; `old` and `corpus` (null here) and
    `size` (1 here) as `old_sets` says; `grams`: the set of the one document of each group that gave it its name, as
    the bytes of uint64, and `grams_count`, its size. Without `grams` where no sets are compared.
    Memory: 8 bytes an n-gram, about 1.3 times the text and 8 times where tokens are characters, for pieces of 16 MiB.
    """
    decisive = _decisive(table, mine, rules, old=False)
    wanted = arrow.numbers(decisive["group"]) == arrow.numbers(decisive["document"])
    yield from _pieces(table, mine, decisive, wanted, rules)


def old_sets(table: pa.Table, mine: pa.Table | None, rules: Rules) -> Iterator[pa.Table]:
    """The same for a shard of an old corpus, of documents that were kept there: each one has its set.

    table: with `dedup_keep` and `dedup_size`. Gives as `old` the place of the corpus among the old ones,
    as `corpus` its name, as `size` how many documents were held to be this one.
    """
    if mine is not None:
        mine = mine.filter(pa.array(arrow.numbers(table["dedup_keep"])[_places(table, mine)]))
    decisive = _decisive(table, mine, rules, old=True)
    yield from _pieces(table, mine, decisive, np.ones(decisive.num_rows, dtype=np.bool_), rules)


def _places(table: pa.Table, mine: pa.Table | None) -> np.ndarray:
    if mine is None:
        return np.empty(0, dtype=np.int64)
    return np.searchsorted(arrow.numbers(table["row"]), arrow.numbers(mine["row"]))


def _decisive(table: pa.Table, mine: pa.Table | None, rules: Rules, old: bool) -> pa.Table:
    component = group = np.empty(0, dtype=np.int64)
    if mine is not None:
        component, group = arrow.numbers(mine["component"]), arrow.numbers(mine["group"])
    ranking = rules.order.column
    others = [name for name in table.column_names if name != "text" or name == ranking]
    table = table.select(others).take(pa.array(_places(table, mine)))
    digests = np.zeros((len(component), 2), dtype=np.uint64)
    if rules.order.name != "first":
        digests = np.ascontiguousarray(arrow.fixed_bytes(table["digest"])).view(">u8").astype(np.uint64)
    columns = {
        "part": ((component.astype(np.uint64) * _SPREAD) >> np.uint64(32)).astype(np.uint32),
        "component": component,
        "group": group,
        "document": documents_of(table, old),
        "rank": _ranks(table, rules.order),
        "upper": digests[:, 0],
        "lower": digests[:, 1],
        "id": table["id"],
    }
    if old:
        corpus = arrow.combined(table["corpus"])
        columns["old"] = corpus.indices.cast(pa.int16())
        columns["corpus"] = corpus.dictionary_decode()
        columns["size"] = table["dedup_size"]
    else:
        columns["old"] = pa.nulls(len(component), pa.int16())
        columns["corpus"] = pa.nulls(len(component), pa.string())
        columns["size"] = np.ones(len(component), dtype=np.int32)
    return pa.table(columns)


def _ranks(table: pa.Table, order: Order) -> pa.Array:
    """int64: the largest come first, nulls last; as exact as the column."""
    if order.sources:
        places = pc.index_in(arrow.combined(table["source"]), value_set=pa.array(order.sources, pa.string()))
        places = arrow.numbers(pc.fill_null(places, len(order.sources))).astype(np.int64)
        return pa.array(arrow.numbers(table["bytes"]) - (places << _LENGTH_BITS))
    if order.column is None:
        return pa.array(np.zeros(table.num_rows, dtype=np.int64))
    column = arrow.combined(table[order.column])
    kind = column.type
    if not (pa.types.is_primitive(kind) or pa.types.is_boolean(kind)):
        raise UsageError(f"--keep {order.name}: {order.column} is {kind}; name a column of numbers or dates")
    values = arrow.numbers(column)
    missing = ~arrow.validity(column)
    if values.dtype.kind == "f":
        values = values.astype(np.float64) + 0.0
        missing = missing | np.isnan(values)
        bits = values.view(np.int64)
        ranks = np.where(bits < 0, bits ^ np.int64((1 << 63) - 1), bits)
    elif values.dtype == np.uint64:
        ranks = (values ^ _TOP).view(np.int64)
    else:
        ranks = values.astype(np.int64)
    return pa.array(ranks, mask=missing)


def _pieces(
    table: pa.Table, mine: pa.Table | None, decisive: pa.Table, wanted: np.ndarray, rules: Rules
) -> Iterator[pa.Table]:
    """The rows and their sets, in pieces of about 16 MiB of text; at least one."""
    if not rules.sets:
        yield decisive.append_column("grams_count", pa.array(np.zeros(decisive.num_rows, dtype=np.int32)))
        return
    texts, rows = arrow.strings(table["text"]), _places(table, mine)
    total = np.cumsum(texts.offsets[rows + 1] - texts.offsets[rows])
    start = 0
    while start < len(rows) or start == 0:
        before = total[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(total, before + PIECE_BYTES, side="right")))
        offsets, sets = _sets(texts, rows[start:end], wanted[start:end], rules)
        piece = decisive.slice(start, end - start)
        piece = piece.append_column("grams_count", pa.array(np.diff(offsets).astype(np.int32)))
        yield piece.append_column("grams", _packed(offsets, sets))
        start = end


def _sets(texts: arrow.Strings, rows: np.ndarray, wanted: np.ndarray, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    unit = UNITS[rules.unit]
    given = (texts.offsets, texts.data, rows, wanted, words.tables(), unit, rules.ngram)
    if rules.verify == "signature":
        sets = np.empty(int(wanted.sum()) * rules.bins, dtype=np.uint64)
        ngram_sets.document_sketches(*given, minhash.permutations(rules.bins, rules.seed), offsets, sets)
    else:
        lengths = (texts.offsets[rows + 1] - texts.offsets[rows])[wanted]
        sets = np.empty(words.most_tokens(unit, int(lengths.sum()) + len(lengths)), dtype=np.uint64)
        ngram_sets.document_sets(*given, offsets, sets)
    return offsets, sets[: offsets[-1]]


def _packed(offsets: np.ndarray, sets: np.ndarray) -> pa.Array:
    """Sets as bytes, which Parquet stores in half the time that it takes for lists."""
    return arrow.string_array(offsets * 8, sets.view(np.uint8)).view(pa.large_binary())


def unpacked(grams: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The column `grams`: set i is sets[offsets[i]:offsets[i + 1]]; int64 and uint64."""
    offsets, data = arrow.strings(grams)
    sets = data[offsets[0] : offsets[-1]].view(np.uint64)
    return (offsets - offsets[0]) // 8, sets
