"""The functions of the scoring stages in the order in which the runtime calls them."""

import json
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from curate.algorithms import dsir as algorithm
from curate.algorithms.fasttext import NEGATIVE, POSITIVE
from curate.errors import DataError, UsageError
from curate.stage import Settled
from curate.stages import dsir, fasttext

MATHS = ["How", "many", "clips", "did", "she", "sell", "?", "48", "/", "2", "=", "24"]
NEWS = ["Oil", "prices", "rose", "on", "Monday", ",", "analysts", "said", ".", "in", "London"]


def texts(seed, number, words):
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randrange(5, 60))) for _ in range(number)]


CORPUS = [*texts(1, 40, MATHS), *texts(2, 120, NEWS), "", " \n", *texts(3, 40, MATHS + NEWS)]


def jsonl(path, values, field="text"):
    path.write_text("".join(json.dumps({field: value}) + "\n" for value in values))
    return str(path)


def shards(cuts=()):
    table = pa.table({"text": pa.array(CORPUS, pa.large_string()), "bytes": [len(text.encode()) for text in CORPUS]})
    edges = [0, *cuts, len(CORPUS)]
    return [table.slice(start, end - start) for start, end in pairwise(edges)]


def run(stage, config, cuts=(), draws=True):
    """The layer, the model, the summary and the report."""
    census, after = stage.STAGE.before[0], stage.STAGE.after
    tables = shards(cuts)
    surveys = [census.survey(table, None, config) for table in tables] if draws else []
    model = census.settle(iter(surveys), config).model
    prepared = stage.STAGE.prepare(model, config)
    layer = [stage.STAGE.apply(table, None, prepared, config) for table in tables]
    name = stage.STAGE.name
    seen = [made.append_column("bytes", table["bytes"]) for made, table in zip(layer, tables, strict=True)]
    summary = after.settle([after.survey(table, None, config) for table in seen], config).model
    made = pa.concat_tables(layer)
    assert made.schema.equals(stage.STAGE.adds(config))
    return made[name].combine_chunks(), model, summary, stage.STAGE.report(model, summary, config)


@pytest.mark.parametrize("unit", ["document", "chunk"])
@pytest.mark.parametrize("normalise", ["none", "length"])
def test_dsir_prefers_the_target_however_the_corpus_is_cut(tmp_path, unit, normalise):
    config = dsir.DsirConfig(target=[jsonl(tmp_path / "t.jsonl", texts(9, 50, MATHS))], unit=unit, normalise=normalise)
    found, model, summary, report = run(dsir, config)
    values = found.to_numpy(zero_copy_only=False)
    assert np.nanmin(values[:40]) > 0 > np.nanmax(values[40:160])
    assert np.isnan(values[160:162]).all()
    again, model_again, summary_again, _ = run(dsir, config, cuts=(0, 1, 50, 161))
    assert again.equals(found)
    assert model_again.equals(model)
    assert summary_again.select([0, 1, 2, 3]).equals(summary.select([0, 1, 2, 3]))
    target, pool = (model[column].to_numpy() for column in ("target", "pool"))
    divergence = np.sum(target * np.log((target + 1e-8) / (pool + 1e-8)))
    assert report[0] == f"KL divergence of the target from the corpus: {divergence:.3f} nats"
    assert report[1].endswith("%)")
    assert len(report) > 4


def test_dsir_takes_several_targets_and_their_fields(tmp_path):
    words = texts(9, 50, MATHS)
    whole = jsonl(tmp_path / "whole.jsonl", words)
    parts = [jsonl(tmp_path / "a.jsonl", words[:20]), jsonl(tmp_path / "b.jsonl", words[20:], "question") + "#question"]
    expected = run(dsir, dsir.DsirConfig(target=[whole]))
    assert run(dsir, dsir.DsirConfig(target=parts))[1].equals(expected[1])
    with pytest.raises(DataError, match="text"):
        run(dsir, dsir.DsirConfig(target=[str(tmp_path / "b.jsonl")]))


