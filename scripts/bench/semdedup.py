"""SemDeDup: seconds and memory of a whole `curate semdedup`, and of the plain definition on the array, in turn.

A corpus of short documents gets planted vectors and clusters. The definition is a BLAS product of each cluster with
itself in float32 and the highest of what stands before, by as many threads as the command has workers, on an array
that is in memory and in order already; it is also what the command's similarities are compared with.

    python scripts/bench/semdedup.py --documents 200000 --clusters 447
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

import memory
import numpy as np
from bench import CURATE

BAR_SECONDS = 60


def make(folder: Path, arguments: argparse.Namespace, environment: dict[str, str]) -> str:
    """The corpus, clustered."""
    source, corpus = folder / "short.jsonl", str(folder / "corpus")
    with source.open("w") as file:
        file.writelines(f'{{"text": "short document {i} of many"}}\n' for i in range(arguments.documents))
    clustering = ["cluster", corpus, "--embedding", "vectors", "--clusters", str(arguments.clusters)]
    for command in (["ingest", str(source), "--to", corpus], ["vectors", corpus], [*clustering, "--iterations", "5"]):
        subprocess.run([CURATE, *command, "--quiet"], env=environment, check=True)
    return corpus


def definition(vectors: np.ndarray, clusters: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The highest cosine to an earlier one of the cluster, float32 (n,), -1 for the first of each."""
    highest = np.full(len(order), -1, dtype=np.float32)
    order = order[np.argsort(clusters[order], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1):
        products = vectors[rows] @ vectors[rows].T
        products[np.triu_indices(len(rows))] = -1
        highest[rows] = products.max(axis=1)
    return highest


def loaded(corpus: str) -> dict[str, np.ndarray]:
    """The columns that count, as arrays; vectors at length one."""
    import curate
    from curate.kernels import arrow

    pool = curate.open(corpus)
    names = ["id", "vectors", "cluster", "cluster_distance", "semdedup_similarity"]
    table = pool.table(names)
    vectors = arrow.vectors(table["vectors"]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {"vectors": vectors, **{name: table[name].to_numpy() for name in names[2:]}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--clusters", type=int, default=447)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scratch", help="A folder with room for the vectors.")
    arguments = parser.parse_args()
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "CURATE_STAGES": "planted_vectors", "PYTHONPATH": path}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        corpus = make(Path(folder), arguments, environment)
        options = ["--embedding", "vectors", "--workers", str(arguments.workers), "--quiet"]
        for run in range(arguments.runs):
            seeded = [str(CURATE), "semdedup", corpus, *options, "--seed", str(run)]
            ours = memory.measured(seeded, 0.05, env=environment)
            if ours.status:
                raise SystemExit(f"semdedup ended with status {ours.status}")
            given = loaded(corpus)
            order = np.argsort(-given["cluster_distance"], kind="stable")
            begun = time.perf_counter()
            highest = definition(given["vectors"], given["cluster"], order)
            theirs = time.perf_counter() - begun
            off = np.abs(highest - given["semdedup_similarity"])
            print(
                f"{ours.seconds:.1f} s ({ours.seconds / BAR_SECONDS:.2f} of the bar), the definition on an array "
                f"{theirs:.1f} s, {ours.total / 2**20:,.0f} MiB, off by {off.max():.1e} at most"
            )


if __name__ == "__main__":
    main()
