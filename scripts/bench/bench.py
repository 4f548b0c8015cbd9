"""How fast the stages are, against the floor of the same run.

Throughput = bytes of text / (T(corpus) - T(a corpus of one document)): whole commands, one worker, all thread pools
at one, kernels cached, the median of alternating runs. Memory = the most that all processes of a command held
together at one time (PSS), in a run of its own that is not timed.

    python scripts/bench/bench.py --data DATA/*.jsonl.zst --stages ingest,dedup,dsir,embed --runs 5
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import floor
import material

from curate.runtime.executors.base import ENVIRONMENT

BARS = {"ingest": 20, "dedup": 20, "dsir": 12, "embed": 50}  # times the floor
BAR_ONE_SECONDS = 1.5
BAR_MEMORY = 1 << 30
SAMPLE_SECONDS = 0.02
CURATE = Path(sys.executable).with_name("curate")


@dataclass
class Corpus:
    """Source files, the corpus made of them, and how long each stage took on it."""

    folder: Path
    sources: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "corpus"


@dataclass
class Row:
    """One line of the result."""

    stage: str
    seconds: float
    one_seconds: float
    megabytes_per_second: float
    times_floor: float
    peak_bytes: int

    def misses(self) -> list[str]:
        """Which bars it misses."""
        bar = BARS.get(self.stage)
        found = [f"> {bar}x floor"] if bar and self.times_floor > bar else []
        found += [f"one > {BAR_ONE_SECONDS} s"] if self.one_seconds > BAR_ONE_SECONDS else []
        return found + (["> 1 GiB"] if self.peak_bytes > BAR_MEMORY else [])


def command(stage: str, corpus: Corpus, target: Path) -> list[str]:
    """The command of one stage."""
    if stage == "ingest":
        words = [stage, str(corpus.sources), "--to", str(corpus.path)]
    else:
        words = [stage, str(corpus.path), *(["--target", str(target)] if stage == "dsir" else [])]
    return [str(CURATE), *words, "--workers", "1", "--quiet"]


def run(stage: str, corpus: Corpus, target: Path) -> subprocess.Popen:
    """Start a stage anew, what it made before being away."""
    made = corpus.path if stage == "ingest" else corpus.path / stage
    shutil.rmtree(made, ignore_errors=True)
    return subprocess.Popen(
        command(stage, corpus, target),
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def timed(stage: str, corpus: Corpus, target: Path) -> float:
    """Seconds of a command. Ends the bench when it fails."""
    begun = time.perf_counter()
    with run(stage, corpus, target) as process:
        _, errors = process.communicate()
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"curate {stage} failed with status {process.returncode}:\n{errors}")
    return seconds


def peak(stage: str, corpus: Corpus, target: Path) -> int:
    """The most bytes that all processes of a command hold together."""
    most = 0
    with run(stage, corpus, target) as process:
        drained = threading.Thread(target=process.communicate)
        drained.start()
        while drained.is_alive():
            most = max(most, sum(map(proportional_bytes, tree(process.pid))))
            drained.join(SAMPLE_SECONDS)
    return most


def children(process: int) -> list[int]:
    """The processes right below one."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def tree(process: int) -> list[int]:
    """A process and all below it."""
    return [process, *(below for child in children(process) for below in tree(child))]


def proportional_bytes(process: int) -> int:
    """A process's memory, shared pages divided among those who share them."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def build(given: argparse.Namespace, folder: Path) -> tuple[Corpus, Corpus, Path, Path, int]:
    """The large corpus, that of one document, the target of dsir, the floor's file, and bytes of text."""
    found = [text for path in given.data for text in material.texts(path)]
    documents, said = material.enough(found, int(given.megabytes * 1e6), given.seed)
    print(f"material: {said}; seed {given.seed}")
    middle = sorted(documents, key=len)[len(documents) // 2]
    full = Corpus(folder / "full", material.write(documents, folder / "full" / "sources"))
    one = Corpus(folder / "one", material.write([middle], folder / "one" / "sources"))
    material.write(documents[:1000], folder / "target")
    size = floor.write(documents, folder / "floor.parquet")
    return full, one, folder / "target", folder / "floor.parquet", size


def measure(given: argparse.Namespace, folder: Path) -> tuple[list[Row], float, int]:
    """A row for each stage, the floor in bytes a second, and bytes of text."""
    full, one, target, path, size = build(given, folder)
    peaks = {}
    for stage in dict.fromkeys(["ingest", *given.stages]):
        timed(stage, one, target)  # fills the kernel cache
        peaks[stage] = peak(stage, full, target)
    floors = []
    for _ in range(given.runs):
        floors.append(floor.read(path))
        for stage in given.stages:
            for corpus in (one, full):
                corpus.seconds.setdefault(stage, []).append(timed(stage, corpus, target))
    speed = size / statistics.median(floors)
    rows = []
    for stage in given.stages:
        alone = statistics.median(one.seconds[stage])
        rate = size / (statistics.median(full.seconds[stage]) - alone)
        rows.append(Row(stage, size / rate, alone, rate / 1e6, speed / rate, peaks[stage]))
    return rows, speed, size


def show(rows: list[Row], speed: float, size: int) -> None:
    """Print the table."""
    print(f"text: {size / 1e6:.1f} MB; floor: {speed / 1e9:.2f} GB/s ({size / speed:.3f} s)")
    print(f"{'stage':10}{'seconds':>9}{'MB/s':>9}{'x floor':>9}{'bar':>6}{'one doc s':>11}{'peak MiB':>10}")
    for row in rows:
        print(
            f"{row.stage:10}{row.seconds:9.2f}{row.megabytes_per_second:9.1f}{row.times_floor:9.1f}"
            f"{BARS.get(row.stage, ''):>6}{row.one_seconds:11.2f}{row.peak_bytes / 2**20:10.0f}"
            f"  {', '.join(row.misses()) or 'ok'}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="JSON Lines, Parquet or text files.")
    parser.add_argument("--stages", type=lambda text: text.split(","), default=list(BARS), help="With commas.")
    parser.add_argument("--runs", type=int, default=5, help="Timed runs of each stage on each corpus.")
    parser.add_argument("--megabytes", type=float, default=100, help="Least text to measure with.")
    parser.add_argument("--seed", type=int, default=0, help="Decides the order of documents and the varied copies.")
    parser.add_argument("--json", action="store_true", help="Print the rows as JSON too.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as folder:
        rows, speed, size = measure(given, Path(folder))
    show(rows, speed, size)
    if given.json:
        print(json.dumps([vars(row) for row in rows]))


if __name__ == "__main__":
    main()
