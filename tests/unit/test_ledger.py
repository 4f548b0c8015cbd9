import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import CurateError
from curate.runtime import ledger

COUNTS = st.integers(0, 1000)
REASONS = st.dictionaries(st.sampled_from("abc"), COUNTS)
ENTRIES = st.builds(ledger.entry, COUNTS, COUNTS, REASONS, COUNTS, COUNTS, REASONS)


def balanced(item) -> bool:
    return item["in"] + item["repeats"] == item["out"] + sum(item["removed"].values()) + item["quarantined"]


@settings(deadline=None, max_examples=60)
@given(st.lists(ENTRIES, max_size=5))
def test_a_total_is_the_sum_and_does_not_depend_on_the_order(entries):
    total = ledger.total(entries)
    assert total == ledger.total(reversed(entries))
    for name in ("in", "out", "quarantined", "repeats"):
        assert total[name] == sum(item[name] for item in entries)
    for kind in ("removed", "counts"):
        assert all(total[kind].values())
        assert sum(total[kind].values()) == sum(sum(item[kind].values()) for item in entries)


@settings(deadline=None, max_examples=60)
@given(ENTRIES)
def test_what_does_not_balance_is_refused(item):
    if balanced(item):
        ledger.check("x", item)
    else:
        with pytest.raises(CurateError, match="x: the ledger does not balance"):
            ledger.check("x", item)


def test_reasons_without_a_document_are_left_out():
    assert ledger.entry(1, 1, {"b": 0, "a": 2})["removed"] == {"a": 2}
