"""What the stages that choose documents for a target choose, and what a language model learns from it.

A fifth of a target's texts is held out. Of the others half are the target that a method is given, and half lie in the
pool, among all documents of all other sources. Each method keeps the same share of the pool's documents: what its
column `_keep` marks, or else the highest scores.

Precision is the share of the documents kept that are of the target's own domain (the two parts of a benchmark are one,
topics of a CSV file are several); found is the share of the pool's documents of that domain that were kept. Bits per
byte are those of the texts held out, under a trigram model of words trained on the documents kept, all selections cut
to as many tokens as the least of them has, and besides on all that was kept. Documents stand in a random order where
they are cut, and the figure is the mean over several. Random is documents kept at random, others for each order, and so
what all data give at equal tokens; the model of all data has read the whole pool. The distance is that of optimal
transport from the documents kept to examples of the target, which is GOT-D's criterion; joined, from all documents with
half of the weight on those kept.

    python scripts/bench/selection.py --data shared/*.jsonl.zst shared/speeches shared/news.csv.gz \\
        shared/reviews.parquet --work /tmp/selection --markdown
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import commands
import material
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import curate
from curate.algorithms import ngram_tokens, transport
from curate.algorithms.ngram_model import NgramModel, count, estimate
from curate.kernels import arrow

METHODS = {
    "dsir": ["--target"],
    "contrast": ["--keep-rate", "{rate}", "--target"],
    "zipfit": ["--keep-rate", "{rate}", "--target"],
    "betr": ["--keep-rate", "{rate}", "--target"],
    "transport": ["--keep-rate", "{rate}", "--target"],
    "fasttext": ["--positive"],
}
RANDOM, ALL = "random", "all data"
HELD_OUT, ORDER, REGULARISATION, ENOUGH = 0.2, 3, 0.02, 0.03
SAMPLE_SECONDS = 0.5
BAR_TARGET = "gsm8k_train"


class Document(NamedTuple):
    """source: as a target is named; domain: what counts as found."""

    source: str
    domain: str
    text: str


@dataclass
class Row:
    """What one method chose for one target. bits: held-out bits per byte at equal tokens, in each order.

    distances: from the selection, and from all with half of the weight on it.
    """

    target: str
    method: str
    documents: int
    tokens: int
    precision: float
    found: float
    bits: list[float]
    equal_tokens: int
    bits_uncut: float
    distances: list[float]


@dataclass
class Pool:
    """The corpus, the same documents in memory, their tokens, and texts of each target: given and held out."""

    corpus: Path
    documents: list[Document]
    tokens: np.ndarray
    given: dict[str, list[str]]
    held_out: dict[str, list[str]]

    @property
    def domains(self) -> np.ndarray:
        return np.array([document.domain for document in self.documents])


# --- the pool -------------------------------------------------------------------------------------


def documents(path: Path) -> Iterator[Document]:
    """Those of a file or folder, the rows of a CSV file by their topic."""
    name = path.name.split(".")[0]
    if ".csv" in path.suffixes:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            for row in csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline="")):
                topic = f"{name}-{row['topic'].lower()}"
                yield Document(topic, topic, row["text"])
    else:
        domain = name.removesuffix("_train").removesuffix("_test")
        yield from (Document(name, domain, text) for text in material.texts(path))


def build(given: argparse.Namespace) -> Pool:
    """Deal the documents out, and bring the pool in."""
    chance = random.Random(given.seed)
    found = [document for path in given.data for document in documents(path) if document.text.strip()]
    found = chance.sample(found, round(len(found) * given.share))
    parts: dict[str, tuple[list[str], list[str]]] = {}
    pool = [document for document in found if document.source not in given.targets]
    for target in given.targets:
        mine = [document for document in found if document.source == target]
        held = round(len(mine) * HELD_OUT)
        half = held + (len(mine) - held) // 2
        if not 0 < held < half:
            raise SystemExit(
                f"{target}: {len(mine)} documents of that name; there are {sorted({d.source for d in found})}"
            )
        parts[target] = [d.text for d in mine[held:half]], [d.text for d in mine[:held]]
        pool += mine[half:]
    chance.shuffle(pool)
    given.work.mkdir(parents=True, exist_ok=True)
    corpus = given.work / "pool"
    for name, texts in {"pool": [d.text for d in pool], **{name: part[0] for name, part in parts.items()}}.items():
        file = given.work / f"{name}.parquet"
        table = pa.table({"id": list(map(str, range(len(texts)))), "text": pa.array(texts, pa.large_string())})
        if not file.exists():
            pq.write_table(table, file, 1000)
        elif pq.read_table(file)["text"] != table["text"]:
            raise SystemExit(f"{file} holds other texts: give another --work, or delete it")
    commands.curate(
        "ingest", given.work / "pool.parquet", "--to", corpus, "--id-field", "id", "--quiet", every=SAMPLE_SECONDS
    )
    commands.curate("embed", corpus, "--quiet", every=SAMPLE_SECONDS)
    tokens = tokens_of([document.text for document in pool])
    return Pool(corpus, pool, tokens, *({name: part[i] for name, part in parts.items()} for i in (0, 1)))


def tokens_of(texts: list[str]) -> np.ndarray:
    """How many tokens each has, int64."""
    out = np.zeros(len(texts), np.int64)
    for row, found in ngram_tokens.read(pa.array(texts, pa.large_string()), "words", None, ORDER, 1 << 20):
        out[row : row + len(found.offsets) - 1] += np.diff(found.offsets)
    return out


# --- what is chosen -------------------------------------------------------------------------------


def chosen(method: str, target: str, pool: Pool, given: argparse.Namespace) -> np.ndarray:
    """The rows of the documents that a method keeps, ascending."""
    layer = f"{method}_{target.replace('-', '_')}"
    options = [word.format(rate=given.keep_rate) for word in METHODS[method]]
    words = [method, pool.corpus, "--as", layer, *options, given.work / f"{target}.parquet", "--quiet"]
    commands.curate(*words, every=SAMPLE_SECONDS)
    corpus = curate.open(pool.corpus)
    kept = METHODS[method][0] == "--keep-rate"
    table = corpus.table(["id", f"{layer}_keep" if kept else layer])
    table = table.take(pc.sort_indices(pc.cast(table["id"], pa.int64())))
    if kept:
        return np.flatnonzero(table[1].to_numpy())
    scores = pc.fill_null(table[1], -np.inf).to_numpy()
    return np.sort(np.argsort(-scores, kind="stable")[: int(len(scores) * given.keep_rate)])


def distances(picked: dict[str, np.ndarray], vectors: np.ndarray, examples: np.ndarray) -> dict[str, list[float]]:
    """The optimal transport distance of the examples from each selection, and from all with half of the weight on it.

    vectors: as `vectors_of` gives them; documents without one do not count.
    """
    valid = np.any(vectors, axis=1)
    place = np.cumsum(valid) - 1
    given = transport.costs(vectors[valid], examples)
    known = transport.sinkhorn(given, REGULARISATION, enough=ENOUGH).examples
    found = {}
    for method, rows in picked.items():
        mine = place[rows[valid[rows]]]
        masses = np.ones(len(given))
        masses[mine] += len(given) / len(mine)
        alone = transport.sinkhorn(given[mine], REGULARISATION, enough=ENOUGH).distance
        joined = transport.sinkhorn(given, REGULARISATION, masses, known, ENOUGH).distance
        found[method] = [alone, joined]
    return found


def vectors_of(pool: Pool) -> np.ndarray:
    """Unit vectors, float32 (n, d), 0 for documents without one."""
    table = curate.open(pool.corpus).table(["id", "embed"])
    column = table.take(pc.sort_indices(pc.cast(table["id"], pa.int64())))["embed"].combine_chunks()
    found = np.zeros((len(column), column.type.list_size), np.float32)
    valid = arrow.validity(column)
    found[valid] = arrow.vectors(column.drop_null())
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


def examples_of(pool: Pool, target: str) -> np.ndarray:
    """The vectors of the target's examples that `transport` compared with."""
    layer = pool.corpus / f"transport_{target.replace('-', '_')}"
    (model,) = layer.glob("*/model.parquet")
    return np.ascontiguousarray(arrow.vectors(pq.read_table(model)["vector"].combine_chunks()))


