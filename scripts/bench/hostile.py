"""Corpora that break deduplicators: made, deduplicated and checked.

identical     one document a million times
long, long-cjk    one document of 100 MB, a copy of it with a few words changed, and a thousand ordinary ones
short         documents of no word, of one and of two, in any case and punctuation: equal words or nothing
boilerplate   the first half of every document is the same; a tenth are copies
cjk           a script without spaces, with planted copies
contained     all of one source lies in another: the alarm stops it, and a higher limit goes on where it stopped

python scripts/bench/hostile.py                     # a small corpus of each, some seconds
python scripts/bench/hostile.py --full identical    # a million
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import commands
import numpy as np
import planted
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import truth

import curate
from curate.kernels import arrow

FEW_DOCUMENTS = 1000
ALARM = 3
COMMON = "This page uses cookies."
PUNCTUATION = ("...", "!", "?!", "--", "(…)")
SENTENCE = 12


@dataclass(frozen=True)
class Case:
    """One hostile corpus.

    small, full: the sizes, in `unit`. tables(size): its documents, as columns of `ingest`.
    check(corpus, size): what is wrong with its layer `dedup`. options: of `curate dedup`. alarm: it must first stop.
    """

    small: int
    full: int
    unit: str
    tables: Callable[[int], pa.Table]
    check: Callable[[Path, int], list[str]]
    options: tuple[str, ...] = ()
    alarm: bool = False


def outcome(corpus: Path, *more: str) -> pa.Table:
    """All columns of a deduplication, and some of the documents'."""
    return curate.open(corpus).table([*truth.COLUMNS, "dedup_size", *more])


def removed(table: pa.Table) -> int:
    """How many were removed."""
    return int((~arrow.numbers(table["dedup_keep"])).sum())


def expect(what: str, found: object, wanted: object) -> list[str]:
    """Nothing, or what is wrong."""
    return [] if found == wanted else [f"{what}: {found}, not {wanted}"]


def texts_of(documents: int, seed: int, share: float = 0.0, vocabulary: planted.Words | None = None) -> pa.Table:
    """Ordinary documents."""
    return pa.concat_tables(planted.tables(documents, share, seed, vocabulary or planted.words())).combine_chunks()


# --- identical ------------------------------------------------------------------------------------


def identical(documents: int) -> pa.Table:
    text = texts_of(1, 1)["text"][0]
    return pa.table({"text": pa.repeat(text, documents)})


def check_identical(corpus: Path, documents: int) -> list[str]:
    table = outcome(corpus)
    kept = table.filter(table["dedup_keep"])
    wrong = expect("kept", kept.num_rows, 1) + expect("size", kept["dedup_size"].to_pylist(), [documents])
    named = pc.unique(table["dedup_of"]).drop_null().to_pylist()
    return wrong + expect("named", named, [] if documents == 1 else kept["id"].to_pylist())


# --- one long document ----------------------------------------------------------------------------


def long(size: int) -> pa.Table:
    """A document of that many bytes, a copy of it, and ordinary ones."""
    return _long(size, planted.words())


def long_cjk(size: int) -> pa.Table:
    table = _long(size, ideographs())
    return table.set_column(0, "text", [unspaced(table["text"])])


