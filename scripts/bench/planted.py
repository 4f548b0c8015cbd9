"""Synthetic corpora whose duplicates are known, and what a deduplication of one found of them.

Documents of 100 to 200 words by Zipf's law. A share of them lies in clusters of known sizes: a base, and copies of it
in each of which some words are replaced, far enough from one another and from the ends for each to change exactly five
5-grams. So the Jaccard similarity of a copy and its base is known: (n - 5 k) / (n + 5 k) for n 5-grams and k words.
Everything follows from the seed, and a document from the seed and its number, so that any number of them takes no
more memory than one file's.

    python scripts/bench/planted.py --documents 1000000 --to work/planted
    curate ingest work/planted --to work/pool --id-field id --column cluster=cluster:int64 \\
        --column base=base:string --column similarity=similarity:float64
    curate dedup work/pool && python scripts/bench/planted.py --check work/pool
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import truth
from numba import njit

import curate
from curate.algorithms import dedup_bands
from curate.kernels import arrow
from curate.kernels.hashing import mix64
from curate.stages.dedup import DedupConfig, cut
from curate.storage.corpus import Corpus

SIZES = (2, 3, 2, 2, 5, 2, 2, 10, 2, 50)
LEVELS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""Sizes of clusters and similarities to their bases, taken in turn."""
COLUMNS = ("cluster=cluster:int64", "base=base:string", "similarity=similarity:float64")
FEWEST_WORDS = 100
MOST_WORDS = 200
NGRAM = 5
VOCABULARY = 1 << 17
DRAWS_BITS = 22
PIECE = 1 << 16
ROW_GROUP = 1 << 12
SOURCES = 10
DAYS = 3650
SIGMAS = 4.5
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_LENGTH = np.uint64(1 << 40)
_EDIT = np.uint64(1 << 41)
_WORD = np.uint64(1 << 42)
_SHIFT = np.uint64(64 - DRAWS_BITS)


class Plan(NamedTuple):
    """What each document is, by its number.

    cluster: int64, -1 for a document on its own. base: int64, the number of the document that it is a copy of, or its
    own. level: float64, the similarity wanted.
    """

    cluster: np.ndarray
    base: np.ndarray
    level: np.ndarray


class Words(NamedTuple):
    """Word i is data[offsets[i]:offsets[i + 1]]; draws: words by Zipf's law, for 22 even bits."""

    offsets: np.ndarray
    data: np.ndarray
    draws: np.ndarray


@dataclass(frozen=True)
class Level:
    """Clusters of two with about the same similarity: how many, how many should be found, and how many were."""

    similarity: float
    pairs: int
    expected: float
    deviation: float
    found: int

    def misses(self) -> bool:
        """Whether chance does not explain the difference."""
        return abs(self.found - self.expected) > SIGMAS * self.deviation + 1e-9


@dataclass(frozen=True)
class Found:
    """What a deduplication found of what was planted.

    verdict: on the clusters, when exact similarity decided. others: documents removed that are in no cluster.
    """

    levels: list[Level]
    verdict: truth.Verdict | None
    others: int

    def misses(self) -> list[str]:
        """What is not as planted."""
        wrong = [level for level in self.levels if level.misses()]
        said = [f"at {level.similarity}: found {level.found}, not {level.expected:.1f}" for level in wrong]
        if self.verdict is None:
            return said
        said += [f"{self.others} removed that were not planted"] if self.others else []
        return said + self.verdict.misses()


# --- what is where --------------------------------------------------------------------------------


