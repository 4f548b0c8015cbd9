"""The functions of the mix in the order in which the runtime calls them."""

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from curate.algorithms import dsir
from curate.stages import mix as stage
from curate.storage.sources import InputShard

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]


def corpora(cuts: list[int]) -> list[pa.Table]:
    """Two corpora of 60 documents, the first cut into shards at the given rows."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 40))) for _ in range(120)]
    whole = pa.table(
        {
            "id": [f"d{i % 60}" for i in range(120)],
            "text": pa.array(texts, pa.large_string()),
            "bytes": [len(text) for text in texts],
            "dsir": pa.array([float(i % 7) if i % 10 else None for i in range(120)], pa.float32()),
            "topic": pa.array([i % 3 if i % 11 else None for i in range(120)], pa.int32()),
            "cluster": pa.array([i % 12 % (3 + i // 40) if i % 11 else None for i in range(120)], pa.int32()),
            "cluster_distance": pa.array([i % 13 / 10 if i % 11 else None for i in range(120)], pa.float32()),
            "corpus": pa.DictionaryArray.from_arrays(
                pa.array([i // 60 for i in range(120)], pa.int32()), pa.array(["web", "books"])
            ),
        }
    )
    tables = []
    for number, (start, end) in enumerate(zip([0, *cuts, 60], [*cuts, 60, 120], strict=True)):
        table = whole.slice(start, end - start)
        table = table.append_column("shard", pa.array([number] * len(table), pa.int32()))
        tables.append(table.append_column("row", pa.array(range(len(table)), pa.int64())))
    return tables


def mixed(config: stage.MixConfig, cuts: list[int]) -> tuple[pa.Table, pa.Table, dict[str, int]]:
    """The new corpus, the groups, and the ledger."""
    tables = corpora(cuts)
    settled = stage.settle((stage.survey(table, None, config) for table in tables), config)
    rows = pa.concat_tables(settled.rows)
    routed = []
    for number, table in enumerate(tables):
        mine = rows.filter(pc.equal(rows["shard"], number)).sort_by("row").drop_columns("shard")
        routed += list(stage.gather(table, mine, config))
    copies = pa.concat_tables(routed)
    inputs = [InputShard(i, 0, "", table.num_rows, 40 << 20) for i, table in enumerate(tables)]
    parts = stage.parts(inputs[:2], config)
    ledger = {"in": sum(settled.removed.values()), "repeats": 0, **settled.removed}
    made = []
    for slice_ in stage.slices(inputs[:2], config, 4 << 20):
        part = pc.equal(pc.shift_right(pc.multiply(copies["part"].cast("uint64"), parts), 32), slice_["part"])
        for applied in stage.apply(slice_, iter([copies.filter(part).drop_columns("part")]), None, None, config):
            made.append(applied.table)
            ledger["in"] += applied.read
            ledger["repeats"] += applied.repeats
    return pa.concat_tables(made), settled.model, ledger


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tokens": 2500},
        {"documents": 250, "weights": {"web": 1, "books": 3}},
        {"tokens": 900, "score": "dsir"},
        {"documents": 30, "score": "dsir", "score_temperature": 0, "temperature": 5},
        {"documents": 47, "balance": "topic,cluster"},
        {"tokens": 900, "balance": ["topic"], "weights": {"web": 1, "books": 3}, "score": "dsir"},
        {"documents": 40, "quotas": ["dsir=3", "cluster_distance=1"], "score_temperature": 0.5},
        {"tokens": 700, "quotas": {"dsir": 1, "cluster_distance": 2}, "balance": ["topic"]},
        {"keep_rate": 0.3, "sensitivity": "cluster", "score": "dsir", "distance_weight": 0.5},
    ],
)
def test_a_mix_does_not_know_the_shards_and_its_ledger_balances(options):
    config = stage.MixConfig(**options)
    table, groups, ledger = mixed(config, [20, 45])
    again, same, _ = mixed(config, [33])
    assert groups.equals(same)
    others = ["shard", "row"]
    assert table.drop_columns(others).equals(again.drop_columns(others))
    assert len(set(table["id"].to_pylist())) == table.num_rows == sum(groups["achieved_documents"].to_pylist())
    removed = sum(count for reason, count in ledger.items() if reason not in ("in", "repeats"))
    assert ledger["in"] == 120
    assert ledger["in"] + ledger["repeats"] == table.num_rows + removed
    if config.score and not (config.sensitivity or config.balance):
        assert ledger["null dsir"] == 12
        assert table["dsir"].null_count == 0


def test_the_best_are_taken_without_chance():
    config = stage.MixConfig(documents=10, score="dsir", score_temperature=0)
    table, _, _ = mixed(config, [30])
    assert set(table["dsir"].to_pylist()) == {6.0}


def test_a_balanced_mix_is_even_and_takes_the_nearest():
    config = stage.MixConfig(documents=24, balance="topic", score="-cluster_distance", score_temperature=0)
    table, groups, ledger = mixed(config, [30])
    assert ledger["null topic"] == 11
    assert groups["achieved"].to_pylist() == [4] * 6
    assert groups["path"].to_pylist()[4] == ["web", "1"]
    whole = pa.concat_tables(corpora([]))
    for (corpus, topic), _ in itertools.groupby(
        zip(table["origin"].to_pylist(), table["topic"].to_pylist(), strict=True)
    ):
        of_all = pc.and_(pc.equal(whole["corpus"].cast("string"), corpus), pc.equal(whole["topic"], topic))
        of_new = pc.and_(pc.equal(table["origin"], corpus), pc.equal(table["topic"], topic))
        taken = sorted(table.filter(of_new)["cluster_distance"].to_pylist())
        assert taken == sorted(whole.filter(of_all)["cluster_distance"].to_pylist())[:4]
    assert "topic: 0 of 6 groups give all they have, the others 4 to 4 documents each" in stage.report(
        groups, None, config
    )


def test_a_share_is_met_and_nothing_repeated():
    table, _, _ = mixed(stage.MixConfig(keep_rate="25%", balance="topic"), [30])
    assert table.num_rows == 109 // 4
    table, _, ledger = mixed(stage.MixConfig(documents=300, balance="topic"), [30])
    assert (table.num_rows, ledger["repeats"]) == (109, 0)
    table, _, ledger = mixed(stage.MixConfig(documents=218, balance="topic", max_epochs=2), [30])
    assert (table.num_rows, ledger["repeats"]) == (218, 109)


def test_sensitive_documents_weigh_one_through_their_chance():
    config = stage.MixConfig(documents=40, sensitivity="cluster", score="dsir", temperature=1e9)
    table, groups, ledger = mixed(config, [30])
    assert (table.num_rows, ledger["not drawn"], ledger["null cluster"]) == (40, 69, 11)
    weights = np.array(table["weight"].to_pylist())
    assert (weights >= 1).all()
    assert weights.sum() == pytest.approx(109, rel=0.3)
    assert sum(groups["achieved"].to_pylist()) == 40
    assert abs(np.array(groups["achieved"]) - np.array(groups["requested"])).max() < 7


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"balance": "topic"}, "balance means nothing without a budget"),
        ({"documents": 3, "keep_rate": 0.5}, "documents and keep_rate exclude each other"),
        ({"documents": 3, "sensitivity": "cluster"}, "sensitivity needs a score"),
        ({"documents": 3, "sensitivity": "cluster", "score": "s", "by": "topic"}, "by and sensitivity exclude"),
        ({"documents": 3, "distance_weight": 2}, "distance_weight means nothing without sensitivity"),
    ],
)
def test_options_that_do_not_go_together(options, said):
    with pytest.raises(ValueError, match=said):
        stage.MixConfig(**options)


@pytest.mark.parametrize("budget", [{"documents": 24}, {"tokens": 500}])
def test_each_column_chooses_its_quota_and_its_best(budget):
    config = stage.MixConfig(**budget, quotas={"dsir": 3, "cluster_distance": 1}, score_temperature=0, by="topic")
    table, groups, ledger = mixed(config, [30])
    assert ledger["null cluster_distance or dsir"] > 0 and table["dsir"].null_count == 0
    (unit,) = budget
    place = ("documents", "tokens").index(unit)
    distances, scores = (pair[place] for pair in groups["taken"][0].as_py())
    assert distances + scores == sum(groups["achieved"].to_pylist())
    assert scores / (distances + scores) == pytest.approx(0.75, abs=0.1)
    best = sum(value == 6 for value in table["dsir"].to_pylist())
    far = sum(value > 1 for value in table["cluster_distance"].to_pylist())
    assert best >= 10 and far >= 4
    lines = stage.report(groups, None, config)
    assert [line.split(" chose ")[0] for line in lines[-2:]] == ["cluster_distance", "dsir"]
    assert lines[-1].endswith("75.00% requested")


def test_quotas_of_one_column_are_its_score():
    tables = [
        mixed(stage.MixConfig(documents=20, **given, score_temperature=0), [30])[0]
        for given in ({"score": "cluster_distance"}, {"quotas": {"cluster_distance": 2}})
    ]
    assert sorted(tables[0]["cluster_distance"].to_pylist()) == sorted(tables[1]["cluster_distance"].to_pylist())


@pytest.mark.parametrize("given", [{"score": "dsir"}, {"sensitivity": "cluster", "score": "dsir"}, {"max_epochs": 2}])
def test_quotas_stand_in_place_of_a_score(given):
    with pytest.raises(ValueError, match="quotas"):
        stage.MixConfig(documents=5, quotas={"dsir": 1}, **given)
    with pytest.raises(ValueError, match="quotas means nothing without a budget"):
        stage.MixConfig(quotas={"dsir": 1})


def test_an_estimate_is_marked():
    config = stage.MixConfig(tokens=500)
    _, groups, _ = mixed(config, [30])
    assert set(groups["estimated"].to_pylist()) == {True}
    assert stage.report(groups, None, config)[-1].endswith("tokens are estimated, not counted")


def test_the_report_says_how_near_a_mixture_is_to_the_targets_of_a_model(tmp_path):
    counts = {name: np.zeros(500, dtype=np.int64) for name in ("alpha", "pool")}
    dsir.add_counts(pa.array(["alpha alpha beta alpha"], pa.large_string()), counts["alpha"])
    tables = corpora([30])
    for table in tables:
        dsir.add_counts(table["text"], counts["pool"])
    path = str(tmp_path / "model.parquet")
    pq.write_table(dsir.fitted({"alpha": counts["alpha"]}, counts["pool"], 0.0), path)
    config = stage.MixConfig(documents=20, dsir_model=path)
    assert stage.compared(config) is None and stage.compared(stage.MixConfig()) == 0
    summary = stage.settle_mixture((stage.survey_mixture(table, None, config) for table in tables), config).model
    assert summary["pool"].to_pylist() == pytest.approx(summary["selection"].to_pylist())
    near = pa.table({"text": pa.array(["alpha alpha beta alpha", "alpha"], pa.large_string())})
    summary = stage.settle_mixture([stage.survey_mixture(near, None, config)], config).model
    (row,) = summary.to_pylist()
    assert row["target"] == "alpha" and row["selection"] < row["pool"]
    _, groups, _ = mixed(config, [30])
    line = stage.report(groups, summary, config)[-1]
    assert line.startswith("alpha: KL divergence of the target: from the model's corpus")
    assert float(line.split("KL reduction ")[1]) == pytest.approx(row["pool"] - row["selection"], abs=1e-3)
    assert stage.settle_mixture([], stage.MixConfig()).model.num_rows == 0
