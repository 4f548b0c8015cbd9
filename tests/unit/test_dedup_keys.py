import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms import dedup, dedup_bands
from curate.algorithms.dedup_bands import Bands
from curate.errors import DataError, UsageError
from curate.kernels import arrow, hashing, minhash
from tests.naive import dedup as naive

BANDS = Bands(5, 3)


def table(texts: list[str], shard: int = 0, **columns) -> pa.Table:
    text = pa.array(texts, pa.large_string())
    values = arrow.strings(text)
    digests = np.empty((len(texts), 2), dtype=np.uint64)
    hashing.digest_strings(values.offsets, values.data, digests)
    base = {
        "text": text,
        "digest": arrow.binary_array(digests.view(np.uint8)),
        "shard": pa.array(np.full(len(texts), shard, np.int32)),
        "row": pa.array(np.arange(len(texts), dtype=np.int64)),
    }
    return pa.table({**base, **columns})


def sketching(**options) -> dedup.Sketching:
    return dedup.Sketching(**{"ngram": 3, "bands": BANDS, "scope": None, "seed": 0, **options})


def surveyed(given_table: pa.Table, **options) -> tuple[pa.Table, list[pa.Table]]:
    found = list(dedup.survey_keys(given_table, sketching(**options)))
    keys = pa.concat_tables([piece for piece in found if "part" in piece.column_names])
    return keys, [piece for piece in found if "part" not in piece.column_names]


def keys_of(keys: pa.Table, rows: int) -> list[set[int]]:
    sets: list[set[int]] = [set() for _ in range(rows)]
    for key, document in zip(keys["key"].to_pylist(), keys["document"].to_pylist(), strict=True):
        sets[document & ((1 << dedup.ROW_BITS) - 1)].add(key)
    return sets


def matches(keys: pa.Table, rows: int) -> set[tuple[int, int]]:
    """Pairs of rows that share an exact key."""
    sets = [{key for key in found if key & 1} for found in keys_of(keys, rows)]
    return {(i, j) for i in range(rows) for j in range(i) if sets[i] & sets[j]}


TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "A", "b", "é", "漢", "...", " ", "\n"]), max_size=5).map(" ".join), max_size=9
)


def values_of(column, kind):
    return [np.frombuffer(value, kind).tolist() for value in column.to_pylist()]


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.sampled_from(["similarity", "normalised", "text"]), st.sampled_from(["word", "character"]))
def test_what_is_equal(texts, by, unit):
    keys, _ = surveyed(table(texts), by=by, unit=unit)
    tokens = naive.characters if (by, unit) == ("similarity", "character") else naive.words
    names = [text if by == "text" else tuple(tokens(text)) or text for text in texts]
    expected = {(i, j) for i in range(len(texts)) for j in range(i) if names[i] == names[j]}
    assert matches(keys, len(texts)) == expected
    parts, values = arrow.numbers(keys["part"]), arrow.numbers(keys["key"])
    assert (parts == values >> np.uint64(32)).all()
    if by != "similarity":
        assert keys.num_rows == len(texts)


