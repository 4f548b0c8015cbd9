import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import jsonwrite as kernels

TEXT = st.text(
    st.one_of(
        st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f\u2028é漢\U0001f600'), st.characters(exclude_categories=["Cs"])
    )
)


def laid_out(values: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Read-only arrays as Arrow hands them out, with bytes before and after that belong to nobody."""
    offsets = np.cumsum([2, *map(len, values)]).astype(np.int64)
    data = np.frombuffer(b'"\x00' + b"".join(values) + b"\xff\\", dtype=np.uint8)
    offsets.flags.writeable = False
    return offsets, data


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXT, st.booleans())), st.booleans())
def test_values_are_written_where_they_were_measured(values, quoted):
    texts = [text.encode() for text, _ in values]
    offsets, data = laid_out(texts)
    valid = np.array([there for _, there in values], dtype=np.bool_)
    widths, letters = kernels.escapes()
    sizes = np.zeros(len(values), dtype=np.int64)
    kernels.measure(offsets, data, valid, quoted, 1, widths, sizes)
    at = np.cumsum(sizes) - sizes
    out = np.full(int(sizes.sum()) + 1, 255, dtype=np.uint8)
    kernels.write(offsets, data, valid, quoted, np.frombuffer(b"\n", dtype=np.uint8), widths, letters, at, out)
    assert at.tolist() == np.cumsum(sizes).tolist()
    assert out[-1] == 255
    for i, (text, there) in enumerate(values):
        written = out[at[i] - sizes[i] : at[i]].tobytes()
        bare = json.dumps(text, ensure_ascii=False).encode() if quoted else texts[i]
        assert written == b"\n" + (bare if there else b"null")


@settings(deadline=None, max_examples=30)
@given(st.lists(TEXT), st.sampled_from([b"", b"\n\n", b"--"]))
def test_ended(texts, mark):
    encoded = [text.encode() for text in texts]
    offsets, data = laid_out(encoded)
    out = np.empty(sum(map(len, encoded)) + len(texts) * len(mark), dtype=np.uint8)
    kernels.ended(offsets, data, np.frombuffer(mark, dtype=np.uint8), out)
    assert out.tobytes() == b"".join(text + mark for text in encoded)
