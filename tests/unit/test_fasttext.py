import random

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import fasttext, fasttext_model, fasttext_train
from curate.errors import DataError, UsageError


def array(texts):
    return pa.array(texts, pa.large_string())


def texts(seed, number, words):
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randrange(5, 40))) + "." for _ in range(number)]


GOOD = [*texts(1, 150, ["Theorem", "proof", "lemma", "the", "of", "__label__odd"]), "", " \n"]
BAD = [*texts(2, 200, ["click", "here", "buy", "the", "of"]), GOOD[0], GOOD[0]]


@pytest.fixture(scope="module")
def trained():
    return fasttext.train(fasttext.examples(array(GOOD)), fasttext.examples(array(BAD)), epochs=20, seed=7)


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    path.write_bytes(b"".join(trained["bin"].to_pylist()))
    return str(path)


def test_a_text_as_tokens():
    given = array(["Hello, World!\nAn __label__x ΟΔΟΣ", "", None])
    assert fasttext.as_tokens(given).to_pylist()[:2] == ["hello , world ! an labelx οδος ", ""]


def test_examples_are_beginnings_with_words():
    assert fasttext.examples(array(["", "\n", "x " * 15_000])).to_pylist() == ["x " * 10_000]


def test_training_tells_the_classes_apart(trained):
    row = trained.drop_columns(["bin"]).to_pylist()[0]
    assert row["auc"] > 0.99
    assert row["accuracy"] > 0.95
    assert (row["positive"], row["positive_held_out"]) == (135, 15)
    assert (row["negative"], row["negative_held_out"]) == (180, 20)
    assert sum(row["positive_scores"]) == 15
    assert sum(row["negative_scores"]) == 20


def test_the_model_does_not_hang_on_what_memory_held_before(monkeypatch):
    """A small matrix, since memory for a large one usually comes fresh from the system."""
    monkeypatch.setattr(fasttext_train, "BUCKETS", 2000)
    lines = [fasttext.examples(array(group)) for group in (GOOD, BAD)]
    first = fasttext.train(*lines, epochs=5, seed=7)
    for _ in range(4):
        assert fasttext.train(*lines, epochs=5, seed=7).equals(first)


def test_the_model_hangs_on_texts_and_seed_alone(trained):
    shuffled = [random.Random(3).sample(group, len(group)) for group in (GOOD, BAD)]
    again = [pa.chunked_array([array(group[:9]), array(group[9:] + group[:5])]) for group in shuffled]
    lines = [fasttext.examples(group) for group in again]
    assert fasttext.train(*lines, epochs=20, seed=7).equals(trained)
    other = fasttext.train(*lines, epochs=20, seed=8)
    assert other["bin"] != trained["bin"]


def test_distilling_is_training_on_the_beginnings(trained):
    assert fasttext.distil(array(GOOD), array(BAD), epochs=20, seed=7).equals(trained)


def test_labels_in_the_text_make_no_class(file):
    assert sorted(fasttext.load(file, None).model.labels) == [fasttext.NEGATIVE, fasttext.POSITIVE]


@pytest.mark.parametrize("tokens", [False, True])
def test_predictions_are_the_librarys(file, tokens):
    import fasttext as library

    given = array(["before", *GOOD[:30], *BAD[:30], "A theorem,\nand its\tproof: click " * 400, "ünï"]).slice(1)
    model = library.load_model(file)
    lines = [line.replace("\n", " ") for line in (fasttext.as_tokens(given) if tokens else given).to_pylist()]
    labels, values = model.predict(lines, k=2)
    expected = [value[names.index(fasttext.NEGATIVE)] for names, value in zip(labels, values, strict=True)]
    found = fasttext.predict(fasttext.load(file, fasttext.NEGATIVE), given, tokens=tokens)
    assert found.type == pa.float32()
    assert found.to_pylist() == pytest.approx(expected, abs=1e-7)
    assert min(expected) < 0.2 < 0.8 < max(expected)


def test_texts_without_a_word_have_no_score(trained):
    classifier = fasttext.load_trained(trained)
    found = fasttext.predict(classifier, array(["", " \n\t", None, "proof", "!"]), tokens=True)
    assert found.is_null().to_pylist() == [True, True, True, False, False]
    assert len(fasttext.predict(classifier, array([]), tokens=True)) == 0


def test_batches_do_not_show(file, monkeypatch):
    classifier = fasttext.load(file, None)
    given = array([*GOOD, *BAD, "proof " * 500])
    whole = fasttext.predict(classifier, given, tokens=True)
    monkeypatch.setattr(fasttext_model, "_RUN_BYTES", 100)
    monkeypatch.setattr(fasttext_model, "_RUN_PROBABILITIES", 14)
    assert fasttext.predict(classifier, given, tokens=True).equals(whole)


def test_too_few_examples():
    with pytest.raises(DataError, match="2 positive and 200 negative"):
        fasttext.train(array(["a ", "b ", "a "]), fasttext.examples(array(BAD[:200])), epochs=1, seed=0)
    nothing = pa.chunked_array([], pa.large_string())
    with pytest.raises(DataError, match="0 positive and 0 negative"):
        fasttext.train(nothing, nothing, epochs=1, seed=0)
    with pytest.raises(DataError, match="30 positive and 0 negative"):
        same = array([f"w{i} " for i in range(30)])
        fasttext.train(same, same, epochs=1, seed=0)


def test_what_is_no_model(file, tmp_path):
    with pytest.raises(UsageError, match=r"no label __label__x; .*__label__negative"):
        fasttext.load(file, "__label__x")
    (tmp_path / "text.bin").write_text("not a model, though long enough to be read as one")
    with pytest.raises(UsageError, match=r"text\.bin"):
        fasttext.load(str(tmp_path / "text.bin"), None)


def test_a_model_of_word_vectors_is_refused(tmp_path):
    import fasttext as library

    (tmp_path / "words.txt").write_text("a b c d e\n" * 50)
    library.train_unsupervised(str(tmp_path / "words.txt"), dim=2, bucket=10, thread=11, verbose=0).save_model(
        str(tmp_path / "words.bin")
    )
    with pytest.raises(UsageError, match="supervised"):
        fasttext.load(str(tmp_path / "words.bin"), None)


def test_area_under_curve_is_the_share_of_pairs_in_order():
    draw = np.random.default_rng(0)
    positive, negative = draw.integers(0, 9, 40) / 8, draw.integers(0, 7, 30) / 8
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert fasttext.area_under_curve(positive, negative) == pytest.approx(np.mean(pairs))
