import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import substrings, words
from tests.naive import substrings as naive

WORDS = st.sampled_from(["a", "A", "b", "cc", "é", "漢", "字", "長い", "x" * 9, "ß_1"])
TEXTS = st.lists(st.lists(WORDS, max_size=25).map(" ".join), max_size=6)


def joined(texts: list[str], before: bytes = b"") -> tuple[np.ndarray, np.ndarray]:
    """Texts as offsets and read-only data, in which they may begin late."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([len(before), *map(len, encoded)])
    return offsets, np.frombuffer(before + b"".join(encoded), dtype=np.uint8)


def split(texts: list[str], before: bytes = b"") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    offsets, data = joined(texts, before)
    bounds = np.empty(len(offsets), dtype=np.int64)
    starts = np.empty((len(data) + len(texts)) // 2 + 1, dtype=np.uint32)
    lengths = np.empty(len(starts), dtype=np.uint8)
    substrings.split(offsets, data, words.tables(), bounds, starts, lengths)
    return bounds, starts[: bounds[-1]], lengths[: bounds[-1]]


def found(texts: list[str], length: int, blocks: int = 64) -> list[tuple[int, int, int]]:
    bounds, starts, lengths = split(texts)
    data = joined(texts)[1]
    for array in (bounds, starts, lengths):
        array.flags.writeable = False
    seen = np.zeros((blocks, 2), dtype=np.uint64)
    substrings.survey_windows(data, bounds, starts, lengths, length, seen)
    out = np.empty((len(starts), 3), dtype=np.int64)
    count = substrings.find_repeats(data, bounds, starts, lengths, length, seen, out)
    return [(int(a), int(b), int(c)) for a, b, c in out[:count]]


def check(texts: list[str], length: int, blocks: int = 64) -> None:
    """The tokens are those of the twin, and each stretch has an equal before it, in one text."""
    bounds = split(texts)[0]
    every = [text[start:end] for text in texts for start, end in naive.tokens(text, substrings.LONGEST)]
    texts_of = np.repeat(np.arange(len(texts)), np.diff(bounds)).tolist()
    marks = [False] * len(every)
    last = 0
    for first, end, copy in found(texts, length, blocks):
        assert last <= first < end
        assert every[first:end] == every[copy : copy + end - first]
        assert copy < first and texts_of[first] == texts_of[end - 1]
        assert texts_of[copy] == texts_of[copy + end - first - 1]
        marks[first:end] = [True] * (end - first)
        last = end
    assert marks == [mark for text in naive.repeated(texts, length) for mark in text]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=5), st.binary(max_size=5))
def test_tokens_are_those_of_the_plain_twin(texts, before):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    bounds, starts, lengths = split(texts, before)
    place = len(before)
    for i, text in enumerate(texts):
        expected = [(len(text[:a].encode()), len(text[a:b].encode())) for a, b in naive.tokens(text, 255)]
        mine = slice(bounds[i], bounds[i + 1])
        assert list(zip((starts[mine] - place).tolist(), lengths[mine].tolist(), strict=True)) == expected
        place += len(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "a" * 255,
        "a" * 256,
        "é" * 300,
        "𠮷" * 20_000,
        "𝒜" * 20_000,
        "x" + "é" * 50_000,
        "word " * 9000,
        "." * 16_380 + "words over the edge",
        "." * 16_382 + "é漢",
        "漢" * 16_400,
        " " * 40_000,
    ],
)
def test_long_words_and_texts_are_cut_where_no_character_is(text):
    _, starts, lengths = split([text, "end"])
    expected = [(a, b) for a, b in naive.tokens(text, 255)]
    encoded = text.encode()
    assert len(starts) == len(expected) + 1
    pieces = [encoded[start : start + length].decode() for start, length in zip(starts[:-1], lengths[:-1], strict=True)]
    assert pieces == [text[a:b] for a, b in expected]


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.integers(1, 6))
def test_repeats_are_those_of_the_plain_twin(texts, length):
    check(texts, length)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab ", max_size=40), max_size=5), st.integers(1, 5), st.sampled_from([1, 2, 64]))
def test_hardly_any_words_and_a_crowded_filter(texts, length, blocks):
    check([" ".join(text) for text in texts], length, blocks)


@pytest.mark.parametrize("length", [1, 2, 7, 50])
@pytest.mark.parametrize("period", [1, 2, 7, 49, 50, 51, 60])
def test_of_a_period_the_first_whole_ones_stay(length, period):
    line = " ".join(f"w{i}" for i in range(period))
    stays = -(-length // period) * period
    whole = found(["\n".join([line] * 40)], length)
    assert whole == [(stays, 40 * period, 0)] or whole == []
    assert bool(whole) == (stays + length <= 40 * period)


def test_texts_longer_than_a_block_of_windows():
    every = [f"w{i}" for i in range(3200)]
    text = " ".join(every)
    assert found([text, f"x {text} y", " ".join(every[5:])], 50) == [(3201, 6401, 0), (6402, 9597, 5)]
    check([" ".join(f"w{i * i % 97}" for i in range(1200)), " ".join(f"w{i * i % 97}" for i in range(40, 90))], 9)


def test_a_table_that_grows_keeps_what_it_has():
    texts = [" ".join(f"w{start + i}" for i in range(4000)) for start in (0, 4000, 8000)]
    assert found([*texts, *texts[::-1]], 5, 1) == [
        (12_000, 16_000, 8000),
        (16_000, 20_000, 4000),
        (20_000, 24_000, 0),
    ]


def test_case_and_characters_count_but_not_what_stands_between():
    assert found(["a b c", "a, b.\nc", "A b c", "á b c"], 3) == [(3, 6, 0)]


@pytest.mark.parametrize("length", [3000, 100_000])
def test_windows_that_are_very_long(length):
    """With periods too: hardly more work than for short ones, where it would be the square of the length."""
    words = [f"w{i}" for i in range(length + 10)]
    periods = "a b c " * length
    stays = -(-length // 3) * 3
    first = 2 * (length + 10) - 3
    assert found([" ".join(words), " ".join(words[3:]), periods, periods], length) == [
        (length + 10, first, 3),
        (first + stays, first + 3 * length, first),
        (first + 3 * length, first + 6 * length, first),
    ]
