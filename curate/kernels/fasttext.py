"""What fastText models give for texts (Joulin et al. 2017, arXiv 1607.01759).

Rows of the input matrix (of words and their character n-grams, then of word n-grams) are averaged in that order in
float32, so that sums round as the library's do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.bits import add_four, prefetch
from curate.kernels.fasttext_words import END_OF_LINE, ROWS_AT_ONCE, Place, Settings, Words, read, word_ngrams

HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4

_SMALLEST = np.float64(1e-5)
_SIGMOID_STEPS, _SIGMOID_REACH = np.float32(512), np.float32(8)
_CENTROIDS = 256
_AHEAD = 24
_0, _7, _8 = np.uint64(0), np.uint64(7), np.uint64(8)


class Matrix(NamedTuple):
    """The input matrix: rows of float32, or (dense is then empty) codes of a product quantizer.

    dense: float32 (rows, n). codes: uint8 (rows, parts). centroids: float32 (256 n,), those of a part one after the
    other. part: numbers in each part, but for the last. norms: float32 (rows,), or (0,) where they are all 1.
    """

    dense: np.ndarray
    codes: np.ndarray
    centroids: np.ndarray
    part: int
    norms: np.ndarray


class Model(NamedTuple):
    """output: float32 (labels, n), or for hierarchical softmax a row for each inner node.

    children: int32 (nodes, 2), left and right of the tree of hierarchical softmax, -1 below a leaf.
    """

    settings: Settings
    words: Words
    input: Matrix
    output: np.ndarray
    children: np.ndarray


@njit(nogil=True, cache=True)
def _average(data, start, end, words, settings, matrix, room, hidden):
    """Fill `hidden` with the mean of the rows of a text; gives how many there are."""
    rows, hashes, _ = room
    hidden[:] = 0
    total = 0
    place = Place(start, start, -1, 0, False)
    while True:
        place, filled = read(data, end, words, settings, room, 0, place)
        _add(rows[:filled], matrix, hidden)
        total += filled
        if filled < ROWS_AT_ONCE:
            break
    number = place.words
    if not place.ended:
        _, filled = read(END_OF_LINE, 4, words, settings, room, number, Place(0, 0, -1, 0, False))
        _add(rows[:filled], matrix, hidden)
        total += filled
        number += 1
    first = 0
    while settings.word_ngrams > 1 and first < number:
        first, filled = word_ngrams(hashes[:number], first, settings, words.kept, rows)
        _add(rows[:filled], matrix, hidden)
        total += filled
    if total:
        hidden *= np.float32(1.0 / total)
    return total


@njit(nogil=True, cache=True)
def _add(rows, matrix, hidden):
    if len(matrix.codes):
        _add_coded(rows, matrix.codes, matrix.centroids, matrix.part, matrix.norms, hidden)
    else:
        _add_dense(rows, matrix.dense, hidden)


@njit(nogil=True, cache=True)
def _add_dense(rows, dense, hidden):
    """Add rows in order, four at a time, so that the sums are stored and loaded a quarter as often.

    The matrix is larger than any cache: rows that come later are fetched meanwhile.
    """
    whole = len(rows) // 4 * 4
    width = np.uint64(len(hidden))
    eights = width & ~_7
    for i in range(0, whole, 4):
        for j in range(i + _AHEAD, min(i + _AHEAD + 4, len(rows))):
            prefetch(dense, np.uint64(rows[j]) * width)
        first, second = np.uint64(rows[i]) * width, np.uint64(rows[i + 1]) * width
        third, fourth = np.uint64(rows[i + 2]) * width, np.uint64(rows[i + 3]) * width
        for k in range(_0, eights, _8):
            add_four(hidden, k, dense, first + k, second + k, third + k, fourth + k)
        for k in range(eights, width):
            for j in range(i, i + 4):
                hidden[k] += dense[rows[j], k]
    for i in range(whole, len(rows)):
        row = dense[rows[i]]
        for k in range(len(hidden)):
            hidden[k] += row[k]


@njit(nogil=True, cache=True)
def _add_coded(rows, codes, centroids, part, norms, hidden):
    for row in rows:
        norm = norms[row] if len(norms) else np.float32(1)
        for p in range(codes.shape[1]):
            begin = p * part
            width = min(part, len(hidden) - begin)
            at = _CENTROIDS * begin + np.int64(codes[row, p]) * width
            for k in range(width):
                hidden[begin + k] += norm * centroids[at + k]


@njit(nogil=True, cache=True)
def _dot(row, hidden):
    found = np.float32(0)
    for k in range(len(hidden)):
        found += row[k] * hidden[k]
    return found


@njit(nogil=True, cache=True)
def _log(value):
    return np.float32(np.log(np.float64(value) + _SMALLEST))


@njit(nogil=True, cache=True)
def _descend(output, children, hidden, best_only, nodes, scores, out):
    """Probabilities of the leaves of the tree; nodes, scores: room for the way. 0 where the library gives none.

    With `best_only` those are left out that cannot be the best.
    """
    lowest, best = _log(np.float32(0)), -np.float32(np.inf)
    out[:] = 0
    nodes[0], scores[0], depth = len(children) - 1, np.float32(0), 1
    while depth:
        depth -= 1
        node, score = nodes[depth], scores[depth]
        if score < lowest or (best_only and score < best):
            continue
        if children[node, 0] < 0:
            out[node] = np.float32(np.exp(score))
            best = max(best, score)
            continue
        share = _dot(output[node - len(out)], hidden)
        share = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-share)))
        nodes[depth], scores[depth] = children[node, 1], score + _log(share)
        nodes[depth + 1] = children[node, 0]
        scores[depth + 1] = score + _log(np.float32(1.0 - np.float64(share)))
        depth += 2


@njit(nogil=True, cache=True)
def _soften(output, hidden, out):
    most = -np.float32(np.inf)
    for i in range(len(out)):
        out[i] = _dot(output[i], hidden)
        most = max(most, out[i])
    total = np.float32(0)
    for i in range(len(out)):
        out[i] = np.exp(out[i] - most)
        total += out[i]
    for i in range(len(out)):
        out[i] = np.float32(np.float64(out[i] / total) + _SMALLEST)


@njit(nogil=True, cache=True)
def _each_alone(output, hidden, out):
    """Sigmoids as the library looks them up: in 512 steps between -8 and 8."""
    for i in range(len(out)):
        found = _dot(output[i], hidden)
        share = np.float32(0)
        if found > _SIGMOID_REACH:
            share = np.float32(1)
        elif found >= -_SIGMOID_REACH:
            step = np.int64((found + _SIGMOID_REACH) * _SIGMOID_STEPS / _SIGMOID_REACH / np.float32(2))
            place = np.float32(step) * np.float32(2) * _SIGMOID_REACH / _SIGMOID_STEPS - _SIGMOID_REACH
            share = np.float32(1.0 / (1.0 + np.float64(np.exp(-place))))
        out[i] = np.float32(np.float64(share) + _SMALLEST)


@njit(nogil=True, cache=True)
def predict(offsets, data, model, best_only, room, out):
    """Probabilities of all labels of each text; out: float32 (n, labels), 0 where the library gives none.

    With `best_only` and hierarchical softmax only the greatest of a row is sure to be there. room: for the longest.
    """
    settings, words, matrix, output, children = model
    hidden = np.empty(output.shape[1], np.float32)
    nodes, scores = np.empty(len(children) + 2, np.int64), np.empty(len(children) + 2, np.float32)
    for i in range(len(offsets) - 1):
        if not _average(data, offsets[i], offsets[i + 1], words, settings, matrix, room, hidden):
            out[i] = 0
        elif settings.loss == HIERARCHICAL:
            _descend(output, children, hidden, best_only, nodes, scores, out[i])
        elif settings.loss == SOFTMAX:
            _soften(output, hidden, out[i])
        else:
            _each_alone(output, hidden, out[i])
