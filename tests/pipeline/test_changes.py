"""What is done again after a change, and what is not: in this process, on the tests' own stages."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from curate.errors import DataError, UsageError
from curate.runtime.opened import Opened
from curate.runtime.run import parse_errors
from curate.runtime.status import spans, status
from curate.runtime.verify import verify
from curate.storage.corpus import Corpus
from tests import material, running
from tests.pipeline import small

pytestmark = pytest.mark.usefixtures("own_stages")

STEPS = ("lines", "length", "rare", "seen", "kept", "seen in kept", "again", "out")


def redone(results) -> list[str]:
    return [name for name, result in zip(STEPS, results, strict=True) if result.executed]


@pytest.fixture
def root(fresh):
    made = fresh()
    small.gather(made)
    small.run(made, small.Recipe())
    return made


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("upper", [*STEPS]),
        ("few", ["rare", "kept"]),  # carried into `kept`, but its text stays as it was
        ("characters", ["seen", "kept", "seen in kept"]),
        ("carry", ["kept"]),
        ("format", ["out"]),
    ],
)
def test_an_option_redoes_its_stage_and_what_reads_other_content_for_it(root, fresh, option, expected):
    changed = small.Recipe().changed(option)
    results = small.run(root, changed)
    assert redone(results) == expected
    assert redone(small.run(root, changed)) == []
    assert running.difference(small.tree(root), small.undisturbed(root, changed, fresh)) == []


def test_any_lost_file_is_made_again(root):
    """A shard of the text, of a layer, of a carried layer; a model; a summary; a file sent out."""
    whole = small.tree(root)
    beside = ("rejects", "spans")
    made = [root / name for name in whole if not name.startswith("raw/") and Path(name).parent.name not in beside]
    lost = [path for path in made if path.name != "manifest.json" and ".curate" not in path.parts]
    assert any(path.name == "00000-001.parquet" for path in lost)
    for path in lost:
        path.unlink()
        assert sum(small.executed(small.run(root, small.Recipe()))) > 0, f"{path} is not missed"
        assert running.difference(small.tree(root), whole) == [], f"{path} is not what it was"


def test_what_a_census_says_of_a_shard_counts_for_it(fresh):
    """The second file stays as it was, but now the first one has its text too."""
    root = fresh()
    material.write_lines(root / "raw/a.txt", ["one"])
    material.write_lines(root / "raw/b.txt", ["two"])
    given = {"to": str(root / "pool"), "max_errors": "9"}
    assert running.step("lines", {"sources": [str(root / "raw")]}, **given).manifest.rows == 2
    material.write_lines(root / "raw/a.txt", ["one", "two"])
    result = running.step("lines", {"sources": [str(root / "raw")]}, **given)
    assert (result.manifest.rows, result.manifest.ledger["quarantined"]) == (2, 1)
    assert _texts(root) == ["one", "two"] and result.linked == 0


def test_the_model_of_a_census_counts_for_every_shard(fresh):
    """The usual length is learnt from all files; the other file's rows of the census stay as they were."""
    root = fresh()
    material.write_lines(root / "raw/a.txt", ["one"])
    for length in (5, 50):
        material.write_lines(root / "raw/b.txt", ["x" * length])
        running.step("lines", {"sources": [str(root / "raw")]}, to=str(root / "pool"))
        result = running.step("tally", {}, corpus=str(root / "pool"))
        shares = Opened(root / "pool").table(["tally_share"])["tally_share"].to_pylist()
        assert shares == [3 / ((3 + length) / 2), length / ((3 + length) / 2)]
        assert result.linked == 0


def test_a_touched_file_with_the_same_content_redoes_nothing_that_reads_it(root, fresh):
    os.utime(root / "raw/a.txt")
    results = small.run(root, small.Recipe())
    assert redone(results) == ["lines"]
    assert results[0].linked == 2  # the other two files, one of them with rejects
    assert running.difference(small.tree(root), small.undisturbed(root, small.Recipe(), fresh)) == []


