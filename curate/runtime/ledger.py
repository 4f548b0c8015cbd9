"""Counting documents: in + repeats = out + removed + quarantined, for a shard, a layer, a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from curate.errors import CurateError

WHERE_FALSE = "not chosen by --where"
WHERE_NULL = "null in --where"
SPANS = "spans"


def entry(
    read: int = 0,
    out: int = 0,
    removed: Mapping[str, int] | None = None,
    quarantined: int = 0,
    repeats: int = 0,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """One ledger as plain JSON; reasons with a zero count are left out."""
    return {
        "in": read,
        "out": out,
        "removed": {reason: count for reason, count in sorted((removed or {}).items()) if count},
        "quarantined": quarantined,
        "repeats": repeats,
        "counts": {name: count for name, count in sorted((counts or {}).items()) if count},
    }


def total(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum of ledgers."""
    numbers = {"in": 0, "out": 0, "quarantined": 0, "repeats": 0}
    nested: dict[str, dict[str, int]] = {"removed": {}, "counts": {}}
    for item in entries:
        for name in numbers:
            numbers[name] += item[name]
        for name, into in nested.items():
            for reason, count in item[name].items():
                into[reason] = into.get(reason, 0) + count
    return entry(
        numbers["in"], numbers["out"], nested["removed"], numbers["quarantined"], numbers["repeats"], nested["counts"]
    )


def check(where: str, item: Mapping[str, Any]) -> None:
    """Raise CurateError when a ledger does not balance: documents would have vanished or appeared."""
    given = item["in"] + item["repeats"]
    found = item["out"] + sum(item["removed"].values()) + item["quarantined"]
    if given != found:
        raise CurateError(
            f"{where}: the ledger does not balance: {item['in']} in + {item['repeats']} repeats, but {item['out']} out "
            f"+ {sum(item['removed'].values())} removed + {item['quarantined']} quarantined; please report this"
        )
