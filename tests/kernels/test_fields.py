import re
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.kernels import fields
from tests.naive import records as naive

BAD = -(2**63)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def laid_out(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read-only, with digits around that belong to nobody."""
    values = [text.encode() for text in texts]
    offsets = np.cumsum([3, *map(len, values)], dtype=np.int64)
    offsets.flags.writeable = False
    return offsets, np.frombuffer(b"123" + b"".join(values) + b"456", dtype=np.uint8)


def timestamps(texts: list[str]) -> list[int]:
    out = np.empty(len(texts), dtype=np.int64)
    fields.timestamps(*laid_out(texts), out)
    return out.tolist()


def fitting(kind: int, texts: list[str]) -> list[bool]:
    out = np.empty(len(texts), dtype=np.bool_)
    fields.fitting(*laid_out(texts), kind, out)
    return out.tolist()


TIMES = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))
ZONES = st.one_of(st.none(), st.just(UTC), st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m))))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(TIMES, ZONES), max_size=30),
    st.sampled_from(["T", " ", "t"]),
    st.sampled_from(["auto", "minutes", "seconds", "milliseconds", "microseconds"]),
)
def test_iso_times(times, between, precision):
    texts = [t.replace(tzinfo=zone).isoformat(between, precision) for t, zone in times]
    assert timestamps(texts) == [naive.micros(text) for text in texts]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dates(), max_size=30))
def test_dates(dates):
    for pattern in ("%Y-%m-%d", "%Y%m%d"):
        texts = [f"{d.year:04}" + d.strftime(pattern.removeprefix("%Y")) for d in dates]
        assert timestamps(texts) == [naive.micros(d.isoformat()) for d in dates]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024-01-01"),
        ("2024-02", "2024-02-01"),
        ("2024-02-29T00:00Z", "2024-02-29"),
        ("20240229T123456Z", "2024-02-29T12:34:56"),
        ("2024-02-29 12:34:56.7 UTC", "2024-02-29T12:34:56.700"),
        ("2024-02-29T12:34:56,123456789z", "2024-02-29T12:34:56.123456"),
        ("2024-02-29T12:34:60Z", "2024-02-29T12:35:00"),
        ("2024-02-29T12:34:56+05", "2024-02-29T07:34:56"),
        ("2024-02-29T12:34:56-0530", "2024-02-29T18:04:56"),
        ("1700000000", "2023-11-14T22:13:20"),
        ("1700000000.25", "2023-11-14T22:13:20.250"),
        ("1700000000250", "2023-11-14T22:13:20.250"),
        ("1700000000250000", "2023-11-14T22:13:20.250"),
        ("1700000000250000000", "2023-11-14T22:13:20.250"),
        ("-1700000000", "1916-02-18T01:46:40"),
    ],
)
def test_other_times(text, expected):
    assert timestamps([text]) == [naive.micros(expected)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-02-29",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "2024-01-01T",
        "2024-01-01T24:00",
        "2024-01-01T12",
        "2024-01-01T12:60",
        "2024-1-1",
        "0000-01-01",
        "24",
        "12345",
        "1e9",
        "yesterday",
        "2024-01-01T12:00:00+24:00",
        "2024-01-01T12:00:00+1",
        "2024-01-01T12:00:00 PST",
        "-",
        "2024-01-01T12:00:00Zx",
        "2024-01-01x",
        "99999999999999999999",
        "2024-01-01T12:00:00+",
        "2024-",
        "2024-01-",
        "2024-01-01T12:00:",
    ],
)
def test_what_is_no_time(text):
    assert timestamps([text]) == [BAD]
    assert fitting(fields.TIMESTAMP, [text]) == [False]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers().map(str) | st.floats().map(repr) | st.text("-+0123456789.eE", max_size=8), max_size=40))
def test_numbers(texts):
    assert fitting(fields.FLOAT64, texts) == [bool(NUMBER.fullmatch(text)) for text in texts]
    integers = [bool(re.fullmatch("-?[0-9]{1,19}", text)) and -(2**63) <= int(text) < 2**63 for text in texts]
    assert fitting(fields.INT64, texts) == integers


def test_the_ends_of_int64():
    texts = [str(2**63 - 1), str(2**63), str(-(2**63)), str(-(2**63) - 1), "18446744073709551617", "-", "", "007"]
    assert fitting(fields.INT64, texts) == [True, False, True, False, False, False, False, True]


def test_words():
    assert fitting(fields.BOOL, ["true", "False", "TRUE", "yes", "", "1", "tru", "truee"]) == [True] * 3 + [False] * 5
    assert fitting(fields.ANY_STRING, ["", "a"]) == [True, True]


def test_blank():
    out = np.empty(4, dtype=np.bool_)
    fields.unblank(*laid_out(["", " \t\r\n\x00", " x ", "\xa0"]), out)
    assert out.tolist() == [False, False, True, True]
