import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from curate.algorithms import mix
from curate.errors import UsageError

NAMES = ["web", "books"]


def recipe(**asked) -> mix.Recipe:
    plain = {"weights": None, "temperature": 1.0, "budget": None, "unit": "documents", "max_epochs": 4.0, "by": None}
    return mix.Recipe(**{**plain, "score": None, **asked})


def named(numbers: list[int]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32()), pa.array(NAMES, pa.string()))


def documents(sizes: list[int], corpus: list[int], shard: int = 0) -> pa.Table:
    """A shard's documents: their lengths are given, their ids count through all shards."""
    rows = len(sizes)
    return pa.table(
        {
            "id": pa.array([f"{shard}-{i}" for i in range(rows)], pa.string()),
            "bytes": pa.array(sizes, pa.int64()),
            "text": pa.array(["x" * size for size in sizes], pa.large_string()),
            "shard": pa.array([shard] * rows, pa.int32()),
            "row": pa.array(range(rows), pa.int64()),
            "corpus": named(corpus),
        }
    )


def survey(table: pa.Table, scores=None, temperature: float = 1.0, seed: int = 0) -> pa.Table:
    keys = mix.choice_keys(mix.document_hashes(table, seed), scores, temperature)
    tokens = table["bytes"].cast(pa.int32())
    groups = mix.groups(table, None)
    return pa.table({"shard": table["shard"], "row": table["row"], "group": groups, "tokens": tokens, "key": keys})


def chosen(tables: list[pa.Table], asked: mix.Recipe, seed: int = 0) -> tuple[dict[str, int], pa.Table]:
    """Draws by document, and the groups."""
    pool, _ = mix.pool((survey(table, seed=seed) for table in tables), asked)
    draws, _, groups = mix.choose(pool, asked)
    ids = [f"{shard}-{row}" for shard, row in zip(pool.shard, pool.row, strict=True)]
    return dict(zip(ids, draws.tolist(), strict=True)), groups


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 1)), min_size=1, max_size=60),
    st.integers(1, 5000),
    st.sampled_from(["documents", "tokens"]),
    st.sampled_from([0.5, 1.0, 2.5, 4.0]),
    st.sampled_from([None, 1.0, 9.0]),
)
def test_budgets_and_caps_hold(pool, budget, unit, max_epochs, weight):
    sizes, corpus = map(list, zip(*pool, strict=True))
    weights = {"web": weight, "books": 1.0} if weight and len(set(corpus)) == 2 else None
    draws, groups = chosen(
        [documents(sizes, corpus)], recipe(weights=weights, budget=budget, unit=unit, max_epochs=max_epochs)
    )
    assert max(draws.values()) <= np.ceil(max_epochs)
    whole = sum(np.floor(max_epochs * size) for size in groups[unit].to_pylist())
    off = abs(sum(groups["achieved"].to_pylist()) - min(budget, whole))
    assert off == 0 if unit == "documents" else 2 * off <= max(sizes)
    for row in groups.to_pylist():
        mine = [i for i, number in enumerate(corpus) if NAMES[number] == row["group"]]
        counts = [draws[f"0-{i}"] for i in mine]
        assert max(counts) - min(counts) <= 1
        assert sum(counts) == row["achieved_documents"]
        assert sum(sizes[i] * draws[f"0-{i}"] for i in mine) == row["achieved_tokens"]


def test_groups_are_within_a_document_of_what_was_asked():
    rng = np.random.default_rng(1)
    table = documents(rng.integers(1, 400, 600).tolist(), rng.integers(0, 2, 600).tolist())
    _, groups = chosen([table], recipe(weights={"web": 1.0, "books": 3.0}, budget=70_000, unit="tokens"))
    for row in groups.to_pylist():
        assert abs(row["achieved"] - row["requested"]) < 400
    assert groups["requested"].to_pylist() == [52_500, 17_500]


def test_without_a_budget_everything_comes_once():
    draws, groups = chosen([documents([3, 4, 5], [0, 1, 0])], recipe())
    assert set(draws.values()) == {1}
    assert groups["epochs"].to_pylist() == [1.0, 1.0]


