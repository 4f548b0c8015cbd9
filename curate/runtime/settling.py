"""Links and settling: what the surveys of a census left becomes a model, and rows for each shard."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from curate.kernels import arrow
from curate.kernels.digest import table_digest
from curate.runtime import ledger
from curate.runtime.executors.base import give_back_memory
from curate.runtime.likewise import Likewise
from curate.runtime.phases import Phase, model_path, rows_path, work_name
from curate.runtime.work import Work, read_model
from curate.stage import Settled
from curate.storage import routed
from curate.storage import shard as shards

_MOST_ROWS = 128 << 20
_SHARD_ROWS = 16 << 10


class _PartTables:
    """One part of a census's surveys, as `stage.Tables`."""

    def __init__(self, work: Work, census: int, part: int) -> None:
        self._work, self._given = work, (census, part)

    def __iter__(self) -> Iterator[pa.Table]:
        return self._work.surveyed(*self._given)

    def only(self, *columns: str) -> Iterator[pa.Table]:
        return self._work.surveyed(*self._given, columns)


class _SettleTables:
    """What a census's links left or, without any, its surveys; every pass reads it again."""

    def __init__(self, work: Work, census: int, links: int) -> None:
        self._work, self._census, self._links = work, census, links

    def __iter__(self) -> Iterator[pa.Table]:
        if not self._links:
            yield from self._work.surveyed(self._census, None)
        for number in range(self._links):
            yield from routed.read(self._work.plan.output.work(work_name("link", self._census, number)))


def link(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Link what the surveys left for one part; first, what the part before it freed is given back."""
    give_back_memory()
    census = work.census(phase)
    assert census.link is not None
    linked = census.link(_PartTables(work, phase.census, number), number, work.options(phase.census))
    tables = [linked] if isinstance(linked, pa.Table) else linked
    path = work.plan.output.work(work_name("link", phase.census, number))
    keyed = ((np.zeros(table.num_rows, dtype=np.int64), table) for table in tables)
    routed.write(path, keyed, {}, durable=not work.vouched)
    return {}


def settle(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Settle a census: write its model, what is told beside it, and its rows."""
    census = work.census(phase)
    links = next((p.tasks for p in work.phases if p.kind == "link" and p.census == phase.census), 0)
    tables: Any = _SettleTables(work, phase.census, links)
    if census.likewise:
        assert work.known is not None
        tables = Likewise(work.plan.inputs[0], census.likewise(work.config), work.known)
    settled: Settled = census.settle(tables, *work.given(phase.census, settle=True), work.options(phase.census))
    if settled.rows is not None:
        _write_rows(work, phase.census, settled)
    footer = {"rows": settled.rows is not None, "removed": dict(settled.removed), "where": _refused(work, phase.census)}
    model = settled.model if settled.model is not None else read_model(work.plan, work.stage, phase.census - 1)
    footer["digest"] = table_digest(model)
    path = model_path(work.plan, work.stage, phase.census)
    if settled.details is None:
        shards.write(path, model, footer)
        return {}
    with shards.Pieces(path, footer) as pieces:
        for table in itertools.chain([model], settled.details):
            pieces.add(table, table_digest(table))
    return {}


def _write_rows(work: Work, census: int, settled: Settled) -> None:
    """Write the rows of a census, grouped by shard in pieces of 4 to 128 MiB: twice that is held at a time."""
    assert settled.rows is not None
    size = routed.flush_bytes(len(work.plan.shards) + len(work.plan.old), _SHARD_ROWS, _MOST_ROWS)
    keyed = ((arrow.numbers(table["shard"]).astype(np.int64), table) for table in settled.rows)
    routed.write(rows_path(work.plan, census), keyed, {}, size, durable=not work.vouched)


def _refused(work: Work, census: int) -> dict[str, int]:
    """What `--where` refused, as the surveys of a census saw it."""
    counts = {ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    surveys = next((p.tasks for p in work.phases if p.kind == "survey" and p.census == census), 0)
    for number in range(surveys):
        footer = routed.read_footer(work.plan.output.work(work_name("survey", census, number)))
        for name in counts:
            counts[name] += footer[name]
    return counts
