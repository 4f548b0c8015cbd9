import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import transport
from tests.naive import transport as naive


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 5), st.integers(1, 70), st.sampled_from([0.001, 0.02, 0.3, 1.0]), st.integers(0, 999), st.booleans()
)
def test_soft_minima(rows, columns, regularisation, seed, far):
    random = np.random.default_rng(seed)
    costs = random.uniform(0, 2, (rows + 1, columns)).astype(np.float32)[1:]
    potentials = random.normal(0, 50 if far else 0.5, columns).astype(np.float32)
    costs.setflags(write=False)
    potentials.setflags(write=False)
    out = np.empty(rows, dtype=np.float32)
    transport.soft_minima(costs, potentials, np.float32(1 / regularisation), out)
    expected = [naive.soft_minimum(row, potentials.tolist(), regularisation) for row in costs.tolist()]
    assert out.tolist() == pytest.approx(expected, rel=2e-6, abs=1e-5 * regularisation + 1e-6)


def test_distances_are_those_of_unit_vectors():
    rows = np.random.default_rng(0).normal(size=(9, 5))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    cosines = (rows @ rows.T).astype(np.float32)
    cosines[0, 0] = np.float32(1.0000001)
    transport.distances(cosines, cosines)
    expected = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    assert np.abs(cosines - expected).max() < 1e-3 and cosines[0, 0] == 0
