"""Estimators against SciPy, projections against their definition, and the two stages that learn from losses."""

import json
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from scipy.stats import ecdf, kendalltau, spearmanr

from curate.algorithms import correlations, loss_tables, ngram_model, preselect
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.stages import correlations as correlations_stage
from curate.stages import preselect as preselect_stage

EASY = ["how", "many", "clips", "did", "she", "sell", "half", "48", "=", "24", "sum"]
HARD = ["oil", "prices", "rose", "on", "monday", "analysts", "said", "london", "bank", "shares"]
MODELS = ["a", "b", "c", "d", "e"]


def given(seed, models=12, texts=40, tied=False):
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=(models, texts)), draw.uniform(size=models)
    return (np.round(x), np.round(4 * y)) if tied else (x, y)


@pytest.mark.parametrize("tied", [False, True])
def test_spearman_is_that_of_scipy(tied):
    x, y = given(1, tied=tied)
    expected = [spearmanr(column, y).statistic for column in x.T]
    assert correlations.spearman(x, y) == pytest.approx(expected, abs=1e-12)
    assert correlations.spearman(np.ones((12, 2)), y).tolist() == [0, 0]


@pytest.mark.parametrize("tied", [False, True])
def test_sign_sign_counts_pairs_as_kendall_does(tied):
    x, y = given(2, tied=tied)
    expected = [kendalltau(column, y).statistic for column in x.T]
    if tied:  # tau-b divides by the pairs that are not tied
        pairs = [(np.sign(y[:, None] - y) * np.sign(column[:, None] - column)).sum() / (12 * 11) for column in x.T]
        expected = pairs
    assert correlations.sign_sign(x, y) == pytest.approx(expected, abs=1e-12)


def test_the_other_estimators_are_those_of_their_formulas():
    x, y = given(3)
    expected = [np.cov(column, y, bias=True)[0, 1] for column in x.T]
    assert correlations.product(x, y - y.mean()) == pytest.approx(expected, abs=1e-12)
    pairs = [(g, k) for g in range(12) for k in range(g)]

    def by_pairs(values):
        return [np.mean([np.sign(y[g] - y[k]) * (column[g] - column[k]) for g, k in pairs]) for column in values.T]

    assert correlations.sign(x, y) == pytest.approx(by_pairs(x), abs=1e-12)
    places = np.array([ecdf(column).cdf.evaluate(column) for column in x.T]).T
    assert correlations.sign_cdf(x, y) == pytest.approx(by_pairs(places), abs=1e-12)


@pytest.mark.parametrize("project", [correlations.linear, correlations.l2])
def test_projections_take_one_within_the_caps(project):
    draw = np.random.default_rng(4)
    estimates, caps = draw.normal(size=50), draw.uniform(size=50)
    caps *= 10 / caps.sum()
    found = project(estimates, caps)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert (found >= 0).all() and (found <= caps).all()
    value = (
        (lambda mix: mix @ estimates) if project is correlations.linear else lambda mix: -((mix - estimates) ** 2).sum()
    )
    for _ in range(300):  # no step to another mixture is for the better
        give, take = draw.integers(0, 50, 2)
        step = min(found[give], caps[take] - found[take]) * draw.uniform()
        moved = found.copy()
        moved[give] -= step
        moved[take] += step
        assert value(moved) <= value(found) + 1e-12
    assert project(estimates, caps / 20) == pytest.approx(caps / 20)


def test_equal_estimates_are_not_taken_by_name():
    keys = pa.array([f"k{i:03}" for i in range(100)])
    losses = loss_tables.Losses(keys, ["a", "b", "c"], np.arange(3.0)[:, None] * np.ones((3, 100)))
    groups = pa.table({"group": keys, "bytes": [10] * 100})
    scores = np.array([0.3, 0.2, 0.1])
    found = correlations.estimated(losses, groups, np.arange(3), scores, 0.5, "spearman", "linear")
    taken = np.array(found["weight"].to_pylist()) > 0
    assert found["estimate"].to_pylist() == pytest.approx([1] * 100)
    assert taken.sum() == 50 and 15 < taken[:50].sum() < 35


def test_predictive_strength_counts_the_pairs_in_order():
    losses = np.array([[3.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1.0, 3.0, 3.0]])
    found, pairs = preselect.strengths(losses, np.array([0.1, 0.2, 0.3]))
    assert pairs == 3 and found.tolist() == [3, 0, 0.5]
    found, pairs = preselect.strengths(losses, np.array([0.1, 0.1, 0.3]))
    assert pairs == 2 and found.tolist() == [2, 0, 0]


@pytest.mark.parametrize("tied", [False, True])
def test_predictive_strength_is_kendalls_share_of_pairs(tied):
    losses, scores = given(6, tied=tied)
    found, pairs = preselect.strengths(losses, scores)
    unlike = [(a, b) for a in range(12) for b in range(12) if scores[a] > scores[b]]
    expected = [sum(1.0 if x[a] < x[b] else 0.5 * (x[a] == x[b]) for a, b in unlike) for x in losses.T]
    assert pairs == len(unlike) and found.tolist() == expected
    if not tied:
        taus = [kendalltau(-column, scores).statistic for column in losses.T]
        assert found / pairs == pytest.approx([(1 + tau) / 2 for tau in taus], abs=1e-12)


