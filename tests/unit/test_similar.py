import json

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from curate.algorithms import cluster, ranking, similar, similar_choice
from curate.errors import DataError, UsageError
from curate.kernels import arrow
from curate.runtime.opened import Opened
from curate.runtime.status import matches
from curate.stages.similar import STAGE, SimilarConfig, adds
from curate.storage.corpus import Corpus
from tests import material, running
from tests.naive import similar as naive


def corpus(count=300, dimensions=10, seed=0, dtype=np.float16):
    """Documents with vectors, some equal, some without."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, dimensions)).astype(dtype)
    vectors[::7] = vectors[0]
    valid = random.random(count) > 0.05
    vectors[5] = 0
    return pa.table(
        {
            "id": pa.array([f"d{i:04}" for i in random.permutation(count)]),
            "digest": pa.array([bytes([i % 7] * 16) for i in range(count)], pa.binary(16)),
            "source": ["s"] * count,
            "text": pa.array([f"text {i}" for i in range(count)], pa.large_string()),
            "embed": arrow.vector_array(vectors, valid),
        }
    )


def model(table, sizes=(4, 3), centres=0, seed=1):
    """A model of texts whose vectors are random, so many to a file."""
    random = np.random.default_rng(seed)

    def make(texts):
        rows = random.normal(size=(texts.num_rows, table["embed"].type.list_size)).astype(np.float32)
        return texts.append_column("embed", arrow.vector_array(rows, np.array(texts["text"].to_pylist()) != "nothing"))

    files = [
        similar.of_file(f"file{i}", [pa.array(["nothing"] + [f"seed {j}" for j in range(size)], pa.large_string())])
        for i, size in enumerate(sizes)
    ]
    return similar.learned(make, files, "embed", centres)


def shards(table, cut):
    for number, start in enumerate(range(0, table.num_rows, cut)):
        piece = table.slice(start, cut)
        rows = {"shard": pa.array([number] * len(piece), pa.int32()), "row": pa.array(range(len(piece)), pa.int64())}
        yield piece.append_column("shard", rows["shard"]).append_column("row", rows["row"])


def run(table, given, cut=100, parts=2, **options):
    """The layer's rows by id, and the matches, as a run over shards of `cut` rows makes them."""
    config = SimilarConfig(to=["x"], **options)
    census = STAGE.before[1]
    tables = list(shards(table, cut))
    surveyed = [[] for _ in range(parts)]
    for shard in tables:
        found = census.survey(shard, None, given, config)
        for piece in [found] if isinstance(found, pa.Table) else found:
            part = np.zeros(len(piece), dtype=np.int64)
            if "part" in piece.column_names:
                part = (arrow.numbers(piece["part"]).astype(np.uint64) * np.uint64(parts)) >> np.uint64(32)
                piece = piece.drop_columns(["part"])
            for number in range(parts):
                surveyed[number].append(piece.filter(pa.array(part == number)))
    linked = []
    for number, pieces in enumerate(surveyed):
        made = census.link(pieces, number, config)
        linked += [made] if isinstance(made, pa.Table) else list(made)
    settled = census.settle(linked, config)
    rows = pa.concat_tables(settled.rows) if settled.rows is not None else None
    made = {}
    for number, shard in enumerate(tables):
        mine = None if rows is None else rows.filter(pa.array(arrow.numbers(rows["shard"]) == number)).sort_by("row")
        columns = STAGE.apply(shard, mine, STAGE.prepare(given, config), config).table
        assert columns.schema == adds(config)
        made |= dict(zip(shard["id"].to_pylist(), columns.to_pylist(), strict=True))
    return made, list(settled.details or [])


def truth(table, rows):
    """Ids of documents with a vector, their cosines with some vectors, and the order of equal ones."""
    given = similar.stored.unit_rows(table["embed"])
    chosen = np.flatnonzero(np.abs(given).sum(axis=1) > 0)
    cosines = next(similar.blocks(table["embed"].take(pa.array(chosen)), rows))[1]
    exact = given[chosen].astype(np.float64) @ rows.astype(np.float64).T
    assert np.abs(cosines - exact).max() < 1e-6
    ids = table["id"].take(pa.array(chosen))
    order = list(zip(table["digest"].take(pa.array(chosen)).to_pylist(), ranking.ties(ids), strict=True))
    return ids.to_pylist(), cosines, order


