"""The language of a text: scripts first, then naive Bayes over byte n-grams in each window of it.

The n-grams are those of an automaton (Aho and Corasick 1975) that walks a window byte by byte, as langid.py does
(Lui and Baldwin 2012, aclanthology P12-3005), and count by log(1 + n). A text's
probabilities are the means of its windows'.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curate.kernels import njit
from curate.kernels.scripts import END
from curate.kernels.unicode import Table, decode, encode, lowered

WINDOW = 1024
"""Bytes read at once."""
LEAST_WINDOW = 128
"""Bytes of a window in a short text, at least half of them: several tell a mixed text from a uniform one."""
WINDOWS = 8
"""A text of more windows than this is read in that many, evenly spread from its first byte to its last."""
WEIGHT_SCALE = 1 << 10
LOGARITHM_SCALE = 1 << 7
SUM_SCALE = WEIGHT_SCALE * LOGARITHM_SCALE
LINE_WINDOW = 512
LINE_WINDOWS = 4
LINE = LINE_WINDOWS * (LINE_WINDOW + 4)
"""Most bytes that `lines` makes of a text."""
TEMPERATURE = 1.1
"""What the sums of logarithms are divided by, times the square root of the summed log(1 + n), as n-grams are not
independent of one another; fitted so that a score is about the share of texts of that score that are right."""
CLOSE = 0.8
"""Languages whose scripts cover this share of the letters that the best covers are told apart by the model."""
PURE = 0.95
"""In a window with a smaller share of fitting letters the model is not shown the others."""
FEW = 2.0
"""A text of this many letters has half the score that it would have in full."""


class Model(NamedTuple):
    """Classes are in columns; several may belong to one language.

    moves: uint32, shape (rows * 256,), the next state. rows: int64, shape (states,), where the state's row begins in
    `moves`. features: int32, shape (states,), the feature seen on reaching it, or -1.
    weights: int16, shape (features, classes), and prior: int32, shape (classes,): logarithms of probabilities, at most
    16, times `WEIGHT_SCALE` and `SUM_SCALE`. A byte ends one feature at most, so sums stay in int32.
    languages, groups: int32, shape (classes,); the group is -1 for the class of what is no language.
    covers: bool, shape (groups, scripts): which scripts the group's languages are written in.
    near: bool, shape (groups, groups): whether they have a script in common.
    alone: int32, shape (groups,): the language of a group that has but one, or -1.
    letters: int64, shape (scripts,): how many letters one of that script counts for, 0 for what is none.
    cased: bool, shape (scripts,).
    """

    moves: np.ndarray
    rows: np.ndarray
    features: np.ndarray
    weights: np.ndarray
    prior: np.ndarray
    languages: np.ndarray
    groups: np.ndarray
    covers: np.ndarray
    near: np.ndarray
    alone: np.ndarray
    letters: np.ndarray
    cased: np.ndarray


class Characters(NamedTuple):
    """`scripts.table()` and `unicode.lower()`."""

    scripts: np.ndarray
    lower: Table


class Scratch(NamedTuple):
    """Room for one window: see `scratch`."""

    counts: np.ndarray
    seen: np.ndarray
    copy: np.ndarray
    wanted: np.ndarray
    scripts: np.ndarray
    shares: np.ndarray
    fits: np.ndarray
    sums: np.ndarray


def scratch(model: Model) -> Scratch:
    """Zeroed room for `identify`."""
    return Scratch(
        np.zeros(len(model.weights), dtype=np.int32),
        np.zeros(2 * WINDOW + 8, dtype=np.int32),
        np.zeros(2 * WINDOW + 8, dtype=np.uint8),
        np.zeros(len(model.letters), dtype=np.bool_),
        np.zeros(len(model.letters), dtype=np.int64),
        np.zeros(len(model.covers), dtype=np.float64),
        np.zeros(len(model.covers), dtype=np.bool_),
        np.zeros(len(model.prior), dtype=np.int32),
    )


@njit(nogil=True, cache=True)
def window(start, stop, index, size, most):
    """Where window `index` of a text begins and ends, but for cut characters; past the last the end is 0.

    A text of up to `most` windows of `size` bytes is cut into equal ones without a gap; a longer one is sampled.
    """
    length = stop - start
    if length > most * size:
        first = start + (length - size) * index // (most - 1)
        return first, first + size if index < most else 0
    windows = (length + size - 1) // size
    if index >= windows:
        return stop, 0
    return start + length * index // windows, start + length * (index + 1) // windows


@njit(nogil=True, cache=True)
def whole(data, at, stop):
    """The first byte from `at` on, up to `stop`, that begins a character."""
    while at < stop and data[at] & 0xC0 == 0x80:
        at += 1
    return at


@njit(nogil=True, cache=True)
def count_scripts(data, first, last, characters, cased, out):
    """Count code points by script; true where capitals outnumber small letters."""
    out[:] = 0
    capitals = 0
    smalls = 0
    at = first
    while at < last:
        byte = data[at]
        if byte < 0x80:
            at += 1
            folded = byte | 0x20
            if 0x61 <= folded <= 0x7A:
                out[characters.scripts[byte]] += 1
                capitals += byte != folded
                smalls += byte == folded
            continue
        code_point, size = decode(data, at)
        at += size
        script = characters.scripts[code_point] if code_point < END else 0
        out[script] += 1
        if cased[script]:
            large = lowered(characters.lower.pages, characters.lower.leaves, code_point) != code_point
            capitals += large
            smalls += not large
    out[0] = 0
    return capitals > smalls


@njit(nogil=True, cache=True)
def copy_fitting(data, first, last, characters, wanted, fold, out):
    """Write a window with a space for each letter of a script not wanted, in lower case if so; gives its bytes."""
    length = 0
    at = first
    while at < last:
        code_point, size = decode(data, at)
        at += size
        script = characters.scripts[code_point] if code_point < END else 0
        if script and not wanted[script]:
            code_point = np.int64(0x20)
        elif fold:
            code_point = lowered(characters.lower.pages, characters.lower.leaves, code_point)
        length += encode(code_point, out, length)
    return length


@njit(nogil=True, cache=True)
def count_features(data, first, last, model, counts, seen):
    """Walk the automaton, count what it meets, and give how many different features are in `seen`."""
    state = np.int64(0)
    found = 0
    for at in range(first, last):
        state = np.int64(model.moves[model.rows[state] + np.int64(data[at])])
        feature = model.features[state]
        if feature >= 0:
            if counts[feature] == 0:
                seen[found] = feature
                found += 1
            counts[feature] += 1
    return found


@njit(nogil=True, cache=True)
def add_up(model, counts, seen, found, logarithms, sums):
    """The sums of logarithms by class, and gives the sum of log(1 + n); `counts` are zero again after it."""
    sums[:] = model.prior
    total = np.int64(0)
    for i in range(found):
        feature = seen[i]
        times = logarithms[counts[feature]]
        counts[feature] = 0
        total += times
        row = model.weights[feature]
        for column in range(len(sums)):
            sums[column] += times * np.int32(row[column])
    return total


@njit(nogil=True, cache=True)
def cover(model, scripts, shares):
    """The share of the letters that each group's scripts cover; gives the number of letters, weighted."""
    letters = np.int64(0)
    for script in range(len(scripts)):
        scripts[script] *= model.letters[script]
        letters += scripts[script]
    for group in range(len(shares)):
        covered = np.int64(0)
        for script in range(len(scripts)):
            if model.covers[group, script]:
                covered += scripts[script]
        shares[group] = covered / letters if letters else 0.0
    return letters


