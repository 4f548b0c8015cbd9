"""fastText classifiers (Joulin et al. 2017, arXiv 1607.01759): trained here, or anybody's, and their probabilities.

A text becomes one line, since fastText reads lines of words. As `tokens` (what a model trained here
is trained on and reads) it is lower-cased, words and runs of punctuation (`\\w+|[^\\w\\s]+`) are set
apart by spaces and `__label__` is spelled `label`. As `lines` (what most published models want) only
its newlines become spaces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import fasttext_model, fasttext_train, iso639, scores
from curate.errors import DataError, UsageError
from curate.kernels import arrow, hashing, wordpunct

POSITIVE = "__label__positive"
NEGATIVE = "__label__negative"
KNOWN_POSITIVE = (POSITIVE, "__label__hq")
EXAMPLE_CHARACTERS = 20_000
"""How much of the beginning of an example is trained on."""
FEWEST_EXAMPLES = 20
HELD_OUT = 10
"""One example in this many is not trained on."""

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Classifier:
    """A fastText model, and the number of the label whose probability is asked for."""

    model: fasttext_model.Loaded
    label: int


def as_tokens(texts: arrow.Array) -> pa.LargeStringArray:
    """Each text as tokens; see the module."""
    values = arrow.strings(texts)
    offsets = np.empty(len(values) + 1, dtype=np.int64)
    data = np.empty(3 * int(values.offsets[-1] - values.offsets[0]), dtype=np.uint8)
    wordpunct.join_tokens(values.offsets, values.data, wordpunct.tables(), offsets, data)
    return pc.replace_substring(arrow.string_array(offsets, data[: offsets[-1]]), "__label__", "label")


def examples(texts: arrow.Array) -> pa.LargeStringArray:
    """The beginnings of some texts as tokens, those without any left out."""
    beginnings = pc.utf8_slice_codeunits(arrow.combined(texts), 0, EXAMPLE_CHARACTERS)
    lines = as_tokens(beginnings)
    return lines.filter(pc.greater(pc.binary_length(lines), 0))


MODEL = pa.schema(
    [
        ("bin", pa.large_binary()),
        ("positive", pa.int64()),
        ("negative", pa.int64()),
        ("positive_held_out", pa.int64()),
        ("negative_held_out", pa.int64()),
        ("auc", pa.float64()),
        ("accuracy", pa.float64()),
        ("positive_scores", pa.list_(pa.int64())),
        ("negative_scores", pa.list_(pa.int64())),
    ]
)
"""A model file in pieces, one a row, since a whole one as one value costs Parquet many copies of it. The same in
every row: the numbers of texts trained on and held out; and of those held out the area under the curve, the accuracy
at 0.5, and how many score in each of `scores.unit_edges`."""


def untrained() -> pa.Table:
    """A row of `MODEL` for a model that was not trained here: all null."""
    return pa.Table.from_pylist([{}], schema=MODEL)


def train(positives: arrow.Array, negatives: arrow.Array, *, epochs: int, seed: int) -> pa.Table:
    """Train a classifier on lines of `examples`; gives the rows of `MODEL`.

    Repeats, and negatives that are also positive, are left out. In the order of a hash of the text, the first tenth
    of each class is held out and the others are trained on: one thread, dimension 64, word bigrams in 200,000 buckets,
    words seen three times. The result hangs on the texts and the seed alone. Holds twice the bytes of the lines, and
    400 MB for the model. Raises DataError when a class has too few texts.
    """
    lines, first_negative = _concatenated(positives, negatives), len(positives)
    rows = _in_order(lines, seed)
    classes = [rows[rows < first_negative], rows[rows >= first_negative]]
    if min(map(len, classes)) < FEWEST_EXAMPLES:
        raise DataError(
            f"fasttext: {len(classes[0])} positive and {len(classes[1])} negative texts to train on, where "
            f"{FEWEST_EXAMPLES} of each are needed (repeats, texts without a word and negatives that are also positive "
            "do not count); give more files"
        )
    held_out = [found[: math.ceil(len(found) / HELD_OUT)] for found in classes]
    kept = rows[~np.isin(rows, np.concatenate(held_out))]
    labels = (np.arange(len(lines)) >= first_negative).astype(np.int64)
    model = fasttext_train.model_bytes(lines, kept, labels, [POSITIVE, NEGATIVE], epochs=epochs, seed=seed)
    classifier = _classifier(model)
    high, low = (_predict_lines(classifier, lines.take(pa.array(found))).astype(np.float64) for found in held_out)
    figures = {
        "positive": len(classes[0]) - len(high),
        "negative": len(classes[1]) - len(low),
        "positive_held_out": len(high),
        "negative_held_out": len(low),
        "auc": area_under_curve(high, low),
        "accuracy": float((np.count_nonzero(high >= 0.5) + np.count_nonzero(low < 0.5)) / (len(high) + len(low))),
        "positive_scores": _binned(high),
        "negative_scores": _binned(low),
    }
    pieces = [model[start : start + _PIECE_BYTES] for start in range(0, len(model), _PIECE_BYTES)]
    return pa.Table.from_pylist([{"bin": piece, **figures} for piece in pieces], schema=MODEL)


def distil(positives: arrow.Array, negatives: arrow.Array, *, epochs: int = 5, seed: int = 0) -> pa.Table:
    """Teach a classifier what another method ranked: texts it put first, and texts it put last or a random sample.

    Gives the rows of `MODEL`, for a stage's `Settled`; then `load_trained(model)` in its `prepare`,
    `predict(classifier, texts, tokens=True)` in its `apply`, and `report_lines(model)` in its report. Of each text the
    first 20,000 characters count. Raises DataError when there are fewer than 20 of a kind.
    """
    return train(examples(positives), examples(negatives), epochs=epochs, seed=seed)


def _concatenated(*arrays: arrow.Array) -> pa.Array:
    chunks = [chunk for array in arrays for chunk in (array.chunks if isinstance(array, pa.ChunkedArray) else [array])]
    return arrow.combined(pa.chunked_array(chunks, pa.large_string()))


def _in_order(lines: pa.Array, seed: int) -> np.ndarray:
    """The rows of the different lines in the order of a hash; of equal lines the first."""
    values = arrow.strings(lines)
    hashes = np.empty(len(lines), dtype=np.uint64)
    hashing.hash_strings(values.offsets, values.data, np.uint64(seed), hashes)
    return np.unique(hashes, return_index=True)[1]


def load(path: str, label: str | None) -> Classifier:
    """A model file. Without a label the first of `KNOWN_POSITIVE` that it has.

    Raises UsageError when it is no supervised fastText model or lacks the label.
    """
    model = fasttext_model.opened(path)
    labels = model.labels
    wanted = [label] if label else KNOWN_POSITIVE
    found = [name for name in wanted if name in labels]
    if not found:
        known = ", ".join(labels[:20]) + (f" and {len(labels) - 20} more" if len(labels) > 20 else "")
        raise UsageError(
            f"--model '{path}' has no label {' or '.join(wanted)}; give one of its own by --label: {known}"
        )
    return Classifier(model, labels.index(found[0]))


def load_trained(model: pa.Table) -> Classifier:
    """The model of `train`."""
    return _classifier(b"".join(model["bin"].to_pylist()))


def _classifier(model: bytes) -> Classifier:
    loaded = fasttext_model.parsed(model)
    return Classifier(loaded, loaded.labels.index(POSITIVE))


def predict(classifier: Classifier, texts: arrow.Array, *, tokens: bool) -> pa.Array:
    """The probability of the label for each text: float32, null for a text without a word.

    As the library gives it, which adds 1e-5 to every probability.
    """
    runs = fasttext_model.runs(texts, len(classifier.model.labels))
    parts = [_predict_lines(classifier, as_tokens(some) if tokens else some) for some in runs]
    out = np.concatenate([np.empty(0, dtype=np.float32), *parts])
    return pa.array(out, mask=np.isnan(out))


def _predict_lines(classifier: Classifier, lines: pa.Array) -> np.ndarray:
    """Probabilities of the label: float32, NaN for a line without a word."""
    out = fasttext_model.probabilities(classifier.model, lines)[:, classifier.label].copy()
    out[~fasttext_model.with_words(lines)] = np.nan
    return out


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


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, a tie counting half (Mann and Whitney 1947)."""
    ordered = np.sort(negative)
    below, upto = (np.searchsorted(ordered, positive, side=side) for side in ("left", "right"))
    return float((below + upto).sum() / 2 / (len(positive) * len(negative)))


def _binned(values: np.ndarray) -> list[int]:
    return np.histogram(np.clip(values, 0.0, 1.0), scores.unit_edges())[0].tolist()


def report_lines(model: pa.Table) -> list[str]:
    """What training found."""
    row = model.drop_columns(["bin"]).slice(0, 1).to_pylist()[0]
    return [
        f"trained on {row['positive']:,} positive and {row['negative']:,} negative texts; "
        f"on {row['positive_held_out']:,} and {row['negative_held_out']:,} held out: "
        f"AUC {row['auc']:.4f}, accuracy {row['accuracy']:.1%}"
    ]
