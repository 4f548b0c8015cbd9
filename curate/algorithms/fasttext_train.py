"""Training by the fastText library (Joulin et al. 2017, arXiv 1607.01759): the same examples give the same bytes.

One thread, since several race for the weights; dimension 64, word bigrams in 200,000 buckets and words seen three
times, so that a model is some 60 MB where the library's defaults make 800.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

DIMENSIONS = 64
BUCKETS = 200_000
WORD_NGRAMS = 2
LEAST_COUNT = 3

_M_PERTURB = -6
_WRITTEN_AT_ONCE = 1000


def model_bytes(
    lines: pa.Array, rows: np.ndarray, labels: np.ndarray, names: Sequence[str], *, epochs: int, seed: int
) -> bytes:
    """Train on some of the lines, in the order of `rows`, and give the model file.

    labels: int (lines,), of each line the number of its label among `names`. Holds 350 MB for the matrix and the
    library's dictionary, and the model's bytes; the lines given to it lie in a file.
    """
    import fasttext

    with tempfile.TemporaryDirectory(prefix="curate-fasttext-") as folder:
        path = os.path.join(folder, "model.bin")
        with open(path, "wb") as file:
            for start in range(0, len(rows), _WRITTEN_AT_ONCE):
                some = rows[start : start + _WRITTEN_AT_ONCE]
                for label, line in zip(labels[some], lines.take(pa.array(some)).to_pylist(), strict=True):
                    file.write(f"{names[label]} {line}\n".encode())
        with zeroed_memory():
            model = fasttext.train_supervised(
                input=path,
                dim=DIMENSIONS,
                bucket=BUCKETS,
                wordNgrams=WORD_NGRAMS,
                minCount=LEAST_COUNT,
                epoch=epochs,
                thread=1,
                seed=seed,
                verbose=0,
            )
        model.save_model(path)
        with open(path, "rb") as file:
            return file.read()


@contextlib.contextmanager
def zeroed_memory() -> Iterator[None]:
    """Make malloc give zeros: fastText 0.9.3 with one thread sets a tenth of its matrix, and the rest is as it was."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc
    if mallopt is None:
        yield
        return
    mallopt(_M_PERTURB, 0xFF)  # what is handed out is filled with the complement of this
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)
