import itertools
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import lines
from curate.algorithms.lines import Looking
from curate.algorithms.normalise import digests, text_bytes
from curate.errors import UsageError
from tests.naive import lines as naive

PARTS = 3
LINES = st.sampled_from(
    [
        "",
        " ",
        "\r",
        "}",
        "Hello, World 12!",
        "hello world 34",
        "HELLO -- WORLD ٣٤\r",
        "\u3000",
        "视野无限广，窗外有蓝天。",
        "视野无限广 窗外有蓝天",
        "one more line",
        "Café 𝟗 😀",
    ]
)
TEXTS = st.builds(
    str.join,
    st.sampled_from(["\n", "\n\n", "\r\n"]),
    st.lists(st.one_of(LINES, st.text(st.characters(exclude_categories=["Cs"]), max_size=8)), max_size=8),
)
DOCUMENTS = st.lists(st.tuples(TEXTS, st.sampled_from(["", "x", "ł"])), max_size=12).map(
    lambda rows: [naive.Document(f"id{i}", text, scope) for i, (text, scope) in enumerate(rows)]
)


def table(documents, shard):
    text = pa.chunked_array([[document.text for document in documents]], pa.large_string())
    return pa.table(
        {
            "id": pa.array([document.id for document in documents], pa.string()),
            "digest": digests(text),
            "text": text,
            "source": pa.array([document.scope or None for document in documents], pa.string()),
            "bytes": text_bytes(text),
            "shard": np.full(len(documents), shard, np.int32),
            "row": np.arange(len(documents)),
        }
    )


def linked(surveys, link):
    """The rows of every part."""
    whole = pa.concat_tables(surveys)
    parts = (whole["part"].to_numpy().astype(np.uint64) * PARTS) >> 32
    chosen = (whole.filter(pa.array(parts == part)).drop_columns(["part"]) for part in range(PARTS))
    return pa.concat_tables([link([part]) for part in chosen])


def mine(rows, shard):
    found = rows.filter(pa.array(rows["shard"].to_numpy() == shard))
    return found.sort_by("row").drop_columns(["shard"]) if found.num_rows else None


def run(documents, looking, cuts=()):
    """What is done to each shard, as the runtime has it done."""
    bounds = [0, *sorted(cuts), len(documents)]
    shards = [table(documents[a:b], i) for i, (a, b) in enumerate(itertools.pairwise(bounds))]
    surveys = [table for shard in shards for table in lines.survey(shard, looking)]
    rows = linked(surveys, lines.repeated)
    names = [
        lines.survey_names(shard.select(["id", "bytes", "shard"]), mine(rows, i)) for i, shard in enumerate(shards)
    ]
    rows = linked(names, lines.named)
    return [result for i, shard in enumerate(shards) for result in lines.remove(shard, mine(rows, i), looking)]


def united(results):
    return pa.concat_tables([r.table for r in results]), pa.concat_tables([r.spans for r in results]).to_pylist()


def less(text, spans):
    """A text without its spans."""
    data = text.encode()
    for span in sorted(spans, key=lambda span: -span["start"]):
        data = data[: span["start"]] + data[span["end"] :]
    return data.decode()


@pytest.mark.parametrize("scope", [None, "source"])
@pytest.mark.parametrize("paragraphs", [False, True])
@settings(deadline=None, max_examples=60)
@given(
    DOCUMENTS,
    st.booleans(),
    st.sampled_from([1, 9]),
    st.lists(st.integers(0, 12), max_size=3),
    st.sampled_from([1, 50, lines.BLOCK_BYTES]),
)
def test_it_is_what_the_plain_twin_does(paragraphs, scope, documents, normalised, least, cuts, block):
    cuts = [min(cut, len(documents)) for cut in cuts]
    with mock.patch.object(lines, "BLOCK_BYTES", block):
        results = run(documents, Looking(paragraphs, normalised, least, scope), cuts)
    found, spans = united(results)
    compared = documents if scope else [document._replace(scope="") for document in documents]
    texts, expected = naive.deduplicated(compared, paragraphs=paragraphs, normalise=normalised, least=least)
    after = dict(zip([document.id for document in documents], texts, strict=True))
    before = {document.id: document.text for document in documents}
    changed = {span.id for span in expected}
    stay = [name for name in after if name not in changed or after[name].strip()]
    assert found["id"].to_pylist() == stay
    assert found["text"].to_pylist() == [after[name] for name in stay]
    assert found["bytes"].to_pylist() == [len(after[name].encode()) for name in stay]
    assert found["digest"].to_pylist() == digests(found["text"]).to_pylist()
    assert sum(result.blank for result in results) == len(documents) - len(stay)
    assert sum(result.read for result in results) == len(documents)
    assert [(span["id"], span["of"], span["of_start"]) for span in spans] == [
        (span.id, span.of, span.of_start) for span in expected
    ]
    for name, text in before.items():
        assert less(text, [span for span in spans if span["id"] == name]) == after[name]
    _check_counts(results, spans, before, after, "paragraph" if paragraphs else "line")


