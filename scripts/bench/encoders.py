"""A transformer encoder against `SentenceTransformer.encode` on the same texts, sorted by length, on the same device.

Both encode the same documents, one after the other, as often as is said; the ratio is of the medians. The model has
random weights, and is made on the fly.

    python scripts/bench/encoders.py --documents 2000
    python scripts/bench/encoders.py --device cuda --layers 12 --width 768 --documents 20000 --batch-tokens 65536
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from curate.runtime.executors.base import single_threads
from tests import material, models


def texts(count: int) -> list[str]:
    """Documentation of Python's own modules, cut and put together to a spread of lengths, the longest first."""
    source = "\n".join(material.docstrings())
    found, place = [], 0
    for number in range(count):
        length = 80 + 40 * (number * 7919 % 71)
        found.append(source[place % (len(source) - 3000) :][:length])
        place += length
    return sorted(found, key=len, reverse=True)


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """How long a call takes, and how much of the processors' time, which says more on a machine that is not idle."""
    begun, used = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begun, time.process_time() - used


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    given.add_argument("--device", default="cpu")
    given.add_argument("--documents", type=int, default=1_000)
    given.add_argument("--layers", type=int, default=4)
    given.add_argument("--width", type=int, default=256)
    given.add_argument("--batch-tokens", type=int, default=16_384)
    given.add_argument("--batch-size", type=int, nargs="*", default=[32], help="of SentenceTransformer.encode")
    given.add_argument("--rounds", type=int, default=5)
    options = given.parse_args()
    single_threads()
    os.environ |= {"CURATE_DEVICE": options.device, "CURATE_BATCH_TOKENS": str(options.batch_tokens)}
    with tempfile.TemporaryDirectory() as folder:
        compare(options, Path(folder))


def compare(options: argparse.Namespace, folder: Path) -> None:
    """Make the model, check that the vectors agree, and time both."""
    import numpy as np
    import pyarrow as pa
    from sentence_transformers import SentenceTransformer

    from curate.algorithms import embed_models
    from curate.kernels import arrow

    given = texts(options.documents)
    sizes = {"hidden_size": options.width, "num_hidden_layers": options.layers}
    sizes |= {"num_attention_heads": options.width // 64, "intermediate_size": 4 * options.width}
    models.write_transformer(folder / "bert", material.docstrings(), positions=512, vocabulary=8_000, **sizes)
    name = str(models.write_sentence(folder / "sentence", folder / "bert"))
    column = pa.chunked_array([pa.array(given, pa.large_string())])
    theirs = SentenceTransformer(name, device=options.device)
    ours = {kind: embed_models.load(embed_models.Wanted(name, pooling=pooling)) for kind, pooling in KINDS.items()}
    runs: dict[str, Callable[[], object]] = {
        f"SentenceTransformer.encode, batches of {size}": lambda size=size: theirs.encode(given, batch_size=size)
        for size in options.batch_size
    }
    runs |= {kind: lambda encoder=encoder: encoder.embed(column, "float32") for kind, encoder in ours.items()}
    expected = theirs.encode(given, normalize_embeddings=True)
    for kind, encoder in ours.items():
        away = np.abs(arrow.vectors(encoder.embed(column, "float32")) - expected).max()
        print(f"{kind}: greatest difference of a number {away:.1e}")
    times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in runs}
    for _ in range(options.rounds):
        for kind, run in runs.items():
            times[kind].append(seconds(run))
    medians = {kind: [statistics.median(column) for column in zip(*some)] for kind, some in times.items()}
    best = [min(column) for column in zip(*(medians[kind] for kind in runs if kind not in KINDS))]
    volume = sum(len(text.encode()) for text in given) / 1e6
    print(f"{len(given):,} documents, {volume:.1f} MB, {options.layers} x {options.width}, {options.device}")
    for kind, (wall, used) in medians.items():
        ratios = f"{best[0] / wall:5.2f} x  processor {used:8.2f} s {best[1] / used:5.2f} x"
        print(f"{kind:44}{wall:8.2f} s{volume / wall:9.3f} MB/s {ratios}")


KINDS = {"sentence": None, "transformer": "mean"}

if __name__ == "__main__":
    main()
