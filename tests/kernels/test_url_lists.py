import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, url_lists
from tests.naive import url_lists as naive

HOSTS = st.lists(st.sampled_from(["a", "b", "www", "Example", "org", "co", "[::1]", ""]), min_size=1, max_size=4)
TAILS = st.lists(st.sampled_from(["/", "/x", "/xy", "?", "x=1", "&y=2", "#z", ":80", ":8080", "/é"]), max_size=4)
ADDRESSES = st.builds(
    lambda scheme, user, host, tail: scheme + user + ".".join(host) + "".join(tail),
    st.sampled_from(["", "http://", "https://", "//", "ftp://"]),
    st.sampled_from(["", "", "u:p@", "."]),
    HOSTS,
    TAILS,
)


def listed(entries: list[str], addresses: list[str | None]) -> list[bool]:
    lines = arrow.strings(pa.array(["before", *entries], pa.large_string()).slice(1))
    offsets, data = np.empty(len(lines) + 1, dtype=np.int64), np.empty(len(lines.data), dtype=np.uint8)
    url_lists.reduce_entries(lines.offsets, lines.data, offsets, data)
    slots = np.empty(1 << (2 * len(lines)).bit_length(), dtype=np.int32)
    url_lists.index_entries(offsets, data, slots)
    for array in (offsets, data, slots):
        array.flags.writeable = False
    values = arrow.strings(pa.array(["before", *addresses], pa.string()).slice(1))
    found = np.empty(len(values), dtype=np.bool_)
    url_lists.mark_listed(values.offsets, values.data, offsets, data, slots, found)
    return found.tolist()


@settings(deadline=None, max_examples=60)
@given(st.lists(ADDRESSES, max_size=5), st.lists(ADDRESSES, min_size=1, max_size=8))
def test_covered_as_the_plain_rule_says(entries, addresses):
    addresses = addresses + [entry + "/x" for entry in entries] + ["http://www." + entry for entry in entries]
    assert listed(entries, addresses) == [naive.covered(address, entries) for address in addresses]


@pytest.mark.parametrize(
    ("entry", "address", "expected"),
    [
        ("example.com", "https://example.com/", True),
        ("example.com", "http://www.Example.com/a?b#c", True),
        ("EXAMPLE.com", "http://a.b.example.com:8080", True),
        ("example.com", "http://notexample.com/", False),
        ("example.com", "http://example.com.org/", False),
        ("example.com", "http://example.org/example.com", False),
        ("example.com", "http://u:p@example.com/", True),
        ("example.com", "http://example.com@example.org/", False),
        (".example.com", "http://example.com", True),
        ("www.example.com", "http://example.com", False),
        ("https://example.com/forum/", "http://example.com/forum", True),
        ("example.com/forum", "http://de.example.com/forum/a/b", True),
        ("example.com/forum", "http://example.com/forums", False),
        ("example.com/forum", "http://example.com/Forum", False),
        ("example.com/forum", "http://example.com/forum?page=2", True),
        ("example.com/?id=5", "http://example.com/?id=5&x=1", True),
        ("example.com/?id=5", "http://example.com/?id=55", False),
        ("example.com:8080", "http://example.com:8080/a", True),
        ("example.com:8080", "http://example.com/a", False),
        ("", "http://example.com/", False),
        ("com", None, False),
        ("com", "", False),
    ],
)
def test_known_addresses(entry, address, expected):
    assert listed([entry], [address]) == [expected]
    assert naive.covered(address or "", [entry]) == expected


def test_a_host_of_endless_labels_takes_no_endless_time():
    address = "http://" + "a." * 200_000 + "example.com/" + "b/" * 50_000
    assert listed(["example.com/c"], [address]) == [False]
    assert listed(["example.com/b"], [address]) == [True]


def test_no_list_and_no_address():
    assert listed([], ["http://example.com"]) == [False]
    assert listed(["example.com"], []) == []
