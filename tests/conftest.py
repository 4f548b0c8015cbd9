"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from curate.runtime.executors.base import single_threads

single_threads()  # before numpy is imported, as in a worker: steps run in this process too


@pytest.fixture(scope="module")
def own_stages() -> Iterator[None]:
    """The stages of `tests/own` are known in this process."""
    from curate.cli import worker
    from curate.stages import stages
    from tests.running import OWN

    before = os.environ.get("CURATE_STAGES")
    os.environ["CURATE_STAGES"] = OWN
    stages.cache_clear()
    yield
    if before is None:
        del os.environ["CURATE_STAGES"]
    else:
        os.environ["CURATE_STAGES"] = before
    stages.cache_clear()
    worker.work.cache_clear()
