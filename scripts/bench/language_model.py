"""The n-gram language model against KenLM: held-out cross-entropy, time to train, and speed of scoring.

Both are given the same texts, cut into the same tokens, and the same order: KenLM one text a line, its tokens as
numbers with spaces between, so that it has the same vocabulary. Cross-entropy is over the held-out tokens that are in
the vocabulary, ends of texts included. Training is from text (ours cuts it into tokens first, KenLM is given the
tokens) to a file to score with; `build_binary` makes KenLM's default, its fastest. Scoring is KenLM's `score` called
from Python for every text, and `losses` over an Arrow array of the texts, from text; one core each, in turn, the best
of several.

    apt install cmake libboost-program-options-dev libboost-thread-dev libboost-system-dev libboost-test-dev
    pip download --no-binary :all: --no-deps kenlm && tar xf kenlm-*.tar.gz
    cmake -S kenlm-*/ -B build && make -C build
    python scripts/bench/language_model.py --data shared/*.jsonl.zst shared/speeches --kenlm build/bin \\
        --peers PEERS/bin/python --work /tmp/language-model
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import material
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curate.algorithms import ngram_tokens
from curate.algorithms.ngram_model import NgramModel, count, estimate

BAR_ENTROPY, BAR_TRAINING, BAR_SCORING = 1.01, 1.0, 1.0
LONGEST, HELD_OUT, ROUNDS = 4000, 0.05, 5
SCORER = """
import json, sys, time
import kenlm
model = kenlm.Model(sys.argv[1])
lines = [line.rstrip("\\n") for line in open(sys.argv[2])]
if sys.argv[3] == "costs":
    print(json.dumps([[-cost, unknown] for line in lines for cost, _, unknown in model.full_scores(line)]))
else:
    for line in lines:
        model.score(line)
    start = time.process_time()
    for line in lines:
        model.score(line)
    print(time.process_time() - start)
"""


def prepare(paths: list[Path], size: int, unit: ngram_tokens.Unit, work: Path) -> str:
    """Write the texts to train on and those held out, for us and for KenLM; gives what was done to get them."""
    found = [text for path in paths for text in material.texts(path)]
    pieces = [text[at : at + LONGEST] for text in found for at in range(0, len(text), LONGEST)]
    random.Random(0).shuffle(pieces)
    held_out = pieces[: int(len(pieces) * HELD_OUT)]
    train, said = material.enough(pieces[len(held_out) :], size, 0)
    work.mkdir(parents=True)
    for name, texts in (("train", train), ("held", held_out)):
        array = pa.array(texts, pa.large_string())
        pq.write_table(pa.table({"text": array}), work / f"{name}.parquet")
        with open(work / f"{name}.txt", "w") as file:
            for _, read in ngram_tokens.read(array, unit, None, 1, 1 << 22):
                names = list(map("%x".__mod__, (read.hashes >> np.uint64(16)).tolist()))
                for start, end in zip(read.offsets[:-1], read.offsets[1:]):
                    file.write(" ".join(names[start : end - 1]) + "\n")
    (work / "said.txt").write_text(said)
    return said


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of a processor, this process's and its children's."""

    def used() -> float:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(each.ru_utime + each.ru_stime for each in both)

    wall, processor = time.perf_counter(), used()
    work()
    return time.perf_counter() - wall, used() - processor


def train_ours(texts: pa.Array, order: int, unit: ngram_tokens.Unit, path: Path) -> None:
    """From texts to a file."""
    estimate(count(texts, order=order, unit=unit)).save(path)


def train_kenlm(tools: Path, order: int, work: Path) -> None:
    """From tokens to a file."""
    given = ["--text", work / "train.txt", "--arpa", work / "kenlm.arpa", "-S", "50%", "-T", work]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([tools / "lmplz", "-o", str(order), "--discount_fallback", *given], **quiet)
    subprocess.run([tools / "build_binary", work / "kenlm.arpa", work / "kenlm.bin"], **quiet)


