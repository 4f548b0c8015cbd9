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
        ["word", "Words", "a" * 7, "B" * 8, "c" * 9, "d_" * 8, "f" * 17, "e" * 31, "naïve", "x" * 8 + "é", " ", "\n"]
    ),
    st.sampled_from([" " * 50, "word, " * 11, "." * 63 + "g", "Ж" * 30, "h" * 65]),
)
TEXTS = st.lists(PIECES, max_size=10).map("".join)


def hashed(
    text: str, before: bytes = b"ab", after: bytes = b"cd", unit: int = words.WORDS
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Hashes and spans of the tokens of a text that stands in the middle of other bytes."""
    encoded = text.encode("utf-8", "surrogatepass")
    data = np.frombuffer(before + encoded + after, dtype=np.uint8)
    room = words.most_tokens(unit, len(encoded))
    hashes = np.empty(room, dtype=np.uint64)
    spans = np.empty((room, 2), dtype=np.int64)
    bounds = (data, len(before), len(before) + len(encoded), words.tables(), unit)
    count = words.hash_tokens(*bounds, hashes, spans)
    assert count == words.hash_tokens(*bounds, hashes, spans[:0])
    return hashes[:count], [(start - len(before), end - len(before)) for start, end in spans[:count].tolist()]


def no_surrogates(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@settings(deadline=None, max_examples=60)
@given(TEXTS.filter(no_surrogates), st.binary(max_size=9), st.one_of(st.binary(max_size=9), st.just(b"x" * 100)))
def test_words_lie_where_the_plain_twin_finds_them(text, before, after):
    found = hashed(text, before, after)[1]
    expected = [(len(text[:start].encode()), len(text[:end].encode())) for start, end in naive.spans(text)]
    assert found == expected


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 140), st.integers(1, 40), st.integers(0, 80), st.booleans())
def test_where_a_word_stands_does_not_matter(before, length, after, whole):
    """Blocks of 64 bytes begin with the text, and bytes behind it are or are not there."""
    word = "aBcDeFgH_1"[: max(1, length % 11)] * (1 + length // 11)
    text = " " * before + word + "!" * after
    hashes, spans = hashed(text, b"", b"" if whole else b"more" * 25)
    assert spans == [(before, before + len(word))]
    assert hashes[0] == hashed(word, b"", b"x" * 20)[0][0]


@settings(deadline=None, max_examples=60)
@given(TEXTS.filter(no_surrogates), TEXTS.filter(no_surrogates), st.binary(max_size=9))
def test_characters_are_those_of_the_plain_twin(one, other, after):
    found = [hashed(text, b"", after, words.CHARACTERS)[0].tolist() for text in (one, other)]
    expected = [naive.characters(text) for text in (one, other)]
    assert [len(hashes) for hashes in found] == [len(tokens) for tokens in expected]
    pairs = {pair for tokens in zip(found, expected, strict=True) for pair in zip(*tokens, strict=True)}
    assert len(pairs) == len({value for value, _ in pairs}) == len({token for _, token in pairs})


def test_spans_of_characters():
    assert hashed(" aÉ \n漢", unit=words.CHARACTERS)[1] == [(1, 2), (2, 4), (4, 6), (6, 9)]
    assert not len(hashed(" \t\u3000\n", unit=words.CHARACTERS)[0])


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
    letters = "abcdefghi"
    orders = {tuple(letters[:i] + letters[i + 1 : j] + letters[i] + letters[j:]) for i in range(9) for j in range(10)}
    assert len({sequence(" ".join(order)) for order in orders}) == len(orders)