@njit(nogil=True, cache=True)
def fitting(model, shares, fits, wanted):
    """Mark the groups whose languages the text may be in, and their scripts; gives the language if it is but one."""
    best = np.argmax(shares)
    language = model.alone[best]
    wanted[:] = False
    for group in range(len(shares)):
        fits[group] = model.near[best, group] and shares[group] >= CLOSE * shares[best]
        if fits[group]:
            wanted |= model.covers[group]
            if group != best:
                language = np.int32(-1)
    return language


@njit(nogil=True, cache=True)
def share_out(model, sums, shares, fits, temperature, weight, out):
    """Add a window's probabilities, of the classes whose scripts fit, to the languages' in `out`."""
    best = -np.inf
    for column in range(len(sums)):
        group = model.groups[column]
        if (group < 0 or fits[group]) and sums[column] > best:
            best = np.float64(sums[column])
    total = 0.0
    for sharing in (False, True):
        for column in range(len(sums)):
            group = model.groups[column]
            if group >= 0 and not fits[group]:
                continue
            probability = np.exp((np.float64(sums[column]) - best) / temperature)
            if not sharing:
                total += probability
            else:
                out[model.languages[column]] += weight * probability / total * (shares[group] if group >= 0 else 1.0)


@njit(nogil=True, cache=True)
def read_window(data, first, last, characters, model, scratch, logarithms, out):
    """Add what a window says to `out`, and give the number of its letters."""
    fold = count_scripts(data, first, last, characters, model.cased, scratch.scripts)
    letters = cover(model, scratch.scripts, scratch.shares)
    best = scratch.shares.max()
    if letters == 0 or best == 0.0:
        return letters
    language = fitting(model, scratch.shares, scratch.fits, scratch.wanted)
    if language >= 0:
        out[language] += letters * best
        return letters
    if fold or best < PURE:
        last = copy_fitting(data, first, last, characters, scratch.wanted, fold, scratch.copy)
        found = count_features(scratch.copy, 0, last, model, scratch.counts, scratch.seen)
    else:
        found = count_features(data, first, last, model, scratch.counts, scratch.seen)
    total = add_up(model, scratch.counts, scratch.seen, found, logarithms, scratch.sums)
    temperature = TEMPERATURE * SUM_SCALE * np.sqrt(max(1.0, total / LOGARITHM_SCALE))
    share_out(model, scratch.sums, scratch.shares, scratch.fits, temperature, letters, out)
    return letters


