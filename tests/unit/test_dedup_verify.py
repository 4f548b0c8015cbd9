import weakref
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import dedup, dedup_rules, dedup_sets, dedup_verify
from curate.algorithms.dedup_rules import Rules
from curate.errors import UsageError
from curate.kernels import arrow, hashing, jaccard, set_index
from tests.naive import dedup as naive

MEASURES = {"jaccard": naive.jaccard, "containment": naive.containment}
WORDS = st.lists(st.sampled_from(["a", "B", "b", "c", "d", "漢", "é", "...", "!"]), max_size=12).map(" ".join)


class Held(list):
    """A part's tables as the runtime gives them; counts the passes over the sets."""

    passes = 0

    def only(self, *columns: str):
        self.passes += "grams" in columns
        return iter([table.select(columns) for table in self])


def documents(texts: list[str], first: int = 0, prefix: str = "d", **columns) -> pa.Table:
    text = arrow.strings(pa.array(texts, pa.large_string()))
    digests = np.empty((len(texts), 2), dtype=np.uint64)
    hashing.digest_strings(text.offsets, text.data, digests)
    base = {
        "id": pa.array([f"{prefix}{i:04}" for i in range(first, first + len(texts))], pa.string()),
        "text": pa.array(texts, pa.large_string()),
        "digest": arrow.binary_array(digests.view(np.uint8)),
        "bytes": np.diff(text.offsets),
    }
    return pa.table({**base, **columns})


def cut(table: pa.Table, size: int, shard: int = 0, corpus: int = 0) -> list[pa.Table]:
    """Shards of so many documents, as the runtime gives them."""
    found = []
    for start in range(0, max(table.num_rows, 1), size):
        piece = table.slice(start, size)
        rows = piece.num_rows
        names = pa.DictionaryArray.from_arrays(np.full(rows, corpus, np.int32), pa.array(["first", "second"]))
        marks = {
            "shard": np.full(rows, shard + len(found), np.int32),
            "row": np.arange(rows, dtype=np.int64),
            "corpus": names,
        }
        for name, values in marks.items():
            piece = piece.append_column(name, pa.array(values))
        found.append(piece)
    return found


def grouped(given_shards: list[tuple[pa.Table, bool]], components) -> list[pa.Table]:
    """The rows of the census before: a group is the same words, or the same digest."""
    names: dict[object, int] = {}
    for table, old in given_shards:
        for document, text, digest in zip(
            dedup.documents_of(table, old), table["text"].to_pylist(), table["digest"].to_pylist(), strict=True
        ):
            name = tuple(naive.words(text)) or digest
            names[name] = min(names.get(name, 1 << 63), int(document))
    found = []
    for table, _ in given_shards:
        keys = zip(table["text"].to_pylist(), table["digest"].to_pylist(), strict=True)
        groups = [names[tuple(naive.words(text)) or digest] for text, digest in keys]
        columns = {"row": table["row"], "component": list(map(components, groups)), "group": groups}
        found.append(pa.table(columns, schema=pa.schema([(name, pa.int64()) for name in columns])))
    return found


def surveyed(new: list[pa.Table], old: list[pa.Table], rules: Rules, components=lambda group: 7) -> Held:
    shards = [(table, True) for table in old] + [(table, False) for table in new]
    tables = []
    for (table, is_old), mine in zip(shards, grouped(shards, components), strict=True):
        survey = dedup_sets.old_sets if is_old else dedup_sets.survey_sets
        columns = [
            *dedup_rules.needs(rules),
            "shard",
            "row",
            "corpus",
            *(["dedup_keep", "dedup_size"] if is_old else []),
        ]
        tables += [piece.drop_columns(["part"]) for piece in survey(table.select(columns), mine, rules)]
    return Held(tables)


def outcome(rows: pa.Table, new: list[pa.Table]) -> dict[str, tuple]:
    """{id: (of, similarity, size)} of the columns that a layer gets."""
    schema = pa.schema([("dedup_of", pa.string()), ("dedup_similarity", pa.float32()), ("dedup_size", pa.int32())])
    found = {}
    for number, table in enumerate(new):
        shard = table["shard"][0].as_py() if table.num_rows else number
        mine = rows.filter(pc.equal(rows["shard"], shard)).sort_by("row").drop_columns(["shard"])
        made = dedup_verify.columns(mine if mine.num_rows else None, table, schema)
        found |= dict(
            zip(table["id"].to_pylist(), zip(*(made[name].to_pylist() for name in schema.names)), strict=True)
        )
    return found