def plan(documents: int, share: float, seed: int) -> Plan:
    """Clusters over documents in an order that the seed decides."""
    rounds = int(documents * share) // sum(SIZES)
    sizes = np.tile(np.array(SIZES), rounds)
    numbers = np.argsort(_mixed(np.arange(documents, dtype=np.uint64), seed), kind="stable")
    members = numbers[: sizes.sum()]
    first = np.cumsum(sizes) - sizes
    found = Plan(np.full(documents, -1), np.arange(documents), np.ones(documents))
    found.cluster[members] = np.repeat(np.arange(len(sizes)), sizes)
    found.base[members] = np.repeat(members[first], sizes)
    levels = np.array(LEVELS)[np.arange(len(sizes)) // len(SIZES) % len(LEVELS)]
    found.level[members] = np.repeat(levels, sizes)
    return found


def _mixed(numbers: np.ndarray, seed: int) -> np.ndarray:
    out = np.empty(len(numbers), dtype=np.uint64)
    _mix_all(numbers, np.uint64(seed), out)
    return out


@njit(nogil=True, cache=True)
def _mix_all(numbers, seed, out):
    for i in range(len(numbers)):
        out[i] = mix64(mix64(seed) ^ (numbers[i] + _GAMMA))


# --- words ----------------------------------------------------------------------------------------


def words() -> Words:
    """A vocabulary of syllables: the more frequent half of what is drawn has four letters, the rest six."""
    syllables = [consonant + vowel for consonant in "bcdfghjklmnprstvwxyz" for vowel in "aeiou"]
    texts = []
    for number in range(100, VOCABULARY + 100):
        text = ""
        while number:
            number, digit = divmod(number, 100)
            text = syllables[digit] + text
        texts.append(text)
    return by_rank(texts)


def by_rank(texts: list[str]) -> Words:
    """Words of at most six bytes, the most frequent first, drawn by Zipf's law."""
    encoded = [text.encode() for text in texts]
    offsets = np.append(0, np.cumsum([len(text) for text in encoded]))
    shares = np.cumsum(1 / np.arange(1, len(texts) + 1))
    points = (np.arange(1 << DRAWS_BITS) + 0.5) / (1 << DRAWS_BITS) * shares[-1]
    draws = np.searchsorted(shares, points).astype(np.uint32)
    return Words(offsets, np.frombuffer(b"".join(encoded), dtype=np.uint8), draws)


@njit(nogil=True, cache=True)
def _random(seed, document, place):
    return mix64(mix64(seed ^ (document + _GAMMA)) ^ (place * _GAMMA))


@njit(nogil=True, cache=True)
def write_texts(numbers, bases, levels, seed, vocabulary, offsets, data, similarities):
    """The texts of documents, and how similar each is to its base.

    offsets: int64, shape (n + 1,). data: uint8, room for 200 words of 8 bytes each. similarities: float64, (n,).
    """
    at = 0
    size = len(vocabulary.offsets) - 1
    offsets[0] = 0
    for i in range(len(numbers)):
        number = np.uint64(numbers[i])
        base = np.uint64(bases[i])
        length = FEWEST_WORDS + np.int64(_random(seed, base, _LENGTH) % np.uint64(MOST_WORDS - FEWEST_WORDS + 1))
        grams = length - NGRAM + 1
        edits = 0
        if number != base:
            edits = np.int64(grams * (1.0 - levels[i]) / (NGRAM * (1.0 + levels[i])) + 0.5)
        similarities[i] = (grams - NGRAM * edits) / (grams + NGRAM * edits)
        stride = (length - 2 * (NGRAM - 1)) // max(edits, 1)
        edit = 0
        next_edit = length
        for place in range(length):
            if edit < edits and place == NGRAM - 1 + edit * stride:
                room = np.uint64(stride - NGRAM + 1)
                next_edit = place + np.int64(_random(seed, number, _EDIT + np.uint64(edit)) % room)
                edit += 1
            word = vocabulary.draws[_random(seed, base, np.uint64(place)) >> _SHIFT]
            if place == next_edit:
                other = _random(seed, number, _WORD + np.uint64(place)) % np.uint64(size - 1)
                word = np.uint32((np.uint64(word) + np.uint64(1) + other) % np.uint64(size))
            for k in range(vocabulary.offsets[word], vocabulary.offsets[word + 1]):
                data[at] = vocabulary.data[k]
                at += 1
            if place % 12 == 11 or place == length - 1:
                data[at] = ord(".")
                data[at + 1] = ord("\n")
                at += 2
            else:
                data[at] = ord(" ")
                at += 1
        offsets[i + 1] = at


# --- files ----------------------------------------------------------------------------------------


def tables(documents: int, share: float, seed: int, vocabulary: Words) -> Iterator[pa.Table]:
    """All documents, 65,536 at a time: id, text, source, date, cluster, base, similarity."""
    found = plan(documents, share, seed)
    for start in range(0, documents, PIECE):
        numbers = np.arange(start, min(start + PIECE, documents))
        yield table(numbers, Plan(*(column[numbers] for column in found)), vocabulary, seed)


def table(numbers: np.ndarray, found: Plan, vocabulary: Words, seed: int) -> pa.Table:
    """Some documents."""
    offsets = np.empty(len(numbers) + 1, dtype=np.int64)
    data = np.empty(len(numbers) * MOST_WORDS * 8, dtype=np.uint8)
    similarities = np.empty(len(numbers), dtype=np.float64)
    write_texts(numbers, found.base, found.level, np.uint64(seed), vocabulary, offsets, data, similarities)
    chosen = _mixed(numbers.astype(np.uint64), seed + 1)
    alone = found.cluster < 0
    return pa.table(
        {
            "id": ids(numbers),
            "text": arrow.string_array(offsets, data[: offsets[-1]]),
            "source": pc.binary_join_element_wise("source", _strings(chosen % np.uint64(SOURCES)), "-"),
            "date": pa.array(((chosen >> np.uint64(8)) % np.uint64(DAYS) + np.uint64(14_610)).astype(np.int32)).cast(
                pa.date32()
            ),
            "cluster": pa.array(found.cluster, mask=alone),
            "base": pc.if_else(pa.array(alone), pa.scalar(None, pa.string()), ids(found.base)),
            "similarity": pa.array(similarities, mask=alone),
        }
    )


def _strings(numbers: np.ndarray) -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def ids(numbers: np.ndarray) -> pa.Array:
    """Names that sort as the numbers do."""
    return pc.utf8_lpad(_strings(numbers), 9, "0")


def write(folder: Path, documents: int, share: float = 0.3, seed: int = 0) -> int:
    """Write a file for every 65,536 documents into a new folder; gives the bytes of text."""
    folder.mkdir(parents=True)
    total = 0
    for number, piece in enumerate(tables(documents, share, seed, words())):
        path = folder / f"{number:05}.parquet"
        pq.write_table(piece, path, ROW_GROUP, compression="zstd", compression_level=1)
        total += int(pc.sum(pc.binary_length(piece["text"])).as_py())
    return total


# --- what was found -------------------------------------------------------------------------------


def pairs_found(there: pa.Table, config: DedupConfig, verified: bool) -> list[Level]:
    """The clusters of two by similarity, beside what the curve of the bands says and, if verified, the threshold."""
    cluster = arrow.numbers(there["cluster"])
    names, counts = np.unique(cluster, return_counts=True)
    two = counts == 2
    kept = np.bincount(np.searchsorted(names, cluster), weights=arrow.numbers(there["dedup_keep"]))[two]
    copies = np.bincount(np.searchsorted(names, cluster), weights=arrow.numbers(there["similarity"]) - 1)
    similarity = 1 + copies[two]  # that of a base is 1, so this is the copy's
    bands = cut(config)
    assert bands is not None
    chance = np.array([dedup_bands.probability(value, bands) for value in similarity])
    if verified:
        chance[similarity < config.threshold] = 0
    chance[similarity == 1] = 1
    level = np.abs(similarity[:, None] - np.array(LEVELS)).argmin(axis=1)
    return [
        Level(
            float(LEVELS[i]),
            int((level == i).sum()),
            float(chance[level == i].sum()),
            float(np.sqrt((chance * (1 - chance))[level == i].sum())),
            int((kept[level == i] == 1).sum()),
        )
        for i in range(len(LEVELS))
    ]


def options(corpus: Path) -> DedupConfig:
    """What the layer was made with."""
    return DedupConfig(**Corpus(corpus).must("dedup").options["options"])


def compare(corpus: Path) -> Found:
    """What the layer `dedup` of a planted corpus found of what was planted."""
    opened, config = curate.open(corpus), options(corpus)
    if config.verify not in ("jaccard", "none"):
        raise SystemExit(
            f"{corpus}: made with --verify {config.verify}; only of jaccard and none is it known what to find"
        )
    verified = config.verify == "jaccard"
    clustered = opened.table(["cluster", "similarity", *truth.COLUMNS], where="cluster >= 0").combine_chunks()
    others = sum(batch.num_rows for batch in opened.scan(["id"], where="cluster IS NULL AND NOT dedup_keep"))
    verdict = None
    if verified:
        known = truth.truth(clustered["text"], config.threshold, config.ngram)
        verdict = truth.judge(known, arrow.numbers(clustered["dedup_keep"]), truth.keep_order(clustered))
    return Found(pairs_found(clustered, config, verified), verdict, others)


def show(found: Found) -> None:
    """Print it."""
    print("similarity  pairs  found  expected")
    for level in found.levels:
        print(f"{level.similarity:10.2f}{level.pairs:7,}{level.found:7,}{level.expected:10.1f}")
    if found.verdict is not None:
        print(f"in clusters: {truth.described(found.verdict)}")
    print(f"removed outside clusters: {found.others}")


def main() -> None:
    """Write a corpus's files, or check a deduplicated corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, help="How many to write.")
    parser.add_argument("--share", type=float, default=0.3, help="Share of them that lies in clusters.")
    parser.add_argument("--seed", type=int, default=0, help="Decides everything.")
    parser.add_argument("--to", type=Path, help="The folder to write.")
    parser.add_argument("--check", type=Path, help="A corpus made of such files, with a layer `dedup`.")
    given = parser.parse_args()
    if given.to:
        size = write(given.to, given.documents, given.share, given.seed)
        print(f"{given.documents:,} documents, {size / 1e6:,.1f} MB of text")
    if given.check:
        found = compare(given.check)
        show(found)
        print("; ".join(found.misses()) or "as planted")
        raise SystemExit(int(bool(found.misses())))


if __name__ == "__main__":
    main()
