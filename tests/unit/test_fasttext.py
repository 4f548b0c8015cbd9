import random

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import fasttext, fasttext_measure, fasttext_model, fasttext_train
from curate.errors import DataError, UsageError


def array(texts):
    return pa.array(texts, pa.large_string())


def texts(seed, number, words):
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randrange(5, 40))) + "." for _ in range(number)]


GOOD = [*texts(1, 150, ["Theorem", "proof", "lemma", "the", "of", "__label__odd"]), "", " \n"]
BAD = [*texts(2, 200, ["click", "here", "buy", "the", "of"]), GOOD[0], GOOD[0]]


def given(good, bad):
    named = zip((good, bad), LABELS, strict=True)
    return fasttext.gathered([fasttext.examples(texts, name, "o", tokens=True) for texts, name in named], LABELS)


LABELS = [fasttext.POSITIVE, fasttext.NEGATIVE]


@pytest.fixture(scope="module")
def trained():
    return fasttext.train(given(array(GOOD), array(BAD)), epochs=20, seed=7)


@pytest.fixture(scope="module")
def file(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.bin"
    path.write_bytes(b"".join(trained["bin"].to_pylist()))
    return str(path)


def first(model):
    return model.drop_columns(["bin"]).to_pylist()[0]


def test_a_text_as_tokens():
    texts = array(["Hello, World!\nAn __label__x ΟΔΟΣ", "", None])
    assert fasttext.as_tokens(texts).to_pylist()[:2] == ["hello , world ! an labelx οδος ", ""]


def test_examples_are_beginnings_with_words():
    texts = array(["", "\n", "x " * 15_000, "A\nB"])
    assert fasttext.examples(texts, "l", "o", tokens=True).to_pylist() == [
        {"line": "x " * 10_000, "label": "l", "origin": "o"},
        {"line": "a b ", "label": "l", "origin": "o"},
    ]
    lines = fasttext.examples(texts, pa.array([1, 2, 3, 4]), pa.array(list("abcd")), tokens=False).to_pylist()
    assert lines[1] == {"line": "A B", "label": "4", "origin": "d"}
    assert fasttext.examples(array([]), "l", "o", tokens=True).num_rows == 0


def test_values_of_a_column_become_labels():
    columns = [array(["x", "y", "z"]), pa.array(["b c", "a", "b c"]), pa.array(["1", "2", "3"])]
    found = fasttext.gathered([pa.table(columns, schema=fasttext.EXAMPLES)], None)
    assert found.names == ["__label__a", "__label__b_c"]
    assert found.labels.tolist() == [0, 1, 1]
    assert found.lines.to_pylist() == ["y", "x", "z"]


def test_training_tells_the_classes_apart(trained):
    row = first(trained)
    assert row["auc"] > 0.99
    assert row["accuracy"] > 0.95
    assert row["trained"] == [135, 180]
    assert row["measured"] == [15, 20]


def test_the_model_does_not_hang_on_what_memory_held_before(monkeypatch):
    """A small matrix, since memory for a large one usually comes fresh from the system."""
    monkeypatch.setattr(fasttext_train, "BUCKETS", 2000)
    examples = given(array(GOOD), array(BAD))
    expected = fasttext.train(examples, epochs=5, seed=7)
    for _ in range(4):
        assert fasttext.train(examples, epochs=5, seed=7).equals(expected)


def test_the_model_hangs_on_texts_and_seed_alone(trained):
    shuffled = [random.Random(3).sample(group, len(group)) for group in (GOOD, BAD)]
    again = [pa.chunked_array([array(group[:9]), array(group[9:] + group[:5])]) for group in shuffled]
    assert fasttext.train(given(*again), epochs=20, seed=7).equals(trained)
    other = fasttext.train(given(*again), epochs=20, seed=8)
    assert other["bin"] != trained["bin"]


def test_distilling_is_training_on_the_beginnings(trained):
    assert fasttext.distil(array(GOOD), array(BAD), epochs=20, seed=7).equals(trained)


def test_labels_in_the_text_make_no_class(file):
    assert sorted(fasttext.load(file).model.labels) == [fasttext.NEGATIVE, fasttext.POSITIVE]


@pytest.mark.parametrize("tokens", [False, True])
def test_predictions_are_the_librarys(file, tokens):
    import fasttext as library

    texts = array(["before", *GOOD[:30], *BAD[:30], "A theorem,\nand its\tproof: click " * 400, "ünï"]).slice(1)
    model = library.load_model(file)
    lines = [line.replace("\n", " ") for line in (fasttext.as_tokens(texts) if tokens else texts).to_pylist()]
    labels, values = model.predict(lines, k=2)
    expected = [value[names.index(fasttext.NEGATIVE)] for names, value in zip(labels, values, strict=True)]
    found = fasttext.predict(fasttext.load(file, [fasttext.NEGATIVE]), texts, tokens=tokens)
    assert found.type == pa.float32()
    assert found.to_pylist() == pytest.approx(expected, abs=1e-7)
    assert min(expected) < 0.2 < 0.8 < max(expected)


def test_of_equally_likely_labels_it_is_the_last_as_the_library_has_it(file):
    """The library, asked for one label, keeps the last of equals that it meets."""
    probabilities = np.array([[0.5, 0.5], [0.7, 0.3], [0.3, 0.7]], np.float32)
    assert fasttext_model.likeliest(fasttext.load(file).model, probabilities).tolist() == [1, 0, 1]


def test_texts_without_a_word_have_no_score(trained):
    classifier = fasttext.load_trained(trained)
    found = fasttext.predict(classifier, array(["", " \n\t", None, "proof", "!"]), tokens=True)
    assert found.is_null().to_pylist() == [True, True, True, False, False]
    assert len(fasttext.predict(classifier, array([]), tokens=True)) == 0


def test_batches_do_not_show(file, monkeypatch):
    classifier = fasttext.load(file)
    texts = array([*GOOD, *BAD, "proof " * 500])
    whole = fasttext.judge(classifier, texts, tokens=True)
    monkeypatch.setattr(fasttext_model, "_RUN_BYTES", 100)
    monkeypatch.setattr(fasttext_model, "_RUN_PROBABILITIES", 14)
    assert fasttext.judge(classifier, texts, tokens=True).combine_chunks().equals(whole.combine_chunks())


def test_too_few_examples():
    with pytest.raises(DataError, match="2 positive and 200 negative"):
        fasttext.train(given(array(["a ", "b ", "a "]), array(BAD[:200])), epochs=1, seed=0)
    with pytest.raises(DataError, match="0 positive and 0 negative"):
        fasttext.train(given(array([]), array([])), epochs=1, seed=0)
    with pytest.raises(DataError, match="30 positive and 0 negative"):
        same = array([f"w{i} " for i in range(30)])
        fasttext.train(given(same, same), epochs=1, seed=0)


def test_several_labels_and_what_the_score_is(tmp_path):
    groups = [texts(seed, 60, words) for seed, words in ((1, ["zero", "none"]), (2, ["two", "pair"]), (3, ["five"]))]
    tables = [fasttext.examples(array(group), name, "", tokens=True) for group, name in zip(groups, "025", strict=True)]
    model = fasttext.train(fasttext.gathered(tables, None), epochs=30, seed=0, main=["__label__5"])
    assert first(model)["names"] == ["__label__0", "__label__2", "__label__5"]
    assert first(model)["auc"] == 1
    asked = array(["none zero", "pair two", "five", ""])
    mean = fasttext.judge(fasttext.load_trained(model, score="mean"), asked, tokens=True)
    assert mean["score"].to_pylist()[:3] == pytest.approx([0, 2, 5], abs=0.8)
    assert mean["label"].to_pylist() == ["0", "2", "5", None]
    single = [fasttext.predict(fasttext.load_trained(model, [label]), asked, tokens=True) for label in "025"]
    both = fasttext.predict(fasttext.load_trained(model, ["__label__5", "2"]), asked, tokens=True)
    assert both.to_pylist()[:3] == pytest.approx(np.add(single[1], single[2]).tolist()[:3])
    top = fasttext.predict(fasttext.load_trained(model, score="top"), asked, tokens=True)
    assert top.to_pylist()[:3] == pytest.approx(np.max([s.to_numpy(False)[:3] for s in single], axis=0).tolist())
    with pytest.raises(UsageError, match="--score top"):
        fasttext.load_trained(model)


def test_a_mean_needs_labels_that_are_numbers(file):
    with pytest.raises(UsageError, match="is no number"):
        fasttext.load(file, score="mean")


def test_cross_validation_doubts_the_labels_that_are_wrong():
    good, bad = GOOD[:150], BAD[:200]
    wrong = [*good[:6], *bad[:4]]
    model = fasttext.train(given(array(good[6:] + bad[:4]), array(bad[4:] + good[:6])), epochs=20, seed=7, folds=4)
    row = first(model)
    assert row["trained"] == row["measured"] == [148, 202]
    tokens = fasttext.as_tokens(array(wrong)).to_pylist()
    beginnings = {line[:120].strip() for line in tokens}
    assert {item["beginning"] for item in row["doubtful"]} >= beginnings
    assert sum(row["doubted"]) < 20
    told = "\n".join(fasttext.report_lines(model))
    assert "in 4 folds" in told
    assert "labels to doubt, by cross-validation" in told


def test_calibration_finds_the_curve_and_keeps_the_order():
    draw = np.random.default_rng(0)
    values = draw.random(4000)
    odds = 0.4 * np.log(values / (1 - values)) - 1
    right = draw.random(4000) < 1 / (1 + np.exp(-odds))
    slope, intercept = fasttext_measure.fit(values, right)
    assert (slope, intercept) == pytest.approx((0.4, -1), abs=0.1)
    found = fasttext_measure.logistic(values, slope, intercept)
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    assert fasttext_measure.error(found, right) < 0.03 < 0.15 < fasttext_measure.error(values, right)


def test_calibration_of_classes_that_are_told_apart_stays_finite():
    slope, intercept = fasttext_measure.fit(np.repeat([0.999, 0.001], 50), np.repeat([True, False], 50))
    assert 0 < slope < 5
    assert abs(intercept) < 1


def test_what_is_no_model(file, tmp_path):
    with pytest.raises(UsageError, match=r"no label __label__x; .*__label__negative"):
        fasttext.load(file, ["__label__x"])
    (tmp_path / "text.bin").write_text("not a model, though long enough to be read as one")
    with pytest.raises(UsageError, match=r"text\.bin"):
        fasttext.load(str(tmp_path / "text.bin"))


def test_a_model_of_word_vectors_is_refused(tmp_path):
    import fasttext as library

    (tmp_path / "words.txt").write_text("a b c d e\n" * 50)
    library.train_unsupervised(str(tmp_path / "words.txt"), dim=2, bucket=10, thread=11, verbose=0).save_model(
        str(tmp_path / "words.bin")
    )
    with pytest.raises(UsageError, match="supervised"):
        fasttext.load(str(tmp_path / "words.bin"))


def test_area_under_curve_is_the_share_of_pairs_in_order():
    draw = np.random.default_rng(0)
    positive, negative = draw.integers(0, 9, 40) / 8, draw.integers(0, 7, 30) / 8
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert fasttext_measure.area_under_curve(positive, negative) == pytest.approx(np.mean(pairs))
