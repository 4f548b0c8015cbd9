"""The heads of a web archive's records, and of the HTTP responses that they hold."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple

import numpy as np

from curate.kernels.warc_heads import BETWEEN, HTTP_FIELDS, WARC_FIELDS, heads

HEAD_BYTES = 1 << 17
_FIELDS = len(WARC_FIELDS) + len(HTTP_FIELDS)
_ROWS = 128
_TEXT_BYTES = 1 << 16
_VALUE = re.compile(rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_STATUS = re.compile(rb"HTTP/\S+[ \t]+([0-9]{3})\b")


class Record(NamedTuple):
    """position: the byte at which it is.

    data, begin, end: its block is data[begin:end]; where that is longer than allowed, `data` is empty.
    body: where the body of the HTTP response that the block is begins; `begin` where it is none.
    status: of that response; -1 where there is none.
    kind: its WARC-Type, in lower case. The others are fields of the WARC head, and `sent_type`, `transfer` and `coding`
    of the response: its Content-Type, Transfer-Encoding and Content-Encoding; "" for those that it does not have.
    """

    position: int
    begin: int
    end: int
    body: int
    status: int
    kind: str
    content_type: str
    record_id: str
    url: str
    date: str
    truncated: str
    payload_type: str
    languages: str
    length: str
    sent_type: str
    transfer: str
    coding: str
    data: bytes | mmap.mmap


class Rows:
    """The records of a plain file, many at once, as far as they are what the standard says.

    Not by FastWARC, whose records allocate as many bytes as a Content-Length says, and whose map of fields costs more.
    """

    def __init__(self, data: bytes | mmap.mmap, most_bytes: int) -> None:
        self._data, self._most = data, most_bytes
        self._bytes = np.frombuffer(data, np.uint8)
        self._out = np.empty((_ROWS, 5), np.int64)
        self._text = np.empty(_TEXT_BYTES, np.uint8)

    def following(self, at: int) -> Iterator[tuple[int, Record]]:
        """The records from a place on, each with the place of the next, up to the first that is last or odd."""
        count = _ROWS
        while count == _ROWS:
            count, size = heads(self._bytes, at, self._most, HEAD_BYTES, self._out, self._text)
            numbers = self._out[:count].T.tolist()
            values = self._text[:size].tobytes().decode("utf-8", "replace").split("\n")
            fields = [values[field:-1:_FIELDS] for field in range(_FIELDS)]
            for record in map(Record, *numbers, *fields, repeat(self._data)):
                at = record.end + BETWEEN
                yield at, record


class Head:
    """A WARC or HTTP head of any form. Its fields are looked for when they are asked for."""

    def __init__(self, text: bytes) -> None:
        """text: from the first line to the blank one; its lines end in CR LF or in LF."""
        self._text = text
        self._lower = text.lower()

    def get(self, name: bytes) -> str:
        """The value of the last field of a name, which is given in lower case; "" where there is none."""
        name, end = b"\n" + name, len(self._lower)
        while (end := self._lower.rfind(name, 0, end)) >= 0:
            if found := _VALUE.match(self._text, end + len(name)):
                value = found[1].strip()
                return (_FOLD.sub(b" ", value) if b"\n" in value else value).decode("utf-8", "replace")
        return ""

    def status(self) -> int:
        """Of an HTTP response; -1 where there is none."""
        found = _STATUS.match(self._text)
        return int(found[1]) if found else -1


def record_of(position: int, head: Head, data: bytes | mmap.mmap, begin: int, end: int) -> Record:
    """The record whose block is data[begin:end]; `data` is empty where that is too long."""
    told = [head.get(name) for name in WARC_FIELDS]
    told[0] = told[0].lower()
    if data[begin : begin + 5] != b"HTTP/":
        return Record._make([position, begin, end, begin, -1, *told, *[""] * len(HTTP_FIELDS), data])
    stop = min(end, begin + HEAD_BYTES)
    line = data.find(b"\n", begin, stop)
    blank = b"\r\n\r\n" if line < 0 or data[line - 1] == 13 else b"\n\n"
    found = data.find(blank, begin, stop)
    body = found + len(blank) if found >= 0 else end
    sent = Head(data[begin:body])
    answer = [sent.get(name) for name in HTTP_FIELDS]
    return Record._make([position, begin, end, body, sent.status(), *told, *answer, data])
