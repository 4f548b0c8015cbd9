"""The material of the bench and its floor."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "bench"))


def documents() -> list[str]:
    return [f"Document {number} says {number * 7} things, one after another.\nÄnd more." for number in range(100)]


def test_what_is_written_is_read_again(tmp_path):
    import material

    folder = material.write(documents(), tmp_path / "sources")
    assert sorted(material.texts(folder)) == sorted(documents())
    assert len(list(material.write(["one"], tmp_path / "one").iterdir())) == 1


def test_enough_is_real_text_first_and_then_varied_copies_that_depend_on_the_seed():
    import material

    as_is, said = material.enough(documents(), 1000, seed=1)
    assert sorted(as_is) == sorted(documents()) and "copies" not in said
    more, said = material.enough(documents(), 20_000, seed=1)
    assert more[:100] == as_is and "varied copies" in said
    assert sum(len(text.encode()) for text in more) >= 20_000
    assert len(set(more)) == len(more)
    assert more == material.enough(documents(), 20_000, seed=1)[0]
    assert more != material.enough(documents(), 20_000, seed=2)[0]


def test_the_floor_reads_what_it_wrote(tmp_path):
    import floor
    import pyarrow.parquet as pq

    path = tmp_path / "floor.parquet"
    text = "x" * (3 << 20)
    assert floor.write(5 * [text], path) == 5 * len(text)
    assert pq.ParquetFile(path).num_row_groups == 2
    assert floor.read(path) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_memory_is_that_of_all_processes():
    import subprocess

    import bench

    with subprocess.Popen(["sleep", "60"]) as child:
        assert set(bench.tree(os.getpid())) >= {os.getpid(), child.pid}
        child.kill()
    assert bench.proportional_bytes(os.getpid()) > 10 << 20
    assert bench.proportional_bytes(child.pid) == 0
