"""Running commands as the benches do: one thread a process, what they say kept, and their memory watched."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from bench import CURATE, SAMPLE_SECONDS
from memory import measured

from curate.runtime.executors.base import ENVIRONMENT


@dataclass(frozen=True)
class Ran:
    """peak_bytes: the most that all processes held together (PSS)."""

    seconds: float
    peak_bytes: int
    said: str


def watched(words: list[str], status: int = 0, every: float = SAMPLE_SECONDS) -> Ran:
    """Run a command to its end. Ends the bench, saying what the command said, if it ends with another status."""
    with tempfile.TemporaryFile("w+") as output:
        peak = measured(words, every, env={**os.environ, **ENVIRONMENT}, stdout=output, stderr=output)
        output.seek(0)
        said = output.read()
    if peak.status != status:
        raise SystemExit(f"{' '.join(words)} ended with status {peak.status}, not {status}:\n{said[-4000:]}")
    return Ran(peak.seconds, peak.total, said)


def curate(*words: object, status: int = 0, every: float = SAMPLE_SECONDS) -> Ran:
    """The same for `curate`."""
    return watched([str(CURATE), *map(str, words)], status, every)