def test_choice_does_not_hang_on_the_order_of_shards():
    tables = [documents([5] * 40, [shard % 2] * 40, shard) for shard in range(4)]
    asked = recipe(budget=50)
    draws, groups = chosen(tables, asked)
    again, same = chosen(tables[::-1], asked)
    assert draws == again
    assert groups.equals(same)
    assert sum(draws.values()) == 50


def test_another_seed_chooses_otherwise():
    tables = [documents([5] * 200, [0] * 200)]
    first, _ = chosen(tables, recipe(budget=100))
    second, _ = chosen(tables, recipe(budget=100), seed=1)
    both = sum(1 for name in first if first[name] and second[name])
    assert 30 < both < 70


def test_a_larger_budget_keeps_what_a_smaller_one_chose():
    tables = [documents([5] * 200, [0] * 200)]
    small, _ = chosen(tables, recipe(budget=50))
    large, _ = chosen(tables, recipe(budget=120))
    assert all(large[name] for name in small if small[name])


def test_the_first_by_gumbel_is_softmax():
    scores = np.array([0.0, 1.0, -1.0, 2.0, 0.5])
    table = documents([1] * 5, [0] * 5)
    temperature = 1.3
    wins = np.zeros(5)
    for seed in range(6000):
        wins[np.argmax(mix.choice_keys(mix.document_hashes(table, seed), scores, temperature))] += 1
    weights = np.exp(scores / temperature)
    expected = weights / weights.sum() * wins.sum()
    assert chisquare(wins, expected).pvalue > 1e-4
    assert chisquare(wins, np.full(5, wins.mean())).pvalue < 1e-12


def test_gumbel_draws_sets_as_sampling_without_replacement_does():
    scores, table = np.array([0.0, 1.0, -1.0, 0.5, 2.0]), documents([1] * 5, [0] * 5)
    chance: dict[tuple[int, ...], float] = {}
    for order in itertools.permutations(range(5), 2):
        left = np.exp(scores)
        first = left[order[0]] / left.sum()
        left[order[0]] = 0
        drawn = tuple(sorted(order))
        chance[drawn] = chance.get(drawn, 0.0) + first * left[order[1]] / left.sum()
    found = dict.fromkeys(chance, 0)
    for seed in range(4000):
        keys = mix.choice_keys(mix.document_hashes(table, seed), scores, 1.0)
        found[tuple(sorted(np.argsort(~keys)[:2].tolist()))] += 1
    expected = np.array(list(chance.values()))
    assert chisquare(list(found.values()), 4000 * expected / expected.sum()).pvalue > 1e-4


def test_without_scores_all_are_equally_likely():
    table = documents([1] * 5, [0] * 5)
    wins = np.zeros(5)
    for seed in range(5000):
        wins[np.argmax(mix.choice_keys(mix.document_hashes(table, seed), None, 1.0))] += 1
    assert chisquare(wins).pvalue > 1e-4


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30))
def test_temperature_zero_takes_the_greatest_scores(scores):
    table = documents([1] * len(scores), [0] * len(scores))
    keys = mix.choice_keys(mix.document_hashes(table, 0), np.array(scores), 0.0)
    ranked = np.array(scores)[np.argsort(keys)]
    assert (ranked[1:] >= ranked[:-1]).all()


def test_equal_ids_of_different_corpora_are_different_documents():
    hashes = mix.document_hashes(pa.table({"id": ["a", "a", "b"], "corpus": named([0, 1, 0])}), 0)
    assert len(set(hashes.tolist())) == 3


def test_documents_without_a_group_or_score_are_counted():
    table = documents([1] * 5, [0] * 5).append_column("topic", pa.array(["a", None, "a", "a", "b"]))
    scores, usable = mix.usable_scores(pa.chunked_array([[1.0, 2.0, None, float("nan"), None]]))
    surveyed = survey(table).set_column(2, "group", mix.groups(table, "topic"))
    surveyed = surveyed.set_column(
        4, "key", pa.array(mix.choice_keys(np.arange(5, dtype=np.uint64), scores, 1.0), mask=~usable)
    )
    with pytest.raises(UsageError, match="no document of 'b' has one"):
        mix.pool([surveyed], recipe(by="topic", score="dsir", budget=4))
    pool, removed = mix.pool([surveyed], recipe(by="topic", score="dsir", weights={"a": 1.0}, budget=4))
    assert removed == {"null topic": 1, "null dsir": 3}
    assert (pool.names, len(pool.group)) == ([("a",)], 1)


