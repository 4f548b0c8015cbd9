import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from curate.algorithms import cluster
from curate.algorithms.vectors import vectors_of
from curate.errors import UsageError
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
