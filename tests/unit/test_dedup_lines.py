"""The stage as a command runs it."""

import pytest

from curate.errors import UsageError
from curate.runtime.opened import Opened
from curate.runtime.status import spans
from curate.runtime.verify import verify
from curate.storage.corpus import Corpus
from tests import material, running
from tests.naive import lines as naive

SHARED = "A line that stands in every one of these documents, for everybody to see."
TEXTS = [
    *(f"{SHARED}\nwhat the document numbered {'i' * i} says for itself\n\n}}\nshare\n" for i in range(1, 30)),
    "nothing here stands anywhere else",
    "A LINE that stands: in every one of these documents -- for everybody to see!",
    "视野无限广，窗外有蓝天。微风迎客，软语伴茶。\n中国智造，慧及全球。",
    "中国智造，慧及全球\n视野无限广，窗外有蓝天。微风迎客，软语伴茶。\nand more of this text",
]


@pytest.fixture
def made(tmp_path, own_stages):
    def make(name, shard_bytes="1k"):
        for number, some in enumerate((TEXTS[:9], TEXTS[9:])):
            material.write_records(tmp_path / f"raw/{number}.jsonl", some, source=f"s{number}")
        running.step("ingest", {"sources": [str(tmp_path / "raw")]}, to=str(tmp_path / name), shard_bytes=shard_bytes)
        return str(tmp_path / name)

    return make


def result(corpus, to, options=None, **common):
    options = {"min_bytes": 20, "match": "normalised", **(options or {})}
    running.step("dedup-lines", options, corpus=corpus, to=to, **common)
    table = Opened(to).table(["id", "text", "source"])
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True)), spans(Corpus(to), 10_000)


def expected(corpus, scope=False, normalise=True):
    table = Opened(corpus).table(["id", "text", "source"]).to_pylist()
    documents = [naive.Document(row["id"], row["text"], row["source"] if scope else "") for row in table]
    texts, found = naive.deduplicated(documents, paragraphs=False, normalise=normalise, least=20)
    pairs = zip(documents, texts, strict=True)
    return {document.id: text for document, text in pairs if text.strip()}, len(found)


@pytest.mark.parametrize("shard_bytes", ["200", "1k", "1M"])
def test_the_same_lines_go_however_the_corpus_is_cut(made, tmp_path, shard_bytes):
    pool = made("pool", shard_bytes)
    texts, found = result(pool, str(tmp_path / "new"))
    assert (texts, len(found)) == expected(pool)
    assert len(texts) == len(TEXTS) - 1 and len(found) == 31
    first = next(iter(texts))
    assert {row["of"] for row in found if row["start"] == 0 and row["end"] > 70} == {first}
    ledger = Corpus(tmp_path / "new").documents().ledger
    assert ledger["removed"] == {"all lines duplicated": 1}
    assert ledger["counts"]["spans"] == ledger["counts"]["lines_removed"] == 31
    assert [wrong for _, _, wrong in verify(Corpus(tmp_path / "new"))] == [[]]


def test_a_scope_keeps_a_first_line_in_each_source(made, tmp_path):
    pool = made("pool")
    texts, found = result(pool, str(tmp_path / "new"), {"scope": "source"})
    assert (texts, len(found)) == expected(pool, scope=True)
    assert sum(text.startswith(SHARED) for text in texts.values()) == 2


def test_a_scope_may_lie_in_a_layer_and_layers_stay_behind(made, tmp_path):
    pool = made("pool")
    running.step("length", {"unit": 1000}, corpus=pool)
    texts, found = result(pool, str(tmp_path / "new"), {"scope": "length"})
    assert (texts, len(found)) == expected(pool)
    assert Corpus(tmp_path / "new").layers() == ["documents"]
    with pytest.raises(UsageError, match="--carry"):
        result(pool, str(tmp_path / "other"), carry="length")


def test_lines_are_compared_byte_by_byte(made, tmp_path):
    pool = made("pool")
    texts, found = result(pool, str(tmp_path / "new"), {"match": "text"})
    assert (texts, len(found)) == expected(pool, normalise=False)
    assert len(texts) == len(TEXTS) and len(found) == 29


def test_only_chosen_documents_are_compared(made, tmp_path):
    pool = made("pool")
    texts, _ = result(pool, str(tmp_path / "new"), where="source = 's1' AND bytes > 50")
    assert sum(text.startswith(SHARED) for text in texts.values()) == 1
    assert all(name.startswith("1.jsonl") for name in texts)


def test_short_lines_stay_by_default(made, tmp_path):
    texts, _ = result(made("pool"), str(tmp_path / "new"))
    assert all(text.endswith("\n\n}\nshare\n") for text in list(texts.values())[:29])


def test_spans_are_shown(made, tmp_path):
    result(made("pool"), str(tmp_path / "new"))
    ended = running.command("show", tmp_path / "new", "--spans", "-n", 2)
    assert ended.returncode == 0 and ended.stdout.count("duplicate line") == 2
