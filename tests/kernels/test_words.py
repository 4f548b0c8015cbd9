import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import words
from tests.naive import dedup as naive

PIECES = st.one_of(
    st.text(max_size=12),
    st.text("aZ09_@[`{/: \x00\x10\x19\x7f\x80-\u00a0éÉßİıΣςǅȺЖж漢字かカｶ한ไท០ລမ١२𝒜𠀀😀\u0301", max_size=12),
    st.sampled_from(
        ["word", "Words", "a" * 7, "B" * 8, "c" * 9, "d_" * 8, "e" * 31, "naïve", "x" * 8 + "é", " ", "\n"]
    ),
)
TEXTS = st.lists(PIECES, max_size=10).map("".join)


def hashed(text: str, before: bytes = b"ab", after: bytes = b"cd") -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Hashes and spans of a text that stands in the middle of other bytes."""
    encoded = text.encode("utf-8", "surrogatepass")
    data = np.frombuffer(before + encoded + after, dtype=np.uint8)
    room = (len(encoded) + 1) // 2
    hashes = np.empty(room, dtype=np.uint64)
    spans = np.empty((room, 2), dtype=np.int64)
    count = words.hash_words(data, len(before), len(before) + len(encoded), words.tables(), hashes, spans)
    assert count == words.hash_words(data, len(before), len(before) + len(encoded), words.tables(), hashes, spans[:0])
    return hashes[:count], [(start - len(before), end - len(before)) for start, end in spans[:count].tolist()]


def no_surrogates(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@settings(deadline=None, max_examples=60)
@given(TEXTS.filter(no_surrogates), st.binary(max_size=9), st.binary(max_size=9))
def test_words_lie_where_the_plain_twin_finds_them(text, before, after):
    found = hashed(text, before, after)[1]
    expected = [(len(text[:start].encode()), len(text[:end].encode())) for start, end in naive.spans(text)]
    assert found == expected


@settings(deadline=None, max_examples=60)
@given(TEXTS.filter(no_surrogates), TEXTS.filter(no_surrogates))
def test_hashes_are_equal_when_and_only_when_words_are(one, other):
    hashes = np.concatenate([hashed(one)[0], hashed(other, b"", b"")[0]]).tolist()
    expected = naive.words(one) + naive.words(other)
    assert len(set(zip(hashes, expected, strict=True))) == len(set(hashes)) == len(set(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n.,", []),
        ("Don't stop", ["don", "t", "stop"]),
        ("漢字かな test", ["漢", "字", "か", "な", "test"]),
        ("abc漢def", ["abc", "漢", "def"]),
        ("İSTANBUL Straße ÉTÉ", ["istanbul", "straße", "été"]),
        ("snake_case x86_64", ["snake_case", "x86_64"]),
        ("한국어 text", ["한국어", "text"]),
    ],
)
def test_known_words(text, expected):
    assert naive.words(text) == expected
    assert hashed(text)[0].tolist() == [hashed(word)[0][0] for word in expected]


def test_case_of_ascii_is_folded_and_nothing_else():
    assert hashed("HELLO")[0][0] == hashed("hello")[0][0] == hashed("hello", b"", b"")[0][0]
    singles = {hashed(chr(c))[0][0] for c in range(128) if len(hashed(chr(c))[0])}
    assert len(singles) == 26 + 10 + 1


def test_a_long_word_is_one_word():
    text = "ab" * 5000
    assert hashed(text)[1] == [(0, 10_000)]
    assert hashed(text)[0][0] != hashed(text[:-1])[0][0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from("abcde"), max_size=30), st.integers(1, 8))
def test_ngrams_are_those_of_the_plain_twin(letters, length):
    text = " ".join(letters)
    hashes, _ = hashed(text)
    hashes = np.concatenate([hashes, np.zeros(1, np.uint64)])
    count = words.hash_ngrams(hashes, len(letters), length)
    expected = naive.words(text)
    grams = [tuple(expected[i : i + length]) for i in range(max(1, len(expected) - length + 1))] if expected else []
    assert count == len(grams)
    assert (
        len(set(zip(hashes[:count].tolist(), grams, strict=True)))
        == len(set(grams))
        == len(set(hashes[:count].tolist()))
    )


def test_ngrams_do_not_depend_on_where_they_stand():
    def grams(text: str) -> set[int]:
        hashes, _ = hashed(text)
        return set(hashes[: words.hash_ngrams(hashes, len(hashes), 3)].tolist())

    assert len(grams("a b c d e") & grams("x y b c d e z")) == 2
    assert not grams("a b c") & grams("c b a")
    assert not grams("a b") & grams("a b c")


def test_sequences():
    def sequence(text: str) -> int:
        hashes, _ = hashed(text)
        return words.hash_sequence(hashes, len(hashes))

    assert sequence("Some, words.") == sequence("some WORDS")
    assert len({sequence(text) for text in ("", "a", "a a", "a b", "b a", "a b c", "ab")}) == 7
