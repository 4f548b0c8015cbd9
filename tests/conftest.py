"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from curate.runtime.executors.base import single_threads

single_threads()  # before numpy is imported, as in a worker: steps run in this process too

settings.register_profile(
    "same", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("fuzz", settings.get_profile("same"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Keep what the stages give now as what they must give."
    )


@pytest.fixture(scope="module")
def own_stages() -> Iterator[None]:
    """The stages of `tests/own` are known in this process."""
    from tests import running

    with running.own_stages():
        yield
