"""fastText classifiers (Joulin et al. 2017, arXiv 1607.01759): trained here, or anybody's, and their scores.

A text becomes one line, since fastText reads lines of words. As `tokens` (what a model trained here
is trained on and reads) it is lower-cased, words and runs of punctuation (`\\w+|[^\\w\\s]+`) are set
apart by spaces and `__label__` is spelled `label`. As `lines` (what most published models want) only
its newlines become spaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import fasttext_measure, fasttext_model, fasttext_train, iso639
from curate.errors import DataError, UsageError
from curate.kernels import arrow, hashing, wordpunct

PREFIX = "__label__"
POSITIVE = PREFIX + "positive"
NEGATIVE = PREFIX + "negative"
KNOWN_POSITIVE = (POSITIVE, PREFIX + "hq")
EXAMPLE_CHARACTERS = 20_000
"""How much of the beginning of an example is trained on."""
FEWEST_EXAMPLES = 20

_PIECE_BYTES = 1 << 20

Score = Literal["label", "top", "mean"]
"""Probability of some labels, of the likeliest label, or the mean of the labels, which are numbers then."""


@dataclass(frozen=True)
class Classifier:
    """A fastText model, and what its score is. weights: float32 (labels,), what each probability counts.

    text: the labels without `__label__`, string. calibration: slope and intercept, or None.
    """

    model: fasttext_model.Loaded
    score: Score
    weights: np.ndarray
    text: pa.Array
    calibration: tuple[float, float] | None = None


@dataclass(frozen=True)
class Examples:
    """lines: large_string (n,), as a model reads them. labels: int64 (n,), of each line its label among `names`.

    origins: string (n,), the document or file that each comes from. The labels rise.
    """

    lines: pa.Array
    labels: np.ndarray
    names: list[str]
    origins: pa.Array


def as_tokens(texts: arrow.Array) -> pa.LargeStringArray:
    """Each text as tokens; see the module."""
    values = arrow.strings(texts)
    offsets = np.empty(len(values) + 1, dtype=np.int64)
    data = np.empty(3 * int(values.offsets[-1] - values.offsets[0]), dtype=np.uint8)
    wordpunct.join_tokens(values.offsets, values.data, wordpunct.tables(), offsets, data)
    return pc.replace_substring(arrow.string_array(offsets, data[: offsets[-1]]), PREFIX, "label")


EXAMPLES = pa.schema([("line", pa.large_string()), ("label", pa.string()), ("origin", pa.string())])


def examples(texts: arrow.Array, labels: arrow.Array | str, origins: arrow.Array | str, *, tokens: bool) -> pa.Table:
    """The beginnings of texts as lines, with label and origin, those without a word left out: rows of `EXAMPLES`."""
    lines = pc.utf8_slice_codeunits(arrow.combined(texts), 0, EXAMPLE_CHARACTERS)
    lines = as_tokens(lines) if tokens else pc.replace_substring(lines, "\n", " ")
    columns = [lines, *(_column(given, len(lines)) for given in (labels, origins))]
    table = pa.table(columns, schema=EXAMPLES)
    return table.filter(pa.array(fasttext_model.with_words(lines)))


def _column(given: arrow.Array | str, rows: int) -> pa.Array:
    if isinstance(given, str):
        return pa.array([given], pa.string()).take(pa.array(np.zeros(rows, dtype=np.int64)))
    return arrow.combined(given).cast(pa.string())


def gathered(tables: Sequence[pa.Table], names: Sequence[str] | None) -> Examples:
    """Rows of `EXAMPLES` by label; without names the labels are those there are, in order, blanks in them as `_`."""
    table = pa.concat_tables([EXAMPLES.empty_table(), *tables]).combine_chunks()
    labels = table["label"].combine_chunks()
    if names is None:
        labels = pc.binary_join_element_wise(PREFIX, pc.replace_substring_regex(labels, r"[ \n\r\t\v\f\x00]+", "_"), "")
        names = sorted(pc.unique(labels).to_pylist())
    numbers = arrow.numbers(pc.index_in(labels, pa.array(names, pa.string()))).astype(np.int64)
    order = np.argsort(numbers, kind="stable")
    table = table.take(pa.array(order))
    return Examples(arrow.combined(table["line"]), numbers[order], list(names), arrow.combined(table["origin"]))


MODEL = pa.schema([("bin", pa.large_binary()), ("names", pa.list_(pa.string())), *fasttext_measure.FIGURES])
"""A model file in pieces, one a row, since a whole one as one value costs Parquet many copies of it. The first row
also has the labels in the order of training and what `fasttext_measure.measured` found."""


def train(given: Examples, *, epochs: int, seed: int, folds: int = 0, main: Sequence[str] = (POSITIVE,)) -> pa.Table:
    """Train a classifier; gives the rows of `MODEL`.

    Repeats are left out, of equal lines with several labels all but the first label. Without folds, in the order of a
    hash of the line, the first tenth of each class is held out, measured, and not trained on. With folds, so many
    models each judge the share of the lines that they were not trained on, and the model is trained on all. The result
    hangs on the texts and the seed alone. Holds twice the bytes of the lines, and 400 MB for a model in the making.
    Raises DataError when a class has too few texts.
    """
    rows = _in_order(given.lines, seed)
    labels = given.labels[rows]
    _check_enough(np.bincount(labels, minlength=len(given.names)), given.names)

    def trained(chosen: np.ndarray) -> bytes:
        return fasttext_train.model_bytes(
            given.lines, rows[chosen], given.labels, given.names, epochs=epochs, seed=seed
        )

    if folds:
        parts = [np.arange(len(rows)) % folds == fold for fold in range(folds)]
        found = [_judged(trained(~part), given, rows[part]) for part in parts]
        judged, model = np.concatenate([np.flatnonzero(part) for part in parts]), trained(np.ones(len(rows), np.bool_))
    else:
        part = fasttext_measure.held_out(labels)
        model = trained(~part)
        found, judged = [_judged(model, given, rows[part])], np.flatnonzero(part)
    measured = fasttext_measure.measured(
        np.concatenate(found),
        labels[judged],
        [name.removeprefix(PREFIX) for name in given.names],
        np.isin(given.names, list(main)),
    )
    doubtful = fasttext_measure.doubtful(measured, given.lines, given.origins, rows[judged]) if folds else []
    counts = np.bincount(labels, minlength=len(given.names))
    trained_on = counts if folds else counts - np.bincount(labels[judged], minlength=len(given.names))
    return _as_rows(model, given.names, measured.figures(trained_on.tolist(), folds, doubtful))


def _as_rows(model: bytes, names: Sequence[str], figures: dict) -> pa.Table:
    pieces = [model[start : start + _PIECE_BYTES] for start in range(0, len(model), _PIECE_BYTES)]
    first = {"bin": pieces[0] if pieces else None, "names": list(names), **figures}
    return pa.Table.from_pylist([first, *({"bin": piece} for piece in pieces[1:])], schema=MODEL)


def measure(classifier: Classifier, given: Examples) -> pa.Table:
    """How a model that stands does on examples, those of the first name being the ones wanted: rows of `MODEL`.

    Raises DataError when a class has too few texts.
    """
    rows = _in_order(given.lines, 0)
    labels = given.labels[rows]
    _check_enough(np.bincount(labels, minlength=2), given.names)
    scores, _ = _scored(classifier, given.lines.take(pa.array(rows)))
    found = fasttext_measure.measured(
        np.column_stack([scores, 1 - scores]), labels, ["positive", "negative"], np.array([True, False])
    )
    return _as_rows(b"", given.names, found.figures([0, 0], 0, []))


def _check_enough(counts: np.ndarray, names: Sequence[str]) -> None:
    if len(counts) < 2 or counts.min() < FEWEST_EXAMPLES:
        listed = [f"{count} {name.removeprefix(PREFIX)}" for count, name in zip(counts, names, strict=True)]
        raise DataError(
            f"fasttext: {' and '.join(listed) or 'no'} texts to learn from, where {FEWEST_EXAMPLES} of each of two "
            "kinds or more are needed (repeats, texts without a word and negatives that are also positive do not "
            "count); give more files, or rules that more documents fulfil"
        )


def _judged(model: bytes, given: Examples, rows: np.ndarray) -> np.ndarray:
    """Probabilities that a model gives to lines of labels: float32 (rows, names)."""
    loaded = fasttext_model.parsed(model)
    order = [loaded.labels.index(name) for name in given.names]
    runs = fasttext_model.runs(given.lines.take(pa.array(rows)), len(order))
    empty = np.empty((0, len(order)), dtype=np.float32)
    return np.concatenate([empty, *(fasttext_model.probabilities(loaded, some)[:, order] for some in runs)])


def distil(positives: arrow.Array, negatives: arrow.Array, *, epochs: int = 5, seed: int = 0) -> pa.Table:
    """Teach a classifier what another method ranked: texts it put first, and texts it put last or a random sample.

    Gives the rows of `MODEL`, for a stage's `Settled`; then `load_trained(model)` in its `prepare`,
    `predict(classifier, texts, tokens=True)` in its `apply`, and `report_lines(model)` in its report. Of each text the
    first 20,000 characters count. Raises DataError when there are fewer than 20 of a kind.
    """
    tables = [examples(texts, name, "", tokens=True) for texts, name in ((positives, POSITIVE), (negatives, NEGATIVE))]
    return train(gathered(tables, [POSITIVE, NEGATIVE]), epochs=epochs, seed=seed)


def _in_order(lines: pa.Array, seed: int) -> np.ndarray:
    """The rows of the different lines in the order of a hash; of equal lines the first."""
    values = arrow.strings(lines)
    hashes = np.empty(len(lines), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed), hashes)
    return np.unique(hashes, return_index=True)[1]


def load(path: str, labels: Sequence[str] = (), score: Score = "label", found: pa.Table | None = None) -> Classifier:
    """A model file. Without labels the first of `KNOWN_POSITIVE` that it has. found: what `measure` gave.

    Raises UsageError when it is no supervised fastText model, lacks a label, or has labels that are no numbers where
    their mean is wanted.
    """
    calibration = None if found is None else fasttext_measure.calibration(found)
    return classifier(fasttext_model.opened(path), f"--model '{path}'", labels, score, calibration)


def load_trained(model: pa.Table, labels: Sequence[str] = (), score: Score = "label") -> Classifier:
    """The model of `train`."""
    loaded = fasttext_model.parsed(fasttext_model.joined(model["bin"]))
    return classifier(loaded, "the model trained", labels, score, fasttext_measure.calibration(model))


def classifier(
    model: fasttext_model.Loaded,
    what: str,
    labels: Sequence[str],
    score: Score,
    calibration: tuple[float, float] | None = None,
) -> Classifier:
    """A model with the score wanted. Raises UsageError; see `load`."""
    text = [label.removeprefix(PREFIX) for label in model.labels]
    weights = np.zeros(len(text), dtype=np.float32)
    if score == "mean":
        weights[:] = [_number(label, what) for label in text]
    if score == "label":
        weights[[model.labels.index(label) for label in _wanted(model.labels, what, labels)]] = 1
    return Classifier(model, score, weights, pa.array(text, pa.string()), calibration)


def _wanted(known: list[str], what: str, labels: Sequence[str]) -> list[str]:
    full = [label if label in known or label.startswith(PREFIX) else PREFIX + label for label in labels]
    found = full if labels else [name for name in KNOWN_POSITIVE if name in known][:1]
    missing = [label for label in found if label not in known]
    if found and not missing:
        return found
    some = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    raise UsageError(
        f"{what} has no label {' or '.join(missing or KNOWN_POSITIVE)}; give one of its own by --label: {some}; or "
        "--score top for the likeliest"
    )


def _number(label: str, what: str) -> float:
    try:
        return float(label)
    except ValueError:
        raise UsageError(f"{what}: the label '{label}' is no number, so --score mean has nothing to average") from None


def predict(classifier: Classifier, texts: arrow.Array, *, tokens: bool) -> pa.Array:
    """The score of each text: float32, null for a text without a word.

    As the library gives it, which adds 1e-5 to every probability.
    """
    return judge(classifier, texts, tokens=tokens)["score"].combine_chunks()


def judge(classifier: Classifier, texts: arrow.Array, *, tokens: bool) -> pa.Table:
    """`score` (float32) and the likeliest `label` (string) of each text; both null for a text without a word."""
    runs = fasttext_model.runs(texts, len(classifier.model.labels))
    parts = [_scored(classifier, as_tokens(some) if tokens else some) for some in runs]
    scores = np.concatenate([np.empty(0, dtype=np.float32), *(part[0] for part in parts)])
    labels = np.concatenate([np.empty(0, dtype=np.int64), *(part[1] for part in parts)])
    without = np.isnan(scores)
    return pa.table(
        {
            "score": pa.array(scores, mask=without),
            "label": classifier.text.take(pa.array(labels, mask=without)),
        }
    )


def _scored(classifier: Classifier, lines: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Scores, float32, NaN for a line without a word, and the numbers of the likeliest labels."""
    found = fasttext_model.probabilities(classifier.model, lines, best_only=classifier.score == "top")
    best = fasttext_model.likeliest(classifier.model, found)
    if classifier.score == "top":
        out = np.minimum(found[np.arange(len(best)), best], np.float32(1))
    else:
        out = (found * classifier.weights).sum(axis=1)
    if classifier.score == "mean":
        out /= np.maximum(found.sum(axis=1), np.float32(1e-30))
    out[~fasttext_model.with_words(lines)] = np.nan
    return out, best


