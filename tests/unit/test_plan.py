"""Plans over corpora that the tests' own stages make."""

import dataclasses
import json

import pytest

from curate.errors import UsageError
from curate.runtime import plan as plans
from curate.runtime.phases import needed, phases, task_phase
from curate.runtime.plan import Plan
from curate.stages import stages
from curate.storage.corpus import Corpus
from tests import material, running

pytestmark = pytest.mark.usefixtures("own_stages")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    found = tmp_path_factory.mktemp("plans")
    for name, texts in {"a": material.docstrings()[:9], "b": material.docstrings()[9:12]}.items():
        material.write_lines(found / f"{name}/x.txt", texts)
        with running.own_stages():
            running.step("lines", {"sources": [str(found / name)]}, to=str(found / f"pool_{name}"), shard_bytes="1k")
            running.step("length", {}, corpus=str(found / f"pool_{name}"))
    return found


def plan(root, verb, options=None, **common):
    return running.plan(verb, options or {}, **{"corpus": str(root / "pool_a"), **common})


def test_a_plan_is_plain_json(root):
    made = plan(root, "tally", as_="rare", where="length > 3")
    assert Plan.loads(made.dumps()) == made
    assert json.loads(made.dumps())["options"] == {"few": 3, "sample": 40, "seed": 0, "most": 1000}


def test_a_plan_is_the_same_twice_and_depends_on_all_it_should(root):
    base = plan(root, "tally")
    assert plan(root, "tally") == base
    for other in (
        plan(root, "tally", {"few": 4}),
        plan(root, "tally", as_="rare"),
        plan(root, "tally", where="length > 3"),
        plan(root, "tally", corpus=str(root / "pool_b")),
    ):
        assert other.fingerprint != base.fingerprint
        assert not set(other.causes) & set(base.causes)


def test_the_revision_of_a_stage_counts(root):
    stage = stages()["length"]
    revised = dataclasses.replace(stage, revision=stage.revision + 1)
    request = plans.Request(corpora=(("pool_a", str(root / "pool_a")),))
    one, other = (plans.make(item, item.config(), request, stages) for item in (stage, revised))
    assert one.fingerprint != other.fingerprint and not set(one.causes) & set(other.causes)


def test_where_a_corpus_lies_does_not_count(root, tmp_path):
    running.copied(root / "pool_a", tmp_path / "pool_a")
    assert plan(root, "tally").fingerprint == plan(tmp_path, "tally").fingerprint


def test_only_what_is_needed_is_read(root):
    made = plan(root, "length", where="length > 3", as_="again")
    assert made.inputs[0].columns == {"text": "documents", "length": "length"}
    assert set(made.contents) == {"documents", "length"}
    assert plan(root, "length", as_="again").inputs[0].columns == {"text": "documents"}


def test_a_few_more_files_change_no_cut():
    sizes = [plans.automatic_shard_bytes(total) for total in range(0, 20 << 30, 1 << 26)]
    assert sizes == sorted(sizes) and set(sizes) == {1 << bits for bits in range(24, 28)}
    assert plans.automatic_shard_bytes(1_000_000_000) == plans.automatic_shard_bytes(1_010_000_000)


def test_runs_cover_the_shards_in_order():
    shards = [{"bytes": size} for size in [1 << 30, 1 << 30, 1, 3 << 30, 0, 5]]
    runs = plans._runs(shards)
    assert [start for start, _ in runs] == [0, *[end for _, end in runs][:-1]] and runs[-1][1] == len(shards)
    for many in (1, 63, 64, 65, 1000, 10_000):
        found = plans._runs([{"bytes": 10}] * many)
        assert sum(end - start for start, end in found) == many
        assert max(end - start for start, end in found) <= 64 and (
            len(found) >= 64 or many < 64 or len(found) >= many // 64
        )


@pytest.mark.parametrize(
    ("verb", "common", "message"),
    [
        ("length", {"as_": "Bad-Name"}, "--as 'Bad-Name': a layer's name is lower-case"),
        ("length", {"as_": "documents"}, "that is the name of the text itself"),
        ("length", {"as_": "text"}, "would have a column 'text', in layer 'documents' already; choose another --as"),
        ("length", {"as_": "row"}, "would have a column 'row', a name that curate uses"),
        ("length", {"where": "lengthh > 3"}, r"no column 'lengthh' \(did you mean 'length'\?\); there are: .*length"),
        ("length", {"where": "tally > 3"}, "no column 'tally'; `curate tally .*` adds it"),
        ("length", {"where": "sum(bytes) > 3"}, "sum"),
        ("length", {"corpus": "/no/such"}, "no corpus there"),
        ("select", {}, "--to is missing"),
        ("select", {"to": "{root}/pool_a"}, "that is the corpus being read"),
        ("select", {"to": "{root}/pool_b"}, "a corpus is there already, made by lines .* --replace"),
        ("select", {"to": "{root}/new", "carry": "nothing_such"}, "--carry 'nothing_such': no such layer"),
        ("select", {"to": "{root}/new", "as_": "x"}, "--as names a layer, but select makes none"),
        ("export", {"to": "{root}/a"}, "the folder is not empty and not an export"),
    ],
)
def test_what_cannot_be_made_is_refused(root, verb, common, message):
    given = {name: value.replace("{root}", str(root)) for name, value in common.items()}
    with pytest.raises(UsageError, match=message):
        plan(root, verb, **given)


