"""The columns of the layer `rules`: one table of names, types and meanings.

A word is what spaCy's blank English tokenizer makes of a text (see `kernels.rules_words`), which is what the
published recipes count. Lengths are in characters (code points). A ratio whose denominator is nought is 0.
Decisions compare float64 ratios with float64 thresholds, as the published filters do.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

PREFIX = "rules_"

TOP_GRAMS = (2, 3, 4)
DUPLICATE_GRAMS = (5, 6, 7, 8, 9, 10)


class Column(NamedTuple):
    """name: without `rules_`. type: Arrow's. description: one sentence. It is never null but where that says so."""

    name: str
    type: pa.DataType
    description: str


_COUNT = pa.int32()
_RATIO = pa.float64()
_YES = pa.bool_()

_LENGTHS = (
    Column("characters", _COUNT, "Characters of the text."),
    Column("word_count", _COUNT, "Words, punctuation marks that stand as a token of their own included."),
    Column("plain_word_count", _COUNT, "Words that are not made of punctuation alone: Gopher's document length."),
    Column("mean_word_length", _RATIO, "Mean length of the plain words."),
    Column("unique_word_fraction", _RATIO, "Different words among all words."),
    Column("line_count", _COUNT, "Lines with more than white space in them."),
    Column("mean_line_length", _RATIO, "Mean length of those lines."),
    Column("longest_line", _COUNT, "Length of the longest of those lines."),
    Column("paragraph_count", _COUNT, "Paragraphs: what two or more newlines part."),
    Column("mean_paragraph_length", _RATIO, "Mean length of the paragraphs."),
    Column("sentence_count", _COUNT, "Sentences, as C4 counts them here (see c4_sentences), over all lines."),
    Column(
        "eflaw", _RATIO, "McAlpine EFLAW readability: plain words and those of at most three letters again, a sentence."
    ),
    Column("characters_per_token", _RATIO, "Characters a token, by the estimate of `algorithms.tokens`."),
    Column("compression_ratio", _RATIO, "Bytes of the text over those of its greedy LZ77 parse in LZ4's format."),
)

_KINDS = (
    Column("letter_fraction", _RATIO, "Letters of any script among the characters."),
    Column("digit_fraction", _RATIO, "Decimal digits of any script among the characters."),
    Column("upper_case_fraction", _RATIO, "Upper-case letters among the letters."),
    Column("space_fraction", _RATIO, "White space among the characters."),
    Column("symbol_fraction", _RATIO, "Characters that are neither letter, number nor white space."),
)

_GOPHER_QUALITY = (
    Column("hash_ratio", _RATIO, "Number signs '#' a word."),
    Column("ellipsis_ratio", _RATIO, "Ellipses, '...' or '…', a word."),
    Column("bullet_line_fraction", _RATIO, "Lines, empty ones included, that begin with '•' or '-' after white space."),
    Column(
        "ellipsis_line_fraction", _RATIO, "Lines, empty ones included, that end with '...' or '…' before white space."
    ),
    Column("alphabetic_word_fraction", _RATIO, "Words with a letter in them."),
    Column("stop_words", _COUNT, "How many of the, be, to, of, and, that, have, with are words of the text."),
    Column("stop_word_fraction", _RATIO, "Stop words of the language that has most of them, among the plain words."),
    Column("stop_word_language", pa.string(), "The ISO 639-1 code of that language; null where no language has any."),
)

_GOPHER_REPETITION = (
    Column("duplicate_paragraph_fraction", _RATIO, "Paragraphs that repeat an earlier one."),
    Column("duplicate_paragraph_character_fraction", _RATIO, "Characters of the text in such paragraphs."),
    Column("duplicate_line_fraction", _RATIO, "Lines, as one or more newlines part them, that repeat an earlier one."),
    Column("duplicate_line_character_fraction", _RATIO, "Characters of the text in such lines."),
    *(
        Column(
            f"top_{n}_gram_character_fraction",
            _RATIO,
            f"Characters of the most frequent {n} words in a row, spaces between them included, times their count, "
            "among those of the text.",
        )
        for n in TOP_GRAMS
    ),
    *(
        Column(
            f"duplicate_{n}_gram_character_fraction",
            _RATIO,
            f"Characters of the text in {n} words in a row that stood before, from left to right without overlap, "
            "spaces not counted.",
        )
        for n in DUPLICATE_GRAMS
    ),
)


def _fineweb(prefix: str, where: str) -> tuple[Column, ...]:
    return (
        Column(
            f"{prefix}punctuated_line_fraction", _RATIO, f"Lines {where} that end with a terminal punctuation mark."
        ),
        Column(f"{prefix}short_line_fraction", _RATIO, f"Lines {where} of at most 30 characters."),
        Column(
            f"{prefix}repeated_line_character_fraction",
            _RATIO,
            f"Characters in lines {where} that repeat an earlier one, among all but the newlines.",
        ),
        Column(f"{prefix}newline_ratio", _RATIO, f"Newlines a word, {where}."),
    )


_C4 = (
    Column("c4_line_count", _COUNT, "Lines, empty ones included."),
    Column("c4_long_word_lines", _COUNT, "Lines that C4 drops for a word of over 1,000 characters."),
    Column("c4_few_words_lines", _COUNT, "Lines that C4 drops for having fewer than three words, empty ones included."),
    Column("c4_javascript_lines", _COUNT, "Lines that C4 drops for the word javascript."),
    Column("c4_policy_lines", _COUNT, "Lines that C4 drops for a phrase of terms of use, privacy or cookie policies."),
    Column("c4_kept_lines", _COUNT, "Lines that C4 keeps when it does not ask for terminal punctuation."),
    Column("c4_citations", _COUNT, "Citation marks, such as '[1]' or '[citation needed]', in lines that C4 keeps."),
    Column("c4_sentences", _COUNT, "Sentences in the lines that C4 keeps."),
    Column("c4_lorem_ipsum", _YES, "Whether a line that C4 reads so far holds 'lorem ipsum'."),
    Column("c4_curly_bracket", _YES, "Whether a line that C4 reads so far holds '{'."),
    Column("c4_ended_lines", _COUNT, "Lines that C4 keeps when it asks for terminal punctuation."),
    Column("c4_ended_sentences", _COUNT, "Sentences in those lines."),
    Column(
        "c4_ended_lorem_ipsum", _YES, "Whether such a line, or one dropped after that question, holds 'lorem ipsum'."
    ),
    Column("c4_ended_curly_bracket", _YES, "Whether such a line, or one dropped after that question, holds '{'."),
    Column("c4_characters", _COUNT, "Characters of the text that C4 keeps without asking for terminal punctuation."),
    Column("c4_word_count", _COUNT, "Words of that text."),
    Column(
        "c4_filled_lines",
        _COUNT,
        "Lines of that text with more than white space in them; FineWeb drops a text without.",
    ),
)

COLUMNS = (
    *_LENGTHS,
    *_KINDS,
    *_GOPHER_QUALITY,
    *_GOPHER_REPETITION,
    *_fineweb("", "with more than white space"),
    *_C4,
    *_fineweb("c4_", "of the text that C4 keeps"),
)


def schema() -> pa.Schema:
    """The columns of the layer, with their full names."""
    return pa.schema([(PREFIX + column.name, column.type) for column in COLUMNS])
