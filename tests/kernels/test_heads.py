import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, heads


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(0, 3), st.integers(0, 9), st.integers(0, 3))
def test_places_the_stretches_and_nothing_else(texts, column, room, skipped):
    values = arrow.strings(pa.array([b"xy", *texts], pa.large_binary()).slice(1 + min(skipped, len(texts))))
    texts = texts[skipped:]
    starts = values.offsets[:-1]
    out = np.full((len(texts), column + room), 255, dtype=np.uint8)
    heads.place(starts, np.minimum(values.offsets[1:], starts + room), values.data, column, out)
    for text, row in zip(texts, out, strict=True):
        assert bytes(row) == b"\xff" * column + text[:room] + b"\xff" * (room - len(text[:room]))
