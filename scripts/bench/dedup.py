"""Deduplication compared with that of other tools: speed, memory, and what is removed against exact truth.

All work on the same texts, alternating in one run. Ours is `curate dedup` on a corpus ingested from the file, the whole
command with verification: bytes of text / (T(corpus) - T(a corpus of one document)), one worker, all thread pools at
one. The others run by `peers.py`, where their clock leaves out imports, and reading too unless they read files
themselves. Slow tools run once, the slowest (below 3 MB/s) on the first documents only, as many as --slow-megabytes;
throughput is what is compared. Memory is the most that all processes of a command held together (PSS).

Truth is exact: Jaccard similarity of at least 0.8 on sets of word 5-grams (`truth.py`). What a tool removes without a
true duplicate being kept is text lost; copies left are documents kept beside a true duplicate that is kept too.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install datatrove fsspec==2025.3.0 spacy tokenizers nltk regex 'xxhash<4' rensa datasketch \\
        text-dedup
    python scripts/bench/dedup.py --data shared/*.jsonl.zst --peers /tmp/peers/bin/python --markdown
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import bench
import commands
import floor
import material
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import truth

import curate
from curate.kernels import arrow

OURS = "curate dedup"
PEERS = {
    "rensa": ("full", 3),
    "rensa batch": ("full", 3),
    "rensa matrix": ("full", 3),
    "rensa rho": ("full", 3),
    "datasketch": ("full", 1),
    "text-dedup": ("slow", 1),
    "datatrove": ("slow", 1),
}
"""What each works on, and how often."""
VERDICT = ("removed", "exact would", "without a copy kept", "copies left")
BARS = {"datatrove": 200.0, "rensa": 4.0}
BAR_FLOOR = 12.0
ROW_GROUP = 500
HERE = Path(__file__).parent


@dataclass
class Row:
    """What one tool did."""

    tool: str
    text_bytes: int
    seconds: list[float] = field(default_factory=list)
    one_seconds: list[float] = field(default_factory=list)
    lists_seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    version: str = ""
    note: str = ""
    verdict: truth.Verdict | None = None

    @property
    def net_seconds(self) -> float:
        """The median, less that of a corpus of one document."""
        return statistics.median(self.seconds) - (statistics.median(self.one_seconds) if self.one_seconds else 0.0)

    @property
    def rate(self) -> float:
        """Bytes of text a second."""
        return self.text_bytes / self.net_seconds if self.seconds else 0.0


@dataclass
class Slice:
    """The same texts as a file and, once it is needed, as what is true about them."""

    name: str
    file: Path
    text_bytes: int
    documents: int


def build(given: argparse.Namespace, folder: Path) -> tuple[dict[str, Slice], bench.Corpus, bench.Corpus, str]:
    """The files, our corpora of all documents and of one, and what the material is."""
    found = [text for path in given.data for text in material.texts(path)]
    documents, said = material.enough(found, int(given.megabytes * 1e6), given.seed)
    ends = np.cumsum([len(text.encode()) for text in documents])
    few = min(len(documents), int(np.searchsorted(ends, given.slow_megabytes * 1e6)) + 1)
    slices = {name: written(documents[:count], name, folder) for name, count in (("full", None), ("slow", few))}
    middle = sorted(documents, key=len)[len(documents) // 2]
    corpora = [slices["full"], written([middle], "one", folder)]
    full, one = (bench.Corpus(folder / f"{slice.name}-corpus", slice.file) for slice in corpora)
    floor.write(documents, folder / "floor.parquet")
    return slices, full, one, f"{said}; seed {given.seed}"


def written(documents: list[str], name: str, folder: Path) -> Slice:
    """One Parquet file of texts; a document's id is its row."""
    file = folder / f"{name}.parquet"
    ids = [str(row) for row in range(len(documents))]
    table = pa.table({"id": ids, "text": pa.array(documents, pa.large_string())})
    pq.write_table(table, file, ROW_GROUP, compression="zstd", compression_level=1)
    return Slice(name, file, sum(len(text.encode()) for text in documents), len(documents))


