import math

import numpy as np
import pyarrow as pa
import pytest

import curate
from curate.algorithms import loss_models, loss_ngrams, ngram_model, perplexity
from curate.algorithms.perplexity import Wanted
from curate.errors import DataError, UsageError
from curate.stages.perplexity import STAGE, PerplexityConfig
from curate.storage import shard
from tests import material, models, running

BITS = np.random.default_rng(0).lognormal(0.7, 0.25, size=4000)
TEXTS = ["the quick brown fox jumps", "a lazy dog sleeps", "the fox", "dogs and foxes", "", "été 狐"] * 6


def array(texts):
    return pa.array(texts, pa.large_string())


def documents(bits, shard_=0, group=None):
    ids = [f"{shard_}/{i}" for i in range(len(bits))]
    columns = {"id": ids, "shard": [shard_] * len(bits), "row": range(len(bits)), "group": group or [None] * len(bits)}
    return pa.table({**columns, "group": pa.array(columns["group"], pa.string())})


def judged(bits, method, rate, seed=0, group=None):
    wanted = Wanted(method, 4.5, seed)
    table = documents(bits, group=group)
    given_ = [perplexity.surveyed(table, np.asarray(bits, dtype=float), "group", wanted.seed)]
    mine = pa.concat_tables(perplexity.settled(given_, wanted))
    return perplexity.columns(mine, rate, 0.3, 0.4, STAGE.adds(PerplexityConfig())), mine


# --- BERTIN ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["gaussian", "stepwise"])
@pytest.mark.parametrize("rate", [0.05, 0.2, 0.6])
def test_the_rate_peaks_at_the_median_and_the_total_is_hit(method, rate):
    kept = np.zeros(len(BITS))
    for seed in range(30):
        found = judged(BITS, method, rate, seed)[0]
        keep = found["perplexity_keep"].to_numpy()
        assert keep.sum() == int(rate * len(BITS))
        kept += keep
    weight = found["perplexity_weight"].to_numpy()
    low, high = 0.0, 100.0
    for _ in range(60):
        factor = (low + high) / 2
        low, high = (factor, high) if np.minimum(1, factor * weight).sum() < rate * len(BITS) else (low, factor)
    order = np.argsort(BITS)
    bins = kept[order].reshape(20, -1).mean(axis=1) / 30
    expected = np.minimum(1, factor * weight)[order].reshape(20, -1).mean(axis=1)
    assert bins == pytest.approx(expected, abs=0.035)
    assert bins[-1] <= bins.min() + 0.035 and max(bins[9:11]) >= bins.max() - 0.035 and bins[9] > bins[-1]


def test_the_gaussian_is_the_published_one_in_a_unit_that_spreads_as_theirs():
    found = perplexity.relative(BITS)
    first, median, third = np.quantile(found, [0.25, 0.5, 0.75])
    assert median == pytest.approx(1, rel=1e-3)
    assert third / first == pytest.approx(919250.87225178 / 536394.99320948, rel=1e-3)
    for value, weight in zip(found[:50], perplexity.gaussian(found, 4.5)):
        assert weight == pytest.approx(math.exp(-(1 / 4.5) * ((value - 1) / 1) ** 2))


def test_steps_are_the_published_ones():
    values = np.array([536394.99, 500000.0, 600000.0, 662247.50, 800000.0, 1e7] * 50 + [1.0, 2.0])
    b = np.quantile(values, [0.25, 0.5, 0.75])

    def published(value):
        if value <= b[0]:
            return 1.5e5 / b[0]
        if value <= b[1]:
            return 1.5e5 / (b[1] - b[0])
        return 1.5e5 / (b[2] - b[1]) if value <= b[2] else 1.5e5 / (10 * b[2])

    expected = np.array([published(value) for value in values])
    found = perplexity.stepwise(values)
    assert found / found[0] == pytest.approx(expected / expected[0])


def test_equal_costs_are_equal_weights():
    found = judged([2.0] * 10, "stepwise", 0.5)[0]
    assert found["perplexity_weight"].to_pylist() == [1.0] * 10
    assert sum(found["perplexity_keep"].to_pylist()) == 5
    far = judged([2.0] * 9 + [500.0], "gaussian", 0.9)[0]
    assert far["perplexity_weight"].to_pylist()[-1] == 0 and not far["perplexity_keep"].to_pylist()[-1]


# --- places, buckets and what is kept --------------------------------------------------------------


