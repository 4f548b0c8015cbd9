"""The words that tell what a cluster is about.

Terms are words that many documents of the cluster have and few others (after class-based tf-idf:
Grootendorst 2022, here with numbers of documents for counts), over a seeded sample of documents.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.algorithms.groups import first_of_each
from curate.kernels import arrow
from curate.kernels import embed_words as words

TERMS = 10
_CANDIDATES = 5 * TERMS
_TEXTS_AT_ONCE = 2_000


class _Words(NamedTuple):
    """Words of clusters, by cluster and hash: the cluster's number, the hash, the texts that have it, and where it
    starts and stops in one of them."""

    cluster: np.ndarray
    hash: np.ndarray
    texts: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def typical_terms(text: pa.ChunkedArray, clusters: np.ndarray) -> dict[int, list[str]]:
    """At most TERMS words of each cluster, the most typical first, ties by hash.

    clusters: int32 (n,), sorted. A word's worth is the number of the cluster's texts that have it, times the
    square of the logarithm of how many times the usual number that is; a word of a single text does not
    count where there are more.
    Numbers and single characters are left out; scripts without spaces show pairs of characters.
    Memory: about 100 bytes for each different word of each cluster, and 64 MiB.
    """
    texts = arrow.strings(text)
    found = _counted(texts, clusters)
    everywhere, ranks = np.unique(found.hash, return_inverse=True)
    usual = np.bincount(ranks, weights=found.texts, minlength=len(everywhere))[ranks].astype(np.float64)
    del everywhere, ranks
    sizes = np.bincount(clusters)[found.cluster] if len(clusters) else found.texts
    usual *= sizes / max(1, len(texts))
    worth = found.texts * np.log(np.maximum(found.texts / usual, 1, out=usual), out=usual) ** 2
    worth[found.texts < np.minimum(2, sizes)] = 0
    del usual, sizes
    terms: dict[int, list[str]] = {}
    for i in first_of_each(found.cluster, -worth, _CANDIDATES):
        chosen = terms.setdefault(int(found.cluster[i]), [])
        if len(chosen) < TERMS and worth[i] > 0:
            word = bytes(texts.data[found.start[i] : found.stop[i]]).decode().lower()
            if len(word) > 1 and not word.isnumeric():
                chosen.append(word)
    return terms


def _counted(texts: arrow.Strings, clusters: np.ndarray) -> _Words:
    """The words of all clusters, some whole clusters at a time."""
    ends = np.flatnonzero(np.diff(clusters, append=-1)) + 1
    pieces, start = [_count(texts, clusters, 0, 0)], 0
    while start < len(clusters):
        end = int(ends[min(np.searchsorted(ends, start + _TEXTS_AT_ONCE), len(ends) - 1)])
        pieces.append(_count(texts, clusters, start, end))
        start = end
    return _Words(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def _count(texts: arrow.Strings, clusters: np.ndarray, start: int, end: int) -> _Words:
    hashes, starts, stops, owners = _words(arrow.Strings(texts.offsets[start : end + 1], texts.data))
    _, first, ranks = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = np.unique(owners * len(first) + ranks)
    owners, ranks = np.divmod(pairs, max(len(first), 1))
    keys, counts = np.unique(clusters[start:end][owners].astype(np.int64) * len(first) + ranks, return_counts=True)
    groups, ranks = np.divmod(keys, max(len(first), 1))
    places = first[ranks]
    return _Words(groups.astype(np.int32), hashes[places], counts.astype(np.int32), starts[places], stops[places])


def _words(texts: arrow.Strings) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every word of the texts: its hash, where it starts and stops, and the text it is of; int64 but for the hash."""
    room = words.most_words(int(texts.offsets[-1] - texts.offsets[0]), len(texts))
    hashes, starts, stops = np.empty(room, dtype=np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    ends = np.zeros(len(texts), dtype=np.int64)
    words.hash_words(*texts, words.alphabet(), hashes, starts, stops, ends)
    count = int(ends[-1]) if len(ends) else 0
    owners = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    return hashes[:count], starts[:count], stops[:count], owners
