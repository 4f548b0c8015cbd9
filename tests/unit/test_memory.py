"""`--memory`: what tasks are given and need, how many run at once, and that a run stays below it."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curate.errors import UsageError
from curate.runtime import loads, memory
from curate.runtime.memory import Budget, Memory
from curate.runtime.phases import AFTER, Phase, phases, work_name
from curate.stage import Load
from curate.stages import ALL, stages
from curate.storage import routed
from curate.storage.corpus import Corpus
from tests import material, running
from tests.running import command

pytestmark = pytest.mark.usefixtures("own_stages")

MB = 10**6
IDLE = memory.COORDINATOR + memory.FORKSERVER
OPTIONS = {
    "ingest": {"sources": ["x"]},
    "decontaminate": {"benchmark": [__file__]},
    "clean": {"c4": True},
    "fasttext": {"positive": ["x"]},
    "dsir": {"target": ["x"]},
    "contrast": {"target": [__file__]},
    "zipfit": {"target": [__file__]},
    "transport": {"target": [__file__]},
    "betr": {"target": [__file__]},
    "correlations": {"losses": __file__, "benchmarks": __file__},
    "preselect": {"losses": __file__, "benchmarks": __file__},
    "sample": {"fraction": 0.5},
    "prototypes": {"keep_rate": 0.5},
    "similar": {"to": [__file__]},
    "combine": {"rule": "bytes > 1"},
    "exclude": {"min_mean": {"dsir": 0.0}},
    "split": {"parts": {"test": 5}},
    "mix": {},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("memory")
    texts = [*material.docstrings()[:60], "word " * 40_000]
    material.write_lines(found / "raw/x.txt", texts)
    with running.own_stages():
        running.step("lines", {"sources": [str(found / "raw")]}, to=str(found / "pool"), shard_bytes="2k")
    return found


@pytest.fixture
def tally(root):
    made = running.plan("tally", {}, corpus=str(root / "pool"))
    stage = stages()["tally"]
    return made, stage, stage.config()


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No more than the constants, and kernels compiled before."""
    monkeypatch.setattr(memory, "own_bytes", lambda: 0)
    monkeypatch.setattr(memory, "_mark", lambda stage: tmp_path)


def needing(tally, needs: dict[str, int], limit: int | None, workers: int = 8) -> Memory:
    made, stage, config = tally
    by_kind = dataclasses.replace(stage, memory=lambda load, config: needs[load.kind])
    return Memory(made, by_kind, config, Budget(limit, workers))


# --- how many at once -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "need", "expected"),
    [
        (None, 500 * MB, None),
        (IDLE + 2 * (memory.WORKER + 500 * MB), 500 * MB, 2),
        (IDLE + 2 * (memory.WORKER + 500 * MB) - 1, 500 * MB, 1),
        (16_000 * MB, 500 * MB, 8),
        (16_000 * MB, 9000 * MB, 1),
    ],
)
def test_as_many_tasks_as_fit_beside_the_processes(tally, bare, limit, need, expected):
    assert needing(tally, {"survey": need}, limit).at_once(Phase("survey", 0, 0, 1)) == expected


def test_too_little_names_the_step_and_the_number(tally, bare):
    made, stage, config = tally
    least = IDLE + memory.WORKER + 900 * MB
    found = needing(tally, {"survey": 300 * MB, "settle": 900 * MB, "apply": 10 * MB, "link": 0}, least - 1)
    with pytest.raises(
        UsageError, match=r"tally needs at least 1\.2 GB: 0\.9 GB for one task of settle 1.*--memory 1\.2GB"
    ):
        found.check(phases(made, stage, config))
    needing(tally, {"survey": 300 * MB, "settle": 900 * MB, "apply": 10 * MB, "link": 0}, least).check(
        phases(made, stage, config)
    )


def test_room_to_compile_until_a_stage_has_run(tally, monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "own_bytes", lambda: 0)
    monkeypatch.setattr(memory, "cache_folder", lambda: tmp_path)
    limit = IDLE + memory.COMPILING + 2 * (memory.WORKER + memory.COMPILING)
    found = needing(tally, {"survey": memory.COMPILING}, limit)
    before = found.at_once(Phase("survey", 0, 0, 1))
    memory.remember_compiled(stages()["tally"])
    assert before == 1 and found.at_once(Phase("survey", 0, 0, 1)) == 2


def test_this_process_counts_where_it_holds_more(tally, bare, monkeypatch):
    limit = IDLE + memory.WORKER + 500 * MB
    found = needing(tally, {"survey": 500 * MB}, limit)
    assert found.at_once(Phase("survey", 0, 0, 1)) == 1
    monkeypatch.setattr(memory, "own_bytes", lambda: memory.COORDINATOR + 1)
    with pytest.raises(UsageError, match="--memory"):
        found.at_once(Phase("survey", 0, 0, 1))


# --- what tasks are given -------------------------------------------------------------------------


def test_the_largest_shard_and_its_largest_document(root):
    corpus = Corpus(str(root / "pool"))
    made = running.plan("length", {}, corpus=str(root / "pool"))
    stage = stages()["length"]
    found = loads.load(made, stage, stage.config(), Phase("apply", 0, 0, 1))
    entries = corpus.entries()
    assert len(entries) > 1 and found.rows == max(entry.rows for entry in entries)
    most = max(entry.bytes for entry in entries)
    assert most >= 200_000 and most <= found.bytes < 1.1 * most + 100 * found.rows
    assert 200_000 <= found.longest <= found.bytes


