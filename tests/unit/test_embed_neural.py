import importlib.util
import json
import os

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import embed_neural
from curate.errors import UsageError
from curate.kernels import arrow
from curate.stages.embed import STAGE, EmbedConfig
from tests import material, running

TEXTS = ["the quick brown fox", "a lazy dog sleeps", "", "the fox " * 200, " \n", "dog"]
MISSING = importlib.util.find_spec("sentence_transformers") is None
needs_extra = pytest.mark.skipif(
    MISSING and os.environ.get("CURATE_REQUIRE_EXTRAS") != "1", reason="sentence-transformers is not installed"
)


def array(texts):
    return pa.chunked_array([pa.array(texts, pa.large_string())])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of two layers with random weights and 32 dimensions, and a tokenizer trained on the spot."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=100, special_tokens=special))
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], special, strict=True))
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    bert = BertModel(BertConfig(vocab_size=100, max_position_embeddings=64, **sizes))
    bert.save_pretrained(root / "bert")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(root / "bert")
    modules = [Transformer(str(root / "bert")), Pooling(32)]
    SentenceTransformer(modules=modules, device="cpu").save(str(root / "sentence"))
    return root


def direct(folder, texts, dimensions=None):
    """The same vectors, one document at a time."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", truncate_dim=dimensions)
    return np.stack([model.encode(text, normalize_embeddings=True) for text in texts])


@needs_extra
def test_a_folder_gives_the_vectors_of_the_package(folder):
    config = EmbedConfig(model=str(folder / "sentence"), dtype="float32")
    assert STAGE.adds(config) == pa.schema([("embed", pa.list_(pa.float32(), 32))])
    assert STAGE.before[0].sample(config) == 0
    settled = STAGE.before[0].settle(iter([]), config)
    applied = STAGE.apply(pa.table({"text": array(TEXTS)}), None, STAGE.prepare(settled.model, config), config)
    column = applied.table["embed"]
    assert column.is_valid().to_pylist() == [True, True, False, True, False, True]
    found = arrow.vectors(column.drop_null())
    assert found == pytest.approx(direct(folder / "sentence", [text for text in TEXTS if text.strip()]), abs=1e-5)
    assert applied.counts == {"without_vector": 2}
    assert STAGE.report(settled.model, None, config) == []


@needs_extra
def test_vectors_are_cut_and_made_length_one_again(folder):
    name = str(folder / "sentence")
    assert embed_neural.dimensions(name, 8) == 8
    column = embed_neural.embed(array(TEXTS[:2]), embed_neural.load(name, 8), "float16")
    assert column.type == pa.list_(pa.float16(), 8)
    assert arrow.vectors(column).astype(np.float32) == pytest.approx(direct(name, TEXTS[:2], 8), abs=2e-3)


@needs_extra
def test_blocks_change_nothing_but_rounding(folder, monkeypatch):
    model = embed_neural.load(str(folder / "sentence"), 32)
    whole = arrow.vectors(embed_neural.embed(array(TEXTS), model, "float32"))
    monkeypatch.setattr(embed_neural, "_ROWS_AT_ONCE", 2)
    assert arrow.vectors(embed_neural.embed(array(TEXTS), model, "float32")) == pytest.approx(whole, abs=1e-5)
    assert len(embed_neural.embed(array([]), model, "float32")) == 0


@needs_extra
def test_a_transformer_without_modules_says_its_own_length(folder):
    assert embed_neural.dimensions(str(folder / "bert"), None) == 32


@needs_extra
def test_older_and_dense_modules_say_their_length(tmp_path):
    modules = [{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}, {"path": "3_Normalize"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    for name, config in {"1_Pooling": {"word_embedding_dimension": 64}, "2_Dense": {"out_features": 24}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    assert embed_neural.dimensions(str(tmp_path), None) == 24


@needs_extra
def test_more_dimensions_than_there_are(folder):
    with pytest.raises(UsageError, match=r"--dimensions 64: the vectors of .* have 32"):
        embed_neural.dimensions(str(folder / "sentence"), 64)


@needs_extra
def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(UsageError, match="neither a folder with a model"):
        embed_neural.dimensions(str(tmp_path), None)
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(UsageError, match="give --dimensions"):
        embed_neural.dimensions(f"{tmp_path}/", None)


@needs_extra
def test_a_model_that_cannot_be_loaded(tmp_path):
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    with pytest.raises(UsageError, match="cannot be loaded"):
        embed_neural.load(str(tmp_path), 8)


@needs_extra
def test_a_device_that_is_not_there(folder, monkeypatch):
    monkeypatch.setenv("CURATE_DEVICE", "cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        embed_neural.load(str(folder / "sentence"), 32)


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = EmbedConfig(model="some/model")
    with pytest.raises(UsageError, match=r"pip install 'curate\[neural\]'"):
        STAGE.before[0].settle(iter([]), config)


@needs_extra
def test_a_worker_loads_the_model(folder, tmp_path):
    material.write_records(tmp_path / "raw.jsonl", [text for text in TEXTS if text.strip()])
    assert running.command("ingest", tmp_path / "raw.jsonl", "--to", tmp_path / "pool").returncode == 0
    ended = running.command("embed", tmp_path / "pool", "--model", folder / "sentence", "--workers", 1)
    assert ended.returncode == 0, ended.stderr
