"""What fastText models give for texts (Joulin et al. 2017, arXiv 1607.01759; file format and hashes of version 12).

A text is read as one line: its words lie between blanks, a newline is a blank, and the end of line follows as a word
of its own. Rows of the input matrix (of words, of their character n-grams, then of word n-grams) are averaged in that
order in float32, so that sums round as the library's do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit

HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4

_HASH_START = np.uint32(2166136261)
_HASH_FACTOR = np.uint32(16777619)
_NGRAM_FACTOR = np.uint64(116049371)
_SMALLEST = np.float64(1e-5)
_SIGMOID_STEPS, _SIGMOID_REACH = np.float32(512), np.float32(8)
_ROWS_AT_ONCE = 4096
_ENTRY_BYTES = 9
_SHORT = 254
_CENTROIDS = 256
_LABEL, _END_OF_LINE = (np.frombuffer(word, dtype=np.uint8).copy() for word in (b"__label__", b"</s>"))
_LOW_32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


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


class Words(NamedTuple):
    """The dictionary. data: uint8. starts: int64 (words and then labels,), where each begins in `data`; a 0 ends it.

    slots: uint64, a power of two of them: an id plus 1 and, above it, the hash; 0 for none.
    kept: int32 (buckets,), the row of each bucket, -1 where it was pruned away; (0,) where none was.
    subwords, subword_starts: uint32 and int64 (words + 1,), the rows of each word's character n-grams.
    """

    data: np.ndarray
    starts: np.ndarray
    slots: np.ndarray
    kept: np.ndarray
    subwords: np.ndarray
    subword_starts: np.ndarray


class Settings(NamedTuple):
    """words: how many of the dictionary are no labels. least, most: lengths of character n-grams; 0 is none.

    reciprocal: 2 ** 64 over `buckets`, rounded up; uint64.
    """

    words: int
    word_ngrams: int
    buckets: int
    reciprocal: np.uint64
    least: int
    most: int
    loss: int


class Model(NamedTuple):
    """output: float32 (labels, n), or for hierarchical softmax a row for each inner node.

    children: int32 (nodes, 2), left and right of the tree of hierarchical softmax, -1 below a leaf.
    """

    settings: Settings
    words: Words
    input: Matrix
    output: np.ndarray
    children: np.ndarray


class Place(NamedTuple):
    """How far reading a text has come. at: behind the last word begun. begin: where that begins.

    inside: the byte of `<word>` whose character n-grams come next, -1 when they are done. words: how many are read.
    ended: whether the end of line was.
    """

    at: int
    begin: int
    inside: int
    words: int
    ended: bool


class Room(NamedTuple):
    """What a text needs on the way. rows: uint32, `_ROWS_AT_ONCE` and those of a short word. word: uint8, a short word.

    hashes: int32, for all words of the text.
    """

    rows: np.ndarray
    hashes: np.ndarray
    word: np.ndarray


def room(longest: int, settings: Settings) -> Room:
    """For texts of up to so many bytes: 2 bytes of memory for each, and 16 KiB."""
    at_once = _ROWS_AT_ONCE + (settings.most + 1) * (_SHORT + 2) + settings.word_ngrams
    return Room(np.empty(at_once, np.uint32), np.empty(longest // 2 + 2, np.int32), np.empty(_SHORT + 2, np.uint8))


@njit(nogil=True, cache=True)
def find_entries(data, at, starts, ends, counts):
    """Where the entries of a dictionary lie, and their counts; gives the place behind them, -1 if they do not end."""
    for i in range(len(starts)):
        starts[i] = at
        while at < len(data) and data[at] != 0:
            at += 1
        ends[i] = at
        if at + 1 + _ENTRY_BYTES > len(data):
            return -1
        count = np.uint64(0)
        for k in range(8):
            count |= np.uint64(data[at + 1 + k]) << np.uint64(8 * k)
        counts[i] = np.int64(count)
        at += 1 + _ENTRY_BYTES
    return at


@njit(nogil=True, cache=True)
def fill_slots(data, starts, ends, slots):
    """Enter every word; slots: uint64, zeros, a power of two and more than there are words."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(starts)):
        value = _hash(data, starts[i], ends[i], _HASH_START)
        at = np.uint64(value) & mask
        while slots[at]:
            at = (at + np.uint64(1)) & mask
        slots[at] = np.uint64(value) << _32 | np.uint64(i + 1)


@njit(nogil=True, cache=True)
def _hash(data, start, end, value):
    """FNV-1a of signed bytes, going on from `value`."""
    for i in range(start, end):
        value = np.uint32((value ^ np.uint32(np.int8(data[i]))) * _HASH_FACTOR)
    return value


