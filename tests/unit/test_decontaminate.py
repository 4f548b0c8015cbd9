import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.algorithms import decontaminate, decontaminate_items, decontaminate_matches
from curate.errors import DataError, UsageError
from tests import running

ITEMS = [
    "Natalia sold 48 clips to her friends in April, and then half as many in May. How many did she sell together?",
    "Weng earns $12 an hour for babysitting. Yesterday she babysat for 50 minutes. How much did Weng earn in all?",
    "Who painted the Mona Lisa?",
    "What is 7 times 8?",
    "Is it so?",
]
RULES = decontaminate_items.Rules(ngram=8, span=20, share=0.3, common=1e-5)
CLEAN = "The committee met in the old town hall on Tuesday and spoke about the bridge for two hours."


def judged(texts, items=ITEMS, rules=RULES, tables=1):
    """The rows of the documents by number, and the model with its matches."""
    known = decontaminate_items.items([("b.jsonl", [pa.array(items, pa.large_string())])], rules)
    count = len(texts)
    table = pa.table(
        {
            "shard": pa.array([0] * count, pa.int32()),
            "row": pa.array(range(count), pa.int64()),
            "id": [f"d{i}" for i in range(count)],
            "source": ["web"] * count,
            "text": pa.array(texts, pa.large_string()),
        }
    )
    surveyed = [part for piece in decontaminate_matches.survey(table, known) for part in _split(piece, tables)]
    model, documents, matches = decontaminate.settle(surveyed, known)
    rows = {row["row"]: (row["span"], row["by"]) for part in documents for row in part.to_pylist()}
    return rows, pa.concat_tables([model, *matches]).to_pylist()


