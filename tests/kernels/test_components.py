import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import dedup
from curate.kernels import components

KEYS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 15), st.booleans()), max_size=60)


class Held(list):
    """A part's tables as the runtime gives them."""

    def only(self, *columns: str):
        return iter([table.select(columns) for table in self])


def naive_components(rows: list[tuple[int, int]]) -> dict[int, set[int]]:
    """{document: its component} of documents that share a key with another."""
    buckets: dict[int, set[int]] = {}
    for key, document in rows:
        buckets.setdefault(key, set()).add(document)
    found: dict[int, set[int]] = {}
    for bucket in buckets.values():
        whole = set(bucket).union(*(found.get(document, set()) for document in bucket))
        found.update(dict.fromkeys(whole, whole))
    return {document: whole for document, whole in found.items() if len(whole) > 1}


def joined(rows: list[tuple[int, int]]):
    import pyarrow as pa

    keys = np.array([key for key, _ in rows], dtype=np.uint64)
    documents = np.array([document for _, document in rows], dtype=np.int64)
    keys.flags.writeable = documents.flags.writeable = False
    cut = [pa.table({"key": keys[part], "document": documents[part]}) for part in (slice(0, 4), slice(4, None))]
    return dedup.join_keys(Held(cut))


def distinct(rows: list[tuple[int, int, bool]]) -> list[tuple[int, int]]:
    """Keys with the top bit set; a document has a key once, and one exact key at most."""
    exact = {document: (1 << 63) + 2 * key + 1 for key, document, is_exact in rows if is_exact}
    bands = {((1 << 63) + 2 * key, document) for key, document, is_exact in rows if not is_exact}
    return sorted(bands) + [(key, document) for document, key in exact.items()]


@settings(deadline=None, max_examples=60)
@given(KEYS)
def test_documents_that_share_keys_are_joined(rows):
    rows = distinct(rows)
    expected = naive_components(rows)
    found = joined(rows).to_pylist()
    assert {row["document"]: row["root"] for row in found} == {d: min(whole) for d, whole in expected.items()}
    exact = {document: key for key, document in rows if key & 1}
    for row in found:
        same = [d for d, key in exact.items() if key == exact.get(row["document"])]
        assert row["group"] == min(same, default=row["document"])


@settings(deadline=None, max_examples=60)
@given(st.lists(KEYS, min_size=1, max_size=4))
def test_parts_are_joined_in_any_order(parts):
    parts = [
        [(key + 1000 * i, document) for key, document in distinct(rows) if not key & 1] for i, rows in enumerate(parts)
    ]
    tables = [joined(rows) for rows in parts]
    expected = naive_components([row for rows in parts for row in rows])
    for order in (tables, tables[::-1]):
        _, rows = dedup.components_of(order)
        found = [row for table in rows for row in table.to_pylist()]
        assert {row["row"]: row["component"] for row in found} == {d: min(whole) for d, whole in expected.items()}
        assert [row["row"] for row in found] == sorted(expected)


def test_a_forest_grows():
    forest = components.forest(2)
    count = 0
    for start in range(0, 5000, 50):
        documents = np.arange(start, start + 50, dtype=np.int64) << 40
        if count + 150 > len(forest.documents):
            forest = components.grown(forest, count, 2 * count + 150)
        count = components.join_rows(documents, documents % (7 << 40), documents, count, forest)
    roots = np.empty(count, np.int64)
    components.resolved(forest, np.arange(count), roots, np.empty(count, np.int64))
    assert count == 5000
    assert (roots == forest.documents[:count] % (7 << 40)).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(2**63, 2**63 + 400), max_size=200), st.integers(0, 200))
def test_repeated_keys_are_never_missed(keys, cut):
    values = np.array(keys, dtype=np.uint64)
    values.flags.writeable = False
    once, twice = np.zeros(2, np.uint64), np.zeros(2, np.uint64)
    components.count_keys(values[:cut], once, twice)
    components.count_keys(values[cut:], once, twice)
    found, places = np.empty(len(values), np.uint64), np.empty(len(values), np.int64)
    count = components.take_repeated(values, np.arange(len(values)), twice, found, places)
    assert found[:count].tolist() == [keys[place] for place in places[:count]]
    assert {i for i, key in enumerate(keys) if keys.count(key) > 1} <= set(places[:count].tolist())


def test_few_others_are_taken_for_repeated():
    keys = np.random.default_rng(0).integers(0, 2**64, 1 << 14, dtype=np.uint64)
    once, twice = np.zeros(1 << 11, np.uint64), np.zeros(1 << 11, np.uint64)
    components.count_keys(keys, once, twice)
    count = components.take_repeated(keys, np.arange(len(keys)), twice, np.empty_like(keys), np.empty(len(keys), int))
    assert 0.05 < count / len(keys) < 0.15
