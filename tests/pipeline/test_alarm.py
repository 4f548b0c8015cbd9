"""An alarm refuses a finished result: nothing is committed, nothing is lost, and another limit recomputes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.errors import DataError
from curate.runtime.status import pairs
from curate.storage.corpus import Corpus
from tests import material, running
from tests.pipeline import small
from tests.running import command, difference

pytestmark = pytest.mark.usefixtures("own_stages")


@pytest.fixture
def root(fresh) -> Path:
    """A corpus whose tallies differ in more than two ways."""
    found = fresh()
    small.gather(found)
    options = {"sources": [str(found / "raw")]}
    running.step("lines", options, max_errors="100", to=str(found / "pool"), shard_bytes="1k")
    return found


def tally(root: Path, **options) -> running.Result:
    return running.step("tally", options, max_errors="100", corpus=str(root / "pool"))


def manifest(root: Path) -> Path:
    return root / "pool/tally/manifest.json"


def test_a_refused_result_is_not_committed_and_another_limit_recomputes_nothing(root, fresh):
    with pytest.raises(DataError, match=r"^tally: alarm: .* different counts, more than --most 2; raise --most"):
        tally(root, most=2)
    assert not manifest(root).exists()
    with pytest.raises(DataError, match="--most 1"):
        tally(root, most=1)
    accepted = tally(root, most=50)
    assert accepted.executed == 1 and manifest(root).exists()
    assert accepted.manifest.fingerprint == tally(root).manifest.fingerprint
    assert tally(root).executed == 0

    undisturbed = fresh() / root.name
    running.copied(root / "raw", undisturbed / "raw")
    options = {"sources": [str(undisturbed / "raw")]}
    running.step("lines", options, max_errors="100", to=str(undisturbed / "pool"), shard_bytes="1k")
    tally(undisturbed)
    assert difference(running.tree(root / "pool"), running.tree(undisturbed / "pool")) == []


def test_the_limit_is_no_part_of_the_result(root):
    made = tally(root, most=50)
    assert "most" not in made.manifest.options["options"] and made.plan.options["most"] == 50
    again = running.plan("tally", {"most": 7}, corpus=str(root / "pool"))
    assert (again.fingerprint, again.causes) == (made.plan.fingerprint, made.plan.causes)


def test_a_layer_that_stands_is_asked_again_and_stays(root):
    tally(root)
    before = running.tree(root / "pool")
    with pytest.raises(DataError, match=r"--most 2; raise --most to accept; .*tally stays as it was accepted"):
        tally(root, most=2)
    assert difference(running.tree(root / "pool"), before) == []
    assert list(Corpus(root / "pool").unused()) == []
    assert tally(root).executed == 0
    assert tally(root, most=40).executed == 1
    assert tally(root, most=40).executed == 0
    with pytest.raises(DataError):
        tally(root, most=2)


def test_an_alarm_rings_after_the_last_layer_only_while_the_one_before_stays(root):
    old = tally(root).manifest.generation
    with pytest.raises(DataError):
        tally(root, few=1, most=2)
    assert Corpus(root / "pool").must("tally").generation == old
    assert tally(root, few=1).executed == 1
    assert Corpus(root / "pool").must("tally").generation != old


def test_the_command_and_its_dry_run(root):
    pool = root / "pool"
    refused = command("tally", pool, "--most", "2", "--max-errors", "100")
    assert refused.returncode == 3 and "raise --most to accept" in refused.stderr
    assert "Traceback" not in refused.stderr
    dry = json.loads(command("tally", pool, "--most", "50", "--dry-run", "--json").stdout)
    assert dry["tasks"] == {"alarm": 1} and dry["options"]["most"] == 50
    done = command("tally", pool, "--most", "50", "--max-errors", "100", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["tasks"] == 1
    dry = command("tally", pool, "--most", "9", "--dry-run").stdout
    assert "tasks:   alarm: 1" in dry and "its alarm was not asked with these limits" in dry


def test_in_a_run_file(root):
    material.write_lines(root / "more/x.txt", material.docstrings()[:9])
    recipe = root / "recipe.yaml"
    recipe.write_text(
        "steps:\n"
        "- lines: {sources: [more], to: other}\n"
        "- tally: {most: 0}\n"
        "- length: {}\n"
        "execution: {executor: inline}\n"
    )
    refused = command("run", recipe)
    assert refused.returncode == 3 and "tally: alarm: " in refused.stderr
    assert Corpus(root / "other").layers() == ["documents"]
    done = command("run", recipe, "--set", "tally.most=1000", "--json")
    assert [step["tasks"] for step in json.loads(done.stdout)][:2] == [0, 1]
    assert Corpus(root / "other").layers() == ["documents", "length", "tally"]


def test_a_source_that_vanishes_in_a_deduplication(fresh):
    root = fresh()
    material.write_records(root / "raw/good.jsonl", [f"text number {i} of its own" for i in range(20)], source="good")
    material.write_records(root / "raw/spam.jsonl", ["always the same"] * 1000, source="spam")
    running.step("ingest", {"sources": [str(root / "raw")]}, to=str(root / "pool"))

    def dedup(**options) -> running.Result:
        return running.step("dedup", {"by": "text", "index": False, **options}, corpus=str(root / "pool"))

    told = (
        r"dedup: alarm: 1 source lost more .*95% .*\n  spam: 999 of 1,000 \(99.9%\), 999 for documents of spam\n"
        r"`curate show CORPUS --pairs` lists them; .*\nraise"
    )
    with pytest.raises(DataError, match=told):
        dedup()
    assert Corpus(root / "pool").layers() == ["documents"]
    assert [pair["source"] for pair in pairs(Corpus(root / "pool"), 2)] == ["spam", "spam"]
    made = dedup(max_source_loss="99.9%")
    assert made.executed == 1 and made.manifest.ledger["counts"]["dedup_keep false"] == 999
    with pytest.raises(DataError, match="stays as it was accepted before"):
        dedup(max_source_loss=0.9)
    assert dedup(max_source_loss="99.9%").executed == 0
