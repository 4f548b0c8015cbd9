"""GOT-D against the linear programme, the paper's example, and the stage's functions as the runtime calls them."""

import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr

from curate.algorithms import transport
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.stages.transport import STAGE, TransportConfig
from tests.naive import transport as naive


def around(random, centre, count, spread=0.2):
    rows = centre + spread * random.normal(size=(count, len(centre)))
    return (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32)


def corpus(seed=0, count=400, width=16):
    """Documents of five subjects, of unequal numbers, and target texts of two of them and one that is rare."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(5, width))
    parts = [around(random, centre, share) for centre, share in zip(centres, (150, 120, 80, 42, 8), strict=True)]
    target = np.concatenate([around(random, centres[k], share) for k, share in ((1, 20), (3, 20), (4, 21))])
    return np.concatenate(parts)[random.permutation(400)][:count], target


def model(rows, target, regularisation=0.02):
    tie = np.random.default_rng(1).integers(0, 1 << 63, len(rows)).astype(np.uint64)
    sample = pa.table({"vector": arrow.vector_array(rows), "tie": tie})
    examples = pa.table({"vector": arrow.vector_array(target)})
    return transport.learned([sample.slice(0, 7), sample.slice(7)], examples, regularisation)


def gains(rows, learned, regularisation=0.02):
    column = pa.chunked_array([arrow.vector_array(rows)])
    return transport.gains(column, learned, regularisation).to_numpy(zero_copy_only=False)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("regularisation", "near"), [(0.002, 0.03), (0.02, 0.1)])
def test_distance_and_derivatives_are_those_of_the_linear_programme(seed, regularisation, near):
    """Of 101 and 10 equal masses no part sums equal one another, so the duals are unique."""
    rows, target = corpus(seed, 101)
    target = target[::6][:10]
    costs = transport.costs(rows, target)
    distance, duals = naive.solved(costs.astype(float))
    found = transport.sinkhorn(costs, regularisation)
    assert found.error < 1e-2
    assert distance - 1e-4 <= found.distance <= distance + regularisation * np.log(len(target))
    expected = -np.array(naive.calibrated(duals))
    given = gains(rows, model(rows, target, regularisation), regularisation)
    assert np.abs(given - expected).max() < near
    assert spearmanr(given, expected).statistic > 0.98


def test_cats_and_dogs():
    """The paper's example: to a corpus of 99 % cats, a target of half dogs calls for dogs alone."""
    random = np.random.default_rng(5)
    cat, dog = random.normal(size=(2, 32))
    pool = np.concatenate([around(random, cat, 990, 0.3), around(random, dog, 10, 0.3)])
    target = np.concatenate([around(random, cat, 50, 0.3), around(random, dog, 50, 0.3)])
    found = gains(pool, model(pool, target))
    assert set(np.argsort(-found)[:10]) == set(range(990, 1000))
    assert found[990:].min() > 0.5 > 0.1 > found[:990].mean()
    nearest = (pool @ target.T).max(axis=1)
    assert not set(np.argsort(-nearest)[:10]) <= set(range(990, 1000))


def test_a_sample_finds_what_the_whole_corpus_does():
    pieces = [corpus(0)[0] + 0.05 * np.random.default_rng(i).normal(size=(400, 16)) for i in range(8)]
    rows = np.concatenate(pieces).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    target, part = corpus(0)[1], np.random.default_rng(9).permutation(len(rows))[:800]
    whole, some = gains(rows, model(rows, target)), gains(rows, model(rows[part], target))
    best = [set(np.argsort(-found)[:160]) for found in (whole, some)]
    assert len(best[0] & best[1]) > 0.93 * 160
    assert spearmanr(whole, some).statistic > 0.99


def test_weight_on_what_is_best_brings_the_corpus_nearer():
    rows, target = corpus()
    learned = model(rows, target)
    row = learned.drop_columns(["vector", "potential"]).to_pylist()[0]
    assert row["sample"] == 400 and row["error"] < 1e-3
    at = transport.KEPT.index(0.1)
    assert row["joined"][at] < 0.9 * row["distance"] < 0.95 * row["random"][at]
    assert all(near < row["distance"] for near in row["joined"])
    costs = transport.costs(rows, target)
    best = np.argsort(-gains(rows, learned))[:40]
    masses = np.where(np.isin(np.arange(400), best), 11.0, 1.0)
    again = transport.sinkhorn(costs, 0.02, masses)
    assert again.distance == pytest.approx(row["joined"][at], abs=1e-3)
    repeated = np.concatenate([costs, *[costs[best]] * 10])
    assert again.distance == pytest.approx(transport.sinkhorn(repeated, 0.02).distance, abs=1e-3)
    alone = transport.sinkhorn(costs[best], 0.02).distance
    assert alone == pytest.approx(row["best"][at], abs=1e-3)
    assert len(transport.lines(learned)) == 1 + len(transport.KEPT)
    wrong = learned.set_column(6, "error", pa.array([0.1] * len(target)))
    assert "still 10.0% off" in transport.lines(wrong)[-1]


