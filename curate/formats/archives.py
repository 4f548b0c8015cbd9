"""Files that hold files: tar and zip archives, whose members are read as files of their names are.

A member's place is ARCHIVE#MEMBER; # and % in a member's name are written as %23 and %25. A name that comes again has
#@ and the byte behind it at which that member begins.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from curate.errors import UsageError
from curate.formats import format_of, kind_of_name
from curate.formats.fields import Fields
from curate.formats.pieces import Piece, rejected
from curate.formats.records import Format, Reject, Settings, Source

MOST_DEPTH = 4
MOST_EXPANSION = 200
CUT_SHORT = "member cut short"


@dataclass(frozen=True)
class Member:
    """A file in an archive. position: the byte of the archive, unpacked, at which it begins.

    content: its bytes, to be gone through once and before the next member. Raises MemberError where it is damaged.
    """

    name: str
    position: int
    content: Callable[[], Iterator[bytes]]


class MemberError(Exception):
    """A member cannot be read, or not to its end: a reason, in few words, and a detail."""

    @property
    def reason(self) -> str:
        return self.args[0]

    @property
    def detail(self) -> str:
        return self.args[1]


def read_members(
    source: Source, fields: Fields, settings: Settings, members: Iterator[Member | Reject]
) -> Iterator[Piece]:
    """The documents of all members.

    A member that several documents may be in is put in a temporary file of at most MOST_EXPANSION times the
    archive's bytes, others of `most_bytes`. The names of all members are remembered by 8 bytes each.
    """
    if source.depth >= MOST_DEPTH:
        detail = f"archives within archives, more than {MOST_DEPTH} deep"
        yield rejected([Reject(0, "byte", "nested too deep", detail)], fields)
        return
    skipped: Counter[str] = Counter()
    seen: set[int] = set()
    empty = True
    with tempfile.NamedTemporaryFile() as spool:
        for member in members:
            empty = False
            if isinstance(member, Reject):
                yield rejected([member], fields)
                continue
            file_format = _format(member.name)
            if file_format is None:
                skipped[f"members left out: {kind_of_name(member.name)}"] += 1
                continue
            problem = _unpack(member, file_format, source, settings, spool)
            if problem:
                detail = f"{member.name}: {problem.detail}"
                yield rejected([Reject(member.position, "byte", problem.reason, detail)], fields)
                continue
            place = _place(member, seen)
            for piece in file_format.read(Source(spool.name, depth=source.depth + 1), fields, settings):
                inner = f"{place}#{piece.member}" if piece.member else place
                yield replace(piece, member=inner, many=piece.many if piece.member else file_format.many)
    if empty:
        yield rejected([Reject(0, "byte", "empty archive", "")], fields)
    yield replace(rejected([], fields), counts=dict(skipped))


def _format(name: str) -> Format | None:
    """The format of a member; None for what no reader reads, and for what a file system hides."""
    parts = name.split("/")
    if any(part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in parts):
        return None
    try:
        return format_of(name)
    except UsageError:
        return None


def _place(member: Member, seen: set[int]) -> str:
    from curate.formats.documents import place_prefix

    place = place_prefix(member.name)
    key = hash_of(place)
    if key in seen:
        return f"{place}#@{member.position}"
    seen.add(key)
    return place


def hash_of(name: str) -> int:
    """64 bits of a name, the same in every process."""
    import hashlib

    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _unpack(member: Member, file_format: Format, source: Source, settings: Settings, spool: Any) -> MemberError | None:
    """Put a member into the temporary file, or say why it is not there."""
    single = not file_format.many and settings.split == "none"
    most = settings.most_bytes if single else MOST_EXPANSION * max(os.path.getsize(source.path), settings.most_bytes)
    spool.seek(0)
    spool.truncate()
    size = 0
    try:
        for block in member.content():
            size += len(block)
            if size > most and single:
                return MemberError("document too long", f"more than --max-document-bytes {most}")
            if size > most:
                return MemberError("decompression bomb", f"more than {most} bytes")
            spool.write(block)
    except MemberError as problem:
        return problem
    spool.flush()
    return None
