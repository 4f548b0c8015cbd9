import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import arrow, urls
from tests.naive import dedup as naive

PIECES = st.lists(
    st.one_of(
        st.sampled_from(["http", "HTTPS", "https", "ftp", "://", "//", ":", "/", "?", "#", "@", "80", "443", "0", "."]),
        st.sampled_from(["Example.ORG", "a", "Path", "É", "[::1]", "www", " ", "\t\n"]),
        st.text(":/?#@08é", max_size=4),
    ),
    max_size=9,
).map("".join)


def named(addresses: list[str | None]) -> list[tuple[int, int] | None]:
    values = arrow.strings(pa.array(["before", *addresses], pa.string()).slice(1))
    names = np.empty((len(values), 2), dtype=np.uint64)
    present = np.empty(len(values), dtype=np.bool_)
    urls.name_urls(values.offsets, values.data, names, present)
    return [tuple(name) if there else None for name, there in zip(names.tolist(), present.tolist(), strict=True)]


@settings(deadline=None, max_examples=60)
@given(st.lists(PIECES, min_size=1, max_size=8))
def test_names_are_equal_when_and_only_when_what_is_left_is(addresses):
    left = [naive.address(address) for address in addresses]
    names = named(addresses + left)[: len(addresses)]
    assert [name is None for name in names] == [not rest for rest in left]
    assert len(set(zip(names, left, strict=True))) == len(set(names)) == len(set(left))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://Example.org/a", "https://example.ORG/a/", True),
        ("http://example.org:80/a#b", "//example.org/a", True),
        ("https://example.org:443", "example.org/", True),
        ("http://example.org:443", "http://example.org", False),
        ("https://example.org:80", "https://example.org", False),
        ("ftp://example.org:80", "ftp://example.org", False),
        ("http://example.org/A", "http://example.org/a", False),
        ("http://example.org/a?q=1", "http://example.org/a/?q=1#x", True),
        ("http://example.org/?q=1", "http://example.org?q=1", True),
        ("http://example.org/?q=a/", "http://example.org?q=a", False),
        ("http://U@Example.org", "http://U@example.org", True),
        ("http://U@example.org", "http://u@example.org", False),
        ("http://[::1]:80/", "http://[::1]", True),
        ("\n http://example.org/a \t", "http://example.org/a", True),
        ("http://example.org/a b", "http://example.org/ab", False),
        ("http://a", "http://b", False),
    ],
)
def test_known_addresses(one, other, same):
    first, second = named([one, other])
    assert first is not None and second is not None
    assert (first == second) == same
    assert (naive.address(one) == naive.address(other)) == same


def test_nothing_has_no_name():
    assert named([None, "", "http://", "#top", "/", "//", " ", "\t\n"]) == [None] * 8
