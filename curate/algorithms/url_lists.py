"""Block and allow lists of web addresses: files with a domain or the beginning of an address a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import DataError
from curate.kernels import arrow, url_lists
from curate.storage.sources import listing

_WRITE = "write a domain or the beginning of an address a line"
_PATTERN = r"^([A-Za-z]+://)?[^/?]*[|^*]"


@dataclass(frozen=True)
class UrlList:
    """Entries behind one another, and the table that finds them. Twice the bytes of the files, and 16 an entry."""

    offsets: np.ndarray
    entries: np.ndarray
    slots: np.ndarray

    def holds(self, addresses: arrow.Array) -> np.ndarray:
        """Which addresses are on the list: bool, shape (n,). Null ones are not."""
        values = arrow.strings(addresses)
        listed = np.empty(len(values), dtype=np.bool_)
        url_lists.mark_listed(values.offsets, values.data, self.offsets, self.entries, self.slots, listed)
        return listed


def read(paths: Sequence[str]) -> UrlList:
    """The list that some files make together.

    paths: files, folders or globs. A line is a domain (`example.com` or `*.example.com`), which covers its subdomains,
    or the beginning of an address (`example.com/forum`, `https://example.com/a?b=c`), which covers what lies below it
    there; scheme and fragment do not count. Empty lines and those that begin with `#` say nothing. Raises DataError for
    a line that is no address or a pattern of another kind, and for lists without any. Five times the bytes of the files
    while it reads.
    """
    lines = pa.concat_arrays([_lines(file.path) for file in listing(paths)])
    values = arrow.strings(lines)
    offsets, entries = np.empty(len(values) + 1, dtype=np.int64), np.empty(len(values.data), dtype=np.uint8)
    url_lists.reduce_entries(values.offsets, values.data, offsets, entries)
    if bare := np.flatnonzero(np.diff(offsets) == 0).tolist():
        raise DataError(f"{', '.join(paths)}: '{_shown(lines[bare[0]])}' has no host; {_WRITE}")
    if not len(values):
        raise DataError(f"{', '.join(paths)}: no address there; {_WRITE}")
    slots = np.empty(1 << (2 * len(values)).bit_length(), dtype=np.int32)
    url_lists.index_entries(offsets, entries, slots)
    return UrlList(offsets, entries, slots)


def _lines(path: str) -> pa.Array:
    """The lines that say something, as large_string. Raises DataError for one with a space or a pattern inside."""
    with open(path, "rb") as file:
        content = pa.array([file.read().removeprefix(b"\xef\xbb\xbf")], pa.large_binary())
    split = pc.split_pattern(content.cast(pa.large_string(), safe=False), "\n").flatten()
    lines = pc.ascii_trim_whitespace(split)
    said = pc.and_(pc.greater(pc.binary_length(lines), 0), pc.invert(pc.starts_with(lines, "#")))
    odd = pc.and_(said, pc.or_(pc.match_substring(lines, " "), pc.match_substring(lines, "\t")))
    at = pc.index(odd, True).as_py()
    if at >= 0:
        raise DataError(f"{path}: line {at + 1} '{_shown(lines[at])}' has a space; {_WRITE}")
    lines = pc.replace_substring_regex(lines.filter(said), r"^\*\.", "")
    at = pc.index(pc.match_substring_regex(lines, _PATTERN), True).as_py()
    if at >= 0:
        raise DataError(f"{path}: '{_shown(lines[at])}' is a pattern, and none is understood but '*.'; {_WRITE}")
    return lines


def _shown(line: pa.Scalar) -> str:
    return line.cast(pa.large_binary()).as_py()[:80].decode(errors="replace")
