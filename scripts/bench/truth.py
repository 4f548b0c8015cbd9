"""What deduplication should have done: all pairs that are really similar, and how an outcome compares.

Every pair of documents whose n-gram sets have a Jaccard similarity of at least the threshold is found by a product of
sparse matrices (documents by n-grams), with no sketch, band or component. What is measured of the documents kept:

    orphans   removed documents without a kept true duplicate (best kept match below the threshold)
    lost      true clusters (connected by true pairs, of two documents or more) of which nothing is left
    extra     kept documents with a kept true duplicate
    greedy    what exact removal takes away: in keep order, each document with a true duplicate kept before it

    curate ingest shared/powershell.jsonl.zst --to work/pool && curate dedup work/pool
    python scripts/bench/truth.py work/pool
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from scipy.sparse import csgraph

import curate
from curate.kernels import arrow, hashing, ngram_sets, words

EXTRA_SHARE = 0.01
CELLS = 1 << 25
BLOCK = 2048
SIMILARITY_ERROR = 1e-6
COLUMNS = ("id", "text", "digest", "bytes", "dedup_keep", "dedup_of", "dedup_similarity")


class Sets(NamedTuple):
    """The n-gram set of document i is grams[offsets[i]:offsets[i + 1]], ascending; uint64."""

    offsets: np.ndarray
    grams: np.ndarray


@dataclass(frozen=True)
class Truth:
    """Which documents are really similar.

    group: int64, a number for each document; equal for documents with the same set of n-grams, or without words and
    with the same text. one, other, similarity: the pairs of different groups that reach the threshold, one < other.
    matrix: bool, groups by n-grams that more than one group holds. sizes: n-grams of each group.
    """

    threshold: float
    group: np.ndarray
    one: np.ndarray
    other: np.ndarray
    similarity: np.ndarray
    matrix: sparse.csr_matrix
    sizes: np.ndarray

    @property
    def groups(self) -> int:
        return len(self.sizes)

    def graph(self) -> sparse.csr_matrix:
        """Groups beside those that they duplicate."""
        ends = (np.append(self.one, self.other), np.append(self.other, self.one))
        return sparse.csr_matrix((np.ones(len(ends[0]), np.int32), ends), shape=(self.groups, self.groups))

    def first(self, documents: int) -> Truth:
        """The truth about the first documents alone."""
        group = self.group[:documents]
        there = np.zeros(self.groups, dtype=np.bool_)
        there[group] = True
        chosen = there[self.one] & there[self.other]
        one, other, similarity = self.one[chosen], self.other[chosen], self.similarity[chosen]
        return replace(self, group=group, one=one, other=other, similarity=similarity)


@dataclass(frozen=True)
class Verdict:
    """How an outcome compares with the truth; see the module's docstring."""

    documents: int
    removed: int
    greedy: int
    orphans: int
    lost: int
    extra: int

    def misses(self) -> list[str]:
        """Which bars it misses."""
        found = [f"{self.orphans} removed without a kept duplicate"] if self.orphans else []
        found += [f"{self.lost} clusters lost"] if self.lost else []
        return found + (["too many extra copies"] if self.extra > EXTRA_SHARE * self.greedy else [])


