import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.kernels import rules_characters, rules_lines, scan

LINES = st.sampled_from(
    ["", "", "a", "b.", " ", "a ", " a", "\xa0", "\u3000b", "é!", "日。", "x" * 62, "y." * 33, "é" * 40, "a\rb"]
)
TEXTS = st.one_of(
    st.text("a\n é日𝄞", max_size=200), st.lists(LINES, max_size=40).map("\n".join), st.lists(LINES).map("\n\n".join)
)


def _within(text: str, after: bytes) -> tuple[np.ndarray, int, int]:
    """The bytes of a text in a read-only array with others around it."""
    data = text.encode()
    return np.frombuffer(b"\n" + data + after, dtype=np.uint8), 1, 1 + len(data)


def _again(items: list[str]) -> list[str]:
    return [item for i, item in enumerate(items) if item in items[:i]]


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from([b"", b"\n" * 64, b"x" * 64]))
@example("日" * 64, b"")
@example("\n" * 128, b"\n" * 64)
@example(" a\n\nb\n\na\n\nb ", b"")
@example("a\nb\n\na\n\nb\n\na\nb", b"")
@example("a\n \n\na\n\n \n\na\n ", b"\n")
def test_lines_and_paragraphs_of_a_part_of_the_array(text: str, after: bytes) -> None:
    data, start, end = _within(text, after)
    assert rules_characters.count_characters(data, start, end) == len(text)
    found = np.empty(rules_lines.LINE_FIELDS, dtype=np.int64)
    table, places = rules_characters.characters(), np.empty((2, 1024), dtype=np.uint64)
    filled = [line for line in text.split("\n") if line.strip()]
    segments = re.split(r"\n+", text)
    paragraphs = re.split(r"\n{2,}", text.strip()) if text.strip() else []
    twice = _again(paragraphs)
    for of in (np.empty(4, dtype=np.int64), np.empty(0, dtype=np.int64)):
        rules_lines.line_statistics(data, start, end, table, text.isascii(), *places, found, of)
        assert found.tolist() == [
            *(len(filled), sum(map(len, filled)), max(map(len, filled), default=0)),
            sum(bool(table[ord(line[-1])] & rules_characters.TERMINAL) for line in filled),
            sum(len(line) <= rules_lines.SHORT_LINE for line in filled),
            *(sum(map(len, _again(filled))), text.count("\n"), len(segments)),
            *(len(_again(segments)), sum(map(len, _again(segments)))),
        ]
        expected = [len(paragraphs), sum(map(len, paragraphs)), len(twice), sum(map(len, twice))]
        assert of.tolist() == expected[: len(of)]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 23])
def test_bytes_are_the_same_but_for_any_one(size: int) -> None:
    first = np.arange(3 + size + 2, dtype=np.uint8)
    other = np.concatenate([np.zeros(1, dtype=np.uint8), first[3 : 3 + size], np.ones(9, dtype=np.uint8)])
    assert scan.is_same(first, 3, other, 1, size)
    for place in range(size):
        changed = other.copy()
        changed[1 + place] ^= 1
        assert not scan.is_same(first, 3, changed, 1, size)
