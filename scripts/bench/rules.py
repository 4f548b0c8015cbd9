"""The rules compared with datatrove's four quality filters: the same decisions, and how fast.

Documents are brought in by `curate ingest`, judged by `curate rules` and `curate verdict`, and, the same texts, by
`peer_rules.py` in the order of FineWeb's published pipeline: Gopher repetition, Gopher quality, C4 without terminal
punctuation, and FineWeb's filter on the text that C4 leaves, of documents that C4 keeps. Every filter is asked about
every document, so that one's errors do not hide another's. Groups of documents are told apart. A class of differences
is a filter with the reasons that both sides give; an example of one shows what the column of our reason says.

Speed: `curate rules` as the other benches measure it, in bytes of text / (T(corpus) - T(a corpus of one document)), one
worker, all thread pools at one, alternating with the floor; the filters by their own time alone on the documents
compared, each on every document, and as their pipeline runs, where a document that is dropped goes no further.

    /tmp/peers/bin/pip install datatrove 'fsspec==2025.3.0' spacy tokenizers nltk regex 'xxhash<4'
    python scripts/bench/rules.py --peers /tmp/peers/bin/python --language en --group web=pages.warc.gz \\
        --group manuals=manuals.jsonl.zst,handbook.jsonl.zst --group reviews=reviews.parquet
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import bench
import commands
import floor
import material
import pyarrow as pa
import pyarrow.parquet as pq

import curate
from curate.algorithms import verdict

FILTERS = {
    "repetition": tuple(verdict.GOPHER_REPETITION),
    "quality": tuple(verdict.GOPHER_QUALITY),
    "c4": tuple(verdict.C4_ANY_END),
    "fineweb": tuple(verdict.FINEWEB_CUSTOM),
}
"""Which of our rules each of their filters asks."""

BARS = {"repetition": 0.99, "quality": 0.97, "c4": 0.99, "fineweb": 0.99}
BAR_PEER = 200.0
BAR_FLOOR = 45.0
COLUMNS = tuple(dict.fromkeys(f"rules_{rule[4:]}" for rules in FILTERS.values() for rule in rules))
HERE = Path(__file__).parent


@dataclass
class Document:
    """One document, our columns of it, and the reason of each filter that drops it, ours and theirs."""

    group: str
    id: str
    text: str
    columns: dict
    ours: dict[str, str]
    theirs: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cleaned: int | None = None

    @property
    def asked(self) -> list[str]:
        """The filters that both sides were asked: FineWeb's only of what C4 keeps."""
        return [step for step in FILTERS if step != "fineweb" or self.cleaned is not None]


def judged(group: str, paths: list[str], given: argparse.Namespace, folder: Path) -> list[Document]:
    """Some documents of a group, with our verdict."""
    corpus = folder / group
    commands.curate("ingest", *paths, "--to", corpus, "--max-errors", "50%")
    chosen: list[str] = []
    if given.language:
        commands.curate("language", corpus, "--max-errors", "50%")
        chosen = ["--where", f"language = '{given.language}'"]
    commands.curate("rules", corpus, *chosen, "--max-errors", "50%")
    commands.curate("verdict", corpus)
    names = ["id", "text", "verdict_failed", "rules_c4_characters", *COLUMNS]
    found = [
        _document(group, row)
        for batch in curate.open(str(corpus)).scan(names, where="verdict_keep IS NOT NULL")
        for row in batch.to_pylist()
    ]
    random.Random(given.seed).shuffle(found)
    return found[: given.documents]


def _document(group: str, row: dict) -> Document:
    failed = (row["verdict_failed"] or "").split(",")
    ours = {step: next((rule for rule in rules if rule in failed), "") for step, rules in FILTERS.items()}
    return Document(group, row["id"], row["text"], row, ours)


def ask_peers(documents: list[Document], python: Path, folder: Path) -> str:
    """Put their verdicts beside ours; gives the version asked."""
    texts, outcome = folder / "texts.parquet", folder / "outcome.parquet"
    pq.write_table(pa.table({"text": pa.array([found.text for found in documents], pa.large_string())}), texts)
    subprocess.run([str(python), str(HERE / "peer_rules.py"), str(texts), str(outcome)], check=True)
    table = pq.read_table(outcome)
    for found, row in zip(documents, table.to_pylist(), strict=True):
        found.theirs = {step: row[step] or "" for step in FILTERS}
        found.seconds = {step: row[f"{step}_seconds"] for step in FILTERS}
        found.cleaned = None if row["cleaned"] is None else len(row["cleaned"])
    return (table.schema.metadata or {})[b"version"].decode()


# --- agreement ------------------------------------------------------------------------------------


def show_agreement(documents: list[Document]) -> None:
    """A line for each group and filter: how many decisions are the same, and which are not."""
    print(f"{'group':10}{'filter':12}{'documents':>10}{'agree':>9}{'both keep':>11}{'both drop':>11}", end="")
    print(f"{'only ours':>11}{'only theirs':>13}")
    groups = {found.group: None for found in documents}
    for group in [*groups, "all"]:
        members = [found for found in documents if group in (found.group, "all")]
        for step in FILTERS:
            pairs = Counter(
                (bool(found.ours[step]), bool(found.theirs[step])) for found in members if step in found.asked
            )
            _line(group, step, pairs, BARS[step])
        dropped = Counter((any(found.ours.values()), any(found.theirs.values())) for found in members)
        _line(group, "together", dropped, 0.0)
    same = [found.columns["rules_c4_characters"] == found.cleaned for found in documents if found.cleaned is not None]
    print(f"C4 leaves as many characters: {sum(same) / max(1, len(same)):.2%} of {len(same):,} documents that it keeps")


