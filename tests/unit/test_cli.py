"""The command line as people meet it: help, errors, exit statuses, what it prints where."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli import look, printing
from curate.cli.running import explain_lines, parse_bytes
from curate.errors import UsageError
from curate.stages import ALL, stages
from curate.storage.corpus import named
from tests import material, running
from tests.running import command

HEAVY = ("numba", "numpy", "pyarrow", "polars", "torch", "faiss", "sklearn", "scipy", "fasttext", "tokenizers", "ray")
LOOK = ("run", "status", "show", "explain", "clusters", "verify", "clean-up", "stages", "schema", "worker")

MAIN = """
import sys
from curate.cli import app
sys.argv = ["curate", *{arguments!r}]
try:
    app.main()
except SystemExit as done:
    status = done.code
print("status", status)
print("modules", *[name for name in {heavy!r} if name in sys.modules])
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A corpus with a layer, made by the tests' own stages."""
    found = tmp_path_factory.mktemp("cli")
    material.write_lines(found / "raw/x.txt", [*material.docstrings()[:20], None])
    assert command("lines", "raw", "--to", "pool", "--max-errors", "1", cwd=found).returncode == 0
    assert command("length", "pool", cwd=found).returncode == 0
    return found


def loaded(*arguments: str) -> tuple[str, list[str]]:
    """Run a command in a new process; its output and the heavy modules that it has imported."""
    program = MAIN.format(arguments=list(arguments), heavy=HEAVY)
    surroundings = running.environment()
    del surroundings["CURATE_STAGES"]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=surroundings)
    assert "status 0\n" in done.stdout, done.stdout + done.stderr
    return done.stdout, done.stdout.splitlines()[-1].split()[1:]


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["dedup", "--help"], ["stages"], ["stages", "mix"], ["schema"]])
def test_help_imports_nothing_heavy(arguments):
    assert loaded(*arguments)[1] == []


def test_help_names_every_command_in_its_panel():
    output, _ = loaded("--help")
    for name in (*ALL, *LOOK):
        assert re.search(rf"^\W+{name} ", output, re.MULTILINE), name
    for panel in ("bring in", "annotate", "select", "send out", "look"):
        assert f"─ {panel} ─" in output


@pytest.mark.parametrize("verb", ALL)
def test_help_shows_every_option(verb):
    output = command(verb, "--help").stdout
    fields = stages()[verb].config.model_fields
    for name, info in fields.items():
        if name not in ("sources", "names"):
            assert f"--{name.replace('_', '-')}" in output
            assert " ".join((info.description or "").split()[:3]) in " ".join(output.split())
    for option in ("--workers", "--executor", "--max-errors", "--quiet", "--json", "--dry-run"):
        assert option in output
    chooses = stages()[verb].makes == "corpus" and verb != "ingest" and stages()[verb].carries
    assert ("--carry" in output) == chooses


def test_help_shows_brackets():
    for verb, said in (("embed", "curate[neural]"), ("map", "curate[map]")):
        assert said in command(verb, "--help").stdout


def test_a_list_of_defaults_reads_as_it_is_typed():
    for arguments in (["verdict", "--help"], ["stages", "verdict"]):
        output = command(*arguments).stdout
        assert "fineweb" in output and "[]" not in output and "['" not in output and "(default )" not in output


def test_line_ends_among_defaults_are_shown_as_they_are_typed():
    for arguments in (["export", "--help"], ["stages", "export"]):
        assert r"\n\n" in command(*arguments).stdout


def test_usage_says_once_that_several_may_be_given():
    for verb, usage in (("ingest", "{SOURCE}..."), ("mix", "{CORPUS}...")):
        assert usage in command(verb, "--help").stdout.split("\n", 3)[1]


def test_no_arguments_are_help():
    done = command()
    assert "Usage: curate" in done.stdout + done.stderr and done.returncode in (0, 2)