def test_dsir_keeps_named_targets_apart(tmp_path):
    maths, news = jsonl(tmp_path / "m.jsonl", texts(9, 50, MATHS)), jsonl(tmp_path / "n.jsonl", texts(8, 50, NEWS))
    config = dsir.DsirConfig(target=[maths, news, maths], names=["maths,news", "maths"])
    found, model, summary, report = run(dsir, config)
    assert dsir.STAGE.adds(config).names == ["dsir", "dsir_maths", "dsir_news"]
    values = found.to_numpy(zero_copy_only=False)
    assert np.nanmin(values[:160]) > 0
    assert set(summary["column"].to_pylist()) == {"dsir", "dsir_maths", "dsir_news"}
    assert [line.split(":")[0] for line in report[:4]] == ["maths", "news", "maths", "news"]
    alone = run(dsir, dsir.DsirConfig(target=[news]))[1]
    assert model["log_ratio_news"].equals(alone["log_ratio"])
    again, model_again, summary_again, _ = run(dsir, config, cuts=(0, 3, 100))
    assert again.equals(found) and model_again.equals(model)
    assert summary_again.select(["low", "documents", "column"]).equals(summary.select(["low", "documents", "column"]))


def test_dsir_weighs_by_a_saved_model_and_says_what_a_selection_gained(tmp_path):
    target = jsonl(tmp_path / "t.jsonl", texts(9, 50, MATHS))
    found, model, *_ = run(dsir, dsir.DsirConfig(target=[target], buckets=999))
    path = tmp_path / "model.parquet"
    pq.write_table(model, path)
    again, kept, _, report = run(dsir, dsir.DsirConfig(model=str(path)))
    assert again.equals(found)
    assert np.array_equal(algorithm.distribution(kept["here"].to_numpy()), model["pool"].to_numpy())
    assert report[0].endswith("KL reduction 0.000")
    chosen = shards((40,))[0]
    config = dsir.DsirConfig(model=str(path))
    fewer = dsir.settle([dsir.survey(chosen, None, config)], config).model
    line = dsir.report(fewer, dsir.settle_scores([], config).model, config)[0]
    assert float(line.split("KL reduction ")[1]) > 0.1
    with pytest.raises(UsageError, match="no target 'wiki'"):
        run(dsir, dsir.DsirConfig(model=str(path), names=["wiki"]))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"target": ["a"], "model": "b"},
        {"model": "b", "buckets": 9},
        {"model": "b", "smoothing": 1},
        {"target": ["a"], "names": ["x", "y"]},
        {"target": ["a"], "names": ["X"]},
    ],
)
def test_dsir_options_that_do_not_go_together(given):
    with pytest.raises(ValidationError):
        dsir.DsirConfig(**given)


def test_dsir_reads_a_target_as_ingest_reads_a_corpus(tmp_path):
    composed, decomposed = ("Ünï cödé " * 9).strip(), ("U\u0308ni\u0308 co\u0308de\u0301 " * 9).strip()
    models = [
        run(dsir, dsir.DsirConfig(target=[jsonl(tmp_path / f"{i}.jsonl", [text])]))[1]
        for i, text in enumerate((composed, decomposed))
    ]
    assert models[0].equals(models[1])


def test_dsir_of_a_target_without_words(tmp_path):
    with pytest.raises(DataError, match="no text there has a word"):
        run(dsir, dsir.DsirConfig(target=[jsonl(tmp_path / "t.jsonl", ["", "\n"])], smoothing=1.0))
    with pytest.raises(UsageError, match="absent"):
        run(dsir, dsir.DsirConfig(target=[str(tmp_path / "absent.jsonl")]))


