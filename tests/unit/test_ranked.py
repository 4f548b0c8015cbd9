"""What stages share that rank by one score: columns, decisions made again, and the count of what has no score."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pydantic import ValidationError

from curate.algorithms import ranking
from curate.ranked import KeepRate, Ranked
from curate.stage import DecisionMarker, StageConfig, marked


class Config(StageConfig):
    """Options."""

    keep_rate: KeepRate = 0.1


def settled(ranked, scores):
    rows = range(len(scores))
    found = ranking.scored(
        pa.table({"shard": pa.array([0] * len(scores), pa.int32()), "row": rows, "id": [f"d{row}" for row in rows]}),
        pa.array(scores, pa.type_for_alias(ranked.score)),
    )
    return pa.concat_tables(ranked.settle([found], Config()).rows).drop_columns(["shard"])


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_another_rate_decides_as_a_whole_run_would(kind):
    ranked = Ranked("x", kind)
    mine = settled(ranked, [0.5, None, 0.25, 0.75, -1.0, 0.0])
    made = {rate: ranked.apply(None, mine, None, Config(keep_rate=rate)).table for rate in (0.1, 0.4, 1)}
    assert made[0.4].schema == ranked.adds(Config())
    assert made[0.4].schema.types == [pa.type_for_alias(kind), pa.bool_(), pa.float64()]
    assert made[0.4].to_pydict() == {
        "x": [0.5, None, 0.25, 0.75, -1.0, 0.0],
        "x_keep": [True, False, False, True, False, False],
        "x_quantile": [0.4, None, 0.6, 0.2, 1.0, 0.8],
    }
    for before in made.values():
        for rate, wanted in made.items():
            assert ranked.again(before, Config(keep_rate=rate)).table.equals(wanted)


def test_documents_without_a_score_are_counted_where_that_has_a_name():
    for ranked, wanted in ((Ranked("x"), {}), (Ranked("x", missing="without_vector"), {"without_vector": 2})):
        applied = ranked.apply(None, settled(ranked, [None, 0.5, None]), None, Config())
        assert applied.counts == wanted == ranked.again(applied.table, Config()).counts
    nothing = ranked.apply(None, None, None, Config())
    assert nothing.table.equals(ranked.adds(Config()).empty_table()) and nothing.counts == {"without_vector": 0}


def test_the_distribution_of_shards_adds_up():
    after = Ranked("x").after
    assert after.needs(Config()) == ("bytes",)
    shards = [[0.5, None], [0.5, -1.0]]
    tables = [pa.table({"x": pa.array(shard, pa.float32()), "bytes": [3] * len(shard)}) for shard in shards]
    summary = after.settle([after.survey(table, None, Config()) for table in tables], Config()).model
    found = {row["low"]: (row["documents"], row["bytes"]) for row in summary.to_pylist()}
    assert found == {None: (1, 3), -1.0: (1, 3), 0.5: (2, 6)}


def test_the_rate_is_a_share_that_only_decides():
    assert Config(keep_rate="5%").keep_rate == 0.05
    assert list(marked(Config, DecisionMarker)) == ["keep_rate"]
    for refused in (0, 1.1):
        with pytest.raises(ValidationError):
            Config(keep_rate=refused)