def _check_counts(results, spans, before, after, unit):
    counts = {}
    for result in results:
        for name, value in result.counts.items():
            counts[name] = counts.get(name, 0) + value
    gone = "".join(
        before[name].encode()[span["start"] : span["end"]].decode() for span in spans for name in [span["id"]]
    )
    expected = {
        f"{unit}s_removed": len(spans),
        "characters_removed": len(gone),
        "bytes_removed": len(gone.encode()),
        "documents_changed": len({span["id"] for span in spans}),
    }
    assert counts == (expected if spans else {})
    assert sum(map(len, before.values())) - sum(map(len, after.values())) == len(gone)
    assert {span["reason"] for span in spans} <= {f"duplicate {unit}"}


def test_a_table_in_which_nothing_repeats_is_given_back():
    documents = [naive.Document("a", "one line\n"), naive.Document("b", "another line")]
    (result,) = run(documents, Looking(False, True, 1, None))
    assert result.table["text"].to_pylist() == ["one line\n", "another line"] and result.counts == {}


def test_only_one_row_a_block_goes_through_the_shuffle():
    """However often a line repeats within it, and one that repeats nowhere has no row of the census."""
    shard = table([naive.Document("a", "the same line\n" * 1000 + "once")], 7)
    (survey,) = lines.survey(shard, Looking(False, True, 4, None))
    assert survey.num_rows == 2
    assert lines.repeated([survey.drop_columns(["part"])]).num_rows == 0
    assert sum(survey.schema.field(name).type.bit_width for name in ("key", "check", "place")) == 20 * 8


def test_blocks_are_runs_of_documents():
    texts = ["ab", "é" * 20, "", "c", "d" * 9, "e"]
    shard = table([naive.Document("x", text) for text in ["aside", *texts]], 0).slice(1)
    with mock.patch.object(lines, "BLOCK_BYTES", 10):
        blocks = list(lines.blocks(pa.concat_tables([shard.slice(0, 4), shard.slice(4)])))
    found = [block.table["text"].to_pylist() for block in blocks]
    assert [text for texts in found for text in texts] == texts
    assert len(found) > 2 and all(sum(map(len, texts[1:])) <= 10 for texts in found)
    assert [block.start for block in blocks] == [
        sum(len(text.encode()) for texts in found[:i] for text in texts) for i in range(len(found))
    ]


def test_a_shard_without_documents():
    empty = table([], 0)
    looking = Looking(False, True, 4, None)
    (survey,) = lines.survey(empty, looking)
    (removed,) = lines.remove(empty, None, looking)
    assert (survey.num_rows, removed.read, removed.table.num_rows, removed.spans.num_rows) == (0, 0, 0, 0)


@pytest.mark.parametrize("match", [True, False])
@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("new\r\nthe same\r\nlast\r\n", "new\r\nlast\r\n"),
        ("new\r\nthe same", "new"),
        ("new\r\nthe same\r\n", "new\r\n"),
        ("the same\r\n", None),
        ("the same\r\n\u3000\r\n\xa0", None),
        ("new\n\r\nthe same\n", "new\n\r\n"),
    ],
)
def test_a_carriage_return_goes_with_its_line_and_blank_texts_with_all_of_theirs(match, text, stays):
    results = run([naive.Document("a", "the same"), naive.Document("b", text)], Looking(False, match, 4, None))
    assert united(results)[0]["text"].to_pylist() == ["the same"] + [stays] * (stays is not None)


def test_places_beyond_32_bits():
    text = pa.chunked_array([["same"]], pa.large_string())
    shard = table([naive.Document("x", "same")], 90_000).set_column(2, "text", text)
    (survey,) = lines.survey(shard, Looking(False, True, 4, None))
    assert survey["place"].to_pylist() == [90_000 << 40]


def test_a_scope_of_lists_or_bytes_is_refused():
    columns = {"tags": pa.array([["x"]]), "raw": pa.array([b"\xff"])}
    shard = table([naive.Document("a", "text")], 0)
    for name, values in columns.items():
        with pytest.raises(UsageError, match=f"--scope {name}"):
            list(lines.survey(shard.append_column(name, values), Looking(False, True, 4, name)))


@pytest.mark.parametrize(("text_bytes", "least", "expected"), [(0, 24, 1), (235 << 20, 24, 2), (1 << 40, 24, 4682)])
def test_parts_follow_the_number_of_lines(text_bytes, least, expected):
    assert lines.parts(text_bytes, least) == expected