def ingested(corpus: bench.Corpus) -> None:
    """Bring a file in, under the ids it gives."""
    commands.curate("ingest", corpus.sources, "--to", corpus.path, "--id-field", "id", "--workers", 1, "--quiet")


def ran(name: str, slice: Slice, given: argparse.Namespace, folder: Path, row: Row) -> np.ndarray | None:
    """One run of a peer, noted in its row; gives the rows it kept."""
    outcome = folder / name.replace(" ", "-")
    words = [str(given.peers), str(HERE / "peers.py"), name, str(slice.file), str(outcome)]
    peak = commands.watched(words).peak_bytes
    said = json.loads(outcome.with_suffix(".json").read_text())
    row.seconds.append(said["seconds"])
    row.lists_seconds += [said["lists"]] if "lists" in said else []
    row.peak_bytes = max(row.peak_bytes, peak)
    row.version, row.note = said["version"], said.get("note", "")
    kept = outcome.with_suffix(".npy")
    return np.load(kept) if kept.exists() else None


def measure(given: argparse.Namespace, folder: Path) -> tuple[list[Row], dict]:
    """A row for each tool, and what is common to all."""
    slices, full, one, said = build(given, folder)
    for corpus in (full, one):
        ingested(corpus)
        bench.timed("dedup", corpus, folder)  # the one fills the kernel cache, the other the disk's
    ours = Row(OURS, slices["full"].text_bytes, peak_bytes=bench.peak("dedup", full, folder), version="this one")
    rows = {OURS: ours}
    kept: dict[str, np.ndarray] = {}
    floors = []
    for turn in range(given.runs):
        floors.append(floor.read(folder / "floor.parquet"))
        ours.one_seconds.append(bench.timed("dedup", one, folder))
        ours.seconds.append(bench.timed("dedup", full, folder))
        for name in given.tools:
            size, runs = PEERS[name]
            row = rows.setdefault(name, Row(name, slices[size].text_bytes))
            if given.peers and turn < runs and not row.note.startswith("did not run"):
                try:
                    found = ran(name, slices[size], given, folder, row)
                    kept |= {} if found is None else {name: found}
                except SystemExit as problem:
                    row.note = f"did not run: {str(problem).splitlines()[-1]}"
    judged(rows, kept, slices, full)
    speed = slices["full"].text_bytes / statistics.median(floors)
    return list(rows.values()), {
        "material": said,
        "text_bytes": slices["full"].text_bytes,
        "documents": slices["full"].documents,
        "slow": {"text_bytes": slices["slow"].text_bytes, "documents": slices["slow"].documents},
        "floor_bytes_per_second": speed,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
    }


def judged(rows: dict[str, Row], kept: dict[str, np.ndarray], slices: dict[str, Slice], full: bench.Corpus) -> None:
    """Compare every outcome with the truth."""
    table = curate.open(full.path).table(
        ["id", "text", "digest", "bytes", "dedup_keep", "dedup_of", "dedup_similarity"]
    )
    table = table.take(pc.sort_indices(pc.cast(table["id"], pa.int64()))).combine_chunks()
    known = truth.truth(table["text"])
    order = truth.keep_order(table)
    rows[OURS].verdict = truth.judge(known, arrow.numbers(table["dedup_keep"]), order)
    wrong = truth.wrong_matches(known, table)
    rows[OURS].note = f"{wrong} matches wrongly named" if wrong else ""
    for name, found in kept.items():
        documents = slices[PEERS[name][0]].documents
        mask = np.zeros(documents, dtype=np.bool_)
        mask[found] = True
        rows[name].verdict = truth.judge(known.first(documents), mask, order[order < documents])


