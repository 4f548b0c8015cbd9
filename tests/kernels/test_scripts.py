import unicodedata

import pytest

from curate.kernels import scripts

NAMES = {"Kana": ("HIRAGANA", "KATAKANA"), "Han": ("CJK",), "Canadian": ("CANADIAN",), "Olchiki": ("OL CHIKI",)}


def script(character: str) -> str:
    return scripts.NAMES[scripts.table()[ord(character)]]


@pytest.mark.parametrize("name", [name for name in scripts.NAMES[2:] if name not in ("Han", "Latin")])
def test_letters_are_named_after_their_script(name):
    """By Unicode's own names; a few blocks hold letters of a neighbour."""
    beginnings = NAMES.get(name, (name.upper(),))
    letters = [chr(c) for c in range(scripts.END) if scripts.table()[c] == scripts.NAMES.index(name)]
    named = [unicodedata.name(c, "") for c in letters if unicodedata.category(c)[0] == "L"]
    right = sum(any(beginning in found for beginning in beginnings) for found in named)
    assert named and right / len(named) > 0.9


@pytest.mark.parametrize("character", "0٣९ .,;!?-–«»、。（）€×÷😀\n")
def test_what_is_no_letter(character):
    assert script(character) == ""


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("z", "Latin"),
        ("ß", "Latin"),
        ("ế", "Latin"),
        ("ｚ", "Latin"),
        ("ё", "Cyrillic"),
        ("ώ", "Greek"),
        ("ᾷ", "Greek"),
        ("漢", "Han"),
        ("𠀀", "Han"),
        ("々", "Han"),
        ("ー", "Kana"),
        ("ｱ", "Kana"),
        ("각", "Hangul"),
        ("ا", "Arabic"),
        ("ꯀ", "other"),
        ("𐌰", "other"),
    ],
)
def test_scripts_of_letters(character, name):
    assert script(character) == name