def ranks(made):
    return {name: row["similar_rank"] for name, row in made.items() if row["similar_keep"]}


def test_the_nearest_seed_and_the_threshold():
    table, given = corpus(), model(corpus())
    assert [row["item"] for row in given.to_pylist() if row["kind"] == "seed"] == [
        f"file{i} {j}" for i, n in ((0, 4), (1, 3)) for j in range(1, n + 1)
    ]
    known = similar.seeds(given)
    ids, cosines, _ = truth(table, known.rows)
    made, found = run(table, given, threshold=0.3)
    for name, row in zip(ids, cosines, strict=True):
        assert made[name]["similar"] == pytest.approx(row.max(), abs=1e-6)
        assert made[name]["similar_to"] == known.items[int(row.argmax())].as_py()
        assert made[name]["similar_keep"] == (made[name]["similar"] >= 0.3)
    without = [row for name, row in made.items() if name not in ids]
    assert len(without) > 3 and found == []
    assert all(row["similar"] is None and row["similar_to"] is None and not row["similar_keep"] for row in without)


def test_drop_leaves_what_is_far_and_lists_both_sides():
    table, given = corpus(), model(corpus())
    kept, _ = run(table, given, threshold=0.5)
    left, found = run(table, given, threshold=0.5, drop=True)
    assert all(kept[name]["similar_keep"] != row["similar_keep"] for name, row in left.items())
    listed = pa.concat_tables(found).to_pylist()
    assert {row["id"] for row in listed} == {name for name, row in left.items() if not row["similar_keep"]} != set()
    texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    for row in listed:
        assert row["text"] == texts[row["id"]] and row["similarity"] == left[row["id"]]["similar"]
        assert row["item"] == left[row["id"]]["similar_to"]
        assert row["item_text"] == f"seed {int(row['item'].split()[1]) - 1}"


@pytest.mark.parametrize("most", [1, 3, 40, 400])
def test_nearest_equals_the_definition(most):
    table, given = corpus(), model(corpus())
    ids, cosines, order = truth(table, similar.seeds(given).rows)
    expected = naive.nearest(cosines.tolist(), order, most)
    made, _ = run(table, given, method="nearest", nearest=most)
    assert ranks(made) == {ids[one]: rank for one, rank in expected.items()}


@pytest.mark.parametrize("wanted", [1, 7, 100])
def test_round_robin_equals_the_definition(wanted):
    table, given = corpus(), model(corpus(), sizes=(4, 1, 3))
    known = similar.seeds(given)
    ids, cosines, order = truth(table, known.rows)
    tasks = np.stack([cosines[:, known.tasks == task].max(axis=1) for task in range(3)], axis=1)
    expected = naive.in_turn(tasks.tolist(), order, wanted)
    made, _ = run(table, given, method="round-robin", documents=wanted)
    assert ranks(made) == {ids[one]: rank for rank, one in enumerate(expected, 1)}


def test_round_robin_fills_a_share_exactly_and_refuses_too_many():
    table, given = corpus(), model(corpus())
    valid = len(truth(table, similar.seeds(given).rows)[0])
    assert len(ranks(run(table, given, method="round-robin", keep_rate=0.25)[0])) == int(0.25 * valid)
    assert len(ranks(run(table, given, method="round-robin", keep_rate=1)[0])) == valid
    with pytest.raises(DataError, match=f"{valid + 1} documents are wanted, but only {valid} have a vector"):
        run(table, given, method="round-robin", documents=valid + 1)


@pytest.mark.parametrize("stop", [0.3, 0.8, 1.0])
def test_simcore_equals_the_definition(stop):
    table, given = corpus(), model(corpus(), sizes=(20,), centres=5)
    known = similar.seeds(given)
    assert known.centres.shape == (5, 10)
    ids, cosines, order = truth(table, known.centres)
    expected = naive.layers(cosines.astype(np.float64).tolist(), order, stop)
    made, _ = run(table, given, method="simcore", stop=stop, centres=5)
    assert ranks(made) == {ids[one]: number for number, layer in enumerate(expected, 1) for one in layer}


