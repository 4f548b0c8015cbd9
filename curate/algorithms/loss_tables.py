"""What texts cost several models, beside how these do on benchmarks: from tables, or worked out by the models.

A table of losses has a text a row, its document's id or the name of its group in the first column and a model in each
of the others, in bits per byte; or a model a row, named in a column `model`, and a text in each of the others. A table
of benchmarks has a model a row, named in a column `model`, and a benchmark in each of the others, better where higher.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import distilled, fasttext, fasttext_groups, loss_models, loss_ngrams, ranking
from curate.algorithms.groups import first_of_each
from curate.errors import DataError, UsageError
from curate.kernels import arrow

FEWEST_MODELS = 3
READ_CHARACTERS = 2_000
"""How much of the beginning of a document a model judges: some 512 tokens."""

_MODEL = "model"
_FORMATS = ".csv, .tsv, .parquet or .jsonl"


class Losses(NamedTuple):
    """keys: string (d,), texts or groups of them. models: names (n,). values: bits per byte, float64 (n, d)."""

    keys: pa.Array
    models: list[str]
    values: np.ndarray


# --- the tables -----------------------------------------------------------------------------------


def _table(path: str, option: str) -> pa.Table:
    """A file, which may be compressed. Names in a CSV file, of its column `model` or else its first, are as written.

    Raises UsageError for a name of another format, DataError for a broken one.
    """
    from pyarrow import csv, json, parquet

    name = path.removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2")
    try:
        if name.endswith((".parquet", ".pq")):
            return parquet.read_table(path)
        if name.endswith((".csv", ".tsv")):
            parsing = csv.ParseOptions(delimiter="\t" if name[-3] == "t" else ",")
            with pa.input_stream(path, compression="detect") as file, csv.open_csv(file, parse_options=parsing) as head:
                names = [_MODEL] if _MODEL in head.schema.names else head.schema.names[:1]
            with pa.input_stream(path, compression="detect") as file:
                converting = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
                return csv.read_csv(file, parse_options=parsing, convert_options=converting)
        if name.endswith((".jsonl", ".ndjson")):
            with pa.input_stream(path, compression="detect") as file:
                return json.read_json(file)
    except pa.ArrowInvalid as problem:
        raise DataError(f"--{option} {path}: {problem}; mend the file") from None
    raise UsageError(f"--{option} {path}: no table that is known; give {_FORMATS}, which may be packed by gzip or zstd")


def _numbers(table: pa.Table, names: Sequence[str], path: str, option: str) -> np.ndarray:
    """Columns of numbers, NaN for a null: float64 (names, rows)."""
    for name in names:
        kind = table[name].type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise DataError(
                f"--{option} {path}: the column '{name}' holds {kind}, where numbers are wanted; leave it out"
            )
    found = [pc.fill_null(table[name].cast(pa.float64()), float("nan")).to_numpy() for name in names]
    return np.array(found, dtype=np.float64).reshape(len(names), table.num_rows)


@lru_cache(maxsize=1)
def losses(path: str) -> Losses:
    """A table of losses; a text that a model says nothing of is left out. Raises UsageError or DataError."""
    table = _table(path, "losses")
    if _MODEL in table.column_names:
        texts = [name for name in table.column_names if name != _MODEL]
        keys, models = pa.array(texts, pa.string()), table[_MODEL].cast(pa.string()).to_pylist()
        values = np.ascontiguousarray(_numbers(table, texts, path, "losses").T)
    else:
        first, *models = table.column_names
        keys, values = arrow.combined(table[first].cast(pa.string())), _numbers(table, models, path, "losses")
    if pc.count_distinct(keys, mode="all").as_py() < len(keys) or len(set(models)) < len(models):
        raise DataError(f"--losses {path}: a text or a model comes twice; leave one out")
    whole = np.isfinite(values).all(axis=0) & arrow.validity(keys)
    return Losses(keys.filter(pa.array(whole)), models, np.ascontiguousarray(values[:, whole]))


def scores(path: str, benchmarks: Sequence[str], models: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of the models that a table knows the positions, int64 (n,), and the mean over some benchmarks, float64 (n,).

    benchmarks: names of columns, those of errors with a minus before them; none stands for all. Raises UsageError for
    an unknown one, and DataError for a model that comes twice, fewer than three models, a number that is missing, or
    scores that are all equal.
    """
    table = _table(path, "benchmarks")
    known = [name for name in table.column_names if name != _MODEL]
    if _MODEL not in table.column_names:
        raise DataError(f"--benchmarks {path}: no column 'model'; its columns are {', '.join(table.column_names)}")
    wanted = list(benchmarks) or known
    names = [name if name in known else name.removeprefix("-") for name in wanted]
    if missing := [name for name in names if name not in known]:
        raise UsageError(f"--benchmark {missing[0]}: not in {path}; its benchmarks are {', '.join(known)}")
    signs = np.array([1.0 if name in known else -1.0 for name in wanted])
    means = (signs[:, None] * _numbers(table, names, path, "benchmarks")).mean(axis=0)
    rows = {name: row for row, name in enumerate(table[_MODEL].cast(pa.string()).to_pylist())}
    if len(rows) < table.num_rows:
        raise DataError(f"--benchmarks {path}: a model comes twice; leave one row of it")
    there = np.array([place for place, name in enumerate(models) if name in rows], dtype=np.int64)
    if len(there) < FEWEST_MODELS:
        raise DataError(
            f"--benchmarks {path}: knows {len(there)} of the models whose losses there are ({', '.join(models[:5])}), "
            f"where {FEWEST_MODELS} are needed; name them alike in the column 'model'"
        )
    found = means[[rows[models[place]] for place in there]]
    if not np.isfinite(found).all():
        lacking = models[int(there[~np.isfinite(found)][0])]
        raise DataError(f"--benchmarks {path}: no number for the model '{lacking}'; fill it in or take out its row")
    if (found == found[0]).all():
        raise DataError(
            f"--benchmarks {path}: all {len(there)} models have the score {found[0]:g}, so that none is better than "
            "another; give other benchmarks"
        )
    return there, found


