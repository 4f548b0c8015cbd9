import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import cluster_report, cluster_summary
from curate.errors import UsageError
from curate.stages.cluster import STAGE, ClusterConfig

ROWS = [
    ("a0", 4, 0.5, "the keel of the boat, 1999", "sea", 1.0),
    ("a1", 4, 0.25, "the keel and a Mast", "sea", 2.0),
    ("a2", 4, 0.75, "the mast, the keel", "land", None),
    ("a3", 4, 0.25, "the boat 1999", "air", 6.0),
    ("b0", 1, 0.0, "the onion and the 洋葱", "land", None),
    ("b1", 1, 1.0, "the onion, 洋葱 only", "land", float("nan")),
    ("c0", None, None, "?", "sea", 9.0),
]


def shard(rows):
    """A finished layer's shard: (id, cluster, distance, text, source, score)."""
    ids, clusters, distances, texts, sources, scores = zip(*rows, strict=True) if rows else ((),) * 6
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "bytes": pa.array([len(text) for text in texts], pa.int64()),
            "text": pa.array(texts, pa.large_string()),
            "source": pa.array(sources, pa.string()),
            "score": pa.array(scores, pa.float32()),
            "kind": pa.array([None if i == "a0" else f"k{i[0]}" for i in ids], pa.string()).dictionary_encode(),
            "cluster": pa.array(clusters, pa.int32()),
            "cluster_distance": pa.array(distances, pa.float32()),
            "cluster_domain": pa.array([None if one is None else one // 2 for one in clusters], pa.int32()),
        }
    )


def summary(rows, cut=100, described=("score", "kind")):
    parts = [shard(rows[i : i + cut]) for i in range(0, len(rows), cut)]
    return cluster_summary.summarise(
        [cluster_summary.partial(part, ["cluster_domain"], described, 0) for part in [*parts, shard([])]]
    )


@pytest.mark.parametrize("cut", [1, 3, len(ROWS)])
def test_what_a_cluster_is_told_by(cut):
    found = summary(ROWS, cut)
    assert found.schema.names[: len(cluster_summary.SUMMARY)] == cluster_summary.SUMMARY.names
    assert found.schema.names[9:] == ["languages", "top_source", "cluster_domain", "mean_score", "top_kind"]
    onion, boat = found.to_pylist()
    assert (onion["cluster"], onion["documents"], onion["mean_distance"], onion["radius"]) == (1, 2, 0.5, 1)
    assert onion["bytes"] == sum(len(row[3]) for row in ROWS[4:6])
    assert (onion["nearest"], onion["farthest"]) == (["b0", "b1"], ["b1", "b0"])
    assert set(onion["terms"]) == {"onion", "洋葱"}
    assert (onion["mean_score"], onion["cluster_domain"]) == (None, 0)
    assert onion["top_source"] == [{"value": "land", "documents": 2}]
    assert (boat["cluster"], boat["documents"], boat["mean_distance"], boat["radius"]) == (4, 4, 0.4375, 0.75)
    assert (boat["nearest"], boat["farthest"]) == (["a1", "a3", "a0", "a2"], ["a2", "a0", "a1", "a3"])
    assert boat["terms"][0] == "keel"
    assert set(boat["terms"]) == {"keel", "mast", "boat"}
    assert (boat["mean_score"], boat["cluster_domain"]) == (3, 2)
    assert [value["value"] for value in boat["top_source"]] == ["sea", "air", "land"]
    assert boat["top_kind"] == [{"value": "ka", "documents": 3}]
    assert boat["tokens"] > 10


def test_what_is_kept_is_bounded(monkeypatch):
    for name, value in {"_WAITING": 10, "_READ_PER_CLUSTER": 4, "_COUNTED": 2, "EXAMPLES": 3}.items():
        monkeypatch.setattr(cluster_summary, name, value)
    rows = [(f"d{i:03}", i % 3, i / 100, f"word{i % 3} other", f"s{i % 2}", 1.0) for i in range(99)]
    parts = [cluster_summary.partial(shard(rows[i : i + 9]), (), ("score",), 0) for i in range(0, 99, 9)]
    assert max(part.num_rows for part in parts) <= 3 * (1 + 3 + 3 + 3 + 2)
    held = cluster_summary._Merged("near", ["cluster", "distance", "near"], lambda rows: rows.slice(0, 9))
    for part in parts:
        held.add(part)
        assert sum(table.num_rows for table in held._tables) <= 10 + 2 * 9
    found = cluster_summary.summarise(parts).to_pylist()
    assert [row["nearest"] for row in found] == [
        ["d000", "d003", "d006"],
        ["d001", "d004", "d007"],
        ["d002", "d005", "d008"],
    ]
    assert [row["farthest"][0] for row in found] == ["d096", "d097", "d098"]
    assert [row["documents"] for row in found] == [33, 33, 33]


