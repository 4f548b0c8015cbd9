"""A stage of the tests: the least that a stage can be, and a place where tests make workers slow, ill or dead.

OWN_SLOW: seconds that each task takes. OWN_DIE: a folder; the first worker at each task leaves a mark there and is
killed. OWN_FAIL: the number of characters of a text at which `apply` raises.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from pydantic import Field

from curate.stage import Stage, StageConfig


class LengthConfig(StageConfig):
    """Count the characters of each text."""

    unit: int = Field(1, ge=1, description="Characters that count as one.")


def adds(config: LengthConfig):
    import pyarrow as pa

    return pa.schema([("length", pa.int64())])


def apply(table, mine, prepared, config: LengthConfig):
    import pyarrow as pa

    texts = table["text"].to_pylist()
    _suffer(texts, table["shard"].to_pylist())
    return pa.table({"length": pa.array([len(text) // config.unit for text in texts], pa.int64())})


def _suffer(texts: list[str], shard: list[int]) -> None:
    time.sleep(float(os.environ.get("OWN_SLOW", "0")))
    if (folder := os.environ.get("OWN_DIE")) and shard:
        mark = Path(folder) / f"died-{shard[0]}"
        if not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
    if (size := os.environ.get("OWN_FAIL")) and int(size) in map(len, texts):
        raise RuntimeError(f"a text has {size} characters")


STAGE = Stage(
    name="length",
    revision=1,
    config=LengthConfig,
    needs=lambda config: ("text",),
    adds=adds,
    apply=apply,
)