def documents(cuts=()):
    """The corpus as the runtime gives it, with columns to choose and to group by."""
    table = pa.table(
        {
            "shard": pa.array(np.zeros(len(CORPUS)), pa.int32()),
            "row": np.arange(len(CORPUS)),
            "id": [f"d{i}" for i in range(len(CORPUS))],
            "text": pa.array(CORPUS, pa.large_string()),
            "bytes": [len(text.encode()) for text in CORPUS],
            "source": ["books" if i % 3 else "web" for i in range(len(CORPUS))],
            "url": [f"http://{'maths' if i < 40 else 'www.news'}.org/{i}" for i in range(len(CORPUS))],
            "grade": [str(i % 2 + 3) if i < 40 else "1" for i in range(len(CORPUS))],
        }
    )
    edges = [0, *cuts, len(CORPUS)]
    made = [table.slice(start, end - start) for start, end in pairwise(edges)]
    places = [(pa.array(np.full(len(t), i), pa.int32()), pa.array(np.arange(len(t)))) for i, t in enumerate(made)]
    return [
        t.set_column(0, "shard", shard).set_column(1, "row", row) for t, (shard, row) in zip(made, places, strict=True)
    ]


def mine(settled, shard):
    if settled.rows is None:
        return None
    table = pa.concat_tables(settled.rows)
    return table.filter(pa.array(table["shard"].to_numpy() == shard)).drop_columns(["shard"]).sort_by("row")


def classify(cuts=(), **options):
    """The layer, the model, the summary and the report."""
    config = fasttext.FasttextConfig(**options)
    stage, tables, model, settled = fasttext.STAGE, documents(cuts), None, Settled(None)
    for census in stage.before:
        surveys = []
        for number, table in enumerate(tables if census.sample(config) is None else []):
            chosen = mine(settled, number)
            only = table.take(chosen["row"]) if census.only_mine else table
            only = only.select(["shard", "row", *census.needs(config)])
            surveys.append(census.survey(only, chosen, *([model] if census.given else []), config))
        settled = census.settle(surveys, config)
        settled = Settled(settled.model, None if settled.rows is None else list(settled.rows))
        model = model if settled.model is None else settled.model
    prepared = stage.prepare(model, config)
    made = [
        stage.apply(t.select([*stage.needs(config)]), mine(settled, i), prepared, config).table
        for i, t in enumerate(tables)
    ]
    seen = [
        pa.table({"fasttext": m["fasttext"], **{name: t[name] for name in stage.after.needs(config)}})
        for m, t in zip(made, tables, strict=True)
    ]
    summary = stage.after.settle([stage.after.survey(table, None, config) for table in seen], config).model
    layer = pa.concat_tables(made).combine_chunks()
    assert layer.schema.equals(stage.adds(config))
    return layer, model, summary, stage.report(model, summary, config)


def right(layer):
    values = layer["fasttext"].to_numpy(zero_copy_only=False)
    assert np.nanmin(values[:40]) > np.nanmax(values[40:160])
    assert np.isnan(values[160:162]).all()
    return values


KINDS = ["corpus", "file", "rule", "rules"]


@pytest.mark.parametrize("kind", KINDS)
def test_fasttext_prefers_the_positives_however_the_corpus_is_cut(tmp_path, kind):
    positive = jsonl(tmp_path / "p.jsonl", texts(9, 100, MATHS))
    file = jsonl(tmp_path / "n.jsonl", texts(8, 100, NEWS))
    rule, other = "url like '%maths%'", "url like '%news%'"
    options = {
        "corpus": {"positive": [positive]},
        "file": {"positive": [positive], "negative": [file]},
        "rule": {"positive": [rule], "folds": 2},
        "rules": {"positive": [rule], "negative": [other, file]},
    }[kind]
    layer, model, summary, report = classify(**options, epochs=25, calibrate=True)
    right(layer)
    assert layer["fasttext_label"].to_pylist()[40:41] == ["negative"]
    calibrated = layer["fasttext_calibrated"].to_numpy(zero_copy_only=False)
    order = np.argsort(layer["fasttext"].to_numpy(zero_copy_only=False)[:160])
    assert (np.diff(calibrated[:160][order]) >= 0).all()
    again, model_again, summary_again, _ = classify((0, 3, 100), **options, epochs=25, calibrate=True)
    assert again.equals(layer)
    assert model_again.equals(model)
    assert summary_again.equals(summary)
    assert ("in 2 folds: AUC" if kind == "rule" else "held out: AUC") in report[0]
    assert report[-1].startswith("no score")