def _line(group: str, step: str, pairs: Counter, bar: float) -> None:
    """pairs: documents by (dropped by ours, dropped by theirs)."""
    asked = sum(pairs.values())
    agree = (pairs[True, True] + pairs[False, False]) / max(1, asked)
    print(
        f"{group:10}{step:12}{asked:10,}{agree:9.2%}{pairs[False, False]:11,}{pairs[True, True]:11,}"
        f"{pairs[True, False]:11,}{pairs[False, True]:13,}{'' if agree >= bar else f'  below {bar:.0%}'}"
    )


def show_differences(documents: list[Document], examples: int) -> None:
    """The classes of differences, the largest first."""
    classes: dict[tuple[str, str, str], list[Document]] = {}
    for found in documents:
        for step in found.asked:
            if bool(found.ours[step]) != bool(found.theirs[step]):
                classes.setdefault((step, found.ours[step], found.theirs[step]), []).append(found)
    for (step, ours, theirs), members in sorted(classes.items(), key=lambda item: -len(item[1])):
        groups = ", ".join(f"{count} {group}" for group, count in Counter(found.group for found in members).items())
        print(f"{step}: ours {ours or 'keeps'}, theirs {theirs or 'keeps'}: {len(members)} ({groups})")
        for found in members[:examples]:
            values = [rule[4:] for rule in FILTERS[step] if not ours or rule == ours]
            said = ", ".join(f"{name} {_rounded(found.columns[f'rules_{name}'])}" for name in dict.fromkeys(values))
            print(f"    {found.id}: {said}\n        {found.text[:150]!r}")


def _rounded(value: float) -> str:
    return f"{value:.5g}"


# --- speed ----------------------------------------------------------------------------------------


def peer_rates(documents: list[Document]) -> dict[str, float]:
    """Bytes a second of the four filters on every document, and as their pipeline runs."""
    size = sum(len(found.text.encode()) for found in documents)
    every = sum(sum(found.seconds.values()) for found in documents)
    return {"each on every document": size / every, "as a pipeline": size / sum(map(_reached, documents))}


def _reached(found: Document) -> float:
    """Seconds until the first filter that drops a document is done."""
    total = 0.0
    for step in FILTERS:
        total += found.seconds[step]
        if found.theirs[step]:
            break
    return total


def our_rates(documents: list[Document], given: argparse.Namespace, folder: Path) -> tuple[float, float, float]:
    """Bytes a second of `curate rules` and of the floor, and the seconds of `curate verdict` on the large corpus."""
    texts, said = material.enough([found.text for found in documents], int(given.megabytes * 1e6), given.seed)
    print(f"speed on {said}")
    middle = sorted(texts, key=len)[len(texts) // 2]
    full = bench.Corpus(folder / "full", material.write(texts, folder / "full" / "sources"))
    one = bench.Corpus(folder / "one", material.write([middle], folder / "one" / "sources"))
    size = floor.write(texts, folder / "floor.parquet")
    for corpus in (one, full):
        bench.timed("ingest", corpus, folder)
        bench.timed("rules", corpus, folder)  # fills the kernel cache
    verdicts = statistics.median(bench.timed("verdict", full, folder) for _ in range(given.runs))
    floors, seconds = [], []
    for _ in range(given.runs):
        floors.append(floor.read(folder / "floor.parquet"))
        alone = bench.timed("rules", one, folder)
        seconds.append(bench.timed("rules", full, folder) - alone)
    return size / statistics.median(seconds), size / statistics.median(floors), verdicts


def show_speed(documents: list[Document], given: argparse.Namespace, folder: Path) -> None:
    """Rates and ratios, with the bars."""
    rate, read, verdicts = our_rates(documents, given, folder)
    print(f"floor {read / 1e6:.0f} MB/s; curate rules {rate / 1e6:.2f} MB/s; curate verdict {verdicts:.2f} s in all")
    print(f"{read / rate:.1f} x the floor's time (bar {BAR_FLOOR:.0f})")
    for name, theirs in peer_rates(documents).items():
        print(f"{rate / theirs:.0f} x the four filters {name}, {theirs / 1e6:.3f} MB/s (bar {BAR_PEER:.0f})")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", action="append", required=True, metavar="NAME=PATH,PATH", help="Files of a kind.")
    parser.add_argument("--peers", type=Path, required=True, help="The Python of the environment with datatrove.")
    parser.add_argument("--language", help="Take only documents that `curate language` says are in it.")
    parser.add_argument("--documents", type=int, default=2000, help="At most so many of each group, at random.")
    parser.add_argument("--examples", type=int, default=1, help="Of each class of differences.")
    parser.add_argument("--runs", type=int, default=3, help="Timed runs; 0 leaves speed out.")
    parser.add_argument("--megabytes", type=float, default=100, help="Least text to measure speed with.")
    parser.add_argument("--seed", type=int, default=0, help="Draws the documents.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="curate-bench-") as name:
        folder = Path(name)
        groups = [group.partition("=") for group in given.group]
        documents = [found for group, _, paths in groups for found in judged(group, paths.split(","), given, folder)]
        version = ask_peers(documents, given.peers, folder)
        print(f"{len(documents):,} documents, {sum(len(found.text.encode()) for found in documents) / 1e6:.1f} MB")
        print(f"datatrove {version}")
        show_agreement(documents)
        show_differences(documents, given.examples)
        if given.runs:
            show_speed(documents, given, folder)


if __name__ == "__main__":
    main()
