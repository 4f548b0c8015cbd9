import numpy as np
import pyarrow as pa
import pyarrow.compute
import pytest
from pydantic import ValidationError

from curate.algorithms import cluster
from curate.algorithms.vectors import vectors_of
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.stages.cluster import STAGE, ClusterConfig


def blobs(sizes=(60, 30, 10), dimensions=12, seed=0, spread=0.05):
    """Unit vectors about as many directions, in random order, and the blob of each."""
    random = np.random.default_rng(seed)
    centres = np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0][: len(sizes)]
    owners = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    vectors = centres[owners] + random.normal(size=(len(owners), dimensions)) * spread
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), owners


def column(vectors, valid=None):
    return pa.chunked_array([arrow.vector_array(vectors.astype(np.float16), valid)])


def train(vectors, clusters, iterations=20, seed=0):
    """Plain k-means, the largest cluster first."""
    found = cluster.kmeans(vectors, clusters, iterations, seed)
    return cluster.largest_first(vectors, np.ones(len(vectors), dtype=np.int64), found)[0]


def test_blobs_are_found_the_largest_first():
    vectors, owners = blobs()
    centroids = train(vectors, 3)
    found, distances = cluster.assign(vectors, cluster.Centroids(centroids))
    assert found.tolist() == owners.tolist()
    assert np.linalg.norm(centroids, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    cosines = (vectors * centroids[owners]).sum(axis=1)
    assert distances == pytest.approx(1 - cosines, abs=1e-5)


def test_the_length_of_a_vector_does_not_count():
    vectors, _ = blobs()
    centroids = cluster.Centroids(train(vectors, 3))
    once, again = cluster.assign(vectors, centroids), cluster.assign(vectors * 4, centroids)
    assert (once[0] == again[0]).all()
    assert once[1] == pytest.approx(again[1], abs=1e-6)


def test_training_repeats_and_hangs_on_the_seed():
    vectors, _ = blobs((200,), spread=1.0)
    first = cluster.kmeans(vectors, 8, 5, 3)
    assert first.tobytes() == cluster.kmeans(vectors, 8, 5, 3).tobytes()
    assert first.tobytes() != cluster.kmeans(vectors, 8, 5, 4).tobytes()
    assert cluster.kmeans(vectors, 8, 5, (1 << 40) + 3).shape == first.shape


@pytest.mark.parametrize(("sizes", "asked", "made"), [((100, 57), "auto", 4), ((10,), "auto", 1), ((10,), 25, 10)])
def test_how_many_clusters(sizes, asked, made):
    assert len(fitted(blobs(sizes)[0], clusters=asked)) == made


def test_equal_vectors_make_one_cluster():
    vectors = np.repeat(blobs((2,))[0], 20, axis=0)
    assert len(cluster.kmeans(vectors, 5, 3, 0)) == 2


def documents(vectors, valid=None, population=None):
    """What the runtime gives to the survey."""
    ids = pa.array([f"d{i}" for i in range(len(vectors))])
    table = pa.table({"embed": column(vectors, valid), "id": ids})
    return table.replace_schema_metadata({"documents": str(population or len(vectors))})


def fitted(vectors, valid=None, **options):
    """The model of vectors."""
    config = ClusterConfig(**options)
    table = documents(vectors, valid)
    return STAGE.before[0].settle([STAGE.before[0].survey(table, None, config)], config).model


def applied(vectors, model, valid=None, **options):
    config = ClusterConfig(**options)
    return STAGE.apply(pa.table({"embed": column(vectors, valid)}), None, STAGE.prepare(model, config), config)


def test_nulls_stay_null():
    vectors, owners = blobs()
    valid = np.ones(len(vectors), dtype=bool)
    valid[[0, 7]] = False
    found = applied(vectors, fitted(vectors, clusters=3), valid, clusters=3)
    clusters = found.table["cluster"]
    assert [i for i, value in enumerate(clusters.to_pylist()) if value is None] == [0, 7]
    assert found.table["cluster_distance"].null_count == 2
    assert clusters.drop_null().to_pylist() == owners[valid].tolist()
    assert found.counts == {"without_vector": 2}


def test_the_bytes_do_not_hang_on_the_cut_of_the_shards(monkeypatch):
    vectors, _ = blobs((200,), spread=1.0)
    options = {"levels": [20, 5], "domains": 2, "resamples": 1}
    model = fitted(vectors, **options)
    whole = applied(vectors, model, **options).table
    assert whole.schema == STAGE.adds(ClusterConfig(**options))
    assert whole.column_names == ["cluster", "cluster_distance", "cluster_level2", "cluster_domain"]
    parts = [applied(vectors[i : i + 7], model, **options).table for i in range(0, 200, 7)]
    assert pa.concat_tables(parts).combine_chunks() == whole.combine_chunks()
    monkeypatch.setattr(cluster, "_PRODUCTS_AT_ONCE", 1)
    assert applied(vectors, model, **options).table == whole


def test_a_column_that_holds_no_vectors():
    with pytest.raises(UsageError, match="--embedding text: the column holds large_string"):
        vectors_of(pa.chunked_array([pa.array(["a"], pa.large_string())]), "text")


def test_no_vectors_at_all():
    nothing = documents(np.ones((3, 4)), np.zeros(3, dtype=bool))
    config = ClusterConfig()
    model = STAGE.before[0].settle([STAGE.before[0].survey(nothing, None, config)], config).model
    found = STAGE.apply(nothing, None, STAGE.prepare(model, config), config)
    assert found.table["cluster"].null_count == 3
    with pytest.raises(UsageError, match="no document of the sample has a vector"):
        applied(np.ones((1, 4)), model)


def test_many_centroids_are_searched_group_by_group(monkeypatch):
    monkeypatch.setattr(cluster, "FLAT_MOST", 500)
    vectors, _ = blobs((120,) * 30, dimensions=32, spread=0.1)
    centroids, rest = np.ascontiguousarray(vectors[:900]), vectors[900:]
    exact, far = cluster.assign(rest, cluster.Centroids(centroids))
    found, near = cluster.assign(rest, cluster.searchable(centroids, *cluster.grouped(centroids)))
    assert np.mean(exact == found) > 0.95
    assert near.mean() < far.mean() * 1.01
    assert (near[exact == found] == far[exact == found]).all()
    assert cluster.grouped(centroids[:500]) is None
    alone = cluster.assign(rest[5:6], cluster.searchable(centroids, *cluster.grouped(centroids)))
    assert (alone[0][0], alone[1][0]) == (found[5], near[5])


def test_groups_are_part_of_the_model(monkeypatch):
    monkeypatch.setattr(cluster, "FLAT_MOST", 10)
    vectors, _ = blobs((300,), spread=0.5)
    options = {"levels": [60, 7], "domains": 3, "resamples": 0}
    model = fitted(vectors, **options)
    assert model["level"].value_counts().to_pylist() == [
        {"values": 1, "counts": 60},
        {"values": 2, "counts": 7},
        {"values": 0, "counts": 8},
    ]
    prepared = STAGE.prepare(model, ClusterConfig(**options))
    assert len(prepared.centroids.search.members) == 8
    table = applied(vectors, model, **options).table
    exact = cluster.assign(vectors, cluster.Centroids(prepared.centroids.rows))[0]
    assert np.mean(arrow.numbers(table["cluster"]) == exact) > 0.95


def test_the_model_holds_levels_domains_and_the_tree():
    vectors, _ = blobs((300,), spread=0.5)
    config = ClusterConfig(levels=[20, 6], domains=2, resamples=1)
    settled = STAGE.before[0].settle([STAGE.before[0].survey(documents(vectors), None, config)], config)
    finest, top = (settled.model.filter(pa.compute.equal(settled.model["level"], level)) for level in (1, 2))
    assert finest["cluster"].to_pylist() == list(range(20))
    assert sum(finest["sampled"].to_pylist()) == sum(top["sampled"].to_pylist()) == 300
    domains = dict(zip(top["cluster"].to_pylist(), top["domain"].to_pylist(), strict=True))
    assert set(domains.values()) == {0, 1}
    assert [domains[parent] for parent in finest["parent"].to_pylist()] == finest["domain"].to_pylist()
    (tree,) = settled.details
    assert tree["cluster"].to_pylist() == [6, 7, 8, 9, 10]
    assert tree.schema == settled.model.schema
    assert sorted([*top["merged"].to_pylist(), *tree["merged"].to_pylist()[:-1]]) == sorted([6, 7, 8, 9, 10] * 2)
    assert tree["merged"][-1].as_py() is None
    assert top["merged"].null_count == finest["merged"].null_count - 20 == 0
    columns = applied(vectors, settled.model, levels=[20, 6], domains=2).table.to_pydict()
    for fine, coarse, domain in zip(*(columns[name] for name in list(columns) if "distance" not in name), strict=True):
        assert finest["parent"][fine].as_py() == coarse
        assert domains[coarse] == domain


def test_auto_is_the_root_of_the_documents_there_are():
    vectors, _ = blobs((1200,), spread=0.5)
    config = ClusterConfig()
    for population, made in ((400, 20), (1_000_000, 1200 // 39)):
        parts = [STAGE.before[0].survey(documents(vectors, None, population), None, config)]
        assert STAGE.before[0].settle(parts, config).model.num_rows == made


def test_of_too_many_the_first_by_hash_count_whatever_the_shards():
    vectors, _ = blobs((600,), spread=0.5)
    config = ClusterConfig(clusters=3, documents_per_cluster=50)
    table = documents(vectors)
    whole, parts = (
        STAGE.before[0].settle([STAGE.before[0].survey(some, None, config) for some in cut], config).model
        for cut in ([table], [table.slice(i, 70) for i in range(0, 600, 70)])
    )
    assert sum(whole["sampled"].to_pylist()) == 150
    assert whole == parts


def test_vectors_without_a_direction():
    vectors, _ = blobs()
    model = fitted(vectors, clusters=3)
    for wrong in (0.0, np.nan, np.inf):
        bad = vectors.copy()
        bad[4] = wrong
        with pytest.raises(DataError, match="1 vectors have no direction"):
            applied(bad, model, clusters=3)
        with pytest.raises(DataError, match="1 vectors have no direction"):
            fitted(bad, clusters=3)


def test_too_many_clusters_to_merge(monkeypatch):
    monkeypatch.setattr("curate.algorithms.cluster_domains.MOST_CLUSTERS", 5)
    with pytest.raises(UsageError, match="--domains 2: 9 clusters cannot be merged"):
        fitted(blobs()[0], clusters=9, domains=2)


def test_effective_rank():
    random = np.random.default_rng(0)
    even = random.normal(size=(3000, 16)).astype(np.float32)
    cluster.normalise(even)
    rank, cosine = cluster.spread(even)
    assert 15.8 < rank <= 16.001
    assert abs(cosine) < 0.01
    values = np.linalg.svd(even.astype(np.float64), compute_uv=False)
    shares = values / values.sum() + 1e-7
    assert rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-3)
    assert cluster.spread(np.repeat(even[:1], 50, axis=0)) == (pytest.approx(1, abs=1e-3), 1)


def test_what_is_sampled():
    assert STAGE.before[0].sample(ClusterConfig()) == 400_000
    assert STAGE.before[0].sample(ClusterConfig(levels=[50, 7])) == 5_000
    assert STAGE.before[0].sample(ClusterConfig(clusters=7, documents_per_cluster=50)) == 350
    assert STAGE.needs(ClusterConfig(embedding="other")) == ("other",)


@pytest.mark.parametrize(
    "options",
    [
        {"clusters": 0},
        {"clusters": "some"},
        {"iterations": 0},
        {"documents_per_cluster": 0},
        {"k": 3},
        {"levels": "5,5"},
        {"levels": "5,x"},
        {"levels": [5], "clusters": 5},
        {"domains": 0},
    ],
)
def test_wrong_options(options):
    with pytest.raises(ValidationError):
        ClusterConfig(**options)


def test_levels_are_given_with_commas():
    assert ClusterConfig(levels="500,20").levels == [500, 20]
    assert ClusterConfig(levels=["500", "20,3"]).levels == [500, 20, 3]


@pytest.mark.parametrize(
    "options",
    [{"describe": "cluster"}, {"describe": "dsir,cluster_distance"}, {"describe": "cluster_domain", "domains": 2}],
)
def test_what_is_made_here_is_not_described(options):
    with pytest.raises(ValueError, match="is what is made here, which the table tells anyway; leave it out"):
        ClusterConfig(**options)
    assert ClusterConfig(describe="cluster_level2,cluster_domain", levels=[5]).describe  # those of another layer