def sets_of(texts: pa.Array | pa.ChunkedArray, ngram: int = 5) -> Sets:
    """The n-gram sets of texts. Memory: 8 bytes for two bytes of text."""
    values = arrow.strings(texts)
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    lengths = np.diff(values.offsets)
    grams = np.empty(int((lengths // 2 + 1).sum()), dtype=np.uint64)
    wanted = np.ones(len(values), dtype=np.bool_)
    rows = np.arange(len(values))
    ngram_sets.document_sets(
        values.offsets, values.data, rows, wanted, words.tables(), words.WORDS, ngram, offsets, grams
    )
    return Sets(offsets, grams[: offsets[-1]])


def truth(texts: pa.Array | pa.ChunkedArray, threshold: float = 0.8, ngram: int = 5) -> Truth:
    """All that is true about texts."""
    sets = sets_of(texts, ngram)
    group, carriers = _groups(sets, texts)
    matrix, sizes = _matrix(sets, carriers)
    one, other, similarity = (np.concatenate(column) for column in zip(*_pairs(matrix, sizes, threshold), strict=True))
    return Truth(threshold, group, one, other, similarity, matrix, sizes)


def _groups(sets: Sets, texts: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The group of each document, and a document of each group, which are numbered by size."""
    values = arrow.strings(texts)
    digests = np.empty((len(values), 2), dtype=np.uint64)
    hashing.digest_strings(values.offsets, values.data, digests)
    begins = sets.offsets * 8
    data = sets.grams.view(np.uint8)
    by_set = np.empty((len(values), 2), dtype=np.uint64)
    hashing.digest_strings(begins, data, by_set)
    sizes = np.diff(sets.offsets)
    by_set[sizes == 0] = digests[sizes == 0]
    names = np.empty(len(values), dtype=[("size", np.int64), ("upper", np.uint64), ("lower", np.uint64)])
    names["size"], names["upper"], names["lower"] = sizes, by_set[:, 0], by_set[:, 1]
    _, carriers, group = np.unique(names, return_index=True, return_inverse=True)
    return group.reshape(-1), carriers


def _matrix(sets: Sets, carriers: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    sizes = np.diff(sets.offsets)[carriers]
    offsets = np.append(0, np.cumsum(sizes))
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    grams = sets.grams[np.repeat(sets.offsets[carriers], sizes) + within]
    names, columns, counts = np.unique(grams, return_inverse=True, return_counts=True)
    shape = (len(carriers), len(names))
    matrix = sparse.csr_matrix((np.ones(len(grams), np.int32), columns.reshape(-1), offsets), shape=shape)
    return matrix[:, counts > 1], sizes


def _pairs(matrix: sparse.csr_matrix, sizes: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, ...]]:
    """Rows are ordered by size, and a set is similar only to sets of a similar size."""
    yield np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)
    start = int(np.searchsorted(sizes, 1))
    while start < len(sizes):
        end = min(start + BLOCK, len(sizes))
        last = int(np.searchsorted(sizes, np.ceil(sizes[end - 1] / threshold), side="right"))
        end = min(end, start + max(1, CELLS // (last - start)))
        shared = (matrix[start:end] @ matrix[start:last].T).tocoo()
        one, other = shared.row + start, shared.col + start
        similarity = shared.data / (sizes[one] + sizes[other] - shared.data)
        chosen = (similarity >= threshold) & (one < other)
        yield one[chosen].astype(np.int64), other[chosen].astype(np.int64), similarity[chosen]
        start = end


def judge(known: Truth, kept: np.ndarray, order: np.ndarray) -> Verdict:
    """How documents kept (bool) compare with the truth; `order` lists the documents in keep order."""
    copies = np.bincount(known.group, weights=kept, minlength=known.groups).astype(np.int64)
    members = np.bincount(known.group, minlength=known.groups)
    near = _beside(known, copies > 0)
    duplicate = near[known.group] | (copies[known.group] > kept)
    number, cluster = csgraph.connected_components(known.graph(), directed=False)
    survivors = np.bincount(cluster, weights=copies, minlength=number)
    size = np.bincount(cluster, weights=members, minlength=number)
    return Verdict(
        documents=len(kept),
        removed=int((~kept).sum()),
        greedy=int((~greedy(known, order)).sum()),
        orphans=int((~kept & ~duplicate).sum()),
        lost=int(((survivors == 0) & (size > 1)).sum()),
        extra=int((kept & duplicate).sum()),
    )


def described(found: Verdict) -> str:
    """A verdict in words."""
    return (
        f"{found.documents:,} documents: removed {found.removed:,}, exact greedy {found.greedy:,}; without a kept "
        f"duplicate {found.orphans:,}; clusters lost {found.lost:,}; extra copies {found.extra:,} "
        f"({found.extra / max(1, found.greedy):.2%})"
    )


def _beside(known: Truth, chosen: np.ndarray) -> np.ndarray:
    """Groups with a true duplicate among the chosen groups."""
    found = np.zeros(known.groups, dtype=np.bool_)
    found[known.one[chosen[known.other]]] = True
    found[known.other[chosen[known.one]]] = True
    return found


def greedy(known: Truth, order: np.ndarray) -> np.ndarray:
    """What exact removal keeps: bool for each document."""
    groups, first = np.unique(known.group[order], return_index=True)
    graph = known.graph()
    kept_groups = np.zeros(known.groups, dtype=np.bool_)
    for group in groups[np.argsort(first)]:
        kept_groups[group] = not kept_groups[graph.indices[graph.indptr[group] : graph.indptr[group + 1]]].any()
    kept = np.zeros(len(order), dtype=np.bool_)
    kept[order[np.sort(first)]] = True
    return kept & kept_groups[known.group]


def similarities(known: Truth, documents: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The exact similarity of pairs of documents: float64."""
    one, other = known.group[documents], known.group[others]
    shared = np.asarray(known.matrix[one].multiply(known.matrix[other]).sum(axis=1), dtype=np.int64).reshape(-1)
    union = known.sizes[one] + known.sizes[other] - shared
    return np.where(one == other, 1.0, shared / np.maximum(union, 1))


def keep_order(table: pa.Table) -> np.ndarray:
    """Documents as `--keep longest` goes through them: by bytes, then digest, then id."""
    keys = [("bytes", "descending"), ("digest", "ascending"), ("id", "ascending")]
    positions = pc.sort_indices(table.select(["bytes", "digest", "id"]), sort_keys=keys)
    return positions.to_numpy().astype(np.int64)


def wrong_matches(known: Truth, table: pa.Table) -> int:
    """Removed documents that name one that was not kept, or a similarity that is not the true one."""
    kept = arrow.numbers(table["dedup_keep"])
    removed = np.flatnonzero(~kept)
    of = pc.index_in(table["dedup_of"].take(pa.array(removed)), table["id"].combine_chunks())
    there = arrow.validity(of)
    of = arrow.numbers(of)
    said = arrow.numbers(table["dedup_similarity"])[removed]
    right = there & kept[of] & (np.abs(said - similarities(known, removed, of)) < SIMILARITY_ERROR)
    return int((~right).sum())


def main() -> None:
    """Judge the `dedup` layers of corpora."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="+", type=Path, help="Corpora that `curate dedup` has been through.")
    parser.add_argument("--threshold", type=float, default=0.8, help="That of the layer.")
    parser.add_argument("--ngram", type=int, default=5, help="That of the layer.")
    given = parser.parse_args()
    missed = False
    for path in given.corpora:
        table = curate.open(path).table(COLUMNS)
        begun = time.perf_counter()
        known = truth(table["text"], given.threshold, given.ngram)
        found = judge(known, arrow.numbers(table["dedup_keep"]), keep_order(table))
        misses = found.misses()
        wrong = wrong_matches(known, table)
        misses += [f"{wrong} matches wrongly named"] if wrong else []
        missed |= bool(misses)
        print(f"{path}: {described(found)}; {', '.join(misses) or 'ok'} [{time.perf_counter() - begun:.0f} s]")
    raise SystemExit(int(missed))


if __name__ == "__main__":
    main()
