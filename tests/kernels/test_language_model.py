"""The model's arrays come from files that are made once, and are those that py3langid unpacks."""

import numpy as np
import pytest

from curate.kernels import language, language_model

modelio = pytest.importorskip("py3langid.modelio")


def packed(folder, seed):
    chance = np.random.default_rng(seed)
    weights = -chance.random((5, 3), dtype=np.float32) * 14
    moves, rows = chance.integers(0, 4, 3 * 256), np.array([0, 2, 1, 2])
    path = folder / f"model-{seed}.npz.xz"
    modelio.save_model(path, (weights, [0.5, -1.25, 3.0], ["de", "en", "zxx"], moves, rows, [-1, 0, 4, 2]))
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(language_model, "cache_folder", lambda name: tmp_path / "kept")
    return tmp_path / "kept"


def same(one, other):
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(one, other, strict=True))


def test_they_are_what_the_package_unpacks_in_whole_numbers(tmp_path):
    path = packed(tmp_path, 1)
    weights, prior, classes, moves, rows, features = modelio.load_model(path)
    found = language_model.arrays(path)
    assert found.classes.tolist() == classes == ["de", "en", "zxx"]
    assert found.features.tolist() == features == [-1, 0, 4, 2]
    assert found.prior.tolist() == [round(value * language.SUM_SCALE) for value in prior]
    assert np.abs(found.weights / language.WEIGHT_SCALE - weights).max() <= 0.5 / language.WEIGHT_SCALE
    for state in range(4):
        at = found.rows[state]
        assert found.moves[at : at + 256].tolist() == list(moves[rows[state] * 256 : rows[state] * 256 + 256])
    assert [array.dtype for array in found[1:]] == [np.uint32, np.int64, np.int32, np.int16, np.int32]


def test_the_package_unpacks_them_once_and_again_when_one_is_gone(tmp_path, folder, monkeypatch):
    path = packed(tmp_path, 1)
    first = language_model.arrays(path)
    with monkeypatch.context() as patch:
        patch.setattr(modelio, "load_model", None)
        assert same(language_model.arrays(path), first)
    next(folder.glob("*weights*")).unlink()
    assert same(language_model.arrays(path), first)


def test_another_model_has_files_of_its_own(tmp_path, folder):
    first, other = (language_model.arrays(packed(tmp_path, seed)) for seed in (1, 2))
    assert not np.array_equal(first.weights, other.weights)
    assert len(list(folder.iterdir())) == 2 * len(language_model.Arrays._fields)


def test_they_are_read_only_so_that_workers_share_them(tmp_path):
    assert not any(array.flags.writeable for array in language_model.arrays(packed(tmp_path, 1)))