@pytest.mark.parametrize(
    "options",
    [
        {"method": "nearest", "nearest": 3},
        {"method": "round-robin", "documents": 50},
        {"method": "simcore", "stop": 0.5, "centres": 4},
    ],
)
def test_neither_shards_nor_parts_nor_blocks_count(options, monkeypatch):
    table, given = corpus(), model(corpus(), sizes=(9, 3), centres=4)
    expected = run(table, given, cut=300, parts=1, **options)[0]
    assert run(table, given, cut=13, parts=5, **options)[0] == expected
    monkeypatch.setattr(similar, "_PRODUCTS_AT_ONCE", 1)
    monkeypatch.setattr(similar_choice, "_HELD", 8)
    assert run(table, given, cut=77, **options)[0] == expected


def test_many_seeds_are_searched_by_groups_with_the_recall_that_is_stated(monkeypatch):
    monkeypatch.setattr(cluster, "FLAT_MOST", 500)
    random = np.random.default_rng(2)
    subjects = random.normal(size=(60, 24))
    rows = subjects[random.integers(0, 60, 2000)] + 0.5 * random.normal(size=(2000, 24))
    documents = subjects[random.integers(0, 60, 1000)] + 0.5 * random.normal(size=(1000, 24))

    def make(texts):
        return texts.append_column("embed", arrow.vector_array(rows[: texts.num_rows].astype(np.float32)))

    texts = pa.array([str(i) for i in range(2000)], pa.large_string())
    known = similar.seeds(similar.learned(make, [similar.of_file("file", [texts])], "embed"))
    assert known.search.search is not None and len(known.rows) == 2000
    column = pa.chunked_array([arrow.vector_array(documents.astype(np.float16))])
    cosines, found, _ = similar.closest(column, known)
    exact = similar.stored.unit_rows(column) @ known.rows.T
    assert np.allclose(cosines, exact[np.arange(1000), found], atol=1e-6)
    assert (found == exact.argmax(axis=1)).mean() >= 0.95
    assert (exact.max(axis=1) - cosines).mean() < 0.01


def test_texts_without_a_vector_are_left_out_and_a_file_of_them_is_refused():
    with pytest.raises(DataError, match="--to file1: none of its 1 texts has a vector"):
        model(corpus(), sizes=(3, 0))


def test_options_that_say_nothing_to_the_method_are_refused():
    for options in ({"documents": 5}, {"method": "nearest", "drop": True}, {"method": "round-robin"}):
        with pytest.raises(ValidationError):
            SimilarConfig(to=["x"], **options)
    with pytest.raises(UsageError, match=r"two are called 'a\.jsonl'"):
        similar.names(["x/a.jsonl", "y/a.jsonl"])


def test_a_corpus_end_to_end(tmp_path):
    texts = [text for text in material.docstrings() if len(text) > 60][:60]
    material.write_records(tmp_path / "raw.jsonl", texts)
    running.step("ingest", {"sources": [str(tmp_path / "raw.jsonl")]}, to=str(tmp_path / "pool"))
    path, asked = str(tmp_path / "pool"), tmp_path / "asked.jsonl"
    asked.write_text("".join(json.dumps({"question": text}) + "\n" for text in texts[3:6]))
    running.step("embed", {"dimensions": 16, "dtype": "float32"}, corpus=path, as_="meaning")
    options = {"to": [f"{asked}#question"], "embedding": "meaning", "threshold": 0.9999, "drop": True}
    running.step("similar", options, corpus=path, where="bytes > 0")
    rows = Opened(path).table(["text", "similar", "similar_to", "similar_keep"]).to_pylist()
    gone = {row["text"]: row for row in rows if not row["similar_keep"]}
    assert set(gone) == set(texts[3:6])
    assert [gone[text]["similar_to"] for text in texts[3:6]] == [f"asked.jsonl#question {i}" for i in range(3)]
    assert {row["item_text"] for row in matches(Corpus(path), 9)} == {text[:1000] for text in texts[3:6]}
