"""The contract of executors, over all of them, with real processes that really die."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from curate.errors import CurateError, UsageError
from curate.runtime.executors.base import ENVIRONMENT, Outcome, Task, executor

HERE = str(Path(__file__).parent)
FUNCTION = "executor_tasks:run"
SUPERVISED = ("local", "ray")

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module", autouse=True)
def tasks_importable():
    sys.path.insert(0, HERE)
    before = dict(os.environ)
    yield
    sys.path.remove(HERE)
    os.environ.clear()
    os.environ.update(before)


def need(name: str) -> None:
    """Skip, visibly, what needs an extra that is not installed; where that is promised it is an error."""
    if name == "ray" and os.environ.get("CURATE_REQUIRE_EXTRAS") != "1":
        pytest.importorskip("ray", reason="needs pip install 'curate[ray]'")


def opened(names):
    @pytest.fixture(scope="module", params=names)
    def fixture(request):
        need(request.param)
        made = executor(request.param, 2, FUNCTION)
        made.start()
        yield made
        made.stop()

    return fixture


every = opened(("inline", *SUPERVISED))
supervised = opened(SUPERVISED)


@pytest.fixture
def local():
    made = executor("local", 2, FUNCTION)
    yield made
    made.stop()


def tasks(plan: str, indexes=(1,)) -> list[Task]:
    return [Task(plan, index, f"{plan} {index}") for index in indexes]


def run(made, *given: Task) -> dict[Task, Outcome]:
    outcomes = list(made.run(given))
    assert len(outcomes) == len(given)
    return {outcome.task: outcome for outcome in outcomes}


def run_at_once(made, given: list[Task], at_once: int) -> dict[Task, Outcome]:
    return {outcome.task: outcome for outcome in made.run(given, at_once)}


def only(made, plan: str, index: int = 1) -> Outcome:
    return run(made, *tasks(plan, [index])).popitem()[1]


def appeared(folder: Path, seconds: float = 20) -> int:
    """The process whose id is the name of a file in the folder."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for path in folder.glob("[0-9]*"):
            return int(path.name)
        time.sleep(0.01)
    raise AssertionError("the task did not begin")


