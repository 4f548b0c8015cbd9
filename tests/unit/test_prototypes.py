import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import ranking
from curate.errors import UsageError
from curate.kernels import arrow
from curate.stages.prototypes import STAGE, PrototypesConfig, adds, distance
from tests.naive import semdedup as naive


def corpus(sizes=(50, 30, 12, 7), seed=0, without=5):
    """Clusters of which each is harder than the one before, and some documents without one."""
    random = np.random.default_rng(seed)
    owners = random.permutation(np.repeat(np.arange(len(sizes) + 1), [*sizes, without]))
    valid = owners < len(sizes)
    distances = (owners + random.integers(0, 30, len(owners)) / 16).astype(np.float32)
    return pa.table(
        {
            "id": pa.array([f"d{i:03}" for i in range(len(owners))]),
            "cluster": pa.array(owners.astype(np.int32), mask=~valid),
            "cluster_distance": pa.array(distances, mask=~valid),
        }
    )


def run(table, cut=40, **options):
    config = PrototypesConfig(**options)
    pieces = []
    for number, start in enumerate(range(0, table.num_rows, cut)):
        piece = table.slice(start, cut)
        piece = piece.append_column("shard", pa.array([number] * len(piece), pa.int32()))
        pieces.append(piece.append_column("row", pa.array(range(len(piece)), pa.int64())))
    settled = STAGE.before[0].settle([STAGE.before[0].survey(piece, None, config) for piece in pieces], config)
    rows = pa.concat_tables(settled.rows)
    made = {}
    for number, piece in enumerate(pieces):
        mine = rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).drop_columns(["shard"])
        columns = STAGE.apply(piece, mine, settled.model, config).table
        assert columns.schema == adds(config)
        made |= dict(zip(piece["id"].to_pylist(), columns.to_pylist(), strict=True))
    return made, settled.model


def documents(table):
    hashes = ranking.ties(table["id"])
    return [
        {"id": row["id"], "tie": int(tie), "cluster": row["cluster"], "distance": row["cluster_distance"]}
        for row, tie in zip(table.to_pylist(), hashes, strict=True)
    ]


def kept(found):
    return {name for name, row in found.items() if row["prototypes_keep"]}


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9, 0.01])
@pytest.mark.parametrize("floor", [0, 0.5, 1])
@pytest.mark.parametrize("keep", ["hard", "easy"])
def test_equals_the_definition_and_hits_the_rate(rate, floor, keep):
    table = corpus()
    found, _ = run(table, keep_rate=rate, floor=floor, keep=keep)
    assert kept(found) == naive.prototypes(documents(table), rate, floor, keep == "hard")
    assert len(kept(found)) == int(rate * table.num_rows)


def test_neither_shards_nor_order_count():
    table = corpus()
    expected, model = run(table, keep_rate=0.4)
    assert run(table, cut=7, keep_rate=0.4) == (expected, model)
    assert run(table.take(np.random.default_rng(2).permutation(table.num_rows)), keep_rate=0.4) == (expected, model)


def test_without_a_floor_the_quantile_is_a_filter():
    table = corpus()
    found, _ = run(table, keep_rate=0.3, floor=0)
    assert kept(found) == {name for name, row in found.items() if row["prototypes_quantile"] <= 0.3}
    other, _ = run(table, keep_rate=0.6, floor=0)
    assert kept(other) == {name for name, row in found.items() if row["prototypes_quantile"] <= 0.6}


def test_the_floor_leaves_something_of_every_cluster():
    table = corpus()
    _, without = run(table, keep_rate=0.2, floor=0)
    found, model = run(table, keep_rate=0.2, floor=0.5)
    assert 0 in without["kept"].to_pylist()
    kept_of_each = zip(model["kept"].to_pylist(), (50, 30, 12, 7), strict=True)
    assert all(number >= int(0.1 * size) for number, size in kept_of_each)
    assert sum(model["kept"].to_pylist()) == len(kept(found))
    assert STAGE.report
    assert STAGE.report(model, None, PrototypesConfig(keep_rate=0.2))[0].startswith("keeps 20 of 99 documents")


def test_documents_without_a_distance_come_last():
    table = corpus()
    found, _ = run(table, keep_rate=0.95)
    lost = [name for name, row in found.items() if not row["prototypes_keep"]]
    nothing = set(table.filter(pa.array(~arrow.validity(table["cluster"])))["id"].to_pylist())
    assert len(lost) == 6 and nothing <= set(lost)


@pytest.mark.parametrize("count", [1, 3, 7, 10, 999])
def test_quantiles_and_their_number(count):
    random = np.random.default_rng(count)
    found = ranking.quantiles(
        random.integers(0, 4, count).astype(float), random.integers(0, 1 << 60, count).astype("u8")
    )
    for share in (0.1, 0.3, 1 / 3, 0.7, 1.0, 3 / 7):
        assert (found <= share).sum() == ranking.kept(share, count)


def test_wrong_columns():
    assert distance(PrototypesConfig(keep_rate=1, cluster="again_domain")) == "again_distance"
    with pytest.raises(UsageError, match="--cluster id: the column holds string"):
        run(corpus(), keep_rate=1, cluster="id", distance="cluster_distance")
    with pytest.raises(UsageError, match="--distance id: the column holds string"):
        run(corpus(), keep_rate=1, distance="id")
