"""The places of what the rules count in the row of a text; `algorithms.rules` makes the columns of them."""

from curate.kernels.c4 import KINDS
from curate.kernels.rules_grams import LONGEST
from curate.kernels.rules_lines import LINE_FIELDS

(
    CHARACTERS,
    LETTERS,
    DIGITS,
    CAPITALS,
    SPACES,
    SYMBOLS,
    HASHES,
    ELLIPSES,
    WORDS,
    PLAIN_WORDS,
    PLAIN_CHARACTERS,
    MINI_WORDS,
    LETTER_WORDS,
    DIFFERENT_WORDS,
    COMPARED_CHARACTERS,
    SENTENCES,
    STOP_WORDS,
    LANGUAGE,
    LANGUAGE_WORDS,
    PARSED_BYTES,
    ROWS,
    BULLETS,
    ELLIPSIS_ROWS,
    PARAGRAPHS,
    PARAGRAPH_CHARACTERS,
    REPEATED_PARAGRAPHS,
    REPEATED_PARAGRAPH_CHARACTERS,
    C4_MARKS,
    C4_ENDED_MARKS,
    C4_CITATIONS,
    C4_SENTENCES,
    C4_ENDED_LINES,
    C4_ENDED_SENTENCES,
    C4_CHARACTERS,
    C4_WORDS,
    _COUNTED,
) = range(36)
C4_KINDS = _COUNTED
"""Lines by what C4's rules do to them, KINDS of them."""
LINES = C4_KINDS + KINDS
"""`rules_lines`' statistics of the whole text, LINE_FIELDS of them, and then of what C4 keeps."""
C4_LINES = LINES + LINE_FIELDS
TOPS = C4_LINES + LINE_FIELDS
"""Characters of the most frequent n words, from TOPS + 2 on."""
REPEATS = TOPS + LONGEST + 1
"""Characters of repeated n words, from REPEATS + 2 on."""
FIELDS = REPEATS + LONGEST + 1
