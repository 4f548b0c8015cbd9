"""The main text of HTML pages, by an engine in a process of its own, behind guards.

What can be told from the bytes alone is told first, and so is the same everywhere: a page that is too large, has too
many elements, nests them too deeply or gives one too many attributes is never parsed. The engine's process then has
SECONDS of processor time and MEMORY bytes for each page; one that needs more, or that crashes the parser, is a reject
too, tried again only where the process had pages before, which may have left it little memory.

Pages go one at a time: a worker and its extractor never compute at once, so that they take one core together, and it is
always known which page did it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np

from curate.errors import CurateError
from curate.formats.extraction_child import OUT_OF_MEMORY
from curate.kernels import html as kernels

MOST_BYTES = 16_000_000
MOST_ELEMENTS = 200_000
MOST_DEPTH = 1_000
MOST_ATTRIBUTES = 5_000
SECONDS = 30.0
MEMORY = 512 << 20

_PROGRAM = """import sys
sys.path[:] = {path!r}
from curate.formats.extraction_child import main
main({parent}, {engine!r}, {seconds}, {memory})"""


class Failure(NamedTuple):
    """Why a page gave no text."""

    reason: str
    detail: str


class Extracted(NamedTuple):
    """text: UTF-8, perhaps empty. about: of `title`, `author` and `published` those that the page tells."""

    text: bytes
    about: dict[str, str]


def refused(page: bytes) -> Failure | None:
    """Why a page is not to be parsed, if so. page: UTF-8."""
    if len(page) > MOST_BYTES:
        return Failure("page too long", f"{len(page)} bytes, more than {MOST_BYTES}")
    found = np.empty(3, dtype=np.int64)
    kernels.measure(np.frombuffer(page, dtype=np.uint8), MOST_DEPTH, found)
    elements, depth, attributes = found.tolist()
    if depth > MOST_DEPTH:
        return Failure("nested too deeply", f"more than {MOST_DEPTH} elements within one another")
    if elements > MOST_ELEMENTS:
        return Failure("too many elements", f"{elements}, more than {MOST_ELEMENTS}")
    if attributes > MOST_ATTRIBUTES:
        return Failure("too many attributes", f"{attributes} of one element, more than {MOST_ATTRIBUTES}")
    return None


class Extractor:
    """An engine's process, started with the first page and again when a page has ended it."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._process: subprocess.Popen[bytes] | None = None

    def extract(self, page: bytes, url: str | None, date: str | None) -> Extracted | Failure:
        """The main text of a page in UTF-8. Raises CurateError when the process cannot start."""
        failure = refused(page)
        if failure:
            return failure
        fresh = self._process is None
        found = self._asked(page, url, date)
        if self._process is None and not fresh and found[0] != "timeout":
            found = self._asked(page, url, date)
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    def _asked(self, page: bytes, url: str | None, date: str | None) -> Extracted | Failure:
        """What the process says of a page; it is ended unless that is a text or an exception of the engine's."""
        process = self._process = self._process or self._start()
        asked = json.dumps({"bytes": len(page), "url": url, "date": date}).encode() + b"\n"
        answer, text = _exchange(process, asked, page)
        if answer is None:
            return self._died()
        if "error" not in answer:
            return Extracted(text, answer)
        if answer["error"] == OUT_OF_MEMORY:
            self.close()
            return Failure(OUT_OF_MEMORY, f"more than {MEMORY >> 20} MiB")
        return Failure(answer["error"], answer["detail"])

    def _died(self) -> Failure:
        process, self._process = self._process, None
        assert process
        process.communicate()
        status = process.returncode
        if status == -signal.SIGPROF:
            return Failure("timeout", f"more than {SECONDS:g} seconds of processor time")
        how = f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"exit status {status}"
        return Failure("extractor died", how)

    def _start(self) -> subprocess.Popen[bytes]:
        program = _PROGRAM.format(
            path=sys.path, parent=os.getpid(), engine=self._engine, seconds=SECONDS, memory=MEMORY
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        greeting, _ = _exchange(process)
        if greeting is None or "error" in greeting:
            process.kill()
            process.communicate()
            told = greeting["error"] if greeting else f"it ended with status {process.returncode}"
            raise CurateError(f"the extractor {self._engine} cannot start: {told}")
        return process


def _exchange(process: subprocess.Popen[bytes], *parts: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """Send, and read an answer; None if the process ended before it was whole."""
    assert process.stdin and process.stdout
    try:
        for part in parts:
            process.stdin.write(part)
        process.stdin.flush()
        line = process.stdout.readline()
        if not line.endswith(b"\n"):
            return None, b""
        answer = json.loads(line)
        size = answer.pop("bytes")
        text = process.stdout.read(size)
    except BrokenPipeError:
        return None, b""
    return (answer, text) if len(text) == size else (None, b"")


_running: dict[tuple[int, str], Extractor] = {}


def extractor(engine: str) -> Extractor:
    """This process's own; it ends with it."""
    key = (os.getpid(), engine)
    if key not in _running:
        _running[key] = Extractor(engine)
        atexit.register(_running[key].close)
    return _running[key]