def test_stages_lists_options_and_defaults():
    lines = command("stages", "dedup").stdout
    assert "--threshold" in lines and "0.8" in lines and "Jaccard" in lines
    found = json.loads(command("stages", "--json").stdout)
    assert {*ALL, "tally"} <= found.keys()
    assert found["dedup"]["options"]["properties"]["threshold"]["default"] == 0.8


# --- errors ---------------------------------------------------------------------------------------

USAGE = [
    (["nosuch"], "No such command 'nosuch'"),
    (["ingest"], "Missing argument"),
    (["dedup", "{pool}", "--thresold", "1"], "--threshold"),
    (["dedup", "{pool}", "--threshold", "3"], "dedup: --threshold '3': Input should be less than or equal to 1"),
    (["dedup", "{pool}", "--threshold", "x"], "dedup: --threshold 'x': Input should be a valid number"),
    (["dedup", "/no/such"], "no corpus there; `curate ingest SOURCE... --to /no/such` makes one"),
    (["length", "{pool}", "--as", "No"], "--as 'No'"),
    (["length", "{pool}", "--where", "nope = 1"], "no column 'nope'"),
    (
        ["length", "{pool}", "--where", "id = zzz"],
        "no column 'zzz'; text stands in single quotes, and a field of `meta`",
    ),
    (["length", "{pool}", "--where", "text ="], "expression `text =`: unable to parse"),
    (["length", "{pool}", "--workers", "abc"], "--workers 'abc'"),
    (["length", "{pool}", "--workers", "-1"], "--workers '-1'"),
    (["length", "{pool}", "--executor", "lcal"], "did you mean 'local'?"),
    (["length", "{pool}", "--max-errors", "few"], "--max-errors 'few'"),
    (["dsir", "{pool}", "--target", "/no/such"], "no file there"),
    (["dsir", "{pool}"], "target"),
    (["select", "{pool}"], "--to is missing"),
    (["select", "{pool}", "--to", "{pool}"], "that is the corpus being read"),
    (["select", "{pool}", "--to", "new", "--shard-bytes", "much"], "--shard-bytes 'much'"),
    (["mix", "{pool}", "{pool}", "--to", "new"], "two are called 'pool'"),
    (["export", "{pool}", "--to", "out", "--format", "xml"], "'jsonl.zst', 'jsonl.gz'"),
    (["ingest", "/no/such", "--to", "new"], "source '/no/such': no file there"),
    (["stages", "nosuch"], "no stage 'nosuch'; there are: ingest, language, dedup"),
    (["run", "nosuch.yaml"], "nosuch.yaml"),
    (["run", "{recipe}"], "recipe.yaml:2: "),
    (["status", "{empty}"], "no corpus there"),
    (["show", "{pool}", "--columns", "nope"], "no column 'nope'; there are: id"),
    (["verify", "{empty}"], "no corpus there"),
    (["dedup", "{recipe}"], "a file, not a corpus; `curate ingest"),
    (["show", "{root}"], "a folder of corpora, not a corpus; name one of: pool"),
    (["show", "{pool}/length"], "a layer, not a corpus"),
    (["show", "{pool}", "--where", " "], "it is empty"),
    (["select", "{pool}", "--where", "", "--to", "new"], "it is empty"),
    (["select", "{pool}", "--to", "{pool}/documents/new"], "it lies within the corpus"),
    (["select", "{pool}", "--to", "{recipe}/new"], "is a file; name a folder"),
    (["select", "{pool}", "--to", "/sys/new"], "cannot be written"),
    (["worker", "{recipe}", "0"], "not a plan"),
    (["worker", "/no/plan", "0"], "no plan there"),
    (["worker", "/no/plan"], "INDEX or --slice"),
    (["worker", "/no/plan", "--slice", "3/2"], "--slice '3/2'"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), USAGE, ids=lambda item: " ".join(item)[:40] if isinstance(item, list) else ""
)
def test_a_mistake_is_one_message_and_status_2(root, tmp_path, arguments, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "recipe.yaml").write_text("steps:\n  - dedpu: {}\n")
    places = {"root": root, "pool": root / "pool", "empty": tmp_path / "empty", "recipe": tmp_path / "recipe.yaml"}
    done = command(*(argument.format(**places) for argument in arguments), cwd=tmp_path)
    said = " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.stderr).split())
    assert done.returncode == 2, done.stderr
    assert message in said and "Traceback" not in said and done.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "recipe.yaml"]


