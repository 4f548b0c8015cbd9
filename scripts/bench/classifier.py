"""Whether `curate fasttext` gives what the fastText library gives, and how fast, on models that it trains here.

Four kinds of models: word bigrams and softmax (as quality classifiers are), the same with the library's own 2,000,000
buckets of 100 numbers (800 MB, as DCLM's), character n-grams and hierarchical softmax (as lid.176), one against all.
Both are given the same lines in batches, alternating, and the fastest of some runs counts.

    python scripts/bench/classifier.py --data DATA --megabytes 30
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import material
import numpy as np
import pyarrow as pa

from curate.algorithms import fasttext_model, fasttext_train

BAR_SPEED, BAR_DIFFERENCE = 0.95, 1e-6
FILES = ("powershell.jsonl.zst", "reviews.parquet", "manuals.jsonl.zst", "speeches")
MODELS = {
    "bigrams": {"dim": 64, "bucket": 200_000, "wordNgrams": 2, "minCount": 3},
    "bigrams 800 MB": {"dim": 100, "bucket": 2_000_000, "wordNgrams": 2, "epoch": 1},
    "characters": {"dim": 16, "bucket": 2_000_000, "minn": 2, "maxn": 4, "loss": "hs", "epoch": 1},
    "one against all": {"dim": 64, "bucket": 200_000, "wordNgrams": 2, "loss": "ova", "lr": 0.05},
}


def texts(data: Path, size: int) -> tuple[list[str], list[str]]:
    """Lines to train on, labelled by file, and others to score, of at most `size` bytes each."""
    train, score = [], []
    for number, name in enumerate(FILES):
        found = [text.replace("\n", " ") for text in material.texts(data / name)]
        random.Random(number).shuffle(found)
        half = len(found) // 2
        train += [f"__label__{name.split('.')[0]} {text[:5000]}" for text in found[:half]]
        score += found[half:]
    random.Random(9).shuffle(train)
    random.Random(9).shuffle(score)
    return _most(train, size), _most(score, size)


def _most(lines: list[str], size: int) -> list[str]:
    ends = np.cumsum([len(line.encode()) for line in lines])
    return lines[: int(np.searchsorted(ends, size, side="right"))]


def by_the_library(model: Any, lines: list[str], labels: list[str]) -> tuple[float, np.ndarray]:
    """Seconds, and the probability of each label of each line."""
    out = np.zeros((len(lines), len(labels)), dtype=np.float32)
    ended = [line + "\n" for line in lines]
    start = time.perf_counter()
    found = model.f.multilinePredict(ended, len(labels), 0.0, "strict")
    seconds = time.perf_counter() - start
    for row, names, values in zip(out, *found, strict=True):
        row[[labels.index(name) for name in names]] = values
    return seconds, out


def timed(function: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Seconds, and what the function gives."""
    start = time.perf_counter()
    found = function()
    return time.perf_counter() - start, found


def compared(path: str, lines: list[str], runs: int) -> tuple[float, float, float]:
    """The largest difference, how many times as fast as the library, and megabytes a second."""
    import fasttext

    model, loaded = fasttext.load_model(path), fasttext_model.opened(path)
    array = pa.array(lines, pa.large_string())
    some = list(fasttext_model.runs(array, len(loaded.labels)))
    fasttext_model.probabilities(loaded, array.slice(0, 1))
    ours, theirs = [], []
    found = expected = np.empty(0)
    for _ in range(runs):
        seconds, found = timed(lambda: np.concatenate([fasttext_model.probabilities(loaded, run) for run in some]))
        ours.append(seconds)
        seconds, expected = by_the_library(model, lines, loaded.labels)
        theirs.append(seconds)
    size = sum(len(line.encode()) for line in lines) / 1e6
    return float(np.abs(found - expected).max()), min(theirs) / min(ours), size / min(ours)


def main() -> None:
    """Print a line for each model; exit 1 when a bar is missed."""
    import fasttext

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=30)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    given = parser.parse_args()
    train, score = texts(given.data, int(given.megabytes * 1e6))
    missed = False
    print(f"{len(score):,} texts scored; fastText with NumPy {np.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "train.txt"
        lines.write_text("".join(line + "\n" for line in train))
        for name in given.models:
            path = str(Path(folder) / "model.bin")
            with fasttext_train.zeroed_memory():
                fasttext.train_supervised(str(lines), thread=1, verbose=0, **MODELS[name]).save_model(path)
            difference, ratio, speed = compared(path, score, given.runs)
            bad = difference > BAR_DIFFERENCE or ratio < BAR_SPEED
            missed |= bad
            print(
                f"{name:16} largest difference {difference:.1e}, {ratio:.2f} times as fast as the library, "
                f"{speed:.1f} MB/s{'  MISSED' if bad else ''}",
                flush=True,
            )
    sys.exit(missed)


if __name__ == "__main__":
    main()
