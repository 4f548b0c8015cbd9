"""Corpora as seeds, and documents of the clusters that seeds fall into."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from curate.algorithms import similar, similar_clusters
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.runtime.memory import Budget, Memory
from curate.runtime.opened import Opened
from curate.runtime.phases import phases
from curate.stages import stages
from curate.stages.similar import SimilarConfig
from tests import material, running

HITS = [{0: 5, 1: 1, 3: 2}, {1: 4, 3: 4}]
"""Of two files, how many texts fall into each cluster; none into 2 or 4."""


def known():
    """Seeds that fall into clusters as HITS says."""
    clusters = np.array([number for hits in HITS for number, count in hits.items() for _ in range(count)])
    tasks = np.array([task for task, hits in enumerate(HITS) for count in hits.values() for _ in range(count)])
    nothing = np.empty((0, 4), dtype=np.float32)
    return similar.Seeds(nothing, pa.array([]), tasks.astype(np.int32), pa.array([]), None, nothing, clusters)


def corpus(count=400, seed=0):
    random = np.random.default_rng(seed)
    numbers = random.choice(5, count, p=[0.1, 0.3, 0.2, 0.3, 0.1])
    return pa.table(
        {
            "id": [f"d{i}" for i in range(count)],
            "cluster": pa.array(numbers, pa.int32(), mask=random.random(count) < 0.1),
            "shard": pa.array(np.arange(count) // 150, pa.int32()),
            "row": pa.array(np.arange(count) % 150),
        }
    )


def shards(table, cut):
    for start in range(0, table.num_rows, cut):
        yield table.slice(start, cut)


def ids(table, rows):
    """The id and the rank of each document chosen."""
    places = {(row["shard"], row["row"]): row["id"] for row in table.to_pylist()}
    return {places[row["shard"], row["row"]]: row["rank"] for row in rows.to_pylist()}


def drawn(table, least, most, cap=None, cut=100, parts=3, seed=0):
    routed = [[] for _ in range(parts)]
    for shard in shards(table, cut):
        found = similar_clusters.sampled(shard, "cluster", known(), least, most, seed)
        part = (arrow.numbers(found["part"]).astype(np.uint64) * np.uint64(parts)) >> np.uint64(32)
        for number in range(parts):
            routed[number].append(found.drop_columns(["part"]).filter(pa.array(part == number)))
    linked = [similar_clusters.linked(tables, most) for tables in routed]
    return ids(table, similar_clusters.limited(linked, cap))


def sizes(table, chosen):
    clusters = dict(zip(table["id"].to_pylist(), table["cluster"].to_pylist(), strict=True))
    return Counter(clusters[name] for name in chosen)


@pytest.mark.parametrize(
    ("least", "most", "expected"), [(4, 10, {0, 1, 3}), (5, 1000, {0}), (1, 3, {0, 1, 3}), (6, 9, ())]
)
def test_as_many_of_every_cluster_that_enough_texts_of_a_file_fall_into(least, most, expected):
    table = corpus()
    there = Counter(table["cluster"].drop_null().to_pylist())
    chosen = drawn(table, least, most)
    assert sizes(table, chosen) == {number: min(most, there[number]) for number in expected}
    ranks = [rank for number in expected for rank in range(1, min(most, there[number]) + 1)]
    assert sorted(chosen.values()) == sorted(ranks)
    assert drawn(table, least, most, cut=37, parts=1) == chosen
    fewer = drawn(table, least, max(1, most // 2))
    assert fewer == {name: rank for name, rank in chosen.items() if rank <= max(1, most // 2)}


def test_chance_hangs_on_the_seed_alone_and_a_file_may_be_limited():
    table = corpus()
    assert drawn(table, 4, 10, seed=1).keys() != drawn(table, 4, 10).keys()
    limited = drawn(table, 4, 10, cap=6)
    assert limited.keys() < drawn(table, 4, 10).keys() and 6 <= len(limited) <= 12
    assert sizes(table, drawn(table, 5, 10, cap=6)) == {0: 6}
    assert drawn(table, 4, 10, cap=6, cut=11) == limited


def most_hit(table, wanted, rate, cut=100):
    rows = [similar_clusters.reached(shard, "cluster", known(), 0) for shard in shards(table, cut)]
    return ids(table, similar_clusters.most_hit(rows, wanted, rate))


def test_whole_clusters_those_that_most_texts_fall_into_first():
    table = corpus()
    there = Counter(table["cluster"].drop_null().to_pylist())
    order = [3, 0, 1, 2, 4]  # 6, 5, 5, and none twice
    chosen = most_hit(table, there[3] + there[0] + 7, None)
    assert sizes(table, chosen) == {3: there[3], 0: there[0], 1: 7}
    assert {rank: sizes(table, [n for n in chosen if chosen[n] == rank]) for rank in (1, 2, 3)} == {
        rank: {order[rank - 1]: count} for rank, count in ((1, there[3]), (2, there[0]), (3, 7))
    }
    assert most_hit(table, there[3] + there[0] + 7, None, cut=13) == chosen
    assert len(most_hit(table, None, 0.5)) == there.total() // 2
    assert set(most_hit(table, None, 1.0).values()) == {1, 2, 3, 4, 5}
    with pytest.raises(DataError, match=f"only {there.total()} have a cluster"):
        most_hit(table, 400, None)


def test_how_many_texts_fall_into_a_document_s_cluster():
    table = corpus()
    expected = {0: 5, 1: 5, 2: 0, 3: 6, 4: 0, None: None}
    found = similar_clusters.hit(table, "cluster", known()).to_pylist()
    assert found == [expected[number] for number in table["cluster"].to_pylist()]
    (line,) = similar_clusters.lines(known(), 4)
    assert (
        line == "the texts fall into 3 clusters; 3 of these have at least 4 of one file; most into 3 (6), 0 (5), 1 (5)"
    )
    with pytest.raises(UsageError, match="--cluster id: the column holds string"):
        similar_clusters.hit(table, "id", known())


def test_options_of_clusters():
    for options in ({"per_cluster": 3}, {"method": "cluster", "keep_rate": 0.5}, {"method": "most-hit"}):
        with pytest.raises(ValidationError):
            SimilarConfig(to=["x"], **options)
    assert SimilarConfig(to=["x"], method="cluster", documents=10, per_cluster=3).by_cluster


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A pool of two subjects, and a corpus of seeds of one of them."""
    root = tmp_path_factory.mktemp("similar")
    subjects = [[f"{word} {i} {word}s and a {word}" for i in range(40)] for word in ("keel", "onion")]
    material.write_records(root / "pool.jsonl", [text for pair in zip(*subjects, strict=True) for text in pair])
    material.write_records(root / "seeds.jsonl", [f"a keel number {i}" for i in range(6)])
    for name in ("pool", "seeds"):
        running.step("ingest", {"sources": [str(root / f"{name}.jsonl")]}, to=str(root / name))
        running.step("embed", {"dimensions": 4, "dtype": "float32"}, corpus=str(root / name))
    running.step("cluster", {"clusters": 2}, corpus=str(root / "pool"))
    return root


