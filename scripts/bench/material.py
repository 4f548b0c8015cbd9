"""Real text to measure with: read from files, and enlarged only when there is too little."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

FILES = 8
REPLACED = 0.3


def texts(path: Path) -> Iterator[str]:
    """The texts of a file (its field or column `text`, or all of a .txt or .md file), or of the files in a folder."""
    if path.is_dir():
        for child in sorted(path.rglob("*")):
            if child.is_file():
                yield from texts(child)
    elif path.suffix in (".txt", ".md"):
        yield path.read_text(encoding="utf-8", errors="replace")
    elif path.suffix == ".parquet":
        for batch in pq.ParquetFile(path).iter_batches(columns=["text"]):
            yield from filter(None, batch.column(0).to_pylist())
    elif ".jsonl" in path.suffixes:
        with pa.input_stream(str(path), compression="detect") as stream:
            for line in io.BufferedReader(cast("io.RawIOBase", stream)):
                text = json.loads(line).get("text")
                if text:
                    yield text
    else:
        raise SystemExit(f"{path}: give .jsonl, .jsonl.gz, .jsonl.zst, .parquet, .txt or .md")


def enough(found: list[str], least: int, seed: int) -> tuple[list[str], str]:
    """At least so many bytes of text, and what was done to get them.

    What is missing is made of copies, each turned at a random place and with 30 % of its words replaced by words of
    other documents, so that neither texts nor their near duplicates repeat.
    """
    chance = random.Random(seed)
    chance.shuffle(found)
    size = sum(len(text.encode()) for text in found)
    real, number = size, len(found)
    words = [word for text in found[:2000] for word in text[:2000].split(" ")]
    made: list[str] = []
    while size < least:
        copy = _varied(found[len(made) % number], words, chance)
        made.append(copy)
        size += len(copy.encode())
    said = f"{number:,} documents, {real / 1e6:.1f} MB, as they are"
    if made:
        said += f"; and {len(made):,} varied copies, {(size - real) / 1e6:.1f} MB"
    return found + made, said


def write(documents: Sequence[str], folder: Path) -> Path:
    """Write JSON Lines with zstd, in files of about equal size, into a new folder."""
    folder.mkdir(parents=True)
    for number in range(min(FILES, len(documents))):
        with zstandard.open(folder / f"{number}.jsonl.zst", "wt", encoding="utf-8") as stream:
            for text in documents[number::FILES]:
                stream.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
    return folder


def _varied(text: str, words: list[str], chance: random.Random) -> str:
    turn = chance.randrange(len(text))
    parts = (text[turn:] + text[:turn]).split(" ")
    return " ".join(chance.choice(words) if chance.random() < REPLACED else part for part in parts)
