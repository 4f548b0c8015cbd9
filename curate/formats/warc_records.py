"""The records of a web archive, plain or packed, up to any damage and after it."""

from __future__ import annotations

import mmap
import re
from collections import deque
from collections.abc import Iterator

from curate.formats.frames import CUT_SHORT
from curate.formats.records import Reject, Source
from curate.formats.streams import Begin, Damage, is_packed, members
from curate.formats.warc_heads import HEAD_BYTES, Head, Record, Rows, record_of

WRONG_LENGTH = "wrong Content-Length"
_START = re.compile(rb"WARC/\d\.\d+\r?\n")
_NEXT = re.compile(rb"\nWARC/\d\.\d+\r?\n[A-Za-z-]+:")
_LENGTH = re.compile("[0-9]{1,18}")
_LONGEST_START = 128
_DROP_BYTES = 32 << 20
_MOST_REREADS = 8
_NEWLINES = re.compile(rb"[\r\n]*")


_Event = bytes | Damage | Begin


def _behind_newlines(data: bytes | mmap.mmap, place: int) -> int:
    found = _NEWLINES.match(data, place)
    return found.end() if found else place


class _Window:
    """The content of a file as far as it is held: data[at:] is what comes next. Ends at damage, and goes on behind it.

    begins: of the members that begin in or behind the record at `at`: the place in the whole content, and in the file.
    over: nothing follows `data` but, perhaps, `damage`.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.at = self._origin = self._kept = self._member = self._rereads = 0
        self._last = self._end = -1
        self.damage: Damage | None = None
        self._begins: deque[tuple[int, int]] = deque()
        self._ahead: _Event | None = None
        self.packed = is_packed(source)
        self.over = not self.packed
        self.data: bytes | mmap.mmap = b""
        self._events: Iterator[_Event] = iter(())
        if self.packed:
            self._events = members(source)
            return
        with open(source.path, "rb") as file:
            if file.seek(0, 2):
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def _next_event(self) -> _Event | None:
        event, self._ahead = self._ahead or next(self._events, None), None
        return event

    def has(self, size: int, of_record: bool = False) -> bool:
        """Whether that many bytes come next; reads as far as that takes.

        of_record: they are of one record, so that those of a member that begins with another are not read.
        """
        have = len(self.data) - self.at
        if have >= size or self.over:
            return have >= size
        if of_record and self.inner(len(self.data)) is not None:
            return False
        parts = [self.data[self.at :]] if have else []
        self._origin += self.at
        self.data, self.at = b"", 0
        begun = other = False
        while have < size and not (self.over or other):
            event = self._next_event()
            if isinstance(event, bytes):
                parts.append(event)
                have += len(event)
                begun, other = False, begun and _START.match(event) is not None
            elif isinstance(event, Begin):
                self._begins.append((self._origin + have, event.position))
                begun = of_record and have > 0
            else:
                self.damage, self.over = event, True
        self.data = parts[0] if len(parts) == 1 else b"".join(parts)
        return have >= size

    def position(self) -> int:
        """Of a record that begins here; every one is larger than the one before."""
        if not self.packed:
            return self.at
        while self._begins and self._begins[0][0] <= self._origin + self.at:
            self._member = self._begins.popleft()[1]
        self._last = max(self._last + 1, self._member)
        return self._last

    def inner(self, end: int) -> int | None:
        """Where, from this place on and before `end`, a member begins with a record; places are of `data`."""
        for content, _ in self._begins:
            place = content - self._origin
            if self.at <= place < min(end, len(self.data)) and _START.match(self.data, place):
                return place
        return None

    def ends(self, place: int) -> bool:
        """Whether at a place, behind newlines, another record begins, or a member, or nothing. It may read on."""
        behind = place - self.at
        while True:
            here = _behind_newlines(self.data, self.at + behind)
            behind = here - self.at
            if here < len(self.data):
                begun = any(place <= content - self._origin <= here for content, _ in self._begins)
                self.has(behind + _LONGEST_START)
                return begun or _START.match(self.data, self.at + behind) is not None
            self._ahead = self._next_event()
            if not isinstance(self._ahead, bytes):
                return True
            place -= self.at
            self.has(behind + 1)
            place += self.at

    def spoilt(self) -> bool:
        """Whether the member that ends next turned out to be damaged, such as by its checksum."""
        damage = self.damage or self._ahead
        return isinstance(damage, Damage) and damage.member == self._member

    def newlines(self) -> None:
        """Pass over the newlines that come next."""
        while self.has(1):
            self.at = _behind_newlines(self.data, self.at)
            if self.at < len(self.data):
                return

    def next_head(self) -> bool:
        """Go to the next place behind this one at which a record begins; False where the stretch ends before."""
        first = self._origin + self.at
        while True:
            found = _NEXT.search(self.data, self.at)
            behind = found.start() + 1 if found else len(self.data)
            member = self.inner(behind)
            if member is not None or found:
                self.at = behind if member is None else member
                return True
            self.at = max(self.at, len(self.data) - _LONGEST_START)
            if not self.has(len(self.data) - self.at + 1):
                self.at = len(self.data)
                return False
            while self._begins and self._begins[0][0] <= first:
                self._member = self._begins.popleft()[1]

    def skip(self, size: int) -> tuple[bool, int | None]:
        """Pass over bytes without holding them; False at a member that begins with a record, and at the end.

        Also where, in the whole content, among them the first record seems to begin.
        """
        first = None
        while size:
            if not self.has(min(size, _LONGEST_START + 1)):
                self._end = self._origin + len(self.data)
                return False, first
            held = len(self.data) - self.at
            step = size if held >= size else held - _LONGEST_START
            place = self.inner(self.at + step)
            found = None if first else _NEXT.search(self.data, self.at, self.at + held if place is None else place)
            if found and found.start() < self.at + step:
                first = self._origin + found.start() + 1
            if place is not None:
                self.at = place
                return False, first
            self.at += step
            size -= step
        return True, first

    def holds(self, size: int) -> bool:
        """Whether that many bytes may come next, for all that is known of the end."""
        here = self._origin + self.at
        return not here < self._end < here + size

    def back_to(self, place: int) -> None:
        """Go back to a place in the whole content; a packed file is read again up to there, but not often."""
        if not self.packed:
            self.at = place
            return
        self._rereads += 1
        if self._rereads > _MOST_REREADS:
            return
        self._events, self._ahead, self.damage, self.over, passed = members(self._source), None, None, False, 0
        self._begins.clear()
        for event in self._events:
            if isinstance(event, Begin):
                self._begins.append((passed, event.position))
            elif isinstance(event, bytes):
                passed += len(event)
                if passed > place:
                    self.data, self._origin = event, passed - len(event)
                    self.at = place - self._origin
                    return

    def after_damage(self) -> None:
        """Go on behind the damage."""
        self._origin += len(self.data)
        self.data, self.at, self.over, self.damage = b"", 0, False, None

    def forget(self) -> None:
        """Give back the part of a mapped file that was passed."""
        if isinstance(self.data, mmap.mmap) and self.at - self._kept >= _DROP_BYTES:
            end = self.at // mmap.PAGESIZE * mmap.PAGESIZE
            self.data.madvise(mmap.MADV_DONTNEED, self._kept, end - self._kept)
            self._kept = end


def records(source: Source, most_bytes: int) -> Iterator[Record | Reject]:
    """The records that begin in a source's range, and what is none. Raises OSError for a file that cannot be opened.

    Everything before the range is walked through too, heads only, so that no cut changes what is a record. A record is
    let go of before the next is read.
    """
    if source.start and is_packed(source):
        return
    window = _Window(source)
    if not window.has(1) and not window.damage:
        yield Reject(0, "byte", "empty file", "")
        return
    stop = float("inf") if source.end is None or window.packed else source.end
    for item in _walk(window, most_bytes):
        if item.position >= stop:
            return
        if item.position >= source.start:
            yield item
        del item
        window.forget()


def _walk(window: _Window, most_bytes: int) -> Iterator[Record | Reject]:
    found_again = False
    rows = None if window.packed else Rows(window.data, most_bytes)
    while True:
        if rows:
            for behind, item in rows.following(window.at):
                window.at = behind
                yield item
                del item
        window.newlines()
        if window.has(1):
            item = _record(window, most_bytes)
            if item:
                yield item
            else:
                if not found_again:
                    yield _no_record(window)
                window.next_head()
            item, found_again = None, False
            continue
        if window.damage is None:
            return
        yield Reject(window.damage.position, "byte", window.damage.reason, window.damage.detail)
        window.after_damage()
        found_again = True


def _no_record(window: _Window) -> Reject:
    head = bytes(window.data[window.at : window.at + 24])
    position = window.position()
    if head.startswith((b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")):
        name = "gzip" if head[:1] == b"\x1f" else "zstd"
        return Reject(position, "byte", f"{name} inside gzip or zstd", "it is packed twice; unpack the file once")
    return Reject(position, "byte", "not a WARC record", repr(head))


def _record(window: _Window, most_bytes: int) -> Record | Reject | None:
    """The record that begins here, and go behind it; None, and stay, where none does.

    Where it makes no sense, go to where the next begins.
    """
    window.has(_LONGEST_START)
    if not (found := _START.match(window.data, window.at)):
        return None
    begin, head = _head(window, found[0].endswith(b"\r\n"))
    length = head.get(b"content-length") if head else None
    position = window.position()
    if head is None or length is None or not _LENGTH.fullmatch(length):
        ended = window.over and head is None
        window.next_head()
        if ended:
            return Reject(position, "byte", CUT_SHORT, "it ends within its WARC head")
        return Reject(position, "byte", "damaged WARC head", f"its Content-Length is {length or None}")
    size = int(length)
    if size > most_bytes and (window.packed or window.at + begin + size <= len(window.data)):
        record = record_of(position, head, b"", 0, size)
        window.at += begin
        if not window.holds(size):
            return _wrong_length(window, position, size)
        whole, within = window.skip(size)
        if whole and window.ends(window.at):
            return record
        if within is not None:
            window.back_to(within)
        return _wrong_length(window, position, size)
    whole = window.has(begin + size, of_record=True)
    block = window.at + begin
    record = record_of(position, head, window.data, block, block + size)
    if whole and window.inner(block + size) is None and window.ends(window.at + begin + size):
        window.at += begin + size
        if window.spoilt():
            return Reject(position, "byte", "damaged record", "the member that it is in is damaged")
        return record
    window.at += begin
    return _wrong_length(window, position, size)


def _wrong_length(window: _Window, position: int, size: int) -> Reject:
    """Go to the next record, from within one whose block does not end where its head says."""
    held = len(window.data) - window.at
    found = _START.match(window.data, window.at) or window.next_head()
    if held < size and not found and (window.damage or not window.packed):
        return Reject(position, "byte", CUT_SHORT, f"{size} bytes by its head, {held} are there")
    detail = f"{size} bytes by its head, and neither a record nor the end is behind them"
    return Reject(position, "byte", WRONG_LENGTH, detail)


def _head(window: _Window, crlf: bool) -> tuple[int, Head | None]:
    """The bytes of the head that begins here, and the head; None if none ends within HEAD_BYTES."""
    blank = b"\r\n\r\n" if crlf else b"\n\n"
    found = window.data.find(blank, window.at, window.at + HEAD_BYTES)
    if found < 0:
        window.has(HEAD_BYTES)
        found = window.data.find(blank, window.at, window.at + HEAD_BYTES)
    if found < 0:
        return 0, None
    end = found + len(blank)
    return end - window.at, Head(window.data[window.at : end])
