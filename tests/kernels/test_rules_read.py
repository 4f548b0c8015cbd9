import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms.english import exceptions
from curate.algorithms.rules import lexicon
from curate.algorithms.stop_words import GOPHER, STOP_WORDS
from curate.kernels import rules, rules_fields
from curate.kernels.rules_characters import characters

CHUNKS = st.one_of(
    st.sampled_from(sorted(exceptions())),
    st.sampled_from(
        ["word", "The", "cannot", "a" * 23, "b" * 24, "c" * 25, "d" * 63, "e" * 64, "f" * 65, "été", "日本"]
    ),
    st.text("abZ019.,'-()[]*`$%/:;!?…é", min_size=1, max_size=30),
)
SPACES = st.sampled_from([" ", " ", " ", " ", "  ", "\t", "\n", " \n", "\u2028", "\u00a0"])
TEXTS = st.lists(st.tuples(CHUNKS, SPACES), max_size=60).map(lambda parts: "".join(map("".join, parts)))


def _counted(data: bytes, places: list[int]) -> np.ndarray:
    found = np.empty((len(places) - 1, rules_fields.FIELDS), dtype=np.int64)
    offsets = np.array(places, dtype=np.int64)
    rules.measure(offsets, np.frombuffer(data, dtype=np.uint8), characters(), lexicon(), found)
    return found


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from(["", " ", "x", "é"]), st.integers(0, 80))
def test_what_is_around_a_text_changes_nothing(text: str, after: str, shift: int) -> None:
    """Alone the last 64 bytes are read character by character, and the second time all odd chunks have been met."""
    data = text.encode()
    alone = _counted(data, [0, len(data)])
    around = b" " * shift + data + data + after.encode() * 80
    first, second = _counted(around, [shift, shift + len(data), shift + 2 * len(data)])
    assert np.array_equal(first, alone[0])
    assert np.array_equal(second, alone[0])


def test_a_stop_word_is_no_mark() -> None:
    """Words are looked up among stop words by their hash alone."""
    words = {*GOPHER, *(word for spoken in STOP_WORDS.values() for word in spoken.split())}
    assert [word for word in words if not any(map(str.isalpha, word))] == []


def test_words_beyond_those_compared_are_counted() -> None:
    words = rules.MOST_WORDS + 10
    (row,) = _counted(b"a, " * (words // 2), [0, 3 * (words // 2)])
    assert row[rules_fields.WORDS] == words
    assert row[rules_fields.PLAIN_WORDS] == words // 2
    assert row[rules_fields.LANGUAGE_WORDS] == words // 2
