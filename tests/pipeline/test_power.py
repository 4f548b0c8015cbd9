"""Working files are not synced where the machine, while it stays up, stands for them; nothing hangs on what is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.cli.running import StepOptions, planned, validated
from curate.runtime.executors.base import executor
from curate.runtime.memory import Budget
from curate.runtime.plan import Plan
from curate.runtime.run import execute
from curate.stages import stages
from curate.storage import files
from tests import running
from tests.crash import Crash, crashing
from tests.pipeline import small

pytestmark = [
    pytest.mark.usefixtures("own_stages"),
    pytest.mark.skipif(not files.boot(), reason="a system that does not tell one start from another syncs everything"),
]
BEFORE = 3


@pytest.fixture
def root(fresh) -> Path:
    found = fresh()
    small.gather(found)
    options = {"sources": [str(found / "raw")]}
    running.step("lines", options, max_errors="100", to=str(found / "pool"), shard_bytes="1k")
    return found


def seen(root: Path, made=None, **common) -> running.Result:
    return running.step("seen", {}, made, corpus=str(root / "pool"), **common)


def stopped(root: Path) -> Plan:
    """After two surveys, whose indexes are there, and a link."""
    with pytest.raises(running.Stopped):
        seen(root, running.Stopping(BEFORE))
    return running.plan("seen", {}, corpus=str(root / "pool"))


@pytest.fixture
def tasks(root) -> int:
    return seen(root, as_="other").executed


def test_after_a_loss_of_power_what_was_not_synced_is_made_again(root, tasks):
    plan = stopped(root)
    assert plan.output.work("boot").read_text() == files.boot()
    small.lose_power(root)
    assert seen(root).executed == tasks
    assert not plan.output.work("").exists()


def test_what_a_limit_of_memory_needs_to_know_is_not_looked_up_in_what_was_lost(root, tasks):
    stopped(root)
    small.lose_power(root)
    stage = stages()["seen"]
    plan = planned(stage, validated(stage, {}), StepOptions(corpus=str(root / "pool")))
    budget = Budget(64 << 30, 1)
    assert execute(plan, stage, executor("inline", 1), "0", lambda progress: None, budget).executed == tasks


def test_a_machine_that_stays_up_stands_for_what_a_killed_run_left(root, tasks):
    stopped(root)
    assert seen(root).executed == tasks - BEFORE


def test_a_crash_while_it_is_forgotten_leaves_nothing_that_counts(fresh, root, tasks):
    stopped(root)
    small.lose_power(root)
    changes, left = 0, True
    while left:
        again = running.copied(root, fresh() / "x")
        try:
            with crashing(again, changes):
                seen(again, running.Stopping(0))
        except Crash:
            changes += 1
        except running.Stopped:
            left = False
        assert seen(again).executed == tasks
    assert changes > 10


def test_an_index_made_again_is_synced_before_nobody_stands_for_it(root, monkeypatch):
    """The layer stands, its index was lost, and the run that made that again was killed before its end."""
    folder = seen(root).plan.output.index("").parent
    lost = sorted(folder.iterdir())[0]
    lost.unlink()
    with pytest.raises(running.Stopped):
        seen(root, running.Stopping(1))
    assert lost.exists()
    synced = watched(monkeypatch)
    assert seen(root).executed <= 1 and lost.name in synced
    assert not (folder.parent / "work").exists()


def test_a_run_killed_between_its_commit_and_its_end_is_finished(root):
    """With the note of what stands for unsynced files still there, whatever was made."""
    pool, kept, out = (str(root / name) for name in ("pool", "kept", "out"))

    def steps() -> list[Plan]:
        select = {"corpus": pool, "to": kept, "where": "bytes > 9", "carry": "all"}
        made = [seen(root), running.step("select", {}, **select)]
        made += [
            running.step("seen", {"against": [pool]}, corpus=kept),
            running.step("export", {}, corpus=kept, to=out),
        ]
        return [result.plan for result in made]

    for plan in steps():
        note = plan.output.work("boot")
        note.parent.mkdir()
        note.write_text(files.boot())
    whole = running.tree(root)
    assert not any(plan.output.work("").exists() for plan in steps())
    assert running.difference(running.tree(root), whole) == []


def test_where_other_machines_may_have_the_disk_everything_is_synced(root, tasks, monkeypatch):
    """And then work counts wherever it is continued."""
    monkeypatch.setattr(files, "local", lambda folder: False)
    synced = watched(monkeypatch)
    plan = stopped(root)
    assert not plan.output.work("boot").exists()
    assert {"survey-0-00000.routed", "link-0-00000.routed", "00000-000.parquet"} <= {*synced}
    monkeypatch.setattr(files, "boot", lambda: "of another machine")
    assert seen(root).executed == tasks - BEFORE


def test_a_worker_on_another_machine_syncs_what_it_writes(root, tasks, monkeypatch):
    plan = stopped(root)
    monkeypatch.setattr(files, "boot", lambda: "of another machine")
    synced = watched(monkeypatch)
    running.worker.work.cache_clear()
    running.worker.run(str(plan.output.work("plan.json")), BEFORE)
    assert [name for name in synced if name.startswith(("settle", "rows", "model"))] == [
        "rows-0.routed",
        "model-0.parquet",
    ]


def watched(monkeypatch) -> list[str]:
    """Names of the files that are synced from now on."""
    found: list[str] = []
    sync = files.sync

    def noting(path: Path) -> None:
        found.append(
            path.name.partition("-")[2].partition("-")[2] if path.name.startswith(files.TEMPORARY) else path.name
        )
        sync(path)

    monkeypatch.setattr(files, "sync", noting)
    return found
