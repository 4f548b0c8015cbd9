"""C4's line rules against the plain-Python twin, on lines whose pieces lie anywhere in blocks of 64 bytes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.algorithms.c4 import RULES
from curate.kernels import c4, rules_characters
from tests.naive import rules as naive

PIECES = st.sampled_from(
    [
        *(
            "javascript",
            "JavaScript",
            "java",
            "script",
            "lorem ipsum",
            "Lorem IPSUM",
            "ipsum",
            "terms of use",
            "of use",
        ),
        *("Privacy Policy", "cookie policy", "uses cookies", "use of cookies", "USE COOKIES", "cookies", "use ", "kie"),
        *(
            "[1]",
            "[]",
            "[12345678]",
            "[edit]",
            "[citation needed]",
            "[１２]",
            "[e]",
            "[",
            "]",
            "[[1]]",
            "[x](y)",
            "{",
            "}",
        ),
        *(
            " ",
            " ",
            " ",
            "  ",
            "\t",
            "\xa0",
            "\u3000",
            "\x1f",
            "\x01",
            "a",
            "bc",
            "é",
            "日",
            "𝄞",
            "’",
            ".",
            "!",
            "...",
            '"',
        ),
        *("\n", "\n", "\n\n", "\r\n", "\r", "\x0b", "\x1d", "\x85", "\u2028"),
    ]
)
FILLERS = st.tuples(st.sampled_from(["x", "y ", "é", "\xa0", "一"]), st.integers(1, 70)).map(
    lambda made: made[0] * made[1]
)
LONG = st.tuples(st.sampled_from(["x", "é"]), st.integers(995, 1005)).map(lambda made: made[0] * made[1])
TEXTS = st.lists(st.one_of(*[PIECES] * 12, *[FILLERS] * 4, LONG), max_size=30).map("".join)
AFTER = [b"", b"\n" * 67, b" javascript { [1] lorem ipsum" * 4]


def _cleaned(text: str, after: bytes, ended_only: bool) -> tuple[str, Counter, int]:
    """What is left of a text in a read-only array with others around it, its lines by kind, and its marks."""
    data = np.frombuffer(b"before\n" + text.encode() + after, dtype=np.uint8)
    offsets = np.array([7, 7 + len(text.encode())])
    out = np.full(offsets[1] - 7 + c4.BEYOND, 91, dtype=np.uint8)
    lines, removed = np.zeros(c4.KINDS, dtype=np.int64), np.zeros(c4.KINDS, dtype=np.int64)
    places, marks = np.empty(2, dtype=np.int64), np.empty(1, dtype=np.uint8)
    citations = np.zeros(2, dtype=np.int64)
    table = rules_characters.characters()
    c4.clean_texts(offsets, data, table, ended_only, places, out, lines, removed, citations, marks)
    kinds = {name: int(lines[kind]) for name, kind in {"kept": c4.KEPT, **RULES}.items() if lines[kind]}
    return out[: places[1]].tobytes().decode(), Counter(kinds), int(marks[0])


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from(AFTER), st.booleans())
@example("see [[1]] javascript", AFTER[1], False)
@example("see java[1]script or [2]", AFTER[1], False)
@example(" ".join("x" * 60) + " use of cookies", AFTER[1], False)
@example("a \xa0 b", AFTER[1], False)
@example("a b [", b"1]" * 40, False)
@example("we use", b" cookies" * 20, False)
def test_lines_become_what_the_definitions_say(text: str, after: bytes, ended_only: bool) -> None:
    kept, kinds, lorem, bracket = naive.c4(text, ended_only)
    found, lines, marks = _cleaned(text, after, ended_only)
    assert found == "\n".join(kept).strip()
    assert lines == kinds
    assert marks == lorem * c4.LOREM_IPSUM + bracket * c4.CURLY_BRACKET


@pytest.mark.parametrize("phrase", [*naive.POLICIES, "javascript", "lorem ipsum", "{", "[edit]", "[1234567]"])
def test_a_sign_is_seen_wherever_it_lies_in_a_block(phrase: str) -> None:
    for before in range(130):
        for text in ("x y " + "x" * before + phrase, "x y " + "x" * before + phrase.upper() + " x" * 40):
            kept, kinds, lorem, bracket = naive.c4(text)
            expected = "\n".join(kept).strip(), kinds, lorem * c4.LOREM_IPSUM + bracket * c4.CURLY_BRACKET
            assert _cleaned(text, AFTER[1], False) == expected, (before, text)


@pytest.mark.parametrize("letter", ["x", "é", "一"])
def test_a_long_word_is_seen_wherever_it_lies_in_a_block(letter: str) -> None:
    for before in range(66):
        for size in (1000, 1001):
            text = "y " * (before // 2) + "z" * (before % 2) + " " + letter * size + " and more words"
            assert _cleaned(text, AFTER[1], False)[1] == naive.c4(text)[1], (before, size)
