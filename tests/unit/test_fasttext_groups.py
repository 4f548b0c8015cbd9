import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from curate.algorithms import fasttext_choice, fasttext_groups
from curate.errors import DataError, UsageError


def summary_of(scores, sizes, sources, by=None, urls=None, cuts=1):
    bins = fasttext_groups.edges(False)
    table = pa.table(
        {
            "score": pa.array(scores, pa.float32(), mask=np.isnan(scores)),
            "bytes": pa.array(sizes, pa.int64()),
            "source": pa.array(sources, pa.string()),
            "url": pa.array(urls if urls is not None else [None] * len(scores), pa.string()),
        }
    )
    pieces = [table.slice(start, len(table) // cuts + 1) for start in range(0, len(table), len(table) // cuts + 1)]
    return fasttext_groups.united([fasttext_groups.counted(piece, "score", by, bins) for piece in pieces], bins)


def test_the_host_of_a_url():
    urls = ["http://www.A.org/x", "https://b.c:80/", "//d.e", "f.g?x", None, "", "https://u:p@h.i/j@k", "mailto:x@y.z"]
    table = pa.table({"url": pa.array(urls, pa.string())})
    assert fasttext_groups.names(table, "domain").to_pylist() == [
        "a.org", "b.c", "d.e", "f.g", None, None, "h.i", "y.z",
    ]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=60), st.integers(1, 9))
def test_places_within_groups(rows, least):
    groups, values, judged = (np.array(column, dtype=kind) for column, kind in zip(
        [*zip(*rows, strict=True)] or [[], [], []], (np.uint64, np.float32, np.bool_), strict=True
    ))  # fmt: skip
    ties = np.arange(len(rows), dtype=np.uint64)[::-1].copy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasttext_groups, "LEAST_DOCUMENTS", least)
        found = fasttext_groups.within(values, groups, ties, judged)
    sizes = {group: sum(1 for g, j in zip(groups, judged, strict=True) if g == group and j) for group in set(groups)}
    for i in np.flatnonzero(judged):
        small = sizes[groups[i]] < least
        mates = [j for j in np.flatnonzero(judged) if (sizes[groups[j]] < least if small else groups[j] == groups[i])]
        below = [j for j in mates if (values[j], ties[j]) <= (values[i], ties[i])]
        assert found[i] == pytest.approx(len(below) / len(mates))


def test_counts_add_up_however_they_are_cut():
    draw = np.random.default_rng(0)
    scores = np.where(draw.random(500) < 0.1, np.nan, draw.random(500))
    given_ = scores, draw.integers(1, 5000, 500), draw.choice(["a", "b"], 500)
    urls = [f"http://h{i % 7}.org" for i in range(500)]
    whole = summary_of(*given_, by="domain", urls=urls)
    assert summary_of(*given_, by="domain", urls=urls, cuts=9).equals(whole)
    totals = whole.group_by("by").aggregate([("documents", "sum")]).to_pylist()
    assert {row["documents_sum"] for row in totals} == {500}
    assert {row["by"] for row in totals} == {"all", "source", "length", "group"}
    coarse = fasttext_groups.coarse(whole, mean=False)
    expected = np.histogram(scores[~np.isnan(scores)], np.linspace(0, 1, 21))[0]
    assert coarse["documents"].to_pylist() == [*expected[expected > 0], np.isnan(scores).sum()]


def test_ranking_by_length_is_told():
    draw = np.random.default_rng(1)
    sizes = np.exp(draw.normal(7, 1.5, 3000)).astype(int) + 1
    noise = draw.normal(0, 1, 3000)
    for weight in (0.0, 0.2, 2.0, -2.0):
        scores = 1 / (1 + np.exp(-(weight * (np.log(sizes) - 7) + noise)))
        summary = summary_of(scores, sizes, ["a"] * 3000)
        found = fasttext_groups.length_correlation(summary)
        assert found == pytest.approx(stats.spearmanr(scores, sizes).statistic, abs=0.02)
        told = [line for line in fasttext_groups.warnings(summary, None) if "rank by length" in line]
        assert len(told) == (abs(weight) == 2)