def kenlm_says(peers: Path, work: Path, what: str) -> object:
    """What SCORER prints."""
    command = [peers, "-c", SCORER, work / "kenlm.bin", work / "held.txt", what]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def compare_costs(model: NgramModel, held_out: pa.Array, costs: np.ndarray) -> tuple[float, float, float]:
    """Bits a token in KenLM's vocabulary, ours and KenLM's, and the share of tokens that are not in it."""
    unknown = costs[:, 1] > 0
    losses = model.losses(held_out)
    assert losses.tokens.sum() == len(costs) and losses.unknown_tokens.sum() == unknown.sum()
    known = (losses.bits - losses.unknown_bits).sum() / (~unknown).sum()
    return known, costs[~unknown, 0].mean() / np.log10(2), unknown.mean()


def compare_speeds(model: NgramModel, held_out: pa.Array, peers: Path, work: Path) -> tuple[float, float]:
    """Seconds to score the held-out texts, ours and KenLM's: the best of several, in turn."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        model.losses(held_out)
        ours.append(time.process_time() - start)
        theirs.append(float(str(kenlm_says(peers, work, "speed"))))
    return min(ours), min(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--kenlm", type=Path, required=True, help="the folder of lmplz and build_binary")
    parser.add_argument("--peers", type=Path, required=True, help="a Python that has kenlm")
    parser.add_argument("--work", type=Path, required=True, help="a folder for texts and models; prepared once")
    parser.add_argument("--unit", choices=["bytes", "words"], default="words")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--size", type=int, default=100_000_000, help="bytes to train on")
    parser.add_argument("--only-prepare", action="store_true")
    given = parser.parse_args()
    work = given.work / given.unit
    said = work / "said.txt"
    print(said.read_text() if said.exists() else prepare(given.data, given.size, given.unit, work))
    if given.only_prepare:
        return
    train, held_out = (pq.read_table(work / f"{name}.parquet")["text"].combine_chunks() for name in ("train", "held"))
    train_ours(train.slice(0, 20), given.order, given.unit, work / "warm")
    NgramModel.load(work / "warm").losses(held_out.slice(0, 20))
    ours = timed(lambda: train_ours(train, given.order, given.unit, work / "ours"))
    theirs = timed(lambda: train_kenlm(given.kenlm, given.order, work))
    model = NgramModel.load(work / "ours")
    costs = np.array(kenlm_says(given.peers, work, "costs"), dtype=np.float64)
    known, kenlm_known, unknown = compare_costs(model, held_out, costs)
    speed, kenlm_speed = compare_speeds(model, held_out, given.peers, work)
    sizes = [os.path.getsize(work / name) / 1e6 for name in ("ours", "kenlm.bin")]
    held_bytes, bits = held_out.nbytes / 1e6, model.losses(held_out)
    print(f"order {given.order}, {given.unit}; trained on {train.nbytes / 1e6:.0f} MB, {held_bytes:.1f} MB held out,")
    print(f"{unknown:.2%} of its tokens unknown; all of it, {bits.bits.sum() / bits.bytes.sum():.4f} bits a byte\n")
    print("| | curate | KenLM | ratio | bar |\n| --- | ---: | ---: | ---: | --- |")
    print(f"| bits a known token | {known:.4f} | {kenlm_known:.4f} | {known / kenlm_known:.4f} | ≤ {BAR_ENTROPY} |")
    print(f"| seconds to train | {ours[0]:.1f} | {theirs[0]:.1f} | {ours[0] / theirs[0]:.2f} | ≤ {BAR_TRAINING} |")
    print(f"| of a processor | {ours[1]:.1f} | {theirs[1]:.1f} | {ours[1] / theirs[1]:.2f} | |")
    rates = held_bytes / speed, held_bytes / kenlm_speed
    print(f"| MB/s scored | {rates[0]:.1f} | {rates[1]:.1f} | {rates[0] / rates[1]:.2f} | ≥ {BAR_SCORING} |")
    print(f"| MB of the model | {sizes[0]:.0f} | {sizes[1]:.0f} | {sizes[0] / sizes[1]:.2f} | |")
    passed = known / kenlm_known <= BAR_ENTROPY and ours[0] <= theirs[0] and rates[0] >= rates[1]
    raise SystemExit(0 if passed else "a bar is missed")


if __name__ == "__main__":
    main()
