import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from curate.algorithms import cluster, semdedup, semdedup_compare
from curate.errors import UsageError
from curate.kernels import arrow
from curate.stages.semdedup import STAGE, SemdedupConfig, adds, needs_survey, ordering
from tests.naive import semdedup as naive


class Given:
    """Tables as a link gets them."""

    def __init__(self, tables):
        self.tables = tables

    def __iter__(self):
        return iter(self.tables)

    def only(self, *names):
        return (table.select(list(names)) for table in self.tables)


def corpus(count=300, clusters=3, dimensions=12, seed=0, spread=0.3, dtype=np.float16):
    """Documents about a few subjects, a third of them near copies of others, in clusters; some lack what it takes."""
    random = np.random.default_rng(seed)
    owners = random.integers(0, clusters, count)
    vectors = random.normal(size=(clusters, dimensions))[owners] + random.normal(size=(count, dimensions)) * spread
    for i in range(0, count, 3):
        other = random.integers(count)
        vectors[i] = vectors[other] + random.normal(size=dimensions) * random.choice([0, 0.01, 0.1])
        owners[i] = owners[other]
    valid = random.random(count) > 0.03
    return pa.table(
        {
            "id": pa.array([f"d{i:04}" for i in random.permutation(count)]),
            "digest": pa.array([bytes([i % 7] * 16) for i in range(count)], pa.binary(16)),
            "embed": arrow.vector_array(vectors.astype(dtype), valid),
            "cluster": pa.array(owners.astype(np.int32), mask=~valid),
            "cluster_distance": pa.array(random.integers(0, 20, count).astype(np.float32) / 16, mask=~valid),
        }
    )


def shards(table, cut):
    """The table as shards of so many rows."""
    for number, start in enumerate(range(0, table.num_rows, cut)):
        piece = table.slice(start, cut)
        rows = {"shard": pa.array([number] * len(piece), pa.int32()), "row": pa.array(range(len(piece)), pa.int64())}
        yield piece.append_column("shard", rows["shard"]).append_column("row", rows["row"])


def run(table, cut=100, parts=3, **options):
    """The layer by id, as a run over shards of `cut` rows makes it."""
    config = SemdedupConfig(**options)
    found = [list(shards(table, cut)), [[] for _ in range(parts)]]
    for shard in found[0]:
        for piece in STAGE.before[0].survey(shard, None, config):
            part = (arrow.numbers(piece["part"]).astype(np.uint64) * np.uint64(parts)) >> np.uint64(32)
            for number in range(parts):
                mine = piece.drop_columns(["part"]).filter(pa.array(part == number))
                found[1][number] += [mine] if mine.num_rows else []
    assert STAGE.before[0].link
    linked = [STAGE.before[0].link(Given(tables), i, config) for i, tables in enumerate(found[1])]
    settled = STAGE.before[0].settle(linked, config)
    rows = pa.concat_tables(settled.rows)
    made = {}
    for number, shard in enumerate(found[0]):
        mine = rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).sort_by("row")
        columns = STAGE.apply(shard, mine.drop_columns(["shard"]), settled.model, config).table
        assert columns.schema == adds(config)
        made |= dict(zip(shard["id"].to_pylist(), columns.to_pylist(), strict=True))
    return made


def as_documents(table, key):
    rows = table.to_pylist()
    return [{**row, "vector": row["embed"], "key": key(row)} for row in rows]


KEYS = {
    "hard": lambda row: np.inf if row["cluster_distance"] is None else -row["cluster_distance"],
    "easy": lambda row: np.inf if row["cluster_distance"] is None else row["cluster_distance"],
    "best:cluster": lambda row: np.inf if row["cluster"] is None else -row["cluster"],
}


@pytest.mark.parametrize("order", KEYS)
def test_equals_the_definition(order):
    table = corpus()
    expected = naive.similarities(as_documents(table, KEYS[order]), np.float32)
    found = run(table, order=order)
    assert {name: row["semdedup_of"] for name, row in found.items()} == {n: of for n, (_, of) in expected.items()}
    assert all(abs(row["semdedup_similarity"] - expected[name][0]) < 1e-7 for name, row in found.items())
    assert sum(of is None for _, of in expected.values()) > 3


