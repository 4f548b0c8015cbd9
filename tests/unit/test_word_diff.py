"""The difference of two texts: it rebuilds both, and stays small whatever they are."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import word_diff
from curate.algorithms.word_diff import Piece, abridged, difference

WORDS = st.lists(
    st.sampled_from(["a", "b", "word", "Word", "字", "句", "ไทย", ".", "!", "\n", "  ", "\n\n", "é"]), max_size=60
)


def rebuilt(pieces: list[Piece], mine: str) -> str:
    return "".join("".join(piece.text.split()) for piece in pieces if piece.kind in ("same", mine))


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_the_pieces_rebuild_both_texts(start, one, other):
    first, second = " ".join(start + one), " ".join(start + other)
    pieces = difference(first, second)
    assert rebuilt(pieces, "first") == "".join(first.split())
    assert rebuilt(pieces, "second") == "".join(second.split())
    kinds = [piece.kind for piece in pieces]
    assert all(a != b for a, b in pairwise(kinds)) and all(piece.text for piece in pieces)


def test_words_are_compared_and_not_letters():
    found = difference("the cat sat on the mat today", "the dog sat on the mat")
    assert found == [
        Piece("same", "the "),
        Piece("first", "cat "),
        Piece("second", "dog "),
        Piece("same", "sat on the mat "),
        Piece("first", "today"),
    ]


def test_scripts_without_spaces_are_compared_by_character():
    found = difference("视野无限广，窗外有蓝天。" * 60 + "微风", "视野无限广，窗外有青天。" * 60 + "微风")
    assert {piece.text for piece in found if piece.kind == "first"} == {"蓝"}
    assert {piece.text for piece in found if piece.kind == "second"} == {"青"}


def test_white_space_alone_is_no_difference():
    assert {piece.kind for piece in difference("a b\n\nc  d", " a\nb c d ")} == {"same"}


def test_one_text_that_is_empty_or_the_same():
    assert difference("", "") == []
    assert difference("a b", "a b") == [Piece("same", "a b")]
    assert difference("", "a b") == [Piece("second", "a b")]


def test_long_texts_are_compared_by_sentence_first():
    lines = [f"Sentence number {i} has a few words of its own." for i in range(3000)]
    other = list(lines)
    other[1000] = "Sentence number one thousand has a few words of its own."
    del other[2000]
    found = difference(" ".join(lines[1:]), " ".join(other[:-1]))
    assert rebuilt(found, "first") == "".join(" ".join(lines[1:]).split())
    assert {"1000 "} <= {piece.text for piece in found if piece.kind == "first"}
    assert max(len(piece.text) for piece in found if piece.kind != "same") < 100


def test_long_texts_without_sentences_are_compared_by_word_all_the_same():
    words = [f"w{i * i % 997}" for i in range(30_000)]
    other = [*words[:5_000], "changed", *words[5_001:20_000], *words[20_007:], "end"]
    found = difference(" ".join(words), " ".join(other))
    assert [piece.text.split() for piece in found if piece.kind == "first"] == [[words[5_000]], words[20_000:20_007]]
    assert [piece.text.split() for piece in found if piece.kind == "second"] == [["changed"], ["end"]]


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_the_pieces_of_texts_that_are_cut_rebuild_both(start, one, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_diff, "MOST_WORDS", 4)
        patch.setattr(word_diff, "_STRETCH_WORDS", 2)
        first, second = " ".join([*one, *start]), " ".join([*other, *start])
        pieces = difference(first, second)
    assert rebuilt(pieces, "first") == "".join(first.split())
    assert rebuilt(pieces, "second") == "".join(second.split())


def test_what_is_beyond_the_window_is_said_not_to_be_compared(monkeypatch):
    monkeypatch.setattr(word_diff, "WINDOW", 1000)
    found = difference("x " + "a b " * 1000, "y " + "c d " * 2000)
    assert [piece for piece in found if piece.kind == "skipped"] == [Piece("skipped", "7,001 characters not compared")]
    monkeypatch.setattr(word_diff, "MOST_UNITS", 5)
    monkeypatch.setattr(word_diff, "MOST_WORDS", 3)
    found = difference("".join(f"{i}.\n" for i in range(20)) + "x", "".join(f"{i}!\n" for i in range(20)) + "y")
    assert Piece("skipped", "16 sentences not compared") in found


def test_the_same_word_over_and_over_ends_soon():
    """A hostile case for difflib: every word matches every other."""
    first, second = "start " + "a b " * 60_000 + "x", "begin " + "b a " * 60_000 + "y"
    found = difference(first, second)
    assert rebuilt(found, "first") == "".join(first.split())


def test_only_what_fits_is_shown():
    same = " ".join(f"w{i}" for i in range(500))
    pieces = [Piece("same", same), Piece("first", "gone " * 400), Piece("same", same), Piece("second", "new")]
    shown = abridged(pieces, context=20, longest=100)
    texts = [piece.text for piece in shown if piece.kind == "same"]
    assert texts[0].endswith("w499") and texts[1].startswith("w0 w1") and texts[2].endswith("w499")
    assert all(len(text) <= 20 for text in texts)
    assert [piece.text.split(" ", 1)[1] for piece in shown if piece.kind == "skipped"] == [
        "characters alike",
        "characters more",
        "characters alike",
    ]
    many = [Piece(kind, f"{i} ") for i in range(100) for kind in ("same", "first")]
    assert abridged(many, most=10)[-1] == Piece("skipped", "90 more stretches that differ")


def test_what_is_left_out_is_counted():
    shown = abridged([Piece("same", "w " * 500), Piece("first", "x")], context=10)
    assert shown[0] == Piece("skipped", f"{1000 - len(shown[1].text):,} characters alike")
