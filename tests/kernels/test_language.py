import functools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, language, scripts, unicode
from tests.naive import language as naive

CHARACTERS = st.sampled_from("abcABCéÉßжЖщαΩあア漢字한글Աաשמعربไทยꯀ  \n.,:0123€😀")
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=80),
    st.text(max_size=40),
    st.builds(lambda some, times: some * times, st.text(CHARACTERS, min_size=1, max_size=60), st.integers(1, 400)),
)
SCRIPTS = ("Latin", "Cyrillic", "Han", "Han Kana", "Hangul Han", "Greek", "Thai")
CHARACTER_TABLES = language.Characters(scripts.table(), unicode.lower())
NOTHING = 8


@functools.cache
def model() -> language.Model:
    """An automaton of 40 states at random, ten classes, eight languages and that of nothing."""
    chance = np.random.default_rng(5)
    covers = np.array([[name in some.split() for name in scripts.NAMES] for some in SCRIPTS])
    groups = np.array([0, 0, 0, 1, 1, 2, 3, 4, -1, 0], dtype=np.int32)
    made = language.Model(
        moves=chance.integers(0, 40, 16 * 256).astype(np.uint32),
        rows=chance.integers(0, 16, 40).astype(np.int64) * 256,
        features=np.where(chance.random(40) < 0.8, np.arange(40) % 30, -1).astype(np.int32),
        weights=chance.integers(-12_000, -10_000, (30, 10)).astype(np.int16),
        prior=chance.integers(0, 100_000, 10).astype(np.int32),
        languages=np.array([0, 1, 2, 3, 4, 5, 6, 7, NOTHING, 0], dtype=np.int32),
        groups=groups,
        covers=covers,
        near=covers.astype(int) @ covers.T > 0,
        alone=np.array([-1, -1, 5, 6, 7, 3, 4], dtype=np.int32),
        letters=np.array([0, 2, 1, *[2] * (len(scripts.NAMES) - 3)], dtype=np.int64),
        cased=scripts.CASED,
    )
    for array in made:
        array.setflags(write=False)
    return made


def identified(texts: pa.Array) -> list[tuple[int, float]]:
    values = arrow.strings(texts)
    found, scores = np.empty(len(values), dtype=np.int32), np.empty(len(values), dtype=np.float32)
    room = language.scratch(model())
    language.identify(values.offsets, values.data, CHARACTER_TABLES, model(), room, NOTHING, found, scores)
    return list(zip(found.tolist(), scores.tolist()))


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=4))
def test_languages_and_scores_are_those_of_the_plain_twin(texts):
    array = pa.array(["before", *texts], pa.large_string()).slice(1)
    for text, (found, score) in zip(texts, identified(array), strict=True):
        wanted, exact = naive.identify(text, model(), NOTHING)
        assert score == pytest.approx(exact, abs=0.02)  # logarithms are rounded to 1/128
        assert found == wanted or score == pytest.approx(exact, abs=0.02)


def test_rounding_changes_no_language_that_is_clear():
    text = "the quick brown fox " * 40
    found, score = identified(pa.array([text], pa.large_string()))[0]
    wanted, exact = naive.identify(text, model(), NOTHING)
    assert found == wanted and score == pytest.approx(exact, abs=0.02)


def test_a_text_is_read_alike_whatever_stands_beside_it():
    texts = ["abc абв" * 50, "", "漢字かな", "x" * 20_000]
    together = identified(pa.array(texts, pa.large_string()))
    assert together == [identified(pa.array([text], pa.large_string()))[0] for text in texts]


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("aé漢😀"), max_size=300), st.integers(4, 40), st.integers(2, 8))
def test_windows_are_those_of_the_plain_twin(text, size, most):
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    found = []
    for index in range(most):
        first, last = language.window(0, len(data), index, size, most)
        if last == 0:
            break
        found.append(bytes(data[language.whole(data, first, len(data)) : language.whole(data, last, len(data))]))
    assert found == naive.windows(text.encode(), size, most)
    if len(data) <= size * most:
        assert b"".join(found) == text.encode()


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=4))
def test_lines_are_the_windows_without_controls(texts):
    values = arrow.strings(pa.array(texts, pa.large_string()))
    offsets, data = np.empty(len(texts) + 1, dtype=np.int64), np.empty(len(texts) * language.LINE, dtype=np.uint8)
    lettered = np.empty(len(texts), dtype=np.bool_)
    language.lines(values.offsets, values.data, scripts.table(), offsets, data, lettered)
    for row, text in enumerate(texts):
        pieces = naive.windows(text.encode(), language.LINE_WINDOW, language.LINE_WINDOWS)
        long = len(text.encode()) > language.LINE_WINDOW * language.LINE_WINDOWS
        line = b"".join(piece + b" " * long for piece in pieces)
        assert bytes(data[offsets[row] : offsets[row + 1]]) == bytes(max(byte, 32) for byte in line)
        assert lettered[row] == any(map(naive.script_of, line.decode()))
