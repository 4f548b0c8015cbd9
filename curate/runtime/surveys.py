"""Counting and surveys: what a census takes from each shard, grouped by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from curate.errors import CurateError
from curate.kernels import arrow
from curate.kernels.digest import table_digest
from curate.runtime import ledger, output
from curate.runtime.checks import renamed
from curate.runtime.inputs import needed_after
from curate.runtime.phases import AFTER, Phase, sample_size, slice_shards, work_name
from curate.runtime.plan import Plan
from curate.runtime.reader import Chosen, read_old, read_shard, sampled
from curate.runtime.work import Work
from curate.stage import Census, Indexed
from curate.storage import routed
from curate.storage import shard as shards


def _surveyor(work: Work, phase: Phase) -> Callable[..., pa.Table | Iterator[pa.Table]]:
    survey = work.census(phase).survey
    assert survey is not None
    return survey


def _needs(work: Work, census: Census) -> list[str]:
    return list((census.needs or work.stage.needs)(work.config))


def count(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Count the documents of a run of shards that `--where` lets through."""
    start, end = work.plan.runs[number]
    counts = np.array([read_shard(work.plan, i, ()).table.num_rows for i in range(start, end)], dtype=np.int64)
    path = work.plan.output.work(work_name("count", 0, number))
    routed.write(path, [(np.arange(start, end), pa.table({"rows": counts}))], {}, durable=not work.vouched)
    return {}


def survey(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Survey a run of shards, of old or new ones, or a slice; gives the documents and bytes read."""
    path = work.plan.output.work(work_name("survey", phase.census, number))
    seen = {"rows": 0, "bytes": 0, ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    if phase.census == AFTER and work.plan.makes == "corpus":
        tables = _survey_new(work, number, seen)
    elif phase.census != AFTER and number >= len(work.plan.runs) and work.plan.old:
        tables = _survey_old(work, phase, number - len(work.plan.runs))
    elif not work.plan.shards and work.plan.slices:
        tables = _survey_slice(work, phase, number)
    else:
        tables = _survey_shards(work, phase, number, seen)
    pieces = (piece for given in tables for piece in ([given] if isinstance(given, pa.Table) else given))
    size = routed.flush_bytes(work.plan.parts)
    routed.write(path, (_routed(work.plan, piece) for piece in pieces), seen, size, durable=not work.vouched)
    return {"rows": seen["rows"], "bytes": seen["bytes"]}


def _survey_slice(work: Work, phase: Phase, number: int) -> Iterator[pa.Table | Iterator[pa.Table]]:
    mine = work.mine(phase.census - 1, number)
    yield _surveyor(work, phase)(work.plan.slices[number], mine, work.options(phase.census))


def _survey_shards(
    work: Work, phase: Phase, number: int, seen: dict[str, int]
) -> Iterator[pa.Table | Iterator[pa.Table]]:
    census = work.census(phase)
    size = sample_size(work.stage, work.config, phase.census)
    needs = [*_needs(work, census), *(["id"] if size is not None else [])]
    if phase.census == AFTER:
        needs = needed_after(work.stage, work.config)
    population = _population(work) if size is not None else 0
    start, end = work.plan.runs[number]
    for index in range(start, end):  # nothing of a shard is held here while the next one is read
        yield _survey_shard(work, phase, index, needs, (size, population), seen)


def _survey_shard(
    work: Work, phase: Phase, index: int, needs: list[str], sample: tuple[int | None, int], seen: dict[str, int]
) -> pa.Table | Iterator[pa.Table]:
    census, survey = work.census(phase), _surveyor(work, phase)
    mine = work.mine(phase.census - 1, index) if phase.census != AFTER else None
    only = mine["row"] if census.only_mine and mine is not None else None
    chosen = read_shard(work.plan, index, needs, only)
    seen["rows"] += chosen.rows
    seen["bytes"] += work.plan.shards[index]["bytes"]
    seen[ledger.WHERE_FALSE] += chosen.false
    seen[ledger.WHERE_NULL] += chosen.null
    if phase.census == AFTER:
        return survey(_with_added(work, index, chosen), None, work.config)
    size, population = sample
    table = chosen.table
    if size is not None:
        table = sampled(table, work.config.seed, size, population)  # type: ignore[attr-defined]
        table = table.replace_schema_metadata({"documents": str(population)})
    found = survey(table, mine, *work.given(phase.census), work.options(phase.census))
    return _indexed(work, index, found) if census.indexed and census.indexed(work.config) else found


def _survey_old(work: Work, phase: Phase, number: int) -> Iterator[pa.Table | Iterator[pa.Table]]:
    against = work.census(phase).against
    assert against is not None
    start, end = work.plan.old_runs[number]
    for index in range(len(work.plan.shards) + start, len(work.plan.shards) + end):
        mine = work.mine(phase.census - 1, index)
        rows = None if mine is None else mine["row"]
        needs = against.needs(work.config)
        yield against.survey(read_old(work.plan, work.stage, index, needs, rows), mine, work.options(phase.census))


def _indexed(work: Work, index: int, given: Iterator[pa.Table | Indexed]) -> Iterator[pa.Table]:
    """What a survey gave, less what it wants kept, which is written to the shard's index."""
    path = work.plan.output.index(work.plan.shards[index]["name"])
    with shards.Pieces(path, codec="none", durable=not work.vouched) as kept:
        for item in given:
            if isinstance(item, Indexed):
                kept.add(item.table, table_digest(item.table))
            else:
                yield item
    if not path.exists():
        raise CurateError(f"{path}: the survey gave nothing for the index; this is a bug of the stage")


def _survey_new(work: Work, number: int, seen: dict[str, int]) -> Iterator[pa.Table | Iterator[pa.Table]]:
    survey = _surveyor(work, Phase("survey", AFTER, 0, 0))
    for row, name in enumerate(slice_shards(work.plan)[number]):
        table = output.new_shard(work.plan, name)
        seen["rows"] += table.num_rows
        yield survey(output.with_marks(table, row), None, work.config)


def _with_added(work: Work, index: int, chosen: Chosen) -> pa.Table:
    """A shard's columns and those just made for it, under the stage's own names."""
    assert work.stage.adds is not None
    made = shards.read(work.plan.output.shard(work.plan.shards[index]["name"]))
    if chosen.keep is not None:
        made = made.filter(pa.array(chosen.keep))
    table = chosen.table
    for name in work.stage.adds(work.config).names:
        table = table.append_column(name, made[renamed(work.stage, work.plan.layer, name)])
    return table


def _population(work: Work) -> int:
    if work.plan.where is None:
        return work.plan.rows
    paths = (work.plan.output.work(work_name("count", 0, i)) for i in range(len(work.plan.runs)))
    return sum(int(arrow.numbers(table["rows"]).sum()) for path in paths for table in routed.read(path))


def _routed(plan: Plan, table: pa.Table) -> tuple[np.ndarray, pa.Table]:
    if "part" not in table.column_names:
        return np.zeros(table.num_rows, dtype=np.int64), table
    keys = arrow.numbers(table["part"]).astype(np.uint64)
    parts = (keys * np.uint64(plan.parts)) >> np.uint64(32)
    return parts.astype(np.int64), table.drop_columns(["part"])
