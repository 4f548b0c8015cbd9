import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import sparse


def entries(dense):
    rows, columns = np.nonzero(dense)
    ends = np.cumsum(np.bincount(rows, minlength=len(dense)))
    return ends, columns.astype(np.int32), dense[rows, columns].astype(np.float32)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.integers(0, 999))
def test_sparse_products(height, inner, width, seed):
    random = np.random.default_rng(seed)
    first = random.normal(size=(height, inner)) * (random.random((height, inner)) < 0.6)
    second = random.normal(size=(inner, width)) * (random.random((inner, width)) < 0.6)
    product = first @ second
    out = np.empty((height, width), np.float32)
    sparse.multiply(*entries(first), second.astype(np.float32), out)
    assert out == pytest.approx(product, abs=1e-5)
    back = np.empty((inner, width), np.float32)
    sparse.multiply_transposed(*entries(first), product.astype(np.float32), back)
    assert back == pytest.approx(first.T @ product, abs=1e-4)
    lengths = np.empty(height, np.float32)
    sparse.product_lengths(*entries(first), *entries(second), width, lengths)
    assert lengths == pytest.approx(np.linalg.norm(product, axis=1), abs=1e-5)
    documents = np.empty(width, np.int32)
    sparse.count_documents(*entries(first)[:2], *entries(second)[:2], documents)
    assert documents.tolist() == ((first != 0).astype(int) @ (second != 0) > 0).sum(axis=0).tolist()


def test_signs_are_even_and_hang_on_the_seed_and_the_place():
    out, other, fewer = (np.empty(shape, np.float32) for shape in ((400, 130), (400, 130), (400, 70)))
    sparse.draw_signs(np.uint64(1 << 63), out)
    sparse.draw_signs(np.uint64(1), other)
    sparse.draw_signs(np.uint64(1 << 63), fewer)
    assert set(np.unique(out)) == {-1, 1}
    assert abs(out.mean()) < 0.02
    assert abs((out * other).mean()) < 0.02
    assert np.abs(out.T @ out / 400 - np.eye(130)).max() < 0.25
    assert (out[:, :70] == fewer).all()
