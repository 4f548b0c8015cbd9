"""Clustering: its speed against faiss called on the array, how well groups are searched, and memory of whole commands.

`speed` alternates in one run, on one thread each: faiss.Kmeans with as many rounds against `cluster.kmeans`, and a
flat index of the centroids searched for the nearest of each vector against `cluster.assign`, float16 vectors for both.

`search` compares, for many centroids, those found group by group with the truly nearest.

`memory` makes a corpus of short documents, plants vectors on it, and samples the PSS of all processes of
`curate cluster`.

    python scripts/bench/cluster.py speed
    python scripts/bench/cluster.py search --clusters 50000
    python scripts/bench/cluster.py memory --documents 2000000
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import memory
import numpy as np
from bench import CURATE
from planted_vectors import DIMENSIONS, planted

from curate.algorithms import cluster
from curate.runtime.executors.base import ENVIRONMENT

BAR = 0.8
BAR_MEMORY = 4 << 30


def speed(arguments: argparse.Namespace) -> None:
    """Print seconds of both and how many times faiss's speed ours is, the median of the runs."""
    import faiss

    faiss.omp_set_num_threads(1)
    kept = planted(arguments.documents, 1).astype(np.float16)
    sample = planted(100 * arguments.clusters, 2)
    ours, theirs = {"kmeans": [], "assign": []}, {"kmeans": [], "assign": []}
    centroids = sample[: arguments.clusters]
    cluster.assign(kept[:100], cluster.Centroids(cluster.kmeans(sample[:100], 10, 1, 0)))
    for _ in range(arguments.runs):
        theirs["kmeans"].append(_timed(lambda: _faiss_kmeans(faiss, sample, arguments)))
        ours["kmeans"].append(_timed(lambda: cluster.kmeans(sample, arguments.clusters, arguments.rounds, 0)))
        theirs["assign"].append(_timed(lambda: _faiss_assign(faiss, kept, centroids)))
        ours["assign"].append(_timed(lambda: cluster.assign(kept, cluster.Centroids(centroids))))
    for what in ours:
        ratio = statistics.median(a / b for a, b in zip(theirs[what], ours[what], strict=True))
        seconds = f"faiss {statistics.median(theirs[what]):.2f} s, ours {statistics.median(ours[what]):.2f} s"
        print(f"{what:7} {seconds}: {ratio:.2f} times as fast (bar {BAR})")


def _timed(work) -> float:
    """Seconds of the processor, so that others on the machine do not count."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _faiss_kmeans(faiss, sample: np.ndarray, arguments: argparse.Namespace) -> None:
    most = len(sample) // arguments.clusters
    found = faiss.Kmeans(
        DIMENSIONS, arguments.clusters, niter=arguments.rounds, spherical=True, max_points_per_centroid=most
    )
    found.train(sample)


def _faiss_assign(faiss, kept: np.ndarray, centroids: np.ndarray) -> None:
    index = faiss.IndexFlatIP(DIMENSIONS)
    index.add(centroids)
    index.search(kept.astype(np.float32), 1)


def search(arguments: argparse.Namespace) -> None:
    """Print how many of the documents are given the nearest centroid, and what the others lose."""
    found = planted(arguments.clusters + arguments.documents, 3)
    centroids, vectors = found[: arguments.clusters], found[arguments.clusters :]
    groups = cluster.grouped(centroids)
    assert groups is not None, f"up to {cluster.FLAT_MOST:,} clusters are compared with every document"
    searched = cluster.searchable(centroids, *groups)
    cluster.assign(vectors[:10], searched)
    begun = time.perf_counter()
    exact = cluster.assign(vectors, cluster.Centroids(centroids))
    middle = time.perf_counter()
    near = cluster.assign(vectors, searched)
    end = time.perf_counter()
    print(
        f"recall {np.mean(exact[0] == near[0]):.4f}, mean distance {near[1].mean():.4f} for {exact[1].mean():.4f}, "
        f"{(middle - begun) / (end - middle):.1f} times as fast"
    )


def whole_command(arguments: argparse.Namespace) -> None:
    """Print the most that all processes of a command held together."""
    environment = {**os.environ, "CURATE_STAGES": "planted_vectors", "PYTHONPATH": _path()}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
        source, corpus = Path(folder) / "short.jsonl", str(Path(folder) / "corpus")
        with source.open("w") as file:
            file.writelines(f'{{"text": "short document {i} of many"}}\n' for i in range(arguments.documents))
        for command in (["ingest", str(source), "--to", corpus], ["vectors", corpus]):
            subprocess.run([CURATE, *command, "--quiet"], env=environment, check=True)
        options = ["--embedding", "vectors", "--workers", str(arguments.workers), *arguments.options]
        peak = memory.measured([str(CURATE), "cluster", corpus, *options], 0.05, env=environment)
    memory.show(peak)
    print(f"{peak.total / BAR_MEMORY:.2f} of the bar of 4 GiB")


def _path() -> str:
    return os.pathsep.join([str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    for name, function, documents in (
        ("speed", speed, 100_000),
        ("search", search, 5_000),
        ("memory", whole_command, 2_000_000),
    ):
        one = kinds.add_parser(name)
        one.set_defaults(function=function)
        one.add_argument("--documents", type=int, default=documents)
        one.add_argument("--clusters", type=int, default=50_000 if name == "search" else 1_000)
        one.add_argument("--rounds", type=int, default=20)
        one.add_argument("--runs", type=int, default=3)
        one.add_argument("--workers", type=int, default=2)
        one.add_argument("--scratch", help="A folder with room for the vectors.")
        one.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="Of `curate cluster`.")
    arguments = parser.parse_args()
    if ENVIRONMENT.items() - os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})
    arguments.function(arguments)


if __name__ == "__main__":
    main()