def expected(new: list[pa.Table], old: list[pa.Table], rules: Rules, **more) -> dict[str, tuple]:
    given_documents = []
    for table in new:
        given_documents += [{**item, "rank": item["bytes"]} for item in table.drop_columns(["corpus"]).to_pylist()]
    for table in old:
        given_documents += [
            {
                **item,
                "rank": item["bytes"],
                "old": 1 + ["first", "second"].index(item["corpus"]),
                "size": item["dedup_size"],
            }
            for item in table.to_pylist()
            if item["dedup_keep"]
        ]
    similarity = more.pop("similarity", MEASURES.get(rules.verify))
    found = naive.deduplicate(given_documents, rules.threshold, rules.ngram, similarity, **more)
    return {name: (of, similar and np.float32(similar), size) for name, (of, similar, size) in found.items()}


OLD = st.lists(st.tuples(WORDS, st.booleans(), st.integers(1, 4)), max_size=6)


def old_shards(first: list, second: list) -> list[pa.Table]:
    found = []
    for place, rows in enumerate((first, second)):
        texts = [text for text, _, _ in rows]
        columns = {
            "dedup_keep": pa.array([keep for _, keep, _ in rows], pa.bool_()),
            "dedup_size": pa.array([size for _, _, size in rows], pa.int32()),
        }
        found += cut(documents(texts, prefix=f"o{place}", **columns), 4, 20 * (place + 1), place)
    return found


@settings(deadline=None, max_examples=60)
@given(
    st.lists(WORDS, min_size=1, max_size=30),
    st.tuples(OLD, OLD),
    st.sampled_from(["jaccard", "containment"]),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
    st.integers(1, 3),
    st.sampled_from([8, 300, 2000, 1 << 28]),
)
def test_the_outcome_is_that_of_comparing_all_with_all(texts, olds, verify, threshold, ngram, block):
    rules = Rules(dedup_rules.order("longest"), verify, threshold, ngram=ngram)
    new, old = cut(documents(texts), 7), old_shards(*olds)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup_verify, "BLOCK_BYTES", block)
        patch.setattr(dedup_sets, "PIECE_BYTES", 60)
        tables = surveyed(new, old, rules)
        rows = dedup_verify.verify(tables, rules)
    assert outcome(rows, new) == expected(new, old, rules)
    assert not rows["capped"].to_numpy().any()
    assert tables.passes <= 1 or block < 1 << 28


@settings(deadline=None, max_examples=40)
@given(st.lists(WORDS, min_size=1, max_size=30), st.integers(1, 5), st.sampled_from([8, 300, 1 << 28]))
def test_components_have_nothing_to_do_with_one_another(texts, count, block):
    rules = Rules(dedup_rules.order("longest"), threshold=0.5, ngram=1)
    new = cut(documents(texts), 9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup_verify, "BLOCK_BYTES", block)
        found = outcome(dedup_verify.verify(surveyed(new, [], rules, lambda group: group % count), rules), new)
    mine = grouped([(table, False) for table in new], lambda group: group % count)
    names = dict(
        zip(pa.concat_tables(new)["id"].to_pylist(), pa.concat_tables(mine)["component"].to_pylist(), strict=True)
    )
    true = {}
    for component in range(count):
        own = [table.filter(pa.array([names[name] == component for name in table["id"].to_pylist()])) for table in new]
        true |= expected(own, [], rules)
    assert found == true


def sketch_of(texts: pa.Table, rules: Rules):
    """A sketch as a set of (bin, value), by text."""
    held = dedup_sets.survey_sets(texts, grouped([(texts, False)], lambda group: 7)[0], rules)
    rows = pa.concat_tables(held)
    sets = [frozenset(np.frombuffer(one, np.uint64).tolist()) for one in rows["grams"].to_pylist()]
    by_group = dict(zip(rows["group"].to_pylist(), sets, strict=True))
    for one, group, document in zip(sets, rows["group"].to_pylist(), rows["document"].to_pylist(), strict=True):
        if group == document:
            by_group[group] = one
    groups = rows["group"].to_pylist()
    return dict(zip(texts["text"].to_pylist(), (by_group[group] for group in groups), strict=True))


