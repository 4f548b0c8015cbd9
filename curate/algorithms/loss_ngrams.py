"""N-gram models that a stage trains, as tables: from a sample of a corpus, in two halves, or from other files.

A model knows the texts that it was trained on better than others, so that those of a sample would all come out as easy.
So there are two, each of one half of the sample by a hash of the id, and every document is judged by the one of the
other half: none by a model that has read it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import ngram_model
from curate.algorithms.ngram_counts import Counts, Unit
from curate.algorithms.ngram_model import NgramModel
from curate.algorithms.normalise import normalise
from curate.errors import DataError, UsageError
from curate.kernels import arrow, hashing
from curate.storage import shard

EXAMPLE_CHARACTERS = 8_192
"""How much of the beginning of a sampled document is trained on."""
MODELS = pa.schema([("model", pa.int32()), ("piece", pa.large_binary())])
"""Models by number, in pieces of their files: a whole one as one value costs Parquet many copies of it."""

_SALT = 0x2545F4914F6CDD1D
_PIECE_BYTES = 1 << 20

_last: list[Any] = []


def training_bytes(text_bytes: int, order: int) -> int:
    """What it takes at most to train models of one or two halves of such texts: of order 3, 10 times were measured."""
    return 6 * order * text_bytes


def model_bytes(text_bytes: int, order: int) -> int:
    """What such models take, as a table and in memory: of order 2, 2.4 times the texts were measured, of 5, 15."""
    return 3 * order * text_bytes


def halves(ids: arrow.Array) -> np.ndarray:
    """Which half each document belongs to, bool (n,), by a hash of its id."""
    values = arrow.strings(ids)
    hashes = np.empty(len(values), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(_SALT), hashes)
    return (hashes >> np.uint64(63)).astype(np.bool_)


def examples(texts: arrow.Array, ids: arrow.Array) -> pa.Table:
    """The beginnings of sampled documents, and their `half`."""
    beginnings = pc.utf8_slice_codeunits(arrow.combined(texts), 0, EXAMPLE_CHARACTERS)
    return pa.table({"text": beginnings, "half": halves(ids)})


def half_counts(tables: Iterable[pa.Table], order: int, unit: Unit) -> list[Counts]:
    """The n-grams of each half of some examples."""
    found: list[list[pa.Array]] = [[], []]
    for table in tables:
        second = arrow.numbers(table["half"])
        for half, rows in enumerate((~second, second)):
            found[half].append(arrow.combined(table["text"].filter(pa.array(rows))))
    return [
        ngram_model.count(pa.concat_arrays([pa.array([], pa.large_string()), *some]), order=order, unit=unit)
        for some in found
    ]


def text_counts(texts: Iterable[pa.Array], given: str, order: int, unit: Unit, tokenizer: str | None = None) -> Counts:
    """The n-grams of the texts of files, array by array. Raises DataError, naming what was given, without any text."""
    total = None
    for some in texts:
        counted = ngram_model.count(normalise(some)[0], order=order, unit=unit, tokenizer=tokenizer)
        total = counted if total is None else total.merge(counted)
    if total is None or len(total.hashes) <= 2:
        raise DataError(f"{given}: no text there to train a model on; give other files")
    return total


def to_table(models: Sequence[NgramModel]) -> pa.Table:
    """Rows of `MODELS`."""
    tables = [MODELS.empty_table()]
    with tempfile.TemporaryDirectory(prefix="curate-ngrams-") as folder:
        path = os.path.join(folder, "model")
        for number, model in enumerate(models):
            model.save(path)
            with open(path, "rb") as file:
                pieces = list(iter(lambda: file.read(_PIECE_BYTES), b""))
            tables.append(pa.table([[number] * len(pieces), pieces], schema=MODELS))
    return pa.concat_tables(tables).combine_chunks()


def from_table(table: pa.Table) -> list[NgramModel]:
    """The models of `to_table`, in files without a name, mapped into memory."""
    models = []
    numbers = arrow.numbers(table["model"])
    with tempfile.TemporaryDirectory(prefix="curate-ngrams-") as folder:
        for number in range(int(numbers.max(initial=-1)) + 1):
            path = os.path.join(folder, str(number))
            with open(path, "wb") as file:
                for piece in table["piece"].filter(pa.array(numbers == number)):
                    file.write(piece.as_buffer())
            models.append(NgramModel.load(path))
    return models


@dataclass(frozen=True)
class Averaged:
    """Models of two halves for documents of neither: what a text costs is the mean of what it costs each."""

    models: list[NgramModel]

    def bits_per_byte(self, texts: arrow.Array) -> np.ndarray:
        """See LossModel."""
        return np.mean([model.bits_per_byte(texts) for model in self.models], axis=0)


def averaged(models: list[NgramModel]) -> NgramModel | Averaged:
    """One model of one or two."""
    return models[0] if len(models) == 1 else Averaged(models)


def load(path: str) -> list[NgramModel]:
    """The model of a file of its own, or those of a layer's model.parquet.

    Raises UsageError or DataError when it is neither.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"PAR1":
            return [NgramModel.load(path)]
    try:
        models = from_table(shard.read_model(Path(path)).select(MODELS.names))
    except KeyError:
        models = []
    if not models:
        raise UsageError(f"model {path}: holds no n-gram model; name a layer that trained its own")
    return models


def once(table: pa.Table, make: Callable[[], Any]) -> Any:
    """What is made of a model, made once while surveys are given the same table, shard after shard."""
    if not _last or _last[0] is not table:
        _last[:] = [table, make()]
    return _last[1]


def crossed(texts: arrow.Array, ids: arrow.Array, models: Sequence[Any]) -> np.ndarray:
    """The bits per byte of each document, float64 (n,): of two models by the one trained on the other half."""
    texts = arrow.combined(texts)
    if len(models) == 1:
        return models[0].bits_per_byte(texts)
    out, second = np.empty(len(texts), dtype=np.float64), halves(ids)
    for model, rows in zip(models, (second, ~second), strict=True):
        chosen = np.flatnonzero(rows)
        out[chosen] = model.bits_per_byte(texts.take(pa.array(chosen)))
    return out
