"""Which web addresses a list covers, in plain Python."""

from __future__ import annotations

import re

from tests.naive.dedup import address


def covered(url: str, entries: list[str]) -> bool:
    host, tail = _parts(url)
    labels = host.split(".")
    for entry in filter(None, map(_entry, entries)):
        for i in range(len(labels)):
            rest = ".".join(labels[i:]) + tail
            if rest == entry:
                return True
            if rest.startswith(entry):
                inside = len(entry) < len(rest) - len(tail)
                if rest[len(entry)] in (":" if inside else "/?&"):
                    return True
    return False


def _parts(url: str) -> tuple[str, str]:
    authority, tail = re.fullmatch(r"([^/?]*)(.*)", address(url), re.S).groups()
    return authority.rpartition("@")[2], tail


def _entry(line: str) -> str:
    host, tail = _parts(line)
    host = host.lstrip(".")
    return host + tail if host else ""
