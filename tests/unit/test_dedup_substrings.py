import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms.dedup_substrings import NOTHING_LEFT, REASON, deduplicated, find_repeats
from curate.algorithms.normalise import digests
from curate.errors import DataError
from curate.kernels import arrow
from curate.stage import InputShard, Load
from curate.stages.dedup_substrings import STAGE, DedupSubstringsConfig, memory, slices
from curate.storage.corpus import Corpus
from curate.storage.schema import SPANS
from tests import material, running
from tests.naive import substrings as naive

COPY = "the same dozen words stand here once more and nobody reads them"


def corpus(*shards: list[str]) -> list[pa.Table]:
    """Tables as `apply` gets them, ids being numbers."""
    tables, number = [], 0
    for texts in shards:
        text = pa.array(texts, pa.large_string())
        ids = pa.array([str(number + i) for i in range(len(texts))], pa.string())
        sizes = pa.array([len(item.encode()) for item in texts], pa.int64())
        tables.append(pa.table({"id": ids, "digest": digests(text), "text": text, "bytes": sizes}))
        number += len(texts)
    return tables


def run(tables: list[pa.Table], length: int) -> tuple[dict[str, str], list[dict], list]:
    pieces = list(deduplicated(iter(tables), length))
    kept = {row["id"]: row["text"] for piece in pieces for row in piece.table.to_pylist()}
    return kept, [row for piece in pieces for row in piece.spans.to_pylist()], pieces


def test_the_first_copy_stays_whatever_table_it_is_in():
    first, second = f"One. {COPY}.", f"Two.\n{COPY}.\n漢字 ends it."
    kept, spans, pieces = run(corpus([first, ""], [], [COPY, second, "—"]), 12)
    assert kept == {"0": first, "1": "", "3": "Two.\n漢字 ends it.", "4": "—"}
    start, end = second.encode().index(COPY.encode()), second.encode().index("漢".encode())
    assert spans == [
        {"id": "2", "start": 0, "end": len(COPY), "reason": REASON, "of": "0", "of_start": 5},
        {"id": "3", "start": start, "end": end, "reason": REASON, "of": "0", "of_start": 5},
    ]
    assert sum(piece.read for piece in pieces) == 5 == len(kept) + sum(piece.removed[NOTHING_LEFT] for piece in pieces)
    assert [piece.counts for piece in pieces] == [
        {"documents_changed": 2, "words_removed": 24, "bytes_removed": len(COPY) + end - start}
    ]


def test_digests_and_bytes_are_those_of_the_text_left():
    _, _, pieces = run(corpus([COPY, f"Two.\n{COPY}.\nEnd."]), 12)
    table = pieces[0].table
    assert table["digest"].combine_chunks() == digests(table["text"])
    assert table["bytes"].to_pylist() == [len(text.encode()) for text in table["text"].to_pylist()]
    assert pieces[0].spans.schema == SPANS


def test_texts_may_be_slices_and_in_chunks():
    texts = [f"{i} {COPY} é{i}" for i in range(7)]
    whole = corpus(["cut", *texts])[0].slice(1)
    parts = pa.concat_tables([whole.slice(0, 3), whole.slice(3)])
    expected = {str(i + 1): text if i == 0 else f"{i} é{i}" for i, text in enumerate(texts)}
    assert run([parts], 12)[0] == expected == run([whole], 12)[0]


@pytest.mark.parametrize("copies", [2, 2000])
def test_copies_of_a_document_go_and_so_do_those_without_a_word_left(copies):
    kept, spans, pieces = run(corpus([f"«{COPY}»"] * copies, [f"# {COPY}"]), 5)
    assert kept == {"0": f"«{COPY}»"}
    assert {span["of"] for span in spans} == {"0"} and len(spans) == copies
    assert sum(piece.removed[NOTHING_LEFT] for piece in pieces) == copies


