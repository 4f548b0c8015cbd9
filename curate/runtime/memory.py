"""How many tasks of a phase run at once under `--memory`: as many as together stay below it.

What all processes of a command hold together, a shared page counted once (the sum of their PSS), is at most

    coordinator + forkserver + tasks at once x (a worker of its own + what a task allocates)

of which the last is what `Stage.memory` states for the largest task of the phase. Nothing here changes a byte of the
result. `scripts/bench/stated.py` compares what tasks allocate with what stages state,
`scripts/bench/memory.py` measures whole commands.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from curate.errors import UsageError
from curate.kernels import cache_folder
from curate.runtime import loads
from curate.runtime.phases import Phase
from curate.runtime.plan import Plan
from curate.stage import Load, Stage, StageConfig

# Measured with Python 3.11, pyarrow 26 and numba 0.68 on Linux, after small runs of all kinds of stages.
COORDINATOR = 80 << 20  # 54 MiB, 66 where --where was parsed; or what this process holds now, where that is more
FORKSERVER = 128 << 20  # 114 MiB beyond the libraries that it shares with the coordinator
WORKER = 48 << 20  # 29 to 39 MiB after a small task: its own copies of pages, the stage's code, the kernels it called
COMPILING = 192 << 20  # 130 to 180 MiB where kernels are compiled, not found in their cache

_PLAIN = 128 << 20
_STEP = 10**8  # what numbers in messages are rounded up to


@dataclass(frozen=True)
class Budget:
    """limit: bytes that all processes of a command may hold together; None is no limit. workers: the most there are."""

    limit: int | None
    workers: int


UNLIMITED = Budget(None, 1)


class Memory:
    """How the tasks of one plan share a budget."""

    def __init__(self, plan: Plan, stage: Stage, config: StageConfig, budget: Budget) -> None:
        self._plan = plan
        self._stage = stage
        self._config = config
        self._budget = budget

    def check(self, found: Iterable[Phase]) -> None:
        """Raise UsageError, with the step and the number needed, where one task at a time is too much already."""
        if self._budget.limit is None:
            return
        needs = {phase.name: self.need(phase) for phase in found}
        name = max(needs, key=lambda name: needs[name], default="")
        least = self._idle() + self._worker() + needs.get(name, 0)
        if name and least > self._budget.limit:
            raise UsageError(
                f"{self._plan.title} needs at least {_shown(least)}: {_shown(needs[name])} for one task of {name}, "
                f"the rest for the processes themselves; give --memory {_shown(least).replace(' ', '')} or more"
            )

    def at_once(self, phase: Phase) -> int | None:
        """How many tasks of a phase may run at once; None is as many as there are workers.

        Raises UsageError as `check` does, now that it is known what the phases before have left.
        """
        if self._budget.limit is None:
            return None
        self.check([phase])
        return min(self._budget.workers, (self._budget.limit - self._idle()) // (self._worker() + self.need(phase)))

    def need(self, phase: Phase) -> int:
        """Bytes that a task of a phase allocates at most beyond what an idle worker holds."""
        load = loads.load(self._plan, self._stage, self._config, phase)
        if self._stage.memory and phase.kind in ("survey", "link", "settle", "apply"):
            stated = self._stage.memory(load, self._config)
        else:
            stated = _PLAIN + (4 * load.bytes if load.measured else 0)
        if phase.kind == "settle" and phase.census >= 0 and self._stage.before[phase.census].likewise:
            stated += self._plan.likewise_bytes
        return stated + (self._writing(load) if phase.kind == "apply" and self._plan.makes == "corpus" else 0)

    def _writing(self, load: Load) -> int:
        """What `SliceWriter` holds: a shard held back, one that is gathered, and a quarter of one for other columns."""
        return 9 * min(self._plan.shard_bytes, max(loads.slice_text(self._plan), load.bytes)) // 4

    def _idle(self) -> int:
        return max(COORDINATOR, own_bytes()) + FORKSERVER

    def _worker(self) -> int:
        return WORKER if _mark(self._stage).exists() else WORKER + COMPILING


def own_bytes() -> int:
    """What this process holds, its share of shared pages (PSS); 0 where the system does not say."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def remember_compiled(stage: Stage) -> None:
    """Note that this stage's kernels are in their cache, so that its next run need not leave room to compile them."""
    with contextlib.suppress(OSError):
        _mark(stage).parent.mkdir(parents=True, exist_ok=True)
        _mark(stage).touch()


def _mark(stage: Stage) -> Path:
    return cache_folder() / f"{stage.name}.compiled"


def _shown(size: int) -> str:
    return f"{math.ceil(size / _STEP) / 10:g} GB"