def test_both_tails_go_and_the_lowest_stay():
    bits = np.arange(1.0, 101)
    middle = judged(bits, "middle", 0.8)[0]
    assert np.flatnonzero(middle["perplexity_keep"].to_numpy()).tolist() == list(range(10, 90))
    low = judged(bits, "low", 0.25)[0]
    assert np.flatnonzero(low["perplexity_keep"].to_numpy()).tolist() == list(range(25))
    again = low["perplexity_rank"].to_numpy() <= 0.5
    assert again.tolist() == judged(bits, "low", 0.5)[0]["perplexity_keep"].to_pylist()
    buckets = low["perplexity_bucket"].to_pylist()
    assert [buckets.count(name) for name in perplexity.BUCKETS] == [30, 30, 40] and buckets[29:31] == ["head", "middle"]


def test_groups_are_judged_by_themselves_and_no_score_is_no_place():
    bits = [*range(1, 11), *range(101, 111), math.nan, 7]
    group = ["en"] * 10 + ["fr"] * 10 + ["fr", None]
    found, mine = judged(bits, "middle", 0.5, group=group)
    quantile = found["perplexity_quantile"].to_pylist()
    assert quantile[:10] == quantile[10:20] == pytest.approx([i / 10 for i in range(1, 11)])
    assert found.slice(20, 1).to_pylist() == [dict.fromkeys(found.column_names) | {"perplexity_keep": False}]
    assert quantile[21] == 1 and sum(found["perplexity_keep"].to_pylist()[:20]) == 10
    pieces = [
        perplexity.surveyed(
            documents([float(b) for b in bits], group=group).slice(a, n), np.array(bits[a : a + n], float), "group", 0
        )
        for a, n in ((0, 7), (7, 0), (7, 15))
    ]
    assert pa.concat_tables(perplexity.settled(pieces, Wanted("middle", 4.5, 0))).equals(mine)


def test_a_column_that_parts_nothing_is_named():
    table = documents([1.0]).append_column("vector", pa.array([[0.5]]))
    with pytest.raises(UsageError, match="--by vector: the column holds list"):
        perplexity.surveyed(table, np.array([1.0]), "vector", 0)
    with pytest.raises(UsageError, match="--by shares: the column holds double"):
        perplexity.surveyed(table.append_column("shares", pa.array([0.5])), np.array([1.0]), "shares", 0)


def test_a_shard_without_documents():
    schema = STAGE.adds(PerplexityConfig())
    assert perplexity.columns(None, 0.5, 0.3, 0.4, schema).schema == schema
    assert list(perplexity.settled([], Wanted("gaussian", 4.5, 0))) == []


def test_other_rates_are_decided_over_the_columns():
    ids = pa.array([str(i) for i in range(40)])
    found, _ = judged(BITS[:40], "gaussian", 0.8)
    other = PerplexityConfig(keep="gaussian", keep_rate=0.3, head=0.1, tail=0.2)
    expected = perplexity.columns(judged(BITS[:40], "gaussian", 0.3)[1], 0.3, 0.1, 0.2, STAGE.adds(other))
    again = STAGE.again(found.append_column("id", ids), other).table
    assert again.equals(expected) and sum(again["perplexity_keep"].to_pylist()) == 12


def test_the_report_says_what_is_kept_of_each_group():
    found = judged([*range(1, 11), math.nan], "low", 0.5)[0]
    table = found.append_column("bytes", pa.array([10] * 11)).append_column("language", pa.array(["en"] * 11))
    halves = [perplexity.counted(table.slice(0, 4), "language"), perplexity.counted(table.slice(4), "language")]
    summary = perplexity.added(halves)
    assert summary.equals(perplexity.counted(table, "language"))
    assert perplexity.lines(summary) == [
        "keeps 5 of 10 documents (50.0%), 50.0% of their bytes",
        "en: head 1.000 to 3.000, middle 4.000 to 6.000, tail 7.000 to 10.000 (10 documents)",
    ]
    drawn = judged(BITS, "gaussian", 0.1)[0].append_column("bytes", pa.array([1] * len(BITS)))
    line = perplexity.lines(perplexity.counted(drawn, None))[-1]
    probability = 400 / sum(drawn["perplexity_weight"].to_pylist())
    assert line.endswith(f" (4,000 documents, the likeliest kept with probability {probability:.3f})")
    assert perplexity.lines(perplexity.added([perplexity.counted(table.slice(10), None)])) == [
        "no document has a text to score"
    ]


# --- models ---------------------------------------------------------------------------------------


