"""What the benches of deduplication print and which bars they see missed."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMON = {
    "floor_bytes_per_second": 1e9,
    "documents": 10,
    "text_bytes": 10**8,
    "material": "10 documents",
    "machine": "one",
}


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "bench"))


def rows(ours: float = 2.0, rensa: float = 5.0):
    import dedup
    import truth

    good = truth.Verdict(documents=10, removed=3, greedy=3, orphans=0, lost=0, extra=0)
    bad = truth.Verdict(documents=10, removed=5, greedy=3, orphans=2, lost=1, extra=1)
    return [
        dedup.Row(dedup.OURS, 10**8, seconds=[ours, 9.0, 0.0], one_seconds=[1.0], peak_bytes=2**30, verdict=good),
        dedup.Row("rensa", 10**8, seconds=[rensa], version="1.0", verdict=bad),
        dedup.Row("rensa batch", 10**8, seconds=[0.5], lists_seconds=[3.5], version="1.0", note="flags 5"),
        dedup.Row("text-dedup", 10**7, note="did not run: no torch"),
    ]


def test_the_table(capsys):
    import dedup

    dedup.show(rows(), COMMON, markdown=True)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]
    heading = lines[0]
    assert dict(zip(heading, lines[2], strict=True)) == {
        "": "curate dedup",
        "MB": "100.0",
        "s": "1.00",
        "MB/s": "100.0",
        "ours is faster": "",
        "times the floor": "10",
        "peak MiB": "1024",
        "removed": "3",
        "exact would": "3",
        "without a copy kept": "0",
        "copies left": "0",
    }
    assert lines[3][4:6] == ["5x", "50"] and lines[3][7:] == ["5", "3", "2", "1"]
    assert lines[4][2] == "0.50 + 3.50 for lists" and lines[4][4] == "0.5x (4x with lists)" and lines[4][7] == "flags 5"
    assert lines[5][1:8] == ["", "", "", "", "", "", "did not run: no torch"]


def test_the_bars():
    import dedup

    assert dedup.misses(rows(), COMMON) == []
    assert dedup.misses(rows(ours=3.0), COMMON) == ["20.0x the floor, bar 12", "2.5x rensa, bar 4"]
    late = rows()
    late[0].one_seconds = [1.6]
    late[0].verdict = late[1].verdict
    assert dedup.misses(late, COMMON) == [
        "2 removed without a kept duplicate",
        "1 clusters lost",
        "too many extra copies",
        "one document 1.60 s, bar 1.5",
    ]


def test_growth(capsys):
    import scaling

    def grown(documents: int, seconds: float, held: int):
        return scaling.Grown(documents, documents * 100, 1, [seconds], held, {"link 1": held}, {"link 1": seconds})

    assert scaling.show([grown(1000, 1.0, 2**20), grown(4000, 4.4, 2**20 + 30_000)]) == []
    assert capsys.readouterr().out.splitlines()[-1].split() == ["link", "1", "1", "1.0", "1", "4.4", "10.0"]
    assert scaling.show([grown(1000, 1.0, 2**20), grown(4000, 6.0, 2**21)]) == [
        "time a document grew 1.50 times by 1 workers",
        "a worker's memory grew 2.00 times with 1 workers",
    ]


def test_shingles_of_the_other_tools():
    import peers

    assert peers.shingles("A b C d e F") == ["a b c d e", "b c d e f"]
    assert peers.shingles("A b") == ["a b"]
