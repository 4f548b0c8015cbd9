import numpy as np
import pyarrow as pa
import pytest

from curate.errors import DataError
from curate.runtime import reader
from curate.storage import shard as shards
from tests import material, running

pytestmark = pytest.mark.usefixtures("own_stages")
TEXTS = material.docstrings()[:20]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    found = tmp_path_factory.mktemp("reader")
    material.write_lines(found / "a/x.txt", TEXTS)
    material.write_lines(found / "a/y.txt", [])
    with running.own_stages():
        running.step("lines", {"sources": [str(found / "a")]}, to=str(found / "pool"))
        running.step("length", {}, corpus=str(found / "pool"), where="bytes > 100")
    return found


def plan(root, where=None):
    return running.plan("length", {}, corpus=str(root / "pool"), as_="again", where=where)


def test_columns_come_as_asked_with_those_of_the_runtime(root):
    chosen = reader.read_shard(plan(root), 0, ["text"])
    assert chosen.table.column_names == ["text", "shard", "row", "corpus"]
    assert chosen.table["text"].to_pylist() == list(TEXTS)
    assert chosen.table["row"].to_pylist() == list(range(20))
    assert set(chosen.table["shard"].to_pylist()) == {0} and set(chosen.table["corpus"].to_pylist()) == {"pool"}
    assert (chosen.rows, chosen.false, chosen.null, chosen.keep) == (20, 0, 0, None)


def test_layers_are_joined_and_rows_chosen(root):
    chosen = reader.read_shard(plan(root, "length > 150"), 0, ["text"])
    expected = [text for text in TEXTS if len(text.encode()) > 100 and len(text) > 150]
    assert chosen.table["text"].to_pylist() == expected
    nulls = sum(len(text.encode()) <= 100 for text in TEXTS)
    assert (chosen.null, chosen.false) == (nulls, 20 - nulls - len(expected))
    assert chosen.keep is not None and chosen.keep.sum() == len(expected)
    assert chosen.table["row"].to_pylist() == np.flatnonzero(chosen.keep).tolist()


def test_no_columns_are_rows_too(root):
    assert reader.read_shard(plan(root), 0, ()).table.num_rows == 20
    assert reader.read_shard(plan(root, "bytes > 100"), 0, ()).table.num_rows < 20


def test_an_empty_shard(root):
    chosen = reader.read_shard(plan(root, "length > 150"), 1, ["text"])
    assert chosen.table.num_rows == 0 and chosen.table.schema.field("text").type == pa.large_string()


def test_layers_that_disagree_are_told(root, tmp_path):
    running.copied(root / "pool", tmp_path / "pool")
    made = plan(tmp_path, "length > 150")
    path = next((tmp_path / "pool/length").glob("*/shards/00000-000.parquet"))
    footer = shards.read_footer(path)
    assert footer is not None
    shards.write(path, shards.read(path).slice(1), footer)
    with pytest.raises(DataError, match="19 rows where the text has 20"):
        reader.read_shard(made, 0, ["text"])


def test_a_sample_is_the_same_for_any_sharding():
    ids = pa.array([f"d{i}" for i in range(2000)])
    table = pa.table({"id": ids})
    whole = reader.sampled(table, 7, 300, 2000)["id"].to_pylist()
    pieces = [reader.sampled(table.slice(start, 123), 7, 300, 2000) for start in range(0, 2000, 123)]
    assert [name for piece in pieces for name in piece["id"].to_pylist()] == whole
    assert 240 < len(whole) < 360
    assert set(reader.sampled(table, 7, 100, 2000)["id"].to_pylist()) < set(whole)
    assert reader.sampled(table, 8, 300, 2000)["id"].to_pylist() != whole
    assert reader.sampled(table, 7, 2000, 2000).num_rows == 2000
    assert reader.sampled(table, 7, 0, 2000).num_rows == 0
