import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, wordpunct
from tests.naive.dsir import tokens

CHARACTERS = st.one_of(
    st.sampled_from("aBz09_ \t\n\x1c\x1f\x00.,!'’:ΣσςİiǅͅÀΐ\u0307\u00ad\u2003\u3000中한Ⱥ𐐀𝐀😀\x7f\x80"),
    st.characters(exclude_categories=["Cs"]),
)
CODE_POINTS = [
    *(c for ends in ((0, 0x3400), (0x9F00, 0xAC80), (0xD780, 0xD800), (0xE000, 0x20000)) for c in range(*ends)),
    *(c for ends in ((0x3400, 0x9F00), (0xAC80, 0xD780), (0x20000, 0x110000)) for c in range(*ends, 97)),
    *range(0xE0000, 0xE0200),
]
TEXTS = st.lists(st.text(CHARACTERS, max_size=90), max_size=6)


def joined(array, marks):
    values = arrow.strings(array)
    size = int(values.offsets[-1] - values.offsets[0])
    offsets, data = np.empty(len(values) + 1, dtype=np.int64), np.empty(3 * size, dtype=np.uint8)
    wordpunct.join_tokens(values.offsets, values.data, wordpunct.tables(marks), offsets, data)
    return arrow.string_array(offsets, data[: offsets[-1]]).to_pylist()


def expected(text, marks=False):
    return "".join(token + " " for token in tokens(text, marks))


def of(text):
    (found,) = joined(pa.array([text], pa.large_string()), False)
    return found


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.booleans())
def test_tokens_are_those_of_the_regular_expression_on_the_lower_cased_text(texts, marks):
    array = pa.array(["İΣ", *texts, "aΣ"], pa.large_string()).slice(1, len(texts))
    assert joined(array, marks) == [expected(text, marks) for text in texts]


@pytest.mark.parametrize("marks", [False, True])
def test_every_character_in_every_context(marks):
    lines = [f"{c} a{c}b {c}Σ aΣ{c} aΣ{c}a a{c}Σ .{c}\n" for c in map(chr, CODE_POINTS)]
    texts = ["".join(lines[i::9]) for i in range(9)]
    for text, found in zip(texts, joined(pa.array(texts, pa.large_string()), marks), strict=True):
        pairs = zip(found.split(" "), expected(text, marks).split(" "), strict=False)
        assert [pair for pair in pairs if pair[0] != pair[1]][:3] == []
        assert found == expected(text, marks)


def test_marks_and_joiners_belong_to_words_and_superscripts_do_not():
    text = pa.array(["हिन्दी می\u200cها x² İx"], pa.large_string())
    assert joined(text, True) == ["हिन्दी می\u200cها x ² i̇x "]
    assert joined(text, False) == ["ह ि न ् द ी می \u200c ها x² i ̇ x "]


@pytest.mark.parametrize("unit", ["Word, ", "Wörter und ", "語", "x", " ", "\n\n", "ΑΣ "])
@pytest.mark.parametrize("near", [wordpunct.PIECE, 3 * wordpunct.PIECE])
def test_texts_longer_than_a_piece(unit, near):
    for size in range(near - 9, near + 9):
        text = (unit * near)[:size] + "Ende."
        assert of(text) == expected(text), size


def test_a_text_without_a_space_is_cut_at_the_longest_piece_and_nowhere_else():
    text = "é" * (wordpunct.LONGEST // 2 + 1000)
    lengths = [len(token) for token in of(text).split()]
    assert sum(lengths) == len(text)
    assert lengths[0] == wordpunct.LONGEST // 2 - 2
    shorter = "é" * (wordpunct.LONGEST // 2 - 1000) + " é"
    assert of(shorter) == expected(shorter)


def test_no_lower_case_needs_more_room_than_the_scratch_has():
    for code_point in range(0x80, sys.maxunicode + 1):
        if not 0xD800 <= code_point < 0xE000:
            character = chr(code_point)
            assert len(character.lower().encode()) <= 1.5 * len(character.encode())


def test_the_planes_left_out_of_the_casing_table_have_no_case():
    left_out = (c for c in range(0x20000, sys.maxunicode + 1) if not 0xE0000 <= c < 0xE1000)
    assert {unicodedata.category(chr(c)) for c in left_out} == {"Lo", "Cn", "Co"}
