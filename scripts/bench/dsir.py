"""DSIR compared with its authors' package, data-selection: the same weights, and how fast; and what theory asks of it.

Right: `curate dsir --unit document --normalise none` gives what the package gives when its hash is replaced by ours, to
1e-9 of each weight; with its own hash the ranks agree as well as those of two hashes of the package do. One of two
Markov sources with the same words equally often is recovered. The documents that Gumbel noise chooses are those of
sampling without replacement (chi-square over all sets of three).

Fast: the whole command as the other benches measure it, in bytes of text / (T(corpus) - T(a corpus of one document)),
one worker, all thread pools at one, alternating with the floor; the weights alone, with reading the text from Parquet,
against the package's `compute_importance_weights`, both in time of one core.

    /tmp/peers/bin/pip install data-selection
    python scripts/bench/dsir.py --peers /tmp/peers/bin/python --target grade_school.jsonl.zst --data \\
        manuals.jsonl.zst reviews.parquet speeches/
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import bench
import commands
import floor
import material
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import stats

import curate
from curate.algorithms import dsir, mix
from curate.algorithms.normalise import normalise

HERE = Path(__file__).parent
BAR_RELATIVE = 1e-9
BAR_BELOW_SALT = 0.01
BAR_PEER = 60.0
BAR_FLOOR = 12.0
BAR_CHANCE = 0.001


# --- right ----------------------------------------------------------------------------------------


def ask_peer(texts: list[str], target: list[str], python: Path, folder: Path) -> dict[str, np.ndarray]:
    """The package's weights by hash, and `seconds`: fit, weigh."""
    folder.mkdir()
    for name, given in {"pool": texts, "target": target}.items():
        lines = (json.dumps({"text": text}) + "\n" for text in given)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    command = [str(python), str(HERE / "dsir_peer.py"), str(folder)]
    subprocess.run(command, check=True, env=environment, stderr=subprocess.DEVNULL)
    return {name: np.load(folder / f"{name}.npy") for name in ("ours", "own", "salted")}


def our_weights(texts: list[str], target: list[str], folder: Path) -> np.ndarray:
    """Those of the command, in the order of the texts."""
    folder.mkdir()
    for name, given in {"pool": texts, "target": target}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in given))
    corpus = folder / "corpus"
    commands.curate("ingest", folder / "pool.jsonl", "--to", corpus)
    commands.curate("dsir", corpus, "--target", folder / "target.jsonl", "--unit", "document", "--normalise", "none")
    rows = [row for batch in curate.open(str(corpus)).scan(["text", "dsir"]) for row in batch.to_pylist()]
    if [row["text"] for row in rows] != texts:
        raise SystemExit("the corpus is not the texts that went in")
    return np.array([row["dsir"] or 0.0 for row in rows])


def show_right(texts: list[str], target: list[str], given: argparse.Namespace, folder: Path) -> float:
    """Print how well weights agree; gives the package's bytes a second when it weighs."""
    found = our_weights(texts, target, folder / "ours")
    theirs = ask_peer(texts, target, given.peers, folder / "theirs")
    seconds = json.loads((folder / "theirs" / "seconds.json").read_text())
    print(f"{len(texts):,} documents, {_size(texts) / 1e6:.1f} MB; data-selection {seconds['version']}")
    apart = np.abs(found - theirs["ours"]) / np.maximum(np.abs(theirs["ours"]), np.finfo(float).tiny)
    apart[found == theirs["ours"]] = 0
    _say("the same hash: greatest relative difference", f"{apart.max():.1e}", apart.max() <= BAR_RELATIVE)
    salts = _rank_correlation(theirs["own"], theirs["salted"])
    agreed = _rank_correlation(found, theirs["own"])
    _say(f"its own hash: Spearman (its two hashes: {salts:.4f})", f"{agreed:.4f}", agreed >= salts - BAR_BELOW_SALT)
    rates = {name: _size(texts) / 1e6 / seconds[name] for name in ("fit", "weigh")}
    print(f"data-selection on one core: fits {rates['fit']:.2f} MB/s, weighs {rates['weigh']:.2f} MB/s")
    return rates["weigh"] * 1e6


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(stats.rankdata(one), stats.rankdata(other))[0, 1])


def markov(seed: int, documents: int, step: int) -> list[str]:
    """Texts over twenty words, each of which is followed half the time by the one `step` further."""
    draw, texts = random.Random(seed), []
    for _ in range(documents):
        word, words = draw.randrange(20), []
        for _ in range(draw.randrange(30, 300)):
            words.append(f"word{word}")
            word = (word + step) % 20 if draw.random() < 0.5 else draw.randrange(20)
        texts.append(" ".join(words))
    return texts


def show_sources() -> None:
    """Print how many of the source wanted a sample without replacement by the weights has."""
    wanted, other = markov(1, 500, 1), markov(2, 1500, 7)
    model = dsir.log_ratios(_counts(markov(3, 300, 1)), _counts(wanted + other))
    weights = dsir.weights(pa.array(wanted + other, pa.large_string()), model["log_ratio"].to_numpy()).to_numpy()
    keys = mix.choice_keys(mix.document_hashes(_named(len(weights)), 0), weights, 1.0)
    chosen = np.argsort(~keys, kind="stable")[: len(wanted)]
    share = float(np.mean(chosen < len(wanted)))
    _say("two Markov sources: of those drawn, from the one wanted", f"{share:.1%}", share >= 0.99)


