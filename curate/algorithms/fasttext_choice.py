"""Which documents of a corpus a classifier learns from: of each kind those whose ids hash lowest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from curate.algorithms import where
from curate.algorithms.groups import first_of_each
from curate.errors import UsageError
from curate.kernels import arrow, hashing

CORPUS = "corpus"
NEGATIVE, POSITIVE = 0, 1
CANDIDATES = pa.schema([("shard", pa.int32()), ("row", pa.int64()), ("kind", pa.int64()), ("hash", pa.uint64())])
_SALT = 0x5BE0CD19137E2179
_HELD = 1 << 20
_PATH = re.compile(r"[^\s'\"=<>()]*[./*][^\s'\"=<>()]*")


def path_of(given: str) -> str:
    """The path in `FILE` or `FILE#FIELD`."""
    return given.rpartition("#")[0] if "#" in given and not os.path.exists(given) else given


def is_file(given: str) -> bool:
    """Whether an example names files: what is there, perhaps as `FILE#FIELD`, or what has the look of a path."""
    path = path_of(given)
    return given != CORPUS and (os.path.exists(path) or _PATH.fullmatch(path) is not None)


def rules(given: Sequence[str]) -> list[str]:
    """Those of some examples that are expressions over the corpus's columns."""
    return [item for item in given if item != CORPUS and not is_file(item)]


def columns(given: Sequence[str], option: str) -> list[str]:
    """The columns that the rules among some examples name. Raises UsageError for what is neither rule nor file."""
    found: list[str] = []
    for rule in rules(given):
        try:
            found += where.columns(rule)
        except UsageError as problem:
            raise UsageError(
                f"--{option} '{rule}': no file there, and no condition on the columns either ({problem}); give a "
                "file, a folder or a glob, or a condition such as \"url like '%wikipedia%'\""
            ) from None
    return list(dict.fromkeys(found))


def candidates(
    table: pa.Table, positive: Sequence[str], negative: Sequence[str], labels: str | None, most: int, seed: int
) -> pa.Table:
    """Of the documents of a shard the first `most` of each kind: rows of `CANDIDATES`.

    A document that a positive rule chooses is no negative. With `labels` the kinds are the values of that column.
    """
    kinds = _values(table, labels) if labels else _chosen(table, positive, negative)
    rows = np.flatnonzero(kinds >= 0)
    hashes = _hashes(table["id"], seed)[rows]
    first = rows[first_of_each(np.unique(kinds[rows], return_inverse=True)[1], hashes, most)]
    first.sort()
    columns = [table["shard"], table["row"], pa.array(kinds), pa.array(_hashes(table["id"], seed))]
    return pa.table(columns, schema=CANDIDATES).take(pa.array(first))


def _hashes(ids: arrow.Array, seed: int) -> np.ndarray:
    values = arrow.strings(ids)
    found = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed ^ _SALT), found)
    return found


def _chosen(table: pa.Table, positive: Sequence[str], negative: Sequence[str]) -> np.ndarray:
    wanted, unwanted = (_fulfilled(table, given) for given in (positive, negative))
    return np.where(wanted, POSITIVE, np.where(unwanted, NEGATIVE, -1)).astype(np.int64)


def _fulfilled(table: pa.Table, given: Sequence[str]) -> np.ndarray:
    """Whether any of the rules chooses a document: bool (n,)."""
    found = np.full(len(table), CORPUS in given)
    for rule in rules(given):
        found |= where.mask(table, rule)[0]
    return found


def _values(table: pa.Table, name: str) -> np.ndarray:
    """A number for each value of a column, -1 for null: 63 bits of a hash of it as text."""
    column = arrow.combined(table[name].cast(pa.string()))
    values = arrow.strings(column)
    found = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(0), found)
    return np.where(arrow.validity(column), (found >> np.uint64(1)).astype(np.int64), -1)


def settled(tables: Iterable[pa.Table], most: int) -> pa.Table:
    """Of all candidates the first `most` of each kind, as `shard`, `row` and `kind`. Holds 128 bytes for each of those
    and 32 MiB."""
    held: list[pa.Table] = [CANDIDATES.empty_table()]
    size, limit = 0, _HELD
    for table in tables:
        held.append(table)
        size += table.num_rows
        if size > limit:
            held = [_first(held, most)]
            size = held[0].num_rows
            limit = 2 * size + _HELD
    return _first(held, most).drop_columns(["hash"])


def _first(tables: list[pa.Table], most: int) -> pa.Table:
    table = pa.concat_tables(tables).combine_chunks()
    kinds = np.unique(arrow.numbers(table["kind"]), return_inverse=True)[1]
    first = first_of_each(kinds, arrow.numbers(table["hash"]), most)
    first.sort()
    return table.take(pa.array(first))
