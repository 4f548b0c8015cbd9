"""Corpora beside the input: what is read of them, and which are refused."""

from __future__ import annotations

import dataclasses
import os

import pyarrow as pa
import pytest

from curate.errors import CurateError, UsageError
from curate.runtime import old, reader
from curate.runtime.executors.base import Outcome, attempt
from curate.runtime.opened import Opened
from curate.runtime.task import run_task
from curate.runtime.work import Work
from curate.stages import stages
from tests import material, running

pytestmark = pytest.mark.usefixtures("own_stages")


@pytest.fixture
def root(tmp_path):
    """An old corpus of three shards, seen in its longer documents, and a new one that has half of it."""
    texts = material.docstrings()[:24]
    for name, chosen in (("old", texts), ("new", texts[::2])):
        for i in range(3):
            material.write_lines(tmp_path / f"raw/{name}/{i}.txt", chosen[i::3])
        running.step("lines", {"sources": [str(tmp_path / f"raw/{name}")]}, to=str(tmp_path / name))
    running.step("seen", {}, corpus=str(tmp_path / "old"), where="bytes > 150")
    return tmp_path


def seen(root, against, **common):
    return running.step("seen", {"against": against}, corpus=str(root / "new"), **common)


def found(root):
    return Opened(root / "new").table(["seen", "seen_corpus"]).to_pylist()


def test_of_an_old_corpus_its_chosen_documents_count(root):
    seen(root, [f"before={root / 'old'}"])
    short = [len(text.encode()) <= 150 for text in Opened(root / "new").table(["text"])["text"].to_pylist()]
    assert [row["seen"] is None for row in found(root)] == short and True in short and False in short
    assert {row["seen_corpus"] for row in found(root)} == {None, "before"}


def test_rows_of_an_index_are_joined_with_columns_of_the_same_rows(root):
    plan = running.plan("seen", {"against": [str(root / "old")]}, corpus=str(root / "new"))
    for index in range(len(plan.shards), len(plan.shards) + 3):
        whole = reader.read_old(plan, stages()["seen"], index, ["text"], None)
        assert whole["row"].to_pylist() == list(range(8))
        rows = [row for row, text in enumerate(whole["text"].to_pylist()) if len(text.encode()) > 150]
        assert 1 < len(rows) < 8
        chosen = reader.read_old(plan, stages()["seen"], index, ["seen", "text", "mark"], None)
        assert chosen.column_names == ["seen", "text", "mark", "shard", "row", "corpus"]
        assert chosen["row"].to_pylist() == rows
        assert chosen["text"].to_pylist() == whole["text"].take(pa.array(rows)).to_pylist()
        only = pa.chunked_array([pa.array([0, *rows[1:]], pa.int64())])
        fewer = reader.read_old(plan, stages()["seen"], index, ["text", "mark"], only)
        assert fewer["row"].to_pylist() == [row for row in rows if row in (0, *rows[1:])]
        assert fewer["mark"].to_pylist() == chosen["mark"].to_pylist()[len(rows) - len(fewer) :]


def test_what_an_index_holds_is_not_looked_for_among_the_layers(root):
    seen(root, [str(root / "old")])
    before = found(root)
    running.step("length", {}, corpus=str(root / "old"), as_="mark")
    assert seen(root, [f"again={root / 'old'}"]).executed
    assert [row["seen"] for row in found(root)] == [row["seen"] for row in before]


def test_a_corpus_is_not_compared_with_itself_under_another_name(root):
    os.symlink(root / "new", root / "link")
    seen(root, [])
    for name in ("new", "link", "old/../new"):
        with pytest.raises(UsageError, match="cannot be compared with itself"):
            seen(root, [f"x={root / name}"])


def test_an_index_of_other_text_is_refused(root):
    """Also where nothing but the index is read of a layer."""
    stage = stages()["seen"]
    stage = dataclasses.replace(stage, before=stage.before[:1])
    config = stage.config.model_validate({"against": [str(root / "old")]})
    ((name, _, columns, shards),) = old.old_columns(stage, config, "seen", root / "new")
    assert (name, columns, len(shards)) == ("old", {"mark": old.INDEX}, 3)
    material.write_lines(root / "raw/old/0.txt", ["another text, of which there was nothing before"])
    running.step("lines", {"sources": [str(root / "raw/old")]}, to=str(root / "old"))
    with pytest.raises(UsageError, match=r"layer 'seen' is stale: layer 'documents' has changed since"):
        old.old_columns(stage, config, "seen", root / "new")


@pytest.mark.parametrize("name", ["old", "new"])
def test_one_that_is_made_anew_while_it_is_read_is_named(root, name):
    layer = "seen" if name == "old" else "documents"
    with pytest.raises(UsageError, match=rf"{name}: layer '{layer}' was made anew while it was being read; run the"):
        seen(root, [str(root / "old")], made=Between(root, 1, name))


def test_one_that_is_made_anew_after_it_was_read_is_as_it_was(root):
    assert seen(root, [str(root / "old")], made=Between(root, 8, "old")).manifest.rows == 12


class Between(running.Stopping):
    """Makes a corpus anew after so many tasks."""

    def __init__(self, root, tasks, name):
        super().__init__(tasks)
        self.root, self.name = root, name

    def run(self, tasks, at_once=None):
        for task in tasks:
            self.left -= 1
            if self.left == -1 and self.name == "new":
                material.write_lines(self.root / "raw/new/0.txt", ["anew"])
                running.step("lines", {"sources": [str(self.root / "raw/new")]}, to=str(self.root / "new"))
            if self.left == -1 and self.name == "old":
                running.step("seen", {"characters": 4 + len(tasks)}, corpus=str(self.root / "old"))
            yield Outcome(task, **attempt(running.worker.run, task.plan, task.index))


def test_a_survey_that_leaves_no_index_where_it_should_is_a_bug(root):
    stage = stages()["seen"]
    census = dataclasses.replace(stage.before[0], survey=lambda table, mine, config: iter([table.select(["row"])]))
    plan = running.plan("seen", {}, corpus=str(root / "new"))
    with pytest.raises(CurateError, match=r"index/00000-000.parquet: the survey gave nothing for the index; .* bug"):
        run_task(Work(plan, dataclasses.replace(stage, before=(census, *stage.before[1:]))), 0)
