import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, cuts, lines, unicode
from tests.naive import lines as naive

LINES = st.sampled_from(
    [
        "",
        " ",
        "\r",
        "\u3000",
        "}",
        "Hello, World 12!",
        "hello world 34",
        "HELLO -- WORLD ٣٤\r",
        "  indented, twice  ",
        "视野无限广，窗外有蓝天。",
        "视野无限广 窗外有蓝天",
        "เป็นมนุษย์ ๑๒",
        "İstanbul Ⱥ ǅ ß 𝟗 😀",
        "a\u2028b\x85c\x00d",
        "-----",
        "_x_" * 7,
    ]
)
SOME = st.text(
    st.one_of(st.sampled_from("aZ09_@[`{/ \n\r\t\x7f\u0301"), st.characters(exclude_categories=["Cs"])), max_size=30
)
TEXTS = st.builds(str.join, st.sampled_from(["\n", "\r\n"]), st.lists(st.one_of(LINES, SOME), max_size=8))


def frozen(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def found(texts, paragraphs=False, normalised=True, least=1, salts=None):
    """Units of texts that lie between others."""
    whole = pa.array(["aside", *texts, "another"], pa.large_string()).slice(1, len(texts))
    strings = arrow.strings(whole)
    salts = np.zeros(len(texts), np.uint64) if salts is None else salts
    scratch = np.empty(lines.SCRATCH_BYTES, np.uint8)
    out = lines.room(int(strings.offsets[-1] - strings.offsets[0]) // least)
    offsets, data = frozen(strings.offsets), frozen(strings.data)
    options = (paragraphs, normalised, least, unicode.flags(), lines.forms())
    count = lines.find_units(offsets, data, frozen(salts), *options, scratch, out)
    return lines.Units._make(array[:count] for array in out)


def hashes(units):
    return list(zip(units.key.tolist(), units.check.tolist(), strict=True))


@pytest.mark.parametrize("paragraphs", [False, True])
@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 12))
def test_units_lie_where_the_plain_twin_finds_them(paragraphs, texts, least):
    units = found(texts, paragraphs, least=least)
    expected = []
    base = 0
    for row, text in enumerate(texts):
        cut = (naive.cut_paragraphs if paragraphs else naive.cut_lines)(text)
        assert naive.joined(cut, [True] * len(cut.units)) == text
        at = base + len(cut.lead.encode())
        ends = []
        for number, unit in enumerate(cut.units):
            ends.append(at + len(unit.encode()))
            last = number == len(cut.units) - 1
            after = ends[-1] + len(cut.between[number].encode()) if not last else -1
            if naive.size(unit) >= least:
                expected.append((row, at, ends[-1], ends[-2] if number else -1, after))
            at = after
        base += len(text.encode())
    assert list(zip(*(array.tolist() for array in units[:5]), strict=True)) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=5), st.booleans())
def test_hashes_are_equal_where_forms_are(texts, normalised):
    """Distinct forms have distinct keys, and distinct checks but for a chance of 1 in 2**32 each."""
    texts = [line for text in texts for line in text.split("\n") if naive.size(line)]
    if texts:
        units = found(texts, normalised=normalised)
        forms = [naive.normalised(text) if normalised else text for text in texts]
        for values in (units.key.tolist(), units.check.tolist()):
            assert len(set(zip(forms, values, strict=True))) == len(set(forms)) == len(set(values))


@pytest.mark.parametrize("letter", ["a", "ж", "字", "𝒜"])
def test_a_line_longer_than_the_scratch_is_hashed_by_its_letters_alone(letter):
    letters = letter * (lines.CHUNK * 2 // len(letter.encode()) + 5)
    places = range(0, len(letters), 7)
    spread = "".join(f"{letters[i : i + 7]}{' ,' if i % 2 else '.'}" for i in places)
    texts = [letters, spread, letters.upper(), letters + "!" * 40, letters[1:], letters[:-1] + "b"]
    first, *others = hashes(found(texts))
    assert [other == first for other in others] == [True, True, True, False, False]


@pytest.mark.parametrize("more", range(-9, 10))
def test_the_ends_of_the_chunks_do_not_hang_on_what_is_dropped(more):
    letters = "abcdefg" * (lines.CHUNK // 7)
    letters = (letters + "abcdefghijklmnop")[: lines.CHUNK + more]
    first, *others = hashes(found([letters, letters + ".....", "  ," + letters, letters[:999] + "," + letters[999:]]))
    assert others == [first] * 3


def test_a_salt_tells_equal_lines_apart():
    units = found(["the same"] * 3, salts=np.array([5, 1 << 63, 5], np.uint64))
    assert units.key[0] == units.key[2] != units.key[1] and units.check[0] == units.check[2] != units.check[1]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([0, 1, 1 << 63, (1 << 64) - 1]), st.integers(0, 2)), max_size=40))
def test_first_equal(pairs):
    keys = frozen(np.array([key for key, _ in pairs], np.uint64))
    checks = frozen(np.array([check for _, check in pairs], np.uint32))
    out = np.empty(len(pairs), np.int32)
    lines.first_equal(keys, checks, np.full(64, lines.FREE), out)
    assert out.tolist() == [pairs.index(pair) for pair in pairs]


@pytest.mark.parametrize("paragraphs", [False, True])
@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(1, 6), st.integers(0, (1 << 32) - 1))
def test_what_stays_is_what_the_plain_twin_keeps(paragraphs, texts, least, bits):
    units = found(texts, paragraphs, least=least)
    removed = np.array([bits >> (i % 32) & 1 for i in range(len(units.row))], np.bool_)
    starts = np.empty(np.count_nonzero(removed), np.int64)
    ends = np.empty_like(starts)
    assert lines.cut_spans(units, frozen(removed), starts, ends) == len(starts)
    strings = arrow.strings(pa.array(["aside", *texts, "more"], pa.large_string()).slice(1, len(texts)))
    offsets = np.empty_like(strings.offsets)
    out = np.empty(strings.offsets[-1] - strings.offsets[0] - (ends - starts).sum(), np.uint8)
    characters = cuts.without_spans(strings.offsets, strings.data, frozen(starts), frozen(ends), offsets, out)
    whole = iter(removed.tolist())
    expected = []
    for text in texts:
        cut = (naive.cut_paragraphs if paragraphs else naive.cut_lines)(text)
        expected.append(naive.joined(cut, [not (naive.size(unit) >= least and next(whole)) for unit in cut.units]))
    assert arrow.string_array(offsets, out).to_pylist() == expected
    assert characters == sum(map(len, texts)) - sum(map(len, expected))
    assert (starts[1:] >= ends[:-1]).all() and (ends > starts).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(" \t\r\n\u3000\xa0\u200b x", max_size=4), max_size=6))
def test_find_white(texts):
    strings = arrow.strings(pa.array(["aside", *texts, "more"], pa.large_string()).slice(1, len(texts)))
    out = np.empty(len(texts), np.bool_)
    lines.find_white(frozen(strings.offsets), frozen(strings.data), unicode.flags(), out)
    assert out.tolist() == [not text.strip() for text in texts]
