"""What a stage's file says of itself."""

import pytest

from curate import stages
from curate.runtime.executors.base import Task, executor


def test_rooms_are_what_functions_import():
    rooms = stages.rooms(stages.load("dedup"))
    assert {"curate.algorithms.dedup", "curate.algorithms.dedup_verify", "curate.algorithms.dedup_pairs"} <= set(rooms)
    assert not [room for room in rooms if not room.startswith(("curate.algorithms.", "curate.formats."))]


def loaded(plan: str, index: int) -> dict:
    import sys

    return {"modules": [name for name in sys.modules if name.startswith("curate.algorithms.")]}


@pytest.mark.parametrize("steps", [["dedup"], ["rules", "verdict"]])
def test_workers_are_forked_with_the_rooms_of_their_steps(steps):
    made = executor("local", 1, f"{__name__}:loaded", "curate.cli.worker:warm", steps)
    try:
        (outcome,) = made.run([Task("", 0, "what is loaded")])
    finally:
        made.stop()
    wanted = {room for step in steps for room in stages.rooms(stages.load(step))}
    assert wanted <= set(outcome.result["modules"])
    assert "curate.algorithms.embed" not in outcome.result["modules"]
