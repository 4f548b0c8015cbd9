import json

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import embed_models, embed_static, embed_tokens
from curate.algorithms.embed_models import Wanted
from curate.errors import UsageError
from curate.kernels import arrow
from curate.stages.embed import STAGE, EmbedConfig
from tests import models

TEXTS = ["the quick brown fox", "a lazy dog sleeps", "", "the fox " * 200, " \n", "dog", "quick 🙂 fox"]


def array(texts):
    return pa.chunked_array([pa.array(texts, pa.large_string())])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return models.write_static(tmp_path_factory.mktemp("models") / "static", TEXTS[:6])


def plain(folder, texts, dimensions=16, most=None):
    """The same by the definition: the mean of rows times weights, less the unknown token, at length one."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    tokenizer, tensors = Tokenizer.from_file(str(folder / "tokenizer.json")), load_file(folder / "model.safetensors")
    found = []
    for text in texts:
        ids = [i for i in tokenizer.encode(text, add_special_tokens=False).ids[:most] if i != 1]
        rows = tensors["embeddings"][tensors["mapping"][ids]] * tensors["weights"][ids][:, None]
        mean = rows.mean(axis=0, dtype=np.float64)[:dimensions]
        found.append(mean / np.linalg.norm(mean))
    return np.array(found)


def embedded(folder, texts, dtype="float32", **wanted):
    return embed_models.load(Wanted(str(folder), **wanted)).embed(array(texts), dtype)


def test_a_model2vec_folder(folder):
    config = EmbedConfig(model=str(folder), dtype="float32")
    assert STAGE.adds(config) == pa.schema([("embed", pa.list_(pa.float32(), 16))])
    settled = STAGE.before[0].settle(iter([]), config)
    applied = STAGE.apply(pa.table({"text": array(TEXTS)}), None, STAGE.prepare(settled.model, config), config)
    column = applied.table["embed"]
    assert column.is_valid().to_pylist() == [True, True, False, True, False, True, True]
    found = arrow.vectors(column.drop_null())
    assert found == pytest.approx(plain(folder, [text for text in TEXTS if text.strip()]), abs=1e-6)
    assert applied.counts == {"without_vector": 2}


def test_cut_vectors_and_heads(folder):
    texts = ["dog fox lazy", "fox " * 50]
    found = arrow.vectors(embedded(folder, texts, dimensions=5, max_length=2))
    assert found == pytest.approx(plain(folder, texts, 5, 2), abs=1e-6)
    whole = arrow.vectors(embedded(folder, texts, max_length=2, truncation="chunks-mean"))
    assert whole == pytest.approx(plain(folder, texts), abs=1e-6)


def test_what_the_files_say_of_the_length(folder, tmp_path):
    copied = models.write_static(tmp_path / "short", TEXTS[:6])
    (copied / "config.json").write_text(json.dumps({"model_type": "model2vec", "max_length": 2}))
    assert embedded(copied, ["dog fox lazy"]) == embedded(folder, ["dog fox lazy"], max_length=2)


def test_no_cut_of_windows_or_stretches_shows(folder, monkeypatch):
    whole = embedded(folder, TEXTS)
    monkeypatch.setattr(embed_static, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(embed_tokens, "STRETCH", 20)
    assert embedded(folder, TEXTS) == whole
    assert embedded(folder, TEXTS, "int8").type == pa.list_(pa.int8(), 16)
    assert len(embedded(folder, [])) == 0


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
@pytest.mark.parametrize("path", ["", "0_StaticEmbedding"])
def test_a_sentence_transformers_folder_counts_unknown_tokens(tmp_path, kind, path):
    inner = tmp_path / path
    inner.mkdir(exist_ok=True)
    tokenizer = models.tokenizer(TEXTS[:6])
    tokenizer.save(str(inner / "tokenizer.json"))
    table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 8)).astype(kind)
    models.write_tensors(inner / "model.safetensors", {"embedding.weight": table})
    names = [("sentence_transformers.models.StaticEmbedding", path), ("sentence_transformers.models.Normalize", "1")]
    (tmp_path / "modules.json").write_text(json.dumps([{"type": name, "path": path} for name, path in names]))
    found = arrow.vectors(embedded(tmp_path, ["fox 🙂 dog"]))[0]
    mean = table[tokenizer.encode("fox 🙂 dog", add_special_tokens=False).ids].astype(np.float64).sum(axis=0)
    assert 1 in tokenizer.encode("fox 🙂 dog").ids
    assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


@models.needs_extra
def test_the_package_gives_the_same(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    made = SentenceTransformer(modules=[StaticEmbedding(models.tokenizer(TEXTS[:6]), embedding_dim=8)], device="cpu")
    made.save(str(tmp_path / "saved"))
    texts = [text for text in TEXTS if text.strip()]
    assert embed_models.kind(Wanted(str(tmp_path / "saved"))) == "static"
    found = arrow.vectors(embedded(tmp_path / "saved", texts))
    assert found == pytest.approx(made.encode(texts, normalize_embeddings=True), abs=1e-5)


def test_numbers_of_half_a_float32(tmp_path):
    folder = models.write_static(tmp_path / "static", TEXTS[:6])
    table = np.array([[1, -2.5], [0, 3]] * 200, dtype=np.float32)
    half = (table.view(np.uint32) >> 16).astype(np.uint16)
    models.write_tensors(folder / "model.safetensors", {"embeddings": half.view(np.float16)})
    path = folder / "model.safetensors"
    path.write_bytes(_bf16(path.read_bytes()))
    encoder = embed_models.load(Wanted(str(folder)))
    assert (encoder.table == table).all()


def _bf16(data):
    """A file with the type of its numbers named so."""
    size = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + size].replace(b'"F16"', b'"BF16"')
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def test_files_that_do_not_fit(folder, tmp_path):
    other = models.write_static(tmp_path / "static", TEXTS[:6])
    models.write_tensors(other / "model.safetensors", {"embeddings": np.zeros((3, 4), dtype=np.float32)})
    with pytest.raises(UsageError, match="has rows for 3 tokens"):
        embedded(other, ["dog"])
    models.write_tensors(other / "model.safetensors", {"other": np.zeros((3, 4), dtype=np.float32)})
    with pytest.raises(UsageError, match="no table of numbers"):
        embed_static.length(str(other))
    (other / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(UsageError, match="not a safetensors file"):
        embed_static.length(str(other))
    whole = (folder / "model.safetensors").read_bytes()
    (other / "model.safetensors").write_bytes(whole[:-400])
    with pytest.raises(UsageError, match="ends too early"):
        embedded(other, ["dog"])


def test_options_that_say_nothing_to_it(folder):
    with pytest.raises(UsageError, match=r"--pooling cls: .* one row a token"):
        embed_models.kind(Wanted(str(folder), pooling="cls"))
    with pytest.raises(UsageError, match=r"--dimensions 17: the vectors of .* have 16"):
        embed_models.dimensions(Wanted(str(folder), dimensions=17))
