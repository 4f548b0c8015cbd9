"""`curate quality-report`: distributions, thresholds, who loses, and what people see of them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import quality
from tests import material, running
from tests.running import command

NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-5, 5), st.just(float("nan")))


def found(scores, tokens=None, codes=None, values=("a", "b", "c")):
    sizes = np.arange(1, len(scores) + 1) if tokens is None else np.array(tokens)
    given = np.arange(len(scores)) % len(values) if codes is None else codes
    groups = [quality.Groups("source", list(values), np.array(given, dtype=np.int32))]
    return quality.scored(np.array(scores, dtype=np.float64), sizes.astype(np.int64), groups)


@settings(deadline=None, max_examples=60)
@given(st.lists(NUMBERS, min_size=1, max_size=40), st.floats(0.001, 1), st.booleans())
def test_a_rate_keeps_as_many_as_it_says_and_those_equal_to_the_last(scores, rate, small):
    there = sorted((score for score in scores if not math.isnan(score)), reverse=not small)
    if not there:
        return
    documents = found(scores)
    threshold = quality.threshold_of_rate(documents.scores, rate, small)
    wanted = max(1, math.ceil(rate * len(there) - 1e-9))
    assert threshold == there[wanted - 1]
    kept = quality.kept(documents, threshold, small)
    assert kept["documents"] == sum(score <= threshold if small else score >= threshold for score in there) >= wanted


@settings(deadline=None, max_examples=60)
@given(st.lists(NUMBERS, min_size=1, max_size=40), st.integers(1, 500), st.booleans())
def test_a_budget_takes_the_strictest_threshold_that_fills_it(scores, wanted, small):
    documents = found(scores)
    threshold = quality.threshold_of_tokens(documents, wanted, small)
    candidates = [
        value for value in documents.scores if quality.kept(documents, float(value), small)["tokens"] >= wanted
    ]
    if not candidates:
        assert threshold is None
        return
    assert threshold == (min(candidates) if small else max(candidates))


def test_distributions_are_of_those_that_have_a_score():
    documents = found([1, 2, 3, math.nan, 5], tokens=[10, 20, 30, 40, 50], codes=[0, 0, 1, 1, -1])
    rows = quality.distributions(documents, documents.groups[0])
    assert [(row["value"], row["documents"], row["tokens"], row["mean"]) for row in rows] == [
        ("a", 2, 30, 1.5),
        ("b", 1, 30, 3.0),
    ]
    everything = quality.distribution(documents.scores, documents.tokens)
    assert everything["documents"] == 4 and everything["50%"] == 2 and everything["95%"] == 5
    assert quality.distribution(documents.scores[:0], documents.tokens[:0])["mean"] is None


def test_who_loses():
    """Of 100 documents half are kept: 48 of 50, 2 of 20 (10 %: told), 0 of 30 (told), and 0 of 9 (too few to tell)."""
    codes = np.repeat([0, 1, 2, 3], [50, 20, 30, 9])
    scores = np.concatenate([np.ones(48), [0, 0], np.ones(2), np.zeros(18), np.zeros(30), np.zeros(9)])
    documents = found(scores, codes=codes, values=("most", "few", "none", "small"))
    kept = quality.kept(documents, 1.0, False)
    assert kept["documents"] == 50
    assert [(row["value"], row["rate"], row["documents"]) for row in kept["losing"]] == [
        ("none", 0.0, 30),
        ("few", 0.1, 20),
    ]


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    """Sums and prose, scored for likeness to sums."""
    root = tmp_path_factory.mktemp("quality")
    sums = [f"What is {i} plus {i + 3}? The sum of {i} and {i + 3} is {2 * i + 3}." for i in range(60)]
    prose = [f"The old man went down to the sea in ships that day, {i} times." for i in range(40)]
    material.write_records(root / "raw/sums.jsonl", sums[:40], source="sums")
    material.write_records(root / "raw/prose.jsonl", prose, source="prose")
    material.write_records(root / "target.jsonl", sums[40:], source="target")
    path = root / "pool"
    running.step("ingest", {"sources": [str(root / "raw")]}, to=str(path))
    running.step("dsir", {"target": [str(root / "target.jsonl")]}, corpus=str(path))
    return path


def test_what_people_read(pool):
    done = command("quality-report", pool, "--keep-rates", "50%", "--tokens", "500")
    assert done.returncode == 0, done.stderr
    assert "dsir (large is good): 80 of 80 documents have it" in done.stdout
    lines = {line.split("  ")[0].strip(): line for line in done.stdout.splitlines()}
    assert lines["source sums"].split()[2] == "40"
    assert lines["50%"].split()[2] == "40" and lines["50%"].endswith("source prose")
    assert 'for 500 tokens: --where "dsir >= ' in done.stdout
    assert "warning: it keeps 0.0% of 40 documents of source prose" in done.stdout


def test_what_programs_read(pool):
    done = command("quality-report", pool, "--scores", "-dsir,bytes", "--keep-rates", "0.5", "--tokens", "1T", "--json")
    report = json.loads(done.stdout)
    small, size = report["scores"]
    assert small["good"] == "small" and small["thresholds"][0]["losing"][0]["value"] == "sums"
    assert size["score"] == "bytes" and size["suggested"] is None
    assert {row["value"] for row in small["by"]["source"]} == {"sums", "prose"}


def test_little_is_good_of_costs_and_places(pool):
    running.step("perplexity", {"order": 2}, corpus=str(pool), as_="cost")
    running.step("combine", {"scores": ["dsir"]}, corpus=str(pool))
    running.step("fasttext", {"positive": ["source = 'sums'"], "by": "source"}, corpus=str(pool))
    report = json.loads(command("quality-report", pool, "--json").stdout)
    assert {row["score"] for row in report["scores"] if row["good"] == "small"} == {
        "cost",
        "cost_quantile",
        "cost_rank",
        "combine_quantile",
    }
    assert {row["score"] for row in report["scores"]} >= {"dsir", "combine", "cost_weight", "fasttext_quantile"}


def test_only_the_documents_that_are_asked_for(pool):
    report = json.loads(command("quality-report", pool, "--where", "source = 'sums'", "--json").stdout)
    assert report["documents"] == 40 and report["scores"][0]["all"]["documents"] == 40


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--scores", "text"), "--scores text: large_string is no number"),
        (("--scores", "nothing"), "no column 'nothing'"),
        (("--keep-rates", "2"), "--keep-rates '2'"),
        (("--tokens", "many"), "--tokens 'many'"),
    ],
)
def test_clear_errors(pool, options, said):
    done = command("quality-report", pool, *options)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_vectors_part_no_documents(pool):
    running.step("embed", {"dimensions": 8}, corpus=str(pool))
    done = command("quality-report", pool, "--by", "embed")
    assert done.returncode == 2 and "--by embed: documents cannot be parted by" in done.stderr


def test_a_corpus_without_scores(tmp_path):
    material.write_records(tmp_path / "raw/a.jsonl", ["some text"], source="a")
    running.step("ingest", {"sources": [str(tmp_path / "raw")]}, to=str(tmp_path / "pool"))
    done = command("quality-report", tmp_path / "pool")
    assert done.returncode == 2 and "no scores" in done.stderr