@pytest.mark.parametrize(("below", "at_once"), [(0.6, 512), (0.9, 512), (0.9, 7), (0.3, 2), (1.0, 3)])
def test_only_those_that_stay_count_as_the_definition_says(monkeypatch, below, at_once):
    table = corpus()
    monkeypatch.setattr(semdedup_compare, "_ADMITTED_AT_ONCE", at_once)
    expected = naive.admitted(as_documents(table, KEYS["hard"]), np.float32, below)
    found = run(table, admit_below=below)
    assert {name: row["semdedup_of"] for name, row in found.items()} == {n: of for n, (_, of) in expected.items()}
    assert all(abs(row["semdedup_similarity"] - expected[name][0]) < 1e-7 for name, row in found.items())
    kept = {name for name, row in found.items() if row["semdedup_keep"]}
    assert kept == {name for name, (best, _) in expected.items() if best < np.float32(below)}
    assert {of for _, of in expected.values()} - {None} <= kept
    for rows in (1, 13, 40):
        monkeypatch.setattr(semdedup_compare, "BLOCK_BYTES", rows * 48)
        assert run(table, cut=31, admit_below=below) == found


def test_one_rule_decides_what_stays():
    for options in ({"keep_rate": 0.5}, {"threshold": 0.9}):
        with pytest.raises(ValidationError, match="--admit-below decides"):
            SemdedupConfig(admit_below=0.9, **options)


def test_5000_documents_by_brute_force():
    table = corpus(5000, clusters=8, dimensions=32, seed=4)
    rows = sorted(as_documents(table, KEYS["hard"]), key=lambda row: (row["key"], row["digest"], row["id"]))
    rows = [row for row in rows if row["cluster"] is not None]
    vectors = np.array([row["vector"] for row in rows])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    clusters = np.array([row["cluster"] for row in rows])
    cosines = np.where(
        (clusters[:, None] == clusters[None]) & np.tri(len(rows), k=-1, dtype=bool), vectors @ vectors.T, -1
    )
    highest = cosines.max(axis=1)
    found = run(table, cut=700, parts=4, threshold=0.97)
    assert np.array([found[row["id"]]["semdedup_similarity"] for row in rows]) == pytest.approx(highest, abs=1e-6)
    keep = np.array([found[row["id"]]["semdedup_keep"] for row in rows])
    clear = np.abs(highest - 0.97) > 1e-6
    assert (keep == (highest <= 0.97))[clear].all() and 0.1 < keep.mean() < 0.9


def test_neither_shards_nor_parts_nor_blocks_nor_order_count(monkeypatch):
    table = corpus(260)
    expected = run(table)
    assert run(table, cut=17, parts=1) == expected
    assert run(table.take(np.random.default_rng(0).permutation(260)), cut=50) == expected
    for rows in (1, 13, 40):
        monkeypatch.setattr(semdedup_compare, "BLOCK_BYTES", rows * 48)
        monkeypatch.setattr(semdedup_compare, "_ROWS_AT_ONCE", 9)
        monkeypatch.setattr(semdedup, "_PIECE_BYTES", 900)
        assert run(table) == expected


def test_vectors_of_any_length_and_kind():
    table = corpus(120, dtype=np.float32)
    scales = np.exp2(np.random.default_rng(0).integers(-40, 40, 120)).astype(np.float32)
    valid = arrow.validity(table["embed"])
    scaled = arrow.vector_array(arrow.vectors(table["embed"]) * scales[:, None], valid)
    assert run(table.set_column(2, "embed", scaled)) == run(table)


def test_vectors_kept_as_small_integers():
    table = corpus(120, dtype=np.float32)
    rounded = np.rint(arrow.vectors(table["embed"]) * 25)
    valid = arrow.validity(table["embed"]) & rounded.any(axis=1)
    small, large = (arrow.vector_array(rounded.astype(kind), valid) for kind in (np.int8, np.float32))
    assert run(table.set_column(2, "embed", small)) == run(table.set_column(2, "embed", large))


