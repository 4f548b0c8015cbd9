import random

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import normalized_mutual_info_score
from sklearn.preprocessing import normalize

from curate.algorithms import embed
from curate.kernels import arrow
from curate.stages.embed import STAGE, EmbedConfig

TOPICS = {
    "cooking": ["simmer", "onion", "butter", "recipe", "oven", "garlic", "flour", "whisk"],
    "sailing": ["mast", "rudder", "harbour", "anchor", "keel", "spinnaker", "wind", "tide"],
    "chinese": ["天气", "下雨", "温度", "台风", "预报", "晴朗", "湿度", "气象"],
    "russian": ["процессор", "память", "диск", "ядро", "шина", "кэш", "плата", "сеть"],
}
COMMON = ["the", "of", "and", "to", "in"]


def array(texts):
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def documents(number, seed=0):
    """Texts of each topic, and the topic of each."""
    draw = random.Random(seed)
    found = []
    for topic, words in TOPICS.items():
        for _ in range(number):
            found.append((" ".join(draw.choices(words, k=12) + draw.choices(COMMON, k=8)), topic))
    draw.shuffle(found)
    return [text for text, _ in found], np.array([topic for _, topic in found])


def fitted(texts, dimensions=16, seed=0):
    return embed.fit(embed.heads(array(texts), len(texts)), dimensions, seed)


def vectors(texts, model, dtype="float32"):
    return arrow.vectors(embed.embed(array(texts), model, dtype)).astype(np.float64)


@pytest.fixture(scope="module")
def mixed():
    texts, topics = documents(60)
    return texts, topics, fitted(texts)


def test_documents_of_a_topic_are_near_each_other_in_any_script(mixed):
    _, _, model = mixed
    texts, topics = documents(30, seed=1)
    found = vectors(texts, model)
    cosines = found @ found.T
    np.fill_diagonal(cosines, -1)
    assert (topics[cosines.argmax(axis=1)] == topics).all()
    same = topics[:, None] == topics
    assert cosines[same].mean() > cosines[~same].mean() + 0.5


def test_an_unknown_inflection_is_near_its_word(mixed):
    texts, _, model = mixed
    assert not any("anchored" in text for text in texts)
    unknown, sailing, cooking = vectors(["anchored harbours", "anchor harbour", "onion butter"], model)
    assert unknown @ sailing > unknown @ cooking + 0.3


def short_documents(number, seed=0):
    """Texts of 5 words of a topic's 150 and 15 of 200 common ones, more of them of the first; the topic of each."""
    draw = random.Random(seed)
    names = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(4 * 150 + 200)]
    topics = [draw.randrange(4) for _ in range(number)]
    common, falling = names[600:], [1 / (rank + 5) for rank in range(200)]
    return [
        " ".join(draw.sample(names[150 * topic : 150 * topic + 150], 5) + draw.choices(common, falling, k=15))
        for topic in topics
    ], np.array(topics)


def test_clusters_are_the_topics_of_short_noisy_texts_and_more_so_than_of_tfidf_and_svd():
    texts, topics = short_documents(600)
    tfidf = TruncatedSVD(64, random_state=0).fit_transform(TfidfVectorizer().fit_transform(texts))

    def agreement(found):
        clusters = [KMeans(4, n_init=3, random_state=seed).fit_predict(found) for seed in range(3)]
        return np.mean([normalized_mutual_info_score(topics, one) for one in clusters])

    ours = agreement(vectors(texts, fitted(texts, dimensions=64)))
    assert ours > 0.8
    assert ours > agreement(normalize(tfidf)) + 0.5


@pytest.mark.parametrize(("dtype", "bound"), [("float16", 2e-3), ("float32", 1e-6)])
def test_vectors_have_length_one(mixed, dtype, bound):
    texts, _, model = mixed
    column = embed.embed(array(texts), model, dtype)
    assert column.type == pa.list_(pa.type_for_alias(dtype), 16)
    assert np.abs(np.linalg.norm(vectors(texts, model, dtype), axis=1) - 1).max() < bound


def test_what_has_no_letter_has_no_vector(mixed):
    _, _, model = mixed
    column = embed.embed(array(["onion", "", "?! --", None, "butter"]), model, "float16")
    assert column.is_valid().to_pylist() == [True, False, False, False, True]
    assert embed.embed(array([]), model, "float16").to_pylist() == []


