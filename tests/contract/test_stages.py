"""What every stage promises by being one. Nothing here knows a stage: `cases.py` says what to run each on."""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from curate import ranked
from curate.errors import DataError, UsageError
from curate.runtime.inputs import layer_schema
from curate.runtime.opened import Opened
from curate.stage import AlarmMarker, Stage, marked
from curate.stages import ALL, stages
from curate.storage.corpus import DOCUMENTS, Corpus
from tests import running
from tests.contract import golden
from tests.contract.cases import CASES, MADE, POOL, arguments, results, run
from tests.running import Stopped, Stopping, difference

STAGES = [name for name in ALL if name in stages()]
LAYERS = [name for name in STAGES if stages()[name].makes == "layer"]

every_stage = pytest.mark.parametrize("verb", STAGES)


def declared(verb: str) -> Stage:
    return stages()[verb]


def test_every_stage_has_a_case():
    assert set(STAGES) == set(CASES)


# --- what can be read off ------------------------------------------------------------------------


@every_stage
def test_every_option_is_described_and_bounded(verb):
    model = declared(verb).config
    assert (model.__doc__ or "").strip().split("\n")[0].endswith(".")
    for name, info in model.model_fields.items():
        where = f"{verb} {name}"
        assert info.description and info.description.endswith("."), f"{where}: no full sentence describes it"
        if info.annotation in (int, float):
            assert info.metadata, f"{where}: a number without bounds"


@every_stage
def test_an_alarm_has_options_with_defaults(verb):
    """An option that no function but the alarm sees must have an alarm, and a default that the others get."""
    model = declared(verb).config
    names = list(marked(model, AlarmMarker))
    assert bool(names) == (declared(verb).alarm is not None)
    assert not any(model.model_fields[name].is_required() for name in names)


@every_stage
def test_a_stage_file_imports_nothing_heavy(verb):
    module = importlib.import_module(f"curate.stages.{verb.replace('-', '_')}")
    assert module.STAGE is declared(verb)
    for name in _imported_at_top(module):
        allowed = name in ("pydantic", "curate.stage", "curate.ranked") or name.split(".")[0] in sys.stdlib_module_names
        assert allowed, f"{verb} imports {name} at its top"


def test_what_stages_share_imports_nothing_heavy():
    for name in _imported_at_top(ranked):
        assert name in ("pydantic", "curate.stage") or name.split(".")[0] in sys.stdlib_module_names


def _imported_at_top(module: ModuleType) -> list[str]:
    assert module.__file__ is not None
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    return [name for statement in body for name in _imported(statement)]


def _imported(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module or "."] if isinstance(statement, ast.ImportFrom) else []


@every_stage
def test_a_seed_is_explicit(verb):
    model = declared(verb).config.model_fields
    sampled = any(census.sample for census in declared(verb).before)
    assert "seed" in model or not sampled
    if "seed" in model:
        assert model["seed"].default == 0


@pytest.mark.parametrize("verb", LAYERS)
def test_columns_start_with_the_name_of_the_stage(verb, prepared):
    options, _ = arguments(prepared(verb), verb)
    stage = declared(verb)
    assert stage.adds is not None
    names = stage.adds(stage.config.model_validate(options)).names
    assert names and len(set(names)) == len(names)
    assert all(name == verb or name.startswith(f"{verb}_") for name in names)


@every_stage
def test_options_survive_json(verb, prepared):
    """A plan is JSON: options that validate must come back from it as they were."""
    options, _ = arguments(prepared(verb), verb)
    config = declared(verb).config.model_validate(options)
    again = declared(verb).config.model_validate(json.loads(json.dumps(config.model_dump(mode="json"))))
    assert again == config


# --- what must be run ----------------------------------------------------------------------------


@every_stage
def test_same_bytes_whoever_runs_it(verb, prepared, root, executors):
    expected = None
    for name, workers in (("inline", 1), ("local", 1), ("local", 2), ("local", 4), ("ray", 2)):
        place = root(prepared(verb))
        run(place, verb, executors(name, workers))
        found = results(place, verb)
        assert len(found) > 1
        expected = expected or found
        assert difference(found, expected) == [], f"{name} with {workers} workers"


