"""py3langid's model as the arrays that `language` reads.

The package keeps it packed: to unpack it takes half a second and 200 MB. So its arrays are kept in files beside the
compiled kernels, where they are mapped into memory: a worker holds what it touches, and shares that with the others.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curate.kernels import cache_folder
from curate.kernels.language import SUM_SCALE, WEIGHT_SCALE
from curate.storage.files import replacing


class Arrays(NamedTuple):
    """As in `language.Model`, but for `classes`: str, shape (classes,), the names that py3langid gives them.

    All are read-only.
    """

    classes: np.ndarray
    moves: np.ndarray
    rows: np.ndarray
    features: np.ndarray
    weights: np.ndarray
    prior: np.ndarray


def arrays(packed: Path) -> Arrays:
    """The arrays of a model's file, some 67 MB on disk for the one that py3langid ships."""
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()[:16]
    folder = cache_folder("language_model")
    paths = [folder / f"py3langid-{digest}-{name}.npy" for name in Arrays._fields]
    with contextlib.suppress(FileNotFoundError):
        return _mapped(paths)
    for path, array in zip(paths, _unpacked(packed), strict=True):
        with replacing(path) as aside, open(aside, "wb") as file:
            np.save(file, array)
    return _mapped(paths)


def _mapped(paths: list[Path]) -> Arrays:
    return Arrays(*(np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)) for path in paths))


def _unpacked(packed: Path) -> Arrays:
    from py3langid import modelio

    weights, prior, classes, moves, rows, features = modelio.load_model(packed)
    return Arrays(
        np.array(classes),
        np.asarray(moves, dtype=np.uint32),
        np.asarray(rows, dtype=np.int64) << 8,
        np.asarray(features, dtype=np.int32),
        _scaled(np.asarray(weights)),
        np.rint(np.asarray(prior, dtype=np.float64) * SUM_SCALE).astype(np.int32),
    )


def _scaled(weights: np.ndarray) -> np.ndarray:
    scaled = weights.astype(np.float32)
    scaled *= WEIGHT_SCALE
    return np.rint(scaled, out=scaled).astype(np.int16)
