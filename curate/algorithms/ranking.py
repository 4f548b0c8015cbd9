"""Which place every document has among all: a share that is then hit exactly is a filter on one column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from curate.kernels import arrow, hashing

_SALT = 0x1F83D9ABFB41BD6B


def ties(ids: arrow.Array) -> np.ndarray:
    """A hash of each id, uint64 (n,), by which documents that are otherwise equal are put in order."""
    values = arrow.strings(ids)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(_SALT), hashes)
    return hashes


def quantiles(values: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """The share of values that come no later in rising order, itself included: float64 (n,), from 1/n to 1.

    Equal values are put in the order of their hashes, so all shares differ, and exactly floor(share * n) of them are
    `<= share`. Holds 40 bytes a value.
    """
    found = np.empty(len(values), dtype=np.float64)
    found[np.lexsort((hashes, values))] = np.arange(1, len(values) + 1)
    found /= max(1, len(values))
    return found


def kept(share: float, count: int) -> int:
    """How many of `count` quantiles are `<= share`: exactly the rounding of `quantiles`, division and all."""
    number = int(share * count)
    while number < count and (number + 1) / count <= share:
        number += 1
    while number and number / count > share:
        number -= 1
    return number


def scored(table: pa.Table, scores: pa.Array) -> pa.Table:
    """The documents of a shard with their scores, as `best` takes them."""
    return pa.table({"shard": table["shard"], "row": table["row"], "score": scores, "tie": ties(table["id"])})


def best(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """`shard`, `row`, `score`, and `quantile`: the share of documents with a score that have a score as high or higher.

    Of equal scores a hash of the id decides, so exactly floor(share * n) of n documents are `<= share`. A null score
    has a null quantile. Goes through the tables, which `scored` gave, twice. Memory: 70 bytes a document.
    """
    columns = [(arrow.numbers(t["score"]), arrow.numbers(t["tie"]), arrow.validity(t["score"])) for t in tables]
    if not columns:
        return
    values, hashes, valid = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    del columns
    found = np.full(len(values), np.nan)
    found[valid] = quantiles(-values[valid], hashes[valid])
    start = 0
    for table in tables:
        piece = found[start : start + table.num_rows]
        start += table.num_rows
        yield table.drop_columns(["tie"]).append_column("quantile", pa.array(piece, mask=np.isnan(piece)))


def kept_columns(table: pa.Table | None, rate: float, schema: pa.Schema) -> pa.Table:
    """The layer's columns of a shard: the score, whether it is among the `rate` best, the quantile.

    table: the shard's rows of `best`, or any that ends in the score and the quantile.
    """
    if table is None:
        return schema.empty_table()
    scores, quantiles = table.columns[-2:]
    keep = arrow.validity(quantiles) & (arrow.numbers(quantiles) <= rate)
    return pa.table([scores, pa.array(keep), quantiles], schema=schema)
