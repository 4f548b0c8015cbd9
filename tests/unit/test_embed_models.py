import importlib.util
import json

import pytest

from curate.algorithms import embed_models
from curate.algorithms.embed_models import Wanted
from curate.errors import UsageError
from curate.stages.embed import STAGE, EmbedConfig
from tests import models


def write(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(content))
    return str(folder)


@models.needs_extra
@pytest.mark.parametrize(
    ("config", "length"),
    [({"hidden_size": 32}, 32), ({"d_model": 8}, 8), ({"dim": 768, "hidden_dim": 3072}, 768), ({"n_embd": 5}, 5)],
)
def test_a_transformer_says_its_own_length(tmp_path, config, length):
    assert embed_models.dimensions(Wanted(write(tmp_path, config=config))) == length


@models.needs_extra
def test_modules_say_their_length(tmp_path):
    modules = [{"path": ""}, {"path": "1_Pooling", "type": "a.Pooling"}, {"path": "2_Dense"}, {"path": "3_Normalize"}]
    pooling = {"word_embedding_dimension": 64, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}
    given = write(tmp_path, modules=modules, config={"hidden_size": 64}, **{"1_Pooling__config": pooling})
    assert embed_models.dimensions(Wanted(given)) == 128
    assert embed_models.dimensions(Wanted(given, pooling="cls")) == 64
    write(tmp_path, **{"2_Dense__config": {"out_features": 24}})
    embed_models.dimensions.cache_clear()
    assert embed_models.dimensions(Wanted(given)) == 24


@models.needs_extra
def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(UsageError, match="neither a folder with a model"):
        embed_models.dimensions(Wanted(str(tmp_path)))
    write(tmp_path, modules=[])
    with pytest.raises(UsageError, match="give --dimensions"):
        embed_models.dimensions(Wanted(f"{tmp_path}/"))
    (tmp_path / "modules.json").write_text("{")
    with pytest.raises(UsageError, match=r"modules\.json is not JSON"):
        embed_models.dimensions(Wanted(f"{tmp_path}//"))


@pytest.mark.parametrize(("file", "package"), [("modules", "sentence-transformers"), ("config", "transformers")])
def test_without_the_package_one_line_says_what_to_install(tmp_path, monkeypatch, file, package):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    given = write(tmp_path, **{file: [] if file == "modules" else {}})
    with pytest.raises(UsageError, match=rf"needs {package}: pip install 'curate\[neural\]'$"):
        STAGE.before[0].settle(iter([]), EmbedConfig(model=given))


@models.needs_extra
def test_memory_grows_with_weights_and_batches(tmp_path, monkeypatch):
    given = Wanted(write(tmp_path, config={"hidden_size": 256}))
    monkeypatch.setenv("CURATE_BATCH_TOKENS", "1000")
    least = embed_models.memory(given)
    (tmp_path / "model.safetensors").write_bytes(bytes(5_000))
    assert embed_models.memory(given) == least + 10_000
    monkeypatch.setenv("CURATE_BATCH_TOKENS", "3000")
    assert embed_models.memory(given) == least + 10_000 + 2_000 * 80 * 256
    assert embed_models.memory(Wanted("some/model")) == 2 << 30


def test_options_that_builtin_does_not_take():
    with pytest.raises(ValueError, match="--max-length, --truncation: 'builtin' counts every word"):
        EmbedConfig(max_length=8, truncation="chunks-mean")
