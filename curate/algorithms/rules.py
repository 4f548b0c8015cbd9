"""The statistics that quality rules decide on, of texts alone; `rule_columns` says what each is."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from curate.algorithms import rule_columns
from curate.algorithms.english import exceptions, units
from curate.algorithms.stop_words import GOPHER, STOP_WORDS
from curate.algorithms.tokens import EstimatedTokens
from curate.kernels import arrow, c4
from curate.kernels import rules as kernels
from curate.kernels import rules_fields as fields
from curate.kernels import rules_lines as lines
from curate.kernels.rules_characters import characters
from curate.kernels.rules_lexicon import GOPHER as BIT_OF_GOPHER
from curate.kernels.rules_lexicon import (
    KEY,
    MORE_ROWS,
    PIECES,
    STOPS,
    UNIT,
    bit_place,
    exception_bit,
    filter_bit,
    find,
    hash_word,
    shape,
)

_BATCH = 4096
_LANGUAGES = sorted(STOP_WORDS)


def measure(texts: arrow.Array) -> pa.Table:
    """The columns of `rule_columns.schema`, one row a text; a null is an empty text.

    Takes 20 MiB, 0.7 KiB a row, and what `kernels.rules.room` says for the longest text.
    """
    array = arrow.combined(texts)
    schema = rule_columns.schema()
    tables = [_measured(array.slice(start, _BATCH), schema) for start in range(0, len(array), _BATCH)]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def _measured(texts: pa.Array, schema: pa.Schema) -> pa.Table:
    values = arrow.strings(texts)
    counts = np.empty((len(values), fields.FIELDS), dtype=np.int64)
    kernels.measure(values.offsets, values.data, characters(), lexicon(), counts)
    tokens = EstimatedTokens().count(texts)
    columns = _columns(np.ascontiguousarray(counts.T), tokens, np.diff(values.offsets))
    return pa.table([pa.array(columns[field.name], field.type) for field in _unprefixed(schema)], schema=schema)


def _unprefixed(schema: pa.Schema) -> list[pa.Field]:
    return [field.with_name(field.name.removeprefix(rule_columns.PREFIX)) for field in schema]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """float64, 0 where `below` is."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below != 0)


def _columns(counts: np.ndarray, tokens: np.ndarray, sizes: np.ndarray) -> dict[str, np.ndarray | pa.Array]:
    def of(field: int) -> np.ndarray:
        return counts[field]

    return {
        **_lengths(of, tokens, sizes),
        **_gopher_quality(of),
        **_gopher_repetition(of),
        **_fineweb(of, "", fields.LINES, of(fields.CHARACTERS), of(fields.WORDS)),
        **_c4(of),
        **_fineweb(of, "c4_", fields.C4_LINES, of(fields.C4_CHARACTERS), of(fields.C4_WORDS)),
    }


_Of = Callable[[int], np.ndarray]


def _lengths(of: _Of, tokens: np.ndarray, sizes: np.ndarray) -> dict[str, np.ndarray]:
    characters, words, plain = of(fields.CHARACTERS), of(fields.WORDS), of(fields.PLAIN_WORDS)
    filled = of(fields.LINES + lines.FILLED)
    return {
        "characters": characters,
        "word_count": words,
        "plain_word_count": plain,
        "mean_word_length": _ratio(of(fields.PLAIN_CHARACTERS), plain),
        "unique_word_fraction": _ratio(of(fields.DIFFERENT_WORDS), np.minimum(words, kernels.MOST_WORDS)),
        "line_count": filled,
        "mean_line_length": _ratio(of(fields.LINES + lines.FILLED_CHARACTERS), filled),
        "longest_line": of(fields.LINES + lines.LONGEST_LINE),
        "paragraph_count": of(fields.PARAGRAPHS),
        "mean_paragraph_length": _ratio(of(fields.PARAGRAPH_CHARACTERS), of(fields.PARAGRAPHS)),
        "sentence_count": of(fields.SENTENCES),
        "eflaw": _ratio(plain + of(fields.MINI_WORDS), of(fields.SENTENCES)),
        "characters_per_token": _ratio(characters, tokens),
        "compression_ratio": _ratio(sizes, np.where(sizes, of(fields.PARSED_BYTES), 0)),
        "letter_fraction": _ratio(of(fields.LETTERS), characters),
        "digit_fraction": _ratio(of(fields.DIGITS), characters),
        "upper_case_fraction": _ratio(of(fields.CAPITALS), of(fields.LETTERS)),
        "space_fraction": _ratio(of(fields.SPACES), characters),
        "symbol_fraction": _ratio(of(fields.SYMBOLS), characters),
    }


def _gopher_quality(of: _Of) -> dict[str, np.ndarray | pa.Array]:
    words, rows, stop = of(fields.WORDS), of(fields.ROWS), of(fields.LANGUAGE_WORDS)
    best = pa.array(of(fields.LANGUAGE), mask=stop == 0)
    return {
        "hash_ratio": _ratio(of(fields.HASHES), words),
        "ellipsis_ratio": _ratio(of(fields.ELLIPSES), words),
        "bullet_line_fraction": _ratio(of(fields.BULLETS), rows),
        "ellipsis_line_fraction": _ratio(of(fields.ELLIPSIS_ROWS), rows),
        "alphabetic_word_fraction": _ratio(of(fields.LETTER_WORDS), words),
        "stop_words": sum(of(fields.STOP_WORDS) >> i & 1 for i in range(len(GOPHER))),
        "stop_word_fraction": _ratio(stop, of(fields.PLAIN_WORDS)),
        "stop_word_language": pa.array(_LANGUAGES).take(best),
    }


