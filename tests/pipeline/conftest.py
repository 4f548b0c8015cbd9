"""Folders in memory for tests that make hundreds of trees: there, waiting for a disk costs nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curate.runtime import plan
from tests import running


@pytest.fixture(scope="module", autouse=True)
def short_surveys() -> Iterator[None]:
    """What runs in this process surveys small corpora by several tasks, some of them of several shards."""
    before, plan.SURVEY_LEAST = plan.SURVEY_LEAST, 2500
    yield
    plan.SURVEY_LEAST = before


@pytest.fixture(scope="module")
def fresh() -> Iterator[Callable[[], Path]]:
    """Makes new folders."""
    base = Path(tempfile.mkdtemp(prefix="curate-", dir=running.memory()))
    yield lambda: Path(tempfile.mkdtemp(dir=base))
    shutil.rmtree(base)
