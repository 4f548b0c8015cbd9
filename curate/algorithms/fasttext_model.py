"""fastText's model files (.bin, and quantised .ftz; Joulin et al. 2017, arXiv 1607.01759 and 2016, arXiv 1612.03651).

A file is mapped, not read: its pages are shared by all processes and need no memory of their own. Version 12 of the
format, and 11, in which supervised models have no character n-grams.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from curate.errors import UsageError
from curate.kernels import arrow, fasttext_words
from curate.kernels import fasttext as kernel

_MAGIC, _VERSIONS = 793712314, (11, 12)
_SUPERVISED = 3
_CENTROIDS = 256
_MOST_GRAMS = 255
_RUN_BYTES = 4 << 20
_RUN_PROBABILITIES = 1 << 20
_HEADER = struct.Struct("<ii12id")
_DICTIONARY = struct.Struct("<iiiqq")


class Loaded(NamedTuple):
    """A supervised model, and its labels in the order of its outputs."""

    model: kernel.Model
    labels: list[str]


class _Reader:
    """Goes through the bytes of a file; asking beyond their end raises ValueError."""

    def __init__(self, data: np.ndarray):
        self.data, self.at = data, 0

    def fields(self, layout: struct.Struct) -> tuple:
        return layout.unpack(self.array(np.uint8, layout.size).tobytes())

    def array(self, kind: type, count: int) -> np.ndarray:
        size = np.dtype(kind).itemsize * count
        if count < 0 or self.at + size > len(self.data):
            raise ValueError("the file is cut off, or no model of fastText")
        self.at += size
        return self.data[self.at - size : self.at].view(kind)


def opened(path: str) -> Loaded:
    """A model file, mapped. Raises UsageError where it is no supervised model."""
    with open(path, "rb") as file:
        try:
            data = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
            return _loaded(data)
        except ValueError as problem:
            raise UsageError(f"--model '{path}': {problem}; give a supervised fastText model (.bin or .ftz)") from None


def parsed(data: bytes | np.ndarray) -> Loaded:
    """A model's bytes, which stay where they are. Raises ValueError where they are no supervised model."""
    return _loaded(np.frombuffer(data, dtype=np.uint8))


def joined(pieces: arrow.Array) -> np.ndarray:
    """The bytes of a binary array of pieces, one after the other: uint8, without a copy where the array is in one."""
    values = arrow.strings(pieces)
    found = values.data[values.offsets[0] : values.offsets[-1]]
    found.setflags(write=False)
    return found


