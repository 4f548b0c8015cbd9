"""How good and how fast the extraction of main text is, from WARC to corpus.

    python scripts/bench/extraction.py ARCHIVE GOLD [--engine NAME] [--pages N]

ARCHIVE is a WARC file, GOLD a JSON Lines file of `url`, `with` and `without`: strings that the main text must hold, and
boilerplate that it must not. A string of `with` that is found is a true positive, one of `without` a false positive. A
page that is no document counts as empty. Speed is that of one worker's extraction with all guards, in processor seconds
of the worker and its extractor together, beside the library called on the same decoded pages, alternately.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

import curate
from curate.formats import charset, warc
from curate.formats.extraction import Extractor
from curate.formats.extraction_child import ENGINES
from curate.formats.pages import Page
from curate.formats.records import Settings, Source

NEEDED = {"trafilatura": 0.92, "resiliparse": 0.85}
ROUNDS = 3


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("archive")
    arguments.add_argument("gold")
    arguments.add_argument("--engine", choices=list(NEEDED), action="append", help="Only this one.")
    arguments.add_argument("--pages", type=int, default=100, help="Pages that speed is measured on.")
    given = arguments.parse_args()
    gold = [json.loads(line) for line in Path(given.gold).read_text().splitlines()]
    pages = _decoded(given.archive)[: given.pages]
    for engine in given.engine or NEEDED:
        with tempfile.TemporaryDirectory() as folder:
            texts, ledger = _ingested(given.archive, engine, Path(folder) / "corpus")
        precision, recall, f1 = scored(texts, gold)
        verdict = "holds" if f1 >= NEEDED[engine] else "MISSED"
        print(f"{engine}: F1 {f1:.4f} (needed {NEEDED[engine]}: {verdict}), precision {precision:.4f}, ", end="")
        print(f"recall {recall:.4f}; {ledger}")
        _speeds(engine, pages)


def scored(texts: dict[str, str], gold: list[dict]) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    found = sum(string in texts.get(page["url"], "") for page in gold for string in page["with"])
    leaked = sum(string in texts.get(page["url"], "") for page in gold for string in page["without"])
    wanted = sum(len(page["with"]) for page in gold)
    precision, recall = found / max(1, found + leaked), found / wanted
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)


def _ingested(archive: str, engine: str, corpus: Path) -> tuple[dict[str, str], str]:
    command = ["ingest", archive, "--to", str(corpus), "--extract", engine, "--workers", "1", "--max-errors", "100%"]
    program = "import sys; from curate.cli.app import main; sys.argv = ['curate', *sys.argv[1:]]; main()"
    subprocess.run([sys.executable, "-c", program, *command], check=True, capture_output=True)
    table = curate.open(str(corpus)).table(["url", "text"])
    rejects = sum(pq.read_metadata(path).num_rows for path in corpus.glob("documents/*/rejects/*.parquet"))
    texts = dict(zip(table["url"].to_pylist(), table["text"].to_pylist(), strict=True))
    return texts, f"{len(texts)} documents, {rejects} rejects"


def _decoded(archive: str) -> list[tuple[str | None, bytes]]:
    found = warc.pages(Source(archive), Settings(), Counter(), Counter())
    return [
        (page.url, charset.decoded(page.content, page.charset).encode("utf-8", "replace"))
        for page in found
        if isinstance(page, Page)
    ]


def _speeds(engine: str, pages: list[tuple[str | None, bytes]]) -> None:
    """Print megabytes of HTML a second, guarded and bare, of the best of ROUNDS, less what it takes to start."""
    size = sum(len(page) for _, page in pages) / 1e6
    guarded, bare = [], []
    for _ in range(ROUNDS):
        guarded.append(_guarded(engine, pages) - _guarded(engine, pages[:1]))
        bare.append(_bare(engine, pages) - _bare(engine, pages[:1]))
    ratio = min(bare) / min(guarded)
    print(f"  guarded {size / min(guarded):.1f} MB/s, the library bare {size / min(bare):.1f} MB/s: {ratio:.2f}")


def _guarded(engine: str, pages: list[tuple[str | None, bytes]]) -> float:
    """Processor seconds of this process and its extractor."""
    begun = _processor()
    extractor = Extractor(engine)
    for url, page in pages:
        extractor.extract(page, url, None)
    extractor.close()
    return _processor() - begun


def _bare(engine: str, pages: list[tuple[str | None, bytes]]) -> float:
    """Processor seconds of a process that calls the library with the same options and nothing else."""
    program = f"""import pickle, sys
from {ENGINES[engine]} import extract
for url, page in pickle.load(sys.stdin.buffer): extract(page.decode(), url, None)"""
    given = pickle.dumps(pages)
    begun = _processor()
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], input=given, check=True, stderr=subprocess.DEVNULL)
    return _processor() - begun


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