# --- the stages -----------------------------------------------------------------------------------


def texts(seed, count, words):
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randrange(8, 40))) for _ in range(count)]


def corpus():
    given = [*texts(1, 80, EASY), *texts(2, 158, HARD), "", "?"]
    sources = [f"easy{i % 4}" if i < 80 else f"hard{i % 8}" for i in range(240)]
    sizes = [len(text) for text in given]
    ids = [f"d{i}" for i in range(240)]
    return pa.table({"id": ids, "text": pa.array(given, pa.large_string()), "source": sources, "bytes": sizes})


def tables(folder, keys, by_rows=True):
    """Losses, such that the better models lose less on what is easy, and benchmarks."""
    draw = np.random.default_rng(5)
    easy = {f"d{i}" for i in range(80)} | {f"easy{i}" for i in range(4)}
    rows = [[2 + (-0.1 if key in easy else 0.1) * m + 0.01 * draw.uniform() for m in range(5)] for key in keys]
    if by_rows:
        lines = [["id", *MODELS, "other"], *([key, *row, 1.0] for key, row in zip(keys, rows, strict=True))]
    else:
        lines = [
            ["model", *keys],
            *([name, *column] for name, column in zip(MODELS, zip(*rows, strict=True), strict=True)),
        ]
    losses, benchmarks = folder / f"losses{by_rows}.csv", folder / "benchmarks.csv"
    losses.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    benchmarks.write_text(
        "model,sums,error\n" + "".join(f"{name},{m / 10},{1 - m / 20}\n" for m, name in enumerate(MODELS))
    )
    return {"losses": str(losses), "benchmarks": str(benchmarks)}


def run(stage, config, cuts=()):
    table, shards = corpus(), []
    for number, (start, end) in enumerate(pairwise([0, *cuts, 240])):
        piece = table.slice(start, end - start)
        piece = piece.append_column("shard", pa.array([number] * len(piece), pa.int32()))
        shards.append(piece.append_column("row", pa.array(range(len(piece)), pa.int64())))
    first, second, third = stage.STAGE.before
    groups = first.settle([first.survey(shard, None, config) for shard in shards], config)
    chosen, judged = pa.concat_tables(groups.rows), []
    for number, shard in enumerate(shards):
        mine = chosen.filter(pa.array(arrow.numbers(chosen["shard"]) == number)).sort_by("row")
        judged.append(second.survey(shard.take(mine["row"]), mine, groups.model, config))
    learnt = second.settle(judged, groups.model, config)
    model = learnt.model
    rows = pa.concat_tables(third.settle([third.survey(s, None, model, config) for s in shards], config).rows)
    made = []
    for number, shard in enumerate(shards):
        mine = rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).drop_columns(["shard"])
        made.append(stage.STAGE.apply(shard, mine, model, config).table)
        assert made[-1].schema == stage.STAGE.adds(config)
    return pa.concat_tables(made), learnt, model


def check(stage, config):
    found, learnt, model = run(stage, config)
    name = stage.STAGE.name
    assert sum(found[f"{name}_keep"].to_pylist()) == int(0.3 * 239)
    assert sum(found[f"{name}_keep"].to_pylist()[:80]) >= 0.97 * int(0.3 * 239)
    again = run(stage, config, (0, 1, 130))
    assert again[0].equals(found) and again[2].equals(model)
    fewer = type(config)(**{**config.model_dump(), "keep_rate": 0.1})
    decided = stage.STAGE.again(found, fewer).table
    assert decided[f"{name}_keep"].to_pylist().count(True) == 23
    seen = pa.table({name: found[name], "bytes": [5] * 240})
    after = stage.STAGE.after
    summary = after.settle([after.survey(seen, None, config)], config).model
    return learnt, stage.STAGE.report(model, summary, config)


@pytest.mark.parametrize("projection", ["linear", "l2"])
def test_correlations_finds_what_better_models_find_easy(tmp_path, projection):
    made = tables(tmp_path, [f"d{i}" for i in range(230)])
    config = correlations_stage.CorrelationsConfig(
        **made, benchmark=["sums", "-error"], keep_rate=0.3, ratio=0.3, projection=projection
    )
    learnt, report = check(correlations_stage, config)
    assert report[0].startswith("spearman of losses and errors of 5 models, for 230 texts")
    details = learnt.model["groups"].to_pylist()
    assert len(details[0]) == 230 and not any(details[1:])
    assert sum(row["weight"] for row in details[0]) == pytest.approx(1)


