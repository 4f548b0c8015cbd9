"""The stage as a command runs it."""

import pytest

from curate.errors import UsageError
from curate.runtime.opened import Opened
from curate.runtime.status import spans
from curate.runtime.verify import verify
from curate.storage.corpus import Corpus
from tests import material, running

TEXTS = [
    "Write to Zoë at zoe.smith@example.com or call +44 20 7946 0958 ✓",
    "nothing here is anybody's",
    "ü 8.8.8.8 and 192.168.0.1, IBAN DE89 3704 0044 0532 0130 00, card 4111-1111-1111-1111",
    "jane@example.org",
]
MASKED = [
    "Write to Zoë at <EMAIL> or call <PHONE> ✓",
    "nothing here is anybody's",
    "ü <IP> and 192.168.0.1, IBAN <IBAN>, card <CARD>",
    "<EMAIL>",
]


@pytest.fixture
def pool(tmp_path):
    for number, some in enumerate((TEXTS[:2], TEXTS[2:])):
        material.write_records(tmp_path / f"raw/{number}.jsonl", some, source=f"s{number}")
    running.step("ingest", {"sources": [str(tmp_path / "raw")]}, to=str(tmp_path / "pool"), shard_bytes="1k")
    return str(tmp_path / "pool")


def test_placeholders_stand_where_personal_data_was(pool, tmp_path):
    new = str(tmp_path / "new")
    running.step("clean", {"mask": ["pii"]}, corpus=pool, to=new)
    assert Opened(new).table(["text"])["text"].to_pylist() == MASKED
    counts = Corpus(new).documents().ledger["counts"]
    assert counts["spans"] == 6 and counts["masked_email"] == 2 and counts["masked_documents"] == 3
    assert [wrong for _, _, wrong in verify(Corpus(new))] == [[]]
    assert Opened(new).table(["bytes"])["bytes"].to_pylist() == [len(text.encode()) for text in MASKED]
    ids = Opened(pool).table(["id"])["id"].to_pylist()
    texts = dict(zip(ids, TEXTS, strict=True))
    found = [(row["reason"], texts[row["id"]].encode()[row["start"] : row["end"]].decode()) for row in _spans(new)]
    assert ("<PHONE>", "+44 20 7946 0958") in found and ("<CARD>", "4111-1111-1111-1111") in found


def _spans(corpus):
    return spans(Corpus(corpus), 100)


def test_a_row_of_a_span_does_not_hold_what_was_masked(pool, tmp_path):
    new = str(tmp_path / "new")
    running.step("clean", {"mask": ["pii"]}, corpus=pool, to=new)
    for path in sorted((tmp_path / "new").rglob("*")):
        if path.is_file():
            assert b"zoe.smith" not in path.read_bytes()
    assert "zoe" not in str(_spans(new))
    shown = running.command("show", new, "--spans")
    assert "<EMAIL>" in shown.stdout and "zoe" not in shown.stdout and "stood before" not in shown.stdout


def test_only_chosen_documents_come_along(pool, tmp_path):
    new = str(tmp_path / "new")
    running.step("clean", {"mask": ["pii"]}, corpus=pool, to=new, where="source = 's1'")
    assert Opened(new).table(["text"])["text"].to_pylist() == MASKED[2:]


def test_it_must_have_something_to_do(pool, tmp_path):
    with pytest.raises(UsageError, match="--mask"):
        running.step("clean", {}, corpus=pool, to=str(tmp_path / "new"))


def test_what_is_masked_has_no_personal_data(pool, tmp_path):
    new = str(tmp_path / "new")
    running.step("pii", {}, corpus=pool)
    assert Opened(pool).table(["pii_total"])["pii_total"].to_pylist() == [2, 0, 3, 1]
    running.step("clean", {"mask": ["pii"]}, corpus=pool, to=new)
    running.step("pii", {}, corpus=new)
    assert Opened(new).table(["pii_total"])["pii_total"].to_pylist() == [0, 0, 0, 0]


def test_layers_stay_behind(pool, tmp_path):
    running.step("pii", {}, corpus=pool)
    running.step("clean", {"mask": ["pii"]}, corpus=pool, to=str(tmp_path / "new"), where="pii_total > 0")
    assert Corpus(tmp_path / "new").layers() == ["documents"]
    assert Opened(str(tmp_path / "new")).table(["text"]).num_rows == 3


LINES = [
    "Home About\nA first line of some words[12] and john@example.org in it.\n  \nWe use cookies here.\nfew\n"
    "Call +49 30 12345678 or never.\nJavascript is needed here.",
    "nothing\nhere\nto keep\n",
    "A line without end in this text\n“Quoted, it ends here and now.”",
]


@pytest.fixture
def pages(tmp_path):
    material.write_records(tmp_path / "pages/0.jsonl", LINES)
    running.step("ingest", {"sources": [str(tmp_path / "pages")]}, to=str(tmp_path / "web"))
    return str(tmp_path / "web")


def test_lines_go_by_the_rules_of_c4(pages, tmp_path):
    new = str(tmp_path / "new")
    running.step("clean", {"c4": True}, corpus=pages, to=new)
    assert Opened(new).table(["text"])["text"].to_pylist() == [
        "A first line of some words and john@example.org in it.\nCall +49 30 12345678 or never.",
        LINES[2],
    ]
    ledger = Corpus(new).documents().ledger
    assert ledger["removed"] == {"nothing left of its text": 1}
    counts = ledger["counts"]
    assert counts["c4_lines_kept"] == 4 and counts["c4_lines_policy"] == 1 and counts["c4_lines_javascript"] == 1
    assert counts["c4_citations"] == 1 and counts["c4_characters_policy"] == len("We use cookies here.")
    assert counts["spans"] == len(_spans(new)) == 5 + 3
    assert [wrong for _, _, wrong in verify(Corpus(new))] == [[]]


def test_masks_after_c4_are_placed_in_the_text_as_it_was(pages, tmp_path):
    new = str(tmp_path / "new")
    running.step("clean", {"c4": True, "mask": ["pii"]}, corpus=pages, to=new)
    assert Opened(new).table(["text"])["text"].to_pylist()[0] == (
        "A first line of some words and <EMAIL> in it.\nCall <PHONE> or never."
    )
    data = LINES[0].encode()
    first = _spans(new)[0]["id"]
    rows = [row for row in _spans(new) if row["id"] == first]
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    assert [(row["reason"], data[row["start"] : row["end"]].decode()) for row in rows if row["reason"][0] == "<"] == [
        ("<EMAIL>", "john@example.org"),
        ("<PHONE>", "+49 30 12345678"),
    ]


def test_terminal_punctuation_is_a_rule_of_c4(pages, tmp_path):
    new = str(tmp_path / "new")
    running.step("clean", {"c4": True, "terminal_punctuation": True}, corpus=pages, to=new)
    counts = Corpus(new).documents().ledger["counts"]
    assert counts["c4_lines_no_terminal_punctuation"] > 1
    with pytest.raises(UsageError, match="--c4"):
        running.step("clean", {"mask": ["pii"], "terminal_punctuation": True}, corpus=pages, to=str(tmp_path / "x"))
