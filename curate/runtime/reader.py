"""What a stage's functions are given: the layers of a shard joined by position, filtered, marked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from curate.algorithms import where as expressions
from curate.errors import DataError
from curate.kernels import arrow
from curate.runtime.checks import renamed
from curate.runtime.old import INDEX
from curate.runtime.plan import RUNTIME_COLUMNS, Plan
from curate.stage import Stage
from curate.storage import shard as shards
from curate.storage.corpus import Corpus


@dataclass(frozen=True)
class Chosen:
    """The chosen rows of one shard, and which they were.

    keep: bool, shape (rows of the shard,), or None when all were chosen. false, null: how many the expression refused.
    """

    table: pa.Table
    keep: np.ndarray | None
    rows: int
    false: int = 0
    null: int = 0


@lru_cache(maxsize=64)
def _schema(path: str) -> pa.Schema:
    import pyarrow.parquet as pq

    return pq.read_schema(path).remove_metadata()


def column_types(plan: Plan) -> dict[str, pa.DataType]:
    """Every column that the plan may read and its type, united over the inputs in their order."""
    types: dict[str, pa.DataType] = {}
    first = {shard["corpus"]: shard for shard in reversed(plan.shards)}
    for number, source in enumerate(plan.inputs):
        if number not in first:
            continue
        for name, layer in source.columns.items():
            path = Corpus(source.path).generation(layer, source.layers[layer]).shard(first[number]["name"])
            types.setdefault(name, _schema(str(path)).field(name).type)
    return types


def expanded(plan: Plan, columns: Iterable[str]) -> list[str]:
    """The columns named, with `*` standing for every column that is written on."""
    names = list(columns)
    if "*" not in names:
        return list(dict.fromkeys(names))
    carried = set(plan.carried)
    everything = [
        name
        for source in plan.inputs
        for name, layer in source.columns.items()
        if layer == "documents" or layer in carried
    ]
    return list(dict.fromkeys([*everything, *(name for name in names if name != "*")]))


def read_shard(plan: Plan, index: int, columns: Sequence[str], only: pa.ChunkedArray | None = None) -> Chosen:
    """Read columns of one shard of the inputs, less the rows that `--where` does not choose.

    only: the rows wanted, ascending, which were chosen before; nothing else is read then.
    The runtime's columns `shard`, `row` and `corpus` are added. Raises DataError when layers disagree.
    """
    shard = plan.shards[index]
    names = expanded(plan, columns)
    filtered = expressions.columns(plan.where) if plan.where and only is None else ()
    numbers = np.arange(shard["rows"]) if only is None else np.unique(arrow.numbers(only))
    table = _joined(plan, shard, list(dict.fromkeys([*names, *filtered])), None if only is None else numbers)
    rows = table.num_rows
    marks = {
        "shard": pa.array(np.full(rows, index, dtype=np.int32)),
        "row": pa.array(numbers),
        "corpus": constant(shard["corpus"], rows, [source.name for source in plan.inputs]),
    }
    if plan.where is None or only is not None:
        return Chosen(_with(table.select(names), marks), None, rows)
    keep, null = expressions.mask(table, plan.where)
    chosen = _with(table.select(names), marks).filter(pa.array(keep))
    nulls = int(np.count_nonzero(null))
    return Chosen(chosen, keep, rows, rows - int(np.count_nonzero(keep)) - nulls, nulls)


def read_old(plan: Plan, stage: Stage, index: int, columns: Sequence[str], only: pa.ChunkedArray | None) -> pa.Table:
    """Columns of one shard of the old corpora, as a stage names them, with the runtime's.

    only: the rows wanted, ascending. Where a column of the index is needed, those alone that it has.
    """
    shard = plan.old[index - len(plan.shards)]
    source = plan.old_inputs[shard["corpus"]]
    corpus = Corpus(source.path)
    owners = sorted({source.columns[name] for name in columns}, key=lambda owner: owner != INDEX)
    rows = None if only is None else np.unique(arrow.numbers(only))
    found: dict[str, pa.ChunkedArray] = {}
    for owner in owners:
        wanted = [name for name in columns if source.columns[name] == owner]
        if owner == INDEX:
            path = corpus.generation(plan.layer, source.layers[plan.layer]).index(shard["name"])
            table = shards.read(path, ["row", *wanted])
            if rows is not None:
                table = table.filter(pa.array(np.isin(arrow.numbers(table["row"]), rows)))
            rows = arrow.numbers(table["row"])
            table = table.select(wanted)
        else:
            path = corpus.generation(owner, source.layers[owner]).shard(shard["name"])
            names = [renamed(stage, owner, name) if owner == plan.layer else name for name in wanted]
            table = shards.read(path, names) if rows is None else shards.read_rows(path, names, rows)
        found.update(zip(wanted, table.columns, strict=True))
    rows = np.arange(shard["rows"]) if rows is None else rows
    marks = {
        "shard": pa.array(np.full(len(rows), index, dtype=np.int32)),
        "row": pa.array(rows),
        "corpus": constant(shard["corpus"], len(rows), [corpus.name for corpus in plan.old_inputs]),
    }
    return _with(pa.table({name: found[name] for name in columns}), marks)


def constant(number: int, rows: int, names: Sequence[str]) -> pa.DictionaryArray:
    """One of the names, for every row."""
    return pa.DictionaryArray.from_arrays(np.full(rows, number, dtype=np.int32), pa.array(names, pa.string()))


def _with(table: pa.Table, marks: dict[str, pa.Array]) -> pa.Table:
    for name in RUNTIME_COLUMNS:
        table = table.append_column(name, marks[name])
    return table


def _joined(plan: Plan, shard: dict, names: Sequence[str], only: np.ndarray | None = None) -> pa.Table:
    rows = shard["rows"] if only is None else len(only)
    source = plan.inputs[shard["corpus"]]
    corpus = Corpus(source.path)
    by_layer: dict[str, list[str]] = {}
    for name in names:
        if name in source.columns:
            by_layer.setdefault(source.columns[name], []).append(name)
    found: dict[str, pa.ChunkedArray] = {}
    for layer, wanted in by_layer.items():
        path = corpus.generation(layer, source.layers[layer]).shard(shard["name"])
        table = shards.read(path, wanted) if only is None else shards.read_rows(path, wanted, only)
        if table.num_rows != rows:
            raise DataError(f"{path}: {table.num_rows} rows where the text has {shard['rows']}; run the stage again")
        found.update(zip(wanted, table.columns, strict=True))
    if len(found) < len(names):
        types = column_types(plan)
        for name in names:
            if name not in found:
                found[name] = pa.chunked_array([pa.nulls(rows, types[name])])
    if not names:
        return pa.table({"": pa.nulls(rows)}).select([])
    return pa.table({name: found[name] for name in names})


def sampled(table: pa.Table, seed: int, size: int, population: int) -> pa.Table:
    """The rows whose hash of (seed, id) is below size / population of its range."""
    if size >= population:
        return table
    hashes = hashed_ids(table["id"], seed)
    bound = np.uint64(min(size * (1 << 64) // population, (1 << 64) - 1))
    return table.filter(pa.array(hashes < bound))


def hashed_ids(ids: pa.Array | pa.ChunkedArray, seed: int) -> np.ndarray:
    """The 64-bit hash of (seed, id) by which documents are sampled: uint64, shape (n,)."""
    from curate.kernels import hashing

    values = arrow.strings(ids)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed), hashes)
    return hashes