def misses(rows: list[Row], common: dict) -> list[str]:
    """Which bars are missed."""
    ours = rows[0]
    found = [] if ours.verdict is None else ours.verdict.misses()
    found += [ours.note] if ours.note else []
    times = common["floor_bytes_per_second"] / ours.rate
    found += [f"{times:.1f}x the floor, bar {BAR_FLOOR:g}"] if times > BAR_FLOOR else []
    alone = statistics.median(ours.one_seconds)
    found += [f"one document {alone:.2f} s, bar {bench.BAR_ONE_SECONDS}"] if alone > bench.BAR_ONE_SECONDS else []
    for row in rows:
        bar = BARS.get(row.tool)
        if bar and row.seconds and ours.rate / row.rate < bar:
            found.append(f"{ours.rate / row.rate:.1f}x {row.tool}, bar {bar:g}")
    return found


def shown(rows: list[Row], common: dict) -> list[list[str]]:
    """The table, heading first."""
    lines = [["", "MB", "s", "MB/s", "ours is faster", "times the floor", "peak MiB", *VERDICT]]
    for row in rows:
        line = [f"{row.tool} {row.version}" if row.tool != OURS else row.tool]
        line += _speeds(row, rows[0].rate, common["floor_bytes_per_second"]) if row.seconds else [""] * 6
        found = row.verdict
        counts = (found.removed, found.greedy, found.orphans, found.extra) if found else ()
        lines.append([*line, *(f"{count:,}" for count in counts)] if found else [*line, row.note, "", "", ""])
    return lines


def _speeds(row: Row, ours: float, speed: float) -> list[str]:
    megabytes, seconds, times = f"{row.text_bytes / 1e6:.1f}", f"{row.net_seconds:.2f}", f"{ours / row.rate:.3g}x"
    if row.lists_seconds:
        lists = statistics.median(row.lists_seconds)
        seconds += f" + {lists:.2f} for lists"
        times += f" ({ours / row.text_bytes * (row.net_seconds + lists):.3g}x with lists)"
    rates = [f"{row.rate / 1e6:.1f}", "" if row.tool == OURS else times, f"{speed / row.rate:.3g}"]
    return [megabytes, seconds, *rates, f"{row.peak_bytes / 2**20:.0f}"]


def show(rows: list[Row], common: dict, markdown: bool) -> None:
    """Print the table and what it was measured on."""
    lines = shown(rows, common)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        print(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells))
        if number == 0:
            rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            print(f"| {' | '.join(rule)} |" if markdown else "  ".join("-" * width for width in widths))
    speed, alone = common["floor_bytes_per_second"] / 1e9, statistics.median(rows[0].one_seconds)
    print(f"\n{common['documents']:,} documents, {common['text_bytes'] / 1e6:.1f} MB of text: {common['material']}.")
    print(f"Floor {speed:.2f} GB/s; one document {alone:.2f} s; {common['machine']}.")


def main() -> None:
    """Measure, print, and tell by the exit status whether every bar was met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="JSON Lines, Parquet or text files.")
    parser.add_argument("--peers", type=Path, help="The python that has the other tools; without it ours runs alone.")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=list(PEERS), help="With commas.")
    parser.add_argument("--runs", type=int, default=5, help="Timed runs of ours; fast peers get 3, slow ones 1.")
    parser.add_argument("--megabytes", type=float, default=100, help="Least text to measure with.")
    parser.add_argument("--slow-megabytes", type=float, default=20, help="Least text for slow tools.")
    parser.add_argument("--seed", type=int, default=0, help="Decides the order of documents and the varied copies.")
    parser.add_argument("--markdown", action="store_true", help="Print the table in Markdown.")
    parser.add_argument("--json", type=Path, help="A file for all that was measured.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as folder:
        rows, common = measure(given, Path(folder))
    show(rows, common, given.markdown)
    if given.json:
        given.json.write_text(json.dumps({**common, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    found = misses(rows, common)
    print("missed: " + "; ".join(found) if found else "every bar is met")
    raise SystemExit(int(bool(found)))


if __name__ == "__main__":
    main()
