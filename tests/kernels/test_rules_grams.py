import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels.rules_grams import LONGEST, MOST_TOP, grams_room, repeat_words
from tests.naive import rules as naive

ROOM = grams_room(4000)
for array in ROOM:
    array[:] = -1 if array.dtype == np.int32 else 7  # what another document left


def _check(numbers: list[int], shift: int) -> None:
    """Compare with the plain twin; words hash to their number at some bit, so that many fall on one place."""
    words = [chr(97 + number) * (number % 5 + 1) for number in numbers]
    ROOM.hashes[: len(words)] = np.array(numbers, np.uint64) << np.uint64(shift)
    ROOM.lengths[: len(words) + 1] = np.cumsum([0, *map(len, words)])
    tops, repeats = np.full(LONGEST + 1, -1), np.full(LONGEST + 1, -1)
    assert repeat_words(ROOM, len(words), tops, repeats) == len(set(words))
    for n in range(2, LONGEST + 1):
        assert tops[n] == (naive.top(words, n) if n <= MOST_TOP else 0), n
        assert repeats[n] == (naive.duplicated(words, n) if n > MOST_TOP else 0), n


def _texts(most: int) -> st.SearchStrategy[list[int]]:
    """Few words, and passages that come again, whole, cut and shifted."""
    word = st.integers(0, most)
    passage = st.lists(word, max_size=30)
    return st.one_of(
        st.lists(word, max_size=120),
        st.builds(lambda text, times, rest: text * times + rest, passage, st.integers(1, 12), passage),
        st.builds(
            lambda parts, order: [word for i in order for word in parts[i % len(parts)]],
            st.lists(passage, min_size=1, max_size=5),
            st.lists(st.integers(0, 4), max_size=12),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20).flatmap(_texts), st.integers(0, 59))
def test_repeats_are_those_of_the_plain_twin(numbers: list[int], shift: int) -> None:
    _check(numbers, shift)


def test_one_word_and_periods_repeated_often() -> None:
    for period in (1, 2, 3, 7, 25):
        _check([i % period for i in range(2500)], 58)


def test_many_words_that_come_twice() -> None:
    order = np.random.default_rng(3).permutation(25).tolist()
    _check([*order, *order, *reversed(order), *order], 0)
    _check(list(range(25)), 40)
