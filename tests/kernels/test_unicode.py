import re
import string
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from numba import njit

from curate.kernels import unicode
from tests.naive.dsir import is_word

CHARACTERS = [chr(code_point) for code_point in range(sys.maxunicode + 1)]
VALID = [c for c in CHARACTERS if not "\ud800" <= c <= "\udfff"]


@njit
def every_value(pages, leaves, out):
    for code_point in range(len(out)):
        out[code_point] = unicode.flag(pages, leaves, code_point)


@njit
def every_lowered(pages, leaves, out):
    for code_point in range(len(out)):
        out[code_point] = unicode.lowered(pages, leaves, code_point)


@njit
def decode_all(data, out):
    at = 0
    count = 0
    while at < len(data):
        out[count], length = unicode.decode(data, at)
        at += length
        count += 1
    return count


@njit
def encode_all(code_points, out):
    at = 0
    for code_point in code_points:
        at += unicode.encode(code_point, out, at)
    return at


def values(table: unicode.Table) -> np.ndarray:
    out = np.zeros(len(CHARACTERS), dtype=table.leaves.dtype)
    every_value(table.pages, table.leaves, out)
    return out


@pytest.mark.parametrize(
    ("bit", "expected"),
    [
        (unicode.WORD, lambda c: c == "_" or c.isalnum()),
        (unicode.SPACE, str.isspace),
        (unicode.DIGIT, str.isdecimal),
        (unicode.UPPER, str.isupper),
        (unicode.PUNCTUATION, lambda c: unicodedata.category(c).startswith("P") or c in string.punctuation),
        (unicode.CONTROL, lambda c: c == "\ufeff" or (unicodedata.category(c) == "Cc" and c not in "\t\n\v\f\r\x85")),
    ],
)
def test_a_flag_says_what_python_says_of_every_code_point(bit, expected):
    found = values(unicode.flags()) & bit != 0
    assert [c for c, have in zip(CHARACTERS, found, strict=True) if have != expected(c)] == []


@pytest.mark.parametrize(("bit", "pattern"), [(unicode.WORD, r"\w"), (unicode.SPACE, r"\s"), (unicode.DIGIT, r"\d")])
def test_flags_agree_with_regular_expressions(bit, pattern):
    found = np.flatnonzero(values(unicode.flags()) & bit)
    assert [ord(c) for c in re.findall(pattern, "".join(CHARACTERS))] == found.tolist()


def test_words_differ_from_flags_in_the_word_bit_alone():
    found, plain = values(unicode.words()), values(unicode.flags())
    assert np.array_equal(found & ~unicode.WORD, plain & ~unicode.WORD)
    assert [ord(c) for c in CHARACTERS if is_word(c)] == np.flatnonzero(found & unicode.WORD).tolist()


def test_single_characters_are_letters_of_scripts_without_spaces():
    found = values(unicode.flags()) & unicode.SINGLE != 0
    singles = "漢字㐀𠀀豈々〇ひカーｱกเຂກកမ"
    others = "aéжא한글ㄱअ༠๑0_ 。、ＡЯ́"
    assert [c for c in singles if not found[ord(c)]] == []
    assert [c for c in others if found[ord(c)]] == []
    assert np.all(values(unicode.flags())[found] & unicode.WORD)


def test_simple_lower_case_of_every_code_point():
    table = unicode.lower()
    out = np.zeros(len(CHARACTERS), dtype=np.int64)
    every_lowered(table.pages, table.leaves, out)
    assert out.tolist() == [ord(c.lower()[0]) for c in CHARACTERS]


def test_combining_class_and_quick_check_of_every_code_point():
    found = values(unicode.canonical())
    assert (found & unicode.CLASS_MASK).tolist() == [unicodedata.combining(c) for c in CHARACTERS]
    assert (found & unicode.NOT_NFC != 0).tolist() == [unicodedata.normalize("NFC", c) != c for c in CHARACTERS]


def test_every_pair_that_composes_is_marked():
    found = values(unicode.canonical())
    for character in CHARACTERS:
        parts = unicodedata.normalize("NFD", character)
        if len(parts) > 1 and unicodedata.normalize("NFC", character) == character:
            first, second = unicodedata.normalize("NFC", parts[:-1])[0], parts[-1]
            assert found[ord(first)] & unicode.COMPOSES, hex(ord(character))
            assert found[ord(second)] & unicode.MAY_COMPOSE, hex(ord(character))


def test_text_without_the_nfc_flag_is_in_nfc():
    found = values(unicode.flags()) & unicode.NFC != 0
    plain = "".join(c for c in VALID if not found[ord(c)])
    assert unicodedata.is_normalized("NFC", plain)
    assert not found[:0x300].any()
    assert found[0x300]


def test_decode_and_encode_agree_with_python_on_every_code_point():
    data = np.frombuffer("".join(VALID).encode(), dtype=np.uint8)
    code_points = np.zeros(len(VALID), dtype=np.int64)
    assert decode_all(data, code_points) == len(VALID)
    assert code_points.tolist() == [ord(c) for c in VALID]
    out = np.zeros(len(data), dtype=np.uint8)
    assert encode_all(code_points, out) == len(data)
    assert np.array_equal(out, data)


def test_processes_that_build_the_tables_at_once_all_have_them(tmp_path):
    code = "from curate.kernels import unicode as u; print(u.flags().leaves.sum(), u.lower().leaves.sum())"
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": ""}
    start = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    outputs = {process.communicate(timeout=60)[0] for process in start}
    outputs.add(f"{unicode.flags().leaves.sum()} {unicode.lower().leaves.sum()}\n".encode())
    assert len(outputs) == 1
    assert [path.name for path in tmp_path.rglob("unicode-*")] == [f"unicode-{unicodedata.unidata_version}.npz"]
