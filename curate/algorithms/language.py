"""The language of texts, by their scripts and py3langid's model (Lui and Baldwin 2012; Barbaresi's retraining of it).

The kernel reads the model's arrays itself; the library is asked only to unpack them. A script that but one language of
note is written in decides at once; otherwise the model chooses among the languages written in the scripts found.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import fasttext
from curate.algorithms.iso639 import two_letters
from curate.kernels import arrow, language, language_model, scripts, unicode

NOTHING = "zxx"
"""The model's class, and ISO 639-2's code, for what is no language."""
OTHER_LETTERS = 2
"""How many Latin letters one of another script counts for: names and code are Latin in text of any script."""
CJK_LETTERS = 5
"""The same of a Han character, kana or Hangul syllable, which say more."""

_CJK = ("Han", "Kana", "Hangul", "Bopomofo")
_CLASSES = {
    "Cyrillic": "ba be bg kk ky mk mn ru sr tg tt uk uz2",
    "Arabic": "ar ary arz fa ps sdh ug ur uzs",
    "Devanagari": "gom hi mr ne sa",
    "Bengali": "as bn",
    "Greek": "el grc",
    "Han Bopomofo": "wuu yue zh",
    "Han Kana": "ja",
    "Hangul Han": "ko",
    "Hebrew": "hbo he",
    "Ethiopic": "am",
    "Armenian": "hy",
    "Georgian": "ka",
    "Gujarati": "gu",
    "Gurmukhi": "pa",
    "Kannada": "kn",
    "Khmer": "km",
    "Lao": "lo",
    "Malayalam": "ml",
    "Myanmar": "my",
    "Oriya": "or",
    "Sinhala": "si",
    "Tamil": "ta",
    "Telugu": "te",
    "Thai": "th",
    "Tibetan": "dz",
}
"""The scripts of the model's classes that are not of Latin letters; a name's second class has a 2."""
_NO_CLASS = {
    "Thaana": "dv",
    "Nko": "nqo",
    "Cherokee": "chr",
    "Canadian": "iu",
    "Mongolian": "mn",
    "Olchiki": "sat",
    "Tifinagh": "zgh",
    "Yi": "ii",
}
"""Scripts that the model does not know, and the language that most text in them is in."""
_CALLED = {"dz": "bo"}
"""The model knows one language in Tibetan letters; the one that most text in them is in is named."""


LAYER = pa.schema([("language", pa.string()), ("language_score", pa.float32())])
AT_ONCE = 1000
"""How many texts fastText is given at once."""
FastTextModel: TypeAlias = "tuple[Any, dict[str, str]]"
"""What `fasttext.load_languages` gives."""


class Detector(NamedTuple):
    """A model in memory, and the languages that its numbers stand for; the last is `NOTHING`."""

    model: language.Model
    languages: list[str]


@functools.cache
def load() -> Detector:
    """The model that py3langid ships: 67 MB, mapped from files that the first call of all makes."""
    from py3langid import langid

    packed = language_model.arrays(langid.MODEL_DIR / langid.MODEL_FILE)
    classes = packed.classes.tolist()
    languages = [NOTHING if name == NOTHING else _CALLED.get(name) or two_letters(name) for name in classes]
    named = [*sorted({*languages, *_NO_CLASS.values()} - {NOTHING}), NOTHING]
    written = ["Latin", *_CLASSES, *_NO_CLASS]
    groups = _groups(classes, written)
    covers = np.array([[script in found.split() for script in scripts.NAMES] for found in written])
    return Detector(
        language.Model(
            packed.moves,
            packed.rows,
            packed.features,
            packed.weights,
            packed.prior,
            np.array([named.index(name) for name in languages], dtype=np.int32),
            groups,
            covers,
            covers.astype(np.int64) @ covers.T > 0,
            np.array([_alone(scripts_, group, groups, languages, named) for group, scripts_ in enumerate(written)]),
            np.array([_letters(name) for name in scripts.NAMES], dtype=np.int64),
            scripts.CASED,
        ),
        named,
    )


def _letters(script: str) -> int:
    if script in ("", "Latin"):
        return len(script) > 0
    return CJK_LETTERS if script in _CJK else OTHER_LETTERS


def _groups(classes: list[str], written: list[str]) -> np.ndarray:
    """The number of each class's scripts among those that languages are written in."""
    group_of = {name: written.index(scripts_) for scripts_, names in _CLASSES.items() for name in names.split()}
    unique = [name + "2" * (name in classes[:column]) for column, name in enumerate(classes)]
    return np.array([-1 if name == NOTHING else group_of.get(name, 0) for name in unique], dtype=np.int32)


