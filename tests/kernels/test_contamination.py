import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import decontaminate_items
from curate.kernels import arrow, contamination, contamination_tokens, words
from tests.naive import decontaminate as naive

RULES = decontaminate_items.Rules(ngram=5, span=20, share=0.3, common=1e-5)
WORDS = st.sampled_from(
    [
        "a",
        "The",
        "egg",
        "ducks",
        "Größe",
        "don't",
        "_blank_",
        "__",
        "12",
        "1,000",
        "twenty-five",
        "and",
        "five",
        "7",
        "x2",
    ]
)
SENTENCE = st.lists(WORDS, max_size=30).map(" ".join)
SPELLED = "he'd ate 2 snake_case _so_ ONE hundred and five! 1,000.5 twentyfive 5th O’Neil's __ 'quoted' x"


def sliced(texts):
    return arrow.strings(pa.array(["before it", *texts, "after it"], pa.large_string()).slice(1, len(texts)))


def read(text):
    """The hashes of a text's tokens, and the text of each."""
    values = sliced([text])
    values.data.setflags(write=False)
    start, end = values.offsets
    hashes = np.empty(words.most_tokens(0, end - start) + 1, dtype=np.uint64)
    spans = np.empty((len(hashes), 2), dtype=np.int64)
    count = contamination_tokens.read_tokens(values.data, start, end, decontaminate_items.spelling(), hashes, spans)
    return hashes[:count].tolist(), [bytes(values.data[a:b]).decode() for a, b in spans[:count]]


def test_tokens_of_many_spellings():
    assert read(SPELLED)[1] == [
        "he'd", "ate", "2", "snake_case", "_so_", "ONE hundred and five! 1,000.5 twentyfive", "5th", "O’Neil's",
        "quoted", "x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Janet's ducks", "JANETS, DUCKS!"),
        ("1,000 eggs", "1000 eggs"),
        ("12 apples", "twelve apples"),
        ("125 apples", "one hundred and twenty-five apples"),
        ("125 apples", "ONEHUNDREDANDTWENTYFIVE".replace("AND", " and ") + " apples"),
        ("16 - 3 - 4 = <<16-3-4=9>>9 eggs", "1634 16349 9 eggs"),
        ("farmer’s _market_", "farmer's market"),
        ("die GRÖSSE", "die grösse"),
    ],
)
def test_spellings_that_are_alike(one, two):
    assert read(one)[0] == read(two)[0]


@pytest.mark.parametrize(
    ("one", "two"), [("12 apples", "apples"), ("tone", "one"), ("weighty", "eighty"), ("5th", "5")]
)
def test_spellings_that_are_not(one, two):
    assert read(one)[0] != read(two)[0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(WORDS, st.text("aB_' 1,éß\u2019", max_size=6)), max_size=40).map(" ".join))
def test_tokens(text):
    hashes, _ = read(text)
    expected = [token.word for token in naive.tokens(text)]
    assert len(hashes) == len(expected)
    known = {}
    for value, word in zip(hashes, expected, strict=True):
        assert known.setdefault(value, word) == word
    assert len(set(hashes)) == len(set(expected))


def searched(texts, items, rules=RULES, room=0):
    known = decontaminate_items.items([("b", [pa.array(items, pa.large_string())])], rules)
    values = sliced(texts)
    count = contamination.room(values.offsets)
    hashes, spans = np.empty(count, dtype=np.uint64), np.empty((count, 2), dtype=np.int64)
    out = np.empty((len(items) + room, contamination.COLUMNS), dtype=np.int64)
    row, rows = 0, []
    while row < len(texts):
        latest, seen = np.full((len(items), 4), -1, dtype=np.int64), np.full(len(items), -1, dtype=np.int64)
        row, found = contamination.find(
            values.offsets,
            values.data,
            row,
            decontaminate_items.spelling(),
            known.index,
            hashes,
            spans,
            latest,
            seen,
            out,
        )
        rows += out[:found].tolist()
    return rows, known


@settings(deadline=None, max_examples=60)
@given(st.lists(SENTENCE, min_size=1, max_size=5), st.data(), st.sampled_from([0, 100]))
def test_stretches(items, data, room):
    pieces = st.one_of(
        SENTENCE, st.sampled_from(items), st.sampled_from(items).map(lambda item: item[len(item) // 2 :])
    )
    texts = data.draw(st.lists(st.lists(pieces, max_size=4).map("; ".join), min_size=1, max_size=4))
    rows, known = searched(texts, items, room=room)
    bounds = known.index.offsets
    found = {(r[0], r[1]): (*r[2:5], r[5] - bounds[r[1]], r[6] - bounds[r[1]]) for r in rows}
    assert len(found) == len(rows)
    assert found == naive.longest(texts, items, RULES.ngram)


def test_bytes_of_a_stretch():
    item = "Seven ducks lay sixteen eggs on every day of the week"
    text = f"Größe. {item.upper()}! And more"
    [row], _ = searched(["", text], [item])
    assert text.encode()[row[7] : row[8]].decode() == item.upper()
    assert row[:3] == [1, 0, 11]


def test_a_text_of_several_windows():
    item = " ".join(f"word{i}" for i in range(30))
    filler = "lorem ipsum dolor " * 1_000_000
    for cut in (8 << 20, (8 << 20) - 100, 1000):
        text = filler[:cut] + " " + item + " " + filler
        [row], _ = searched([text], [item])
        assert row[2] == 30
        assert text[row[7] : row[8]] == item
    [row], _ = searched(["x" * (9 << 20) + " " + item], [item])
    assert row[2] == 30


def test_document_frequency_and_cover():
    grams = np.array([0, 1, 2, -1, -1, 3, -1, -1], dtype=np.int64)
    lengths = np.full(8, 3, dtype=np.int64)
    counts, seen = np.zeros(4, dtype=np.int64), np.full(4, -1, dtype=np.int64)
    documents = np.array([0, 0, 2], dtype=np.int64)
    starts, ends = np.array([0, 0, 1], dtype=np.int64), np.array([4, 3, 8], dtype=np.int64)
    contamination.count_documents(documents, starts, ends, grams, lengths, seen, counts)
    assert counts.tolist() == [1, 2, 1, 1]
    out = np.empty(3, dtype=np.int64)
    contamination.covered(starts, ends, grams, lengths, np.array([False, True, False, False]), out)
    assert out.tolist() == [3, 3, 6]
