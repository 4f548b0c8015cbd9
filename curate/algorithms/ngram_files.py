"""One file of a few arrays and what is to be said of them, mapped into memory when read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from curate.errors import DataError, UsageError
from curate.storage.files import replacing

_ALIGNMENT = 64
_PIECE = 1 << 24


def write(path: Path, kind: str, said: dict, arrays: Sequence[np.ndarray]) -> None:
    """Write arrays of one dimension, and `said`, which must be JSON, to a file that names its kind."""
    places, at = [], 0
    for array in arrays:
        places.append([at, len(array), array.dtype.name])
        at += _padded(array.nbytes)
    said_bytes = json.dumps({"said": said, "arrays": places}).encode()
    head = f"curate {kind} 1\n{len(said_bytes)}\n".encode() + said_bytes
    with replacing(path) as aside, open(aside, "wb") as file:
        file.write(head.ljust(_padded(len(head))))
        for array in arrays:
            for start in range(0, len(array), _PIECE):
                file.write(np.ascontiguousarray(array[start : start + _PIECE]).data)
            file.write(bytes(_padded(array.nbytes) - array.nbytes))


def read(path: Path, kind: str) -> tuple[dict, list[np.ndarray]]:
    """What `write` was given; the arrays are read-only.

    Raises UsageError when there is no such file, DataError when it is of another kind, or damaged.
    """
    try:
        with open(path, "rb") as file:
            if file.readline() != f"curate {kind} 1\n".encode():
                raise ValueError("it does not say that it is one")
            head = json.loads(file.read(int(file.readline())))
            start = _padded(file.tell())
        arrays = [_mapped(path, start + at, length, name) for at, length, name in head["arrays"]]
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"{kind} {path}: no such file") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{kind} {path}: another kind of file, or damaged: {error}") from None
    return head["said"], arrays


def is_one(path: Path, kind: str) -> bool:
    """Whether a file says that it is of this kind."""
    expected = f"curate {kind} 1\n".encode()
    with open(path, "rb") as file:
        return file.read(len(expected)) == expected


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _mapped(path: Path, at: int, length: int, name: str) -> np.ndarray:
    if length == 0:
        return np.empty(0, name)
    return np.asarray(np.memmap(path, name, "r", at, (length,)))