@pytest.mark.parametrize("to", ["a/pool", "a/deep/pool", "a", "b/../a/pool"])
def test_a_corpus_is_not_written_into_its_sources(root, to):
    with pytest.raises(UsageError, match="it lies within the sources"):
        running.plan("lines", {"sources": [str(root / "a")]}, to=str(root / to))
    with pytest.raises(UsageError, match="it lies within the sources"):
        running.plan("lines", {"sources": [str(root / "*/x.txt")]}, to=str(root / "a"))
    running.plan("lines", {"sources": [str(root / "a")]}, to=str(root / "a/.hidden/pool"))


def test_workers_may_run_in_any_folder(root, monkeypatch):
    monkeypatch.chdir(root)
    made = running.plan("dsir", {"target": ["a/x.txt"]}, corpus="pool_a")
    assert made.options["target"] == [str(root / "a/x.txt")]
    made = running.plan("embed", {}, corpus="pool_a")
    assert made.options["model"] == "builtin"


def test_corpora_need_names_of_their_own(root):
    with pytest.raises(UsageError, match="two are called 'pool_a'"):
        running.plan("mix", {}, corpora=[str(root / "pool_a"), str(root / "a/../pool_a")], to=str(root / "mixed"))
    made = running.plan("mix", {}, corpora=[f"x={root / 'pool_a'}", str(root / "pool_b")], to=str(root / "mixed"))
    assert [source.name for source in made.inputs] == ["x", "pool_b"]
    assert {shard["corpus"] for shard in made.shards} == {0, 1}


def test_a_column_of_two_types_is_refused(root, tmp_path):
    other = running.copied(root / "pool_b", tmp_path / "pool_b")
    path = next((other / "length").glob("*/shards/*.parquet"))
    from curate.storage import shard as shards

    table = shards.read(path)
    footer = shards.read_footer(path)
    assert footer is not None
    shards.write(path, table.cast(shards.pa.schema([("length", shards.pa.int32())])), footer)
    with pytest.raises(UsageError, match=r"column 'length' is int64 in .*pool_a but int32 in .*pool_b"):
        running.plan("mix", {}, corpora=[str(root / "pool_a"), str(other)], to=str(root / "mixed"))


def test_layers_with_wide_rows_are_carried_only_when_asked(root, tmp_path):
    corpus = running.copied(root / "pool_a", tmp_path / "pool_a")
    running.step("tally", {}, corpus=str(corpus))
    for carry, expected in ((None, {"length"}), ("all", {"length", "tally"}), ("none", set()), ("tally", {"tally"})):
        made = plan(tmp_path, "select", carry=carry, to=str(tmp_path / "new"))
        assert set(made.carried) == expected


# --- phases ---------------------------------------------------------------------------------------


def test_phases_follow_one_another(root):
    made = plan(root, "tally", where="length > 3", as_="rare")
    stage = stages()["tally"]
    found = phases(made, stage, stage.config())
    kinds = [phase.name for phase in found]
    assert kinds == [
        "count",
        "survey 1",
        "settle 1",
        "survey 2",
        "link 2",
        "settle 2",
        "apply",
        "survey after",
        "settle after",
        "report",
        "alarm",
    ]
    assert [phase.first for phase in found] == [sum(p.tasks for p in found[:i]) for i in range(len(found))]
    for phase in found:
        for number in range(phase.tasks):
            assert task_phase(found, phase.first + number) == (phase, number)
    for index in (-1, found[-1].first + found[-1].tasks):
        with pytest.raises(UsageError, match=f"task {index}: the plan has tasks 0 to"):
            task_phase(found, index)


def test_a_sample_of_nothing_is_no_pass(root):
    made = plan(root, "tally", {"sample": 0})
    stage = stages()["tally"]
    kinds = [phase.name for phase in phases(made, stage, stage.config(sample=0))]
    assert kinds[:2] == ["settle 1", "survey 2"]


def test_without_a_missing_shard_no_census_is_run(root, tmp_path):
    running.copied(root / "pool_a", tmp_path / "pool_a")
    running.step("tally", {}, corpus=str(tmp_path / "pool_a"))
    made = plan(tmp_path, "tally")
    stage = stages()["tally"]
    found = phases(made, stage, stage.config())
    assert needed(made, stage, found) == []
    made.output.summary.unlink()
    assert [phase.name for phase, _ in needed(made, stage, found)] == [
        "survey after",
        "settle after",
        "report",
        "alarm",
    ]
    made.output.shard(Corpus(tmp_path / "pool_a").entries()[1].name).unlink()
    todo = {phase.name: numbers for phase, numbers in needed(made, stage, found)}
    assert todo["apply"] == [1] and {"survey 1", "settle 1", "survey 2", "link 2", "settle 2"} <= set(todo)