def test_no_document_is_judged_by_a_model_that_has_read_it():
    ids, texts = pa.array([str(i) for i in range(len(TEXTS))]), array(TEXTS)
    table = loss_ngrams.examples(texts, ids)
    counts = loss_ngrams.half_counts([table.slice(0, 10), table.slice(10)], 3, "words")
    trained = loss_ngrams.from_table(loss_ngrams.to_table([ngram_model.estimate(found) for found in counts]))
    found = loss_ngrams.crossed(texts, ids, trained)
    second = loss_ngrams.halves(ids)
    assert 0 < second.sum() < len(second)
    for i, text in enumerate(TEXTS):
        others = [other for other, half in zip(TEXTS, second) if half != second[i]]
        model = ngram_model.estimate(ngram_model.count(array(others), order=3, unit="words"))
        assert found[i] == pytest.approx(model.bits_per_byte(array([text]))[0], rel=1e-6, nan_ok=True)


def trained_layer(tmp_path, number):
    counts = ngram_model.count(array(TEXTS), order=2, unit="words")
    path = tmp_path / "model.parquet"
    shard.write(path, loss_ngrams.to_table([ngram_model.estimate(counts)] * number), {})
    return str(path), ngram_model.estimate(counts)


def test_the_models_of_a_layer_and_of_a_file(tmp_path):
    path, model = trained_layer(tmp_path, 2)
    expected = model.bits_per_byte(array(TEXTS))
    model.save(tmp_path / "saved")
    for name in (path, str(tmp_path / "saved")):
        found = loss_models.open_model(name)
        assert found.bits_per_byte(array(TEXTS)) == pytest.approx(expected, nan_ok=True)
        assert loss_models.memory(name) > 0
    with pytest.raises(UsageError, match="holds no n-gram model"):
        loss_models.open_model(trained_layer(tmp_path, 0)[0])


def test_the_model_of_a_layer_serves_another(tmp_path):
    material.write_lines(tmp_path / "raw/x.txt", material.docstrings()[:40])
    pool = str(tmp_path / "pool")
    with running.own_stages():
        running.step("lines", {"sources": [str(tmp_path / "raw")]}, to=pool, max_errors="100")
    running.step("perplexity", {"order": 2}, corpus=pool)
    running.step("perplexity", {"model": f"{pool}/perplexity", "keep_rate": 0.5}, corpus=pool, as_="again")
    table = pa.Table.from_batches(curate.open(pool).scan(["perplexity", "again", "again_keep"]))
    assert table["perplexity"].equals(table["again"]) and sum(table["again_keep"].to_pylist()) == len(table) // 2
    with pytest.raises(UsageError, match="holds no n-gram model"):
        running.step("perplexity", {"model": f"{pool}/again"}, corpus=pool, as_="third")
    next((tmp_path / "pool/again").glob("*/model.parquet")).unlink()
    with pytest.raises(UsageError, match="holds no model"):
        PerplexityConfig(model=f"{pool}/again")


def test_what_is_no_model(tmp_path):
    (tmp_path / "x.txt").write_text("no model")
    with pytest.raises(UsageError, match="no such file"):
        loss_models.kind(str(tmp_path / "gone.arpa"))
    with pytest.raises(UsageError, match="neither an n-gram model"):
        loss_models.kind(str(tmp_path / "x.txt"))


@pytest.mark.parametrize("package", ["kenlm", "transformers"])
def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch, package):
    (tmp_path / "model.arpa").write_text(models.ARPA)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else name)
    with pytest.raises(UsageError, match=r"pip install 'curate\["):
        loss_models.kind(str(tmp_path / "model.arpa") if package == "kenlm" else "org/public")


def test_reference_files_are_what_the_model_is_trained_on(tmp_path):
    material.write_records(tmp_path / "wiki.jsonl", [text for text in TEXTS if text])
    config = PerplexityConfig(reference=[str(tmp_path / "wiki.jsonl")], order=2)
    model = STAGE.before[0].settle(iter([]), config).model
    expected = ngram_model.estimate(ngram_model.count(array([t for t in TEXTS if t]), order=2, unit="words"))
    assert loss_ngrams.from_table(model)[0].bits_per_byte(array(TEXTS)) == pytest.approx(
        expected.bits_per_byte(array(TEXTS)), nan_ok=True
    )
    material.write_records(tmp_path / "none.jsonl", [""])
    with pytest.raises(DataError, match="--reference"):
        STAGE.before[0].settle(iter([]), PerplexityConfig(reference=[str(tmp_path / "none.jsonl")]))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"model": "a", "reference": ["b"]}, "not both"), ({"head": 0.7, "tail": 0.5}, "more than all")],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        PerplexityConfig(**options)
