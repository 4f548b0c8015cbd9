import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import token_sums
from tests.naive import embed_static as naive

TOKENS, WIDTH = 12, 7


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.lists(st.integers(0, TOKENS - 1), max_size=9), max_size=8),
    mapped=st.booleans(),
    weighted=st.booleans(),
    unknown=st.integers(-1, TOKENS - 1),
    dimensions=st.integers(1, WIDTH),
    seed=st.integers(0, 9),
)
def test_sums_are_those_of_plain_python(pieces, mapped, weighted, unknown, dimensions, seed):
    random = np.random.default_rng(seed)
    table = random.integers(-9, 9, size=(TOKENS, WIDTH)).astype(np.float32)
    table.flags.writeable = False
    places = random.integers(0, TOKENS, size=TOKENS if mapped else 0)
    weights = random.integers(1, 4, size=TOKENS if weighted else 0).astype(np.float32)
    owners = random.integers(0, 3, size=len(pieces))
    ends = np.cumsum([len(ids) for ids in pieces], dtype=np.int64)
    ids = np.array([9, *(token for some in pieces for token in some)], dtype=np.int32)[1:]
    out = np.zeros((3, dimensions))
    token_sums.add_rows(ids, ends, owners, table, places, weights, unknown, out)
    assert (out == naive.sums(pieces, owners, table, places, weights, unknown, out.shape)).all()


def test_a_long_sum_loses_nothing():
    table = np.full((1, 1), 0.1, dtype=np.float32)
    out, nothing = np.zeros((1, 1)), np.empty(0, dtype=np.float32)
    ids, ends, owners = np.zeros(1_000_000, dtype=np.int32), np.array([1_000_000]), np.array([0])
    token_sums.add_rows(ids, ends, owners, table, np.empty(0, dtype=np.int64), nothing, -1, out)
    assert out[0, 0] == pytest.approx(1_000_000 * np.float64(np.float32(0.1)), rel=1e-9)
