"""Machine code that Numba keeps on disk must never be older than any kernel file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import curate.kernels
from curate.kernels import hashing

CALL = """
import json
from curate import kernels
from curate.kernels import outer
print(json.dumps([str(kernels.cache_folder("outer")), outer.twice(3)]))
"""
OUTER = """
from curate.kernels import njit
from curate.kernels.inner import step


@njit(cache=True)
def twice(x):
    return step(step(x))
"""
INNER = "from curate.kernels import njit\n\n\n@njit(cache=True)\ndef step(x):\n    return x + {step}\n"


def call(root: Path, before: str = "") -> list:
    """What a kernel gives in a new process, and the folder of the cache."""
    surroundings = {**os.environ, "PYTHONPATH": str(root), "XDG_CACHE_HOME": str(root / "cache")}
    surroundings.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", before + CALL], env=surroundings, cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_helper_that_changes_in_another_file_is_noticed(tmp_path):
    package = tmp_path / "curate/kernels"
    package.mkdir(parents=True)
    assert curate.kernels.__file__
    shutil.copy(curate.kernels.__file__, package / "__init__.py")
    (package.parent / "__init__.py").write_text("")
    (package / "outer.py").write_text(OUTER)
    (package / "inner.py").write_text(INNER.format(step=1))
    first = call(tmp_path)
    again = call(tmp_path)
    assert first[1] == 5 and again == first
    assert list(Path(first[0]).rglob("*.nbc"))
    (package / "inner.py").write_text(INNER.format(step=10))
    folder, value = call(tmp_path)
    assert value == 23 and folder != first[0]
    (package / "inner.py").write_text(INNER.format(step=100))
    assert call(tmp_path, "import numba")[1] == 203
    (package / "other.py").write_text(INNER.format(step=1))
    assert call(tmp_path)[0] == call(tmp_path, "import curate.kernels.other")[0] != folder


def test_every_kernel_takes_its_compiler_from_here():
    assert curate.kernels.__file__
    for path in Path(curate.kernels.__file__).parent.glob("*.py"):
        assert "from numba import njit" not in path.read_text(), path


def test_what_a_kernel_imports_belongs_to_it():
    assert curate.kernels._together("set_index") >= {"set_index", "jaccard"}
    assert curate.kernels._together("words") >= {"words", "bits", "unicode"}


def test_without_a_home_that_can_be_written_the_cache_is_among_temporary_files(tmp_path):
    (tmp_path / "file").write_text("")
    surroundings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file/none"), "TMPDIR": str(tmp_path)}
    code = "from curate.kernels import unicode; unicode.flags()"
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("curate-*")
    assert list(folder.rglob("unicode-*.npz")) and folder.stat().st_mode & 0o077 == 0


def test_no_two_pieces_of_machine_code_share_a_file():
    """Two processes that compile at once would number theirs alike."""
    file = hashing.mix64._cache._cache_file
    assert len({file._data_name(1) for _ in range(10)}) == 10
