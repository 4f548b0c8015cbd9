"""Decontamination: how many planted benchmark items are found, how many clean documents are flagged, and how fast.

Items of a benchmark are planted in the middle of real documents, whole or half of them, as they are or changed as a web
page may: other case, punctuation taken out or replaced by spaces, numbers in words, all of it. Each way is looked for
apart, with the same items and among all the documents. A clean document is one nothing was planted in.

Speed is that of the whole command on the same documents: bytes of text / (T(corpus) - T(a corpus of one document)),
one worker, the median of alternating runs, beside the floor of the same run.

    python scripts/bench/decontaminate.py --data shared/*.jsonl.zst --benchmark shared/gsm8k_test.jsonl.zst#question
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import statistics
import string
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import commands
import floor
import material
import pyarrow as pa

from curate.algorithms import decontaminate, decontaminate_matches
from curate.stages.decontaminate import DecontaminateConfig, items

BARS = {"whole": 0.99, "half": 0.95}
BAR_FLOOR = 16.0
BAR_FLAGGED = 0.001
_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"""
_SMALL, _TENS = _WORDS.split()[:20], _WORDS.split()[20:]


def spelled(number: int) -> str:
    """A number below a million million in English words."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _TENS[number // 10 - 2] + (f"-{_SMALL[number % 10]}" if number % 10 else "")
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            joint = " and " if 0 < rest < 100 else " "
            return f"{spelled(number // size)} {name}{joint + spelled(rest) if rest else ''}"
    raise AssertionError(number)


def in_words(text: str) -> str:
    """Every whole number in words."""
    return re.sub(r"\d{1,3}(?:,\d{3})+|\d{1,12}", lambda found: spelled(int(found[0].replace(",", ""))), text)


def thousands(text: str) -> str:
    """Commas in numbers that had none, and none where there were."""
    return re.sub(
        r"\d{1,3}(?:,\d{3})+|\d{4,12}",
        lambda found: found[0].replace(",", "") if "," in found[0] else f"{int(found[0]):,}",
        text,
    )


_OUT = str.maketrans("", "", string.punctuation)
_SPACES = str.maketrans(string.punctuation, " " * len(string.punctuation))
CHANGES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "lower case": str.lower,
    "no punctuation": lambda text: text.translate(_OUT),
    "punctuation as spaces": lambda text: text.translate(_SPACES),
    "numbers with commas": thousands,
    "numbers in words": in_words,
    "all of it": lambda text: in_words(text).upper().translate(_OUT),
}


def _whole(item: str, chance: random.Random) -> str:
    return item


def _half(item: str, chance: random.Random) -> str:
    """Half of its words, from a place by chance: the beginning, the end or between."""
    words = item.split(" ")
    count = (len(words) + 1) // 2
    start = chance.choice((0, len(words) - count, chance.randint(0, len(words) - count)))
    return " ".join(words[start : start + count])


PARTS: dict[str, Callable[[str, random.Random], str]] = {"whole": _whole, "half": _half}


def planted(document: str, item: str, chance: random.Random) -> str:
    """A document with an item at the beginning of one of its words."""
    at = document.find(" ", chance.randrange(len(document)))
    return f"{document[:at]} {item}{document[at:]}" if at > 0 else f"{document}\n{item}"


def found(texts: Sequence[str], config: DecontaminateConfig) -> dict[int, str]:
    """The documents that go, and their items."""
    known = items(config)
    count = len(texts)
    table = pa.table(
        {
            "shard": pa.array([0] * count, pa.int32()),
            "row": pa.array(range(count), pa.int64()),
            "id": [str(row) for row in range(count)],
            "source": [""] * count,
            "text": pa.array(texts, pa.large_string()),
        }
    )
    surveyed = list(decontaminate_matches.survey(table, known))
    _, documents, _ = decontaminate.settle(surveyed, known)
    rows = pa.concat_tables(list(documents)).to_pylist()
    return {row["row"]: row["by"] for row in rows if row["by"] is not None}


def recalls(
    documents: list[str], given: argparse.Namespace, config: DecontaminateConfig
) -> list[tuple[str, str, float]]:
    """The share found of what was planted, for each part and change."""
    chance = random.Random(given.seed)
    texts_of = items(config).texts.to_pylist()
    chosen = chance.sample(range(len(texts_of)), min(given.items, len(texts_of)))
    rows = []
    for part, cut in PARTS.items():
        for name, change in CHANGES.items():
            texts = list(documents)
            at = chance.sample(range(len(texts)), len(chosen))
            for item, place in zip(chosen, at, strict=True):
                texts[place] = planted(texts[place], change(cut(texts_of[item], chance)), chance)
            flagged = found(texts, config)
            missed = [item for item, place in zip(chosen, at, strict=True) if place not in flagged]
            rows.append((part, name, 1 - len(missed) / len(chosen)))
            if given.missed:
                print(f"missed of {part}, {name}: {missed[:20]}")
    return rows


def speed(documents: list[str], given: argparse.Namespace, folder: Path) -> tuple[float, float]:
    """Bytes a second, and times the floor."""
    texts, said = material.enough(list(documents), int(given.megabytes * 1e6), given.seed)
    print(f"speed on: {said}")
    middle = sorted(texts, key=len)[len(texts) // 2]
    size = floor.write(texts, folder / "floor.parquet")
    corpora = {}
    for name, chosen in (("full", texts), ("one", [middle])):
        corpora[name] = folder / name
        commands.curate("ingest", material.write(chosen, folder / f"{name}-files"), "--to", corpora[name], "--quiet")
    seconds: dict[str, list[float]] = {"full": [], "one": []}
    floors = []
    for turn in range(given.runs + 1):
        floors.append(floor.read(folder / "floor.parquet"))
        for name, corpus in corpora.items():
            shutil.rmtree(corpus / "decontaminate", ignore_errors=True)
            begun = time.perf_counter()
            benchmarks = [word for path in given.benchmark for word in ("--benchmark", path)]
            commands.curate("decontaminate", corpus, *benchmarks, "--workers", 1, "--quiet")
            if turn:  # the first one fills caches
                seconds[name].append(time.perf_counter() - begun)
    rate = size / (statistics.median(seconds["full"]) - statistics.median(seconds["one"]))
    return rate, size / statistics.median(floors) / rate


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="JSON Lines, Parquet or text files.")
    parser.add_argument("--benchmark", nargs="+", required=True, help="As the command's.")
    parser.add_argument("--documents", type=int, default=20_000, help="Real documents, at most.")
    parser.add_argument("--items", type=int, default=200, help="How many to plant.")
    parser.add_argument("--seed", type=int, default=0, help="Decides documents, items and places.")
    parser.add_argument("--missed", action="store_true", help="Print which items were not found.")
    parser.add_argument("--runs", type=int, default=5, help="Timed runs; 0 for none.")
    parser.add_argument("--megabytes", type=float, default=100, help="Least text to time with.")
    given = parser.parse_args()
    texts = [text for path in given.data for text in material.texts(path)]
    random.Random(given.seed).shuffle(texts)
    documents = texts[: given.documents]
    config = DecontaminateConfig.model_validate({"benchmark": given.benchmark})
    flagged = found(documents, config)
    share = len(flagged) / len(documents)
    print(f"clean documents flagged: {len(flagged):,} of {len(documents):,} ({share:.3%}; bar {BAR_FLAGGED:.1%})")
    for part, name, recall in recalls(documents, given, config):
        verdict = "ok" if recall >= BARS[part] else f"below {BARS[part]}"
        print(f"{part:6} {name:22} recall {recall:.3f}  {verdict}")
    if given.runs:
        with tempfile.TemporaryDirectory(prefix="curate-bench-") as folder:
            rate, times = speed(texts, given, Path(folder))
        print(f"speed: {rate / 1e6:.1f} MB/s, {times:.1f} x the floor (bar {BAR_FLOOR:g})")


if __name__ == "__main__":
    main()