# --- what a model learns from it ------------------------------------------------------------------


def cut(rows: np.ndarray, tokens: int, pool: Pool, seed: int) -> list[str]:
    """The texts of documents in a random order up to so many tokens, the last one cut."""
    order = np.random.default_rng(seed).permutation(rows)
    ends = np.cumsum(pool.tokens[order])
    last = int(np.searchsorted(ends, tokens))
    texts = [pool.documents[row].text for row in order[:last]]
    if last < len(order):
        missing = tokens - int(ends[last - 1] if last else 0)
        text = pool.documents[order[last]].text
        texts.append(text[: round(len(text) * missing / int(pool.tokens[order[last]]))])
    return texts


def model_of(texts: list[str]) -> NgramModel:
    return estimate(count(pa.array(texts, pa.large_string()), order=ORDER, unit="words"))


def bits(model: NgramModel, texts: list[str]) -> float:
    """Bits per byte of all texts."""
    found = model.losses(pa.array(texts, pa.large_string()))
    return float(found.bits.sum() / found.bytes.sum())


def measure(given: argparse.Namespace, pool: Pool) -> Iterator[list[Row]]:
    """A row for each method, target by target."""
    everything = np.arange(len(pool.documents))
    whole = model_of([document.text for document in pool.documents])
    vectors = vectors_of(pool)
    for target in given.targets:
        chance = np.random.default_rng(given.seed)
        some = chance.choice(everything, int(len(everything) * given.keep_rate), replace=False)
        picked = {ALL: everything, RANDOM: np.sort(some)}
        picked |= {method: chosen(method, target, pool, given) for method in given.methods}
        far = distances(picked, vectors, examples_of(pool, target)) if "transport" in picked else {}
        yield judged(target, picked, pool, whole, far, given)