# --- the documents to learn from ------------------------------------------------------------------


def named(table: pa.Table, by: str) -> pa.Array:
    """The group of each document; with `id` each is its own."""
    return fasttext_groups.names(table, by).cast(pa.string())


def surveyed(table: pa.Table, by: str, path: str | None, most: int) -> pa.Table:
    """Of a shard `shard`, `row`, `group` and a hash of the id of at most `most` documents of each group.

    The first of a group has in `bytes` those of all its documents here, the others have 0. path: of a table of losses;
    groups that are not in it are left out. Of documents that are groups of their own `most` are kept in all.
    """
    groups = named(table, by)
    there = arrow.validity(groups)
    if path:
        there &= pc.is_in(groups, value_set=losses(path).keys).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(there)
    chosen = groups.take(pa.array(rows)).dictionary_encode()
    numbers, ties = arrow.numbers(chosen.indices).astype(np.int64), ranking.ties(table["id"])[rows]
    sizes = np.bincount(numbers, weights=arrow.numbers(table["bytes"])[rows], minlength=len(chosen.dictionary))
    if by == "id" and not path:
        first = np.sort(np.argsort(ties, kind="stable")[:most])
    else:
        first = first_of_each(numbers, ties, most)
    leading = np.diff(numbers[first], prepend=-1) != 0
    found = table.select(["shard", "row"]).take(pa.array(rows[first]))
    found = found.append_column("group", groups.take(pa.array(rows[first])))
    found = found.append_column("tie", pa.array(ties[first]))
    return found.append_column("bytes", pa.array(np.where(leading, sizes[numbers[first]], 0).astype(np.int64)))


def settled(tables: Iterable[pa.Table], each: int, most: int) -> tuple[pa.Table, pa.Table]:
    """The groups, `group` and `bytes`, by name, and the rows to look at, `shard` and `row`: at most `each` of a group
    and `most` in all, so that every group has one before any has two. Memory: 150 bytes a row surveyed.

    Raises DataError when there is none.
    """
    table = pa.concat_tables(tables).combine_chunks()
    if not table.num_rows:
        raise DataError(
            "of no document the losses are known; a table of --losses names documents by id, or groups of them by the "
            "value of the column that `correlations --by` names"
        )
    encoded = arrow.combined(table["group"]).dictionary_encode()
    numbers, ties = arrow.numbers(encoded.indices).astype(np.int64), arrow.numbers(table["tie"])
    chosen = first_of_each(numbers, ties, each)
    starts = np.flatnonzero(np.diff(numbers[chosen], prepend=-1))
    places = np.arange(len(chosen)) - np.repeat(starts, np.diff(starts, append=len(chosen)))
    chosen = np.sort(chosen[np.lexsort((ties[chosen], places))[:most]])
    rows = table.take(pa.array(chosen))
    sizes = table.group_by("group").aggregate([("bytes", "sum")]).rename_columns(["group", "bytes"])
    there = pc.is_in(sizes["group"], value_set=arrow.combined(rows["group"]))
    return sizes.filter(there).sort_by("group").combine_chunks(), rows.select(["shard", "row"])


