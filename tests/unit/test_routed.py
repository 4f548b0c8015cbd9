import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.storage import routed
from curate.storage import shard as shards

PIECES = st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=6), min_size=1, max_size=6)


def tables(pieces):
    for piece in pieces:
        keys = np.array([key for key, _ in piece], dtype=np.int64)
        yield keys, pa.table({"value": pa.array([value for _, value in piece], pa.int32())})


def values(path, key=None):
    found = list(routed.read(path, key))
    assert found and all(table.schema.names == ["value"] for table in found)
    return [value for table in found for value in table["value"].to_pylist()]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES, flush=st.sampled_from([1, 10, routed.FLUSH_BYTES]))
def test_each_key_has_its_rows_in_the_order_they_came(tmp_path, pieces, flush):
    path = tmp_path / "x.parquet"
    before, routed.FLUSH_BYTES = routed.FLUSH_BYTES, flush
    try:
        routed.write(path, tables(pieces), {"note": 1})
    finally:
        routed.FLUSH_BYTES = before
    rows = [row for piece in pieces for row in piece]
    for key in range(6):
        assert values(path, key) == [value for other, value in rows if other == key]
    assert sorted(values(path)) == sorted(value for _, value in rows)
    footer = shards.read_footer(path)
    assert footer and footer["note"] == 1


def test_without_keys_rows_stay_in_order(tmp_path):
    pieces = [[(0, value) for value in range(start, start + 5)] for start in (0, 5, 10)]
    routed.write(tmp_path / "x", tables(pieces), {})
    assert values(tmp_path / "x") == list(range(15))


def test_nothing_added_is_a_bug(tmp_path):
    with pytest.raises(ValueError, match="nothing was added"):
        routed.write(tmp_path / "x", iter(()), {})
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_the_same_however_tables_are_cut(tmp_path):
    rows = [(key % 3, key) for key in range(30)]
    routed.write(tmp_path / "a", tables([rows]), {})
    routed.write(tmp_path / "b", tables([rows[:7], rows[7:8], rows[8:]]), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
