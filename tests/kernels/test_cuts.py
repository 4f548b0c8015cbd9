from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import cuts, unicode
from tests.kernels.test_substrings import found, joined, split
from tests.naive import substrings as naive


def placed(texts: list[str], length: int) -> list[str]:
    """What stays of each text."""
    offsets, data = joined(texts)
    bounds, starts, lengths = split(texts)
    repeats = np.array(found(texts, length), dtype=np.int64).reshape(-1, 3)
    out = np.empty((len(repeats), 5), dtype=np.int64)
    cuts.place_repeats(offsets, data, bounds, starts, lengths, repeats, unicode.flags(), out)
    stays = []
    spans = out.tolist()
    for i, text in enumerate(texts):
        left = bytearray(text.encode())
        for row, start, end, of_row, of_start in reversed(spans):
            if row == i:
                assert offsets[row] <= start <= end <= offsets[row + 1]
                assert offsets[of_row] <= of_start < offsets[of_row + 1]
                del left[start - offsets[i] : end - offsets[i]]
        stays.append(left.decode())
    assert all(one[2] <= other[1] for one, other in pairwise(spans))
    return stays


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("one two three four", ""),
        ("Intro.\n\none two three four.\n\nOutro.", "Intro.\n\nOutro."),
        ("Intro.\n- one two three four;\n- Outro.", "Intro.\n- Outro."),
        ("Intro.\n\n> “one two three four”\n═════\nOutro.", "Intro.\n\n═════\nOutro."),
        ("Intro (one two three four) outro.", "Intro (outro."),
        ("He said: one two three four.\n\nOutro.", "He said: \n\nOutro."),
        ("- one two three four. “Outro” it is.", "- “Outro” it is."),
        ("Intro, one two three four.", "Intro, "),
        ("Intro.\none two three four.\n", "Intro.\n"),
        ("## one two three four\n  indented", "  indented"),
        ("前 one two three four。後", "前 後"),
        ("one two three four. 🙂 new", "🙂 new"),
        ("Intro\r\n\r\none two three four\r\n\r\noutro", "Intro\r\n\r\noutro"),
        ("He said: one two three four. \r\n\r\nOutro", "He said: \r\n\r\nOutro"),
        ("He said: one two three four\r\n", "He said: \r\n"),
        ("He said: one two three four\r", "He said: "),
    ],
)
def test_what_stays_reads_well(text, stays):
    assert placed(["one two three four", text], 4)[1] == stays


def test_stretches_that_touch_are_taken_out_as_one():
    texts = ["one two three four", "five six seven eight", "New.\none two three four.\nfive six seven eight.\nOld."]
    assert found(texts, 4) == [(9, 13, 0), (13, 17, 4)]
    assert placed(texts, 4)[2] == "New.\nOld."


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("abc漢字一二def", "abc二def"),
        ("abc漢字一二 def", "abc def"),
        ("abc漢字一二，def", "abc，def"),
        ("ж漢字一二٣", "ж二٣"),
        ("abc 漢字一二def", "abc def"),
        ("abc，漢字一二def", "abc，def"),
        ("前漢字一二後", "前後"),
        ("abc漢字一二後", "abc後"),
        ("漢字一二def", "def"),
        ("abc漢字一二", "abc"),
        ("abc漢字一二\ndef", "abc\ndef"),
    ],
)
def test_two_words_do_not_become_one(text, stays):
    assert placed(["漢字一二", text], 4)[1] == stays


def test_a_stretch_may_keep_its_only_word():
    assert placed(["字", "a字b", "x字 y字z"], 1) == ["字", "a字b", "x y字z"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "字", "漢", "\n", ". ", " ", "“", "é"]), max_size=40).map("".join),
        max_size=5,
    ),
    st.integers(1, 4),
)
def test_no_word_is_lost_or_made(texts, length):
    """What stays has the tokens that the twin leaves, in order, and characters that keep words apart."""
    for text, stays, marks in zip(texts, placed(texts, length), naive.repeated(texts, length), strict=True):
        expected = [text[a:b] for (a, b), gone in zip(naive.tokens(text, 255), marks, strict=True) if not gone]
        left = [stays[a:b] for a, b in naive.tokens(stays, 255)]
        rest = iter(left)
        assert all(word in rest for word in expected)
        assert set(Counter(left) - Counter(expected)) <= {"字", "漢"}
        if not any(marks) or text.isascii():
            assert left == expected
        if not any(marks):
            assert stays == text
