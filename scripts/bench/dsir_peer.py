"""The log importance weights of the data-selection package, by the Python of an environment of its own.

Run by `dsir.py`, with the repository in PYTHONPATH:

    python dsir_peer.py FOLDER

FOLDER holds `pool.jsonl` and `target.jsonl`. An array of weights for each hash is left there: `ours.npy` with the
package's `hash_buckets` replaced by ours (its plain-Python twin), `own.npy`, and `salted.npy`, the package's hash of
the salted n-gram. `seconds.json` has the seconds of fitting and of weighing with its own hash, imports not counted.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import functools
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import data_selection
import numpy as np
from data_selection import hashed_ngram_dsir as package

from tests.naive.dsir import bucket

own = package.hash_buckets


@functools.lru_cache(maxsize=1 << 22)
def ours(text: str, num_buckets: int = 10000) -> int:
    return bucket(text, num_buckets)


def salted(text: str, num_buckets: int = 10000) -> int:
    return own("salt " + text, num_buckets)


def weighed(folder: Path, hashed: Callable) -> tuple[np.ndarray, float, float]:
    """The weights of the pool, the seconds to fit and those to weigh, all of this one core."""
    package.hash_buckets = hashed
    cache = folder / "cache"
    files = {"raw_datasets": [str(folder / "pool.jsonl")], "target_datasets": [str(folder / "target.jsonl")]}
    model = package.HashedNgramDSIR(**files, cache_dir=str(cache), num_proc=1)
    begun = time.process_time()
    model.fit_importance_estimator(num_tokens_to_fit="all")
    fitted = time.process_time()
    model.compute_importance_weights()
    ended = time.process_time()
    found = np.load(cache / "log_importance_weights" / "0.npy")
    shutil.rmtree(cache)
    return found, fitted - begun, ended - fitted


def main() -> None:
    """Weigh with each hash."""
    folder = Path(sys.argv[1])
    seconds = {"version": data_selection.__version__}
    for name, hashed in {"own": own, "ours": ours, "salted": salted}.items():
        found, fit, weigh = weighed(folder, hashed)
        np.save(folder / f"{name}.npy", found)
        if name == "own":
            seconds |= {"fit": fit, "weigh": weigh}
    (folder / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main()