def test_the_bytes_do_not_hang_on_the_cut_of_the_shards(mixed, monkeypatch):
    texts, _, model = mixed
    whole = embed.embed(array(texts), model, "float16")
    parts = [embed.embed(array(texts).slice(start, 7), model, "float16") for start in range(0, len(texts), 7)]
    assert pa.concat_arrays(parts).equals(whole)
    monkeypatch.setattr(embed, "_ROWS_AT_ONCE", 5)
    assert embed.embed(array(texts), model, "float16").equals(whole)


def test_a_fit_repeats_to_the_last_bit_and_hangs_on_the_seed(mixed):
    texts, _, model = mixed
    assert embed.to_table(fitted(texts)).equals(embed.to_table(model))
    assert not embed.to_table(fitted(texts, seed=1)).equals(embed.to_table(model))


def test_a_model_comes_back_from_its_table(mixed):
    texts, _, model = mixed
    again = embed.from_table(embed.to_table(model))
    assert (again.share, again.documents) == (model.share, 240)
    assert embed.embed(array(texts), again, "float32").equals(embed.embed(array(texts), model, "float32"))


def exact(texts):
    """The weighted features of texts, at length one, as a dense matrix."""
    given = embed._read(arrow.strings(array(texts)))
    words, found = embed._known_words(given)
    vocabulary = embed._vocabulary(words)
    counts = embed._counted(given, vocabulary)
    weights = embed._weights(given, vocabulary, counts, found)
    features = len(words) + embed.BUCKETS

    def dense(sparse, height):
        out = np.zeros((height, features))
        rows = np.repeat(np.arange(height), np.diff(sparse.ends, prepend=0))
        np.add.at(out, (rows, sparse.columns), sparse.values)
        return out

    rows = dense(counts, len(texts)) @ dense(weights, features)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_axes_hold_nearly_what_the_exact_ones_do():
    texts, _ = documents(20)
    rows = exact(texts)
    strengths = np.linalg.svd(rows, compute_uv=False)
    best = (strengths[:16] ** 2).sum() / (strengths**2).sum()
    assert best * 0.98 < fitted(texts).share <= best * 1.0001


def test_eight_bits_a_number_change_cosines_by_little():
    """With every dimension there is, cosines are those of the features along their stretched axes, less the mean."""
    texts, _ = documents(20)
    left, strengths, _ = np.linalg.svd(exact(texts), full_matrices=False)
    rows, found = left * strengths**2, vectors(texts, fitted(texts, dimensions=80))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows -= rows.sum(axis=0) / (len(texts) + 100)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert np.abs(rows @ rows.T - found @ found.T).max() < 0.01


def test_more_dimensions_than_documents_are_filled_up_with_zeros():
    texts, _ = documents(2)
    found = vectors(texts, fitted(texts, dimensions=64))
    assert not found[:, 8:].any()
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(8), abs=1e-5)


@pytest.mark.parametrize("texts", [["one document alone"], ["the same"] * 50, ["a", "b"]])
def test_tiny_corpora_have_vectors(texts):
    found = embed.embed(array(texts), fitted(texts), "float32")
    assert found.null_count == 0


@pytest.mark.parametrize("texts", [[], ["", "!"]])
def test_nothing_to_learn_from(texts):
    model = fitted(texts)
    assert model.share == 0
    assert embed.embed(array(["anything"]), model, "float16").null_count == 1


def test_heads_are_cut_between_characters():
    texts = array(["é" * 3000, "short"])
    assert embed.heads(texts, 2).to_pylist() == ["é" * 2048, "short"]
    assert embed.heads(texts, 10_000).to_pylist() == ["é" * 400, "short"]


def test_the_stage_counts_what_has_no_vector():
    config = EmbedConfig(dimensions=8, sample=3)
    assert STAGE.before[0].sample(config) == 3
    texts = pa.table({"text": array(["onion", "", "butter"])})
    sampled = texts.replace_schema_metadata({"documents": "3"})
    surveys = [STAGE.before[0].survey(sampled.slice(i, 1), None, config) for i in range(3)]
    settled = STAGE.before[0].settle(iter(surveys), config)
    applied = STAGE.apply(texts, None, STAGE.prepare(settled.model, config), config)
    assert applied.table.schema == STAGE.adds(config)
    assert (applied.counts, applied.rejects) == ({"without_vector": 1}, None)
    assert "from 3 documents; 8 dimensions" in STAGE.report(settled.model, None, config)[0]


@pytest.mark.parametrize("options", [{"dimensions": 0}, {"dtype": "float64"}, {"sample": 0}, {"size": 3}])
def test_wrong_options(options):
    with pytest.raises(ValidationError):
        EmbedConfig(**options)