@njit(nogil=True, cache=True)
def _find(words_data, starts, slots, value, data, start, end):
    """The id of a word of that hash, -1 for none."""
    mask = np.uint64(len(slots) - 1)
    at = np.uint64(value) & mask
    while slots[at]:
        if slots[at] >> _32 == np.uint64(value):
            word = np.int64(slots[at] & _LOW_32) - 1
            stop = starts[word] + end - start
            if stop < len(words_data) and words_data[stop] == 0 and _equal(words_data, starts[word], data, start, end):
                return word
        at = (at + np.uint64(1)) & mask
    return -1


@njit(nogil=True, cache=True)
def _equal(left, at, right, start, end):
    """Whether the bytes of `left` from `at` on begin with right[start:end]."""
    i = start
    while i < end and left[at + i - start] == right[i]:
        i += 1
    return i == end


@njit(nogil=True, cache=True)
def _blank(byte):
    return byte == 32 or 9 <= byte <= 13 or byte == 0


@njit(nogil=True, cache=True)
def _is_end_of_line(data, start, end):
    """Whether a word is `</s>`."""
    if end - start != 4 or data[start] != 60 or data[start + 1] != 47:
        return False
    return data[start + 2] == 115 and data[start + 3] == 62


@njit(nogil=True, cache=True)
def _is_label(data, start, end):
    """Whether a word begins with `__label__`."""
    return end - start >= len(_LABEL) and _equal(data, start, _LABEL, 0, len(_LABEL))


@njit(nogil=True, cache=True)
def _read(data, end, words, settings, room, first, place):
    """Rows of words and of their character n-grams, until the text ends or there are `_ROWS_AT_ONCE`.

    The hashes of words go to `room.hashes`, from `first` on. Gives the new place, the last word of which may still have
    n-grams to come, and the number of rows.
    """
    words_data, starts, slots, kept, subwords, subword_starts = words
    rows, hashes, short = room
    at, begin, inside, number, ended = place
    filled = 0
    while filled < _ROWS_AT_ONCE:
        if inside >= 0:
            size = at - begin + 2
            while inside < size and filled < _ROWS_AT_ONCE:
                filled = _subwords(data, begin, size, inside, settings, kept, rows, filled)
                inside += 1
            if inside == size:
                inside = -1
            continue
        while at < end and _blank(data[at]):
            at += 1
        if at == end or ended:
            break
        begin = at
        value = _HASH_START
        while at < end and not _blank(data[at]):
            value = np.uint32((value ^ np.uint32(np.int8(data[at]))) * _HASH_FACTOR)
            at += 1
        word = _find(words_data, starts, slots, value, data, begin, at)
        if word >= settings.words or (word < 0 and _is_label(data, begin, at)):
            continue
        ended = _is_end_of_line(data, begin, at)
        hashes[first + number] = np.int32(value)
        number += 1
        if word >= 0:
            rows[filled] = word
            filled += 1
        if settings.most == 0 or ended:
            continue
        if at - begin > _SHORT:
            inside = 0
        elif word >= 0:
            for i in range(subword_starts[word], subword_starts[word + 1]):
                rows[filled] = subwords[i]
                filled += 1
        else:
            filled = _short_subwords(data, begin, at, settings, kept, short, rows, filled)
    return Place(at, begin, inside, number, ended), filled


@njit(nogil=True, cache=True)
def _short_subwords(data, start, end, settings, kept, word, rows, filled):
    """Rows of the character n-grams of a word, by their first character and then by length."""
    size = end - start + 2
    word[0], word[size - 1] = np.uint8(60), np.uint8(62)
    for i in range(end - start):
        word[i + 1] = data[start + i]
    for i in range(size):
        if word[i] & 0xC0 == 0x80:
            continue
        value, j, number = _HASH_START, i, 0
        while j < size and number < settings.most:
            value = np.uint32((value ^ np.uint32(np.int8(word[j]))) * _HASH_FACTOR)
            j += 1
            while j < size and word[j] & 0xC0 == 0x80:
                value = np.uint32((value ^ np.uint32(np.int8(word[j]))) * _HASH_FACTOR)
                j += 1
            number += 1
            if number >= settings.least and not (number == 1 and (i == 0 or j == size)):
                filled = _push(_bucket(value, settings), settings, kept, rows, filled)
    return filled


@njit(nogil=True, cache=True)
def count_subwords(data, starts, ends, settings, kept, counts):
    """How many character n-grams each short word but the end of line has a row for; counts: int64."""
    word, rows = np.empty(_SHORT + 2, np.uint8), np.empty((_SHORT + 2) * settings.most, np.uint32)
    for i in range(len(counts)):
        counts[i] = 0
        if ends[i] - starts[i] <= _SHORT and not _is_end_of_line(data, starts[i], ends[i]):
            counts[i] = _short_subwords(data, starts[i], ends[i], settings, kept, word, rows, 0)