def test_an_edited_file_is_noticed_and_only_its_slice_is_made(root):
    before = {shard.name: shard for shard in Corpus(root / "pool").entries()}
    material.write_lines(root / "raw/b.txt", ["a new text, longer than the others by far " * 3])
    results = small.run(root, small.Recipe())
    assert results[0].linked == 2
    assert [(row["id"], row["end"]) for row in spans(Corpus(root / "pool"), 9)] == [("a.txt:0", 2)]
    after = {shard.name: shard for shard in results[0].manifest.shards}
    assert {name for name in after if after[name] != before.get(name)} == {"00001-000"}
    assert results[1].linked == results[1].executed - 1
    one = running.tree(root / "pool/length")
    assert len([name for name in one if "shards" in name]) == len(after)


def test_an_added_file_is_noticed(root):
    material.write_lines(root / "raw/d.txt", ["something else entirely"])
    results = small.run(root, small.Recipe())
    assert results[0].linked == 3 and results[0].manifest.rows == Corpus(root / "pool").documents().rows
    assert "something else entirely" in _texts(root)


def test_a_removed_file_is_noticed(root):
    (root / "raw/b.txt").unlink()
    small.run(root, small.Recipe())
    assert not set(small.TEXTS[8:14]) & set(_texts(root))


def _texts(root):
    return Opened(root / "pool").table(["text"])["text"].to_pylist()


def test_content_and_not_options_decides_about_what_comes_after(root):
    """`unit` is another number, the lengths it gives for this input are the same: nothing after is done."""
    material.write_lines(root / "raw/a.txt", [])
    material.write_lines(root / "raw/b.txt", [""])
    small.run(root, small.Recipe())
    assert redone(small.run(root, small.Recipe(unit=5))) == ["length"]


def test_a_stale_layer_is_refused_by_name_and_with_the_next_step(root):
    material.write_lines(root / "raw/a.txt", ["all new"])
    running.step("lines", {"sources": [str(root / "raw")]}, max_errors="9", to=str(root / "pool"), shard_bytes="1k")
    with pytest.raises(
        UsageError, match="layer 'length' is stale: layer 'documents' has changed since; run `curate length"
    ):
        running.step("select", {}, corpus=str(root / "pool"), where="length > 3", to=str(root / "other"))


def test_other_sources_need_replace(root):
    material.write_lines(root / "elsewhere/x.txt", ["a"])
    given = {"to": str(root / "pool")}
    with pytest.raises(UsageError, match="--replace"):
        running.step("lines", {"sources": [str(root / "elsewhere")]}, **given)
    assert running.step("lines", {"sources": [str(root / "elsewhere")]}, replace=True, **given).manifest.rows == 1


def test_a_layer_of_its_own_name_is_no_input(root):
    with pytest.raises(UsageError, match="length"):
        running.step("length", {}, corpus=str(root / "pool"), where="length > 3")


def test_layers_cannot_read_each_other_in_a_circle(root):
    pool = str(root / "pool")
    running.step("length", {}, corpus=pool, as_="first")
    running.step("length", {}, corpus=pool, as_="second", where="first >= 0")
    with pytest.raises(UsageError, match="second"):
        running.step("length", {"unit": 2}, corpus=pool, as_="first", where="second >= 0")
    assert Corpus(pool).stale("first") is None


def test_a_layer_of_another_stage_is_not_overwritten(root):
    with pytest.raises(UsageError, match="made by tally; choose another name"):
        running.step("length", {}, corpus=str(root / "pool"), as_="rare")


def test_a_carried_layer_made_anew_stays(root):
    """`length` was carried into `kept`; there it is made again with another option, and then `kept` is looked after."""
    kept = str(root / "kept")
    running.step("length", {"unit": 3}, corpus=kept)
    mine = Corpus(kept).must("length").fingerprint
    for _ in range(2):
        small.run(root, small.Recipe())
        assert Corpus(kept).must("length").fingerprint == mine
        next((root / "kept/documents").glob("*/shards/*.parquet")).unlink()


@pytest.mark.parametrize("carry", ["all", "none"])
def test_a_layer_being_made_in_place_of_a_carried_one_is_left_to_its_run(root, carry):
    select = {"corpus": str(root / "pool"), "where": "length > 60", "to": str(root / "kept")}
    mine = {"corpus": str(root / "kept"), "as_": "rare", "max_errors": "9"}
    running.step("select", {}, carry="all", **select)
    with pytest.raises(running.Stopped):
        running.step("tally", {"few": 4}, running.Stopping(3), **mine)
    running.step("select", {}, carry=carry, **select)
    done = running.step("tally", {"few": 4}, **mine).executed
    assert done == running.step("tally", {"few": 4}, **{**mine, "as_": "other"}).executed - 3 > 0
    assert len(list((root / "kept/rare").glob("*/"))) == 1