def test_real_text_is_left_as_the_plain_twin_leaves_it():
    texts = [*material.fixed(), *material.docstrings()[:30]]
    array = pa.array(texts, pa.large_string())
    repeats = find_repeats(arrow.strings(array), 9)
    marks = naive.repeated(texts, 9)
    assert int(repeats.tokens.sum()) == sum(map(sum, marks)) > 1000
    assert repeats.bare.tolist() == [bool(mark) and all(mark) for mark in marks]
    kept, spans, pieces = run(corpus(texts[:100], texts[100:]), 9)
    assert sum(piece.counts["words_removed"] for piece in pieces) == repeats.tokens.sum()
    assert sum(piece.counts["bytes_removed"] for piece in pieces) == sum(span["end"] - span["start"] for span in spans)
    for number, (text, mark) in enumerate(zip(texts, marks, strict=True)):
        words = [text[a:b] for a, b in naive.tokens(text, 255)]
        left = [word for word, gone in zip(words, mark, strict=True) if not gone]
        stays = kept.get(str(number), "")
        assert "".join(c for c in stays if c.isalnum() or c == "_") == "".join(left)
        data = bytearray(text.encode())
        for span in reversed([span for span in spans if span["id"] == str(number)]):
            del data[span["start"] : span["end"]]
        assert data.decode() == stays or str(number) not in kept
    for span in spans:
        assert span["of"] in kept
        here = texts[int(span["id"])].encode()[span["start"] : span["end"]].decode()
        there = texts[int(span["of"])].encode()[span["of_start"] :].decode()
        first, other = (next(text[a:b] for a, b in naive.tokens(text, 255)) for text in (here, there))
        assert first == other


def test_a_slice_of_four_gigabytes_is_refused():
    data = np.zeros(1, np.uint8)
    with pytest.raises(DataError, match="less than 4 GiB"):
        find_repeats(arrow.Strings(np.array([0, 1 << 32]), data), 50)


def test_scopes_hang_on_the_shards_alone():
    shards = [InputShard(i, 0, f"{i:05}-000", 10, size) for i, size in enumerate([600, 600, 3000, 100, 0, 900])]
    config = DedupSubstringsConfig(scope_bytes=1300)
    assert slices(shards, config, 7) == [{"shards": [0, 1]}, {"shards": [2]}, {"shards": [3, 4, 5]}]
    assert memory(Load("apply", 0, 10, 3000), config) > memory(Load("apply", 0, 10, 10), config)


@pytest.mark.usefixtures("own_stages")
def test_the_command_leaves_spans_and_a_ledger(tmp_path):
    texts = [f"Text {i}.\n\n{COPY}\n\n{i} ends it." for i in range(40)]
    material.write_lines(tmp_path / "lines/a.txt", texts)
    running.step("lines", {"sources": [str(tmp_path / "lines")]}, to=str(tmp_path / "pool"), shard_bytes="1k")
    scope = {"length": 12, "scope_bytes": 2000}
    result = running.step(STAGE.name, scope, corpus=str(tmp_path / "pool"), to=str(tmp_path / "made"))
    shards = Corpus(tmp_path / "pool").documents().shards
    inputs = [InputShard(i, 0, shard.name, shard.rows, shard.bytes) for i, shard in enumerate(shards)]
    count = len(slices(inputs, DedupSubstringsConfig(**scope), 0))
    assert count > 1
    counts = result.manifest.ledger["counts"]
    assert counts["spans"] == 40 - count and counts["words_removed"] == 12 * counts["spans"]


def test_the_copy_named_is_one_that_stays():
    """The last two stand first in the third, of which nothing is left; each of its words is named where it stays."""
    kept, spans, _ = run(corpus(["a b c d", "e f g h", "a b c d e f g h", "new: c d e f.", "d e f g"]), 4)
    assert kept == {"0": "a b c d", "1": "e f g h", "3": "new: "}
    assert [(span["of"], span["of_start"]) for span in spans] == [("0", 0), ("1", 0), ("0", 4), ("0", 6)]


def test_the_copy_named_of_a_period_is_within_what_stays_of_it():
    _, spans, _ = run(corpus(["a b " * 9, "b a b a b a " + "b c d e " * 9, "c d e b"]), 4)
    assert [(span["of"], span["of_start"]) for span in spans] == [("0", 0), ("0", 2), ("0", 6), ("1", 14)]


def test_characters_that_keep_words_apart_stay():
    kept, spans, pieces = run(corpus(["漢字一二", "三四五六", "abc漢字一二三四五六def"]), 4)
    assert kept["2"] == "abc六def"
    assert [(span["start"], span["end"]) for span in spans] == [(3, 15), (15, 24)]
    assert pieces[0].counts == {"documents_changed": 1, "words_removed": 7, "bytes_removed": 21}
