import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import vectors
from curate.errors import UsageError
from curate.kernels import arrow


def units(number, dimensions, seed=0):
    rows = np.random.default_rng(seed).normal(size=(number, dimensions)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 2e-7), ("float16", 1e-6), ("int8", 1.5e-4)])
@pytest.mark.parametrize("dimensions", [64, 1024])
def test_a_direction_is_kept(dtype, bound, dimensions):
    rows = units(300, dimensions)
    out = np.empty(rows.shape, dtype=dtype)
    vectors.store(rows, out)
    found = vectors.unit_rows(arrow.vector_array(out))
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    assert (1 - (found * rows).sum(axis=1, dtype=np.float64)).max() < bound
    assert np.sqrt(np.square(found @ found.T - rows @ rows.T).mean()) < 2e-3


def test_int8_uses_its_whole_range_and_zero_stays_zero():
    rows = np.array([[0.6, -0.8], [1, 0], [0, 0], [1e-20, -1e-20]], dtype=np.float32)
    out = np.empty(rows.shape, dtype=np.int8)
    vectors.store(rows, out)
    assert out.tolist() == [[95, -127], [127, 0], [0, 0], [127, -127]]


def test_blocks_change_nothing(monkeypatch):
    rows = units(50, 8)
    whole, pieces = np.empty(rows.shape, np.int8), np.empty(rows.shape, np.int8)
    vectors.store(rows, whole)
    found = vectors.unit_rows(arrow.vector_array(whole))
    monkeypatch.setattr(vectors, "_ROWS_AT_ONCE", 7)
    vectors.store(rows, pieces)
    assert (whole == pieces).all()
    assert (vectors.unit_rows(arrow.vector_array(whole)) == found).all()
    assert vectors.unit_rows(arrow.vector_array(whole[:0])).shape == (0, 8)


def test_vectors_of_a_column():
    column = pa.chunked_array([pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2))])
    assert vectors.vectors_of(column, "embed").to_pylist() == [[1, 2], [3, 4]]
    assert vectors.unit_rows(column)[1].tolist() == [0, 0]
    for kind in (pa.list_(pa.float32()), pa.float32(), pa.list_(pa.int32(), 2)):
        with pytest.raises(UsageError, match=r"--embedding embed: .* not vectors"):
            vectors.vectors_of(pa.chunked_array([pa.array([], kind)]), "embed")