@settings(deadline=None, max_examples=40)
@given(st.lists(WORDS, min_size=1, max_size=30), st.sampled_from([0.25, 0.5, 0.75, 1.0]), st.sampled_from([40, 4000]))
def test_signatures_are_compared_by_the_bins_that_agree(texts, threshold, block):
    rules = Rules(dedup_rules.order("longest"), "signature", threshold, ngram=1, bins=8)
    new = cut(documents(texts), 99)
    sketches = sketch_of(new[0], rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup_verify, "BLOCK_BYTES", block)
        found = outcome(dedup_verify.verify(surveyed(new, [], rules), rules), new)
    true = expected(
        new, [], rules, similarity=lambda one, other: len(one & other) / 8, featured=lambda text, _: sketches[text]
    )
    assert found == true


def test_without_verification_all_but_the_first_go():
    rules = Rules(dedup_rules.order("first"), "none")
    new = cut(documents(["a", "b c", "a", "d"]), 3)
    rows = dedup_verify.verify(surveyed(new, [], rules), rules)
    assert outcome(rows, new) == {
        "d0000": (None, None, 4),
        "d0001": ("d0000", None, 4),
        "d0002": ("d0000", None, 4),
        "d0003": ("d0000", None, 4),
    }
    old = old_shards([("x", False, 1), ("y", True, 5), ("z", True, 2)], [])
    rows = dedup_verify.verify(surveyed(new, old, rules), rules)
    assert set(outcome(rows, new).values()) == {("o00001", None, 9)}
    assert rows["of_corpus"].to_pylist() == ["first"] * 4


def test_only_the_same_group():
    rules = Rules(dedup_rules.order("first"), "exact")
    new = cut(documents(["a b c d", "A b c d!", "a b c d e", "?"]), 3)
    found = outcome(dedup_verify.verify(surveyed(new, [], rules), rules), new)
    assert found == {
        "d0000": (None, None, 2),
        "d0001": ("d0000", 1.0, 2),
        "d0002": (None, None, 1),
        "d0003": (None, None, 1),
    }


def kept(keep: str, texts: list[str], **columns) -> list[str]:
    rules = Rules(dedup_rules.order(keep), threshold=0.5, ngram=1)
    new = cut(documents(texts, **columns), 2)
    found = outcome(dedup_verify.verify(surveyed(new, [], rules), rules), new)
    return [name for name, (of, _, _) in found.items() if of is None]


def test_keep_orders():
    texts = ["a b c d e f", "A b c d e f!", "a  b  c  d  e  f", "a b c d e f g"]
    assert kept("longest", texts) == ["d0002"]
    assert kept("first", texts) == ["d0000"]
    days = [date(2020, 1, 1), None, date(1960, 5, 5), date(2020, 1, 2)]
    assert kept("newest", texts, date=pa.array(days, pa.date32()).cast(pa.timestamp("us", "UTC"))) == ["d0003"]
    assert kept("newest", texts[:3], date=pa.array([None, None, date(1901, 1, 1)], pa.date32())) == ["d0002"]
    sources = {"source": pa.array(["web", None, "books", "news"])}
    assert kept("source-priority:wiki,books,news", texts, **sources) == ["d0002"]
    assert kept("source-priority:news, books", texts, **sources) == ["d0003"]
    assert kept("source-priority:news", texts, source=pa.array(["news", "news", "books", "news"])) == ["d0003"]
    assert kept("source-priority:wiki", texts, **sources) == ["d0002"]
    alike = [texts[0], texts[0].upper()]
    assert kept("source-priority:wiki", alike, source=pa.array(["web", None])) == kept(
        "best:x", alike, x=pa.array([1, 1])
    )


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (pa.array([0.5, None, 0.7, -1.0]), "d0002"),
        (pa.array([-0.5, float("nan"), -0.7, -1e300]), "d0000"),
        (pa.array([None, None, None, -5], pa.int8()), "d0003"),
        (pa.array([2**63, 1, 2**63 + 1, 5], pa.uint64()), "d0002"),
        (pa.array([2**60, 2**60 + 1, 2**60, None], pa.int64()), "d0001"),
        (pa.array([0, None, None, None], pa.uint64()), "d0000"),
        (pa.array([None, 0, None, None], pa.uint64()), "d0001"),
        (pa.array([None, None, -(2**63), None], pa.int64()), "d0002"),
        (pa.array([None, None, None, 0], pa.uint64()), "d0003"),
        (pa.array([False, True, None, False]), "d0001"),
        (pa.array([1.0, 2.0, float("inf"), -0.0], pa.float32()), "d0002"),
    ],
)
def test_the_best_value_is_exact(values, first):
    assert kept("best:x", ["a b c", "A b c", "a B c", "a b C"], x=values) == [first]