def gone(process: int, seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return True
    return False


class TestEvery:
    def test_gives_one_outcome_for_each_task(self, every):
        given = [*tasks("double", range(9)), *tasks("nap", (3, 2, 1))]
        outcomes = run(every, *given)
        assert all(outcomes[task].status == "done" and not outcomes[task].error for task in given)
        assert [outcomes[task].result for task in given[:9]] == [{"twice": 2 * i, "pair": [i, None]} for i in range(9)]
        assert outcomes[given[9]].seconds >= 0.03

    def test_no_tasks(self, every):
        assert list(every.run([])) == []

    @pytest.mark.parametrize("at_once", [1, 2, 9])
    def test_at_most_so_many_tasks_run_at_once(self, every, tmp_path, at_once):
        outcomes = list(every.run(tasks(f"together {tmp_path}", range(6)), at_once))
        assert [outcome.status for outcome in outcomes] == 6 * ["done"]
        assert max(outcome.result["together"] for outcome in outcomes) <= min(at_once, 2)

    @pytest.mark.parametrize(
        ("plan", "kind", "error"),
        [
            ("bad_usage", "usage", "documents: row 1: no text"),
            ("bad_data", "data", "rejects: 7 of 9"),
            ("incomplete", "bug", "some are left"),
        ],
    )
    def test_errors_of_ours_are_their_message(self, every, plan, kind, error):
        outcome = only(every, plan)
        assert (outcome.status, outcome.kind, outcome.error) == ("failed", kind, error)

    @pytest.mark.parametrize(
        ("plan", "error"),
        [("bug", "KeyError: 'oh'"), ("leave", "SystemExit: 5"), ("not_json", "TypeError: Object of type")],
    )
    def test_any_other_error_is_its_traceback(self, every, plan, error):
        outcome = only(every, plan)
        assert (outcome.status, outcome.kind) == ("failed", "bug")
        assert outcome.error.startswith("Traceback") and error in outcome.error

    def test_a_huge_error_is_shortened(self, every):
        outcome = only(every, "huge_error")
        assert outcome.status == "failed" and len(outcome.error) < 30_000
        assert outcome.error.endswith(" end") and "characters left out" in outcome.error

    def test_tasks_may_print(self, every):
        assert only(every, "talk").status == "done"

    def test_thread_pools_are_at_one(self, every):
        found = only(every, "surroundings").result
        assert found["environment"] == ENVIRONMENT
        assert found["arrow"] == [1, 1]

    def test_failures_leave_other_tasks_alone(self, every):
        given = [*tasks("bug"), *tasks("double", range(3)), *tasks("bad_data")]
        assert [run(every, *given)[task].status for task in given] == ["failed", "done", "done", "done", "failed"]


class TestSupervised:
    def test_a_task_that_kills_its_worker_twice_died(self, supervised, tmp_path):
        given = [*tasks(f"die {tmp_path}"), *tasks("nap", range(6))]
        outcomes = run(supervised, *given)
        assert [outcomes[task].status for task in given] == ["died"] + 6 * ["done"]
        assert "killed" in outcomes[given[0]].error and "out of memory" in outcomes[given[0]].error
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_task_whose_worker_is_killed_once_is_done_elsewhere(self, supervised, tmp_path):
        given = tasks(f"die_once {tmp_path}", range(3))
        assert {outcome.status for outcome in run(supervised, *given).values()} == {"done"}
        assert len(list(tmp_path.iterdir())) == 3

    @linux
    def test_closing_ends_what_is_running(self, supervised, tmp_path):
        outcomes = supervised.run([*tasks("double"), *tasks(f"hang {tmp_path}")])
        assert next(outcomes).status == "done"
        process = appeared(tmp_path)
        begun = time.monotonic()
        outcomes.close()
        assert gone(process) and time.monotonic() - begun < 3
        assert only(supervised, "double").status == "done"

    def test_nothing_to_import(self, supervised):
        name = type(supervised).__name__.removesuffix("Executor").lower()
        made = executor(name, 1, "no_such_module:run")
        with pytest.raises(CurateError, match=r"workers cannot import no_such_module:run(.|\n)*ModuleNotFoundError"):
            list(made.run(tasks("double")))
        made.stop()


def test_inline_cannot_import():
    with pytest.raises(CurateError, match="workers cannot import executor_tasks:absent"):
        list(executor("inline", 1, "executor_tasks:absent").run(tasks("double")))


class TestLocal:
    def test_workers_persist_over_runs_and_are_as_many_as_needed(self, local):
        first = {outcome.result["process"] for outcome in local.run(tasks("who", range(20)))}
        again = {outcome.result["process"] for outcome in local.run(tasks("who", range(20)))}
        assert again <= first and len(first) <= 2 and os.getpid() not in first
        alone = executor("local", 8, FUNCTION)
        assert [outcome.status for outcome in alone.run(tasks("double"))] == ["done"]
        assert len(alone._pool._workers) == 1
        alone.stop()

    def test_fewer_at_once_are_new_workers_and_no_more_of_them(self, local, tmp_path):
        first = {outcome.result["process"] for outcome in local.run(tasks(f"together {tmp_path}", range(6)))}
        alone = {outcome.result["process"] for outcome in local.run(tasks("who", range(6)), 1)}
        assert len(alone) == 1 and not alone & first and len(local._pool._workers) == 1
        assert all(gone(process, 1) for process in first)
        outcomes = list(local.run(tasks(f"together {tmp_path}", range(6)), 2))
        assert max(outcome.result["together"] for outcome in outcomes) == 2

    @linux
    def test_workers_give_back_what_they_freed_after_a_run_and_where_memory_is_short_after_each_task(self):
        given = [*tasks("hold 200"), *tasks("held")]
        alone = executor("local", 1, FUNCTION)
        try:
            kept = run(alone, *given)[given[1]].result["bytes"] - (100 << 20)
            assert run_at_once(alone, given, 1)[given[1]].result["bytes"] < kept
            list(alone.run(given[:1]))
            assert run(alone, given[1])[given[1]].result["bytes"] < kept
        finally:
            alone.stop()

    def test_stop_ends_workers_and_can_be_repeated(self, local):
        worker = only(local, "who").result
        local.stop()
        local.stop()
        assert gone(worker["process"], 1) and gone(worker["parent"], 1)
        assert only(local, "who").result["process"] != worker["process"]

    def test_stop_before_anything_ran(self, local):
        local.stop()
        local.start()
        begun = time.monotonic()
        local.stop()
        assert time.monotonic() - begun < 1

    def test_standard_output_is_left_alone(self, local, capfd):
        assert only(local, "talk").status == "done"
        out, err = capfd.readouterr()
        assert out == "" and "straight to the descriptor" in err

    def test_workers_have_what_they_need_and_no_more(self, local):
        assert only(local, "surroundings").result["modules"] == ["numba"]

    @linux
    def test_the_forkserver_has_one_thread(self, local):
        assert only(local, "threads_of_parent").result == {"threads": 1}

    def test_exit_status_is_told(self, local):
        outcome = only(local, "leave_at_once")
        assert (outcome.status, outcome.error, outcome.kind) == ("died", "its worker exited with status 7", "bug")

    @pytest.mark.parametrize("delay", [0, 20, 60, 120])
    def test_a_worker_that_dies_while_answering(self, local, delay):
        assert only(local, "die_while_answering", delay).status in ("done", "died")
        assert only(local, "double").status == "done"

    @linux
    def test_a_child_left_behind_does_not_hide_a_death(self, local, tmp_path):
        begun = time.monotonic()
        assert only(local, f"die_leaving_a_child {tmp_path}").status == "died"
        assert time.monotonic() - begun < 10
        for path in tmp_path.iterdir():
            os.kill(int(path.name.removeprefix("child-")), signal.SIGKILL)

    def test_a_stopped_worker_that_is_killed(self, local, tmp_path):
        def kill_stopped():
            for _ in range(2):
                process = appeared(tmp_path)
                (tmp_path / str(process)).unlink()
                time.sleep(0.1)
                os.kill(process, signal.SIGKILL)

        killer = threading.Thread(target=kill_stopped)
        killer.start()
        given = [*tasks(f"stop_oneself {tmp_path}"), *tasks("nap", range(5))]
        outcomes = run(local, *given)
        killer.join()
        assert [outcomes[task].status for task in given] == ["died"] + 5 * ["done"]

    def test_a_worker_killed_while_idle(self, local):
        os.kill(only(local, "who").result["process"], signal.SIGKILL)
        assert {outcome.status for outcome in run(local, *tasks("nap", range(4))).values()} == {"done"}

    def test_a_forkserver_that_is_killed_is_replaced(self, local, tmp_path):
        given = [*tasks(f"kill_parent_once {tmp_path}"), *tasks("nap", range(5))]
        assert {outcome.status for outcome in run(local, *given).values()} == {"done"}

    def test_an_exception_of_the_consumer_ends_what_is_running(self, local, tmp_path):
        outcomes = local.run([*tasks("double"), *tasks(f"hang {tmp_path}")])
        with pytest.raises(ZeroDivisionError), contextlib.closing(outcomes):
            next(outcomes)
            process = appeared(tmp_path)
            raise ZeroDivisionError
        assert gone(process, 1)


def coordinator(name: str, folder: Path, tmp_path: Path) -> subprocess.Popen:
    """A process of its own, in its own group, that runs two tasks which hang."""
    script = tmp_path / "coordinator.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {HERE!r})\n"
        "from curate.runtime.executors.base import Task, executor\n"
        f"made = executor({name!r}, 2, {FUNCTION!r})\n"
        "made.start()\n"
        "try:\n"
        f"    list(made.run([Task('hang {folder}', index, 'hang') for index in range(2)]))\n"
        "except KeyboardInterrupt:\n"
        "    made.stop()\n"
        "    sys.exit(130)\n"
    )
    environment = {**os.environ, "EXECUTOR_TEST": str(tmp_path)}
    return subprocess.Popen([sys.executable, str(script)], env=environment, start_new_session=True)