def calibrated(classifier: Classifier, scores: arrow.Array) -> pa.Array:
    """The scores as probabilities that hold on the examples: float32, null where a score is."""
    assert classifier.calibration is not None
    values = fasttext_measure.logistic(arrow.numbers(scores), *classifier.calibration)
    return pa.array(values.astype(np.float32), mask=~arrow.validity(scores))


def load_languages(path: str) -> tuple[fasttext_model.Loaded, dict[str, str]]:
    """A model of languages, and the code of ISO 639 of each label.

    Raises UsageError when it is no supervised fastText model, or has labels that are no codes of languages.
    """
    model = fasttext_model.opened(path)
    codes = {label: iso639.of_label(label) for label in model.labels}
    unknown = [label for label, code in codes.items() if code is None]
    if unknown:
        raise UsageError(
            f"--model '{path}': the label '{unknown[0]}' is no code of a language; give a model with labels such as "
            "__label__en or __label__eng_Latn"
        )
    return model, {label: code for label, code in codes.items() if code}


def top_labels(model: fasttext_model.Loaded, lines: pa.Array) -> tuple[list[str | None], np.ndarray]:
    """The likeliest label of each line, or None, and its probability: float32, 0 without a label, at most 1."""
    found = fasttext_model.probabilities(model, lines, best_only=True)
    best = found.argmax(axis=1)
    scores = found[np.arange(len(best)), best]
    labels = [model.labels[number] if score > 0 else None for number, score in zip(best, scores, strict=True)]
    return labels, np.minimum(scores, 1.0)


def report_lines(model: pa.Table) -> list[str]:
    """What training found."""
    return fasttext_measure.lines(model)