def test_groups_by_column():
    table = pa.table({"number": [3, None, 10], "share": [0.5, 0.1, 0.2]})
    assert mix.groups(table, "number").to_pylist() == ["3", None, "10"]
    with pytest.raises(UsageError, match="double"):
        mix.groups(table, "share")
    with pytest.raises(UsageError, match="string"):
        mix.usable_scores(pa.chunked_array([["a"]]))


def test_mistakes_are_named():
    surveyed = survey(documents([1, 1], [0, 1]))
    pool, _ = mix.pool([surveyed], recipe())
    with pytest.raises(UsageError, match=r"--weights wob: .* there are: books, web"):
        mix.choose(pool, recipe(weights={"wob": 1.0}, budget=1))
    unscored = surveyed.set_column(4, "key", pa.array([5, None], pa.uint64()))
    with pytest.raises(UsageError, match="no document of 'books'"):
        mix.pool([unscored], recipe(score="dsir", budget=1))


def test_an_empty_pool():
    asked = recipe(budget=5)
    pool, removed = mix.pool([survey(documents([], []))], asked)
    draws, _, groups = mix.choose(pool, asked)
    rows = list(mix.chosen_rows(pool, draws))
    assert (len(draws), groups.num_rows, removed) == (0, 0, {})
    assert [table.num_rows for table in rows] == [0]


def test_copies_are_placed_and_named():
    table = documents([10] * 30, [0] * 15 + [1] * 15).append_column("origin", pa.array(["old"] * 30))
    draws = np.array([i % 4 for i in range(30)], dtype=np.int32)
    rows = np.flatnonzero(draws)
    mine = pa.table({"row": rows.astype(np.int64), "draws": draws[rows]})
    made = pa.concat_tables(mix.copies(table, mine, 3)).to_pylist()
    assert len(made) == draws.sum()
    assert len({row["id"] for row in made}) == len(made)
    for row in made:
        number = int(row["origin_id"].split("-")[1])
        assert row["origin"] == NAMES[number >= 15]
        assert row["part"] == row["order"] >> 32
        assert row["id"] == f"{row['origin']}{'#' + str(row['draw']) if row['draw'] else ''}/{row['origin_id']}"
    found = {row["origin_id"]: [] for row in made}
    for row in made:
        found[row["origin_id"]].append(row["draw"])
    assert all(sorted(numbers) == list(range(int(name.split("-")[1]) % 4)) for name, numbers in found.items())


def test_copies_of_nothing_have_all_columns():
    table = documents([10], [0])
    mine = pa.table({"row": pa.array([], pa.int64()), "draws": pa.array([], pa.int32())})
    (made,) = mix.copies(table, mine, 0)
    (full,) = mix.copies(table, pa.table({"row": [0], "draws": pa.array([1], pa.int32())}), 0)
    assert made.num_rows == 0
    assert made.schema.equals(full.schema)


def test_copies_come_in_tables_of_bounded_size(monkeypatch):
    monkeypatch.setattr(mix, "_BLOCK_BYTES", 25)
    table = documents([10] * 9, [0] * 9)
    mine = pa.table({"row": np.arange(9), "draws": np.full(9, 2, dtype=np.int32)})
    tables = list(mix.copies(table, mine, 0))
    assert max(part["bytes"].to_numpy().sum() for part in tables) <= 30
    assert sum(part.num_rows for part in tables) == 18


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_pieces_together_are_one_shuffle(parts):
    table = documents([10] * 200, [0] * 200)
    mine = pa.table({"row": np.arange(200), "draws": np.full(200, 2, dtype=np.int32)})
    routed = pa.concat_tables(mix.copies(table, mine, 0))
    order = routed.sort_by("order")["id"].to_pylist()
    pieces = [mix.shuffled([routed.slice(0, 150), routed.slice(150)], piece, parts) for piece in range(parts)]
    assert [name for piece in pieces for name in piece["id"].to_pylist()] == order
    assert "order" not in pieces[0].column_names
    places = np.array([order.index(f"web/0-{i}") for i in range(200)])
    assert abs(np.corrcoef(places, np.arange(200))[0, 1]) < 0.3
