"""Feature models that one layer leaves and other commands take, through whole runs."""

import json
import shutil

import pytest

from curate.errors import UsageError
from curate.runtime.opened import Opened
from curate.storage.corpus import Corpus, layer_model
from tests import material, running


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    texts = [text for text in material.docstrings() if len(text) > 60][:60]
    material.write_records(root / "raw.jsonl", texts)
    material.write_records(root / "good.jsonl", texts[:20])
    running.step("ingest", {"sources": [str(root / "raw.jsonl")]}, to=str(root / "pool"))
    targets = [str(root / "good.jsonl"), str(root / "raw.jsonl")]
    running.step("dsir", {"target": targets, "names": ["good", "all"]}, corpus=str(root / "pool"))
    return root


def said(path, layer):
    return json.loads(Corpus(path).current(layer).record("report.json").read_text())


def test_the_layer_and_a_copy_of_its_model_give_what_it_has(root):
    pool = root / "pool"
    copy = shutil.copy(layer_model(pool / "dsir"), root / "kept.parquet")
    for name, model in {"by_layer": pool / "dsir", "by_copy": copy}.items():
        options = {"model": str(model), "names": ["good"]}
        assert running.step("dsir", options, corpus=str(pool), as_=name).executed
        assert running.step("dsir", options, corpus=str(pool), as_=name).executed == 0
    table = Opened(pool).table(["dsir_good", "by_layer_good", "by_copy"])
    assert table["dsir_good"].to_pylist() == table["by_layer_good"].to_pylist() == table["by_copy"].to_pylist()
    assert said(pool, "by_layer")[0].endswith("KL reduction 0.000")
    options = {"model": str(pool / "dsir"), "names": ["good"]}
    running.step("dsir", options, corpus=str(pool), as_="best", where="dsir_good > 0.1")
    assert float(said(pool, "best")[0].split("KL reduction ")[1]) > 0


def test_a_mixture_says_how_near_it_came_and_one_without_a_model_looks_at_nothing(root):
    options, reductions = {"documents": 20, "score_temperature": 0}, []
    model = {"dsir_model": str(root / "pool" / "dsir")}
    for place, score in {"near": "dsir_good", "far": "-dsir_good"}.items():
        running.step("mix", {**options, **model, "score": score}, corpora=[str(root / "pool")], to=str(root / place))
        good, whole = said(root / place, "documents")[-2:]
        assert good.startswith("good: KL") and whole.startswith("all: KL")
        reductions.append(float(good.split("KL reduction ")[1]))
    assert reductions[0] > reductions[1] + 0.1
    options["score"] = "dsir_good"
    result = running.step("mix", options, corpora=[str(root / "pool")], to=str(root / "plain"))
    assert not any("KL" in line for line in said(root / "plain", "documents"))
    tasks = (Corpus(root / "plain").current("documents").record("tasks.jsonl")).read_text()
    assert result.executed and "survey after" not in tasks and "settle after" in tasks


def test_a_layer_without_a_model_is_none(root):
    with pytest.raises(UsageError, match="no file there"):
        running.step("dsir", {"model": str(root / "pool" / "absent")}, corpus=str(root / "pool"), as_="x")
