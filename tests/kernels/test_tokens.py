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


def estimate(texts: list[str]) -> list[int]:
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([3, *map(len, encoded)])
    data = np.frombuffer(b"abc" + b"".join(encoded) + b"tail", dtype=np.uint8)
    offsets.flags.writeable = False
    out = np.empty(len(texts), dtype=np.int64)
    tokens.estimate(offsets, data, *unicode.flags(), tokens.page_costs(), out)
    return out.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=6))
def test_the_kernel_counts_what_the_expressions_count(texts):
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