def test_too_many_errors_are_status_3(root, tmp_path):
    done = command("lines", root / "raw", "--to", tmp_path / "x")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "1 document could not be used, more than --max-errors 0" in done.stderr


def test_a_run_file_whose_first_step_names_no_corpus_is_told_how(tmp_path):
    (tmp_path / "recipe.yaml").write_text("steps:\n  - dedup: {}\n")
    done = command("run", "recipe.yaml", cwd=tmp_path)
    assert done.returncode == 2 and "line 2: dedup: `corpus` is missing" in done.stderr
    assert "add `corpus: FOLDER` to its options" in done.stderr


def test_documents_without_the_field_of_text_are_told_its_option(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "a"}\n{"body": "b"}\n')
    done = command("ingest", "a.jsonl", "--to", "x", cwd=tmp_path)
    assert done.returncode == 3
    assert "mend the source, name another field than 'text' by --text-field, or continue" in done.stderr
    assert command("ingest", "a.jsonl", "--to", "x", "--text-field", "body", cwd=tmp_path).returncode == 0
    done = command("ingest", "a.jsonl", "--to", "y", "--text-field", "body", "--id-field", "key", cwd=tmp_path)
    assert "name another field than 'key' by --id-field" in done.stderr
    (tmp_path / "b.jsonl").write_text("{")
    assert "mend the source, or continue" in command("ingest", "b.jsonl", "--to", "z", cwd=tmp_path).stderr


def test_a_selection_of_nothing_is_told(root, tmp_path):
    done = command("select", root / "pool", "--where", "length < 0", "--to", tmp_path / "none")
    assert done.returncode == 0 and "warning: --where chose none of 20 documents; `curate quality-report" in done.stderr
    done = command("select", root / "pool", "--where", "length > 0", "--to", tmp_path / "all")
    assert done.returncode == 0 and "warning" not in done.stderr


def test_a_failed_verify_is_status_3(root, tmp_path):
    running.copied(root / "pool", tmp_path / "pool")
    next((tmp_path / "pool/length").glob("*/shards/*")).unlink()
    done = command("verify", tmp_path / "pool")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    shown = command("show", tmp_path / "pool")
    assert shown.returncode == 3 and "the shard is missing" in shown.stderr and "Traceback" not in shown.stderr
    assert re.search(r"length +1 +.*missing", done.stdout) and re.search(r"documents +1 +right", done.stdout)
    assert command("verify", root / "pool").returncode == 0


def test_a_bug_is_status_4_where_tasks_fail(root, tmp_path):
    done = command("length", root / "pool", "--as", "failing", OWN_FAIL=str(len(material.docstrings()[0])))
    assert done.returncode == 4
    assert "length as failing: 1 of 1 tasks failed" in done.stderr and "RuntimeError: a text has" in done.stderr


def test_a_reader_that_stops_listening_is_no_error():
    pipe = f"set -o pipefail; {running.CURATE} schema | head -c 1"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, env=running.environment())
    assert done.stdout == "{" and done.stderr == "" and done.returncode == 0


# --- what is printed ------------------------------------------------------------------------------


