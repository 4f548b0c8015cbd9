import math

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import loss_models, loss_transformer
from curate.errors import UsageError
from tests import models

pytestmark = models.needs_extra
TEXTS = ["the quick brown fox", "a lazy dog sleeps", "", "the fox jumps over a dog " * 12, " \n", "dog", "été 狐"]


def array(texts):
    return pa.array(texts, pa.large_string())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("causal")
    models.write_causal(root / "begins", TEXTS, positions=16)
    models.write_causal(root / "bare", TEXTS, positions=16, begins=False)
    return root


def naive(path, text, longest=16):
    """Bits of a text, a token at a time: each by a run of the model over the tokens that it may see."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    bits = 0.0 if tokenizer.bos_token_id is not None or not ids else math.log2(model.config.vocab_size)
    ids = ids if tokenizer.bos_token_id is None else [tokenizer.bos_token_id, *ids]
    for place in range(1, len(ids)):
        number = max(0, -(-(place + 1 - longest) // (longest // 2)))
        start = number * (longest // 2)
        with torch.no_grad():
            logits = model(torch.tensor([ids[start:place]])).logits[0, -1]
        bits -= float(torch.log_softmax(logits, 0)[ids[place]]) / math.log(2)
    return bits


@pytest.mark.parametrize("name", ["begins", "bare"])
def test_every_token_once_in_windows_that_overlap(folder, name, monkeypatch):
    model = loss_models.open_model(str(folder / name))
    found = model.bits_per_byte(array([*TEXTS, None]))
    expected = [naive(folder / name, text) / len(text.encode()) if text else math.nan for text in [*TEXTS, ""]]
    assert found == pytest.approx(expected, rel=1e-4, nan_ok=True)
    monkeypatch.setenv("CURATE_BATCH_TOKENS", "20")
    assert model.bits_per_byte(array([*TEXTS, None])) == pytest.approx(found, rel=1e-5, nan_ok=True)
    assert model.bits_per_byte(array([])).shape == (0,)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 8, 9, 15, 16, 17, 40])
def test_windows_count_every_target_once(length):
    found = loss_transformer.cut([np.arange(length, dtype=np.int32)], 8)
    counted = np.concatenate([np.empty(0), *(ids[1 + skip :] for ids, skip in zip(found.ids, found.skips))])
    assert counted.tolist() == list(range(1, length))
    assert all(len(ids) <= 8 and skip < len(ids) - 1 for ids, skip in zip(found.ids, found.skips))
    assert all(skip >= 3 for skip in found.skips[1:])


def test_a_folder_that_holds_no_model(tmp_path):
    with pytest.raises(UsageError, match="cannot be loaded as a causal"):
        loss_models.open_model(str(tmp_path))


def test_a_model_that_gives_no_numbers(folder, tmp_path):
    from transformers import AutoTokenizer, GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(folder / "bare")
    model.transformer.ln_f.weight.data[:] = math.nan
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder / "bare").save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="not numbers"):
        loss_models.open_model(str(tmp_path)).bits_per_byte(array(["the fox"]))


def test_memory_counts_weights_and_a_window_of_logits(folder):
    weights = (folder / "begins/model.safetensors").stat().st_size
    assert loss_models.memory(str(folder / "begins")) > 2 * weights + (720 << 20)
    assert loss_models.memory("org/public") == 2 << 30