def test_all_shards_of_a_slice_and_the_rows_of_the_census_before(root):
    stage = stages()["dedup-lines"]
    wanted = {"corpus": str(root / "pool"), "to": str(root / "fewer")}
    options = {"min_bytes": 1}
    made = running.plan("dedup-lines", options, **wanted)
    config = stage.config(**options)
    names = Phase("survey", 1, 0, 1)
    apply = next(phase for phase in phases(made, stage, config) if phase.kind == "apply")
    assert loads.load(made, stage, config, names).mine == loads.load(made, stage, config, apply).mine == 0
    with pytest.raises(running.Stopped):
        running.step("dedup-lines", options, running.Stopping(apply.first), **wanted)
    named = loads.load(made, stage, config, names).mine
    assert 0 < named < loads.load(made, stage, config, apply).mine
    together = running.plan("dedup-substrings", {}, corpus=str(root / "pool"), to=str(root / "other"))
    stage = stages()["dedup-substrings"]
    found = loads.load(together, stage, stage.config(), Phase("apply", 0, 0, 1))
    assert found.bytes < sum(shard["bytes"] for shard in together.shards) < found.together
    small, large = (dataclasses.replace(found, together=size * MB) for size in (100, 200))
    assert stage.memory(large, stage.config()) > stage.memory(small, stage.config()) + 300 * MB


def test_settling_is_expected_from_documents_and_then_measured(root, tally):
    made, stage, config = tally
    settle = Phase("settle", 0, 0, 1)
    before = loads.load(made, stage, config, settle)
    assert (before.rows, before.bytes, before.measured) == (made.rows, made.bytes, False)
    with pytest.raises(running.Stopped):
        running.step("tally", {}, running.Stopping(len(made.runs)), corpus=str(root / "pool"))
    after = loads.load(made, stage, config, settle)
    paths = [made.output.work(work_name("survey", 0, number)) for number in range(len(made.runs))]
    counts = [count for path in paths for count, *_ in routed.sizes(path).values()]
    assert after.measured and after.rows == sum(counts) > 0
    assert 0 < after.bytes < made.bytes


@pytest.mark.parametrize("verb", ALL)
def test_every_stage_states_more_for_more(verb):
    stage = stages()[verb]
    assert stage.memory is not None
    config = stage.config(**OPTIONS.get(verb, {}))
    steps = [("survey", i) for i in range(len(stage.before))] + [("settle", i) for i in range(len(stage.before))]
    steps += [("link", i) for i, census in enumerate(stage.before) if census.link] + [("apply", 0)]
    steps += [(kind, AFTER) for kind in ("survey", "settle")] if stage.after else []
    for kind, census in steps:
        for measured in (True, False):
            small = stage.memory(Load(kind, census, 10, 10_000, 10_000, measured), config)
            large = stage.memory(Load(kind, census, 10**6, 128 * MB, 8 * MB, measured), config)
            assert isinstance(small, int) and isinstance(large, int)
            assert 32 * MB < small <= large
            reads = kind in ("survey", "apply") and not (verb == "ingest" and kind == "apply")
            assert not reads or large > 128 * MB


def test_one_large_document_counts():
    stage = stages()["dedup"]
    many = stage.memory(Load("survey", 0, 1000, 128 * MB, 8 * MB), stage.config())
    one = stage.memory(Load("survey", 0, 1000, 128 * MB, 100 * MB), stage.config())
    assert one > many + 500 * MB


# --- whole runs -----------------------------------------------------------------------------------


def test_too_little_exits_with_2_before_anything_runs(root):
    done = command("length", "pool", "--memory", "100MB", cwd=root)
    assert done.returncode == 2 and "length needs at least 0." in done.stderr
    assert not (root / "pool/length").exists()
    assert command("length", "pool", "--memory", "much", cwd=root).returncode == 2
    (root / "recipe.yaml").write_text("steps: [length: {corpus: pool}]\nexecution: {memory: 0.1GB}\n")
    assert "length needs at least" in command("run", "recipe.yaml", cwd=root).stderr
    assert not (root / "pool/length").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_run_stays_below_its_memory_and_gives_the_same(root, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(running.ROOT) / "scripts" / "bench"))
    import memory as bench

    limit = 1_000 * MB
    words = [str(running.CURATE), "tally", "pool", "--workers", "2", "--quiet"]
    given = {"cwd": root, "env": running.environment(), "stderr": subprocess.DEVNULL}
    peak = bench.measured([*words, "--as", "limited", "--memory", f"{limit}"], 0.02, **given)
    assert peak.status == 0 and peak.samples > 3 and peak.largest["worker"] > 10 * MB
    assert 50 * MB < peak.total < limit
    assert subprocess.run([*words, "--as", "free"], **given, check=False).returncode == 0
    contents = [Corpus(str(root / "pool")).must(layer).shards for layer in ("limited", "free")]
    assert [shard.rows for shard in contents[0]] == [shard.rows for shard in contents[1]]
    files = [sorted((root / "pool" / layer).glob("*/shards/*.parquet")) for layer in ("limited", "free")]
    for one, other in zip(*files, strict=True):
        limited, free = pq.read_table(one), pq.read_table(other)
        renamed = [name.replace("limited", "free", 1) for name in limited.column_names]
        assert limited.rename_columns(renamed).replace_schema_metadata(None).equals(free.replace_schema_metadata(None))
