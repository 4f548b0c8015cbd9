"""Records of a stream of bytes, a window at a time, however long the stream or a record is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from curate.formats.records import Reject
from curate.formats.streams import Damage, Opened
from curate.kernels.frames import STATE

WINDOW_BYTES = 16 << 20
_MOST_RECORDS = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

CUT_SHORT = "record cut short"


class Frames(NamedTuple):
    """Record i is data[starts[i]:ends[i]] and is at positions[i], in `unit`; `data` is overwritten afterwards."""

    data: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    positions: np.ndarray
    unit: str


@dataclass(frozen=True)
class Framing:
    """How a format's records are told apart.

    kernel: one of `kernels.frames`. after_damage: the first record after a gap is read as any other since a
    bad one would be noticed ("read"), is passed over as part of a record ("skip"), or nothing more is read ("stop").
    counted: positions are numbers of records, not bytes. sequence: see `kernels.frames.elements`.
    """

    kernel: Callable
    after_damage: Literal["read", "skip", "stop"]
    counted: str = ""
    state: tuple[int, ...] = (0,) * STATE


class Framer:
    """Cuts a stream into records of at most `most_bytes`; iterate over `run`."""

    def __init__(self, framing: Framing, opened: Opened, most_bytes: int) -> None:
        self._framing = framing
        self._stream = opened
        self._most = most_bytes
        self._window = np.empty(WINDOW_BYTES, dtype=np.uint8)
        self._offset = opened.begin
        self._end = self._at = 0
        self.count = 0
        self._starts = np.empty(_MOST_RECORDS, dtype=np.int64)
        self._ends = np.empty(_MOST_RECORDS, dtype=np.int64)
        self._skip = False
        self.state = np.array(framing.state, dtype=np.int64)

    @property
    def unit(self) -> str:
        return self._framing.counted or "byte"

    def run(self) -> Iterator[Frames | Reject]:
        """The records, and what gave none. A stream without a byte is one reject."""
        nothing = self._offset == 0
        for block in self._stream.blocks:
            if isinstance(block, Damage):
                nothing = False
                yield from self._cut()
                yield Reject(block.position, "byte", block.reason, block.detail)
                if self._framing.after_damage == "stop":
                    return
                continue
            if nothing and block:
                nothing = False
                if block.startswith(_BYTE_ORDER_MARK):
                    block = block[3:]
                    self._offset = 3
            yield from self._feed(np.frombuffer(block, dtype=np.uint8))
            if self._past_stop():
                return
        if nothing:
            yield Reject(0, "byte", "empty file", "")
        yield from self._drain(final=True)

    def _past_stop(self) -> bool:
        stop = self._stream.stop
        return stop is not None and self._offset + self.state[0] >= stop

    def _feed(self, block: np.ndarray) -> Iterator[Frames | Reject]:
        while len(block):
            size = min(len(block), len(self._window) - self._end)
            self._window[self._end : self._end + size] = block[:size]
            self._end += size
            block = block[size:]
            full = self._end == len(self._window)
            if full or (self._stream.stop is not None and self._offset + self._end >= self._stream.stop):
                yield from self._drain(final=False)
                self._make_room()

    def _drain(self, final: bool) -> Iterator[Frames | Reject]:
        """All records that the window holds to their ends."""
        count = _MOST_RECORDS
        while count == _MOST_RECORDS:
            count, self._at = self._framing.kernel(
                self._window, self._at, self._end, final, self.state, self._starts, self._ends
            )
            yield from self._given(self._starts[:count], self._ends[:count])

    def _given(self, starts: np.ndarray, ends: np.ndarray) -> Iterator[Frames | Reject]:
        positions = starts + self._offset
        if self._stream.stop is not None:
            inside = int(np.searchsorted(positions, self._stream.stop))
            starts, ends, positions = starts[:inside], ends[:inside], positions[:inside]
        if self._framing.counted:
            positions = np.arange(self.count, self.count + len(starts), dtype=np.int64)
        self.count += len(starts)
        if self._skip and len(starts):
            self._skip = False
            yield self._cut_short(int(positions[0]))
            starts, ends, positions = starts[1:], ends[1:], positions[1:]
        long = ends - starts > self._most
        for i in np.flatnonzero(long):
            yield self._too_long(int(positions[i]), int(ends[i] - starts[i]))
        if long.any():
            starts, ends, positions = starts[~long], ends[~long], positions[~long]
        if len(starts):
            yield Frames(self._window, starts, ends, positions, self.unit)

    def _too_long(self, position: int, size: int) -> Reject:
        return Reject(
            position, self.unit, "document too long", f"{size} bytes, more than --max-document-bytes {self._most}"
        )

    def _cut_short(self, position: int) -> Reject:
        return Reject(position, self.unit, CUT_SHORT, "the stream is damaged there")

    def _make_room(self) -> None:
        """Move the record in progress to the front, or forget it when it is too long already."""
        begun = int(self.state[0])
        tail = self._end - begun
        gone = self._end if tail > self._most else begun
        kept = self._end - gone
        size = WINDOW_BYTES
        while size < 2 * kept:
            size *= 2
        size = min(size, max(self._most, kept) + WINDOW_BYTES)
        window = self._window if size == len(self._window) else np.empty(size, dtype=np.uint8)
        window[:kept] = self._window[gone : self._end]
        self._window = window
        self._offset += gone
        self.state[:3] -= gone
        self._at -= gone
        self._end = kept

    def _cut(self) -> Iterator[Frames | Reject]:
        """The stream breaks off here and perhaps goes on elsewhere."""
        reads = self._framing.after_damage == "read"
        yield from self._drain(final=reads)
        begun = int(self.state[0])
        if not reads and begun < self._end and (begun < 0 or self._window[begun : self._end].tobytes().strip()):
            position = self.count if self._framing.counted else self._offset + begun
            self.count += 1
            yield self._cut_short(position)
        self._skip = self._framing.after_damage == "skip"
        self._offset += self._end
        self._end = self._at = 0
        self.state[:] = self._framing.state
