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


@pytest.mark.parametrize("negative", ["corpus", "file"])
def test_fasttext_prefers_the_positives_however_the_corpus_is_cut(tmp_path, negative):
    positive = jsonl(tmp_path / "p.jsonl", texts(9, 100, MATHS))
    file = jsonl(tmp_path / "n.jsonl", texts(8, 100, NEWS))
    config = fasttext.FasttextConfig(
        positive=[positive], negative=[negative if negative == "corpus" else file], epochs=25
    )
    draws = fasttext.sample(config) != 0
    assert draws == (negative == "corpus")
    found, model, summary, report = run(fasttext, config, draws=draws)
    values = found.to_numpy(zero_copy_only=False)
    assert np.nanmin(values[:40]) > np.nanmax(values[40:160])
    assert np.isnan(values[160:162]).all()
    again, model_again, summary_again, _ = run(fasttext, config, cuts=(0, 3, 100), draws=draws)
    assert again.equals(found)
    assert model_again.equals(model)
    assert summary_again.select([0, 1, 2, 3]).equals(summary.select([0, 1, 2, 3]))
    assert "held out: AUC" in report[0]
    assert report[-1].startswith("no score")


def test_fasttext_with_somebodys_model(tmp_path):
    positive, negative = (jsonl(tmp_path / f"{i}.jsonl", texts(i, 100, words)) for i, words in enumerate((MATHS, NEWS)))
    trained = fasttext.FasttextConfig(positive=[positive], negative=[negative], epochs=25)
    found, model, *_ = run(fasttext, trained, draws=False)
    path = tmp_path / "model.bin"
    path.write_bytes(b"".join(model["bin"].to_pylist()))
    loaded = fasttext.FasttextConfig(model=str(path), text_as="tokens")
    assert fasttext.sample(loaded) == 0
    again, model, _, report = run(fasttext, loaded, draws=False)
    assert again.equals(found)
    assert model["bin"].null_count == 1
    assert "AUC" not in report[0]
    opposite, *_ = run(
        fasttext, fasttext.FasttextConfig(model=str(path), label=NEGATIVE, text_as="tokens"), draws=False
    )
    both = np.add(*(values.to_numpy(zero_copy_only=False) for values in (found, opposite)))
    assert np.nanmax(np.abs(both - 1)) < 1e-4
    lines, *_ = run(fasttext, fasttext.FasttextConfig(model=str(path), label=POSITIVE), draws=False)
    assert not lines.equals(found)
    with pytest.raises(UsageError, match="no label __label__x"):
        run(fasttext, fasttext.FasttextConfig(model=str(path), label="__label__x"), draws=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--positive"),
        ({"positive": ["a"], "model": "b"}, "not both"),
        ({"positive": ["a"], "negative": []}, "--negative"),
        ({"positive": ["a"], "label": "x"}, "--label"),
        ({"model": "b", "sample": 0}, "greater than or equal to 1"),
    ],
)
def test_options_of_fasttext_that_do_not_go_together(options, message):
    with pytest.raises(ValidationError, match=message):
        fasttext.FasttextConfig(**options)