def _counts(texts: list[str]) -> np.ndarray:
    out = np.zeros(10_000, dtype=np.int64)
    dsir.add_counts(pa.array(texts, pa.large_string()), out)
    return out


def _named(count: int) -> pa.Table:
    return pa.table({"id": [str(i) for i in range(count)], "corpus": pa.array(["c"] * count).dictionary_encode()})


def show_sampling(seeds: int) -> None:
    """Print the chi-square test of which three of six documents are drawn, over seeds."""
    weights = np.array([0.0, 1.0, -1.0, 0.5, 2.0, -0.5])
    chance: dict[tuple[int, ...], float] = defaultdict(float)
    for order in itertools.permutations(range(6), 3):
        left, value = np.exp(weights), 1.0
        for i in order:
            value *= left[i] / left.sum()
            left[i] = 0
        chance[tuple(sorted(order))] += value
    table, drawn = _named(6), Counter()
    for seed in range(seeds):
        keys = mix.choice_keys(mix.document_hashes(table, seed), weights, 1.0)
        drawn[tuple(sorted(np.argsort(~keys)[:3].tolist()))] += 1
    expected = np.array([chance[each] for each in chance]) * seeds
    found = stats.chisquare([drawn[each] for each in chance], expected * seeds / expected.sum())
    said = f"{found.statistic:.1f}, p = {found.pvalue:.3f}"
    _say(f"Gumbel: chi-square over the {len(chance)} sets, {seeds:,} seeds", said, found.pvalue >= BAR_CHANCE)


# --- fast -----------------------------------------------------------------------------------------


def weighing_rate(path: Path, size: int, runs: int) -> float:
    """Bytes a second of one core to read the floor's file and weigh its documents."""
    model = np.linspace(-2, 2, 10_000)
    seconds = []
    pa.set_cpu_count(1)
    for _ in range(runs + 1):  # the first compiles
        begun = time.process_time()
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                dsir.weights(file.read_row_group(group, columns=["text"], use_threads=False)["text"], model)
        seconds.append(time.process_time() - begun)
    return size / statistics.median(seconds[1:])


def show_fast(texts: list[str], target: list[str], peer: float, given: argparse.Namespace, folder: Path) -> None:
    """Print rates and ratios."""
    documents, said = material.enough(texts, int(given.megabytes * 1e6), given.seed)
    print(f"speed on {said}")
    full = bench.Corpus(folder / "full", material.write(documents, folder / "full" / "sources"))
    middle = sorted(documents, key=len)[len(documents) // 2]
    one = bench.Corpus(folder / "one", material.write([middle], folder / "one" / "sources"))
    wanted = material.write(target, folder / "wanted")
    size = floor.write(documents, folder / "floor.parquet")
    for corpus in (one, full):
        bench.timed("ingest", corpus, wanted)
        bench.timed("dsir", corpus, wanted)
    floors, seconds = [], []
    for _ in range(given.runs):
        floors.append(floor.read(folder / "floor.parquet"))
        alone = bench.timed("dsir", one, wanted)
        seconds.append(bench.timed("dsir", full, wanted) - alone)
    read, rate = size / statistics.median(floors), size / statistics.median(seconds)
    weighing = weighing_rate(folder / "floor.parquet", size, given.runs)
    print(
        f"floor {read / 1e6:.0f} MB/s; curate dsir {rate / 1e6:.1f} MB/s, the weights alone {weighing / 1e6:.0f} MB/s"
    )
    _say("the whole command: times the floor", f"{read / rate:.1f}", read / rate <= BAR_FLOOR)
    _say("the weights: times the package's", f"{weighing / peer:.0f}", weighing / peer >= BAR_PEER)
    print(f"the whole command is {rate / peer:.0f} x the package's weights alone")


def _say(what: str, value: str, reached: bool) -> None:
    print(f"{what:72} {value:>20}  {'ok' if reached else 'MISSED'}")


def _size(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="JSON Lines, Parquet or text files.")
    parser.add_argument("--target", nargs="+", type=Path, required=True, help="The same, for the target.")
    parser.add_argument("--peers", type=Path, required=True, help="The Python of the environment with data-selection.")
    parser.add_argument("--documents", type=int, default=6000, help="So many of the data, at random, are compared.")
    parser.add_argument("--seeds", type=int, default=20_000, help="Draws for the chi-square test.")
    parser.add_argument("--runs", type=int, default=3, help="Timed runs; 0 leaves speed out.")
    parser.add_argument("--megabytes", type=float, default=100, help="Least text to measure speed with.")
    parser.add_argument("--seed", type=int, default=0, help="Draws the documents.")
    given = parser.parse_args()
    texts, target = (
        normalise(pa.array([text for path in paths for text in material.texts(path)], pa.large_string()))[0].to_pylist()
        for paths in (given.data, given.target)
    )
    random.Random(given.seed).shuffle(texts)
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as name:
        peer = show_right(texts[: given.documents], target, given, Path(name))
        show_sources()
        show_sampling(given.seeds)
        if given.runs:
            show_fast(texts, target, peer, given, Path(name))


if __name__ == "__main__":
    main()
