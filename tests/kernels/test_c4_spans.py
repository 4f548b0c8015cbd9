"""What goes and what stays, together, are the text: and what stays is the cleaned text, byte for byte."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.algorithms import c4, clean
from curate.kernels import arrow, c4_spans

PIECES = st.sampled_from(
    [
        *("one two three.", "Four five six seven", "few words", "javascript is off now", "our privacy policy is here"),
        *("x" * 1001, "[1]", "[12] ", "[edit]", "[citation needed]", "[x]", " ", "\u00a0", "é 字 ", "[1] [2] [3]"),
        *("\n", "\n", "\n", "\n\n", "\r\n", "\u2028", '"Quoted words are here"', "..."),
    ]
)
WHITE = "\t\n\v\f\r \x85\xa0\u2028"


def taken(texts, ended_only):
    """The cleaned texts, rows of (text, from, to, reason) and the place of each byte of a cleaned text in its text."""
    array = pa.array(["before", *texts], pa.large_string()).slice(1)
    after = c4.clean(array, ended_only).texts
    before, values = arrow.strings(array), arrow.strings(after)
    rows, pieces = clean._places(before, values, ended_only)
    starts = before.offsets - before.offsets[0]
    found = [(row, start - int(starts[row]), end - int(starts[row]), kind) for row, start, end, kind in rows.tolist()]
    total = int(values.offsets[-1] - values.offsets[0])
    places = pieces.place(np.arange(total)) if total else np.empty(0, dtype=np.int64)
    cuts = values.offsets - values.offsets[0]
    return (
        after.to_pylist(),
        found,
        [(places[cuts[i] : cuts[i + 1]] - starts[i]).tolist() for i in range(len(texts))],
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(PIECES, max_size=20).map("".join), max_size=4), st.booleans())
@example(["one two three.[1] [2] [3]", "one two three."], False)
@example(["one two three.[12] [1][1] [2] [3]", "one two three."], False)
@example(["[1] [2] [3] [4] five six seven\n[1] [2] [3]", "one two three."], False)
def test_what_goes_and_what_stays_are_the_text(texts, ended_only):
    cleaned, rows, places = taken(texts, ended_only)
    for number, (text, left) in enumerate(zip(texts, cleaned, strict=True)):
        data, kept = text.encode(), left.encode()
        gone = [(start, end) for row, start, end, _ in rows if row == number]
        assert all(end <= start for (_, end), (start, _) in pairwise(gone))
        lost = set(range(len(data))) - {i for start, end in gone for i in range(start, end)}
        for at, byte in zip(places[number], kept, strict=True):
            assert byte == 10 or (data[at] == byte and at in lost)
        rest = bytes(data[at] for at in sorted(lost - set(places[number]))).decode(errors="ignore")
        assert not rest.strip(WHITE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Here are three words.\n\nno\n", [("no\n", "few_words")]),
        ("Here are[1] three[edit] words.", [("[1]", "citation"), ("[edit]", "citation")]),
        ("Accept the use of cookies here.\nHere are three words.", [("Accept the use of cookies here.\n", "policy")]),
        ("Please enable JavaScript now.", [("Please enable JavaScript now.", "javascript")]),
        ("y" * 1001 + " and more\nHere are three words", [("y" * 1001 + " and more\n", "long_word")]),
    ],
)
def test_each_stretch_has_its_rule(text, expected):
    names = {kind: name for name, kind in c4.RULES.items()} | {c4_spans.CITATION: "citation"}
    rows = taken([text], False)[1]
    assert [(text.encode()[start:end].decode(), names[kind]) for _, start, end, kind in rows] == expected


def test_terminal_punctuation_is_asked_for():
    text = "Here are three words.\nHere are four more words\n"
    assert taken([text], True)[1] == [(0, 22, 47, c4.RULES["no_terminal_punctuation"])]
    assert taken([text], False)[1] == []
