import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import normalise as algorithms
from curate.algorithms.normalise import digests, normalise, text_bytes, valid_utf8
from curate.kernels import arrow
from tests.naive import normalise as naive

CHARACTERS = st.one_of(
    st.sampled_from("\r\n\x00\x85\u2028\ufeffe\u0301\u0323ä가\u11a8"), st.characters(exclude_categories=["Cs"])
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.text(CHARACTERS, max_size=40), max_size=8), st.booleans(), st.booleans(), st.booleans(), st.booleans()
)
def test_every_combination_of_options_is_what_python_does(texts, nfc, newlines, controls, sliced):
    options = {"nfc": nfc, "newlines": newlines, "controls": controls}
    array = (
        pa.array(["\r\x00", *texts, "\r"], pa.large_string()).slice(1, len(texts))
        if sliced
        else pa.array(texts, pa.large_string())
    )
    found, counts = normalise(array, **options)
    expected = [naive.normalise(text, **options) for text in texts]
    assert found.type == pa.large_string()
    assert found.to_pylist() == [text for text, _ in expected]
    for name, count in counts.items():
        assert count == sum(each[name] for _, each in expected), name
    found.validate(full=True)


def test_normalising_twice_changes_nothing_more():
    once, _ = normalise(pa.array(["a\r\r\n\x00\ufeffb", "e\x00\u0301\u0323", "\u2029\x85"]))
    twice, counts = normalise(once)
    assert twice is once
    assert set(counts.values()) == {0}
    assert once.to_pylist() == ["a\n\nb", "ẹ\u0301", "\n\n"]


def test_an_array_that_needs_nothing_is_given_back_itself():
    array = pa.array(["plain", "caf\u00e9\n\tzwj \u200d zwsp \u200b shy \xad", ""], pa.large_string())
    assert normalise(array)[0] is array


def test_other_kinds_of_strings_chunks_and_nulls():
    chunked = pa.chunked_array([["a\r"], [], [None, "b\x00"]], type=pa.string())
    found, counts = normalise(chunked)
    assert found.to_pylist() == ["a\n", None, "b"]
    assert found.type == pa.large_string()
    assert counts["documents_controls"] == 1
    assert normalise(pa.array([], pa.string()))[0].to_pylist() == []


def test_text_that_grows_and_batches_smaller_than_a_document(monkeypatch):
    monkeypatch.setattr(algorithms, "_BATCH_BYTES", 10)
    texts = ["\U0001d15e" * 20, "plain", "", "e\u0301" * 3, "\u0344", "e\u0301"]
    found, counts = normalise(pa.array(texts, pa.large_string()))
    assert found.to_pylist() == [unicodedata.normalize("NFC", text) for text in texts]
    assert counts["documents_nfc"] == 4


def test_valid_utf8_of_binary_values():
    values = arrow.strings(pa.array([b"ok", b"\xff", b"", "é".encode(), b"\xed\xa0\x80", b"\xc0\x80"]))
    assert valid_utf8(values).tolist() == [True, False, True, True, False, False]


def test_digests_are_those_of_the_published_algorithm():
    found = digests(pa.array(["", "hello", "The quick brown fox jumps over the lazy dog"])).to_pylist()
    known = [(0, 0), (0xCBD8A7B341BD9B02, 0x5B1E906A48AE1D19), (0xE34BBC7BBC071B6C, 0x7A433CA9C49A9347)]
    assert found == [low.to_bytes(8, "little") + high.to_bytes(8, "little") for low, high in known]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_digests_and_bytes_of_slices(kind):
    array = pa.array(["skip", "é", "", "é", "tail"], kind).slice(1, 3)
    found = digests(array)
    assert found.type == pa.binary(16)
    assert found[0] == found[2] != found[1]
    sizes = text_bytes(array)
    assert sizes.dtype == np.int64
    assert sizes.tolist() == [2, 0, 2]
