"""The process in which pages are parsed: whatever a page does to it, the worker that started it lives on.

It is told a line of JSON (`bytes`, `url`, `date`) and as many bytes of HTML in UTF-8; it tells a line of JSON (`bytes`,
`title`, `author`, `published`, or `error` and `detail`) and as many bytes of text. First of all it tells `{}`, or the
`error` that kept it from starting. A page that takes more processor time than it may ends it with SIGPROF.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import logging
import os
import re
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

FAILED = "extraction failed"
OUT_OF_MEMORY = "out of memory"
TOO_DEEP = "nested too deeply"
ENGINES = {"trafilatura": "curate.formats.trafilatura", "resiliparse": "curate.formats.resiliparse"}
_PR_SET_PDEATHSIG = 1
_LARGE_BYTES = 1 << 20
_LITTLE_MEMORY = 128 << 20  # left when a parser fails: one large allocation is a MemoryError, small ones use it up
_WARM_UP = (
    "<html><head><title>A page</title></head><body><article><p>A page of one sentence.</p></article></body></html>"
)


class Found(NamedTuple):
    """What an engine found on a page. published: a day, as YYYY-MM-DD."""

    text: str
    title: str | None = None
    author: str | None = None
    published: str | None = None


class TooDeep(Exception):
    """The engine's parser gave up on a page for how its elements nest."""


Engine = Callable[[str, str | None, str | None], Found]
"""Of a page's HTML, its URL, and the ISO 8601 date at which it was fetched."""


def main(parent: int, engine: str, seconds: float, memory: int) -> None:
    """Answer until the other end closes. memory: bytes of address space to be had beyond those of a first page."""
    answers = _private_output()
    _die_with(parent)
    try:
        extract = _started(engine, memory)
    except Exception:
        _tell(answers, {"error": traceback.format_exc()})
        return
    _tell(answers, {})
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        page = sys.stdin.buffer.read(asked["bytes"]).decode()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer, text = _answered(extract, page, asked)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _tell(answers, answer, text)
        if len(page) > _LARGE_BYTES:
            _give_back_memory()


def _answered(extract: Engine, page: str, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    try:
        found = extract(page, asked["url"], asked["date"])
    except MemoryError:
        return {"error": OUT_OF_MEMORY}, b""
    except TooDeep:
        return {"error": TOO_DEEP, "detail": "for the parser"}, b""
    except Exception as problem:  # a page's markup makes engines raise whatever there is
        if _address_space("VmPeak") > resource.getrlimit(resource.RLIMIT_AS)[0] - _LITTLE_MEMORY > 0:
            return {"error": OUT_OF_MEMORY}, b""
        message = re.sub(r"0x[0-9a-f]+", "0x...", str(problem)).partition("\n")[0]
        return {"error": FAILED, "detail": f"{type(problem).__name__}: {message[:200]}"}, b""
    told = {name: value for name, value in found._asdict().items() if value and name != "text"}
    return {name: _valid(value).decode() for name, value in told.items()}, _valid(found.text)


def _valid(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _tell(answers: BinaryIO, answer: dict[str, Any], text: bytes = b"") -> None:
    with contextlib.suppress(BrokenPipeError):  # the worker is gone, and this process ends with it
        answers.write(json.dumps({**answer, "bytes": len(text)}).encode() + b"\n" + text)
        answers.flush()


def _started(engine: str, memory: int) -> Engine:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    extract = importlib.import_module(ENGINES[engine]).extract
    extract(_WARM_UP, None, None)
    if sys.platform == "linux":
        most = _address_space("VmSize") + memory
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
    return extract


def _address_space(name: str) -> int:
    """Bytes that this process has, as `VmSize`, or had at most, as `VmPeak`; 0 where no system tells."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(name))
    return 0


def _private_output() -> BinaryIO:
    """Standard output for the answers alone: what a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _give_back_memory() -> None:
    with contextlib.suppress(AttributeError, OSError):  # only the C library of GNU has it
        ctypes.CDLL(None).malloc_trim(0)