def judged(
    target: str,
    picked: dict[str, np.ndarray],
    pool: Pool,
    whole: NgramModel,
    far: dict[str, list[float]],
    given: argparse.Namespace,
) -> list[Row]:
    """The rows of one target."""
    held, equal = pool.held_out[target], min(int(pool.tokens[rows].sum()) for rows in picked.values())
    domain = next(document.domain for document in pool.documents if document.source == target)
    right, found = pool.domains == domain, []
    for method, rows in picked.items():
        every = method in (RANDOM, ALL)  # random anew for each order
        sets = [cut(np.arange(len(right)) if every else rows, equal, pool, seed) for seed in range(given.orders)]
        uncut = whole if method == ALL else model_of([pool.documents[row].text for row in rows])
        row = Row(
            target=target,
            method=method,
            documents=len(rows),
            tokens=int(pool.tokens[rows].sum()),
            precision=float(right[rows].mean()),
            found=float(right[rows].sum() / right.sum()),
            bits=[] if method == ALL else [bits(model_of(texts), held) for texts in sets],
            equal_tokens=equal,
            bits_uncut=bits(uncut, held),
            distances=far.get(method, []),
        )
        found.append(row)
    return found


# --- the table ------------------------------------------------------------------------------------


def show(rows: list[Row], pool: Pool, markdown: bool) -> None:
    """Print the table of one target."""
    by_name = {row.method: row for row in rows}
    base = statistics.mean(by_name[RANDOM].bits)
    target = rows[0].target
    uncut = ["all tokens kept", "bits per byte"]
    lines = [[target, "precision", "found", "bits per byte", "to random", *uncut, "distance", "joined"]]
    for row in rows:
        mean = statistics.mean(row.bits) if row.bits else None
        lines.append(
            [
                row.method,
                f"{row.precision:.1%}",
                f"{row.found:.1%}",
                "" if mean is None else f"{mean:.3f}",
                "" if mean is None else f"{mean / base - 1:+.1%}",
                f"{row.tokens:,}",
                f"{row.bits_uncut:.3f}",
                *(f"{value:.3f}" for value in row.distances or [float("nan")] * 2),
            ]
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        print(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells))
        if number == 0:
            rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            print(f"| {' | '.join(rule)} |" if markdown else "  ".join("-" * width for width in widths))
    print(
        f"\n{target}: {len(pool.given[target]):,} texts given, {len(pool.held_out[target]):,} held out; pool of "
        f"{len(pool.documents):,} documents; equal at {rows[0].equal_tokens:,} tokens\n",
        flush=True,
    )


def misses(rows: list[Row]) -> list[str]:
    """The methods that do not beat random on the bar's target."""
    mine = [row for row in rows if row.target == BAR_TARGET and row.bits]
    base = [statistics.mean(row.bits) for row in mine if row.method == RANDOM]
    return [row.method for row in mine if row.method != RANDOM and statistics.mean(row.bits) >= base[0]]


def main() -> None:
    """Measure, print, and tell by the exit status whether every method beat random."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="JSON Lines, Parquet, CSV, text, folders.")
    parser.add_argument("--targets", nargs="+", default=[BAR_TARGET, "speeches", "news-business"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--keep-rate", type=float, default=0.05, help="The share of the pool's documents to keep.")
    parser.add_argument("--share", type=float, default=1, help="The share of all documents to work with.")
    parser.add_argument("--orders", type=int, default=5, help="Random orders in which documents are cut.")
    parser.add_argument(
        "--work", type=Path, required=True, help="A folder for the corpus; what it has is not made anew."
    )
    parser.add_argument("--seed", type=int, default=0, help="Deals the documents out.")
    parser.add_argument("--markdown", action="store_true", help="Print the tables in Markdown.")
    parser.add_argument("--json", type=Path, help="A file for all that was measured.")
    given = parser.parse_args()
    pool, rows = build(given), []
    told = {"documents": len(pool.documents), "tokens": int(pool.tokens.sum()), "keep_rate": given.keep_rate}
    for some in measure(given, pool):
        rows += some
        show(some, pool, given.markdown)
        if given.json:
            given.json.write_text(json.dumps({**told, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    found = misses(rows)
    print(f"no better than random: {', '.join(found)}" if found else "every method beats random")
    raise SystemExit(int(bool(found)))


if __name__ == "__main__":
    main()