@njit(nogil=True, cache=True)
def identify(offsets, data, characters, model, scratch, nothing, languages, scores):
    """The language of each text, or -1, and its score.

    offsets: int64, shape (n + 1,). nothing: the language that stands for none; it is the last.
    languages: int32, shape (n,). scores: float32, shape (n,), 0 for a text without a language.
    """
    masses = np.zeros(nothing + 1, dtype=np.float64)
    logarithms = np.rint(np.log1p(np.arange(2 * WINDOW + 8)) * LOGARITHM_SCALE).astype(np.int32)
    for row in range(len(languages)):
        start, stop = offsets[row], offsets[row + 1]
        masses[:] = 0.0
        letters = np.int64(0)
        size = min(max(LEAST_WINDOW, (stop - start + WINDOWS - 1) // WINDOWS), WINDOW)
        for index in range(WINDOWS):
            first, last = window(start, stop, index, size, WINDOWS)
            if last == 0:
                break
            first, last = whole(data, first, stop), whole(data, last, stop)
            letters += read_window(data, first, last, characters, model, scratch, logarithms, masses)
        language = np.argmax(masses[:nothing])
        if letters == 0 or masses[language] == 0.0:
            languages[row] = -1
            scores[row] = 0.0
            continue
        text = 1.0 - masses[nothing] / letters
        share = masses[language] / letters / max(text, 1e-9)
        languages[row] = language
        scores[row] = min(share, 1.0) * min(1.0, 2.0 * text) * letters / (letters + FEW)


@njit(nogil=True, cache=True)
def lines(offsets, data, scripts, out_offsets, out, lettered):
    """A line of each text for a model that reads lines: four windows of 512 bytes of it, or all of a shorter one.

    Control characters become spaces. out_offsets: int64, shape (n + 1,). out: uint8, at least n * `LINE` long.
    lettered: bool, shape (n,), whether a letter is among them.
    """
    length = np.int64(0)
    out_offsets[0] = 0
    for row in range(len(lettered)):
        start, stop = offsets[row], offsets[row + 1]
        lettered[row] = False
        for index in range(LINE_WINDOWS):
            first, last = window(start, stop, index, LINE_WINDOW, LINE_WINDOWS)
            if last == 0:
                break
            first, last = whole(data, first, stop), whole(data, last, stop)
            for at in range(first, last):
                byte = data[at]
                out[length] = byte if byte >= 0x20 else 0x20
                length += 1
                if not lettered[row] and byte & 0xC0 != 0x80:
                    code_point, _ = decode(data, at)
                    lettered[row] = code_point < END and scripts[code_point] != 0
            if stop - start > LINE_WINDOW * LINE_WINDOWS:
                out[length] = 0x20
                length += 1
        out_offsets[row + 1] = length
