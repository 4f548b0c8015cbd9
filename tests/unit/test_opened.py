import polars
import pyarrow as pa
import pytest

import curate
from curate.errors import UsageError
from tests import material, running

pytestmark = pytest.mark.usefixtures("own_stages")
TEXTS = material.docstrings()[:30]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    found = tmp_path_factory.mktemp("opened")
    material.write_lines(found / "a/x.txt", TEXTS[:20])
    material.write_lines(found / "a/y.txt", [])
    material.write_lines(found / "a/z.txt", TEXTS[20:])
    with running.own_stages():
        running.step("lines", {"sources": [str(found / "a")]}, to=str(found / "pool"), shard_bytes="4k")
        running.step("length", {}, corpus=str(found / "pool"))
        running.step("length", {}, corpus=str(found / "pool"), as_="piece", where="length > 200")
    return found


@pytest.fixture
def opened(root):
    return curate.open(root / "pool")


def test_layers_are_joined_by_position(opened):
    assert len(opened) == 30 and opened.layers == ["documents", "length", "piece"]
    assert opened.schema.names[-2:] == ["length", "piece"] and "text" in opened.schema.names
    table = opened.table(["length", "text"])
    assert table.column_names == ["length", "text"]
    assert table["text"].to_pylist() == list(TEXTS)
    assert table["length"].to_pylist() == [len(text) for text in TEXTS]


def test_rows_are_chosen_and_a_null_chooses_not(opened):
    expected = [text for text in TEXTS if 200 < len(text) < 900]
    assert opened.table(["text"], "piece < 900")["text"].to_pylist() == expected
    batches = list(opened.scan(["id"], "piece < 900"))
    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    assert sum(batch.num_rows for batch in batches) == len(expected)


def test_nothing_chosen_has_columns_all_the_same(opened):
    table = opened.table(["text", "length"], "length < 0")
    assert table.num_rows == 0 and table.schema.types == [pa.large_string(), pa.int64()]


def test_all_columns_by_default(opened):
    assert opened.table().schema.names == opened.schema.names


def test_a_frame(opened):
    frame = opened.frame(["length"])
    assert isinstance(frame, polars.DataFrame) and frame["length"].sum() == sum(map(len, TEXTS))


def test_unknown_columns_are_told(opened):
    for call in (lambda: opened.table(["wrong"]), lambda: list(opened.scan(["id"], "wrong > 1"))):
        with pytest.raises(UsageError, match=r"no column 'wrong'; there are: id, .*length"):
            call()


def test_a_stale_layer_is_left_out_and_refused(root, tmp_path):
    for name in ("pool", "a"):
        running.copied(root / name, tmp_path / name)
    running.step("length", {"unit": 2}, corpus=str(tmp_path / "pool"))
    opened = curate.open(tmp_path / "pool")
    assert opened.layers == ["documents", "length"] and "piece" not in opened.schema.names
    with pytest.raises(
        UsageError, match="column 'piece' is in layer 'piece', which is stale: layer 'length' has changed"
    ):
        opened.table(["piece"])


def test_no_corpus(tmp_path):
    with pytest.raises(UsageError, match="no corpus there"):
        curate.open(tmp_path)
