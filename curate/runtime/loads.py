"""What the largest task of a phase is given, from the plan and the footers of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate.runtime.inputs import needed_after
from curate.runtime.old import INDEX
from curate.runtime.phases import AFTER, Phase, model_path, phases, rows_path, sample_size, work_name
from curate.runtime.plan import Input, Plan
from curate.runtime.reader import expanded
from curate.stage import Census, Load, Stage, StageConfig
from curate.storage import routed, shard
from curate.storage.corpus import Corpus


def load(plan: Plan, stage: Stage, config: StageConfig, phase: Phase) -> Load:
    """The largest task of a phase."""
    if phase.kind in ("link", "settle"):
        return _gathered(plan, stage, config, phase)
    if phase.kind in ("report", "alarm"):
        found = {model_path(plan, stage, len(stage.before) - 1), plan.output.summary}
        return Load(phase.kind, phase.census, 0, sum(_file_bytes(path) for path in found if path.exists()))
    if not plan.shards:
        return Load(phase.kind, phase.census, 0, plan.source_bytes)
    if phase.kind == "apply" and plan.slices and "part" in plan.slices[0]:
        last = Phase("link", len(stage.before) - 1, 0, 0)
        gathered = _gathered(plan, stage, config, last)
        return replace(gathered, kind=phase.kind, census=phase.census)
    return _largest_shard(plan, stage, config, phase)


def slice_text(plan: Plan) -> int:
    """Bytes of text in the largest slice of a new corpus, where it is no part: four times those of compressed files."""
    if not plan.shards:
        return 4 * plan.source_bytes
    return max(sum(plan.shards[i]["bytes"] for i in piece.get("shards", ())) for piece in plan.slices)


# --- surveys and apply ----------------------------------------------------------------------------


def _largest_shard(plan: Plan, stage: Stage, config: StageConfig, phase: Phase) -> Load:
    names = [*expanded(plan, _columns(plan, stage, config, phase)), *_filtering(plan)]
    sizes = [_shard_bytes(plan, plan.inputs[shard["corpus"]], shard, names) for shard in plan.shards]
    slices = [piece["shards"] for piece in plan.slices] if phase.kind == "apply" else []
    together = max((sum(sizes[i][0] for i in numbers) for numbers in slices), default=0)
    shards = plan.shards
    against = stage.before[phase.census].against if phase.kind == "survey" and phase.census != AFTER else None
    if against:
        names = list(against.needs(config))
        sizes += [_shard_bytes(plan, plan.old_inputs[shard["corpus"]], shard, names) for shard in plan.old]
        shards = [*shards, *plan.old]
    rows, largest = max(shard["rows"] for shard in shards), max(size for size, _ in sizes)
    longest = max(longest for _, longest in sizes)
    mine = _rows_before(plan, stage, phase)
    return Load(phase.kind, phase.census, rows, largest, longest, mine=mine, together=together)


def _rows_before(plan: Plan, stage: Stage, phase: Phase) -> int:
    """Bytes of the largest shard's rows of the census before a phase."""
    census = len(stage.before) - 1 if phase.kind == "apply" else phase.census - 1
    if census < 0 or not (path := rows_path(plan, census)).exists():
        return 0
    return max((size for _, size, _ in routed.sizes(path).values()), default=0)


def _columns(plan: Plan, stage: Stage, config: StageConfig, phase: Phase) -> Iterable[str]:
    if phase.kind == "count":
        return ()
    if phase.kind == "apply":
        return ("*",) if plan.makes == "corpus" else stage.needs(config)
    if phase.census != AFTER:
        census = stage.before[phase.census]
        return (census.needs or stage.needs)(config)
    return needed_after(stage, config) if plan.makes == "layer" else ("*",)


def _file_bytes(path: Path) -> int:
    """Bytes of a model as Arrow holds them, without what is written behind it."""
    metadata = pq.read_metadata(path)
    groups = range(metadata.num_row_groups)
    if "digests" in (shard.read_footer(path) or {}):
        groups = groups[:1]
    return sum(metadata.row_group(group).total_byte_size for group in groups)


def _filtering(plan: Plan) -> Iterable[str]:
    if not plan.where:
        return ()
    from curate.algorithms.where import columns

    return columns(plan.where)


def _shard_bytes(plan: Plan, source: Input, shard: dict[str, Any], names: list[str]) -> tuple[int, int]:
    """Bytes of some columns of one shard before compression, and of the largest row groups."""
    corpus = Corpus(source.path)
    owners: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        if name in source.columns:
            owners.setdefault(source.columns[name], []).append(name)
    total = longest = 0
    for owner, columns in owners.items():
        layer = plan.layer if owner == INDEX else owner
        generation = corpus.generation(layer, source.layers[layer])
        path = generation.index(shard["name"]) if owner == INDEX else generation.shard(shard["name"])
        groups = _group_bytes(str(path))
        within = [column for column in groups if any(f"{column}.".startswith(f"{name}.") for name in columns)]
        total += sum(sum(groups[column]) for column in within)
        longest += sum(max(groups[column], default=0) for column in within)
    return total, longest


@lru_cache(maxsize=1 << 16)
def _group_bytes(path: str) -> dict[str, list[int]]:
    """Bytes of each column in each row group of a file."""
    metadata = pq.read_metadata(path)
    found: dict[str, list[int]] = {}
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        for number in range(columns.num_columns):
            column = columns.column(number)
            found.setdefault(column.path_in_schema, []).append(column.total_uncompressed_size)
    return found


# --- links and settling ---------------------------------------------------------------------------


def _gathered(plan: Plan, stage: Stage, config: StageConfig, phase: Phase) -> Load:
    """The largest part, or all rows that come to be settled, as they lie in the files of the phase before."""
    census = stage.after if phase.census == AFTER else stage.before[phase.census]
    assert census is not None
    if sample_size(stage, config, phase.census) == 0:
        return Load(phase.kind, phase.census, 0, 0)
    kind = "link" if phase.kind == "settle" and census.link else "survey"
    before = next(found for found in phases(plan, stage, config) if (found.kind, found.census) == (kind, phase.census))
    paths = [plan.output.work(work_name(kind, phase.census, number)) for number in range(before.tasks)]
    if not all(path.exists() for path in paths):
        return _expected(plan, census, phase)
    rows: Counter[int] = Counter()
    size: Counter[int] = Counter()
    longest = 0
    for path in paths:
        for key, found in routed.sizes(path).items():
            rows[key] += found[0]
            size[key] += found[1]
            longest = max(longest, found[2])
    if phase.kind == "settle":
        return Load(phase.kind, phase.census, rows.total(), size.total())
    return Load(phase.kind, phase.census, max(rows.values(), default=0), max(size.values(), default=0), longest)


def _expected(plan: Plan, census: Census, phase: Phase) -> Load:
    """The documents from which rows will come, dealt to the parts evenly."""
    old = plan.old if census.against else []
    rows = plan.rows + sum(shard["rows"] for shard in old)
    size = (plan.bytes or plan.source_bytes) + sum(shard["bytes"] for shard in old)
    among = plan.parts if phase.kind == "link" else 1
    return Load(phase.kind, phase.census, -(-rows // among), -(-size // among), measured=False)
