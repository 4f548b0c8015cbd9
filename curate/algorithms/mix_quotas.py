"""Several columns of log weights that choose in turn, each so much of a mixture.

Each column orders the documents by its own Gumbel noise on its own weights. They then choose one after the other: the
column that has the least of its share so far takes its first document that none has taken. So every beginning of the
order keeps the shares, and what a column has taken is a sample without replacement by its weights of what the others
left. (DSIR with several targets: Xie et al. 2023; the authors' package lets one target choose all it wants first.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from curate.algorithms import mix
from curate.kernels import arrow, hashing
from curate.kernels import mix as kernels


def surveyed(table: pa.Table, hashes: np.ndarray, columns: Sequence[str], temperature: float) -> dict[str, pa.Array]:
    """`key`, `key1`, ...: uint64, the keys of each column; `key` is null where one of them has no weight."""
    found, usable = [], np.ones(table.num_rows, dtype=np.bool_)
    for salt, column in zip(_salts(columns), columns, strict=True):
        scores, there = mix.usable_scores(table[column])
        usable &= there
        found.append(mix.choice_keys(hashes ^ salt, scores, temperature))
    keys = {f"key{place or ''}": pa.array(values) for place, values in enumerate(found)}
    return {**keys, "key": pa.array(found[0], mask=~usable)}


def interleaved(pool: mix.Pool, quotas: Mapping[str, float], by_tokens: bool) -> tuple[mix.Pool, np.ndarray]:
    """The pool with one key for all columns, and which column takes each document: int8 of shape (documents,)."""
    shares = np.array(list(quotas.values()), dtype=np.float64)
    keys = [pool.key, *pool.more_keys]
    units = pool.tokens.astype(np.int64) if by_tokens else np.ones(len(pool.key), dtype=np.int64)
    key, taker = np.empty(len(pool.key), dtype=np.uint64), np.empty(len(pool.key), dtype=np.int8)
    order = np.argsort(pool.group, kind="stable")
    ends = np.cumsum(np.bincount(pool.group, minlength=len(pool.names)))
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        members = order[start:end]
        orders = np.stack([np.argsort(~each[members], kind="stable") for each in keys])
        places, takers = np.empty(len(members), dtype=np.uint64), np.empty(len(members), dtype=np.int8)
        kernels.interleave(orders, units[members], shares / shares.sum(), places, takers)
        key[members], taker[members] = ~places, takers
    return replace(pool, key=key, more_keys=()), taker


def taken(pool: mix.Pool, draws: np.ndarray, taker: np.ndarray, quotas: Mapping[str, float]) -> list[list[int]]:
    """What each column chose of all groups: documents and tokens."""
    counts = (np.bincount(taker, weights=draws * each, minlength=len(quotas)) for each in (1, pool.tokens))
    documents, tokens = (found.astype(np.int64).tolist() for found in counts)
    return [list(pair) for pair in zip(documents, tokens, strict=True)]


def lines(quotas: Mapping[str, float], taken: list[list[int]], unit: str) -> list[str]:
    """What each column was to choose and chose, as lines to read."""
    total, place = sum(quotas.values()), ("documents", "tokens").index(unit)
    chosen = sum(pair[place] for pair in taken)
    return [
        f"{name} chose {pair[0]:,} documents, {pair[1]:,} tokens: {pair[place] / max(chosen, 1):.2%} of the {unit}, "
        f"{share / total:.2%} requested"
        for (name, share), pair in zip(quotas.items(), taken, strict=True)
    ]


def _salts(columns: Sequence[str]) -> np.ndarray:
    """uint64 for each name, so that luck with one column is none with another."""
    values = arrow.strings(pa.array(columns, pa.large_string()))
    out = np.empty(len(columns), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(0), out)
    return out