def _loaded(data: np.ndarray) -> Loaded:
    reader = _Reader(data)
    magic, version, size, _, _, _, _, grams, loss, kind, buckets, least, most, _, _ = reader.fields(_HEADER)
    if magic != _MAGIC or version not in _VERSIONS:
        raise ValueError("it has the wrong format")
    if kind != _SUPERVISED:
        raise ValueError("it holds word vectors and knows no labels")
    entries = _entries(reader)
    kept = _kept(reader, entries.pruned, buckets)
    reciprocal = np.uint64(-(-(2**64) // buckets)) if buckets > 1 else np.uint64(0)
    most = 0 if version == 11 else max(most, 0)
    if not (0 <= grams <= _MOST_GRAMS and least >= 0 and most <= _MOST_GRAMS):
        raise ValueError("its settings are broken")
    settings = fasttext_words.Settings(entries.words, grams, buckets, reciprocal, least, most, loss)
    quantised = bool(reader.array(np.uint8, 1)[0])
    inputs = _matrix(reader, quantised)
    outputs = _decoded(_matrix(reader, bool(reader.array(np.uint8, 1)[0]) and quantised))
    _check(settings, kept, inputs, outputs, (len(entries.labels), size))
    words = _words(reader.data, entries, settings, kept)
    return Loaded(kernel.Model(settings, words, inputs, outputs, _tree(entries.counts)), entries.labels)


class _Entries(NamedTuple):
    """Where the words, and then the labels, lie; the labels and their counts; how many buckets are kept, -1 for all."""

    starts: np.ndarray
    ends: np.ndarray
    words: int
    labels: list[str]
    counts: np.ndarray
    pruned: int


def _entries(reader: _Reader) -> _Entries:
    size, words, labels, _, pruned = reader.fields(_DICTIONARY)
    if min(size, words, labels) < 0 or words + labels != size or size > len(reader.data):
        raise ValueError("its dictionary is broken")
    if labels == 0:
        raise ValueError("it knows no labels")
    starts, ends, counts = np.empty((3, size), dtype=np.int64)
    reader.at = fasttext_words.find_entries(reader.data, reader.at, starts, ends, counts)
    if reader.at < 0:
        raise ValueError("the file is cut off, or no model of fastText")
    names = [reader.data[starts[i] : ends[i]].tobytes().decode("utf-8", "replace") for i in range(words, size)]
    return _Entries(starts, ends, words, names, counts[words:], pruned)


def _words(
    data: np.ndarray, entries: _Entries, settings: fasttext_words.Settings, kept: np.ndarray
) -> fasttext_words.Words:
    starts, ends = entries.starts, entries.ends
    slots = np.zeros(1 << (2 * len(starts)).bit_length(), dtype=np.uint64)
    fasttext_words.fill_slots(data, starts, ends, slots)
    subword_starts = np.zeros(entries.words + 1, dtype=np.int64)
    if settings.most:
        fasttext_words.count_subwords(data, starts, ends, settings, kept, subword_starts[1:])
        np.cumsum(subword_starts, out=subword_starts)
    subwords = np.empty(int(subword_starts[-1]), dtype=np.uint32)
    if settings.most:
        fasttext_words.list_subwords(data, starts, ends, settings, kept, subword_starts, subwords)
    return fasttext_words.Words(data, starts, slots, kept, subwords, subword_starts)


def _kept(reader: _Reader, pruned: int, buckets: int) -> np.ndarray:
    """The row of each bucket; -1 of those of which none was kept. All were where `pruned` is -1."""
    if pruned < 0:
        return np.empty(0, dtype=np.int32)
    pairs = reader.array(np.int32, 2 * pruned).reshape(-1, 2)
    if pruned and not (pairs.min() >= 0 and pairs[:, 0].max() < buckets):
        raise ValueError("its dictionary is broken")
    kept = np.full(max(buckets, 1), -1, dtype=np.int32)
    kept[pairs[:, 0]] = pairs[:, 1]
    return kept


def _matrix(reader: _Reader, quantised: bool) -> kernel.Matrix:
    if not quantised:
        rows, size = reader.fields(struct.Struct("<qq"))
        dense = reader.array(np.float32, _product(rows, size)).reshape(rows, size)
        return kernel.Matrix(
            _fixed(dense), _fixed(np.empty((0, 0), np.uint8)), np.empty(0, np.float32), 1, np.empty(0, np.float32)
        )
    normed, rows, size, number = reader.fields(struct.Struct("<?qqi"))
    if rows <= 0 or number % rows:
        raise ValueError("its matrix is broken")
    codes = reader.array(np.uint8, number).reshape(rows, number // rows)
    centroids, part = _centroids(reader, size, number // rows)
    norms = np.empty(0, dtype=np.float32)
    if normed:
        found = reader.array(np.uint8, rows)
        norms = _centroids(reader, 1, 1)[0][found]
    return kernel.Matrix(_fixed(np.empty((0, size), np.float32)), _fixed(codes), centroids, part, norms)


def _fixed(array: np.ndarray) -> np.ndarray:
    """The same as a read-only array that may lie anywhere: one type for all, so that kernels are compiled once."""
    view = array.view()
    view.setflags(write=False, align=array.itemsize == 1)
    return view


def _decoded(matrix: kernel.Matrix) -> np.ndarray:
    """All rows as float32, in memory of their own."""
    rows, parts = matrix.codes.shape
    if rows == 0:
        return matrix.dense.copy()
    size = matrix.dense.shape[1]
    found = np.empty((rows, size), dtype=np.float32)
    for number in range(parts):
        begin = number * matrix.part
        end = min(size, begin + matrix.part)
        some = matrix.centroids[_CENTROIDS * begin : _CENTROIDS * end].reshape(_CENTROIDS, end - begin)
        found[:, begin:end] = some[matrix.codes[:, number]]
    return found * matrix.norms[:, None] if len(matrix.norms) else found


def _product(rows: int, size: int) -> int:
    if rows < 0 or size <= 0:
        raise ValueError("its matrix is broken")
    return rows * size


def _centroids(reader: _Reader, size: int, parts: int) -> tuple[np.ndarray, int]:
    """The centroids of a product quantizer, copied so that they are aligned, and the numbers in each part."""
    dimension, number, part, last = reader.fields(struct.Struct("<iiii"))
    if (dimension, number) != (size, parts) or part <= 0 or (parts - 1) * part + last != size or not 0 < last <= part:
        raise ValueError("its quantizer is broken")
    return reader.array(np.float32, _CENTROIDS * dimension).copy(), part


def _tree(counts: np.ndarray) -> np.ndarray:
    """Huffman's tree over labels in falling order of counts, as hierarchical softmax has it: int32 (nodes, 2)."""
    labels = len(counts)
    children = np.full((2 * labels - 1, 2), -1, dtype=np.int32)
    sizes = [*counts.tolist(), *[10**15] * (labels - 1)]
    leaf, inner = labels - 1, labels
    for node in range(labels, 2 * labels - 1):
        for side in range(2):
            if leaf >= 0 and sizes[leaf] < sizes[inner]:
                children[node, side], leaf = leaf, leaf - 1
            else:
                children[node, side], inner = inner, inner + 1
        sizes[node] = sizes[children[node, 0]] + sizes[children[node, 1]]
    return children


def _check(
    settings: fasttext_words.Settings,
    kept: np.ndarray,
    inputs: kernel.Matrix,
    outputs: np.ndarray,
    shape: tuple[int, int],
) -> None:
    hashed = settings.word_ngrams > 1 or settings.most > 0
    if hashed and settings.buckets <= 0:
        raise ValueError("it has n-grams and no buckets for them")
    behind = int(kept.max()) + 1 if len(kept) else settings.buckets if hashed else 0
    rows = len(inputs.codes) or len(inputs.dense)
    if inputs.dense.shape[1] != shape[1] or rows < settings.words + behind or outputs.shape != shape:
        raise ValueError("its matrices do not fit its dictionary")
    if settings.loss not in (kernel.HIERARCHICAL, kernel.NEGATIVE_SAMPLING, kernel.SOFTMAX, kernel.ONE_VS_ALL):
        raise ValueError(f"its loss {settings.loss} is none that fastText knows")


def runs(texts: arrow.Array, labels: int) -> Iterator[pa.Array]:
    """Some texts at a time: 4 MiB of text, or what has a million probabilities."""
    texts = arrow.combined(texts)
    ends = arrow.strings(texts).offsets
    most, start = max(1, _RUN_PROBABILITIES // labels), 0
    while start < len(texts):
        stop = int(np.searchsorted(ends, ends[start] + _RUN_BYTES, side="right")) - 1
        stop = min(max(stop, start + 1), start + most)
        yield texts.slice(start, stop - start)
        start = stop


def probabilities(loaded: Loaded, texts: arrow.Array, *, best_only: bool = False) -> np.ndarray:
    """The probability of each label for each text: float32 (n, labels), all 0 where no word of it is known.

    As the library gives them, which adds 1e-5 to each; 0 for those that it leaves out. With `best_only` those may be
    left out that are not the greatest of their text. A newline counts as a blank. Holds 4 bytes for each number, and
    2 for each of the longest text.
    """
    values = arrow.strings(texts)
    found = np.empty((len(values), len(loaded.labels)), dtype=np.float32)
    room = fasttext_words.room(int(np.diff(values.offsets).max(initial=0)), loaded.model.settings)
    kernel.predict(*_read_only(values), loaded.model, best_only, room, found)
    return found


def likeliest(loaded: Loaded, found: np.ndarray) -> np.ndarray:
    """The likeliest label of each row of `probabilities`, int64 (n,); of equal ones that which the library gives.

    It keeps the last that it meets: in a tree that of the most frequent label, which is the first.
    """
    settings = loaded.model[0]
    if settings.loss == kernel.HIERARCHICAL:
        return found.argmax(axis=1)
    return found.shape[1] - 1 - found[:, ::-1].argmax(axis=1)


def with_words(texts: arrow.Array) -> np.ndarray:
    """Whether each text has anything but blanks, as fastText sees them: bool (n,)."""
    values = arrow.strings(texts)
    found = np.empty(len(values), dtype=np.bool_)
    fasttext_words.has_words(*_read_only(values), found)
    return found


def _read_only(values: arrow.Strings) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and data as one type of array, so that kernels are compiled once."""
    views = values.offsets.view(), values.data.view()
    for view in views:
        view.setflags(write=False)
    return views
