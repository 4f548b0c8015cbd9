"""Columns to JSON: strings, bytes, lists and objects, each as one text a row."""

from __future__ import annotations

import numpy as np

from curate.kernels import njit
from curate.kernels.json_strings import quote, special_count
from curate.kernels.scan import copy

_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8)
_NULL = np.frombuffer(b"null", dtype=np.uint8)


@njit(nogil=True, cache=True)
def quoted_bytes(offsets, data):
    """At most how many bytes `quote_all` writes."""
    count = len(offsets) - 1
    start, end = offsets[0], offsets[count]
    return end - start + 5 * special_count(data, start, end) + 2 * count


@njit(nogil=True, cache=True)
def quote_all(offsets, data, out_offsets, out):
    """Write each text as a JSON string: out_offsets (n + 1,) int64, out uint8."""
    to = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        to = quote(data, offsets[i], offsets[i + 1], out, to)
        out_offsets[i + 1] = to


@njit(nogil=True, cache=True)
def base64(offsets, data, out_offsets, out):
    """Write each value in Base64 (RFC 4648, section 4), padded: 4 bytes for every 3 begun."""
    to = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        end = offsets[i + 1]
        for at in range(offsets[i], end, 3):
            group = np.int64(data[at]) << 16
            if at + 1 < end:
                group |= np.int64(data[at + 1]) << 8
            if at + 2 < end:
                group |= np.int64(data[at + 2])
            out[to] = _ALPHABET[group >> 18]
            out[to + 1] = _ALPHABET[group >> 12 & 63]
            out[to + 2] = _ALPHABET[group >> 6 & 63] if at + 1 < end else 61
            out[to + 3] = _ALPHABET[group & 63] if at + 2 < end else 61
            to += 4
        out_offsets[i + 1] = to


@njit(nogil=True, cache=True)
def lists(list_offsets, valid, values, out_offsets, out):
    """Write row i as the list of values list_offsets[i] to list_offsets[i + 1] (a `Strings` of JSON), or null."""
    to = 0
    out_offsets[0] = 0
    for i in range(len(valid)):
        if valid[i]:
            out[to] = 91
            to += 1
            for k in range(list_offsets[i], list_offsets[i + 1]):
                if k > list_offsets[i]:
                    out[to] = 44
                    to += 1
                to = copy(values.data, values.offsets[k], values.offsets[k + 1], out, to)
            out[to] = 93
            to += 1
        else:
            to = copy(_NULL, 0, 4, out, to)
        out_offsets[i + 1] = to


@njit(nogil=True, cache=True)
def objects(names, values, present, valid, out_offsets, out):
    """Write row i as the object of names[c]: values[c * rows + i] for every c with present[c, i], or null.

    names: a `Strings` of JSON strings, each with its colon. values: a `Strings` of JSON, column after column.
    """
    to = 0
    out_offsets[0] = 0
    rows = len(valid)
    for i in range(rows):
        if valid[i]:
            out[to] = 123
            to += 1
            first = True
            for column in range(len(present)):
                if not present[column, i]:
                    continue
                if not first:
                    out[to] = 44
                    to += 1
                first = False
                to = copy(names.data, names.offsets[column], names.offsets[column + 1], out, to)
                k = column * rows + i
                to = copy(values.data, values.offsets[k], values.offsets[k + 1], out, to)
            out[to] = 125
            to += 1
        else:
            to = copy(_NULL, 0, 4, out, to)
        out_offsets[i + 1] = to
