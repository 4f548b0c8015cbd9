import sys
import types

import numpy as np
import pyarrow as pa
import pytest

from curate.algorithms import mapping
from curate.errors import UsageError
from curate.kernels import arrow
from curate.stages import map as stage
from tests.naive import mapping as naive


def rows(count: int = 200, dimensions: int = 12) -> np.ndarray:
    random = np.random.default_rng(4)
    found = random.normal(size=(count, dimensions)) * np.linspace(3, 0.2, dimensions)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def shards(cuts: list[int], count: int = 200, missing: int = 7) -> list[pa.Table]:
    """Documents with vectors, all but every `missing`th, as shards cut at the given rows."""
    valid = np.arange(count) % missing != 3
    whole = pa.table(
        {
            "id": [f"d{i}" for i in range(count)],
            "embed": arrow.vector_array(rows(count), valid),
            "cluster": pa.array([i % 5 % 3 if i % missing != 3 else None for i in range(count)], pa.int32()),
        }
    )
    tables = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, count], strict=True)):
        table = whole.slice(start, end - start)
        table = table.append_column("shard", pa.array([number] * len(table), pa.int32()))
        tables.append(table.append_column("row", pa.array(range(len(table)), pa.int64())))
    return tables


def mapped(config: stage.MapConfig, cuts: list[int]) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The columns, the model and the summary."""
    tables = shards(cuts)
    settled = stage.settle([stage.survey(table, None, config) for table in tables], config)
    places, made = pa.concat_tables(settled.rows), []
    for number, table in enumerate(tables):
        mine = places.filter(pa.compute.equal(places["shard"], number)).sort_by("row")
        made.append(stage.apply(table, mine, settled.model, config).table)
    after = stage.settle_clusters((stage.survey_clusters(table, None, config) for table in tables), config)
    return pa.concat_tables(made), settled.model, after.model


def test_places_are_principal_components():
    points, explained = mapping.principal(rows())
    expected = naive.principal(rows())
    for axis in range(2):
        sign = np.sign(points[:, axis] @ expected[:, axis])
        assert np.allclose(points[:, axis], sign * expected[:, axis], atol=1e-6)
    centred = rows() - rows().mean(axis=0)
    assert explained == pytest.approx((expected**2).sum() / (centred**2).sum(), abs=1e-4)
    assert points[:, 0].var() > points[:, 1].var()


@pytest.mark.parametrize("sample", [50, 10_000])
def test_a_map_does_not_know_the_shards(sample):
    config = stage.MapConfig(sample=sample, cluster="cluster")
    columns, model, summary = mapped(config, [60, 60])
    again, same, alike = mapped(config, [130])
    assert columns.equals(again.combine_chunks()) and model.equals(same) and summary.equals(alike)
    assert 200 - columns["map_x"].null_count == min(sample, 171)
    assert columns.schema.equals(stage.adds(config))


def test_figures_are_those_of_all_pairs():
    config = stage.MapConfig(cluster="cluster")
    _, model, summary = mapped(config, [90])
    there = np.arange(200) % 7 != 3
    (found,), (whole,) = model.to_pylist(), summary.to_pylist()
    assert found["mean_distance"] == pytest.approx(naive.mean_distance(rows()[there]), abs=1e-4)
    assert found["effective_rank"] == pytest.approx(naive.effective_rank(rows()[there]), rel=1e-3)
    labels = [i % 5 % 3 for i in range(200) if i % 7 != 3]
    assert (whole["documents"], whole["clusters"]) == (200, 3)
    assert whole["cluster_entropy"] == pytest.approx(naive.entropy(labels), abs=1e-6)
    said = stage.report(model, summary, config)
    assert said[0].startswith("171 of 200 documents have a place, which show ")
    assert said[2].startswith("entropy of 3 clusters ")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_documents(count):
    table = pa.table({"shard": [0] * count, "row": range(count), "order": range(count)}).cast(
        pa.schema([("shard", pa.int32()), ("row", pa.int64()), ("order", pa.uint64())])
    )
    table = table.append_column("vector", arrow.vector_array(rows(count)))
    model, places = mapping.settled([table], 10, "pca", 0)
    (found,) = places
    assert (model.num_rows, found.num_rows) == (min(count, 1), count)
    assert not np.isnan(found["x"].to_numpy()).any()


def test_without_clusters_or_vectors():
    config = stage.MapConfig()
    _, model, summary = mapped(config, [90])
    assert summary.to_pylist() == [{"documents": 200, "clusters": None, "cluster_entropy": None, "even_entropy": None}]
    assert len(stage.report(model, summary, config)) == 2
    assert stage.report(mapping.MODEL.empty_table(), summary, config) == ["no document has a vector; run embed before"]


def test_umap_is_asked_as_promised(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match=r"pip install 'curate\[map\]'"):
        mapping.neighbourly(rows(), 0)
    asked = {}

    class Umap:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, points):
            return points[:, :2]

    module = types.ModuleType("umap")
    module.UMAP = Umap
    monkeypatch.setitem(sys.modules, "umap", module)
    assert np.array_equal(mapping.neighbourly(rows(9), 3), rows(9)[:, :2].astype(np.float64))
    assert (asked["n_neighbors"], asked["random_state"], asked["metric"], asked["n_jobs"]) == (8, 3, "cosine", 1)
    with pytest.raises(UsageError, match="3 documents have no neighbourhoods"):
        mapping.neighbourly(rows(3), 0)


def test_one_cluster_has_no_entropy():
    model, summary = mapping.MODEL, mapping.summarised([pa.table({"cluster": ["0"], "count": [3]})])
    figures = pa.table([[3], [1.0], [3], [0.0], [1.0]], schema=model)
    assert "entropy of 1 clusters 0.000 of at most 0.000 nats" in mapping.lines(figures, summary)[2]