def test_fasttext_ranks_within_groups():
    options = {"labels": "source", "label": ["web"], "epochs": 5}
    plain, *_ = classify(**options)
    layer, _, _, report = classify(**options, by="domain")
    assert layer.select([0, 1]).equals(plain)
    values, places = (layer[name].to_numpy(zero_copy_only=False) for name in ("fasttext", "fasttext_quantile"))
    assert np.isnan(places[160:162]).all()
    rest = np.setdiff1d(np.arange(40, len(CORPUS)), [160, 161])
    for some in (np.arange(40), rest):  # those of maths.org are fewer than 100, and so by themselves
        assert sorted(places[some]) == pytest.approx(np.arange(1, len(some) + 1) / len(some))
        assert (np.diff(values[some][np.argsort(places[some])]) >= 0).all()
    assert any(line.startswith("news.org") and "best 50% >=" in line for line in report)


def test_fasttext_of_the_values_of_a_column():
    layer, model, _, report = classify(labels="grade", score="mean", epochs=40)
    assert model["names"].to_pylist()[0] == ["__label__1", "__label__3", "__label__4"]
    right(layer)
    assert layer["fasttext"].to_numpy(zero_copy_only=False)[:40].mean() == pytest.approx(3.5, abs=0.5)
    assert set(layer["fasttext_label"].to_pylist()) <= {"1", "3", "4", None}
    top, *_ = classify(labels="grade", score="top", epochs=40)
    assert top["fasttext_label"].equals(layer["fasttext_label"])
    assert "1, " not in report[0]
    with pytest.raises(DataError, match=r"0 negative texts"):
        classify(positive=["id != ''"])


def test_fasttext_with_somebodys_model(tmp_path):
    positive, negative = (jsonl(tmp_path / f"{i}.jsonl", texts(i, 100, words)) for i, words in enumerate((MATHS, NEWS)))
    found, model, *_ = classify(positive=[positive], negative=[negative], epochs=25)
    path = str(tmp_path / "model.bin")
    (tmp_path / "model.bin").write_bytes(b"".join(model["bin"].to_pylist()))
    again, model, _, report = classify(model=path, text_as="tokens")
    assert again.equals(found)
    assert model.num_rows == 0
    assert "AUC" not in report[0]
    opposite, *_ = classify(model=path, label=[NEGATIVE], text_as="tokens")
    both = np.add(*(layer["fasttext"].to_numpy(zero_copy_only=False) for layer in (found, opposite)))
    assert np.nanmax(np.abs(both - 1)) < 1e-4
    lines, *_ = classify(model=path, label=[POSITIVE])
    assert not lines.equals(found)
    with pytest.raises(UsageError, match="no label __label__x"):
        classify(model=path, label=["__label__x"])
    measured, _, _, report = classify(
        model=path, text_as="tokens", positive=[positive], negative=[negative, "grade = '1'"], calibrate=True
    )
    assert measured["fasttext"].equals(found["fasttext"])
    assert measured["fasttext_calibrated"].null_count == found["fasttext"].null_count
    assert "negative: AUC" in report[0]
    assert "trained" not in report[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--positive"),
        ({"positive": ["a"], "negative": []}, "--negative"),
        ({"positive": ["a"], "label": ["x"]}, "--label"),
        ({"positive": ["a"], "folds": 1}, "--folds"),
        ({"model": "b", "folds": 5}, "--folds"),
        ({"model": "b", "labels": "c"}, "--labels"),
        ({"model": "b", "calibrate": True}, "--calibrate"),
        ({"labels": "c"}, "--label which"),
        ({"model": "b", "sample": 0}, "greater than or equal to 1"),
    ],
)
def test_options_of_fasttext_that_do_not_go_together(options, message):
    with pytest.raises(ValidationError, match=message):
        fasttext.FasttextConfig(**options)


def test_a_rule_of_fasttext_that_is_neither_file_nor_condition():
    with pytest.raises(UsageError, match="--positive 'no such thing'"):
        fasttext.needs_choice(fasttext.FasttextConfig(positive=["no such thing"]))
    with pytest.raises(UsageError, match=r"absent\.jsonl"):
        fasttext.needs_choice(fasttext.FasttextConfig(positive=["absent.jsonl#a"], negative=["some/*.txt"]))
