import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import tokens, unicode
from tests.naive import tokens as naive

TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            ["word", "  ", "\n", "\n\n  ", "camelCase", "HTTPServer", "...", "_", "1234567", "é", "Ж", "漢", "한", "😀"]
        ),
        st.text("aBcZ09 \t\n._-(é\u0416\u6f22", max_size=6),
    ),
    max_size=12,
).map("".join)

LONG_TEXTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "a",
                "Z",
                "aB",
                "7",
                ".",
                "_",
                " ",
                "\t",
                "\n",
                " \n",
                "\x1f",
                "\0",
                "é",
                "à ",
                "Ж",
                "漢",
                "😀",
                "word ",
                "X9.",
            ]
        ),
        st.one_of(st.integers(1, 8), st.integers(1, 200)),
    ),
    max_size=12,
).map(lambda runs: "".join(text * number for text, number in runs))
"""Runs across the borders of several blocks of 64 characters."""


def estimate(texts: list[str]) -> list[int]:
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([3, *map(len, encoded)])
    data = np.frombuffer(b"abc" + b"".join(encoded) + b"tail", dtype=np.uint8)
    offsets.flags.writeable = False
    out = np.empty(len(texts), dtype=np.int64)
    tokens.estimate(offsets, data, *unicode.flags(), tokens.page_costs(), out)
    return out.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(TEXTS, LONG_TEXTS), max_size=6))
def test_the_kernel_counts_what_the_expressions_count(texts):
    assert estimate(texts) == [naive.estimate(text) for text in texts]


@pytest.mark.parametrize("run", ["a", "A", "7", ".", " ", "\n", "é", "\0", "漢"])
def test_a_run_at_every_place_of_a_block(run):
    texts = [
        a * i + run * n + b for i in range(60, 68) for n in (1, 2, 5, 6, 7, 64, 130) for a in "a \n1." for b in "a \n1"
    ]
    assert estimate(texts) == [naive.estimate(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        (" ", 1),
        ("a", 1),
        ("The cat sat on the mat.", 6),
        ("12345", 4),
        ("漢" * 100, 74),
        ("\ufffd\U0001f600", 2),
    ],
)
def test_known_estimates(text, expected):
    assert estimate([text]) == [expected]