def _split(table, count):
    size = -(-table.num_rows // count)
    return [table.slice(at, size) for at in range(0, table.num_rows, size)] if size else [table]


@pytest.mark.parametrize("change", [str, str.upper, lambda text: text.replace(",", "").replace("?", "")])
def test_whole_items_and_halves_go(change):
    halves = [change(item[: len(item) // 2]) for item in ITEMS[:2]]
    rows, _ = judged([f"{CLEAN} {change(ITEMS[0])} {CLEAN}", CLEAN, *(f"{CLEAN} {half}" for half in halves)])
    assert {row: by for row, (_, by) in rows.items()} == {0: "b.jsonl:0", 2: "b.jsonl:0", 3: "b.jsonl:1"}
    assert rows[0][0] == 22


def test_a_short_item_must_be_whole_and_must_tell_something():
    rows, model = judged(
        ["They asked who painted the Mona Lisa, at last.", "who painted the Mona Rosa", "What is 7 times 8?"]
    )
    assert rows == {0: (5, "b.jsonl:2"), 2: (5, "b.jsonl:3")}
    assert model[0]["unsearchable"] == 1  # of three tokens


def test_other_numbers_are_another_item():
    other = ITEMS[0].replace("48", "96") + " " + ITEMS[1].replace("12", "7").replace("50", "20")
    rows, _ = judged([other])
    assert rows == {0: (21, None)}
    rows, _ = judged([ITEMS[0].replace("48", "forty-eight")])
    assert rows[0][1] == "b.jsonl:0"


def test_a_phrase_of_many_documents_is_none_but_a_leak_of_many_is():
    phrase = " ".join(ITEMS[0].split()[:9])
    texts = [f"{CLEAN} {phrase} {number * 'x'}" for number in range(1, 12)]
    assert {by for _, by in judged(texts[:10])[0].values()} == {"b.jsonl:0"}
    assert set(judged(texts)[0].values()) == {(0, None)}
    item = f"{ITEMS[0]} {ITEMS[1]}"
    assert {by for _, by in judged([f"{text} {item}" for text in texts], [item])[0].values()} == {"b.jsonl:0"}
    few = decontaminate_items.Rules(ngram=8, span=20, share=0.3, common=0.99)
    assert {by for _, by in judged([*texts, CLEAN], rules=few)[0].values()} == {"b.jsonl:0"}


def test_a_phrase_of_many_items_is_none():
    phrase = "answer the question below with one letter and explain your reasoning briefly"
    items = [f"{phrase} {word}" for word in ("alpha beta", "gamma delta")]
    assert judged([phrase], items)[0][0][1] == "b.jsonl:0"
    many = items + [f"{phrase} {chr(97 + i) * 4} {chr(97 + i) * 5}" for i in range(21)]
    assert judged([phrase], many)[0] == {}


@pytest.mark.parametrize("tables", [2, 3, 100])
def test_rows_of_a_document_in_several_tables(tables):
    texts = [" ".join(ITEMS), CLEAN, ITEMS[1], *(f"{item} {CLEAN}" for item in ITEMS)]
    assert judged(texts, tables=tables) == judged(texts)


def test_the_model_counts_and_the_matches_show_both_sides():
    texts = [f"{CLEAN} {ITEMS[0]} {CLEAN}", ITEMS[0], ITEMS[1].lower(), "She " + " ".join(ITEMS[0].split()[1:6]), CLEAN]
    _, model = judged(texts)
    head = model[0]
    assert (head["kind"], head["benchmark"], head["items"]) == ("benchmark", "b.jsonl", 5)
    assert (head["matched"], head["long"], head["contaminated"], head["documents"]) == (2, 2, 2, 3)
    items = [row for row in model if row["kind"] == "item"]
    assert [(row["item"], row["documents"], row["span"], row["tokens"]) for row in items] == [
        ("b.jsonl:0", 2, 22, 22),
        ("b.jsonl:1", 1, 20, 20),
    ]
    matches = [row for row in model if row["kind"] == "match"]
    assert [(row["id"], row["item"]) for row in matches] == [
        ("d0", "b.jsonl:0"),
        ("d1", "b.jsonl:0"),
        ("d2", "b.jsonl:1"),
    ]
    assert ITEMS[0] in matches[0]["text"] and matches[0]["text"].startswith("…")
    assert matches[0]["item_text"] == ITEMS[0]
    assert matches[2]["text"] == ITEMS[1].lower()


def test_columns_of_a_shard():
    schema = pa.schema([("keep", pa.bool_()), ("span", pa.int32()), ("by", pa.string())])
    mine = pa.table({"row": pa.array([3, 7], pa.int64()), "span": pa.array([9, 30], pa.int32()), "by": [None, "b:1"]})
    table = pa.table({"row": pa.array([1, 3, 7, 9], pa.int64())})
    assert decontaminate.columns(mine, table, schema).to_pydict() == {
        "keep": [True, True, False, True],
        "span": [0, 9, 30, 0],
        "by": [None, None, "b:1", None],
    }


def test_what_cannot_be_named_or_read():
    assert decontaminate_items.names(["x/a.jsonl#question+answer", "y/b.jsonl"]) == [
        "a.jsonl#question+answer",
        "b.jsonl",
    ]
    with pytest.raises(UsageError, match=r"two are called 'a.jsonl'"):
        decontaminate_items.names(["x/a.jsonl", "y/a.jsonl"])
    with pytest.raises(DataError, match="no item there"):
        decontaminate_items.items([("b", [])], RULES)


def test_the_command(tmp_path):
    records = [{"text": f"{CLEAN} {ITEMS[0]}"}, {"text": CLEAN}, {"text": ""}]
    (tmp_path / "raw.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (tmp_path / "test.jsonl").write_text("".join(json.dumps({"question": item}) + "\n" for item in ITEMS))
    running.step("ingest", {"sources": [str(tmp_path / "raw.jsonl")]}, to=str(tmp_path / "c"), max_errors="1")
    running.step("decontaminate", {"benchmark": [f"{tmp_path}/test.jsonl#question"]}, corpus=str(tmp_path / "c"))
    [shard] = (tmp_path / "c").glob("decontaminate/*/shards/*.parquet")
    found = pq.read_table(shard).to_pydict()
    assert found["decontaminate_keep"][:2] == [False, True]
    assert found["decontaminate_by"][:2] == ["test.jsonl#question:0", None]
    assert found["decontaminate_span"][:2] == [22, 0]
