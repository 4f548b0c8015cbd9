"""One run of another deduplicator, by the Python of an environment of its own; `dedup.py` calls this.

    python -m venv /tmp/peers
    /tmp/peers/bin/pip install datatrove fsspec==2025.3.0 spacy tokenizers nltk regex 'xxhash<4' rensa \\
        datasketch text-dedup
    /tmp/peers/bin/python scripts/bench/peers.py rensa file.parquet /tmp/outcome

The file has the columns `id` (the row's number, as text) and `text`. Texts are read before the clock starts, except by
the tools that read files themselves; imports are never counted. What is found is written to `outcome.json` (seconds,
versions, notes) and `outcome.npy` (the numbers of the rows kept; absent for a tool that does not say).
Word 5-grams, 128 permutations and a threshold of 0.8 throughout, but 14 bands of 8 rows for datatrove, as for FineWeb.
"""

# pyright: reportMissingImports=false, reportArgumentType=false
from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

NGRAM = 5
PERMUTATIONS = 128
BANDS = 16
THRESHOLD = 0.8
SEED = 42


def texts_of(file: Path) -> list[str]:
    """All texts, as Python strings."""
    import pyarrow.parquet as pq

    return pq.read_table(file, columns=["text"])["text"].to_pylist()


def shingles(text: str) -> list[str]:
    """Lower-case, split, join."""
    words = text.lower().split()
    return [" ".join(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1))]


def rensa(file: Path) -> dict:
    """A sketch a document; candidates from LSH are compared by their sketches, and what is not similar is inserted."""
    from rensa import RMinHash, RMinHashLSH

    texts = texts_of(file)
    begun = time.perf_counter()
    index = RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
    kept: dict[int, RMinHash] = {}
    for row, text in enumerate(texts):
        sketch = RMinHash(PERMUTATIONS, SEED)
        sketch.update(shingles(text))
        if not any(sketch.jaccard(kept[other]) >= THRESHOLD for other in index.query(sketch)):
            index.insert(row, sketch)
            kept[row] = sketch
    return {"seconds": time.perf_counter() - begun, "kept": list(kept)}


def rensa_batch(file: Path) -> dict:
    """The deduplicator fed with token lists in one call."""
    from rensa import RMinHashDeduplicator

    texts = texts_of(file)
    begun = time.perf_counter()
    tokens = [shingles(text) for text in texts]
    made = time.perf_counter()
    deduplicator = RMinHashDeduplicator(THRESHOLD, PERMUTATIONS, True, BANDS, SEED)
    keep = deduplicator.add_pairs((str(row), found) for row, found in enumerate(tokens))
    seconds = time.perf_counter() - made
    return {"seconds": seconds, "lists": made - begun, "kept": np.flatnonzero(keep)}


def rensa_matrix(file: Path) -> dict:
    """A matrix of sketches in one call, then flags for rows that share a band with another."""
    from rensa import RMinHash

    return _matrix(file, RMinHash.digest_matrix_from_token_sets)


def rensa_rho(file: Path) -> dict:
    """The same with the sampled sketch."""
    from rensa import RMinHash

    return _matrix(file, RMinHash.digest_matrix_from_token_sets_rho)


def _matrix(file: Path, sketch: Callable) -> dict:
    from rensa import RMinHashLSH

    texts = texts_of(file)
    begun = time.perf_counter()
    tokens = [shingles(text) for text in texts]
    made = time.perf_counter()
    index = RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
    flags = index.query_duplicate_flags_matrix_one_shot(sketch(tokens, PERMUTATIONS, SEED))
    seconds = time.perf_counter() - made
    return {"seconds": seconds, "lists": made - begun, "note": f"flags {sum(flags):,} documents, keeps none of them"}


def datasketch(file: Path) -> dict:
    """A MinHash a document and MinHashLSH, as with rensa."""
    from datasketch import MinHash, MinHashLSH

    texts = texts_of(file)
    begun = time.perf_counter()
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    kept: dict[int, MinHash] = {}
    for row, text in enumerate(texts):
        sketch = MinHash(num_perm=PERMUTATIONS, seed=SEED)
        sketch.update_batch([shingle.encode() for shingle in shingles(text)])
        if not any(sketch.jaccard(kept[other]) >= THRESHOLD for other in index.query(sketch)):
            index.insert(row, sketch)
            kept[row] = sketch
    return {"seconds": time.perf_counter() - begun, "kept": list(kept)}


def datatrove(file: Path) -> dict:
    """The four steps of its MinHash, each task after the other; the kept documents are counted and not written."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.pipeline.readers import ParquetReader
    from loguru import logger

    logger.remove()
    config = MinhashConfig(n_grams=NGRAM, num_buckets=14, hashes_per_bucket=8)
    kept: list[int] = []

    def collect(data: Iterator, rank: int, world_size: int) -> Iterator:
        for document in data:
            kept.append(int(document.id))
            yield document

    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        sketches, buckets, removed = (str(base / name) for name in ("sketches", "buckets", "removed"))

        def reader() -> ParquetReader:
            return ParquetReader(str(file.parent), glob_pattern=file.name)

        steps = [
            ([reader(), MinhashDedupSignature(sketches, config)], 1),
            ([MinhashDedupBuckets(sketches, buckets, config=config)], config.num_buckets),
            ([MinhashDedupCluster(buckets, removed, config=config)], 1),
            ([reader(), MinhashDedupFilter(removed), collect], 1),
        ]
        begun = time.perf_counter()
        for number, (pipeline, tasks) in enumerate(steps):
            logs = str(base / "logs" / str(number))
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=logs).run()
        return {"seconds": time.perf_counter() - begun, "kept": kept}


def text_dedup(file: Path) -> dict:
    """Its MinHash command."""
    import datasets
    from text_dedup import minhash

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        given = {
            "path": "parquet",
            "data_files": str(file),
            "split": "train",
            "cache_dir": f"{folder}/cache",
            "output": f"{folder}/out",
            "column": "text",
            "ngram": NGRAM,
            "min_length": 1,
            "num_perm": PERMUTATIONS,
            "threshold": THRESHOLD,
            "num_proc": 1,
        }
        words = [part for name, value in given.items() for part in (f"--{name}", str(value))]
        begun = time.perf_counter()
        minhash.main(words, standalone_mode=False)
        seconds = time.perf_counter() - begun
        ids = datasets.load_from_disk(f"{folder}/out")["id"]
        return {"seconds": seconds, "kept": [int(name) for name in ids]}


PEERS: dict[str, tuple[Callable[[Path], dict], str]] = {
    "datatrove": (datatrove, "datatrove"),
    "rensa": (rensa, "rensa"),
    "rensa batch": (rensa_batch, "rensa"),
    "rensa matrix": (rensa_matrix, "rensa"),
    "rensa rho": (rensa_rho, "rensa"),
    "datasketch": (datasketch, "datasketch"),
    "text-dedup": (text_dedup, "text-dedup"),
}


def main() -> None:
    """Run one peer on one file."""
    name, file, outcome = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    run, package = PEERS[name]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = run(file)
    kept = found.pop("kept", None)
    if kept is not None:
        np.save(outcome.with_suffix(".npy"), np.asarray(kept, dtype=np.int64))
    found["version"] = importlib.metadata.version(package)
    outcome.with_suffix(".json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
