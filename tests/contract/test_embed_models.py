"""What `embed` promises as every stage does, with a model from files: static token embeddings, which need no extra."""

from __future__ import annotations

import contextlib

from tests import models, running
from tests.contract.cases import POOL
from tests.contract.conftest import TEXTS
from tests.running import Stopped, Stopping, difference


def embed(place, made=None, **changed):
    options = {"model": str(place / "static"), "dimensions": 8, "dtype": "int8", "max_length": 40, **changed}
    return running.step("embed", options, made, corpus=str(place / POOL))


def results(place):
    return running.tree(place / POOL / "embed")


def test_same_bytes_after_any_crash_and_whoever_runs_it(prepared, root, executors):
    place = root(prepared("embed"))
    models.write_static(place / "static", TEXTS)
    whole = root(place)
    total = embed(whole).executed
    assert total > 2 and embed(whole).executed == 0
    assert embed(whole).manifest.ledger["counts"]["without_vector"] > 0
    other = root(place)
    embed(other, executors("local", 2))
    assert difference(results(other), results(whole)) == []
    for tasks in range(1, total):
        with contextlib.suppress(Stopped):
            embed(place, Stopping(1))
        resumed = root(place)
        assert embed(resumed).executed >= total - tasks - 1
        assert difference(results(resumed), results(whole)) == []


def test_other_numbers_in_a_file_of_the_model_make_the_layer_anew(prepared, root):
    place = root(prepared("embed"))
    models.write_static(place / "static", TEXTS)
    embed(place)
    (place / "static").rename(place / "gone")
    models.write_static(place / "static", TEXTS, seed=1)
    assert embed(place).executed > 0