def test_an_export_that_was_overwritten_half_way_is_not_taken_for_whole(root):
    """Two exports whose files are as long as each other: the marks of one say nothing of the other's files."""
    for name, text in (("one", "aaaa"), ("two", "bbbb")):
        material.write_lines(root / f"{name}/x.txt", [text])
        running.step("lines", {"sources": [str(root / name)]}, to=str(root / f"c{name}"))

    def export(name, made=None):
        return running.step(
            "export", {"columns": "text", "format": "jsonl"}, made, corpus=str(root / name), to=str(root / "o")
        )

    export("cone")
    with pytest.raises(running.Stopped):
        export("ctwo", Overwriting())
    export("cone")
    assert json.loads((root / "o/00000.jsonl").read_text()) == {"text": "aaaa"}


class Overwriting(running.Stopping):
    """Stops when all tasks are done and nothing is committed."""

    def __init__(self):
        super().__init__(1)

    def run(self, tasks, at_once=None):
        yield from super().run(tasks, at_once)
        raise running.Stopped


# --- --max-errors ---------------------------------------------------------------------------------


def bring(root, max_errors, made=None):
    return running.step("lines", {"sources": [str(root / "bad")]}, made, max_errors=max_errors, to=str(root / "p"))


@pytest.fixture
def bad(fresh):
    """Four files of ten lines; the second and the last have two lines that are not JSON strings."""
    root = fresh()
    for number, name in enumerate("abcd"):
        lines = [f"text {name} {i}" for i in range(8)]
        wrong = [None, 7] if name in "bd" else ["more", "and more"]
        material.write_lines(
            root / f"bad/{name}.txt",
            [*lines, *(f"{item} {number}" if isinstance(item, str) else item for item in wrong)],
        )
    return root


@pytest.mark.parametrize("allowed", ["0", "3", "9%", "0.09"])
def test_too_many_errors_stay_too_many_however_often_it_is_tried(bad, allowed):
    for _ in range(3):
        with pytest.raises(
            DataError, match=r"documents could not be used, more than --max-errors .* higher --max-errors"
        ):
            bring(bad, allowed)
    assert Corpus(bad / "p").manifest("documents") is None


@pytest.mark.parametrize("allowed", ["4", "10%", "0.1", "100"])
def test_enough_errors_allowed(bad, allowed):
    result = bring(bad, allowed)
    assert (result.manifest.ledger["in"], result.manifest.ledger["quarantined"]) == (40, 4)


def test_a_number_stops_early_and_goes_on_without_doing_anything_twice(bad):
    with pytest.raises(DataError):
        bring(bad, "1")
    done = len(list(bad.glob("p/documents/*/shards/*.parquet")))
    assert done == 2  # a, and b in which it became too much
    result = bring(bad, "4")
    assert result.executed == 2
    assert result.manifest.ledger["quarantined"] == 4


def test_what_is_allowed_is_no_part_of_the_fingerprint(bad):
    assert bring(bad, "4").executed
    assert bring(bad, "0").executed == 0


def test_a_layer_counts_its_errors_too(root):
    given = {"corpus": str(root / "pool"), "as_": "other"}
    total = running.step("tally", {}, max_errors="1", **{**given, "as_": "third"}).executed
    with pytest.raises(DataError, match="tally as other: 1 document could not be used"):
        running.step("tally", {}, **given)
    result = running.step("tally", {}, max_errors="1", **given)
    assert 0 < result.executed < total
    assert result.manifest.ledger["quarantined"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (0, False)),
        ("10", (10, False)),
        ("0.5%", (0.005, True)),
        ("0.01", (0.01, True)),
        ("100%", (1, True)),
        ("2.0", (2, False)),
    ],
)
def test_max_errors_is_a_number_or_a_share(text, expected):
    assert parse_errors(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "-1%", "nan", "nan%", "5%%", "ten"])
