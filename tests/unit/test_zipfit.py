"""Alignment by compression, against the formula, and the stage's functions as the runtime calls them."""

import json
import random
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pydantic import ValidationError

from curate.algorithms import examples, ranking, zipfit
from curate.errors import DataError
from curate.kernels import arrow
from curate.stages.zipfit import STAGE, ZipfitConfig
from tests.naive import zipfit as naive

WORDS = {
    "maths": "How many clips did Natalia sell if she sold half as many in May as in April 48 24 72 altogether",
    "news": "Oil prices rose on Monday after analysts in London said that shares of the company were falling",
}


def sentences(seed, number, kind, most=60):
    draw = random.Random(seed)
    words = WORDS[kind].split()
    return [" ".join(words[draw.randrange(len(words)) :] * 2)[: draw.randrange(20, 20 * most)] for _ in range(number)]


TARGET = sentences(1, 12, "maths")
POOL = [*sentences(2, 30, "maths"), *sentences(3, 60, "news"), "", "x", "é" * 900]


def array(texts):
    return pa.array(texts, pa.large_string())


def zstd_size(window):
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, source_size=2 * window, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
    )
    return lambda text: len(zstandard.ZstdCompressor(compression_params=parameters).compress(text))


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("window", [64, 300, 2048])
def test_alignments_equal_the_formula(gzip, window, monkeypatch):
    monkeypatch.setattr(zipfit, "_PAIRS_BYTES", 14 * window)  # seven pairs at a time
    compressor = zipfit.Compressor(gzip, window)
    known = zipfit.beginnings(examples.drawn([array(TARGET)], 5, 0), window, compressor)
    size = naive.size if gzip else zstd_size(window)
    given = [value.as_py() for value in known["example"]]
    assert len(set(given)) == 5 and {text.encode()[:window] for text in TARGET} >= set(given)
    assert known["compressed"].to_pylist() == [size(text) for text in given]
    expected = [naive.alignment(text.encode()[:window], given, size) for text in POOL if text]
    texts = pa.chunked_array([array(["out"]), array(POOL)]).slice(1)
    found = zipfit.alignments(texts, known, window, compressor).to_pylist()
    assert [value is None for value in found] == [not text for text in POOL]
    assert [value for value in found if value is not None] == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_examples_are_drawn_by_text_alone():
    once = examples.drawn([array(TARGET)], 6, 0)
    turned = [array(TARGET[7:]), array([" \n", "", *TARGET[:7], TARGET[2]])]
    assert examples.drawn(turned, 6, 0).equals(once)
    assert not examples.drawn([array(TARGET)], 6, 1).equals(once)
    assert len(examples.drawn(turned, 100, 0)) == len(set(TARGET))
    with pytest.raises(DataError, match="white space"):
        examples.drawn([array([" ", ""])], 6, 0)


def run(tmp_path, cuts=(), **options):
    path = tmp_path / "target.jsonl"
    path.write_text("".join(json.dumps({"question": text}) + "\n" for text in TARGET))
    config = ZipfitConfig(**{"target": [f"{path}#question"], "examples": 8, **options})
    first, second = STAGE.before
    model = first.settle(iter(()), config).model
    table = pa.table({"id": [f"d{i}" for i in range(len(POOL))], "text": array(POOL)})
    edges = [0, *cuts, len(POOL)]
    shards = []
    for number, (start, end) in enumerate(pairwise(edges)):
        piece = table.slice(start, end - start)
        piece = piece.append_column("shard", pa.array([number] * len(piece), pa.int32()))
        shards.append(piece.append_column("row", pa.array(range(len(piece)), pa.int64())))
    rows = pa.concat_tables(second.settle([second.survey(s, None, model, config) for s in shards], config).rows)
    made = []
    for number, shard in enumerate(shards):
        mine = rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).drop_columns(["shard"])
        made.append(STAGE.apply(shard, mine, model, config).table)
        assert made[-1].schema == STAGE.adds(config)
    return pa.concat_tables(made), model, config


@pytest.mark.parametrize("compressor", ["zstd", "gzip"])
def test_keeps_the_targets_kind_at_the_rate_however_the_corpus_is_cut(tmp_path, compressor):
    found, model, config = run(tmp_path, compressor=compressor, keep_rate=0.25)
    columns = found.to_pydict()
    assert [value is None for value in columns["zipfit"]] == [not text for text in POOL]
    assert sum(columns["zipfit_keep"]) == int(0.25 * (len(POOL) - 1))
    assert sum(columns["zipfit_keep"][:30]) == sum(columns["zipfit_keep"])
    for score, keep, quantile in zip(*columns.values(), strict=True):
        assert keep == (score is not None and quantile <= 0.25)
        higher = sum(1 for other in columns["zipfit"] if other is not None and score is not None and other > score)
        assert score is None or quantile > higher / (len(POOL) - 1)
    assert run(tmp_path, (0, 1, 50), compressor=compressor, keep_rate=0.25)[0].equals(found)
    fewer = ZipfitConfig(**{**config.model_dump(), "keep_rate": 0.1})
    assert STAGE.again(found, fewer).table.equals(run(tmp_path, compressor=compressor, keep_rate=0.1)[0])
    seen = pa.table({"zipfit": found["zipfit"], "bytes": [len(text.encode()) for text in POOL]})
    summary = STAGE.after.settle([STAGE.after.survey(seen, None, config)], config).model
    assert sum(summary["documents"].to_pylist()) == len(POOL)
    assert STAGE.report(model, summary, config)[0] == "compared with 8 examples"


def test_gzip_cannot_look_back_further():
    ZipfitConfig(target=["x"], window=1 << 20)
    with pytest.raises(ValidationError, match="16384"):
        ZipfitConfig(target=["x"], window=20_000, compressor="gzip")


def test_best_of_equal_scores_is_the_one_of_the_smaller_hash():
    scores = pa.array([0.5, 0.5, None, 0.5, 0.7], pa.float32())
    shard, row = pa.array([0] * 5, pa.int32()), pa.array(range(5), pa.int64())
    table = pa.table({"id": list("abcde"), "shard": shard, "row": row})
    hashes = ranking.ties(table["id"])
    found = pa.concat_tables(ranking.best([ranking.scored(table, scores)]))["quantile"].to_pylist()
    order = [4, *sorted([0, 1, 3], key=lambda i: hashes[i])]
    assert [found[i] for i in order] == [0.25, 0.5, 0.75, 1.0] and found[2] is None
    assert list(ranking.best([])) == []
    assert np.isfinite([value for value in found if value is not None]).all()
