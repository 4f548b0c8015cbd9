import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels.warc_heads import HTTP_FIELDS, WARC_FIELDS, heads
from tests.naive import warc as naive

ODD = st.sampled_from([b"", b"\r", b"\n", b" folded", b"no colon", b": ", b"X : y", b"content-length: 7"])
VALUES = st.sampled_from([b"", b" a", b"\t\xc3\xa9 b \v", b"application/http", b" \xff:\r", b"x" * 40])
STATUS = st.sampled_from([b" 200 OK", b" 200", b"\t404\t", b" 2000", b" 20", b"", b" 200_", b" 301\xe9", b" 200\n"])


@st.composite
def fields(draw, names):
    """Lines of a head, most of them as they should be."""
    lines = draw(st.lists(st.tuples(st.sampled_from([*names, b"x", b"date"]), VALUES), max_size=4))
    lines = [(name.title() if draw(st.booleans()) else name) + b":" + value for name, value in lines]
    if draw(st.integers(0, 5)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(ODD))
    ends = st.sampled_from([b"\r\n"] * 30 + [b"\n"])
    return b"".join(line + draw(ends) for line in lines)


@st.composite
def records(draw):
    """A record whose length is mostly true, and what is behind it."""
    block = draw(st.binary(max_size=20))
    if draw(st.booleans()):
        block = b"HTTP/1.1" + draw(STATUS) + b"\r\n" + draw(fields(HTTP_FIELDS)) + b"\r\n" + block
    length = len(block) + draw(st.sampled_from([0] * 9 + [-1, 1, 500]))
    version = draw(st.sampled_from([b"WARC/1.0\r\n"] * 9 + [b"WARC/1.12\r\n", b"WARC/1.0\n", b"WARC/1.\r\n"]))
    head = draw(fields(WARC_FIELDS[:-1])) + b"Content-Length: %d\r\n" % length
    return version + head + b"\r\n" + block + draw(st.sampled_from([b"\r\n\r\n"] * 9 + [b"\n\n"]))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(records(), max_size=5),
    st.integers(0, 60),
    st.sampled_from([30, 1000]),
    st.sampled_from([60, 200, 1000]),
    st.integers(1, 4),
    st.sampled_from([40, 1000]),
)
def test_heads(items, cut, most, head_bytes, rows, room):
    content = b"".join(items)
    content = content[: len(content) - cut] if cut < 40 else content + b"WARC/1.0\r\n"
    at = 3
    data = np.frombuffer(b"..." + content + b"...", np.uint8)[: at + len(content)]
    out, text = np.empty((rows, 5), np.int64), np.empty(room, np.uint8)
    count, size = heads(data, at, most, head_bytes, out, text)
    expected, values = naive.heads(data.tobytes(), at, most, head_bytes, rows, room)
    assert out[:count].tolist() == expected
    assert text[:size].tobytes() == b"".join(value + b"\n" for told in values for value in told)


def test_nothing_is_read_behind_the_end():
    whole = b"WARC/1.0\r\nContent-Length: 2\r\n\r\nab\r\n\r\nWARC/1.0\r\n"
    out, text = np.empty((1, 5), np.int64), np.empty(100, np.uint8)
    for size in range(len(whole)):
        assert heads(np.frombuffer(whole, np.uint8)[:size], 0, 9, 99, out, text) == (0, 0)
    assert heads(np.frombuffer(whole, np.uint8), 0, 9, 99, out, text)[0] == 1
