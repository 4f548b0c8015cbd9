import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import scores

VALUES = st.lists(st.one_of(st.none(), st.floats(-50, 50)), max_size=30)


def summary(values, cut=0, edges=None, together=False):
    edges = scores.wide_edges() if edges is None else edges
    sizes = pa.array(range(1, len(values) + 1), pa.int64())
    column = pa.array(values, pa.float64())
    tables = [
        scores.distribution(column[:cut], sizes[:cut], edges),
        scores.distribution(column[cut:], sizes[cut:], edges),
    ]
    return scores.united([pa.concat_tables(tables)] if together else tables, edges)


@settings(deadline=None, max_examples=60)
@given(VALUES, st.integers(0, 30))
def test_distributions_add_up_however_cut(values, cut):
    table = summary(values, min(cut, len(values)))
    assert table.equals(summary(values, min(cut, len(values)), together=True))
    assert sum(table["documents"].to_pylist()) == len(values)
    assert sum(table["bytes"].to_pylist()) == len(values) * (len(values) + 1) // 2
    for row in table.to_pylist():
        inside = [
            (i, value)
            for i, value in enumerate(values, 1)
            if (value is None if row["low"] is None else value is not None and row["low"] <= value < row["high"])
        ]
        assert row["documents"] == len(inside)
        assert row["bytes"] == sum(i for i, _ in inside)
        if row["low"] is not None:
            assert row["log_sum"] == pytest.approx(math.log(math.fsum(math.exp(value) for _, value in inside)))


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_effective_size_is_the_formula(values):
    weights = [math.exp(value) for value in values if value is not None]
    expected = math.fsum(weights) ** 2 / math.fsum(w * w for w in weights) if weights else 0
    assert scores.effective_size(summary(values)) == pytest.approx(expected)


def test_effective_size_of_huge_weights():
    assert scores.effective_size(summary([9000.0] * 7 + [None])) == pytest.approx(7)
    assert scores.effective_size(summary([9000.0, -9000.0])) == pytest.approx(1)


def test_what_lies_beyond_the_edges_is_in_the_outer_bins():
    table = summary([-0.5, 0.0, 0.999, 1.0, 1.00001, None], edges=scores.unit_edges())
    assert table["documents"].to_pylist() == [2, 3, 1]
    assert table["low"].to_pylist() == [0.0, pytest.approx(0.95), None]


def test_thresholds_keep_what_they_say():
    values = np.linspace(-3, 3, 1000)
    lines = scores.kept_lines(summary(list(values)))
    assert len(lines) == 5
    for line in lines:
        _, _, low, _, share, *_ = line.split()
        assert float(share.rstrip("%")) == pytest.approx(100 * np.mean(values >= float(low)), abs=0.2)


def test_no_documents_have_no_thresholds():
    assert scores.kept_lines(summary([])) == []
    assert scores.kept_lines(summary([None])) == []
    assert scores.bar_lines(summary([])) == []


def test_bars():
    lines = scores.bar_lines(summary([0.01] * 64 + [0.99] * 2 + [None], edges=scores.unit_edges()))
    assert lines == ["0 to 0.05    64  " + "█" * 32, "0.95 to 1     2  █", "no score      1"]
