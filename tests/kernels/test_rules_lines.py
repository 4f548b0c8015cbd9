import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.kernels import rules_characters, rules_lines, scan

TEXTS = st.text("a\n é日𝄞", max_size=200)


def _within(text: str, after: bytes) -> tuple[np.ndarray, int, int]:
    """The bytes of a text in a read-only array with others around it."""
    data = text.encode()
    return np.frombuffer(b"\n" + data + after, dtype=np.uint8), 1, 1 + len(data)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from([b"", b"\n" * 64, b"x" * 64]))
@example("日" * 64, b"")
@example("\n" * 128, b"\n" * 64)
def test_counts_of_a_part_of_the_array(text: str, after: bytes) -> None:
    data, start, end = _within(text, after)
    assert rules_characters.count_characters(data, start, end) == len(text)
    found = np.empty(rules_lines.LINE_FIELDS, dtype=np.int64)
    seen = np.empty(1024, dtype=np.uint64)
    rules_lines.line_statistics(data, start, end, rules_characters.characters(), seen, found)
    filled = [line for line in text.split("\n") if line.strip()]
    assert found[rules_lines.NEWLINES] == text.count("\n")
    assert found[rules_lines.FILLED] == len(filled)
    assert found[rules_lines.FILLED_CHARACTERS] == sum(map(len, filled))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 23])
def test_bytes_are_the_same_but_for_any_one(size: int) -> None:
    first = np.arange(3 + size + 2, dtype=np.uint8)
    other = np.concatenate([np.zeros(1, dtype=np.uint8), first[3 : 3 + size], np.ones(9, dtype=np.uint8)])
    assert scan.is_same(first, 3, other, 1, size)
    for place in range(size):
        changed = other.copy()
        changed[1 + place] ^= 1
        assert not scan.is_same(first, 3, changed, 1, size)
