"""Making what a run is for: shards of a layer, of a corpus, or files, from texts and the settled model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.errors import CurateError, DataError
from curate.kernels.digest import table_digest
from curate.runtime import ledger, output
from curate.runtime.checks import renamed
from curate.runtime.fingerprint import digest
from curate.runtime.phases import Phase, model_path
from curate.runtime.plan import RUNTIME_COLUMNS
from curate.runtime.reader import Chosen, read_shard
from curate.runtime.work import Work
from curate.stage import Applied
from curate.storage import files
from curate.storage import shard as shards


@lru_cache(maxsize=4)
def _model_digest(path: str, stamp: float) -> str:
    footer = shards.read_footer(Path(path))
    return footer["digest"] if footer else ""


def _rows_digest(mine: pa.Table | None) -> str:
    """The digest of a shard's rows of a census."""
    return table_digest(mine) if mine is not None else ""


def _cause(work: Work, number: int, rows: str) -> str:
    """What the result of an `apply` hangs on: the plan's cause for it, the model, and its rows of the census."""
    model = ""
    if work.stage.before:
        path = model_path(work.plan, work.stage, work.last)
        model = _model_digest(str(path), path.stat().st_mtime)
    return digest([work.plan.causes[number], model, rows])[:32]


def apply(work: Work, phase: Phase, number: int) -> dict[str, Any]:
    """Make one shard, slice or file; gives the documents, bytes and quarantined of it, and whether it was linked.

    Raises DataError where a shard to decide again is missing.
    """
    if work.plan.makes == "files":
        return _send_out(work, number)
    if work.plan.again:
        return _decide_again(work, number)
    mine = work.mine(work.last, number)
    why = (
        _cause(work, number, _rows_digest(mine))
        if "part" not in (work.plan.slices or [{}])[0]
        else f"{work.plan.fingerprint}"
    )
    if (linked := output.link_previous(work.plan, number, why)) is not None:
        return linked
    if work.plan.makes == "layer":
        return _annotate(work, number, mine, why)
    return _make_slice(work, number, mine, why)


def _annotate(work: Work, number: int, mine: pa.Table | None, why: str) -> dict[str, Any]:
    chosen = read_shard(work.plan, number, work.stage.needs(work.config))
    applied = output.applied(work.stage.apply(chosen.table, mine, work.prepared(), work.config))
    rows = _rows_digest(mine) if work.stage.again else None
    return _layer_shard(work, number, chosen, applied, why, rows)


def _decide_again(work: Work, number: int) -> dict[str, Any]:
    """Make a shard from what it was under other decisions."""
    assert work.plan.previous is not None and work.stage.again is not None and work.stage.adds is not None
    path = work.plan.beside(work.plan.previous).shard(work.plan.shards[number]["name"])
    footer = shards.read_footer(path)
    if footer is None:
        raise DataError(f"{path}: the shard is missing; `curate clean-up` and the same command make the layer anew")
    chosen = read_shard(work.plan, number, ())
    before = shards.read(path)
    if chosen.keep is not None:
        before = before.filter(pa.array(chosen.keep))
    names = {renamed(work.stage, work.plan.layer, name): name for name in work.stage.adds(work.config).names}
    before = before.rename_columns([names[name] for name in before.column_names])
    applied = output.applied(work.stage.again(before, work.config))
    return _layer_shard(work, number, chosen, applied, _cause(work, number, footer["searched"]), footer["searched"])


def _layer_shard(
    work: Work, number: int, chosen: Chosen, applied: Applied, why: str, rows: str | None
) -> dict[str, Any]:
    name = work.plan.shards[number]["name"]
    searched = {} if rows is None else {"searched": rows}
    quarantined = output.write_layer_shard(work.plan, work.stage, work.config, name, chosen, applied, why, searched)
    return {"rows": chosen.rows, "bytes": work.plan.shards[number]["bytes"], "quarantined": quarantined}


def _slice_tables(work: Work, number: int, refused: dict[str, int], columns: tuple[str, ...]) -> Iterator[pa.Table]:
    piece = work.plan.slices[number]
    if "part" in piece:
        yield from work.surveyed(work.last, piece["part"])
    for index in piece.get("shards", ()):
        chosen = read_shard(work.plan, index, columns)
        refused[ledger.WHERE_FALSE] += chosen.false
        refused[ledger.WHERE_NULL] += chosen.null
        yield chosen.table


def _make_slice(work: Work, number: int, mine: pa.Table | None, why: str) -> dict[str, Any]:
    refused = {ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    tables = _slice_tables(work, number, refused, ("*", *work.stage.needs(work.config)))
    pieces = work.stage.apply(work.plan.slices[number], tables, mine, work.prepared(), work.config)
    return output.SliceWriter(work.plan, work.stage, work.config, number, why).write(pieces, refused)


def _send_out(work: Work, number: int) -> dict[str, Any]:
    assert work.stage.suffix is not None
    refused = {ledger.WHERE_FALSE: 0, ledger.WHERE_NULL: 0}
    tables = _slice_tables(work, number, refused, work.stage.needs(work.config))
    bare = (table.drop_columns(list(RUNTIME_COLUMNS)) for table in tables)
    name = f"{number:05}{work.stage.suffix(work.config)}"
    target = Path(work.plan.target) / name
    with files.replacing(target) as aside:
        rows = work.stage.apply(bare, str(aside), work.prepared(), work.config)
    size = target.stat().st_size
    read = rows + sum(refused.values())
    expected = sum(work.plan.shards[i]["rows"] for i in work.plan.slices[number]["shards"])
    if read != expected:
        raise CurateError(f"{target}: {read} documents of {expected} were accounted for; please report this")
    with open(target, "rb") as file:
        value = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    mark = {
        "file": name,
        "rows": rows,
        "size": size,
        "digest": value,
        "cause": work.plan.causes[number],
        "ledger": ledger.entry(read, rows, refused),
    }
    files.write_json(work.plan.output.mark(f"{number:05}"), mark)
    return {"rows": rows, "bytes": sum(work.plan.shards[i]["bytes"] for i in work.plan.slices[number]["shards"])}
