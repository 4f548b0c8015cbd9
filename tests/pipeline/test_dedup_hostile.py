"""Small versions of the corpora that break deduplicators, and planted duplicates, in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from curate.errors import DataError
from tests import running

BENCH = str(running.ROOT / "scripts" / "bench")
SIZES = {"identical": 3000, "long": 200_000, "long-cjk": 200_000, "short": 3000, "boilerplate": 1000, "cjk": 2000}


@pytest.fixture(autouse=True, scope="module")
def scripts():
    sys.path.insert(0, BENCH)
    yield
    sys.path.remove(BENCH)


def ingested(name: str, size: int, folder: Path) -> Path:
    """The corpus of a case, in several shards."""
    import hostile
    import planted

    source = hostile.write(hostile.CASES[name], size, folder)
    columns = list(planted.COLUMNS) if name == "cjk" else []
    options = {"sources": [str(source)], "id_field": "id", "column": columns}
    running.step("ingest", options, to=str(folder / "corpus"), shard_bytes="300k")
    return folder / "corpus"


@pytest.mark.parametrize("name", SIZES)
def test_a_hostile_corpus(name, fresh):
    import hostile

    corpus = ingested(name, SIZES[name], fresh())
    running.step("dedup", {"max_source_loss": 1.0}, corpus=str(corpus))
    assert hostile.CASES[name].check(corpus, SIZES[name]) == []


def test_a_source_that_lies_within_another_stops_the_commit_and_a_higher_limit_computes_nothing(fresh):
    import hostile

    corpus = ingested("contained", 1200, fresh())
    with pytest.raises(DataError, match="small: 1,000 of 1,000"):
        running.step("dedup", {}, corpus=str(corpus))
    assert not (corpus / "dedup" / "manifest.json").exists()
    before = running.tree(corpus)
    result = running.step("dedup", {"max_source_loss": 1.0}, corpus=str(corpus))
    assert result.executed <= 1
    after = running.tree(corpus)
    assert {name: after[name] for name in before} == before
    assert hostile.CASES["contained"].check(corpus, 1200) == []


def test_without_verification_planted_pairs_follow_the_curve_and_with_it_the_threshold(fresh):
    import planted

    folder = fresh()
    planted.write(folder / "raw", 20_000, 0.6, seed=3)
    options = {"sources": [str(folder / "raw")], "id_field": "id", "column": list(planted.COLUMNS)}
    corpus = str(folder / "corpus")
    running.step("ingest", options, to=corpus)
    running.step("dedup", {"verify": "none", "bands": 10, "rows": 5}, corpus=corpus)
    found = planted.compare(Path(corpus))
    assert found.misses() == []
    assert 0 < found.levels[0].found < found.levels[2].found
    running.step("dedup", {"bands": 10, "rows": 5}, corpus=corpus)
    assert planted.pairs_found(planted_rows(corpus), planted.options(Path(corpus)), False)[0].misses()
    running.step("dedup", {}, corpus=corpus)
    found = planted.compare(Path(corpus))
    assert found.misses() == [] and found.others == 0


def planted_rows(corpus: str):
    import curate

    return curate.open(corpus).table(["cluster", "similarity", "dedup_keep"], where="cluster >= 0").combine_chunks()
