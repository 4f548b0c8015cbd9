"""Whatever happens to a run, the next one ends where an undisturbed one would."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from curate.errors import DataError
from tests import material
from tests.crash import Crash, crashing
from tests.pipeline import small
from tests.running import Stopped, Stopping, copied, difference

pytestmark = pytest.mark.usefixtures("own_stages")

OPTIONS = ("upper", "unit", "few", "where", "carry", "characters", "format")


def finish(root: Path, recipe: small.Recipe, fresh: Callable[[], Path]) -> None:
    """Run to the end; the result must be the undisturbed one, and a run after it must do nothing."""
    small.run(root, recipe)
    assert difference(small.tree(root), small.undisturbed(root, recipe, fresh)) == []
    assert small.executed(small.run(root, recipe)) == [0] * 8


def interrupted(root: Path, recipe: small.Recipe, tasks: int) -> None:
    """Run so many tasks, then stop between two of them."""
    with contextlib.suppress(Stopped):
        small.run(root, recipe, Stopping(tasks))


def crashed(root: Path, recipe: small.Recipe, changes: int) -> None:
    """Run until so many changes have reached the disk, then nothing more."""
    with contextlib.suppress(Crash), crashing(root, changes):
        small.run(root, recipe)


def refused(root: Path, recipe: small.Recipe) -> None:
    """Run until an alarm rings, for what was seen in the pool or, where nothing was, in what was kept of it."""
    with contextlib.suppress(DataError):
        small.run(root, replace(recipe, most=0))


def machine(fresh: Callable[[], Path]) -> type[RuleBasedStateMachine]:
    """Users and accidents, in any order."""

    class Machine(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.root = fresh()
            self.recipe = small.Recipe()
            small.gather(self.root)

        @rule(name=st.sampled_from(OPTIONS))
        def change_option(self, name: str) -> None:
            self.recipe = self.recipe.changed(name)

        @rule(name=st.sampled_from("abcde"), texts=st.lists(st.sampled_from([*small.TEXTS, None, "new"]), max_size=5))
        def write_input(self, name: str, texts: list) -> None:
            material.write_lines(self.root / f"raw/{name}.txt", texts)

        @precondition(lambda self: len(list((self.root / "raw").iterdir())) > 1)
        @rule(number=st.integers(0, 4))
        def remove_input(self, number: int) -> None:
            files = sorted((self.root / "raw").iterdir())
            files[number % len(files)].unlink()

        @rule(number=st.integers(0, 4))
        def touch_input(self, number: int) -> None:
            files = sorted((self.root / "raw").iterdir())
            os.utime(files[number % len(files)])

        @rule(tasks=st.integers(0, 40))
        def interrupt(self, tasks: int) -> None:
            interrupted(self.root, self.recipe, tasks)

        @rule(changes=st.integers(0, 300))
        def crash(self, changes: int) -> None:
            crashed(self.root, self.recipe, changes)

        @rule()
        def refuse(self) -> None:
            refused(self.root, self.recipe)

        @rule(number=st.integers(0, 10_000))
        def lose_a_file(self, number: int) -> None:
            found = sorted(
                path for kind in ("shards/", "index/", "") for path in self.root.glob(f"*/*/*/{kind}*.parquet")
            )
            if found:
                found[number % len(found)].unlink()

        @rule(number=st.integers(0, 10_000), size=st.integers(0, 9))
        def leave_half_a_file(self, number: int, size: int) -> None:
            nobody_writes = [self.root / name for name in ("raw", "pool", "kept")]
            folders = sorted(path for path in self.root.rglob("*/") if path.is_dir() and path not in nobody_writes)
            if folders:
                (folders[number % len(folders)] / ".writing-1-00000-000.parquet").write_bytes(b"PAR1 or so"[:size])

        @rule()
        def lose_power(self) -> None:
            small.lose_power(self.root)

        @rule()
        def run_to_the_end(self) -> None:
            finish(self.root, self.recipe, fresh)

        def teardown(self) -> None:
            if hasattr(self, "root"):
                finish(self.root, self.recipe, fresh)
                shutil.rmtree(self.root)

    return Machine


def test_any_history_ends_in_the_undisturbed_result(fresh):
    most = int(os.environ.get("CURATE_HISTORIES", "12"))
    chosen = settings(
        max_examples=most,
        stateful_step_count=8,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # eight steps can be read as they are, and making them fewer takes minutes
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(machine(fresh), settings=chosen)


def test_stopping_between_any_two_tasks(fresh):
    first = fresh() / "x"
    small.gather(first)
    whole = copied(first, fresh() / "x")
    total = sum(small.executed(small.run(whole, small.Recipe())))
    expected = small.tree(whole)
    for tasks in range(total):
        root = copied(first, fresh() / "x")
        interrupted(root, small.Recipe(), tasks)
        missing = total - tasks - sum(small.executed(small.run(root, small.Recipe())))
        assert missing in (0, 1)  # a report that alone was left is not made
        assert difference(small.tree(root), expected) == [], f"after {tasks} tasks"


@pytest.mark.parametrize("again", [False, True], ids=["a first run", "a run after a change"])
def test_a_crash_at_any_change_of_the_disk(fresh, again):
    """`CURATE_EVERY=1` tries each of them; by default every nineteenth."""
    start = fresh() / "x"
    small.gather(start)
    recipe = small.Recipe()
    if again:
        small.run(start, recipe)
        recipe = recipe.changed("unit")
        material.write_lines(start / "raw/b.txt", small.TEXTS[9:16])
    whole = copied(start, fresh() / "x")
    with crashing(whole, -1) as disk:
        small.run(whole, recipe)
    expected = small.tree(whole)
    every = int(os.environ.get("CURATE_EVERY", "19"))
    for changes in range(0, disk.seen, every):
        root = copied(start, fresh() / "x")
        crashed(root, recipe, changes)
        small.run(root, recipe)
        assert difference(small.tree(root), expected) == [], f"after {changes} changes"
        shutil.rmtree(root)
