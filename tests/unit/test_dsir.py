import math
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.algorithms import dsir
from curate.errors import DataError, UsageError
from tests.naive import dsir as naive

TARGET = ["Natalia sold 48 clips.", "How many clips did she sell?", "48 / 2 = 24!"]
POOL = [
    "The Greek letter Σ ends ΟΔΟΣ as ς.",
    "İstanbul ve İzmir",
    "She sold clips, many clips.",
    "print(x)\n" * 90,
    "语言模型",
]


def array(texts):
    return pa.array(texts, pa.large_string())


def counts(texts, buckets=500, **options):
    out = np.zeros(buckets, dtype=np.int64)
    dsir.add_counts(array(texts), out, **options)
    return out


def test_bucket_is_where_the_kernel_counts():
    for ngram in ("clips", "how many", "Σ", "?"):
        expected = counts([ngram], 10_000)
        for word in ngram.split(" ") if " " in ngram else []:
            expected[dsir.bucket(word, 10_000)] -= 1
        assert expected.nonzero()[0].tolist() == [dsir.bucket(ngram, 10_000)]


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 3.0])
def test_log_ratios_are_the_formula(smoothing):
    model = dsir.log_ratios(counts(TARGET), counts(POOL), smoothing)
    expected = naive.log_ratios(naive.counts(TARGET, 500), naive.counts(POOL, 500), smoothing)
    assert model["log_ratio"].to_pylist() == pytest.approx(expected, rel=1e-12)
    assert sum(model["target"].to_pylist()) == pytest.approx(1)
    assert sum(model["pool"].to_pylist()) == pytest.approx(1)


@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("mean", [False, True])
def test_weights_are_the_formula(chunks, mean):
    ratios = dsir.log_ratios(counts(TARGET), counts(POOL))["log_ratio"].to_numpy()
    texts = pa.chunked_array([array(POOL[:2]), array([None, *POOL[2:], "", " \n"])])
    length = 128 if chunks else 1 << 62
    expected = [naive.weight(text or "", ratios.tolist(), length, mean) for text in texts.to_pylist()]
    found = dsir.weights(texts, ratios, chunks=chunks, mean=mean).to_pylist()
    assert [value is None for value in found] == [value is None for value in expected]
    assert [value for value in found if value is not None] == pytest.approx(
        [value for value in expected if value is not None], rel=1e-9
    )


def test_counts_add_up_and_chunks_lose_the_bigrams_between_them():
    assert (counts(POOL) == counts(POOL[:2]) + counts(POOL[2:])).all()
    text = " ".join(f"w{i}" for i in range(300))
    assert counts([text]).sum() == 599
    assert counts([text], chunks=True).sum() == 597


def test_an_empty_pool_is_no_division_by_zero():
    model = dsir.log_ratios(counts(TARGET), counts([]))
    assert np.isfinite(model["log_ratio"].to_numpy()).all()


def test_divergence_is_that_of_the_distributions():
    pool = dsir.distribution(counts(POOL))
    assert dsir.divergence(pool, pool) == 0
    expected = 0.75 * math.log(0.75 / 0.25) + 0.25 * math.log(0.25 / 0.25)
    assert dsir.divergence(np.array([0.75, 0.25, 0]), np.array([0.25, 0.25, 0.5])) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(dsir.divergence(pool, np.zeros(len(pool))))


def markov(seed, documents, favoured):
    """Texts over twenty words, each followed half the time by its favourite."""
    draw = random.Random(seed)
    texts = []
    for _ in range(documents):
        word, words = draw.randrange(20), []
        for _ in range(draw.randrange(30, 300)):
            words.append(f"word{word}")
            word = favoured(word) % 20 if draw.random() < 0.5 else draw.randrange(20)
        texts.append(" ".join(words))
    return texts


@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("mean", [False, True])
def test_one_of_two_markov_sources_is_recovered(chunks, mean):
    """The sources have the same words equally often, so that only pairs tell them apart."""
    wanted, other = markov(1, 100, lambda word: word + 1), markov(2, 300, lambda word: word + 7)
    pool = counts(wanted + other, 10_000, chunks=chunks)
    model = dsir.log_ratios(counts(markov(3, 100, lambda word: word + 1), 10_000, chunks=chunks), pool)
    found = dsir.weights(array(wanted + other), model["log_ratio"].to_numpy(), chunks=chunks, mean=mean).to_numpy()
    assert found[:100].min() > 0 > found[100:].max()
    target, pool = (dsir.column(model, kind) for kind in ("target", "pool"))
    chosen = dsir.distribution(counts(wanted, 10_000, chunks=chunks))
    assert dsir.divergence(target, chosen) < dsir.divergence(target, pool) / 2


def test_a_model_of_several_targets_holds_each_as_if_it_were_alone(tmp_path):
    targets = {"maths": counts(TARGET), "greek_1": counts(POOL[:1])}
    model = dsir.fitted(targets, counts(POOL), 0.5)
    assert dsir.targets(model) == list(targets)
    for name, of_one in targets.items():
        alone = dsir.log_ratios(of_one, counts(POOL), 0.5)
        for kind in ("log_ratio", "target"):
            assert np.array_equal(dsir.column(model, kind, name), alone[kind].to_numpy())
        assert np.array_equal(dsir.column(model, "pool"), alone["pool"].to_numpy())
    pq.write_table(model, tmp_path / "copy.parquet")
    assert dsir.saved(str(tmp_path / "copy.parquet")).equals(model)
    assert dsir.targets(dsir.of_targets(model, ["greek_1"])) == ["greek_1"]
    with pytest.raises(UsageError, match="no target 'news'; its targets: maths, greek_1"):
        dsir.of_targets(model, ["news"])
    with pytest.raises(UsageError, match="none without a name"):
        dsir.of_targets(model, [""])


def test_what_is_not_a_model_is_refused(tmp_path):
    (tmp_path / "text.parquet").write_bytes(b"no")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    for name in ("absent", "text.parquet", "other.parquet", "."):
        with pytest.raises(DataError, match="not a feature model"):
            dsir.saved(str(tmp_path / name))