def test_a_vector_of_nothing_is_compared_with_none():
    table = corpus(60)
    vectors = arrow.vectors(table["embed"]).copy()
    vectors[4], vectors[9] = 0, np.nan
    found = run(table.set_column(2, "embed", arrow.vector_array(vectors)))
    for i in (4, 9):
        row = found[table["id"][i].as_py()]
        assert (row["semdedup_similarity"], row["semdedup_of"], row["semdedup_keep"]) == (-1, None, True)


@pytest.mark.parametrize("rate", [0.75, 0.3, 1 / 3, 1, 0.001])
def test_a_keep_rate_is_hit_exactly(rate):
    table = corpus(301)
    found = run(table, keep_rate=rate)
    kept = {name for name, row in found.items() if row["semdedup_keep"]}
    assert len(kept) == int(rate * 301 + 1e-9)
    assert kept == {name for name, row in found.items() if row["semdedup_quantile"] <= rate}
    assert sorted(row["semdedup_quantile"] for row in found.values()) == [(i + 1) / 301 for i in range(301)]
    highest = max((found[name]["semdedup_similarity"] for name in kept), default=-1)
    assert all(row["semdedup_similarity"] >= highest for row in found.values() if not row["semdedup_keep"])


def test_a_threshold_is_a_filter_on_the_column():
    table = corpus()
    strict, loose = run(table, threshold=0.9), run(table, threshold=0.99)
    assert {n: row["semdedup_similarity"] for n, row in strict.items()} == {
        n: row["semdedup_similarity"] for n, row in loose.items()
    }
    assert all(row["semdedup_keep"] == (row["semdedup_similarity"] <= np.float32(0.9)) for row in strict.values())
    assert sum(row["semdedup_keep"] for row in strict.values()) < sum(row["semdedup_keep"] for row in loose.values())


def test_planted_paraphrases_are_found():
    """Thirty groups of four in noise: all but the first of each go, and name one of their group."""
    random = np.random.default_rng(5)
    groups = np.repeat(np.arange(30), 4)
    vectors = random.normal(size=(30, 64))[groups] + random.normal(size=(120, 64)) * 0.08
    vectors = np.concatenate([vectors, random.normal(size=(400, 64))])
    clusters, distances = cluster.assign(vectors.astype(np.float32), cluster.Centroids(np.eye(4, 64, dtype=np.float32)))
    same = np.repeat(clusters[:120:4], 4)
    clusters[:120] = same
    names = [*(f"g{group}-{i}" for i, group in enumerate(groups)), *(f"n{i}" for i in range(400))]
    table = pa.table(
        {
            "id": pa.array(names),
            "digest": pa.array([bytes(16)] * 520, pa.binary(16)),
            "embed": arrow.vector_array(vectors.astype(np.float16)),
            "cluster": pa.array(clusters),
            "cluster_distance": pa.array(distances),
        }
    )
    found = run(table, threshold=0.95)
    gone = {name for name, row in found.items() if not row["semdedup_keep"]}
    assert len(gone) == 90 and all(name.split("-")[0] == found[name]["semdedup_of"].split("-")[0] for name in gone)


# --- clusters that are too large -------------------------------------------------------------------


def test_a_large_cluster_is_split_and_compared_within_its_parts():
    table = corpus(400, clusters=2)
    found = run(table, max_cluster=60)
    again = run(table.take(np.random.default_rng(1).permutation(400)), cut=37, parts=1, max_cluster=60)
    assert found == again
    splits = {name: row["semdedup_split"] for name, row in found.items()}
    documents = as_documents(table, KEYS["hard"])
    sizes = {}
    for one in documents:
        assert (splits[one["id"]] is None) == (one["cluster"] is None)
        if one["cluster"] is not None:
            one["cluster"] = (one["cluster"], splits[one["id"]])
            sizes[one["cluster"]] = sizes.get(one["cluster"], 0) + 1
    assert max(sizes.values()) <= 60 and len(sizes) >= 8
    for number in (0, 1):
        parts = sorted(part for owner, part in sizes if owner == number)
        assert parts == list(range(len(parts)))
    expected = naive.similarities(documents, np.float32)
    assert {name: row["semdedup_of"] for name, row in found.items()} == {n: of for n, (_, of) in expected.items()}


