"""One small corpus for all stages, and executors that start once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from curate.runtime.executors.base import Executor, executor
from tests import material, running
from tests.contract import cases

TEXTS = (*material.fixed(), *material.docstrings()[::8])


@pytest.fixture(scope="module", autouse=True)
def whole_module(own_stages: None) -> None:
    """The tests' own stages make the corpus that all others read."""


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder in memory, where there is one."""
    inside = running.memory()
    base = Path(tempfile.mkdtemp(prefix="curate-", dir=inside))
    yield base
    shutil.rmtree(base)


@pytest.fixture(scope="session")
def prepared(memory: Path) -> Callable[[str], Path]:
    """The folder that a stage starts from: its corpus with the layers it needs; made once, to be copied."""
    base = memory / "base"
    made: dict[tuple[str, ...], Path] = {}

    def give(verb: str) -> Path:
        if not made:
            cases.write_base(base, TEXTS)
            made[()] = base
        before = cases.CASES[verb].before
        if before not in made:
            made[before] = running.copied(base, memory / "-".join(before))
            cases.prepare(made[before], verb)
        return made[before]

    return give


@pytest.fixture
def root(memory: Path) -> Iterator[Callable[[Path], Path]]:
    """Copies of a folder, gone after the test; each at the same depth, under the same name."""
    mine = Path(tempfile.mkdtemp(dir=memory))
    numbers = iter(range(1000))
    yield lambda source: running.copied(source, mine / str(next(numbers)) / "x")
    shutil.rmtree(mine)


@pytest.fixture(scope="session")
def executors() -> Iterator[Callable[[str, int], Executor]]:
    """Executors by name and number of workers."""
    made: dict[tuple[str, int], Executor] = {}

    def give(name: str, workers: int) -> Executor:
        if name == "ray" and os.environ.get("CURATE_REQUIRE_EXTRAS") != "1":
            pytest.importorskip("ray", reason="needs pip install 'curate[ray]'")
        if (name, workers) not in made:
            made[name, workers] = executor(name, workers)
        return made[name, workers]

    yield give
    for item in made.values():
        item.stop()
