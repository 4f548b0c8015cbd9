"""Statistics of texts against plain-Python twins, and against what published tokenizers make of known phrases."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import c4, rule_columns, rules
from curate.algorithms.stop_words import STOP_WORDS
from tests.naive import rules as naive

PIECES = """
the and of with have be to word Word WORD ( ) [1] [12] [edit] [citation needed] . , ; : ! ? ... … .. '' ' " ’s 's don't
Can’t can not I'm it's e.g. Mr. U.S. a.m. 5pm 10km 3.5 1-2 -5 +3 x+y and/or w/o foo-bar foo--bar a.B :) :-( 8) ©
http://example.org/a-b www.example.org me@example.org javascript JavaScript lorem ipsum Lorem use cookies terms use
privacy policy { } # - • $5 US$ 5$ €3 日本語 слово Ελλάδα ñandú １２ ‽ – — ~ * & % / < > =
""".split()  # noqa: SIM905
GAPS = (" ", " ", " ", "  ", "\n", "\n", "\n\n", "\n\n\n", "\t", "\r\n", " \n ", "\u2028", "\x1e", "\xa0", "\u3000", "")
TEXTS = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GAPS)), max_size=60).map(
    lambda parts: "".join(piece + gap for piece, gap in parts)
)


def _measure(texts: list[str | None]) -> list[dict]:
    table = rules.measure(pa.array(texts, pa.large_string()))
    assert table.schema == rule_columns.schema()
    return [{name.removeprefix(rule_columns.PREFIX): value for name, value in row.items()} for row in table.to_pylist()]


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_every_statistic_is_that_of_the_definitions(texts: list[str]) -> None:
    for text, found in zip(texts, _measure(texts), strict=True):
        for name, value in naive.measure(text).items():
            assert found[name] == pytest.approx(value, abs=1e-12), (name, text)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.booleans())
def test_c4_keeps_what_the_definitions_keep(text: str, ended_only: bool) -> None:
    kept, kinds, lorem, bracket = naive.c4(text, ended_only)
    found = c4.clean(pa.array(["before it", text, None]).slice(1), ended_only)
    assert found.texts.to_pylist() == ["\n".join(kept).strip(), None]
    assert {name: count for name, count in found.lines.items() if count} == dict(kinds)
    assert (found.lorem_ipsum[0], found.curly_bracket[0]) == (lorem, bracket)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't know, really (or do I?).", "I do n't know , really ( or do I ? ) ."),
        ("Mr. Smith's U.S. trip costs US$5, i.e. $5.", "Mr. Smith 's U.S. trip costs US$ 5 , i.e. $ 5 ."),
        ("see http://a.org/b-c or me@b-c.org well-known", "see http://a.org/b-c or me@b-c.org well - known"),
        ("10km at 5pm, wait...what? (foo:)", "10 km at 5 pm , wait ... what ? ( foo :)"),
    ],
)
def test_words_are_spacys(text: str, words: str) -> None:
    assert naive.words(text) == words.split()
    (found,) = _measure([text])
    assert found["word_count"] == len(words.split())


def test_nulls_slices_and_batches_change_nothing() -> None:
    texts = ["One line here.\nAnother line.", None, "", "the the the the " * 50]
    together = _measure(texts)
    assert [_measure([text])[0] for text in texts] == together
    assert together[1] == together[2]
    assert together[1]["stop_word_language"] is None
    assert rules.measure(pa.array([], pa.large_string())).schema == rule_columns.schema()


@pytest.mark.parametrize("code", sorted(STOP_WORDS))
def test_a_language_is_told_by_its_stop_words(code: str) -> None:
    (found,) = _measure([STOP_WORDS[code].title() + " " + STOP_WORDS[code]])
    assert found["stop_word_language"] == code
    assert found["stop_word_fraction"] > 0.9


def test_readability_and_compression_say_what_they_are_for() -> None:
    plain, dense = "We see a big dog run to it. " * 30, "Institutional heterogeneity notwithstanding delays. " * 3
    easy, hard, noise = _measure([plain, dense, "".join(chr(33 + i * i * 7 // 5 % 89) for i in range(3000))])
    assert easy["eflaw"] == 16
    assert hard["eflaw"] == 4
    assert easy["compression_ratio"] > 10 > noise["compression_ratio"]
    assert 2 < easy["characters_per_token"] < hard["characters_per_token"]


def test_capitals_that_are_no_letters_are_not_among_them() -> None:
    found = _measure(["aB", "aB Ⅷ Ⓑ 🄰", "Ⅷ Ⓑ"])
    assert [row["upper_case_fraction"] for row in found] == [0.5, 0.5, 0.0]


def test_repetition_in_a_long_text() -> None:
    text = " ".join(f"w{i % 700} again and again" for i in range(20_000))
    (found,) = _measure([text])
    words = naive.words(text)
    assert found["top_3_gram_character_fraction"] == naive.top(words, 3) / len(text)
    assert found["duplicate_10_gram_character_fraction"] == naive.duplicated(words, 10) / len(text)


def test_one_endless_word_is_read() -> None:
    (found,) = _measure(["(" * 200_000 + "x" * 200_000])
    assert found["characters"] == 400_000
    assert found["c4_long_word_lines"] == 1