def test_only_what_is_too_large_is_split():
    table = corpus(200, clusters=2)
    sizes = np.bincount(table["cluster"].drop_null().to_numpy())
    found = run(table, max_cluster=int(sizes.min()))
    larger = int(sizes.argmax())
    expected = {n: cluster == larger for n, cluster in zip(table["id"].to_pylist(), table["cluster"].to_pylist())}
    assert {name: row["semdedup_split"] is not None for name, row in found.items()} == expected


def test_equal_vectors_cannot_be_split():
    table = corpus(50, clusters=1)
    one = arrow.vector_array(np.ones((50, 12), dtype=np.float16))
    table = table.set_column(2, "embed", one).set_column(3, "cluster", pa.array([3] * 50, pa.int32()))
    found = run(table, max_cluster=10)
    assert sum(row["semdedup_of"] is None for row in found.values()) == 1
    assert all(row["semdedup_split"] is None for row in found.values())


# --- options ---------------------------------------------------------------------------------------


def test_columns_that_options_name():
    assert ordering(SemdedupConfig(cluster="again")) == "again_distance"
    assert ordering(SemdedupConfig(cluster="again_level2")) == "again_distance"
    assert ordering(SemdedupConfig(cluster="cluster_domain", distance="other")) == "other"
    assert ordering(SemdedupConfig(order="best:score")) == "score"
    assert needs_survey(SemdedupConfig(order="random")) == ("id", "digest", "embed", "cluster")
    with pytest.raises(ValidationError, match="'best:' is not hard, easy, random or best:COLUMN"):
        SemdedupConfig(order="best:")


def test_a_random_order_hangs_on_the_seed():
    table = corpus(200)
    first, second = run(table, order="random"), run(table, order="random", seed=1)
    assert run(table, cut=9, order="random") == first != second


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.timestamp("us"), pa.float64()])
def test_large_numbers_are_put_in_order(kind):
    step = 2048 if kind == pa.float64() else 1
    values = [(1 << 62) + step * number for number in (3, 0, 4, 1, 2)] + [None]
    documents = corpus(6, clusters=1).drop_columns(["embed", "cluster"])
    vectors = np.tile(np.array([1, 2], dtype=np.float32), (6, 1))
    table = documents.append_column("embed", arrow.vector_array(vectors)).append_column("cluster", pa.array([0] * 6))
    table = table.append_column("score", pa.array(values, pa.int64()).cast(kind, safe=False))
    found = run(table, order="best:score")
    best = table["id"][2].as_py()
    assert [name for name, row in found.items() if row["semdedup_of"] is None] == [best]
    assert {row["semdedup_of"] for row in found.values()} == {None, best}


def test_wrong_columns():
    table = next(shards(corpus(10), 10))
    config = SemdedupConfig(cluster="id", order="random")
    with pytest.raises(UsageError, match="--cluster id: the column holds string, not numbers of clusters"):
        list(STAGE.before[0].survey(table, None, config))
    with pytest.raises(UsageError, match="--embedding id: the column holds string, not vectors"):
        list(STAGE.before[0].survey(table, None, SemdedupConfig(embedding="id")))
    with pytest.raises(UsageError, match="'id' holds string, which puts nothing in order"):
        STAGE.before[0].survey(table, None, SemdedupConfig(order="best:id"))


def test_the_report_says_what_each_threshold_keeps():
    table = corpus()
    config = SemdedupConfig()
    pieces = [piece.drop_columns(["part"]) for piece in STAGE.before[0].survey(next(shards(table, 300)), None, config)]
    model = STAGE.before[0].settle([semdedup.compared(Given(pieces), 10**6, 0)], config).model
    assert STAGE.report
    lines = STAGE.report(model, None, config)
    assert any(line.startswith("semdedup_similarity <= 0.95    keeps") for line in lines)
    values = np.array([row["semdedup_similarity"] for row in run(table).values()])
    for row in model.to_pylist():
        assert row["documents"] == (values <= row["similarity"]).sum()
