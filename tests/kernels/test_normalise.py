import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import normalise as kernels
from curate.kernels import unicode
from tests.naive import normalise as naive

SPECIAL = (
    "\t\n\v\f\r\x00\x1b\x1f\x20\x7e\x7f\x80\x85\x9f\xa0\u2027\u2028\u2029\u202a\ufefe\ufeff\uffff\u200b\u200c\u200d"
    "aeouyAEÅÅé<=\u0300\u0301\u0302\u0323\u0327\u0338\u093c\u0915\u09be\u09c7\u0344가각\u1100\u1161\u11a8\u11a7\U0001d15e\U000110ba"
)
TEXTS = st.text(st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"])), max_size=40)
LONG = st.tuples(st.integers(0, 70), TEXTS, st.integers(0, 70)).map(lambda p: "x" * p[0] + p[1] + "y " * p[2])


def laid_out(values: list[bytes], lead: bytes = b"") -> tuple[np.ndarray, np.ndarray]:
    """Read-only arrays as Arrow hands them out, with bytes before and after that belong to nobody."""
    offsets = np.cumsum([len(lead), *map(len, values)]).astype(np.int64)
    data = np.frombuffer(lead + b"".join(values) + b"\xff\x00\r", dtype=np.uint8)
    offsets.flags.writeable = False
    return offsets, data


def examine(texts: list[str], wanted: int = 7) -> np.ndarray:
    offsets, data = laid_out([text.encode() for text in texts], b"\r\x00")
    out = np.empty(len(texts), dtype=np.uint8)
    kernels.examine(offsets, data, np.uint8(wanted), *unicode.flags(), *unicode.canonical(), out)
    return out


@settings(deadline=None, max_examples=60)
@given(st.lists(LONG, max_size=8))
def test_what_is_needed_is_found(texts):
    for text, needs in zip(texts, examine(texts), strict=True):
        assert bool(needs & kernels.NEWLINES) == bool(naive.NEWLINE.search(text))
        assert bool(needs & kernels.CONTROLS) == bool(naive.CONTROL.search(text))
        clean = naive.CONTROL.sub("", naive.NEWLINE.sub("\n", text))
        assert needs & kernels.NFC or unicodedata.is_normalized("NFC", clean)


@pytest.mark.parametrize("wanted", [kernels.NEWLINES, kernels.CONTROLS, kernels.NFC])
def test_only_what_is_wanted_is_reported(wanted):
    assert examine(["a\r\x00e\u0301", "plain", ""], wanted).tolist() == [wanted, 0, 0]


def test_every_code_point_in_every_place_of_a_block():
    for shift in (0, 31, 32, 45):
        characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]
        characters = characters if shift == 45 else characters[:0x500]
        texts = ["x" * shift + c + "y" * 40 for c in characters]
        for character, text, needs in zip(characters, texts, examine(texts), strict=True):
            assert bool(needs & kernels.NEWLINES) == bool(naive.NEWLINE.match(character))
            assert bool(needs & kernels.CONTROLS) == bool(naive.CONTROL.match(character))
            assert needs & kernels.NFC or unicodedata.is_normalized("NFC", text)


def test_marks_that_cannot_compose_do_not_send_a_text_to_be_composed():
    texts = ["বাংলা ভাষা", "हिन्दी में", "นี้ก็คือภาษาไทย", "tiếng Việt", "한국어", "שָׁלוֹם"[:2]]
    assert examine(texts).tolist() == [0] * len(texts)


def test_a_mark_is_seen_behind_a_character_that_will_be_removed():
    assert examine(["e\x00\u0301"], int(kernels.CONTROLS | kernels.NFC)).tolist() == [kernels.CONTROLS | kernels.NFC]
    assert examine(["e\n\u0301"]).tolist() == [0]


@settings(deadline=None, max_examples=60)
@given(st.lists(LONG, max_size=8), st.booleans(), st.booleans())
def test_rewrite_says_what_python_says(texts, newlines, controls):
    needs = examine(texts, int(newlines * kernels.NEWLINES | controls * kernels.CONTROLS))
    offsets, data = laid_out([text.encode() for text in texts], b"\r\r")
    counts = np.zeros(2, dtype=np.int64)
    out_offsets, out = np.empty_like(offsets), np.empty(offsets[-1] - offsets[0], dtype=np.uint8)
    kernels.rewrite(offsets, data, needs, unicode.flags().pages, unicode.flags().leaves, counts, out_offsets, out)
    expected = [naive.normalise(text, nfc=False, newlines=newlines, controls=controls) for text in texts]
    found = [out[out_offsets[i] : out_offsets[i + 1]].tobytes().decode() for i in range(len(texts))]
    assert found == [text for text, _ in expected]
    assert counts[0] == sum(count["newlines_unified"] for _, count in expected)
    assert counts[1] == sum(count["controls_removed"] for _, count in expected)


def valid(values: list[bytes]) -> list[bool]:
    offsets, data = laid_out(values, b"\xf4")
    out = np.empty(len(values), dtype=np.bool_)
    kernels.valid_utf8(offsets, data, out)
    return out.tolist()


BROKEN = st.one_of(
    st.binary(max_size=6),
    st.lists(
        st.sampled_from([0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xF5]),
        max_size=6,
    ).map(bytes),
    LONG.map(str.encode),
    st.tuples(LONG.map(str.encode), st.integers(0, 5)).map(lambda p: p[0][: len(p[0]) - p[1]]),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(BROKEN, max_size=20))
def test_validity_is_python_s(values):
    assert valid(values) == [naive.valid_utf8(value) for value in values]


def test_validity_of_every_start_of_a_sequence():
    ends = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    values = [bytes([a, b]) for a in range(256) for b in range(256)]
    values += [bytes([a, b, c]) for a in range(0xDF, 0xF6) for b in ends for c in ends]
    values += [bytes([a, b, c, d]) for a in range(0xEF, 0xF6) for b in ends for c in ends for d in ends]
    assert valid(values) == [naive.valid_utf8(value) for value in values]


def test_a_string_cut_in_a_character_does_not_borrow_from_the_next():
    assert valid(["é".encode()[:1], "é".encode()[1:], b"", b"ok"]) == [False, False, True, True]