@pytest.mark.parametrize("by_rows", [True, False])
def test_correlations_takes_groups_of_documents(tmp_path, by_rows):
    made = tables(tmp_path, [*(f"easy{i}" for i in range(4)), *(f"hard{i}" for i in range(6))], by_rows)
    config = correlations_stage.CorrelationsConfig(**made, by="source", keep_rate=0.3, ratio=0.3, documents=25)
    learnt, report = check(correlations_stage, config)
    details = learnt.model["groups"][0].as_py()
    assert [row["group"] for row in details[:5]] == ["easy0", "easy1", "easy2", "easy3", "hard0"]
    assert details[0]["weight"] > 0 and report[1].startswith("  best: easy")


def test_preselect_finds_documents_that_order_the_models(tmp_path):
    made = tables(tmp_path, [f"d{i}" for i in range(230)])
    _, report = check(preselect_stage, preselect_stage.PreselectConfig(**made, keep_rate=0.3))
    assert report[0].startswith("5 models, 10 pairs: of 230 documents 80 have all right, 150 none")
    few = tables(tmp_path, [f"d{i}" for i in range(60, 230)])
    config = preselect_stage.PreselectConfig(**{**few, "sample": 60})
    with pytest.raises(DataError, match="order the models as the benchmarks do"):
        run(preselect_stage, config)


@pytest.mark.parametrize("stage", [correlations_stage, preselect_stage])
def test_losses_are_worked_out_by_models(tmp_path, stage):
    """Models of more and more of the easy texts, and less of the hard ones."""
    paths = []
    for m in range(4):
        some = [*texts(7, 20 + 40 * m, EASY), *texts(8, 140 - 40 * m, HARD)]
        paths.append(str(tmp_path / f"m{m}"))
        counts = ngram_model.count(pa.array(some, pa.large_string()), order=2, unit="words")
        ngram_model.estimate(counts).save(paths[-1])
    benchmarks = tmp_path / "benchmarks.jsonl"
    benchmarks.write_text("".join(json.dumps({"model": path, "sums": m}) + "\n" for m, path in enumerate(paths)))
    config = stage.STAGE.config(models=paths, benchmarks=str(benchmarks), keep_rate=0.3)
    if stage is correlations_stage:
        config = config.model_copy(update={"ratio": 0.3})
    check(stage, config)


def test_tables_that_say_too_little_are_refused(tmp_path):
    made = tables(tmp_path, ["d1", "d2"])
    with pytest.raises(UsageError, match="its benchmarks are sums, error"):
        loss_tables.scores(made["benchmarks"], ["-wiki"], MODELS)
    with pytest.raises(DataError, match="knows 2 of the models"):
        loss_tables.scores(made["benchmarks"], [], ["a", "b", "x"])
    level = tmp_path / "level.csv"
    level.write_text("model,sums\n" + "".join(f"{name},0.5\n" for name in MODELS))
    with pytest.raises(DataError, match=r"all 5 models have the score 0\.5"):
        loss_tables.scores(str(level), [], MODELS)
    with pytest.raises(ValidationError, match="either a table of --losses or"):
        preselect_stage.PreselectConfig(benchmarks=made["benchmarks"])
    (tmp_path / "hole.csv").write_text("id,a,b\nd1,1.0,\nd2,1.0,2.0\n")
    assert loss_tables.losses(str(tmp_path / "hole.csv")).keys.to_pylist() == ["d2"]
    (tmp_path / "twice.csv").write_text("id,a\nd1,1.0\nd1,2.0\n")
    with pytest.raises(DataError, match="comes twice"):
        loss_tables.losses(str(tmp_path / "twice.csv"))
    (tmp_path / "words.csv").write_text("id,a\nd1,much\n")
    with pytest.raises(DataError, match="holds string"):
        loss_tables.losses(str(tmp_path / "words.csv"))
    with pytest.raises(UsageError, match="no table that is known"):
        loss_tables.losses(__file__)


def test_names_in_tables_are_as_they_are_written(tmp_path):
    losses, turned, benchmarks = (tmp_path / f"{name}.csv" for name in ("losses", "turned", "benchmarks"))
    losses.write_text("id,0.50,0.7,1e9\n0007,1,2,3\n2024-05-06 00:00:00,4,5,6\n")
    found = loss_tables.losses(str(losses))
    assert found.keys.to_pylist() == ["0007", "2024-05-06 00:00:00"]
    turned.write_text("0007,x,model\n1,4,0.50\n2,5,0.7\n3,6,1e9\n")
    assert loss_tables.losses(str(turned)).models == found.models == ["0.50", "0.7", "1e9"]
    assert loss_tables.losses(str(turned)).values.tolist() == found.values.tolist()
    benchmarks.write_text("model,sums\n0.50,1\n0.7,2\n1e9,3\n")
    there, scores = loss_tables.scores(str(benchmarks), [], found.models)
    assert there.tolist() == [0, 1, 2] and scores.tolist() == [1, 2, 3]
    benchmarks.write_text("model,sums\n0.50,1\n0.7,2\n1e9,3\n0.7,9\n")
    with pytest.raises(DataError, match="a model comes twice"):
        loss_tables.scores(str(benchmarks), [], found.models)