def _long(size: int, vocabulary: planted.Words) -> pa.Table:
    few = texts_of(FEW_DOCUMENTS, 2, vocabulary=vocabulary)["text"].combine_chunks()
    sample = pc.sum(pc.binary_length(few)).as_py() // FEW_DOCUMENTS
    pieces = texts_of(max(2, size // sample), 3, vocabulary=vocabulary)["text"].to_pylist()
    whole = "".join(pieces)
    pieces[len(pieces) // 2] = ""
    return pa.table({"text": pa.concat_arrays([pa.array([whole, "".join(pieces)], pa.large_string()), few])})


def check_long(corpus: Path, size: int) -> list[str]:
    table = outcome(corpus)
    lost = table.filter(pc.invert(table["dedup_keep"]))
    wrong = expect("removed", lost.num_rows, 1) + expect("documents", table.num_rows, FEW_DOCUMENTS + 2)
    order = arrow.numbers(table["bytes"]).argsort()
    ids = table["id"].to_pylist()
    longest = [ids[order[-1]], ids[order[-2]]]
    return wrong + expect("match", [*lost["dedup_of"].to_pylist(), *lost["id"].to_pylist()], longest)


# --- hardly any words -----------------------------------------------------------------------------


def short(documents: int) -> pa.Table:
    """A fifth without a word, half of one of 997 words, the rest of two; a word never is the same as two."""
    chance = np.random.default_rng(4)
    kinds, numbers = chance.random(documents), chance.integers(0, 997, (documents, 2))
    marks = chance.integers(0, len(PUNCTUATION), documents)
    texts = []
    for kind, (one, other), mark in zip(kinds, numbers, marks, strict=True):
        words = [] if kind < 0.2 else [f"w{one}"] if kind < 0.7 else [f"W{one}", f"w{other}"]
        texts.append(" ".join([*words, PUNCTUATION[mark]]))
    return pa.table({"text": texts})


def check_short(corpus: Path, documents: int) -> list[str]:
    table = outcome(corpus)
    words = [tuple(text.lower().split()[:-1]) or text for text in table["text"].to_pylist()]
    names = dict(zip(table["id"].to_pylist(), words, strict=True))
    pairs = zip(words, table["dedup_of"].to_pylist(), strict=True)
    unequal = sum(of is not None and names[of] != mine for mine, of in pairs)
    return expect("removed", removed(table), documents - len(set(words))) + expect("unequal matches", unequal, 0)


# --- boilerplate ----------------------------------------------------------------------------------


def boilerplate(documents: int) -> pa.Table:
    """Each document begins with a header of as many words; a tenth are documents once more, with a word changed."""
    own = texts_of(documents - documents // 10, 5)["text"].to_pylist()
    header = texts_of(1, 6)["text"][0].as_py().split()
    texts = [" ".join([*header[: len(text.split())], text]) for text in own]
    copies = [f"{text} {COMMON}" for text in texts[: documents // 10]]
    return pa.table({"text": texts + copies})


def check_boilerplate(corpus: Path, documents: int) -> list[str]:
    table = outcome(corpus)
    lost = table.filter(pc.invert(table["dedup_keep"]))
    texts = dict(zip(*(table[name].to_pylist() for name in ("id", "text")), strict=True))
    pairs = zip(*(lost[name].to_pylist() for name in ("id", "dedup_of")), strict=True)
    wrong = sum(texts[of] != f"{texts[name]} {COMMON}" for name, of in pairs)
    return expect("removed", lost.num_rows, documents // 10) + expect("wrong matches", wrong, 0)


# --- a script without spaces ----------------------------------------------------------------------


def ideographs() -> planted.Words:
    """Three thousand of them."""
    return planted.by_rank([chr(0x4E00 + 7 * number) for number in range(2800)] + [chr(0x3042), chr(0x30AB)])


def unspaced(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """As such scripts are written."""
    return pc.replace_substring(pc.replace_substring(texts, " ", ""), ".\n", "。")


def cjk(documents: int) -> pa.Table:
    table = texts_of(documents, 7, 0.3, ideographs())
    return table.set_column(table.schema.get_field_index("text"), "text", unspaced(table["text"]))


def check_planted(corpus: Path, documents: int) -> list[str]:
    found = planted.compare(corpus)
    return expect("documents", curate.open(corpus).corpus.documents().rows, documents) + found.misses()


# --- a source within another ----------------------------------------------------------------------


def contained(documents: int) -> pa.Table:
    """A fifth of the large source once more, a little shorter, as the small one."""
    table = texts_of(documents, 8)
    few = max(FEW_DOCUMENTS, documents // 5)
    texts = [text.rstrip().rpartition(" ")[0] for text in table["text"].slice(0, few).to_pylist()]
    small = pa.table({"text": pa.array(texts, pa.large_string()), "source": pa.repeat("small", few)})
    large = table.select(["text"]).append_column("source", pa.repeat("large", documents))
    return pa.concat_tables([small, large])


def check_contained(corpus: Path, documents: int) -> list[str]:
    table = outcome(corpus, "source")
    lost = table.filter(pc.invert(table["dedup_keep"]))["source"].to_pylist()
    return expect("removed", (lost.count("small"), lost.count("large")), (max(FEW_DOCUMENTS, documents // 5), 0))


# --- all of them ----------------------------------------------------------------------------------

MEGABYTE = 1_000_000
ACCEPT = ("--max-source-loss", "1")
CASES = {
    "identical": Case(20_000, 1_000_000, "documents", identical, check_identical, ACCEPT),
    "long": Case(2 * MEGABYTE, 100 * MEGABYTE, "bytes", long, check_long),
    "long-cjk": Case(2 * MEGABYTE, 100 * MEGABYTE, "bytes", long_cjk, check_long),
    "short": Case(10_000, 1_000_000, "documents", short, check_short, ACCEPT),
    "boilerplate": Case(5_000, 1_000_000, "documents", boilerplate, check_boilerplate),
    "cjk": Case(5_000, 200_000, "documents", cjk, check_planted),
    "contained": Case(2_000, 500_000, "documents", contained, check_contained, ACCEPT, alarm=True),
}


def write(case: Case, size: int, folder: Path) -> Path:
    """The corpus's file, with ids in an order of its own."""
    table = case.tables(size)
    if "id" not in table.column_names:
        table = table.append_column("id", planted.ids(np.arange(table.num_rows)))
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "source.parquet", planted.ROW_GROUP, compression="zstd", compression_level=1)
    return folder / "source.parquet"


def ingest_options(source: Path) -> list[str]:
    """What `ingest` is told: an id, and the columns of planted documents."""
    there = pq.read_schema(source).names
    lifted = [name for name in planted.COLUMNS if name.partition("=")[0] in there]
    return ["--id-field", "id", *(part for name in lifted for part in ("--column", name))]


def run(name: str, size: int, folder: Path, workers: int) -> dict:
    """Make, deduplicate and check one case by the command line."""
    case = CASES[name]
    source, corpus = write(case, size, folder / name), folder / name / "corpus"
    commands.curate("ingest", source, "--to", corpus, *ingest_options(source), "--workers", workers, "--quiet")
    first, wrong = None, []
    if case.alarm:
        first = commands.curate("dedup", corpus, "--workers", workers, "--quiet", status=ALARM)
        wrong += expect("layers after the alarm", curate.open(corpus).layers, ["documents"])
        wrong += [] if "small: " in first.said else [f"the alarm does not name the source: {first.said}"]
    found = commands.curate("dedup", corpus, "--workers", workers, *case.options, "--json")
    wrong += case.check(corpus, size)
    tasks = json.loads(found.said)["tasks"]
    wrong += [f"{tasks} tasks done again after the alarm"] if first and tasks > 1 else []
    first = first or found
    table = curate.open(corpus).table(["bytes", "dedup_keep"])
    return {
        "case": name,
        "documents": table.num_rows,
        "megabytes": pc.sum(table["bytes"]).as_py() / 1e6,
        "seconds": first.seconds,
        "peak_mib": max(first.peak_bytes, found.peak_bytes) / 2**20,
        "removed": removed(table),
        "wrong": wrong,
    }


def main() -> None:
    """Run cases and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"Of {', '.join(CASES)}; all by default.")
    parser.add_argument("--full", action="store_true", help="The full sizes, which take minutes and gigabytes.")
    parser.add_argument("--size", type=int, help="A size instead, in documents or bytes.")
    parser.add_argument("--workers", type=int, default=1, help="Workers of each command.")
    parser.add_argument("--folder", type=Path, help="Where to put the corpora; emptied case by case.")
    parser.add_argument("--json", action="store_true", help="Print a JSON object a line.")
    given = parser.parse_args()
    if unknown := set(given.cases) - set(CASES):
        parser.error(f"no case {', '.join(unknown)}")
    os.environ["COLUMNS"] = "200"
    failed = False
    with tempfile.TemporaryDirectory(prefix="curate-hostile-", dir=given.folder) as folder:
        for name in given.cases or CASES:
            if given.full:
                run(name, CASES[name].small, Path(folder) / "first", given.workers)  # compiles what it needs
            size = given.size or (CASES[name].full if given.full else CASES[name].small)
            row = run(name, size, Path(folder), given.workers)
            failed |= bool(row["wrong"])
            shutil.rmtree(folder, ignore_errors=True)
            print(json.dumps(row) if given.json else line(row), flush=True)
    raise SystemExit(int(failed))


def line(row: dict) -> str:
    """One case for people."""
    return (
        f"{row['case']:12}{row['documents']:>11,} documents {row['megabytes']:>9.1f} MB {row['seconds']:>8.1f} s "
        f"{row['peak_mib']:>7.0f} MiB  removed {row['removed']:>9,}  {'; '.join(row['wrong']) or 'as expected'}"
    )


if __name__ == "__main__":
    main()