def _alone(scripts_: str, group: int, groups: np.ndarray, languages: list[str], named: list[str]) -> np.int32:
    """The one language that is written in some scripts, or -1."""
    found = {languages[column] for column in np.flatnonzero(groups == group)} or {_NO_CLASS[scripts_]}
    return np.int32(named.index(found.pop()) if len(found) == 1 else -1)


def detect(detector: Detector, texts: arrow.Array) -> pa.Table:
    """`language` (string, null where a text has none) and `language_score` (float32) of each text."""
    values = arrow.strings(texts)
    found, scores = np.empty(len(values), dtype=np.int32), np.empty(len(values), dtype=np.float32)
    language.identify(
        values.offsets,
        values.data,
        language.Characters(scripts.table(), unicode.lower()),
        detector.model,
        language.scratch(detector.model),
        np.int64(len(detector.languages) - 1),
        found,
        scores,
    )
    return named(found, detector.languages, scores)


def detect_by(labels: FastTextModel, texts: arrow.Array) -> pa.Table:
    """The same columns by a fastText model of languages; its probability is the score."""
    texts = arrow.combined(texts)
    tables = [_by_labels(labels, texts.slice(start, AT_ONCE)) for start in range(0, len(texts), AT_ONCE)]
    return pa.concat_tables([LAYER.empty_table(), *tables])


def _by_labels(labels: FastTextModel, texts: pa.Array) -> pa.Table:
    model, codes = labels
    values = arrow.strings(texts)
    offsets = np.empty(len(values) + 1, dtype=np.int64)
    data = np.empty(len(values) * language.LINE, dtype=np.uint8)
    lettered = np.empty(len(values), dtype=np.bool_)
    language.lines(values.offsets, values.data, scripts.table(), offsets, data, lettered)
    found, scores = fasttext.top_labels(model, arrow.string_array(offsets, data[: offsets[-1]]))
    known = [codes[label] if label and kept else None for label, kept in zip(found, lettered, strict=True)]
    scores[[name is None for name in known]] = 0.0
    return pa.table({"language": pa.array(known, pa.string()), "language_score": scores})


def named(found: np.ndarray, languages: list[str], scores: np.ndarray) -> pa.Table:
    """The columns of a layer, of indexes of languages, -1 for none, and scores."""
    indices = pa.array(found, mask=found < 0)
    names = pa.DictionaryArray.from_arrays(indices, pa.array(languages, pa.string())).dictionary_decode()
    return pa.table({"language": names, "language_score": scores})


SURE = 0.65
"""The score from which FineWeb keeps a document."""


def distribution(languages: arrow.Array, scores: arrow.Array, sizes: arrow.Array) -> pa.Table:
    """A row for each language, null among them: its documents, their bytes, and how many score above `SURE`."""
    sure = pc.cast(pc.greater(pc.fill_null(arrow.combined(scores), 0.0), SURE), pa.int64())
    ones = pa.array(np.ones(len(sizes), dtype=np.int64))
    names = arrow.combined(languages).cast(pa.string())
    return _added(pa.table({"language": names, "documents": ones, "bytes": arrow.combined(sizes), "sure": sure}))


def united(tables: Iterable[pa.Table]) -> pa.Table:
    """Distributions added up, the language of most bytes first."""
    together = pa.concat_tables([_EMPTY, *(table.select(_EMPTY.column_names) for table in tables)])
    return _added(together).sort_by([("bytes", "descending"), ("language", "ascending")])


def _added(table: pa.Table) -> pa.Table:
    sums = table.group_by("language").aggregate([(name, "sum") for name in _EMPTY.column_names[1:]])
    return sums.rename_columns(_EMPTY.column_names).cast(_EMPTY.schema)


_EMPTY = pa.schema(
    [("language", pa.string()), ("documents", pa.int64()), ("bytes", pa.int64()), ("sure", pa.int64())]
).empty_table()


def report_lines(summary: pa.Table) -> list[str]:
    """The ten languages of most bytes, and how many more there are."""
    total = max(1, pc.sum(summary["bytes"]).as_py() or 0)
    lines = [
        f"{row['language'] or 'none':5}{row['documents']:>12,} documents {row['bytes'] / total:6.1%} of bytes, "
        f"score > {SURE}: {row['sure'] / row['documents']:6.1%}"
        for row in summary.slice(0, 10).to_pylist()
    ]
    return lines + [f"and {summary.num_rows - 10} more languages"] * (summary.num_rows > 10)
