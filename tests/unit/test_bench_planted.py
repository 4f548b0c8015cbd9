"""Planted corpora: as said, and the same whatever the size of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.naive import dedup as naive

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "bench"))


def test_similarities_are_those_of_the_texts_and_no_others_are_alike():
    import planted
    import truth

    table = pa.concat_tables(planted.tables(2000, 0.3, 7, planted.words())).combine_chunks()
    assert table["id"].to_pylist()[:2] == ["000000000", "000000001"]
    clustered = table.filter(pc.is_valid(table["cluster"]))
    assert clustered.num_rows == 7 * sum(planted.SIZES)
    counts = np.bincount(clustered["cluster"].to_numpy())
    assert counts.tolist() == list(planted.SIZES) * 7
    texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    for row in clustered.slice(0, 200).to_pylist():
        sets = naive.ngrams(row["text"], 5), naive.ngrams(texts[row["base"]], 5)
        assert naive.jaccard(*sets) == row["similarity"]
        assert 100 <= len(naive.words(row["text"])) <= 200
    assert {0.5, 1.0} <= {round(value, 1) for value in clustered["similarity"].to_pylist()}

    known = truth.truth(table["text"], 0.3)
    cluster = np.full(known.groups, -1)
    cluster[known.group] = pc.fill_null(table["cluster"], -1).to_numpy()
    assert (cluster[known.one] == cluster[known.other]).all() and (cluster[known.one] >= 0).all()


def test_the_seed_decides_and_files_do_not(monkeypatch, tmp_path):
    import planted
    import pyarrow.parquet as pq

    size = planted.write(tmp_path / "one", 1000)
    whole = pq.read_table(tmp_path / "one")
    assert size == pc.sum(pc.binary_length(whole["text"])).as_py()
    monkeypatch.setattr(planted, "PIECE", 300)
    planted.write(tmp_path / "more", 1000)
    assert len(list((tmp_path / "more").iterdir())) == 4
    assert pq.read_table(tmp_path / "more").equals(whole)
    assert not pa.concat_tables(planted.tables(1000, 0.3, 1, planted.words())).equals(whole)


def test_pairs_are_counted_beside_the_curve():
    import planted

    from curate.stages.dedup import DedupConfig

    similarity = np.repeat([1.0, 0.5, 1.0, 0.9, 1.0, 0.9], 100)
    cluster = np.concatenate([np.tile(np.arange(100) + start, 2) for start in (0, 100, 200)])
    kept = np.array(([True] * 200) + ([True] * 100 + [False] * 100) + [True] * 200)
    table = pa.table({"cluster": cluster, "similarity": similarity, "dedup_keep": kept})
    levels = {level.similarity: level for level in planted.pairs_found(table, DedupConfig(), True)}
    assert (levels[0.5].pairs, levels[0.5].expected, levels[0.5].found) == (100, 0, 0)
    assert (levels[0.9].pairs, levels[0.9].found) == (200, 100)
    assert levels[0.9].expected == pytest.approx(200, abs=0.1)
    assert not levels[0.5].misses() and levels[0.9].misses()
    unverified = planted.pairs_found(table, DedupConfig(), False)
    assert unverified[0].expected == pytest.approx(100 * 0.282, abs=0.1) and unverified[0].misses()
