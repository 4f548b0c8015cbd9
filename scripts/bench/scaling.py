"""How deduplication grows: planted corpora of several sizes, by one worker and by more.

Each size is written (`planted.py`) and ingested once, and kept in the folder. The time is that of the whole command,
by itself; memory is sampled in another run (PSS), and a worker's is put to the step whose task it ran at the time. The
last table is the most that a worker held in each step, and by how many bytes it grew for each document more; 0 is a
step too short for a sample.

    python scripts/bench/scaling.py --documents 1000000,4000000 --workers 1,2 --folder /tmp/scaling
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import bench
import commands
import planted

from curate.runtime.executors.base import ENVIRONMENT
from curate.storage.corpus import Corpus

FLAT = 1.2
EVERY = 0.1


@dataclass
class Grown:
    """One size by one number of workers.

    steps: the most bytes that one worker held in each step. busy: the seconds of all tasks of a step together.
    """

    documents: int
    text_bytes: int
    workers: int
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    @property
    def microseconds(self) -> float:
        """Of the whole command, for each document."""
        return statistics.median(self.seconds) / self.documents * 1e6


def prepared(folder: Path, documents: int, seed: int) -> Corpus:
    """A corpus of so many documents, made if it is not there."""
    corpus = Corpus(folder / f"{documents}")
    if corpus.manifest("documents") is None:
        raw = folder / f"{documents}-raw"
        shutil.rmtree(raw, ignore_errors=True)
        planted.write(raw, documents, seed=seed)
        lifted = [part for name in planted.COLUMNS for part in ("--column", name)]
        commands.curate("ingest", raw, "--to", corpus.path, "--id-field", "id", *lifted, "--quiet", every=1.0)
        shutil.rmtree(raw)
    return corpus


def command(corpus: Corpus, workers: int, more: list[str]) -> list[str]:
    """A deduplication from the beginning."""
    shutil.rmtree(corpus.folder("dedup"), ignore_errors=True)
    return [str(bench.CURATE), "dedup", str(corpus.path), "--workers", str(workers), "--quiet", *more]


def timed(words: list[str]) -> float:
    """Seconds of a command by itself."""
    begun = time.perf_counter()
    subprocess.run(words, env={**os.environ, **ENVIRONMENT}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def sampled(words: list[str]) -> list[tuple[float, dict[int, int]]]:
    """When, and what each process of a command held then."""
    samples = []
    with subprocess.Popen(words, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            held = {each: bench.proportional_bytes(each) for each in bench.tree(process.pid)}
            samples.append((time.time(), held))
            time.sleep(EVERY)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with status {process.returncode}")
    return samples


def measure(corpus: Corpus, workers: int, runs: int, more: list[str]) -> Grown:
    """Time and memory of one size by one number of workers."""
    documents = corpus.documents()
    grown = Grown(documents.rows, sum(entry.bytes for entry in documents.shards), workers)
    grown.seconds = [timed(command(corpus, workers, more)) for _ in range(runs)]
    samples = sampled(command(corpus, workers, more))
    grown.peak_bytes = max(sum(held.values()) for _, held in samples)
    record = corpus.current("dedup").record("tasks.jsonl")
    for line in record.read_text().splitlines():
        task = json.loads(line)
        step = task["task"].rpartition(" ")[0]
        began = task["ended"] - task["seconds"]
        found = [held.get(task["process"], 0) for at, held in samples if began <= at <= task["ended"]]
        grown.steps[step] = max([grown.steps.get(step, 0), *found])
        grown.busy[step] = grown.busy.get(step, 0.0) + task["seconds"]
    return grown


def show(found: list[Grown]) -> list[str]:
    """Print the tables; gives what is not flat."""
    print(f"{'documents':>11}{'MB':>9}{'workers':>9}{'s':>9}{'us/document':>13}{'MB/s a core':>13}{'peak MiB':>10}")
    for grown in found:
        seconds, megabytes = statistics.median(grown.seconds), grown.text_bytes / 1e6
        print(
            f"{grown.documents:>11,}{megabytes:>9,.0f}{grown.workers:>9}{seconds:>9.1f}{grown.microseconds:>13.2f}"
            f"{megabytes / seconds / grown.workers:>13.1f}{grown.peak_bytes / 2**20:>10.0f}"
        )
    wrong = []
    for workers in dict.fromkeys(grown.workers for grown in found):
        sizes = sorted((grown for grown in found if grown.workers == workers), key=lambda grown: grown.documents)
        wrong += _steps(sizes)
    return wrong


def _steps(sizes: list[Grown]) -> list[str]:
    smallest, largest = sizes[0], sizes[-1]
    more = max(1, largest.documents - smallest.documents)
    print(f"\nMiB of the largest worker, and seconds of all; workers: {smallest.workers}")
    print(f"{'step':16}" + "".join(f"{grown.documents:>13,}{'s':>9}" for grown in sizes) + f"{'bytes/document':>16}")
    wrong = []
    for step, held in largest.steps.items():
        cells = [f"{grown.steps.get(step, 0) / 2**20:>13.0f}{grown.busy.get(step, 0):>9.1f}" for grown in sizes]
        before = smallest.steps.get(step, 0)
        print(f"{step:16}{''.join(cells)}" + (f"{(held - before) / more:>16.1f}" if before and held else ""))
    times = largest.microseconds / smallest.microseconds
    wrong += [f"time a document grew {times:.2f} times by {smallest.workers} workers"] if times > FLAT else []
    times = max(largest.steps.values()) / max(smallest.steps.values())
    wrong += [f"a worker's memory grew {times:.2f} times with {smallest.workers} workers"] if times > FLAT else []
    return wrong


def numbers(text: str) -> list[int]:
    """Numbers between commas."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Prepare, measure and print; the status says whether it was flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=numbers, default=[1_000_000, 4_000_000], help="Sizes, with commas.")
    parser.add_argument("--workers", type=numbers, default=[1, 2], help="Numbers of workers, with commas.")
    parser.add_argument("--folder", type=Path, required=True, help="Where the corpora are, or will be kept.")
    parser.add_argument("--runs", type=int, default=1, help="Timed runs of each; the median counts.")
    parser.add_argument("--seed", type=int, default=0, help="Of the corpora.")
    parser.add_argument("--prepare", action="store_true", help="Only make the corpora.")
    parser.add_argument("--json", type=Path, help="A file for all that was measured.")
    parser.add_argument("more", nargs="*", help="After --, more options of `curate dedup`.")
    given = parser.parse_args()
    corpora = [prepared(given.folder, documents, given.seed) for documents in given.documents]
    if given.prepare:
        return
    timed(command(corpora[0], 1, given.more))  # compiles what it needs
    found = [measure(corpus, workers, given.runs, given.more) for workers in given.workers for corpus in corpora]
    wrong = show(found)
    if given.json:
        given.json.write_text(json.dumps([vars(grown) for grown in found], indent=1) + "\n")
    print("; ".join(wrong) or "flat")
    raise SystemExit(int(bool(wrong)))


if __name__ == "__main__":
    main()