def descendants(tmp_path: Path) -> list[int]:
    """Processes that were started with the mark of this test in their environment."""
    mark = f"EXECUTOR_TEST={tmp_path}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def all_gone(tmp_path: Path, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while descendants(tmp_path) and time.monotonic() < until:
        time.sleep(0.02)
    return not descendants(tmp_path)


@linux
@pytest.mark.parametrize("name", ["inline", "local", "ray"])
def test_interrupt_ends_everything(name, tmp_path):
    need(name)
    folder = tmp_path / "running"
    folder.mkdir()
    process = coordinator(name, folder, tmp_path)
    appeared(folder)
    os.killpg(process.pid, signal.SIGINT)
    begun = time.monotonic()
    assert process.wait(10) == 130
    assert time.monotonic() - begun < 3
    assert all_gone(tmp_path, 5 if name == "ray" else 2), descendants(tmp_path)


@linux
@pytest.mark.parametrize("name", SUPERVISED)
def test_workers_do_not_outlive_a_killed_coordinator(name, tmp_path):
    """Ray's own two agents, which run no tasks, take a minute to miss it."""
    need(name)
    folder = tmp_path / "running"
    folder.mkdir()
    process = coordinator(name, folder, tmp_path)
    appeared(folder)
    assert len(descendants(tmp_path)) >= 3
    process.kill()
    process.wait()
    if name == "ray":
        assert all(gone(int(path.name), 10) for path in folder.iterdir())
    else:
        assert all_gone(tmp_path, 5), descendants(tmp_path)


@linux
def test_killed_while_the_workers_start(tmp_path):
    process = coordinator("local", tmp_path, tmp_path)
    while len(descendants(tmp_path)) < 2:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert all_gone(tmp_path, 5), descendants(tmp_path)


def test_names_are_checked():
    with pytest.raises(UsageError, match="did you mean 'local'"):
        executor("locl", 2)
    with pytest.raises(UsageError, match="inline, local, ray"):
        executor("slurm", 2)
    with pytest.raises(UsageError, match="0 given"):
        executor("local", 0)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match="curate\\[ray\\]"):
        executor("ray", 2)
