import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import DataError
from curate.storage import shard

TABLE = pa.table({"id": ["a", "b", "c"], "text": pa.array(["one", None, "three"], pa.large_string())})


def test_table_and_footer_come_back(tmp_path):
    path = tmp_path / "shards/x.parquet"
    shard.write(path, TABLE, {"cause": "ä", "ledger": {"in": 3}})
    assert shard.read(path).equals(TABLE, check_metadata=True)
    assert shard.read_footer(path) == {"cause": "ä", "ledger": {"in": 3}}


def test_columns_are_read_in_the_order_asked(tmp_path):
    shard.write(tmp_path / "x", TABLE, {})
    assert shard.read(tmp_path / "x", ["text", "id"]).column_names == ["text", "id"]
    assert shard.read(tmp_path / "x", []).num_rows in (0, 3)


def test_an_empty_table_keeps_its_columns(tmp_path):
    shard.write(tmp_path / "x", TABLE.slice(0, 0), {"rows": 0})
    assert shard.read(tmp_path / "x").schema == TABLE.schema
    assert shard.read_footer(tmp_path / "x") == {"rows": 0}


def test_bytes_do_not_depend_on_chunks(tmp_path):
    shard.write(tmp_path / "a", TABLE, {})
    shard.write(tmp_path / "b", pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]), {})
    shard.write(tmp_path / "c", pa.concat_tables([TABLE, TABLE]).slice(3), {})
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1


def test_a_row_group_holds_about_eight_mebibytes(tmp_path):
    table = pa.table({"text": pa.array(["x" * 100_000] * 250, pa.large_string())})
    shard.write(tmp_path / "x", table, {})
    metadata = pq.read_metadata(tmp_path / "x")
    rows = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sum(rows) == 250 and len(set(rows[:-1])) == 1 and rows[-1] <= rows[0]
    assert shard.ROW_GROUP_BYTES * 0.9 < rows[0] * 100_000 <= shard.ROW_GROUP_BYTES


KINDS = [
    (pa.int64(), st.integers(0, 9), 8),
    (pa.large_string(), st.text("ab", min_size=3, max_size=3), 3),
    (pa.binary(16), st.binary(min_size=16, max_size=16), 16),
    (pa.list_(pa.float16(), 4), st.lists(st.just(1.0), min_size=4, max_size=4), 8),
    (pa.list_(pa.int32()), st.lists(st.integers(0, 9), min_size=2, max_size=2), 8),
    (pa.timestamp("us", tz="UTC"), st.datetimes(), 8),
    (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b"]), 4),
]


@pytest.mark.parametrize(("kind", "values", "each"), KINDS, ids=lambda item: str(item)[:20])
def test_bytes_of_values_are_counted_whatever_the_slice(kind, values, each):
    @settings(deadline=None, max_examples=20)
    @given(st.lists(values, min_size=3, max_size=9))
    def check(rows):
        array = pa.array(rows, kind)
        assert shard.value_bytes(pa.table({"x": array})) == each * len(rows)
        assert shard.value_bytes(pa.table({"x": array.slice(1, len(rows) - 2)})) == each * (len(rows) - 2)

    check()


def test_what_is_no_shard(tmp_path):
    assert shard.read_footer(tmp_path / "missing") is None
    (tmp_path / "text").write_text("not Parquet at all")
    for call in (shard.read_footer, shard.read):
        with pytest.raises(DataError, match="text: not a readable shard"):
            call(tmp_path / "text")
    pq.write_table(TABLE, tmp_path / "foreign")
    assert shard.read_footer(tmp_path / "foreign") is None


def test_a_damaged_footer_is_told(tmp_path):
    shard.write(tmp_path / "x", TABLE, {"ledger": {"quarantined": 0}})
    whole = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(whole.replace(b'{"ledger": {"quarantined": 0}}', b'{"ledger": {"quarantined": 7}}'))
    with pytest.raises(DataError, match="footer is damaged"):
        shard.read_footer(tmp_path / "x")


def test_a_value_is_found_where_it_is(tmp_path):
    path = tmp_path / "x.parquet"
    ids = [f"é{i:04}" for i in range(1000)]
    table = pa.table(
        {
            "pair": pa.array([{"a": 1, "b": 2}] * 1000),
            "id": ids,
            "of": pa.array([None] * 990 + ["é0001", None] * 5),
            "text": pa.array(["x" * 50_000] * 1000, pa.large_string()),
        }
    )
    shard.write(path, table, {})
    assert pq.ParquetFile(path).num_row_groups > 3
    for row in (0, 567, 999):
        assert shard.find(path, "id", ids[row]).tolist() == [row]
    assert shard.find(path, "of", "é0001").tolist() == [990, 992, 994, 996, 998]
    for absent in ("", "e0001", "é05", "é9999", "zz"):
        assert shard.find(path, "id", absent).tolist() == []
    with pytest.raises(DataError, match="the shard is missing"):
        shard.find(tmp_path / "y.parquet", "id", "é0001")
