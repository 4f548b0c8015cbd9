import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import split
from curate.errors import UsageError
from curate.stages.split import STAGE, SplitConfig, apply, survey


def dealt(parts, documents=1000, cut=1000, seed=0):
    config = SplitConfig(parts=parts, seed=seed)
    ids = [f"d{i}" for i in range(documents)]
    tables = [pa.table({"id": ids[i : i + cut]}) for i in range(0, documents, cut)]
    model = split.bounds([survey(table, None, config) for table in tables], config.parts)
    return [name for table in tables for name in apply(table, None, model, config)["split"].to_pylist()], model


@pytest.mark.parametrize("cut", [7, 1000])
def test_parts_are_of_exactly_the_sizes_asked_for(cut):
    names, model = dealt(["validation=5", "test=12.5%", "train=rest"], 997, cut)
    counts = {name: names.count(name) for name in ("validation", "test", "train")}
    assert counts == {"validation": 5, "test": 124, "train": 868}
    assert STAGE.report(model, None, None) == ["test: 124 (12.44%)", "train: 868 (87.06%)", "validation: 5 (0.50%)"]
    assert names == dealt(["train=rest", "test=12.5%", "validation=5"], 997)[0]
    assert names != dealt(["validation=5", "test=12.5%", "train=rest"], 997, seed=1)[0]


def test_what_is_in_no_part():
    names, model = dealt(["a=0.25", "b=1k"], 2000)
    assert [names.count("a"), names.count("b"), names.count(None)] == [500, 1000, 500]
    assert STAGE.report(model, None, None)[-1] == "no part: 500 (25.00%)"
    assert dealt(["a=2000"], 2000)[0] == ["a"] * 2000
    assert dealt(["a=50%"], 1)[0] == [None]


def test_chance_decides_and_not_the_order():
    names, _ = dealt(["a=500"])
    places = np.flatnonzero([name == "a" for name in names])
    assert 400 < places.mean() < 600


def test_more_than_there_are():
    with pytest.raises(UsageError, match="1,001 documents asked for, but there are 1,000"):
        dealt(["a=1", "b=1k"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [("1M", 1_000_000), ("2.5k", 2500), ("1_000", 1000), ("3%", 0.03), ("0.5", 0.5), ("rest", "rest")],
)
def test_sizes(given, expected):
    assert SplitConfig(parts=[f"a={given}"]).parts == {"a": expected}
    assert SplitConfig(parts={"a": expected}).parts == SplitConfig(parts={"a": given}).parts == {"a": expected}


@pytest.mark.parametrize("given", [[], ["a"], ["=3"], ["a=0"], ["a=x"], ["a=100%"], ["a=1", "a=2"]])
def test_parts_that_are_none(given):
    with pytest.raises(ValueError):
        SplitConfig(parts=given)


def test_one_part_may_be_the_rest():
    with pytest.raises(ValueError, match="only one part can be the rest"):
        SplitConfig(parts=["a=rest", "b=rest"])