@every_stage
def test_a_second_run_does_nothing(verb, prepared, root):
    place = root(prepared(verb))
    assert run(place, verb).executed > 0
    before = results(place, verb)
    assert run(place, verb).executed == 0
    assert difference(results(place, verb), before) == []


@every_stage
def test_resumes_after_a_crash_at_every_task(verb, prepared, root):
    whole = root(prepared(verb))
    total = run(whole, verb).executed
    expected = results(whole, verb)
    begun = root(prepared(verb))
    for tasks in range(1, total):
        with contextlib.suppress(Stopped):
            run(begun, verb, Stopping(1))
        place = root(begun)
        missing = total - tasks - run(place, verb).executed
        assert missing == 0 or (missing == 1 == total - tasks), "only a report that alone was left is not made"
        assert difference(results(place, verb), expected) == [], f"after {tasks} of {total} tasks"


@pytest.mark.parametrize("verb", LAYERS)
def test_adds_exactly_what_it_declares(verb, prepared, root):
    place = root(prepared(verb))
    corpus = Corpus(place / POOL)
    text = running.tree(place / POOL / DOCUMENTS)
    manifest = run(place, verb, as_="other_name").manifest
    stage = declared(verb)
    assert stage.adds is not None
    expected = stage.adds(stage.config.model_validate(arguments(place, verb)[0]))
    schema = layer_schema(corpus, "other_name")
    assert schema.types == expected.types
    assert schema.names == [name.replace(verb, "other_name", 1) for name in expected.names]
    documents = corpus.documents()
    assert [(shard.name, shard.rows) for shard in manifest.shards] == [(s.name, s.rows) for s in documents.shards]
    assert 0 in [shard.rows for shard in documents.shards]
    assert running.tree(place / POOL / DOCUMENTS) == text


@pytest.mark.parametrize("verb", LAYERS)
def test_rows_not_chosen_are_null(verb, prepared, root):
    place = root(prepared(verb))
    manifest = run(place, verb, where="bytes > 500").manifest
    column = manifest.column_names[0]
    table = Opened(place / POOL).table(["bytes", column])
    chosen = [size > 500 for size in table["bytes"].to_pylist()]
    values = table[column].to_pylist()
    assert 0 < sum(chosen) < len(chosen)
    assert all(value is None for value, inside in zip(values, chosen, strict=True) if not inside)
    assert any(value is not None for value in values)
    removed = sum(manifest.ledger["removed"].values())
    assert manifest.ledger["in"] == len(chosen) and removed == len(chosen) - sum(chosen)


@every_stage
def test_nothing_to_work_on_is_no_bug(verb, prepared, root, memory):
    """A corpus without a document: a result without one, or an error that says what is missing."""
    place = root(prepared(verb))
    where = {} if declared(verb).takes == "sources" else {"where": "bytes < 0"}
    if declared(verb).takes == "sources":
        for path in (place / "raw").iterdir():
            path.write_text("")
    try:
        result = run(place, verb, **where)
    except (UsageError, DataError) as problem:
        assert "Traceback" not in str(problem) and verb in str(problem)
    else:
        assert result.manifest.ledger["out"] == 0 and run(place, verb, **where).executed == 0


@every_stage
def test_results_are_those_of_its_revision(verb, memory, root, request):
    """A stage whose results change must say so by its `revision`, or nobody's old layers are made anew."""
    found = golden.measure(root(golden.base(memory)), verb)
    if request.config.getoption("--update-golden"):
        golden.store(verb, found)
    stored = golden.stored().get(verb)
    assert stored, f"no golden result of {verb}; run pytest with --update-golden and look at the difference"
    assert stored["revision"] == found["revision"], f"{verb} has a new revision: run pytest with --update-golden"
    changed = golden.changed(stored, found)
    assert not changed, (
        f"{verb}: {', '.join(changed)} changed, but `revision` did not: mend what changed them, "
        "or raise `revision` and run pytest with --update-golden"
    )


@every_stage
def test_what_it_writes_is_proved_right(verb, prepared, root):
    from curate.runtime.verify import verify

    place = root(prepared(verb))
    run(place, verb)
    if declared(verb).makes != "files":
        folder = POOL if declared(verb).makes == "layer" else MADE
        assert [(layer, wrong) for layer, _, wrong in verify(Corpus(place / folder)) if wrong] == []
