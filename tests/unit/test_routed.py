import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.storage import routed

PIECES = st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=6), min_size=1, max_size=6)


def tables(pieces):
    for piece in pieces:
        keys = np.array([key for key, _ in piece], dtype=np.int64)
        yield keys, pa.table({"value": pa.array([value for _, value in piece], pa.int32())})


def values(path, key=None):
    found = list(routed.read(path, key))
    assert found and all(table.schema.names == ["value"] for table in found)
    return [value for table in found for value in table["value"].to_pylist()]


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(pieces=PIECES, flush=st.sampled_from([1, 10, routed.FLUSH_BYTES]))
def test_each_key_has_its_rows_in_the_order_they_came(tmp_path, pieces, flush):
    path = tmp_path / "x.parquet"
    routed.write(path, tables(pieces), {"note": 1}, flush)
    rows = [row for piece in pieces for row in piece]
    for key in range(6):
        assert values(path, key) == [value for other, value in rows if other == key]
    assert sorted(values(path)) == sorted(value for _, value in rows)
    assert routed.read_footer(path) == {"note": 1}
    expected = {key: sum(other == key for other, _ in rows) for key, _ in rows}
    assert {key: count for key, (count, *_) in routed.sizes(path).items()} == expected


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


def test_columns_of_any_kind_whole_or_some_of_them(tmp_path):
    rows = 40
    table = pa.table(
        {
            "text": pa.array([None if i % 7 == 0 else "ä" * i for i in range(rows)], pa.large_string()),
            "pair": pa.array([[i, None] for i in range(rows)], pa.list_(pa.float32(), 2)),
            "many": pa.array([list(range(i % 5)) for i in range(rows)], pa.list_(pa.uint64())),
            "name": pa.array([f"n{i % 3}" for i in range(rows)]).dictionary_encode(),
            "flag": pa.array([i % 3 == 0 for i in range(rows)]),
        }
    ).slice(3)
    keys = np.arange(len(table)) % 4
    routed.write(tmp_path / "x", [(keys, table)], {})
    for key in range(4):
        expected = table.filter(pa.array(keys == key))
        assert pa.concat_tables(routed.read(tmp_path / "x", key)).to_pylist() == expected.to_pylist()
        for names in (["flag", "text"], ["name"], ["many", "pair"]):
            (found,) = routed.read(tmp_path / "x", key, names)
            assert found.schema == table.select(names).schema
            assert found.to_pylist() == expected.select(names).to_pylist()
        assert 0.5 < routed.sizes(tmp_path / "x")[key][1] / expected.nbytes < 2
    (none,) = routed.read(tmp_path / "x", 9, ["name", "text"])
    assert none.num_rows == 0 and none.schema == table.select(["name", "text"]).schema


def test_reading_a_key_costs_the_same_however_many_there_are(tmp_path):
    """Of a file of 20,000 pieces no more is read than the piece and 40 bytes for each of them."""
    keys = np.arange(20_000)
    routed.write(tmp_path / "x", [(keys, pa.table({"value": keys}))], {})
    read = []

    class Counting:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def read(self, *size):
            read.append(len(found := self.file.read(*size)))
            return found

    with open(tmp_path / "x", "rb") as file:
        assert len(routed._places(Counting(file))) == 20_000
    assert sum(read) < 41 * 20_000 < (tmp_path / "x").stat().st_size / 5
