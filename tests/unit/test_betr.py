"""Benchmark-targeted ranking against its plain twin, and the stage's functions as the runtime calls them."""

import json
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import betr, distilled
from curate.errors import DataError
from curate.kernels import arrow
from curate.stages.betr import STAGE, BetrConfig
from tests.naive import betr as naive

MATHS = ["how", "many", "clips", "did", "she", "sell", "half", "48", "=", "24", "sum"]
NEWS = ["oil", "prices", "rose", "on", "monday", "analysts", "said", "london", "bank", "shares"]


def units(seed, count, width=8):
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1)[:, None]


@pytest.mark.parametrize("combine", ["best", "reciprocal", "logarithm"])
def test_ranks_are_those_of_the_plain_twin(combine):
    examples, documents = units(1, 9), units(2, 70)
    documents[40] = documents[3]
    column = pa.chunked_array([arrow.vector_array(examples)])
    found = betr.ranked(column, documents, combine)
    assert found.scores == pytest.approx(naive.scores(examples.tolist(), documents.tolist(), combine), rel=1e-12)
    assert found.nearest == pytest.approx((documents @ examples.T).max(axis=1), abs=1e-5)


def surveyed(rows):
    ties = np.random.default_rng(0).permutation(len(rows)).astype(np.uint64)
    columns = {"shard": pa.array([0] * len(rows), pa.int32()), "row": pa.array(range(len(rows)), pa.int64())}
    return pa.table({**columns, "vector": arrow.vector_array(rows), "tie": ties})


def test_the_best_of_the_sample_and_as_many_others_are_learnt_from():
    documents, examples = units(3, 300), units(4, 5)
    table = surveyed(documents)
    model, rows = betr.learned(
        [table.slice(0, 7), table.slice(7)], pa.table({"vector": arrow.vector_array(examples)}), 0.1, "best"
    )
    wanted = rows.filter(rows["positive"])["row"].to_pylist()
    others = rows.filter(pa.array([not kind for kind in rows["positive"].to_pylist()]))["row"].to_pylist()
    ranks = np.array(naive.scores(examples.tolist(), documents.tolist(), "best"))
    assert len(wanted) == len(others) == 30 and not set(wanted) & set(others)
    assert ranks[wanted].min() >= np.delete(ranks, wanted).max()
    assert model.to_pylist()[0]["last"] == ranks[wanted].min()
    assert "go down to rank 6," in betr.lines(model, "best")[0]
    with pytest.raises(DataError, match=r"the best 1.0% of 300 documents .* are 3,"):
        betr.learned([table], pa.table({"vector": arrow.vector_array(examples)}), 0.01, "best")


def texts(seed, count, words):
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randrange(8, 40))) for _ in range(count)]


def vectors_of(table):
    """How often each word comes; none without any."""
    words = MATHS + NEWS
    rows = np.array([[text.split().count(word) for word in words] for text in table["text"].to_pylist()], np.float32)
    return arrow.vector_array(rows.reshape(-1, len(words)), rows.sum(axis=1) > 0)


def run(tmp_path, cuts=(), **options):
    """The layer, the model and the configuration, of 60 documents of sums among 240."""
    path = tmp_path / "target.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts(9, 30, MATHS)))
    config = BetrConfig(**{"target": [str(path)], "sample": 1000, "top": 0.2, "keep_rate": 0.25, **options})
    corpus = [*texts(1, 60, MATHS), *texts(2, 178, NEWS), "", "?"]
    table = pa.table({"id": [f"d{i}" for i in range(240)], "text": pa.array(corpus, pa.large_string())})
    table = table.append_column("embed", vectors_of(table))
    shards = []
    for number, (start, end) in enumerate(pairwise([0, *cuts, 240])):
        piece = table.slice(start, end - start)
        piece = piece.append_column("shard", pa.array([number] * len(piece), pa.int32()))
        shards.append(piece.append_column("row", pa.array(range(len(piece)), pa.int64())))
    first, second, third, fourth = STAGE.before
    examples = first.settle(lambda given: pa.table({"embed": vectors_of(given)}), config).model
    ranked = second.settle([second.survey(shard, None, config) for shard in shards], examples, config)
    chosen = pa.concat_tables(ranked.rows)
    learnt = []
    for number, shard in enumerate(shards):
        mine = chosen.filter(pa.array(arrow.numbers(chosen["shard"]) == number)).sort_by("row")
        learnt.append(third.survey(shard.take(mine["row"]), mine, config))
    model = third.settle(learnt, ranked.model, config).model
    rows = pa.concat_tables(fourth.settle([fourth.survey(s, None, model, config) for s in shards], config).rows)
    made = []
    for number, shard in enumerate(shards):
        mine = rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).drop_columns(["shard"])
        made.append(STAGE.apply(shard, mine, model, config).table)
        assert made[-1].schema == STAGE.adds(config)
    return pa.concat_tables(made), model, config


def test_the_stage_finds_the_targets_kind_however_the_corpus_is_cut(tmp_path):
    found, model, config = run(tmp_path)
    columns = found.to_pydict()
    assert columns["betr"][238] is None and columns["betr_keep"][238] is False
    assert sum(columns["betr_keep"]) == int(0.25 * 239)
    assert sum(columns["betr_keep"][:60]) >= 58
    again = run(tmp_path, (0, 1, 130))
    assert again[0].equals(found) and again[1].equals(model)
    fewer = BetrConfig(**{**config.model_dump(), "keep_rate": 0.1})
    decided = STAGE.again(found, fewer).table
    assert decided.drop_columns(["betr_keep"]).equals(found.drop_columns(["betr_keep"]))
    assert decided["betr_keep"].to_pylist().count(True) == 23
    seen = pa.table({"betr": found["betr"], "bytes": [5] * 240})
    summary = STAGE.after.settle([STAGE.after.survey(seen, None, config)], config).model
    report = STAGE.report(model, summary, config)
    assert report[0].startswith("30 examples ranked 238 documents: the best go down to rank ")
    assert report[1].startswith("trained on ")


def test_few_examples_are_read_more_often():
    assert [distilled.epochs(count) for count in (40, 4_000, 10_000, 100_000)] == [25, 25, 10, 5]
