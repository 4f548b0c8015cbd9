import pyarrow as pa

from curate.algorithms.mix import GROUPS
from curate.algorithms.mix_report import lines


def groups(count: int, unit: str = "tokens", **changed) -> pa.Table:
    row = {"documents": 10, "tokens": 1500, "requested_share": 1 / count, "requested": 300, "achieved_share": 1 / count}
    row |= {"achieved": 3000, "achieved_documents": 20, "achieved_tokens": 3000, "epochs": 2.0}
    row |= {"unit": unit, "tokenizer": "gpt2", "estimated": False, **changed}
    return pa.Table.from_pylist([{"group": f"g{i:02}", **row} for i in range(count)])


def test_a_table_with_its_sum():
    heading, first, second, total, note = lines(groups(2), 6000, 4.0)
    assert " ".join(heading.split()) == "group documents tokens requested achieved epochs documents drawn tokens drawn"
    assert first.split() == ["g00", "10", "1,500", "50.00%", "50.00%", "2.00", "20", "3,000"]
    assert second.startswith("g01")
    assert total.split() == ["total", "20", "3,000", "100.00%", "100.00%", "2.00", "40", "6,000"]
    assert note == "requested and achieved are shares of the tokens; tokens are counted by gpt2"
    assert len({len(line) for line in (heading, first, second, total)}) == 1


def test_an_estimate_says_so():
    assert lines(groups(1, estimated=True), None, 4.0)[-1].endswith("tokens are estimated, not counted")


def test_many_groups_are_cut_short():
    found = lines(groups(25), None, 4.0)
    assert len(found) == 1 + 20 + 1 + 1 + 1
    assert found[-3] == "... and 5 smaller groups"


def test_a_budget_that_was_not_met_says_why():
    assert lines(groups(1), 10_000, 2.0)[-1].startswith("7,000 tokens short of the budget of 10,000")


def test_a_budget_met_to_within_a_document_is_met():
    assert len(lines(groups(1), 3010, 4.0)) == 4


def test_nothing():
    assert lines(GROUPS.empty_table(), 5, 4.0) == ["the mixture is empty: there was no document to choose from"]