def test_orders_that_cannot_be():
    for keep in ("shortest", "best:", "best", "source-priority", "source-priority:a,,b", "source-priority:a,a"):
        with pytest.raises(ValueError, match="not longest"):
            dedup_rules.order(keep)
    with pytest.raises(UsageError, match="best:x: x is string"):
        kept("best:x", ["a", "b"], x=pa.array(["p", "q"]))
    with pytest.raises(UsageError, match="best:text: text is large_string"):
        kept("best:text", ["a", "b"])


def test_columns_needed():
    def needed(keep: str, verify: str) -> tuple[str, ...]:
        return dedup_rules.needs(Rules(dedup_rules.order(keep), verify))

    assert needed("longest", "jaccard") == ("id", "digest", "bytes", "text")
    assert needed("first", "none") == ("id", "digest")
    assert needed("best:digest", "signature") == ("id", "digest", "text")
    assert needed("source-priority:a", "exact") == ("id", "digest", "source", "bytes")
    assert needed("newest", "containment") == ("id", "digest", "date", "text")


def families(seed: int) -> list[str]:
    """Versions of a few texts, in random order."""
    random = np.random.default_rng(seed)
    texts = []
    for family in range(6):
        for _ in range(20):
            words = [f"w{family}x{i}" if random.random() > 0.15 else f"y{random.integers(9999)}" for i in range(60)]
            texts.append(" ".join(words[: random.integers(40, 61)]))
    return [texts[i] for i in random.permutation(len(texts))]


@pytest.mark.parametrize("block", [4000, 1 << 28])
@pytest.mark.parametrize("most", [1, 3])
def test_a_cap_marks_whose_search_ended(monkeypatch, block, most):
    monkeypatch.setattr(dedup_verify, "BLOCK_BYTES", block)
    texts = families(0)
    rules = Rules(dedup_rules.order("longest"), threshold=0.5, ngram=1, most_comparisons=most)
    runs = []
    for size in (120, 17):
        new = cut(documents(texts), size)
        rows = dedup_verify.verify(surveyed(new, [], rules), rules)
        ids = [[table["id"].to_pylist() for table in new][row["shard"]][row["row"]] for row in rows.to_pylist()]
        capped = {name for name, row in zip(ids, rows.to_pylist(), strict=True) if row["capped"]}
        runs.append((outcome(rows, new), capped))
    assert runs[0] == runs[1]
    found, capped = runs[0]
    assert 0 < len(capped) < len(texts)
    sets = {f"d{i:04}": naive.ngrams(text, 1) for i, text in enumerate(texts)}
    for name, (of, similarity, size) in found.items():
        assert size == sum(name in (other, to) for other, (to, _, _) in found.items()) or of is not None
        if of is not None:
            assert found[of][0] is None
            assert np.float32(naive.jaccard(sets[name], sets[of])) == similarity >= 0.5
    alone = [row for row in capped if found[row][0] is None and found[row][2] == 1]
    assert alone or block > 4000


