"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from curate.runtime.executors.base import single_threads

single_threads()  # before numpy is imported, as in a worker: steps run in this process too


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
