"""A plan as a worker holds it, and what earlier tasks left for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from curate.kernels import arrow
from curate.runtime.fingerprint import planned_options, without_decisions
from curate.runtime.phases import AFTER, Phase, model_path, phases, rows_path, vouched, work_name
from curate.runtime.plan import Plan
from curate.stage import Census, Stage, StageConfig
from curate.storage import routed
from curate.storage import shard as shards


class Work:
    """A plan as a worker holds it: the stage, its options, and the model once it has been prepared.

    known: gives other stages by name, for a census that does `likewise`.
    """

    def __init__(self, plan: Plan, stage: Stage, known: Callable[[str], Stage] | None = None) -> None:
        self.plan = plan
        self.stage = stage
        self.known = known
        self.config = planned_options(stage, plan.options)
        self._searching = without_decisions(self.config)
        self.phases = phases(plan, stage, self.config)
        self.vouched = vouched(plan)
        self._prepared: Any = None
        self._ready = False
        self._given: dict[int, pa.Table] = {}

    @property
    def last(self) -> int:
        return len(self.stage.before) - 1

    def options(self, census: int) -> StageConfig:
        """The options as the functions of a census get them."""
        return self.config if census == AFTER else self._searching

    def census(self, phase: Phase) -> Census:
        """What a phase belongs to."""
        census = self.stage.after if phase.census == AFTER else self.stage.before[phase.census]
        assert census is not None
        return census

    def prepared(self) -> Any:
        """The settled model of the last census, passed through `prepare`, once a process."""
        if not self._ready:
            model = read_model(self.plan, self.stage, self.last) if self.stage.before else None
            self._prepared = self.stage.prepare(model, self.config) if self.stage.prepare else model
            self._ready = True
        return self._prepared

    def given(self, census: int, settle: bool = False) -> tuple[pa.Table, ...]:
        """The model of the census before, for a survey or settle that is given it, read once a process."""
        if census == AFTER or not getattr(self.stage.before[census], "settle_given" if settle else "given"):
            return ()
        if census not in self._given:
            self._given[census] = read_model(self.plan, self.stage, census - 1)
        return (self._given[census],)

    def mine(self, census: int, shard: int) -> pa.Table | None:
        """One shard's rows of a census; None when there is no such census or it left no rows."""
        path = rows_path(self.plan, census)
        if census < 0 or not path.exists():
            return None
        table = pa.concat_tables(routed.read(path, shard)).drop_columns(["shard"])
        rows = arrow.numbers(table["row"])
        return table if (rows[1:] >= rows[:-1]).all() else table.take(pa.array(np.argsort(rows, kind="stable")))

    def surveyed(self, census: int, part: int | None, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
        """The tables that the surveys of a census left, of one part or of all; those of old corpora first."""
        surveys = next((p.tasks for p in self.phases if p.kind == "survey" and p.census == census), 0)
        own = len(self.plan.runs) if self.plan.old and census != AFTER else surveys
        for number in [*range(own, surveys), *range(own)]:
            yield from routed.read(self.plan.output.work(work_name("survey", census, number)), part, columns)


def read_model(plan: Plan, stage: Stage, census: int) -> pa.Table:
    """The model that a census settled on, without what is written behind it."""
    return shards.read_model(model_path(plan, stage, census))
