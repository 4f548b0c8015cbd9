"""Another decision over what a search found: nothing is searched again, and the result is that of a whole run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curate.runtime.opened import Opened
from curate.storage.corpus import Corpus
from tests import material, running
from tests.running import difference, tree


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A clustered corpus of three shards, some of whose documents are alike."""
    root = tmp_path_factory.mktemp("decisions")
    texts = [text for text in material.docstrings() if len(text) > 60][:90]
    material.write_records(root / "raw.jsonl", [*texts, *(f"{text} Again." for text in texts[:30])])
    pool = str(root / "pool")
    running.step("ingest", {"sources": [str(root / "raw.jsonl")]}, to=pool, shard_bytes="12k")
    running.step("embed", {"dimensions": 8}, corpus=pool)
    running.step("cluster", {"clusters": 4}, corpus=pool)
    return root


@pytest.fixture
def pool(made, tmp_path) -> str:
    shutil.copytree(made / "pool", tmp_path / "pool")
    return str(tmp_path / "pool")


def semdedup(pool: str, executor=None, where: str | None = None, **options) -> running.Result:
    return running.step("semdedup", options, executor, corpus=pool, where=where)


def whole(made: Path, folder: Path, where: str | None = None, **options) -> dict[str, str]:
    """What a run leaves that finds no layer."""
    shutil.copytree(made / "pool", folder / "whole/pool")
    semdedup(str(folder / "whole/pool"), where=where, **options)
    return tree(folder / "whole/pool")


@pytest.mark.parametrize("where", [None, "bytes > 200"])
def test_only_the_columns_are_made_again_and_as_a_whole_run_makes_them(made, pool, tmp_path, where):
    first = semdedup(pool, where=where)
    second = semdedup(pool, where=where, keep_rate=0.5)
    assert len(Corpus(pool).entries()) > 2
    assert first.executed > second.executed == len(Corpus(pool).entries()) + 1  # and the report
    assert difference(tree(Path(pool)), whole(made, tmp_path, where, keep_rate=0.5)) == []
    rows = Opened(pool).table(["semdedup_keep"], "semdedup_keep IS NOT NULL")
    assert rows["semdedup_keep"].to_pylist().count(True) == rows.num_rows // 2
    assert semdedup(pool, where=where, keep_rate=0.5).executed == 0
    back = semdedup(pool, where=where, threshold=0.8)
    assert back.executed == second.executed
    assert list(Corpus(pool).unused()) == []


def test_what_was_stopped_goes_on(made, pool, tmp_path):
    semdedup(pool)
    with pytest.raises(running.Stopped):
        semdedup(pool, running.Stopping(1), threshold=0.5)
    assert semdedup(pool, threshold=0.5).executed == len(Corpus(pool).entries())
    assert difference(tree(Path(pool)), whole(made, tmp_path, threshold=0.5)) == []


def test_what_is_more_than_a_decision_is_searched_for(pool):
    first = semdedup(pool)
    few = semdedup(pool, threshold=0.5).executed
    assert semdedup(pool, threshold=0.5, order="easy").executed == first.executed > few
    assert semdedup(pool, threshold=0.5, where="bytes > 200").executed == first.executed
    running.step("cluster", {"clusters": 3}, corpus=pool)
    assert semdedup(pool, threshold=0.6, where="bytes > 200").executed == first.executed


def test_a_shard_that_is_lost_afterwards_is_made_by_a_whole_run(pool):
    semdedup(pool)
    semdedup(pool, threshold=0.5)
    before = tree(Path(pool))
    lost = Corpus(pool).current("semdedup").shard(Corpus(pool).entries()[1].name)
    lost.unlink()
    semdedup(pool, threshold=0.5)
    assert difference(tree(Path(pool)), before) == []
