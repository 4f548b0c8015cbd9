import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import json_write, scan

BYTES = st.lists(st.sampled_from([*b'a\x00\x01\x1f\x20"\\\n,\x7f\x80\x81\xa2\xdc\xff']), max_size=40).map(bytes)
SETTINGS = settings(deadline=None, max_examples=60)


SPECIAL = {*range(32), *b'"\\'}


def first(data: bytes, start: int, end: int, wanted: set[int]) -> int:
    return next((i for i in range(start, end) if data[i] in wanted), end)


@SETTINGS
@given(BYTES, BYTES, st.integers(0, 9))
def test_finding(data, after, start):
    whole = np.frombuffer(data + after, dtype=np.uint8)
    end = len(data)
    start = min(start, end)
    for byte in (0, 34, 92, 128, 255):
        assert scan.find_byte(whole, start, end, np.uint8(byte)) == first(data, start, end, {byte})
        found = scan.find_either(whole, start, end, np.uint8(byte), np.uint8(44))
        assert found == first(data, start, end, {byte, 44})
    assert scan.find_special(whole, start, end) == first(data, start, end, SPECIAL)


@SETTINGS
@given(BYTES, BYTES, st.integers(0, 9))
def test_copying(data, after, start):
    whole = np.frombuffer(data + after, dtype=np.uint8)
    end = len(data)
    start = min(start, end)
    out = np.full(60, 7, dtype=np.uint8)
    assert scan.copy(whole, start, end, out, 3) == 3 + end - start
    assert out.tobytes() == b"\x07" * 3 + data[start:end] + b"\x07" * (57 - (end - start))
    out = np.zeros(3 + end - start, dtype=np.uint8)
    at, to = scan.copy_to_backslash(whole, start, end, out, 3)
    assert at == first(data, start, end, {92})
    assert out[3:to].tobytes() == data[start:at]


@SETTINGS
@given(st.lists(BYTES, max_size=6))
def test_gathering(values):
    data = np.frombuffer(b"xx" + b"yyy".join(values), dtype=np.uint8)
    starts = np.cumsum([2, *(len(value) + 3 for value in values)], dtype=np.int64)[:-1]
    ends = starts + np.array([len(value) for value in values], dtype=np.int64)
    out = np.empty(sum(map(len, values)), dtype=np.uint8)
    scan.gather(data, starts, ends, out)
    assert out.tobytes() == b"".join(values)


def test_quoting_fits_the_room_given_to_it():
    values = [bytes(range(32)), b'"\\' * 9, b"", "é\x7f".encode()]
    offsets = np.cumsum([0, *map(len, values)], dtype=np.int64)
    data = np.frombuffer(b"".join(values), dtype=np.uint8)
    out_offsets = np.empty(5, dtype=np.int64)
    out = np.empty(json_write.quoted_bytes(offsets, data), dtype=np.uint8)
    json_write.quote_all(offsets, data, out_offsets, out)
    assert out_offsets[-1] <= len(out)
    assert out[out_offsets[1] : out_offsets[2]].tobytes() == b'"' + b'\\"\\\\' * 9 + b'"'
    assert out[: out_offsets[1]].tobytes().startswith(b'"\\u0000\\u0001')
