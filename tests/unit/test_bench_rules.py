"""What the comparison of rules concludes from two verdicts."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rules(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "bench"))
    import rules

    return rules


def document(rules, group="web", ours=(), theirs=(), cleaned=100, **columns):
    values = dict.fromkeys(rules.COLUMNS, 0.0) | {"rules_c4_characters": 100} | columns
    found = rules.Document(group, "x#1", "Some text.", values, dict.fromkeys(rules.FILTERS, "") | dict(ours))
    found.theirs = dict.fromkeys(rules.FILTERS, "") | dict(theirs)
    found.seconds = dict.fromkeys(rules.FILTERS, 0.5)
    found.cleaned = cleaned
    return found


@pytest.fixture
def documents(rules):
    return [
        document(rules),
        document(rules, ours={"quality": "max_hash_ratio"}, rules_hash_ratio=0.25),
        document(rules, ours={"c4": "min_c4_sentences"}, theirs={"c4": "too_few_sentences"}, cleaned=None),
        document(
            rules,
            "manuals",
            ours={"fineweb": "max_c4_newline_ratio"},
            theirs={"fineweb": "list_ratio"},
            rules_c4_characters=9,
        ),
    ]


def test_agreement_is_counted_by_group_and_filter(rules, documents, capsys):
    rules.show_agreement(documents)
    lines = capsys.readouterr().out.splitlines()
    found = {tuple(line.split()[:2]): line.split()[2:8] for line in lines[1:-1]}
    assert found["web", "quality"] == ["3", "66.67%", "2", "0", "1", "0"]
    assert found["web", "c4"] == ["3", "100.00%", "2", "1", "0", "0"]
    assert found["web", "fineweb"][0] == "2", "what C4 drops is not asked"
    assert found["all", "fineweb"] == ["3", "100.00%", "2", "1", "0", "0"]
    assert found["all", "together"] == ["4", "75.00%", "1", "2", "1", "0"]
    assert [line for line in lines if "below" in line] and "below 97%" in lines[2]
    assert lines[-1] == "C4 leaves as many characters: 66.67% of 3 documents that it keeps"


def test_differences_are_told_by_class(rules, documents, capsys):
    rules.show_differences(documents, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "quality: ours max_hash_ratio, theirs keeps: 1 (1 web)"
    assert lines[1].strip() == "x#1: hash_ratio 0.25"
    assert len(lines) == 3


def test_a_pipeline_takes_less_time_than_every_filter(rules, documents):
    rates = rules.peer_rates(documents)
    size = 4 * len("Some text.")
    assert rates["each on every document"] == pytest.approx(size / 8.0)
    assert rates["as a pipeline"] == pytest.approx(size / 7.5)