def test_max_errors_is_nothing_else(text):
    with pytest.raises(UsageError, match="--max-errors"):
        parse_errors(text)


# --- verify ---------------------------------------------------------------------------------------


def wrong(root, name="pool"):
    return {layer: problems for layer, _, problems in verify(Corpus(root / name)) if problems}


def test_what_is_right_is_proved_right(root):
    assert wrong(root) == {} and wrong(root, "kept") == {}


def test_verify_finds_a_missing_shard(root):
    next((root / "pool/length").glob("*/shards/*.parquet")).unlink()
    assert [*wrong(root)] == ["length"] and "missing" in wrong(root)["length"][0]


def test_verify_finds_missing_rejects(root):
    for path in root.glob("pool/documents/*/rejects/*"):
        path.unlink()
    for path in root.glob("pool/rare/*/rejects/*"):
        path.unlink()
    assert {*wrong(root)} == {"documents", "rare"}
    assert "rejects/ holds 0 rows, the ledgers say 2" in wrong(root)["documents"][0]


@pytest.mark.parametrize("kind", ["rejects", "spans"])
def test_verify_finds_any_flipped_byte_beside_the_shards_and_says_what_to_do(root, kind):
    whole = small.tree(root)
    path = next(path for path in sorted(root.glob(f"pool/documents/*/{kind}/*.parquet")))
    bytes_ = path.read_bytes()
    found = 0
    for at in range(0, len(bytes_), 23):
        path.write_bytes(bytes_[:at] + bytes([bytes_[at] ^ 0x41]) + bytes_[at + 1 :])
        found += "documents" in wrong(root)
    assert found > len(bytes_) // 23 // 3
    path.write_bytes(bytes_[: len(bytes_) // 2])
    assert wrong(root)["documents"][0].startswith(f"{kind}/{path.stem}: damaged; delete it with shards/{path.stem}*")
    for shard in [path, *path.parents[1].glob(f"shards/{path.stem}*")]:
        shard.unlink()
    small.run(root, small.Recipe())
    assert wrong(root) == {} and running.difference(small.tree(root), whole) == []


def test_verify_finds_a_missing_index(root):
    next(root.glob("kept/seen/*/index/00000-000.parquet")).unlink()
    assert wrong(root, "kept") == {"seen": ["index/00000-000: missing"]}
    states = {layer.layer: layer.state for layer in status(Corpus(root / "kept"))}
    assert states["seen"] == "1 shards missing" and states["again"] == "ready"


def test_verify_finds_missing_spans(root):
    next(root.glob("pool/documents/*/spans/00000.parquet")).unlink()
    assert wrong(root) == {"documents": ["spans/ holds 0 rows, the ledgers say 1"]}


def test_verify_finds_a_ledger_that_does_not_balance(root):
    path = root / "pool/length/manifest.json"
    value = json.loads(path.read_text())
    value["ledger"]["out"] -= 1
    path.write_text(json.dumps(value))
    assert "does not balance" in wrong(root)["length"][0]


def test_verify_finds_a_shard_too_many(root):
    shard = next((root / "pool/length").glob("*/shards/*.parquet"))
    (shard.parent / "00099-000.parquet").write_bytes(shard.read_bytes())
    assert "does not name: 00099-000" in wrong(root)["length"][0]


def test_verify_finds_a_stale_layer(root):
    material.write_lines(root / "raw/a.txt", ["all new"])
    running.step("lines", {"sources": [str(root / "raw")]}, max_errors="9", to=str(root / "pool"), shard_bytes="1k")
    assert {*wrong(root)} == {"length", "rare", "seen"}


def test_verify_finds_any_flipped_byte_of_the_values(root):
    """Wherever a byte is flipped, the shard is found damaged or still holds the same values; nothing crashes."""
    from curate.kernels.digest import table_digest
    from curate.storage import shard as shards

    path = max((root / "pool/documents").glob("*/shards/*.parquet"), key=lambda found: found.stat().st_size)
    whole = path.read_bytes()
    right = table_digest(shards.read(path))
    found = 0
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        if "documents" in wrong(root):
            found += 1
        else:
            assert table_digest(shards.read(path)) == right, f"byte {at}"
    assert found > 50
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in wrong(root)["documents"][0]
