import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.algorithms.documents import is_blank, repeated, surveyed


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), min_size=1, max_size=5), st.randoms())
def test_ids_that_an_earlier_document_has(shards, random):
    tables, expected, first = [], [], {}
    for shard, ids in enumerate(shards):
        places = [f"{shard}-{row}" for row in range(len(ids))]
        tables.append(
            surveyed(
                pa.chunked_array([pa.array(ids, pa.string())]),
                pa.chunked_array([pa.array(places, pa.string())]),
                shard,
                0,
            )
        )
        for row, name in enumerate(ids):
            if name in first:
                expected.append({"shard": shard, "row": row, "first": first[name]})
            first.setdefault(name, places[row])
    random.shuffle(tables)
    found = repeated(table.drop_columns(["part"]) for table in tables).to_pylist()
    assert sorted(found, key=lambda row: (row["shard"], row["row"])) == expected


def test_equal_ids_come_to_one_part():
    ids = pa.chunked_array([["a", "b"], ["a"]])
    found = surveyed(ids, ids, 0, 7)
    assert found["row"].to_pylist() == [7, 8, 9]
    parts = found["part"].to_numpy()
    assert parts.dtype == np.uint32
    assert parts[0] == parts[2] != parts[1]


def test_blank_texts():
    texts = pa.chunked_array([pa.array(["", " \n\t", "a", " é"], pa.large_string()).slice(1)])
    assert is_blank(texts).tolist() == [True, False, False]