def test_results_go_to_standard_error_and_json_to_standard_output(root, tmp_path):
    done = command("select", root / "pool", "--where", "length > 100", "--to", tmp_path / "a")
    assert done.stdout == "" and "select" in done.stderr and "not chosen by --where" in done.stderr
    done = command("select", root / "pool", "--where", "length > 100", "--to", tmp_path / "b", "--json")
    found = json.loads(done.stdout)
    assert done.stderr == "" and found["tasks"] == 1 and found["ledger"]["in"] == 20
    done = command("select", root / "pool", "--where", "length > 100", "--to", tmp_path / "c", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")


def test_a_dry_run_does_nothing_and_says_why(root, tmp_path):
    before = running.tree(root / "pool")
    done = command("length", root / "pool", "--unit", "2", "--dry-run")
    assert done.returncode == 0 and "option unit was 1 and is 2" in done.stdout
    found = json.loads(command("length", root / "pool", "--unit", "2", "--dry-run", "--json").stdout)
    assert found["options"] == {"unit": 2} and found["tasks"] == {"apply": 1} and found["documents"] == 20
    assert command("length", root / "pool", "--dry-run", "--json").returncode == 0
    assert json.loads(command("length", root / "pool", "--dry-run", "--json").stdout)["tasks"] == {}
    assert running.tree(root / "pool") == before


def test_a_dry_run_leaves_out_options_that_nobody_gave():
    found = {"step": "s", "target": "t", "options": {"a": 0, "b": None, "c": [], "d": ["x"]}, "inputs": ["i"]}
    found |= {"documents": 1, "bytes": 1, "tasks": {}}
    assert explain_lines(found)[1] == "  options: a=0, d=['x']"


def test_a_recipe_says_of_each_step_what_went_only_where_something_did(tmp_path):
    material.write_lines(tmp_path / "raw/x.txt", ["a", "bb"])
    steps = ["lines: {sources: [raw], to: pool}", "length: {}", "select: {where: length > 1, to: kept}"]
    (tmp_path / "recipe.yaml").write_text("steps:\n" + "".join(f"  - {step}\n" for step in steps))
    done = command("run", "recipe.yaml", cwd=tmp_path)
    assert re.search(r"2 in, 2 out; \d", done.stdout + done.stderr)
    assert "2 in, 1 out; not chosen by --where 1; " in done.stdout + done.stderr


@pytest.mark.parametrize("made", [[], ["lines"], ["lines", "length"]])
def test_a_dry_run_of_a_recipe_at_any_stage(tmp_path, made):
    material.write_lines(tmp_path / "raw/x.txt", material.docstrings()[:5])
    steps = [
        "lines: {sources: [raw], to: pool}",
        "length: {}",
        "select: {where: length > 100, to: kept}",
        "length: {as: b}",
    ]
    for number in range(len(made), len(steps) + 1):
        if made and number == len(made):
            (tmp_path / "recipe.yaml").write_text("steps:\n" + "".join(f"  - {step}\n" for step in steps[:number]))
            assert command("run", "recipe.yaml", cwd=tmp_path).returncode == 0
    (tmp_path / "recipe.yaml").write_text("steps:\n" + "".join(f"  - {step}\n" for step in steps))
    before = running.tree(tmp_path)
    done = command("run", "recipe.yaml", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 4
    assert [step.get("tasks") for step in found[: len(made)]] == [{}] * len(made)
    assert all(step.get("tasks") or step.get("waits") for step in found[len(made) :])
    assert running.tree(tmp_path) == before


def test_a_dry_run_of_a_recipe_waits_for_old_corpora_too(tmp_path):
    material.write_lines(tmp_path / "raw/x.txt", material.docstrings()[:5])
    assert command("lines", "raw", "--to", "new", cwd=tmp_path).returncode == 0
    steps = ["lines: {sources: [raw], to: old}", "seen: {}", "seen: {corpus: new, against: [then=old]}"]
    (tmp_path / "recipe.yaml").write_text("steps:\n" + "".join(f"  - {step}\n" for step in steps))
    done = command("run", "recipe.yaml", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[-1]["waits"] == "planned once seen is done"
    done = command("run", tmp_path / "recipe.yaml", "--json", cwd="/")
    assert done.returncode == 0, done.stderr
    last = json.loads(command("run", "recipe.yaml", "--dry-run", "--json", cwd=tmp_path).stdout)[-1]
    assert "waits" not in last and not last["tasks"]
    assert {name: sorted(layers) for name, layers in last["inputs"].items()} == {
        str(tmp_path / "new"): ["documents"],
        str(tmp_path / "old"): ["documents", "seen"],
    }


def test_status_says_what_there_is(root):
    found = json.loads(command("status", root / "pool", "--json").stdout)["layers"]
    assert [layer["layer"] for layer in found][:2] == ["documents", "length"]
    assert found[0]["rows"] == 20 and found[0]["ledger"]["quarantined"] == 1 and found[0]["state"] == "ready"
    assert "quarantined 1" in command("status", root / "pool").stdout


def test_show_prints_documents_with_their_columns(root):
    rows = json.loads(command("show", root / "pool", "--columns", "id,length", "--number", "3", "--json").stdout)
    assert [row["length"] for row in rows] == [len(text) for text in material.docstrings()[:3]]
    assert [*rows[0]] == ["id", "length"]
    some = command("show", root / "pool", "--seed", "1", "-n", "4", "--columns", "id", "--json").stdout
    assert some == command("show", root / "pool", "--seed", "1", "-n", "4", "--columns", "id", "--json").stdout
    assert some != command("show", root / "pool", "--seed", "2", "-n", "4", "--columns", "id", "--json").stdout
    none = command("show", root / "pool", "--where", "length < 0")
    assert none.returncode == 0 and "no document is chosen" in none.stdout
    assert "text:" in command("show", root / "pool").stdout


def test_clean_up_deletes_what_nobody_needs(root, tmp_path):
    pool = running.copied(root / "pool", tmp_path / "pool")
    (pool / "length/0123456789ab/shards").mkdir(parents=True)
    (pool / "notes/drafts").mkdir(parents=True)
    before = running.tree(pool)
    (pool / "length/0123456789ab/shards/x").write_text("x")
    assert "would delete" in command("clean-up", pool, "--dry-run").stdout
    assert (pool / "length/0123456789ab").exists()
    assert command("clean-up", pool).returncode == 0
    assert not (pool / "length/0123456789ab").exists() and (pool / "notes/drafts").exists()
    assert running.tree(pool) == before


# --- small parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("64M", 64_000_000), ("1.5k", 1500), ("2G", 2_000_000_000), ("100", 100), ("7kB", 7000), (5, 5), (None, None)],
)
def test_sizes(text, value):
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["", "M", "0", "-1", "64X", "nan", "inf", "1e400"])
def test_what_is_no_size(text):
    with pytest.raises(UsageError, match="--shard-bytes"):
        parse_bytes(text)


def test_corpora_are_named_by_their_folders_or_as_told():
    assert named(["a/pool", "x=b/pool", "/c/y=z"]) == (("pool", "a/pool"), ("x", "b/pool"), ("y=z", "/c/y=z"))


def test_what_was_taken_out_of_texts_is_told():
    counts = {"dedup_keep false": 2, "lines_removed": 75_087, "bytes_removed": 9, "documents_changed": 6199}
    ledger = {"removed": {"all lines duplicated": 1}, "quarantined": 0, "repeats": 0, "counts": counts}
    told = "all lines duplicated 1, dedup_keep false 2, lines 75,087 of 6,199 documents"
    assert printing.removed_text(ledger) == told
    assert printing.removed_text({**ledger, "removed": {}, "counts": {"documents_changed": 3}}) == "none"


def test_numbers_for_people():
    assert [printing.size(value) for value in (0, 999, 1000, 1_234_567, 5e15)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "5000.0 TB",
    ]
    assert [printing.duration(value) for value in (0.04, 59.9, 61, 3725)] == [
        "0.0 s",
        "59.9 s",
        "1:01 min",
        "1:02:05 h",
    ]
    assert printing.table(("a", "bb"), [("x", 10)], right=(1,)).splitlines() == ["a  bb", "-  --", "x  10"]


def test_a_sentence_on_a_reject_is_not_cut(monkeypatch, capsys):
    detail = "10000000 bytes by its head, and neither a record nor the end is behind them"
    row = {"layer": "documents", "file": "f", "unit": "byte", "position": 0, "reason": "r", "detail": detail}
    monkeypatch.setattr("curate.runtime.status.rejects", lambda *_: [row])
    look._show_rejects("corpus", 5, None, as_json=False)
    assert detail in capsys.readouterr().out
