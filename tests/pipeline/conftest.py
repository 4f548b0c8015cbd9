"""Folders in memory for tests that make hundreds of trees: there, waiting for a disk costs nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def fresh() -> Iterator[Callable[[], Path]]:
    """Makes new folders."""
    inside = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 200 << 20 else None
    base = Path(tempfile.mkdtemp(prefix="curate-", dir=inside))
    yield lambda: Path(tempfile.mkdtemp(dir=base))
    shutil.rmtree(base)