def judged(table: pa.Table, by: str, models: Sequence[str], model: pa.Table) -> pa.Table:
    """The texts of a shard's chosen rows as rows of `fasttext.EXAMPLES`, with `group`, a hash of the id `tie`, and
    `losses`, in bits per byte under each model. model: the census's, under which the models are kept loaded."""
    lines = fasttext.examples(table["text"], "", table["id"], tokens=True)
    table = table.take(pc.index_in(lines["origin"], value_set=arrow.combined(table["id"]).cast(pa.string())))
    opened = loss_ngrams.once(
        model, lambda: [loss_models.open_model(loss_models.settled_model(path)) for path in models]
    )
    texts = pc.utf8_slice_codeunits(arrow.combined(table["text"]), 0, READ_CHARACTERS)
    values = np.array([one.bits_per_byte(texts) for one in opened], dtype=np.float64).reshape(len(models), len(texts))
    lines = lines.append_column("group", named(table, by)).append_column("tie", pa.array(ranking.ties(table["id"])))
    flat = pa.array(np.ascontiguousarray(values.T).reshape(-1))
    steps = pa.array(np.arange(len(texts) + 1) * len(models), pa.int64())
    return lines.append_column("losses", pa.LargeListArray.from_arrays(steps, flat))


def meant(examples: pa.Table, models: Sequence[str]) -> Losses:
    """The mean losses of the documents of each group, by name; a group with one that cannot be judged is left out."""
    encoded = arrow.combined(examples["group"]).dictionary_encode()
    numbers, count = arrow.numbers(encoded.indices), len(encoded.dictionary)
    values = arrow.combined(examples["losses"]).flatten().to_numpy().reshape(examples.num_rows, len(models))
    sums = [np.bincount(numbers, weights=column, minlength=count) for column in values.T]
    means = np.array(sums).reshape(len(models), count) / np.maximum(1, np.bincount(numbers, minlength=count))
    whole = np.isfinite(means).all(axis=0)
    return Losses(encoded.dictionary.filter(pa.array(whole)), list(models), np.ascontiguousarray(means[:, whole]))


def known(examples: pa.Table, path: str | None, models: Sequence[str]) -> Losses:
    """The losses of the groups of some examples, by name: of a table, or worked out."""
    found = losses(path) if path else meant(examples, models)
    there = pc.is_in(found.keys, value_set=arrow.combined(examples["group"])).to_numpy(zero_copy_only=False)
    names = found.keys.take(pa.array(np.flatnonzero(there)))
    order = np.flatnonzero(there)[arrow.numbers(pc.sort_indices(names)).astype(np.int64)]
    return Losses(found.keys.take(pa.array(order)), found.models, np.ascontiguousarray(found.values[:, order]))


def labelled(examples: pa.Table, positive: np.ndarray, negative: np.ndarray) -> list[pa.Table]:
    """Some examples as positives and others, at most as many by chance, as negatives. positive, negative: bool (n,)."""
    rows = [np.flatnonzero(positive), np.flatnonzero(negative)]
    ties = arrow.numbers(examples["tie"])
    rows[1] = rows[1][np.argsort(ties[rows[1]], kind="stable")][: max(len(rows[0]), distilled.FEWEST_EXAMPLES)]
    tables = []
    for some, name in zip(rows, (distilled.POSITIVE, distilled.NEGATIVE), strict=True):
        table = examples.select(["line", "origin"]).take(pa.array(np.sort(some)))
        tables.append(table.add_column(1, "label", pa.repeat(name, len(table))))
    return tables