def test_nothing_to_compare_is_said():
    rows, target = corpus()
    with pytest.raises(DataError, match="no document has a vector"):
        model(rows[:0], target)
    with pytest.raises(DataError, match="none of the 2 texts"):
        transport.embedded(lambda table: pa.table({"embed": vectors_of(table)}), pa.array(["2", "4"]), "embed")
    with pytest.raises(UsageError, match="holds double, not vectors"):
        transport.embedded(lambda table: pa.table({"dsir": [0.5]}), pa.array(["ab"]), "dsir")


def vectors_of(table):
    """One letter, one direction; none for a text without a letter."""
    kinds = [sorted(ord(c) % 8 for c in text if c.isalpha()) for text in table["text"].to_pylist()]
    rows = np.array([np.bincount(kind, minlength=8)[:8] for kind in kinds], dtype=np.float32).reshape(-1, 8)
    return arrow.vector_array(rows, rows.sum(axis=1) > 0)


def run(tmp_path, cuts=(), **options):
    path = tmp_path / "target.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("ab", "abb", "acb", "dda", "17")))
    config = TransportConfig(**{"target": [str(path)], "sample": 1000, "keep_rate": 0.25, **options})
    first, second, third = STAGE.before
    examples = first.settle(lambda table: pa.table({"embed": vectors_of(table)}), config).model
    random = np.random.default_rng(3)
    texts = ["".join(random.choice(list("abcdefgh"), size=5)) for _ in range(58)] + ["31", "?"]
    table = pa.table({"id": [f"d{i}" for i in range(60)], "text": texts})
    table = table.append_column("embed", vectors_of(table))
    shards = []
    for number, (start, end) in enumerate(pairwise([0, *cuts, 60])):
        piece = table.slice(start, end - start)
        piece = piece.append_column("shard", pa.array([number] * len(piece), pa.int32()))
        shards.append(piece.append_column("row", pa.array(range(len(piece)), pa.int64())))
    learned = second.settle([second.survey(shard, None, config) for shard in shards], examples, config).model
    rows = pa.concat_tables(third.settle([third.survey(s, None, learned, config) for s in shards], config).rows)
    made = []
    for number, shard in enumerate(shards):
        mine = rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).drop_columns(["shard"])
        made.append(STAGE.apply(shard, mine, learned, config).table)
        assert made[-1].schema == STAGE.adds(config)
    return pa.concat_tables(made), learned, config


def test_the_stage_keeps_its_rate_however_the_corpus_is_cut(tmp_path):
    found, learned, config = run(tmp_path)
    assert learned.num_rows == 4 and learned["sample"][0].as_py() == 58
    columns = found.to_pydict()
    assert [i for i, value in enumerate(columns["transport"]) if value is None] == [58, 59]
    assert sum(columns["transport_keep"]) == int(0.25 * 58)
    for score, keep, quantile in zip(*columns.values(), strict=True):
        assert keep == (score is not None and quantile <= 0.25)
    best = [score for score, keep in zip(columns["transport"], columns["transport_keep"], strict=True) if keep]
    assert min(best) >= sorted(filter(None, columns["transport"]))[-len(best)]
    again = run(tmp_path, (0, 1, 33))
    assert again[0].equals(found) and again[1].equals(learned)
    fewer = TransportConfig(**{**config.model_dump(), "keep_rate": 0.1})
    decided = STAGE.again(found, fewer).table
    assert decided.drop_columns(["transport_keep"]).equals(found.drop_columns(["transport_keep"]))
    assert decided["transport_keep"].to_pylist().count(True) == 5
    seen = pa.table({"transport": found["transport"], "bytes": [5] * 60})
    summary = STAGE.after.settle([STAGE.after.survey(seen, None, config)], config).model
    assert sum(summary["documents"].to_pylist()) == 60
    assert STAGE.report(learned, summary, config)[0].startswith("distance of 4 examples from 58 documents")