def test_addresses():
    url = pa.array(["http://a.org/x", "https://A.org/x/#top", None, "", None, "http://a.org/y", ""], pa.string())
    given_table = table(["same"] * 7, url=url).drop_columns(["text", "digest"])
    keys, indexed = surveyed(given_table, by="url", index=True)
    assert matches(keys, 7) == {(1, 0)}
    assert keys.num_rows == 3
    assert [len(found) for found in values_of(indexed[0]["keys"], "<u8")] == [1, 1, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("by", ["similarity", "normalised", "text", "url"])
def test_scopes_have_keys_of_their_own(by):
    columns = {"url": pa.array(["http://a"] * 4), "site": pa.array([1, 2, 1, None])}
    keys, _ = surveyed(table(["some words here"] * 4, **columns), by=by, scope="site")
    found = keys_of(keys, 4)
    assert found[0] & found[2]
    assert not any(found[i] & found[j] for i, j in ((0, 1), (0, 3), (1, 3)))


def test_characters_are_what_is_compared():
    one, other = "the quick brown fox jumps", "thequickbrownfoxjumpx"
    shared = [
        len(set.intersection(*keys_of(surveyed(table([one, other]), unit=unit, bands=Bands(60, 1))[0], 2)))
        for unit in ("word", "character")
    ]
    assert shared[0] == 0 < shared[1]


OPTIONS = [
    {},
    {"unit": "character"},
    {"by": "normalised"},
    {"by": "text"},
    {"sketch": "datasketch", "permutations": 20},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_an_index_holds_the_keys_and_the_whole_sketches(options, monkeypatch):
    texts = ["a b c d e f", "", "g h i j k l", "A b c d e f!", "...", "m n o", "a b c d e f"]
    monkeypatch.setattr(dedup_bands, "PIECE_DOCUMENTS", 3)
    keys, indexed = surveyed(table(texts, shard=3), index=True, **options)
    assert [piece.num_rows for piece in indexed] == [3, 3, 1]
    whole = pa.concat_tables(indexed)
    assert whole.schema == pa.schema(
        [("row", pa.int64()), ("keys", pa.large_binary()), ("signature", pa.large_binary())]
    )
    assert whole["row"].to_pylist() == list(range(7))
    assert [set(found) for found in values_of(whole["keys"], "<u8")] == keys_of(keys, 7)
    assert all(found[0] & 1 and not any(key & 1 for key in found[1:]) for found in values_of(whole["keys"], "<u8"))
    bands = 5 if options.get("by", "similarity") == "similarity" else 0
    values = options.get("permutations", 15) if bands else 0
    alone = {1, 3, 6} | (set() if options.get("unit") == "character" else {4})
    if options.get("unit") == "character":
        alone -= {3}
    assert [len(found) for found in values_of(whole["keys"], "<u8")] == [
        1 if i in alone else 1 + bands for i in range(7)
    ]
    assert [len(found) for found in values_of(whole["signature"], "<u4")] == [
        0 if i in alone else values for i in range(7)
    ]
    for found, signature in zip(values_of(whole["keys"], "<u8"), values_of(whole["signature"], "<u4")):
        if signature:
            values = np.array(signature, np.uint32)
            assert found[1:] == [minhash.band_key(values, at, at + 3, np.uint64(0)) for at in range(0, 15, 3)]


def test_an_index_without_documents():
    _, indexed = surveyed(table([]), index=True)
    assert [piece.num_rows for piece in indexed] == [0]
    _, indexed = surveyed(table(["a"]))
    assert indexed == []


def test_old_documents_have_the_keys_of_new_ones():
    texts = ["a b c d", "", "e f g h", "a b c d"]
    keys, indexed = surveyed(table(texts, shard=5), index=True)
    given_table = indexed[0].append_column("shard", pa.array(np.full(4, 5, np.int32)))
    for start in (0, 1):
        old = dedup.old_keys(given_table.slice(start))
        assert old.schema == keys.schema
        assert pc.min(old["document"]).as_py() >= dedup.OLD
        new = {(k, d) for k, d in zip(keys["key"].to_pylist(), keys["document"].to_pylist(), strict=True)}
        found = {(k, d & ~dedup.OLD) for k, d in zip(old["key"].to_pylist(), old["document"].to_pylist(), strict=True)}
        assert found == {(k, d) for k, d in new if d & 0xFFFF >= start}


def test_components_of_old_documents_alone_are_left_out():
    old = dedup.OLD
    pairs = {5: 0, 0: 0, old | 7: 0, old | 9: old | 8, old | 8: old | 8, 3 << 40: 3 << 40, old | 2 << 40: 3 << 40}
    columns = {"document": list(pairs), "root": list(pairs.values()), "group": list(pairs)}
    _, rows = dedup.components_of([pa.table({name: np.array(column) for name, column in columns.items()})])
    found = [tuple(row.values()) for piece in rows for row in piece.to_pylist()]
    assert found == [
        (0, 0, 0, 0),
        (0, 5, 0, 5),
        (3, 0, 3 << 40, 3 << 40),
        (0, 7, 0, old | 7),
        (2, 0, 3 << 40, old | 2 << 40),
    ]


def test_a_signature_too_short_for_its_bands():
    with pytest.raises(UsageError, match="5 bands of 3 rows need 15 permutations, not 12; raise --permutations"):
        surveyed(table(["a"]), sketch="datasketch", permutations=12)


def test_more_documents_than_can_be_numbered(monkeypatch):
    keys, _ = surveyed(table(["a b c d"] * 5))

    class Held(list):
        def only(self, *columns: str):
            return iter([piece.select(columns) for piece in self])

    assert dedup.join_keys(Held([keys])).num_rows == 5
    monkeypatch.setattr(dedup, "MOST_DOCUMENTS", 4)
    monkeypatch.setattr(dedup, "FOREST_ROOM", 4)
    with pytest.raises(DataError, match="more than 4 documents share a key"):
        dedup.join_keys(Held([keys]))
