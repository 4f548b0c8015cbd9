"""The heads of WARC records, one after another."""

import re

from curate.kernels.warc_heads import HTTP_FIELDS, WARC_FIELDS

_BLANKS = b" \t\n\v\f\r"


class Odd(Exception):
    """It is left to the caller."""


def heads(data: bytes, at: int, most_bytes: int, head_bytes: int, rows: int, room: int):
    """As the kernel: the rows, and the values of each."""
    found, values = [], []
    while len(found) < rows:
        try:
            row, told, next_at = _record(data, at, most_bytes, head_bytes)
        except Odd:
            break
        room -= sum(len(value) + 1 for value in told)
        if room < 0:
            break
        found.append(row)
        values.append(told)
        at = next_at
    return found, values


def _record(data: bytes, at: int, most_bytes: int, head_bytes: int):
    version = re.compile(rb"WARC/[0-9]\.[0-9]+\r\n")
    if not (first := version.match(data, at)):
        raise Odd
    begin, told = _fields(data, first.end(), at + head_bytes, WARC_FIELDS)
    if not re.fullmatch(rb"[0-9]{1,18}", told[-1]) or int(told[-1]) > most_bytes:
        raise Odd
    end = begin + int(told[-1])
    if data[end : end + 4] != b"\r\n\r\n" or not version.match(data, end + 4):
        raise Odd
    body, status, sent = begin, -1, [b""] * len(HTTP_FIELDS)
    block = data[begin:end]
    if block.startswith(b"HTTP/"):
        line = block.find(b"\n") + 1
        if not 2 <= line <= head_bytes or block[line - 2 : line - 1] != b"\r":
            raise Odd
        body, sent = _fields(block, line, head_bytes, HTTP_FIELDS)
        body += begin
        told_status = re.match(rb"HTTP/[^ \t\n\v\f\r]+[ \t]+([0-9]{3})(?![0-9A-Za-z_])", block[:line])
        status = int(told_status[1]) if told_status else -1
    told[0] = told[0].lower()
    return [at, begin, end, body, status], told + sent, end + 4


def _fields(data: bytes, at: int, stop: int, names) -> tuple[int, list[bytes]]:
    found = dict.fromkeys(names, b"")
    while True:
        end = data.find(b"\n", at, stop)
        line = data[at : end + 1]
        if end < 0 or not line.endswith(b"\r\n") or line[:1] in (b" ", b"\t"):
            raise Odd
        at = end + 1
        if line == b"\r\n":
            return at, list(found.values())
        name, colon, value = line.partition(b":")
        if colon and name[-1:] and name[-1] in _BLANKS:
            raise Odd
        if colon and name.lower() in found:
            found[name.lower()] = value.strip(_BLANKS)
