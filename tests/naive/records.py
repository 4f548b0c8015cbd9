"""What the readers of JSON and CSV do, by the standard library."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any


class NotJson(ValueError):
    """A constant that Python reads and JSON does not have."""


def _refuse(name: str) -> None:
    raise NotJson(name)


class Number(str):
    """A number as it is written."""


def load(data: bytes) -> Any:
    """A JSON value, its numbers as they are written. Raises ValueError."""
    return json.loads(data.decode(), parse_constant=_refuse, parse_float=Number, parse_int=Number)


KINDS = {Number: "a number", str: "a string", bool: "a boolean", dict: "an object", list: "an array"}


def find(record: dict, name: str) -> tuple[tuple[str, ...], Any] | None:
    """A field by its name or, failing that, by its path: the path and the value."""
    if name in record or "." not in name:
        return ((name,), record[name]) if name in record else None
    value: Any = record
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return tuple(name.split(".")), value


def choose(record: dict, alternatives: list[list[str]]) -> list | str:
    """The fields of the first alternative that is there and not null, or "null" or "missing"."""
    for names in alternatives:
        found = [find(record, name) for name in names]
        if all(item and item[1] is not None for item in found):
            return found
    names = [name for names in alternatives for name in names]
    return "null" if any((item := find(record, name)) and item[1] is None for name in names) else "missing"


def remove(record: dict, path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        record = record[part]
    del record[path[-1]]


def text_of(found: list | str) -> tuple[str | None, str]:
    """The text of the fields chosen, or why there is none."""
    if isinstance(found, str):
        return None, f"text is {found}"
    for _, value in found:
        if type(value) is not str:
            return None, f"text is {KINDS[type(value)]}"
    text = "\n\n".join(value for _, value in found)
    return (text, "") if is_unicode(text) else (None, "text is not Unicode")


def scalar_of(found: list | str) -> str | None:
    """The value of one field that is neither list nor object, as it is written."""
    if isinstance(found, str) or isinstance(found[0][1], dict | list):
        return None
    value = found[0][1]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if is_unicode(text) else None


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def rows(text: str, delimiter: str) -> list[list[str]]:
    """Rows of separated values."""
    return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]


def micros(text: str) -> int:
    """Microseconds since 1970 of an ISO 8601 time; without a zone it is UTC."""
    found = datetime.fromisoformat(text)
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    past = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds
