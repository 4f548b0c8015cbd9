"""A page as a container holds it, before its text is taken out: what readers of WARC and HTML give to extraction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Page(NamedTuple):
    """One page.

    position, unit: where it is, as in `Piece`.
    content: the payload, with transfer and content encodings taken off; never more than the longest document allowed.
    content_type: the media type in lower case, without parameters; None where nothing tells it.
    charset: what the HTTP header, or a container that knows better, says. It may lie.
    url: where the page was found. date: when, as ISO 8601.
    status: of HTTP. more: other fields for `meta`, such as a record's id: plain JSON.
    """

    position: int
    unit: str
    content: bytes
    content_type: str | None = None
    charset: str | None = None
    url: str | None = None
    date: str | None = None
    status: int | None = None
    more: Mapping[str, Any] = MappingProxyType({})