def test_no_cap_is_met_by_blocks_of_any_size(monkeypatch):
    texts = families(1)
    rules = Rules(dedup_rules.order("longest"), threshold=0.5, ngram=1)
    new = cut(documents(texts), 50)
    whole = outcome(dedup_verify.verify(surveyed(new, [], rules), rules), new)
    assert whole == expected(new, [], rules)
    for block in (1, 1000, 20_000):
        monkeypatch.setattr(dedup_verify, "BLOCK_BYTES", block)
        tables = surveyed(new, [], rules)
        assert outcome(dedup_verify.verify(tables, rules), new) == whole
        assert tables.passes > 1


def test_a_layer_takes_the_columns_it_has():
    rules = Rules(dedup_rules.order("first"), threshold=0.5, ngram=1)
    new, old = cut(documents(["a b", "c", "a b c", "x", "c"]), 9), old_shards([("a b c d", True, 3)], [])
    rows = dedup_verify.verify(surveyed(new, old, rules), rules).sort_by("row").drop_columns(["shard"])
    schema = pa.schema(
        [
            ("dedup_keep", pa.bool_()),
            ("dedup_of", pa.string()),
            ("dedup_capped", pa.bool_()),
            ("dedup_corpus", pa.string()),
            ("dedup_size", pa.int32()),
        ]
    )
    assert dedup_verify.columns(rows, new[0], schema).to_pydict() == {
        "dedup_keep": [False, True, False, True, False],
        "dedup_of": ["o00000", None, "o00000", None, "d0001"],
        "dedup_capped": [False] * 5,
        "dedup_corpus": ["first", None, "first", None, None],
        "dedup_size": [5, 2, 5, 1, 2],
    }
    assert dedup_verify.columns(None, new[0], schema)["dedup_size"].to_pylist() == [1] * 5


def test_the_sets_of_a_part_are_read_once_and_only_where_needed():
    rules = Rules(dedup_rules.order("longest"))
    same = surveyed(cut(documents(["same words", "Same words", "same  words"]), 2), [], rules)
    assert dedup_verify.verify(same, rules).num_rows == 3
    assert same.passes == 0
    near = surveyed(cut(documents(["one two", "two three"]), 2), [], rules)
    assert dedup_verify.verify(near, rules).num_rows == 0
    assert near.passes == 1
    empty = Held([near[0].slice(0, 0)])
    assert dedup_verify.verify(empty, rules).schema == dedup_verify.ROWS


@pytest.mark.parametrize("block", [4000, 40_000])
def test_one_block_is_held_at_a_time(monkeypatch, block):
    """The sets of a block are gone before those of the next one are read."""
    monkeypatch.setattr(dedup_verify, "BLOCK_BYTES", block)
    alive: list[weakref.ref] = []
    most = 0
    original = dedup_verify._loaded

    def counting(*given):
        nonlocal most
        most = max(most, sum(one() is not None for one in alive))
        begins, ends, sets = original(*given)
        alive.append(weakref.ref(sets))
        return begins, ends, sets

    monkeypatch.setattr(dedup_verify, "_loaded", counting)
    rules = Rules(dedup_rules.order("longest"), threshold=0.5, ngram=1)
    one = surveyed(cut(documents(families(1)), 50), [], rules)
    dedup_verify.verify(one, rules)
    several = surveyed(cut(documents(families(1)), 50), [], rules, lambda group: group % 8)
    dedup_verify.verify(several, rules)
    assert len(alive) > 3 and most == 0


@pytest.mark.parametrize(("threshold", "contained"), [(0.1, False), (0.8, False), (1.0, False), (0.8, True)])
@pytest.mark.parametrize("size", [1, 7, 500])
def test_an_index_takes_no_more_than_is_counted_for_it(threshold, contained, size):
    measure = jaccard.Measure(threshold, contained, 0)
    sizes = np.full(700, size)
    ends = np.cumsum(sizes)
    sets = np.random.default_rng(0).integers(0, 2**63, ends[-1]).astype(np.uint64)
    index = set_index.indexed(0, ends - sizes, ends, sets, measure, False)
    taken = sum(values.nbytes for values in index[-7:])
    counted = dedup_verify._held_bytes(sizes, np.ones(700, np.bool_), measure)
    assert 0.5 * taken < counted.sum() - sets.nbytes and taken < counted.sum() - sets.nbytes + 256
    assert dedup_verify._held_bytes(sizes, np.zeros(700, np.bool_), measure).sum() == sets.nbytes