def test_ranking_by_source_is_told():
    draw = np.random.default_rng(2)
    sources = draw.integers(0, 4, 2000)
    for weight, strong in ((0.0, False), (4.0, True)):
        scores = 1 / (1 + np.exp(-(weight * sources - 6 + draw.normal(0, 1, 2000))))
        ranks = stats.rankdata(scores)
        expected = sum(
            np.sum(sources == s) * (ranks[sources == s].mean() - ranks.mean()) ** 2 for s in range(4)
        ) / np.sum((ranks - ranks.mean()) ** 2)
        summary = summary_of(scores, np.full(2000, 99), sources.astype(str))
        assert fasttext_groups.explained(summary, "source") == pytest.approx(expected, abs=0.02)
        assert any("rank by source" in line for line in fasttext_groups.warnings(summary, None)) == strong


def test_constant_scores_are_told_and_refused():
    scores = np.concatenate([np.full(1500, 0.00001), np.linspace(0, 1, 200)])
    summary = summary_of(scores, np.full(1700, 5), ["flat"] * 1500 + ["varied"] * 200)
    assert fasttext_groups.constant_groups(summary, "source") == ["flat"]
    assert "constant scores in 1 sources: flat" in fasttext_groups.warnings(summary, None)[0]
    fasttext_groups.check(summary, 0.9)
    with pytest.raises(DataError, match=r"88\.\d% of the documents score between 0 and 1"):
        fasttext_groups.check(summary, 0.5)
    empty = summary_of(np.full(3, np.nan), np.ones(3), ["a"] * 3)
    fasttext_groups.check(empty, 0.0)
    assert fasttext_groups.lines(empty, None, False)[-1].startswith("no score")


def pool(count):
    return pa.table(
        {
            "shard": pa.array(np.zeros(count), pa.int32()),
            "row": np.arange(count),
            "id": [f"d{i}" for i in range(count)],
            "number": np.arange(count),
            "kind": pa.array([[None, "a", "b", "c d"][i % 4] for i in range(count)]),
        }
    )


def test_rules_choose_and_of_too_many_the_same_ones_however_cut():
    table = pool(500)
    found = fasttext_choice.candidates(table, ["number < 50"], ["corpus"], None, 30, 0)
    assert found["kind"].to_pylist().count(1) == found["kind"].to_pylist().count(0) == 30
    assert all((row["row"] < 50) == (row["kind"] == 1) for row in found.to_pylist())
    parts = [table.slice(0, 20), table.slice(20, 300), table.slice(320)]
    pieces = [fasttext_choice.candidates(part, ["number < 50"], ["corpus"], None, 30, 0) for part in parts]
    expected = fasttext_choice.settled([found], 30)
    assert fasttext_choice.settled(pieces, 30).equals(expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fasttext_choice, "_HELD", 5)
        assert fasttext_choice.settled(pieces, 30).equals(expected)
    other = fasttext_choice.candidates(table, ["number < 50"], ["corpus"], None, 30, 1)
    assert not other.equals(found)


def test_values_of_a_column_choose():
    found = fasttext_choice.candidates(pool(400), [], [], "kind", 7, 0)
    assert sorted(np.bincount(np.array(found["row"]) % 4)) == [0, 7, 7, 7]
    assert fasttext_choice.candidates(pool(0), [], [], "kind", 7, 0).num_rows == 0


def test_files_and_rules_are_told_apart(tmp_path):
    (tmp_path / "plain").write_text("x")
    files = [
        str(tmp_path / "plain"),
        f"{tmp_path}/plain#question",
        "a.jsonl",
        "data/*.parquet",
        "a.jsonl#b+c",
        str(tmp_path),
    ]
    rules = ["url like '%.org%'", "score > 0.5", "keep", "source = 'a/b.txt'", "NOT keep"]
    assert fasttext_choice.rules([*files, "corpus", *rules]) == rules
    assert fasttext_choice.columns([*files, *rules], "positive") == ["url", "score", "keep", "source"]
    with pytest.raises(UsageError, match="no file there, and no condition"):
        fasttext_choice.columns(["max(score) > 1"], "negative")
