"""What `curate explain` tells of documents that stayed, went, came along or never came in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from curate.errors import UsageError
from curate.runtime.history import history
from tests import material, running
from tests.running import command

pytestmark = pytest.mark.usefixtures("own_stages")

LONG = " ".join(f"word{i}" for i in range(80))
OLD = " ".join(f"old{i}" for i in range(60))
HERE = [
    ("kept", LONG + " and a few more words at its end", "wiki"),
    ("twin", LONG + " and a few more words at its end", "web"),
    ("near", LONG.replace("word40", "other") + " and a few more words at its end", "web"),
    ("again", OLD + " tail", "web"),
    ("poison", "POISON in the well of which all the village has to drink", "web"),
    ("alone", "nothing else is like this one, \u202eof few words\n\nand two paragraphs\n", "wiki"),
]
THERE = [("ancient", OLD, "archive"), ("other", "something else altogether that nobody copies", "archive")]


def write(path: Path, documents: list[tuple], more: tuple[dict, ...] = ()) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [{"id": name, "text": text, "source": source} for name, text, source in documents]
    path.write_text("".join(json.dumps(record) + "\n" for record in [*records, *more]))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("explain")
    write(found / "old/x.jsonl", THERE)
    write(found / "new/a.jsonl", HERE[:3])
    write(found / "new/b.jsonl", HERE[3:], ({"id": "kept", "text": "an id that is taken"}, {"id": "mute"}))
    with running.own_stages():
        for name, shard in (("old", "1M"), ("new", "300")):
            options = {"sources": [str(found / name)], "id_field": "id"}
            running.step("ingest", options, max_errors="9", to=str(found / f"{name}_pool"), shard_bytes=shard)
        running.step("dedup", {"index": True}, corpus=str(found / "old_pool"))
        pool = str(found / "new_pool")
        running.step("dedup", {"against": [f"march={found / 'old_pool'}"]}, corpus=pool)
        running.step("tally", {}, corpus=pool, max_errors="9", as_="rare")
        running.step("length", {}, corpus=pool, where="source = 'wiki'")
        running.step("select", {}, corpus=pool, where="dedup_keep", to=str(found / "kept"))
        running.step("mix", {"by": "source"}, corpora=[f"one={found / 'kept'}"], to=str(found / "mixed"))
        options = {"min_bytes": 5, "unit": "line"}
        running.step("dedup-lines", options, corpus=str(found / "kept"), to=str(found / "lines"))
    return found


def layer(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in found["layers"] if item["layer"] == name)


def told(root: Path, name: str, corpus: str = "new_pool") -> str:
    done = command("explain", root / corpus, name)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_kept_document_and_those_that_duplicate_it(root):
    found = history(root / "new_pool", "kept")
    assert found["found"] and found["document"]["source"] == "wiki" and found["document"]["text"] == HERE[0][1]
    naming = layer(found, "dedup")["duplicated_by"]
    assert naming["count"] == 2
    assert [(row["id"], row["source"]) for row in naming["first"]] == [("twin", "web"), ("near", "web")]
    assert naming["first"][0]["similarity"] == 1 and 0.8 < naming["first"][1]["similarity"] < 1
    assert [row["id"] for row in layer(history(root / "new_pool", "kept", 1), "dedup")["duplicated_by"]["first"]] == [
        "twin"
    ]
    assert layer(found, "length")["values"] == {"length": len(HERE[0][1])}
    assert found["came_from"] == {"stage": "ingest", "files": [str(root / "new")]}
    assert "2 documents here duplicate it:" in told(root, "kept")


def test_one_removed_exactly(root):
    duplicates = layer(history(root / "new_pool", "twin"), "dedup")["duplicates"]
    assert (duplicates["id"], duplicates["source"], duplicates["same_text"]) == ("kept", "wiki", True)
    assert "the texts are the same" in told(root, "twin")


def test_one_removed_for_its_likeness_and_how_they_differ(root):
    found = layer(history(root / "new_pool", "near"), "dedup")["duplicates"]
    assert [piece["text"] for piece in found["difference"] if piece["kind"] == "first"] == ["other"]
    assert [piece["text"] for piece in found["difference"] if piece["kind"] == "second"] == ["word40"]
    output = told(root, "near")
    assert "it duplicates kept, similarity 0.9" in output or "it duplicates kept, similarity 0.8" in output
    assert "word39 [-other-]{+word40+} word41" in " ".join(output.split()) and "characters alike" in output
    assert "\x1b" not in output


def test_a_terminal_sees_colours_and_lines_that_fit(monkeypatch):
    from curate.cli import explain

    monkeypatch.setenv("COLUMNS", "46")
    pieces = [
        {"kind": "skipped", "text": "9 characters alike"},
        {"kind": "same", "text": "the words of both\n    and "},
        {"kind": "first", "text": "one \x1b[7m "},
        {"kind": "second", "text": "two "},
        {"kind": "same", "text": "indented and quite long"},
    ]
    plain = " ... 9 characters alike ... the words of\nboth\n    and [-one \\x1b[7m-] {+two+} indented\nand quite long"
    assert explain._differing(pieces, False) == plain
    coloured = explain._differing(pieces, True)
    assert "\x1b[31m[-one \\x1b[7m-] \x1b[0m\x1b[32m{+two+} \x1b[0m" in coloured
    assert re.sub("\x1b\\[[0-9]+m", "", coloured) == plain


def test_one_that_an_old_corpus_holds(root):
    found = layer(history(root / "new_pool", "again"), "dedup")["duplicates"]
    assert (found["id"], found["named_corpus"], found["corpus"]) == ("ancient", "march", str(root / "old_pool"))
    assert [piece["text"] for piece in found["difference"] if piece["kind"] == "first"] == ["tail"]
    assert found["source"] == "archive"


def test_an_old_corpus_that_is_gone(root, tmp_path):
    running.copied(root / "new_pool", tmp_path / "pool")
    found = layer(history(tmp_path / "pool", "again"), "dedup")["duplicates"]
    assert found["problem"].startswith("not found in corpus 'march' any more (looked in ")
    assert "not found in corpus 'march'" in told(tmp_path, "again", "pool")


def test_one_that_a_layer_quarantined(root):
    found = layer(history(root / "new_pool", "poison"), "rare")
    assert found["rejected"]["reason"] == "poison" and found["values"]["rare"] is None
    assert "quarantined: poison: POISON" in told(root, "poison")


def test_one_that_a_layer_was_not_asked_about(root):
    assert layer(history(root / "new_pool", "near"), "length")["state"] == "not chosen by --where source = 'wiki'"


def test_one_that_a_deduplication_was_not_asked_about_is_not_said_to_be_alone(root, tmp_path):
    running.copied(root / "new_pool", tmp_path / "pool")
    command("dedup", str(tmp_path / "pool"), "--as", "web", "--where", "source = 'web'")
    found = layer(history(tmp_path / "pool", "alone"), "web")
    assert found["state"] == "not chosen by --where source = 'web'" and "duplicated_by" not in found


def test_a_terminal_is_left_alone(root):
    output = told(root, "alone")
    assert "\u202e" not in output and "\\u202eof few words" in output


def test_vectors_are_abbreviated(root):
    values = layer(history(root / "new_pool", "kept"), "rare")["values"]
    assert len(values["rare_pair"]) == 2
    from curate.runtime.history import plain

    assert plain([0.123456] * 300) == "[0.1235, 0.1235, 0.1235, 0.1235, 0.1235, 0.1235, ...] (300 numbers)"


def test_a_chosen_document_leads_back_to_where_it_came_from(root):
    found = history(root / "kept", "kept")
    came = found["came_from"]
    assert (came["stage"], came["corpus"], came["same_text"]) == ("select", str(root / "new_pool"), True)
    assert layer(found, "dedup")["state"] == "carried"
    assert layer(found, "dedup")["duplicated_by"]["count"] == 0
    assert "where it came from: select" in told(root, "kept", "kept")


def test_a_mixed_document_leads_back_under_its_first_name(root):
    mixed = json.loads(command("show", root / "mixed", "--columns", "id,origin_id", "-n", "9", "--json").stdout)
    name = next(row["id"] for row in mixed if row["origin_id"] == "alone")
    came = history(root / "mixed", name)["came_from"]
    assert (came["stage"], came["corpus"], came["id"]) == ("mix", str(root / "kept"), "alone")
    gone = history(root / "mixed", "alone")
    assert not gone["found"] and gone["gone"]["copies"] == [name]
    assert f"it is called: {name}" in told(root, "alone", "mixed")


def test_what_was_taken_out_of_a_text(tmp_path):
    write(
        tmp_path / "raw/x.jsonl",
        [("one", "the same line in both\nfirst\n", "a"), ("two", "mine\nthe same line in both\n", "a")],
    )
    running.step("ingest", {"sources": [str(tmp_path / "raw")], "id_field": "id"}, to=str(tmp_path / "pool"))
    running.step("dedup-lines", {"min_bytes": 5}, corpus=str(tmp_path / "pool"), to=str(tmp_path / "lines"))
    found = history(tmp_path / "lines", "two")
    span = found["spans"]["first"][0]
    assert found["spans"]["count"] == 1 and span["of"] == "one" and "the same line in both" in span["text"]
    assert not found["came_from"]["same_text"]
    output = told(tmp_path, "two", "lines")
    assert "taken out of its text: 1 stretches" in output and "stood before in one at byte 0" in output


def test_a_document_that_a_step_left_out(root):
    gone = history(root / "kept", "near")["gone"]
    assert (gone["corpus"], gone["into"]) == (str(root / "new_pool"), str(root / "kept"))
    assert gone["why"] == "--where dedup_keep is false for it: dedup_keep = False"
    output = told(root, "near", "kept")
    assert "near is not in" in output and "--where dedup_keep is false for it" in output


def test_a_document_that_a_step_further_back_left_out(root):
    gone = history(root / "mixed", "near")["gone"]
    assert gone["into"] == str(root / "kept") and "dedup_keep = False" in gone["why"]


def test_a_record_that_could_not_be_used(root):
    rejects = json.loads(command("show", root / "new_pool", "--rejects", "--json").stdout)
    mute = next(row for row in rejects if row["layer"] == "documents" and "id" not in row["reason"])
    gone = history(root / "new_pool", f"b.jsonl#{mute['position']}")["gone"]
    assert gone["rejected"]["reason"] == mute["reason"]
    assert f"ingest could not use it: {mute['reason']}" in told(root, f"b.jsonl#{mute['position']}")


def test_a_file_that_could_not_be_used_as_a_document(tmp_path):
    material.write_lines(tmp_path / "raw/good.html", ["<p>words of a page"])
    options = ("--extract", "none", "--max-errors", "1")
    (tmp_path / "raw/empty.html").touch()
    assert command("ingest", tmp_path / "raw", "--to", tmp_path / "pool", *options).returncode == 0
    gone = history(tmp_path / "pool", "empty.html")["gone"]
    assert (gone["rejected"]["file"], gone["rejected"]["reason"]) == ("empty.html", "empty file")


def test_an_id_that_nothing_knows(root):
    with pytest.raises(UsageError, match=r"no document 'kepd'; near it: kept$"):
        history(root / "new_pool", "kepd")
    with pytest.raises(UsageError, match=r"no document '\?'; an id here: kept"):
        history(root / "new_pool", "?")
    done = command("explain", root / "new_pool", "ois")
    assert done.returncode == 2 and "near it: poison" in done.stderr and "Traceback" not in done.stderr


def test_a_step_before_that_is_gone(root, tmp_path):
    running.copied(root / "kept", tmp_path / "kept")
    came = history(tmp_path / "kept", "kept")["came_from"]
    assert came["problem"].endswith("new_pool: gone") and came["id"] == "kept"
    assert "gone" in told(tmp_path, "kept", "kept")


def test_json(root):
    done = command("explain", root / "new_pool", "near", "--json")
    assert json.loads(done.stdout) == history(root / "new_pool", "near")
    assert json.loads(command("explain", root / "kept", "near", "--json").stdout) == history(root / "kept", "near")


def test_pairs(root):
    rows = json.loads(command("show", root / "new_pool", "--pairs", "--json").stdout)
    assert [(row["layer"], row["kind"], row["id"], row["of"], row["of_corpus"]) for row in rows] == [
        ("dedup", "near", "near", "kept", None),
        ("dedup", "exact", "twin", "kept", None),
        ("dedup", "against", "again", "ancient", "march"),
    ]
    output = command("show", root / "new_pool", "--pairs", "-n", "1").stdout
    assert "near" in output and "twin" not in output
    where = "kind = 'against' AND layer = 'dedup' AND similarity > 0.5"
    rows = json.loads(command("show", root / "new_pool", "--pairs", "--where", where, "--json").stdout)
    assert [row["id"] for row in rows] == ["again"]
    assert "no pair is chosen" in command("show", root / "new_pool", "--pairs", "--where", "id = 'kept'").stdout
    assert "no layer says what duplicates what" in command("show", root / "mixed", "--pairs").stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--pairs", "--seed", "1"], "--pairs and --seed do not go together"),
        (["--spans", "--columns", "id"], "--spans and --columns do not go together"),
        (["--pairs", "--where", "nope > 1"], "no column 'nope' here; there are: layer, kind, id, of"),
    ],
)
def test_what_else_is_shown_takes_no_choice_of_documents(root, given, message):
    done = command("show", root / "new_pool", *given)
    assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("shown", ["--pairs", "--spans", "--rejects"])
def test_nothing_is_shown_of_no_corpus(tmp_path, shown):
    done = command("show", tmp_path / "none", shown)
    assert done.returncode == 2 and "no corpus there" in done.stderr


def test_no_corpus(tmp_path):
    done = command("explain", tmp_path, "x")
    assert done.returncode == 2 and "no corpus there" in done.stderr


def test_a_lost_shard(root, tmp_path):
    running.copied(root / "new_pool", tmp_path / "pool")
    next((tmp_path / "pool/dedup").glob("*/shards/00000-000.parquet")).unlink()
    assert layer(history(tmp_path / "pool", "kept"), "dedup")["state"] == "shard 00000-000 is missing"
    next((tmp_path / "pool/documents").glob("*/shards/00000-000.parquet")).unlink()
    done = command("explain", tmp_path / "pool", "kept")
    assert done.returncode == 3 and "the shard is missing" in done.stderr


def test_material_is_found_by_a_part_of_its_id(tmp_path):
    material.write_lines(tmp_path / "raw/x.txt", sorted(material.docstrings(), key=len)[:9])
    running.step("lines", {"sources": [str(tmp_path / "raw")]}, to=str(tmp_path / "pool"))
    name = next(iter(json.loads(command("show", tmp_path / "pool", "--json").stdout)))["id"]
    assert history(tmp_path / "pool", name)["document"]["text"] == min(material.docstrings(), key=len)
    with pytest.raises(UsageError, match="near it: "):
        history(tmp_path / "pool", name[:-1])