def test_the_cut_of_the_shards_does_not_change_the_terms(monkeypatch):
    random = np.random.default_rng(0)
    words = [f"{a}{b}" for a in "bcdfg" for b in ("ara", "ere", "iri", "oro")]
    rows = []
    for i in range(300):
        text = " ".join(random.choice(words[i % 5 :: 3], 6))
        rows.append((f"d{i}", int(i % 5), random.random(), text, f"s{i % 7}", float(i)))
    whole = summary(rows).drop_columns(["mean_score", "mean_distance"])
    monkeypatch.setattr(cluster_summary, "_WAITING", 5)
    monkeypatch.setattr("curate.algorithms.cluster_terms._TEXTS_AT_ONCE", 7)
    assert summary(rows, 13).drop_columns(["mean_score", "mean_distance"]) == whole


def test_a_corpus_without_clusters():
    found = summary([])
    assert (found.num_rows, found.schema.names[-1]) == (0, "top_kind")
    assert len(cluster_report.largest(found)) == 1
    assert cluster_report.giant(found) == cluster_report.single_sources(found) == []


def test_a_column_that_tells_nothing():
    with pytest.raises(UsageError, match="--describe bytes2: the column holds list"):
        table = shard(ROWS).append_column("bytes2", pa.array([[1]] * len(ROWS)))
        cluster_summary.partial(table, (), ("bytes2",), 0)


def model(levels, rank=8.0, cosine=0.1, sampled=100):
    count = len(levels)
    return pa.table(
        {
            "level": pa.array(levels, pa.int32()),
            "centroid": pa.array([[0.0] * 16] * count, pa.list_(pa.float32(), 16)),
            "sampled": pa.array([sampled] * count),
            "effective_rank": pa.array([rank] * count, pa.float32()),
            "mean_cosine": pa.array([cosine] * count, pa.float32()),
        }
    )


def test_the_report_shows_the_largest_and_says_when_there_are_fewer():
    found = summary(ROWS)
    lines = STAGE.report(model([1, 1, 1]), found, ClusterConfig(clusters=9))
    assert lines[0] == "3 clusters of the 9 asked for: the sample has no more different vectors"
    assert lines[2].split()[:3] == ["4", "4", "0.438"]
    lines = STAGE.report(model([1, 1, 1, 2]), found, ClusterConfig(levels=[3, 1]))
    assert lines[:2] == ["3 clusters", "1 clusters"]
    assert STAGE.report(model([1, 1, 1]), found, ClusterConfig())[0] == "3 clusters"
    assert cluster_report.largest(found, most=1)[-1] == "and 1 smaller"


@pytest.mark.parametrize(("rank", "cosine", "warns"), [(8, 0.1, False), (8, 0.96, True), (0.9, 0.1, True)])
def test_collapsed_vectors(rank, cosine, warns):
    (line,) = cluster_report.spread(model([1], rank, cosine))
    assert line.startswith("warning") == warns
    assert "effective rank" in line


def test_a_giant_cluster_and_clusters_of_one_source():
    even = [(f"e{i}", i % 40, 0.1, "text", f"s{i % 3}", 1.0) for i in range(1200)]
    found = summary(even)
    assert cluster_report.giant(found) == cluster_report.single_sources(found) == []
    giant = summary([*even, *((f"g{i}", 7, 0.1, "text", "other", 1.0) for i in range(800))])
    assert cluster_report.giant(giant)[0].startswith("warning: cluster 7 holds 42% of the documents")
    assert "1 clusters with 42% of the documents" in cluster_report.single_sources(giant)[0]
    assert "7 (other)" in cluster_report.single_sources(giant)[0]
    assert cluster_report.single_sources(summary([(*row[:4], "one", 1.0) for row in even])) == []


SENTENCES = {
    "en": "the committee decided that nobody should leave the house before the rain had stopped falling on the roofs",
    "de": "der Ausschuss entschied, dass niemand das Haus verlassen sollte, bevor der Regen auf die Dächer aufhört",
    "fr": "le comité a décidé que personne ne devait quitter la maison avant que la pluie ne cesse de tomber",
}


def in_languages(cluster_of, shares=(1, 1, 1)):
    """A summary of 180 documents; cluster_of(number, language) is where they lie."""
    names = [name for name, share in zip(SENTENCES, shares, strict=True) for _ in range(share)]
    rows = [(i, names[i % len(names)]) for i in range(180)]
    return summary([(f"d{i}", cluster_of(i, name), 0.1, SENTENCES[name], "s", 1.0) for i, name in rows])


def test_the_languages_of_what_was_read_of_a_cluster():
    found = in_languages(lambda i, name: 0 if name == "fr" else 1).to_pylist()
    assert [[value["value"] for value in row["languages"]] for row in found] == [["fr"], ["de", "en"]]
    assert [sum(value["documents"] for value in row["languages"]) for row in found] == [30, 30]


def test_clusters_of_languages_are_said_to_be_such():
    (line,) = cluster_report.languages(in_languages(lambda i, name: list(SENTENCES).index(name) + 3 * (i % 4)))
    assert line.startswith("warning: the clusters part languages before subjects")
    assert "in 100% of cases, any two in 33%" in line
    assert cluster_report.languages(in_languages(lambda i, name: i // 3 % 9)) == []
    assert cluster_report.languages(in_languages(lambda i, name: 0 if name == "en" else 1, (58, 1, 1))) == []
    assert cluster_report.languages(in_languages(lambda i, name: i)) == []  # one document says nothing of a cluster
    assert cluster_report.languages(summary([])) == []
