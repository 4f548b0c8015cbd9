import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import embed_models, embed_tokens, embed_torch
from curate.algorithms.embed_models import Wanted
from curate.errors import UsageError
from curate.kernels import arrow
from curate.stages.embed import STAGE, EmbedConfig
from tests import material, models, running

pytestmark = models.needs_extra
TEXTS = ["the quick brown fox", "a lazy dog sleeps", "", "the fox " * 200, " \n", "dog", "fox dog " * 20]
FULL = [text for text in TEXTS if text.strip()]


def array(texts):
    return pa.chunked_array([pa.array(texts, pa.large_string())])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    models.write_transformer(root / "bert", TEXTS)
    models.write_sentence(root / "sentence", root / "bert")
    return root


def embedded(name, texts, dtype="float32", **wanted):
    return embed_models.load(Wanted(str(name), **wanted)).embed(array(texts), dtype)


def direct(name, texts, dimensions=None):
    """What sentence-transformers gives, one document at a time."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(name), device="cpu", truncate_dim=dimensions)
    return np.stack([model.encode(text, normalize_embeddings=True) for text in texts])


def test_a_sentence_transformers_folder(folder):
    config = EmbedConfig(model=str(folder / "sentence"), dtype="float32")
    assert STAGE.adds(config) == pa.schema([("embed", pa.list_(pa.float32(), 32))])
    assert STAGE.before[0].sample(config) == 0
    settled = STAGE.before[0].settle(iter([]), config)
    applied = STAGE.apply(pa.table({"text": array(TEXTS)}), None, STAGE.prepare(settled.model, config), config)
    column = applied.table["embed"]
    assert column.is_valid().to_pylist() == [bool(text.strip()) for text in TEXTS]
    assert arrow.vectors(column.drop_null()) == pytest.approx(direct(folder / "sentence", FULL), abs=1e-5)
    assert applied.counts == {"without_vector": 2}
    assert STAGE.report(settled.model, None, config) == []


def test_vectors_are_cut_and_made_length_one_again(folder):
    name = folder / "sentence"
    column = embedded(name, TEXTS[:2], "float16", dimensions=8)
    assert column.type == pa.list_(pa.float16(), 8)
    assert arrow.vectors(column).astype(np.float32) == pytest.approx(direct(name, TEXTS[:2], 8), abs=2e-3)


@pytest.mark.parametrize(("ours", "theirs"), [("cls", "cls"), ("last", "lasttoken"), ("weighted-mean", "weightedmean")])
def test_pooling_is_that_of_the_package(folder, ours, theirs):
    other = folder / theirs
    models.write_sentence(other, folder / "bert", pooling=theirs)
    expected = direct(other, FULL)
    for name, pooling in (("bert", ours), ("sentence", ours), (theirs, None)):
        assert arrow.vectors(embedded(folder / name, FULL, pooling=pooling)) == pytest.approx(expected, abs=1e-5)


def test_without_a_word_on_pooling_it_is_the_mean(folder):
    assert embed_models.kind(Wanted(str(folder / "bert"))) == "transformer"
    assert arrow.vectors(embedded(folder / "bert", FULL)) == pytest.approx(direct(folder / "sentence", FULL), abs=1e-5)


def test_modules_behind_the_pooling_and_a_prompt(folder, tmp_path):
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense

    torch.manual_seed(1)
    options = {"prompts": {"passage": "dog dog "}, "default_prompt_name": "passage"}
    models.write_sentence(tmp_path / "dense", folder / "bert", Dense(32, 12), **options)
    assert embed_models.dimensions(Wanted(str(tmp_path / "dense"))) == 12
    assert arrow.vectors(embedded(tmp_path / "dense", FULL)) == pytest.approx(
        direct(tmp_path / "dense", FULL), abs=1e-5
    )


def test_batches_windows_and_order_change_nothing_but_rounding(folder, monkeypatch):
    encoder = embed_models.load(Wanted(str(folder / "sentence"), truncation="chunks-mean"))
    whole = arrow.vectors(encoder.embed(array(TEXTS), "float32"))
    monkeypatch.setattr(embed_torch, "_ROWS_AT_ONCE", 2)
    monkeypatch.setattr(embed_tokens, "STRETCH", 20)
    monkeypatch.setenv("CURATE_BATCH_TOKENS", "1")
    assert arrow.vectors(encoder.embed(array(TEXTS), "float32")) == pytest.approx(whole, abs=1e-5)
    back = arrow.vectors(encoder.embed(array(TEXTS[::-1]), "float32"))[::-1]
    assert back == pytest.approx(whole, abs=1e-5)
    assert len(encoder.embed(array([]), "float32")) == 0
    assert encoder.embed(array(["", " "]), "int8").null_count == 2


def test_heads_and_means_of_chunks(folder):
    text = "the fox sleeps a lazy dog"
    head = embedded(folder / "bert", [text], max_length=5)
    assert arrow.vectors(head) == pytest.approx(direct(folder / "sentence", ["the fox sleeps"]), abs=1e-5)
    parts = direct(folder / "sentence", ["the fox sleeps a", "lazy dog"])
    mean = 4 * parts[0] + 2 * parts[1]
    found = arrow.vectors(embedded(folder / "bert", [text], max_length=6, truncation="chunks-mean"))
    assert found[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_limits_of_the_model(folder):
    with pytest.raises(UsageError, match=r"--max-length 65: .* has 64 positions"):
        embed_models.load(Wanted(str(folder / "sentence"), max_length=65))
    with pytest.raises(UsageError, match=r"--max-length 2: .* adds 2 special tokens"):
        embed_models.load(Wanted(str(folder / "bert"), max_length=2))
    with pytest.raises(UsageError, match=r"--dimensions 64: the vectors of .* have 32"):
        embed_models.dimensions(Wanted(str(folder / "sentence"), dimensions=64))


def test_a_model_that_makes_its_own_batches(tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import BoW

    made = SentenceTransformer(modules=[BoW(["fox", "dog", "lazy"])], device="cpu")
    made.save(str(tmp_path / "bow"))
    wanted = Wanted(str(tmp_path / "bow"), dimensions=3)
    column = embed_models.load(wanted).embed(array([*TEXTS, "unheard"]), "float32")
    assert column.is_valid().to_pylist() == [True, True, False, True, False, True, True, False]
    assert arrow.vectors(column.drop_null()) == pytest.approx(made.encode(FULL, normalize_embeddings=True), abs=1e-6)
    with pytest.raises(UsageError, match="reads texts its own way"):
        embed_models.load(wanted._replace(max_length=8))


@pytest.mark.parametrize("files", [("config.json",), ("config.json", "modules.json")])
def test_a_model_that_cannot_be_loaded(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text('{"hidden_size": 8}' if name == "config.json" else "[]")
    with pytest.raises(UsageError, match="cannot be loaded"):
        embed_models.load(Wanted(str(tmp_path), dimensions=8))


@pytest.mark.parametrize(
    ("name", "message"),
    [("cuda", "no CUDA device"), ("cuda:5", "no CUDA device"), ("abacus", "no such device"), ("", "no such device")],
)
def test_a_device_that_is_not_there(monkeypatch, name, message):
    monkeypatch.setenv("CURATE_DEVICE", name)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match=message):
        embed_torch.device()


def test_workers_share_the_devices_by_their_numbers(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    found = []
    for worker in ("0", "1", "2"):
        monkeypatch.setenv("CURATE_WORKER", worker)
        monkeypatch.setenv("CURATE_DEVICE", "cuda")
        found.append(embed_torch.device())
        monkeypatch.setenv("CURATE_DEVICE", "cuda:1")
        assert embed_torch.device() == "cuda:1"
    assert found == ["cuda:0", "cuda:1", "cuda:0"]
    monkeypatch.setenv("CURATE_DEVICE", "cuda:2")
    with pytest.raises(UsageError, match=r"--device cuda:2: there are 2 here"):
        embed_torch.device()


@pytest.mark.parametrize(("texts", "hint"), [(["dog", "fox"], "such as 8192"), (["dog"], "by --max-length")])
def test_memory_of_the_device_that_runs_out(folder, monkeypatch, texts, hint):
    import torch

    encoder = embed_models.load(Wanted(str(folder / "bert")))

    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setitem(encoder.__dict__, "forward", full)
    with pytest.raises(UsageError, match=rf"--batch-tokens 16384: a batch of {len(texts)} x 3 tokens .*{hint}"):
        encoder.embed(array(texts), "float32")
    monkeypatch.setitem(encoder.__dict__, "forward", lambda ids, mask: ids[:, :1] * float("nan"))
    with pytest.raises(UsageError, match="not numbers"):
        encoder.embed(array(texts), "float32")


def test_a_worker_loads_the_model(folder, tmp_path):
    material.write_records(tmp_path / "raw.jsonl", FULL)
    assert running.command("ingest", tmp_path / "raw.jsonl", "--to", tmp_path / "pool").returncode == 0
    given = ["embed", tmp_path / "pool", "--model", folder / "bert", "--workers", 1, "--batch-tokens", 64]
    ended = running.command(*given, "--max-length", 9, "--pooling", "last", "--dtype", "int8")
    assert ended.returncode == 0, ended.stderr
