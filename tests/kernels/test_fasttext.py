"""The twin of these kernels is the library itself."""

import random

import fasttext as library
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import fasttext_model
from curate.algorithms.fasttext_train import zeroed_memory
from curate.errors import UsageError

WORDS = [
    "the",
    "of",
    "Grüße",
    "naïve",
    "日本語",
    "x",
    "don't",
    "𝔘nicode",
    "e",
    "été",
    "<b>",
    "und",
    "que",
    "l'eau",
    "7",
]
MODELS = {
    "softmax": {"dim": 10, "bucket": 1000, "wordNgrams": 3},
    "subwords": {"dim": 16, "bucket": 999, "wordNgrams": 2, "minn": 2, "maxn": 4, "loss": "hs"},
    "one letter": {"dim": 7, "bucket": 64, "minn": 1, "maxn": 2, "loss": "hs"},
    "one against all": {"dim": 5, "bucket": 1, "wordNgrams": 2, "loss": "ova"},
    "words alone": {"dim": 3},
}
NAMES = [*MODELS, "quantised", "pruned"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("fasttext"), random.Random(5)
    lines = []
    for i in range(400):
        words = [*draw.choices(WORDS[i % 4 * 3 :], k=draw.randrange(1, 12)), f"{draw.randrange(1500)}ß"]
        lines.append(f"__label__{'abcd'[i % 4] * (1 + i % 3)} {' '.join(words)}\n")
    (folder / "train.txt").write_text("".join(lines))
    for name, options in MODELS.items():
        with zeroed_memory():
            trained = library.train_supervised(
                str(folder / "train.txt"), thread=1, verbose=0, lr=0.5, epoch=9, **options
            )
        trained.save_model(str(folder / name))
        if name == "subwords":
            trained.quantize(qnorm=True, dsub=3, verbose=0)
            trained.save_model(str(folder / "quantised"))
    with zeroed_memory():
        trained = library.train_supervised(str(folder / "train.txt"), thread=1, verbose=0, **MODELS["softmax"])
    trained.quantize(cutoff=300, dsub=4, verbose=0)
    trained.save_model(str(folder / "pruned"))
    return {name: str(folder / name) for name in NAMES}


@pytest.fixture(scope="module")
def pairs(files):
    return {name: (fasttext_model.opened(path), library.load_model(path)) for name, path in files.items()}


def by_the_library(model, labels, texts):
    out = np.zeros((len(texts), len(labels)), dtype=np.float32)
    lines = [text.replace("\n", " ") + "\n" for text in texts]
    for row, names, values in zip(out, *model.f.multilinePredict(lines, len(labels), 0.0, "strict"), strict=True):
        row[[labels.index(name) for name in names]] = values
    return out


PARTS = [*WORDS, "</s>", "__label__a", "__label__zz", "__label_", "\x00", "\n", "\t", "  ", "unheard", "日", "\x1f"]
TEXTS = st.lists(
    st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=8)), max_size=12).map(
        lambda parts: "".join(part + " " * (len(part) % 3 > 0) for part in parts)
    ),
    max_size=5,
)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=40)
@given(texts=TEXTS, start=st.integers(0, 2))
def test_probabilities_are_the_librarys(pairs, name, texts, start):
    loaded, model = pairs[name]
    array = pa.array(texts, pa.large_string()).slice(start)
    expected = by_the_library(model, loaded.labels, texts[start:])
    found = fasttext_model.probabilities(loaded, array)
    assert found == pytest.approx(expected, abs=1e-6)
    best = fasttext_model.probabilities(loaded, array, best_only=True)
    assert best.max(axis=1, initial=0) == pytest.approx(found.max(axis=1, initial=0), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_long_texts_and_long_words_are_summed_in_the_librarys_order(pairs, name):
    loaded, model = pairs[name]
    draw = random.Random(1)
    texts = [
        " ".join(draw.choices(PARTS[:15], k=9000)),
        "ä日b" * 4000 + " the of",
        "b" * 255 + " " + "b" * 254 + " " + "é" * 127,
    ]
    expected = by_the_library(model, loaded.labels, texts)
    found = fasttext_model.probabilities(loaded, pa.array(texts, pa.large_string()))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_labels_are_the_librarys(pairs, name):
    loaded, model = pairs[name]
    assert loaded.labels == model.f.getLabels("strict")[0]


def test_null_and_blank_texts(pairs):
    texts = pa.array([None, "", " \n", "the"], pa.large_string())
    assert fasttext_model.with_words(texts).tolist() == [False, False, False, True]
    found = fasttext_model.probabilities(pairs["softmax"][0], texts)
    assert np.array_equal(found[0], found[2])


@pytest.mark.parametrize("name", ["softmax", "subwords", "pruned"])
def test_a_cut_or_broken_file_is_refused(files, name, tmp_path):
    with open(files[name], "rb") as file:
        whole = file.read()
    cuts = [0, 1, 50, 70, 90, 200, len(whole) // 2, len(whole) - 1]
    for number, content in enumerate([*(whole[:cut] for cut in cuts), b"\0" + whole[1:]]):
        path = tmp_path / str(number)
        path.write_bytes(content)
        with pytest.raises(UsageError, match="give a supervised fastText model"):
            fasttext_model.opened(str(path))


def test_any_byte_of_the_head_may_be_wrong(files, tmp_path):
    """What is still taken for a model can be read from."""
    with open(files["subwords"], "rb") as file:
        whole = file.read()
    draw = random.Random(2)
    for _ in range(150):
        at = draw.randrange(100)
        content = whole[:at] + bytes([draw.randrange(256)]) + whole[at + 1 :]
        try:
            loaded = fasttext_model.parsed(content)
        except ValueError:
            continue
        assert len(fasttext_model.probabilities(loaded, pa.array(["the of été und 12ß"], pa.large_string()))) == 1