def _gopher_repetition(of: _Of) -> dict[str, np.ndarray]:
    characters, compared = of(fields.CHARACTERS), of(fields.COMPARED_CHARACTERS)
    segments, repeated = of(fields.LINES + lines.SEGMENTS), of(fields.LINES + lines.REPEATED)
    found = {
        "duplicate_paragraph_fraction": _ratio(of(fields.REPEATED_PARAGRAPHS), of(fields.PARAGRAPHS)),
        "duplicate_paragraph_character_fraction": _ratio(of(fields.REPEATED_PARAGRAPH_CHARACTERS), characters),
        "duplicate_line_fraction": _ratio(repeated, segments),
        "duplicate_line_character_fraction": _ratio(of(fields.LINES + lines.REPEATED_CHARACTERS), characters),
    }
    for n in rule_columns.TOP_GRAMS:
        found[f"top_{n}_gram_character_fraction"] = _ratio(of(fields.TOPS + n), compared)
    for n in rule_columns.DUPLICATE_GRAMS:
        found[f"duplicate_{n}_gram_character_fraction"] = _ratio(of(fields.REPEATS + n), compared)
    return found


def _fineweb(of: _Of, prefix: str, first: int, characters: np.ndarray, words: np.ndarray) -> dict[str, np.ndarray]:
    filled, newlines = of(first + lines.FILLED), of(first + lines.NEWLINES)
    repeated = of(first + lines.FILLED_REPEATED_CHARACTERS)
    return {
        f"{prefix}punctuated_line_fraction": _ratio(of(first + lines.PUNCTUATED), filled),
        f"{prefix}short_line_fraction": _ratio(of(first + lines.SHORT), filled),
        f"{prefix}repeated_line_character_fraction": _ratio(repeated, characters - newlines),
        f"{prefix}newline_ratio": _ratio(newlines, words),
    }


def _c4(of: _Of) -> dict[str, np.ndarray]:
    marks, ended = of(fields.C4_MARKS), of(fields.C4_ENDED_MARKS)
    return {
        "c4_line_count": of(fields.ROWS),
        "c4_long_word_lines": of(fields.C4_KINDS + c4.LONG_WORD),
        "c4_few_words_lines": of(fields.C4_KINDS + c4.FEW_WORDS),
        "c4_javascript_lines": of(fields.C4_KINDS + c4.JAVASCRIPT),
        "c4_policy_lines": of(fields.C4_KINDS + c4.POLICY),
        "c4_kept_lines": of(fields.C4_KINDS + c4.KEPT),
        "c4_citations": of(fields.C4_CITATIONS),
        "c4_sentences": of(fields.C4_SENTENCES),
        "c4_lorem_ipsum": marks & c4.LOREM_IPSUM != 0,
        "c4_curly_bracket": marks & c4.CURLY_BRACKET != 0,
        "c4_ended_lines": of(fields.C4_ENDED_LINES),
        "c4_ended_sentences": of(fields.C4_ENDED_SENTENCES),
        "c4_ended_lorem_ipsum": ended & c4.LOREM_IPSUM != 0,
        "c4_ended_curly_bracket": ended & c4.CURLY_BRACKET != 0,
        "c4_characters": of(fields.C4_CHARACTERS),
        "c4_word_count": of(fields.C4_WORDS),
        "c4_filled_lines": of(fields.C4_LINES + lines.FILLED),
    }


@functools.cache
def lexicon() -> np.ndarray:
    """What the kernels know of single words: stop words, also with a capital, exceptions and units."""
    words = [word for spoken in STOP_WORDS.values() for word in spoken.split()]
    known = sorted({*exceptions(), *units(), *GOPHER, *words, *(word.capitalize() for word in words)})
    table = np.zeros(((1 << (2 * len(known)).bit_length()) + MORE_ROWS, 4), dtype=np.uint64)
    places = {word: _enter(table, word) for word in known}
    for word, pieces in exceptions().items():
        data = word.encode()
        _set_bit(table, shape(data[0], data[-1], len(word)))
        _set_bit(table, exception_bit(table[places[word], KEY]))
        table[places[word], PIECES] |= np.uint64(sum(len(piece) << 4 * i for i, piece in enumerate(pieces)))
    for word in units():
        table[places[word], PIECES] |= UNIT
    for i, word in enumerate(GOPHER):
        table[places[word], STOPS] |= np.uint64(1) << BIT_OF_GOPHER + np.uint64(i)
    for i, code in enumerate(_LANGUAGES):
        for word in STOP_WORDS[code].split():
            for form in (word, word.capitalize()):
                table[places[form], STOPS] |= np.uint64(1 << i)
    return table


def _enter(table: np.ndarray, word: str) -> int:
    data = np.frombuffer(word.encode(), dtype=np.uint8)
    key = hash_word(data, 0, len(data))
    place = int(find(table, np.uint64(key)))
    table[place, KEY] = key
    _set_bit(table, filter_bit(np.uint64(key)))
    return place


def _set_bit(table: np.ndarray, number: int) -> None:
    row, column = bit_place(table, np.uint64(number))
    table[int(row), int(column)] |= np.uint64(1 << (int(number) & 63))
