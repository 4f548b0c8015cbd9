"""`combine`: weighted scores, votes, rules, and weights that are searched for."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
import yaml
from scipy.stats import rankdata, spearmanr

import curate
from curate.algorithms import combine, combine_search, combine_votes, where
from curate.errors import DataError, UsageError
from tests import running
from tests.running import ROOT, command

NAN = float("nan")


def gneissweb(row):
    """Section 7.3 of the design in plain words: tokens a character where the column is characters a token."""
    liked = row["dclm"] > 0.002 or row["cosmo"] > 0.03
    known = any(row[name] > 0.5 for name in ("science", "technology", "medical", "education"))
    tokens = 1 / row["rules_characters_per_token"]
    readable = row["rules_eflaw"] < (70 if known else 30)
    ordinary = 0.1 <= tokens <= 0.5 if known else 0.22 <= tokens <= 0.28
    return liked and (readable or ordinary)


def test_gneissweb_is_its_truth_table():
    steps = yaml.safe_load((ROOT / "configs/gneissweb.yaml").read_text())["steps"]
    (rule,) = [step["combine"]["rule"] for step in steps if "combine" in step]
    values = {
        "dclm": (0.001, 0.01),
        "cosmo": (0.01, 0.2),
        "science": (0.1, 0.9),
        "technology": (0.1, 0.9),
        "medical": (0.1, 0.9),
        "education": (0.1, 0.9),
        "rules_eflaw": (20.0, 50.0, 90.0),
        "rules_characters_per_token": (1.5, 3.0, 4.0, 12.0),
    }
    rows = [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]
    kept, unknown = where.mask(pa.Table.from_pylist(rows), rule)
    assert not unknown.any()
    assert kept.tolist() == [gneissweb(row) for row in rows]
    assert 0 < kept.sum() < len(rows)


def test_ranks_and_standard_scores():
    values = np.array([[1.0, 5.0], [3.0, 5.0], [3.0, NAN], [9.0, 5.0]])
    ranks = combine.standardised(values, "ranks")
    assert ranks[:, 0].tolist() == [0.125, 0.5, 0.5, 0.875]
    assert np.isnan(ranks[2, 1]) and ranks[0, 1] == 0.5
    scores = combine.standardised(values, "z")
    assert np.allclose(scores[:, 0], (values[:, 0] - 4) / values[:, 0].std())
    assert scores[[0, 1, 3], 1].tolist() == [0, 0, 0]
    assert np.allclose(combine.standardised(values * 1e300, "z"), scores, equal_nan=True)
    with pytest.raises(DataError, match="infinite numbers; give --method ranks"):
        combine.standardised(np.array([[1.0], [np.inf]]), "z")


def test_a_document_is_judged_by_what_it_has():
    found = combine.combined(np.array([[0.2, 0.8], [0.2, NAN], [NAN, NAN]]), np.array([1.0, 3.0]))
    assert found[:2].tolist() == pytest.approx([0.65, 0.2])
    assert np.isnan(found[2])


def test_correlations_are_scipys():
    values = np.random.default_rng(3).integers(0, 6, (80, 3)).astype(float)
    values[:30, 0] = NAN
    values[50:, 1] = NAN
    found = combine.correlations(values)
    for i, j in itertools.combinations(range(3), 2):
        both = ~np.isnan(values[:, [i, j]]).any(axis=1)
        assert found[i, j] == pytest.approx(spearmanr(values[both, i], values[both, j]).statistic)
    assert np.isnan(combine.correlations(np.column_stack([np.ones(5), np.arange(5.0)]))[0, 1])


def test_judges_are_known_by_how_they_agree():
    """Five judges of known error rates: these are found, and the verdict beats that of the majority."""
    random = np.random.default_rng(5)
    good = random.random(20_000) < 0.3
    right_good, right_bad = np.array([0.95, 0.9, 0.6, 0.55, 0.7]), np.array([0.9, 0.95, 0.6, 0.7, 0.55])
    agree = random.random((len(good), 5)) < np.where(good[:, None], right_good, right_bad)
    votes = np.where(agree, good[:, None], ~good[:, None]).astype(float)
    votes[random.random(votes.shape) < 0.2] = NAN
    voters, found = combine_votes.learned(votes)
    assert voters.good == pytest.approx(0.3, abs=0.02)
    assert np.allclose(voters.right_good, right_good, atol=0.03) and np.allclose(voters.right_bad, right_bad, atol=0.03)
    heard = ~np.isnan(found)
    assert heard.tolist() == (~np.isnan(votes)).any(axis=1).tolist()
    majority = np.nanmean(votes[heard], axis=1) > 0.5
    right = [((verdict == good[heard]).mean()) for verdict in (found[heard] > 0.5, majority)]
    assert right[0] > right[1] + 0.05
    told = found[heard]
    assert good[heard][told > 0.9].mean() == pytest.approx(told[told > 0.9].mean(), abs=0.03)


def test_the_search_finds_the_score_that_tells():
    """Of three scores one tells the target's language; the others are noise."""
    random = np.random.default_rng(7)
    wanted = random.random(400) < 0.3
    texts = [
        " ".join(random.choice(["two", "plus", "sum", "is", "ten"] if like else ["ship", "sea", "old", "man"], 30))
        for like in wanted
    ]
    columns = [random.random(400), wanted + 0.5 * random.random(400), random.random(400)]
    table = pa.table({"text": texts, **{str(i): column for i, column in enumerate(columns)}})
    target = pa.array(["two plus ten is ten", "sum is two plus two"] * 5, pa.large_string())
    weights, said = combine_search.searched([table], target, "ranks", 12, 1)
    assert weights.sum() == pytest.approx(1) and weights.argmax() == 1
    assert said.startswith("12 trials: the target costs ")
    again, _ = combine_search.searched([table.slice(0, 100), table.slice(100)], target, "ranks", 12, 1)
    assert again.tolist() == weights.tolist()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    root = tmp_path_factory.mktemp("combine")
    records = [{"text": f"text {i} " + "word " * (i % 7), "quality": i % 10 / 10, "bad": i} for i in range(40)]
    records[3].pop("quality")
    (root / "raw.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    options = {"sources": [str(root / "raw.jsonl")], "column": ["quality=quality:float64", "bad=bad:int64"]}
    running.step("ingest", options, to=str(root / "pool"))
    return root / "pool"


def test_a_weighted_mean_of_ranks(pool):
    running.step("combine", {"scores": ["quality=3", "-bad"], "keep_rate": 0.25}, corpus=str(pool))
    frame = curate.open(pool).table(["quality", "bad", "combine", "combine_keep", "combine_quantile"]).to_pydict()
    quality = np.array([NAN if value is None else value for value in frame["quality"]])
    there = ~np.isnan(quality)
    ranks = np.full(40, NAN)
    ranks[there] = (rankdata(quality[there]) - 0.5) / there.sum()
    others = (rankdata(-np.array(frame["bad"])) - 0.5) / 40
    assert frame["combine"] == pytest.approx(np.where(there, (3 * ranks + others) / 4, others))
    assert sum(frame["combine_keep"]) == 10
    best = np.argsort(-np.array(frame["combine"]), kind="stable")[:8]
    assert all(frame["combine_keep"][i] for i in best)


def test_rules_and_votes(pool):
    running.step("combine", {"rule": "quality > 0.5 or bad < 3"}, corpus=str(pool), as_="ruled")
    rows = curate.open(pool).table(["quality", "bad", "ruled_keep"]).to_pylist()
    assert [row["ruled_keep"] for row in rows] == [
        None if row["quality"] is None else row["quality"] > 0.5 or row["bad"] < 3 for row in rows
    ]
    running.step("combine", {"votes": ["quality > 0.4", "quality > 0.5", "bad > 20"]}, corpus=str(pool), as_="voted")
    assert curate.open(pool).table(["voted"])["voted"].null_count == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give one of --scores, --votes and --rule"),
        (("--scores", "quality", "--rule", "bad > 1"), "not scores and rule"),
        (("--scores", "quality", "--target", __file__), "two scores or more"),
        (("--votes", "bad > 1", "bad > 2"), "three or more"),
        (("--scores", "bad=-1"), "greater than 0"),
        (("--scores", "bad,-bad"), "named twice"),
        (("--scores", "text"), "is no number"),
    ],
)
def test_clear_errors(pool, options, said):
    done = command("combine", pool, *options)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_whole_numbers_may_be_large():
    table = pa.table({"a": pa.array([(1 << 62) + 1, None, 3], pa.int64())})
    assert combine.numbers(table, ["-a"])[:, 0].tolist()[::2] == [-float(1 << 62), -3.0]


def test_columns_that_hold_no_numbers_are_refused():
    with pytest.raises(UsageError, match="large_string is no number"):
        combine.numbers(pa.table({"a": pa.array(["x"], pa.large_string())}), ["a"])
