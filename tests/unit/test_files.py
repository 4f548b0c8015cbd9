import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from curate.errors import UsageError
from curate.storage import files
from tests import running


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a/b/c.txt"
    with files.replacing(path) as aside:
        aside.write_text("new")
        assert not path.exists() and aside.parent == path.parent
    assert path.read_text() == "new" and names(tmp_path) == ["c.txt"]


def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.replacing(path) as aside:
        aside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and names(tmp_path) == ["c.txt"]


def test_json_is_the_same_whatever_the_order_of_keys(tmp_path):
    files.write_json(tmp_path / "a", {"b": 1, "a": "ä"})
    files.write_json(tmp_path / "b", {"a": "ä", "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert json.loads((tmp_path / "a").read_text(encoding="utf-8")) == {"a": "ä", "b": 1}


def test_a_link_is_the_same_file_and_replaces_another(tmp_path):
    old, new = tmp_path / "old", tmp_path / "x/new"
    old.write_text("text")
    files.link(old, new)
    assert new.samefile(old)
    other = tmp_path / "other"
    other.write_text("other")
    files.link(other, new)
    assert new.read_text() == "other" and names(tmp_path) == ["new", "old", "other"]


def test_linking_twice_leaves_nothing_aside(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("text")
    for _ in range(2):
        files.link(old, new)
    assert names(tmp_path) == ["new", "old"]


@pytest.mark.skipif(running.memory() is None, reason="needs a second file system")
def test_a_link_to_another_disk_is_a_copy(tmp_path, memory_folder):
    (tmp_path / "old").write_text("text")
    files.link(tmp_path / "old", memory_folder / "new")
    assert (memory_folder / "new").read_text() == "text" and names(memory_folder) == ["new"]


@pytest.fixture
def memory_folder():
    import tempfile

    with tempfile.TemporaryDirectory(dir=running.memory()) as folder:
        yield Path(folder)


def test_what_dead_writers_left_is_removed(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/.writing-1-x.parquet", ".writing-2-manifest.json", "a/x.parquet", "keep"):
        (tmp_path / name).write_text("")
    files.remove_unfinished(tmp_path)
    assert names(tmp_path) == ["keep", "x.parquet"]


def test_removing_a_tree_that_is_not_there(tmp_path):
    files.remove_tree(tmp_path / "no")


# --- locks ---------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from curate.storage import files
with files.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=running.environment()
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_names_its_holder(tmp_path, holder):
    expected = f"process {holder.pid} on {socket.gethostname()}"
    with pytest.raises(UsageError, match=expected), files.locked(tmp_path):
        pass


def test_a_lock_ends_with_its_holder(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with files.locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / ".lock").read_text()
    with files.locked(tmp_path):
        pass


def test_a_lock_is_not_inherited(tmp_path):
    with files.locked(tmp_path):
        program = [sys.executable, "-c", "print(input(), flush=True); input()"]
        child = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False)
        assert child.stdin and child.stdout
        child.stdin.write("begun\n")
        child.stdin.flush()
        assert child.stdout.readline() == "begun\n"
    with files.locked(tmp_path):
        assert child.poll() is None
    child.communicate("\n")


# --- whose disk it is ------------------------------------------------------------------------------


@pytest.mark.skipif(not files.boot(), reason="looks into /proc")
def test_a_disk_of_this_machine_alone(tmp_path, monkeypatch):
    assert not files.local(Path("/proc/self"))
    mounts = tmp_path / "mountinfo"
    lines = [
        "/ / rw - ext4 x rw",
        r"/ /a\040b rw - nfs4 x rw",
        "/ /a rw - lustre x rw",
        "/ /a rw,x shared:1 - xfs x rw",
    ]
    mounts.write_text("".join(f"1 2 0:1 {line}\n" for line in lines))
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **how: read(mounts if str(path).startswith("/proc") else path))
    found = {place: files.local(Path(place)) for place in ("/", "/a b", "/a b/c/d", "/a", "/a/b", "/ab")}
    assert found == {"/": True, "/a b": False, "/a b/c/d": False, "/a": True, "/a/b": True, "/ab": True}
    mounts.unlink()
    assert not files.local(tmp_path)