@njit(nogil=True, cache=True)
def list_subwords(data, starts, ends, settings, kept, subword_starts, out):
    """Those rows; subword_starts: int64 (words + 1,), out: uint32 (subword_starts[words],)."""
    word = np.empty(_SHORT + 2, np.uint8)
    for i in range(len(subword_starts) - 1):
        if subword_starts[i] < subword_starts[i + 1]:
            rows = out[subword_starts[i] : subword_starts[i + 1]]
            _short_subwords(data, starts[i], ends[i], settings, kept, word, rows, 0)


@njit(nogil=True, cache=True)
def _bucket(value, settings):
    """The remainder of a hash by the buckets, without a division (Lemire, Kaser and Kurz 2019, arXiv 1902.01961)."""
    low = np.uint64(value) * settings.reciprocal
    buckets = np.uint64(settings.buckets)
    return np.int64(((low >> _32) * buckets + (((low & _LOW_32) * buckets) >> _32)) >> _32)


@njit(nogil=True, cache=True)
def _subwords(data, start, size, i, settings, kept, rows, filled):
    """The same for those alone that begin with byte i of `<word>`, however long that is."""
    if _continues(data, start, size, i):
        return filled
    value, j, number = _HASH_START, i, 0
    while j < size and number < settings.most:
        value = _with_byte(data, start, size, j, value)
        j += 1
        while j < size and _continues(data, start, size, j):
            value = _with_byte(data, start, size, j, value)
            j += 1
        number += 1
        if number >= settings.least and not (number == 1 and (i == 0 or j == size)):
            filled = _push(_bucket(value, settings), settings, kept, rows, filled)
    return filled


@njit(nogil=True, cache=True)
def _continues(data, start, size, i):
    """Whether byte i of `<word>` is not the first of its character."""
    return 0 < i < size - 1 and data[start + i - 1] & 0xC0 == 0x80


@njit(nogil=True, cache=True)
def _with_byte(data, start, size, i, value):
    byte = np.uint8(60) if i == 0 else np.uint8(62) if i == size - 1 else data[start + i - 1]
    return np.uint32((value ^ np.uint32(np.int8(byte))) * _HASH_FACTOR)


@njit(nogil=True, cache=True)
def _push(bucket, settings, kept, rows, filled):
    if len(kept):
        bucket = np.int64(kept[bucket])
        if bucket < 0:
            return filled
    rows[filled] = settings.words + bucket
    return filled + 1


@njit(nogil=True, cache=True)
def _word_ngrams(hashes, first, settings, kept, rows):
    """Rows of the n-grams of words from `first` on; gives the word that comes next and the number of rows."""
    filled = 0
    while first < len(hashes) and filled < _ROWS_AT_ONCE:
        value = np.uint64(np.int64(hashes[first]))
        for j in range(first + 1, min(len(hashes), first + settings.word_ngrams)):
            value = value * _NGRAM_FACTOR + np.uint64(np.int64(hashes[j]))
            filled = _push(np.int64(value % np.uint64(settings.buckets)), settings, kept, rows, filled)
        first += 1
    return first, filled


@njit(nogil=True, cache=True)
def _average(data, start, end, words, settings, matrix, room, hidden):
    """Fill `hidden` with the mean of the rows of a text; gives how many there are."""
    rows, hashes, _ = room
    hidden[:] = 0
    total = 0
    place = Place(start, start, -1, 0, False)
    while True:
        place, filled = _read(data, end, words, settings, room, 0, place)
        _add(rows[:filled], matrix, hidden)
        total += filled
        if filled < _ROWS_AT_ONCE:
            break
    number = place.words
    if not place.ended:
        _, filled = _read(_END_OF_LINE, 4, words, settings, room, number, Place(0, 0, -1, 0, False))
        _add(rows[:filled], matrix, hidden)
        total += filled
        number += 1
    first = 0
    while settings.word_ngrams > 1 and first < number:
        first, filled = _word_ngrams(hashes[:number], first, settings, words.kept, rows)
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
    """Add rows in order, four at a time, so that the sums are stored and loaded a quarter as often."""
    whole = len(rows) // 4 * 4
    for i in range(0, whole, 4):
        first, second, third, fourth = dense[rows[i]], dense[rows[i + 1]], dense[rows[i + 2]], dense[rows[i + 3]]
        for k in range(len(hidden)):
            hidden[k] = (((hidden[k] + first[k]) + second[k]) + third[k]) + fourth[k]
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
def has_words(offsets, data, out):
    """Whether each text has anything but blanks; out: bool (n,)."""
    for i in range(len(out)):
        at = offsets[i]
        while at < offsets[i + 1] and _blank(data[at]):
            at += 1
        out[i] = at < offsets[i + 1]


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
