"""Runs as people have them: the command line, real processes, real signals."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests import material, running
from tests.running import ROOT, command, copied, difference, start, tree

STEPS = """
steps:
  - ingest: {sources: [raw/*.jsonl], to: pool, shard_bytes: 30k}
  - dedup: {threshold: 0.6, ngram: 3}
  - dsir: {target: [good.jsonl]}
  - select: {where: dedup_keep AND dsir > -9, to: kept}
  - dedup: {threshold: 0.6, ngram: 3, against: [pool], max_source_loss: 100%}
  - dsir: {as: again, target: [good.jsonl], buckets: 1000}
  - mix: {corpora: [kept, pool=pool], documents: 200, by: source, to: train}
  - export: {format: jsonl, to: out}
execution: {executor: local, workers: 2}
"""
SLOW = """
steps:
  - lines: {sources: [raw], to: pool}
  - length: {}
execution: {executor: local, workers: 2, max_errors: 9}
"""


def gather(root: Path, steps: str) -> Path:
    """Text and a run file in a folder."""
    texts = (*material.fixed(), *material.docstrings()[::10])
    for i in range(3):
        some = texts[i::3]
        material.write_records(root / f"raw/{i}.jsonl", some, source=f"s{i}")
    material.write_records(root / "good.jsonl", texts[:40])
    (root / "recipe.yaml").write_text(steps)
    return root


def gather_slow(root: Path) -> Path:
    """A pipeline whose second step waits in each task for as long as OWN_SLOW says."""
    for i in range(4):
        material.write_lines(root / f"raw/{i}.txt", material.docstrings()[3 * i : 3 * i + 3])
    (root / "recipe.yaml").write_text(SLOW)
    return root


def run(root: Path, *more: str, **changed: str) -> subprocess.CompletedProcess[str]:
    return command("run", "recipe.yaml", *more, cwd=root, **changed)


def group_is_gone(group: int, seconds: float) -> bool:
    """Whether no process of a group is left; zombies are, until their parent looks."""
    until = time.monotonic() + seconds
    while True:
        left = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if _in_group(pid, group)]
        if not left or time.monotonic() > until:
            return not left
        time.sleep(0.02)


def _in_group(process: str, group: int) -> bool:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[2]) == group and fields[0] != "Z"


def appears(root: Path, pattern: str, seconds: float = 30) -> Path:
    """Wait for a file."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path in root.glob(pattern):
            return path
        time.sleep(0.02)
    raise AssertionError(f"{pattern} did not appear")


def outputs(root: Path) -> dict[str, str]:
    """Everything that the steps made."""
    made = [root / name for name in ("pool", "kept", "train", "out") if (root / name).exists()]
    return tree(*made)


# --- kill -9 -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(fresh) -> tuple[Path, float]:
    """An undisturbed run of the project's own stages, and how long it took with all kernels compiled."""
    root = gather(fresh() / "x", STEPS)
    assert run(gather_copy(root, fresh() / "x")).returncode == 0
    begun = time.monotonic()
    done = run(root)
    assert done.returncode == 0, done.stderr
    return root, time.monotonic() - begun


def test_kill_9_at_any_moment(whole, fresh):
    """CURATE_KILLS: how often, 4 by default. CURATE_SEED: other moments."""
    undisturbed, seconds = whole
    moments = random.Random(int(os.environ.get("CURATE_SEED", "0")))
    for number in range(int(os.environ.get("CURATE_KILLS", "4"))):
        root = gather_copy(undisturbed, fresh() / "x")
        process = start("run", "recipe.yaml", cwd=root)
        time.sleep(moments.uniform(0.1, seconds))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert group_is_gone(process.pid, 2)
        done = run(root)
        assert done.returncode == 0, done.stderr
        assert difference(outputs(root), outputs(undisturbed)) == [], f"kill {number}"
        shutil.rmtree(root)


def gather_copy(root: Path, target: Path) -> Path:
    """What a run starts from, with the same modification times."""
    copied(root / "raw", target / "raw")
    for name in ("good.jsonl", "recipe.yaml"):
        shutil.copy2(root / name, target / name)
    return target


def test_run_again_does_nothing(whole):
    root, _ = whole
    before = outputs(root)
    done = run(root, "--json")
    assert done.returncode == 0, done.stderr
    assert [step["tasks"] for step in json.loads(done.stdout)] == [0] * 8
    assert outputs(root) == before
    assert "finished" in run(root).stderr


def test_set_changes_one_step_and_what_reads_it(whole, fresh):
    root = fresh() / "x"
    copied(whole[0], root)
    done = run(root, "--json", "--set", "again.buckets=2000")
    assert done.returncode == 0, done.stderr
    redone = [step["step"] for step in json.loads(done.stdout) if step["tasks"]]
    assert redone[0] == "dsir as again" and "dedup" not in redone and "select" not in redone


def test_a_golden_run(whole):
    """What every step counts for a text that is the same everywhere; the docstrings are this Python's."""
    root, _ = whole
    done = json.loads(run(root, "--json").stdout)
    for step in done:
        ledger = step["ledger"]
        gone = sum(ledger["removed"].values()) + ledger["quarantined"]
        assert ledger["in"] + ledger["repeats"] == ledger["out"] + gone
    by_step = {step["step"]: step["ledger"] for step in reversed(done)}
    kept_before = done[4]["ledger"]
    assert kept_before["in"] == kept_before["counts"]["dedup_keep false"] == by_step["select"]["out"]
    assert by_step["ingest"]["out"] == by_step["dedup"]["in"] == by_step["dedup"]["out"] == by_step["select"]["in"]
    assert by_step["mix"]["out"] == 200 == by_step["export"]["out"]
    files = sorted((root / "out").glob("*.jsonl"))
    written = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").split("\n") if line]
    assert len(written) == 200
    texts = {*material.fixed(), *material.docstrings()}
    assert sum(record["text"] in texts for record in written) > 190  # the rest has been normalised
    for name in ("pool", "kept", "train"):
        proved = command("verify", root / name)
        assert proved.returncode == 0, proved.stderr


# --- interruptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_soon_and_leaves_what_can_be_resumed(fresh, number):
    root = gather_slow(fresh() / "x")
    process = start("run", "recipe.yaml", cwd=root, OWN_SLOW="60")
    appears(root, "pool/length/*/work/plan.json")
    time.sleep(0.3)
    begun = time.monotonic()
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=20)
    assert time.monotonic() - begun < 3
    assert process.returncode == 130
    assert "interrupted" in errors and "Traceback" not in errors
    assert group_is_gone(process.pid, 1)
    done = run(root, "--json")
    assert done.returncode == 0, done.stderr
    assert [step["tasks"] for step in json.loads(done.stdout)] == [0, 4]


def test_ctrl_c_before_anything_has_begun(fresh):
    root = gather_slow(fresh() / "x")
    process = start("run", "recipe.yaml", cwd=root, OWN_SLOW="60")
    time.sleep(0.25)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode in (130, -signal.SIGINT)
    assert group_is_gone(process.pid, 1)
    assert run(root).returncode == 0


def test_killing_only_the_coordinator_leaves_no_worker(fresh):
    root = gather_slow(fresh() / "x")
    process = start("run", "recipe.yaml", cwd=root, OWN_SLOW="60")
    appears(root, "pool/length/*/work/plan.json")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert group_is_gone(process.pid, 3)
    assert run(root).returncode == 0


# --- workers that die, tasks that fail ------------------------------------------------------------


def test_a_worker_killed_once_costs_nothing(fresh):
    plain, root = gather_slow(fresh() / "x"), fresh() / "x"
    copied(plain, root)
    marks = fresh()
    done = run(root, OWN_DIE=str(marks))
    assert done.returncode == 0, done.stderr
    assert len(list(marks.iterdir())) == 4
    assert run(plain).returncode == 0
    assert difference(outputs(root), outputs(plain)) == []


def test_a_task_that_fails_is_named_and_the_rest_is_kept(fresh):
    root = gather_slow(fresh() / "x")
    sizes = [len(text) for text in material.docstrings()[:12]]
    size = next(size for size in sizes[6:9] if sizes.count(size) == 1)
    failed = run(root, OWN_FAIL=str(size))
    assert failed.returncode == 4
    assert "1 of 4 tasks failed: length: apply, task 3 of 4 (00002-000)" in failed.stderr
    assert f"a text has {size} characters" in failed.stderr and "the same command continues" in failed.stderr
    done = run(root, "--json")
    assert [step["tasks"] for step in json.loads(done.stdout)] == [0, 1]


def test_a_second_coordinator_is_told_who_is_first(fresh):
    root = gather_slow(fresh() / "x")
    first = start("run", "recipe.yaml", cwd=root, OWN_SLOW="3")
    appears(root, "pool/length/*/work/plan.json")
    second = run(root)
    assert second.returncode == 2
    assert f"process {first.pid} on {socket.gethostname()}" in second.stderr and "Traceback" not in second.stderr
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 0, errors
    assert run(root).returncode == 0


def test_layers_are_made_side_by_side(fresh):
    root = gather_slow(fresh() / "x")
    assert command("lines", "raw", "--to", "pool", "--max-errors", "9", cwd=root).returncode == 0
    both = [start("length", "pool", "--as", name, "--unit", "2", cwd=root, OWN_SLOW="0.5") for name in ("a", "b")]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    found = json.loads(command("status", "pool", "--json", cwd=root).stdout)
    assert [(layer["layer"], layer["state"]) for layer in found["layers"]] == [
        ("documents", "ready"),
        ("a", "ready"),
        ("b", "ready"),
    ]


def test_a_worker_command_runs_shares_of_the_tasks(fresh):
    """What a scheduler does: the plan of an unfinished run, its tasks shared out, then the run again."""
    root = gather_slow(fresh() / "x")
    process = start("run", "recipe.yaml", cwd=root, OWN_SLOW="60")
    plan = appears(root, "pool/length/*/work/plan.json")
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert command("worker", plan, "1").returncode == 0
    for share in ("0/2", "1/2"):
        assert command("worker", plan, "--slice", share).returncode == 0
    done = run(root, "--json")
    assert [step["tasks"] for step in json.loads(done.stdout)] == [0, 0]
    assert command("worker", plan, "0").returncode == 2


# --- make -----------------------------------------------------------------------------------------


def make(root: Path) -> str:
    """`make -j2` on the example; what it ran."""
    chosen = ["WORK=work", f"CURATE={running.CURATE}", "TARGET=good.jsonl"]
    done = subprocess.run(
        ["make", "-j2", "-f", str(ROOT / "configs/Makefile"), "-C", str(root), *chosen],
        capture_output=True,
        text=True,
        timeout=280,
        env=running.environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def verbs(output: str) -> set[str]:
    return set(re.findall(rf"^{re.escape(str(running.CURATE))} (\w+)", output, re.MULTILINE))


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_stages_chained_by_make(fresh):
    root = gather(fresh() / "x", STEPS)
    assert verbs(make(root)) == {"ingest", "dedup", "dsir", "select", "export"}
    before = tree(root / "work")
    assert verbs(make(root)) == set()
    os.utime(root / "good.jsonl")
    assert verbs(make(root)) == {"dsir", "select", "export"}
    assert verbs(make(root)) == set()
    assert tree(root / "work") == before  # a new time is no new content
    material.write_records(root / "raw/0.jsonl", material.fixed()[:20])
    assert verbs(make(root)) == {"ingest", "dedup", "dsir", "select", "export"}
    assert verbs(make(root)) == set()
    assert tree(root / "work") != before
