import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow

TEXTS = st.lists(st.none() | st.text(max_size=6), max_size=8)
TEXT_KINDS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string()))


def sliced(values: list, kind: pa.DataType, filler: object) -> pa.ChunkedArray:
    """The values as two chunks, each a slice of something longer."""
    half = len(values) // 2
    chunks = [pa.array([filler, *part, filler, filler], kind) for part in (values[:half], values[half:])]
    return pa.chunked_array([chunk.slice(1, len(chunk) - 3) for chunk in chunks], kind)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from(TEXT_KINDS))
def test_strings_are_the_bytes_of_the_values(texts, kind):
    raw = [None if text is None else text.encode() for text in texts]
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    array = sliced(raw if binary else texts, kind, b"zz" if binary else "zz")
    found = arrow.strings(array)
    assert len(found) == len(texts) and found.offsets.dtype == np.int64 and found.data.dtype == np.uint8
    bytes_ = [found.data[start:end].tobytes() for start, end in zip(found.offsets, found.offsets[1:], strict=False)]
    assert bytes_ == [value or b"" for value in raw]
    assert arrow.validity(array).tolist() == [text is not None for text in texts]


def test_strings_are_views():
    array = pa.array(["one", "two"], pa.large_string())
    assert arrow.strings(array).offsets.flags.owndata is False
    assert arrow.strings(array).data.ctypes.data == array.buffers()[2].address


NUMBERS = [
    (pa.int8(), [1, None, -1], [1, 0, -1]),
    (pa.uint64(), [2**64 - 1, None], [2**64 - 1, 0]),
    (pa.float32(), [0.5, None], [0.5, 0]),
    (pa.float16(), [0.5, 1.5], [0.5, 1.5]),
    (pa.bool_(), [True, None, False], [True, False, False]),
    (pa.date32(), [datetime.date(1970, 1, 3), None], [2, 0]),
    (pa.timestamp("us", tz="UTC"), [datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=datetime.UTC), None], [10**6, 0]),
]


@pytest.mark.parametrize(("kind", "values", "expected"), NUMBERS, ids=lambda item: str(item)[:12])
def test_numbers(kind, values, expected):
    assert arrow.numbers(sliced(values, kind, values[0])).tolist() == expected
    assert arrow.numbers(pa.array([], kind)).tolist() == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.none() | st.binary(min_size=3, max_size=3), max_size=8))
def test_fixed_bytes(values):
    found = arrow.fixed_bytes(sliced(values, pa.binary(3), b"zzz"))
    assert found.shape == (len(values), 3)
    assert [row.tobytes() for row in found] == [value or b"\0\0\0" for value in values]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.none() | st.lists(st.integers(-9, 9), min_size=2, max_size=2), max_size=8))
def test_vectors_go_and_come_back(rows):
    array = sliced(rows, pa.list_(pa.float32(), 2), [7, 7])
    found = arrow.vectors(array)
    assert found.shape == (len(rows), 2) and found.dtype == np.float32
    assert found.tolist() == [row or [0, 0] for row in rows]
    assert arrow.vector_array(found, arrow.validity(array)).to_pylist() == rows


@settings(deadline=None, max_examples=40)
@given(TEXTS)
def test_string_arrays_go_and_come_back(texts):
    values = arrow.strings(pa.array(["before", *texts], pa.large_string()).slice(1))
    valid = np.array([text is not None for text in texts], dtype=np.bool_)
    made = arrow.string_array(values.offsets, values.data, valid)
    made.validate(full=True)
    assert made.type == pa.large_string() and made.to_pylist() == texts


def test_binary_arrays_hold_the_rows():
    rows = np.arange(12, dtype=np.uint8).reshape(3, 4)[:, ::-1]
    made = arrow.binary_array(rows)
    made.validate(full=True)
    assert made.type == pa.binary(4) and made.to_pylist() == [bytes(row) for row in rows]