def test_a_corpus_of_seeds_and_the_clusters_that_they_fall_into(root):
    pool, seeds = str(root / "pool"), str(root / "seeds")
    options = {"to": [seeds], "method": "cluster", "per_cluster": 10}
    running.step("similar", options, corpus=pool, as_="like")
    rows = Opened(pool).table(["text", "like", "like_to", "like_keep", "like_rank", "like_hits"]).to_pylist()
    chosen = [row for row in rows if row["like_keep"]]
    assert len(chosen) == 10 and all("keel" in row["text"] for row in chosen)
    assert sorted(row["like_rank"] for row in chosen) == list(range(1, 11))
    assert {row["like_hits"] for row in rows} == {0, 6}
    assert {row["like_to"] for row in chosen} <= {
        f"seeds {name}" for name in Opened(seeds).table(["id"])["id"].to_pylist()
    }
    running.step("similar", {"to": [seeds], "method": "most-hit", "keep_rate": 0.5}, corpus=pool, as_="hit")
    assert all(
        ("keel" in row["text"]) == row["hit_keep"] for row in Opened(pool).table(["text", "hit_keep"]).to_pylist()
    )


def test_the_texts_of_a_corpus_count_and_not_its_layers(root):
    pool, seeds = str(root / "pool"), str(root / "seeds")
    before = running.plan("similar", {"to": [seeds]}, corpus=pool).fingerprint
    running.step("dedup", {}, corpus=seeds)
    assert running.plan("similar", {"to": [seeds]}, corpus=pool).fingerprint == before
    assert running.plan("similar", {"to": [pool]}, corpus=pool).fingerprint != before


def test_vectors_that_a_corpus_has_of_the_same_model_are_taken(root):
    """The pool's own layer is of the same model as itself; that of the seeds was learned from other documents."""
    pool = str(root / "pool")
    result = running.step("similar", {"to": [pool]}, corpus=pool, as_="self")
    (line,) = stages()["similar"].report(model_of(result), None, SimilarConfig(to=[pool]))
    assert line == "pool: 80 texts, with the vectors of its own layer"
    assert np.allclose(Opened(pool).table(["self"])["self"].to_numpy(), 1, atol=1e-6)
    result = running.step("similar", {"to": [str(root / "seeds")]}, corpus=pool, as_="other")
    (line,) = stages()["similar"].report(model_of(result), None, SimilarConfig(to=[pool]))
    assert line == "seeds: 6 texts, with vectors made now"


def model_of(result):
    from curate.storage import shard

    return shard.read_model(result.plan.output.model)


def test_the_memory_of_the_encoder_is_stated(root):
    pool = str(root / "pool")
    plan = running.plan("similar", {"to": [pool]}, corpus=pool, as_="new")
    stage, config = stages()["similar"], SimilarConfig(to=[pool])
    first, *_ = [phase for phase in phases(plan, stage, config) if phase.kind == "settle"]
    memory = Memory(plan, stage, config, Budget(1 << 40, 1))
    assert plan.likewise_bytes > 0
    assert memory.need(first) - plan.likewise_bytes >= 512 << 20
