"""What tasks leave behind: shards with their footers, rejects and spans, and the link to a shard that is finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import CurateError
from curate.kernels import arrow
from curate.kernels.digest import table_digest
from curate.runtime import ledger
from curate.runtime.checks import renamed
from curate.runtime.plan import RUNTIME_COLUMNS, Plan
from curate.runtime.reader import Chosen, column_types, constant
from curate.stage import Applied, Stage, StageConfig
from curate.storage import files
from curate.storage import manifest as manifests
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Generation
from curate.storage.schema import DOCUMENTS as BASE
from curate.storage.schema import REJECTS, SPANS

_TOKEN_SAMPLE_BYTES = 1 << 18
_SPANS_AT_ONCE = 1 << 17


def applied(result: pa.Table | Applied) -> Applied:
    """What a stage gave, in its long form."""
    return result if isinstance(result, Applied) else Applied(result)


# --- layers ---------------------------------------------------------------------------------------


def write_layer_shard(
    plan: Plan,
    stage: Stage,
    config: StageConfig,
    name: str,
    chosen: Chosen,
    result: Applied,
    why: str,
    further: Mapping[str, str],
) -> int:
    """Check what `apply` gave, put back the rows that were not chosen, write; gives the number quarantined.

    further: goes into the footer.
    """
    assert stage.adds is not None
    schema = stage.adds(config)
    table = _checked(plan, name, result.table, schema, chosen.table.num_rows)
    table = table.rename_columns([renamed(stage, plan.layer, column) for column in schema.names])
    if chosen.keep is not None:
        positions = np.cumsum(chosen.keep) - 1
        table = table.take(pa.array(positions, mask=~chosen.keep))
    quarantined = _write_rejects(plan, name, result.rejects)
    removed = {ledger.WHERE_FALSE: chosen.false, ledger.WHERE_NULL: chosen.null}
    out = chosen.table.num_rows - quarantined
    counted = ledger.entry(chosen.rows, out, removed, quarantined, counts={**_refusals(table), **result.counts})
    ledger.check(f"{plan.title}: {name}", counted)
    footer = {"cause": why, "digest": table_digest(table), "ledger": counted, "bytes": 0, "tokens": 0, "last": True}
    shards.write(plan.output.shard(name), table, {**footer, **further})
    return quarantined


def _refusals(table: pa.Table) -> dict[str, int]:
    """How many documents each `..._keep` column speaks against, and each `..._capped` column marks."""
    found = {}
    for name in (field.name for field in table.schema if pa.types.is_boolean(field.type)):
        true = pc.sum(table[name]).as_py() or 0
        if name.endswith("_keep"):
            found[f"{name} false"] = len(table) - table[name].null_count - true
        elif name.endswith("_capped"):
            found[f"{name} true"] = true
    return found


def _checked(plan: Plan, name: str, table: pa.Table, schema: pa.Schema, rows: int) -> pa.Table:
    if table.num_rows != rows:
        raise CurateError(
            f"{plan.title}: {name}: {table.num_rows} rows came back for {rows}; this is a bug of the stage"
        )
    if table.schema.names != schema.names or table.schema.types != schema.types:
        raise CurateError(
            f"{plan.title}: {name}: columns {_described(table.schema)} came back where {_described(schema)} are "
            "declared; this is a bug of the stage"
        )
    return pa.Table.from_arrays(table.columns, schema=pa.schema([field.with_nullable(True) for field in schema]))


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)


def _write_rejects(plan: Plan, name: str, rejects: pa.Table | None) -> int:
    if rejects is None or rejects.num_rows == 0:
        return 0
    table = rejects.select(REJECTS.names).cast(REJECTS)
    shards.write(plan.output.rejects(name), table, {"digest": table_digest(table)})
    return rejects.num_rows


# --- new corpora ----------------------------------------------------------------------------------


def target_schemas(plan: Plan, stage: Stage, config: StageConfig) -> dict[str, pa.Schema]:
    """The schema of the text and of each carried layer of a new corpus."""
    types = column_types(plan)
    carried = {
        layer: pa.schema([pa.field(name, types[name]) for name in names]) for layer, names in plan.carried.items()
    }
    taken = {name for schema in carried.values() for name in schema.names}
    added = stage.adds(config) if stage.adds else pa.schema([])
    extra = [
        pa.field(name, kind)
        for name, kind in types.items()
        if name not in taken and name not in BASE.names and name not in added.names and _of_text(plan, name)
    ]
    return {
        DOCUMENTS: pa.schema([*BASE, *extra, *(field for field in added if field.name not in BASE.names)]),
        **carried,
    }


def _of_text(plan: Plan, name: str) -> bool:
    return any(source.columns.get(name) == DOCUMENTS for source in plan.inputs)


class SliceWriter:
    """Cuts what a slice gives into shards of about `--shard-bytes` of text; the last one says that it is the last.

    One shard is held back at a time, so at most two shards' text is in memory.
    """

    def __init__(self, plan: Plan, stage: Stage, config: StageConfig, number: int, why: str) -> None:
        self._plan = plan
        self._schemas = target_schemas(plan, stage, config)
        self._number = number
        self._why = why
        self._waiting: list[pa.Table] = []
        self._bytes = 0
        self._ledger = [ledger.entry()]
        self._rejects: list[pa.Table] = []
        self._spans = shards.Pieces(plan.output.spans(f"{number:05}"))
        self._shards = 0
        self._held: pa.Table | None = None
        self._rows = 0
        self._text = 0

    def write(self, pieces: Iterable[Applied], refused: Mapping[str, int]) -> dict[str, Any]:
        """Write everything. `refused` is what the reader leaves out, complete once `pieces` has ended."""
        with self._spans:
            for piece in pieces:
                self._account(piece)
                if piece.spans is not None:
                    self._add_spans(piece.spans)
                if piece.table.num_rows:
                    self._add(piece.table)
        self._ledger.append(ledger.entry(sum(refused.values()), removed=refused))
        rejects = pa.concat_tables(self._rejects) if self._rejects else None
        quarantined = _write_rejects(self._plan, f"{self._number:05}", rejects)
        self._cut(all_of_it=True)
        if self._held is None:
            self._held = pa.concat_tables(
                [schema.empty_table() for schema in self._schemas.values()], promote_options="default"
            )
        self._emit(last=True)
        return {"rows": self._rows, "bytes": self._text, "quarantined": quarantined}

    def _account(self, piece: Applied) -> None:
        rejected = piece.rejects.num_rows if piece.rejects is not None else 0
        read = piece.table.num_rows if piece.read is None else piece.read
        counts = dict(piece.counts) if piece.spans is None else {**piece.counts, ledger.SPANS: piece.spans.num_rows}
        item = ledger.entry(read, piece.table.num_rows, piece.removed, rejected, piece.repeats, counts)
        ledger.check(f"{self._plan.title}: slice {self._number}", item)
        self._ledger.append(item)
        if rejected:
            self._rejects.append(piece.rejects)

    def _add_spans(self, table: pa.Table) -> None:
        """Write rows of spans/; the file takes its place when all are there, before the slice's last shard does."""
        table = table.select(SPANS.names).cast(SPANS)
        for start in range(0, table.num_rows, _SPANS_AT_ONCE):
            piece = table.slice(start, _SPANS_AT_ONCE)
            self._spans.add(piece, table_digest(piece))

    def _add(self, table: pa.Table) -> None:
        marks = [name for name in RUNTIME_COLUMNS if name in table.column_names]
        columns = [name for schema in self._schemas.values() for name in schema.names]
        missing = [name for name in columns if name not in table.column_names]
        if missing:
            raise CurateError(f"{self._plan.title}: column '{missing[0]}' was not given; this is a bug of the stage")
        schema = pa.schema([field for part in self._schemas.values() for field in part])
        self._waiting.append(table.drop_columns(marks).select(columns).cast(schema))
        self._bytes += int(arrow.numbers(table["bytes"]).sum())
        if self._bytes >= self._plan.shard_bytes:
            self._cut(all_of_it=False)

    def _cut(self, all_of_it: bool) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        ends = np.cumsum(arrow.numbers(table["bytes"]))
        start = 0
        while start < table.num_rows:
            before = ends[start - 1] if start else 0
            end = int(np.searchsorted(ends, before + self._plan.shard_bytes, side="left")) + 1
            if end > table.num_rows:
                break
            self._hold(table.slice(start, end - start))
            start = end
        rest = table.slice(start)
        if all_of_it and rest.num_rows:
            self._hold(rest)
        self._waiting = [rest] if rest.num_rows and not all_of_it else []
        self._bytes = sum(int(arrow.numbers(item["bytes"]).sum()) for item in self._waiting)

    def _hold(self, table: pa.Table) -> None:
        if self._held is not None:
            self._emit(last=False)
        self._held = table.combine_chunks()

    def _emit(self, last: bool) -> None:
        assert self._held is not None
        name = f"{self._number:05}-{self._shards:03}"
        text = int(arrow.numbers(self._held["bytes"]).sum())
        estimate = estimated_tokens(self._held["text"], text)
        item = ledger.total(self._ledger) if last else ledger.entry()
        for layer, schema in reversed(self._schemas.items()):
            table = self._held.select(schema.names)
            footer = {"cause": self._why, "digest": table_digest(table), "ledger": item, "last": last}
            footer |= {"bytes": text, "tokens": estimate} if layer == DOCUMENTS else {"bytes": 0, "tokens": 0}
            shards.write(carried_generation(self._plan, layer).shard(name), table, footer)
        self._rows += self._held.num_rows
        self._text += text
        self._shards += 1
        self._held = None


def estimated_tokens(texts: pa.ChunkedArray, size: int) -> int:
    """Tokens of texts of `size` bytes, estimated from documents at even distances that hold about 256 kB."""
    from curate.algorithms.tokens import counter

    few = texts.take(pa.array(range(0, len(texts), max(1, size // _TOKEN_SAMPLE_BYTES)), pa.int64()))
    few = pc.utf8_slice_codeunits(few, 0, _TOKEN_SAMPLE_BYTES // 8)
    read = pc.sum(pc.binary_length(few)).as_py() or 0
    return round(int(counter(None).count(few).sum()) * size / read) if read else 0


def carried_generation(plan: Plan, layer: str) -> Generation:
    """Where the shards of one layer of a new corpus go."""
    return Generation(plan.folder.parent / layer / plan.generation)


def new_shard(plan: Plan, name: str) -> pa.Table:
    """All columns of one finished shard of a new corpus."""
    return shards.read(plan.output.shard(name))


def with_marks(table: pa.Table, shard: int) -> pa.Table:
    """Add the runtime's columns to a shard of a new corpus: `shard` is its number within the slice."""
    rows = table.num_rows
    table = table.append_column("shard", pa.array(np.full(rows, shard, dtype=np.int32)))
    table = table.append_column("row", pa.array(np.arange(rows, dtype=np.int64)))
    return table.append_column("corpus", constant(0, rows, [""]))


# --- finished already -----------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _previous_causes(folder: str, generation: str) -> dict[str, list[str]]:
    found = manifests.read(Path(folder))
    causes: dict[str, list[str]] = {}
    if found and found.generation == generation:
        for entry in found.shards:
            causes.setdefault(entry.cause, []).append(entry.name)
    return causes


def link_previous(plan: Plan, number: int, why: str) -> dict[str, Any] | None:
    """Link the shards that the generation before made from the same cause; None when there are none."""
    if plan.previous is None:
        return None
    names = _previous_causes(str(plan.folder), plan.previous).get(why, [])
    if plan.makes == "layer":
        names = [name for name in names if name == plan.shards[number]["name"]]
    else:
        names = [name for name in names if name.split("-")[0] == names[0].split("-")[0]]
    if not names:
        return None
    rows = quarantined = 0
    for i, name in enumerate(names):
        new = plan.shards[number]["name"] if plan.makes == "layer" else f"{number:05}-{i:03}"
        linked = _link_shard(plan, name, new)
        if linked is None:
            return None
        rows += linked["rows"]
        quarantined += linked["quarantined"]
    return {"rows": rows, "quarantined": quarantined, "linked": True}


def _link_shard(plan: Plan, old: str, new: str) -> dict[str, int] | None:
    assert plan.previous is not None
    layers = [plan.layer, *plan.carried] if plan.makes == "corpus" else [plan.layer]
    sources = {layer: Generation(plan.folder.parent / layer / plan.previous) for layer in layers}
    if not all(source.shard(old).exists() for source in sources.values()):
        return None
    beside_old, beside_new = (old, new) if plan.makes == "layer" else (old.split("-")[0], new.split("-")[0])
    footer = shards.read_footer(sources[plan.layer].shard(old))
    if footer is None:
        return None
    if footer["ledger"]["quarantined"]:
        if not sources[plan.layer].rejects(beside_old).exists():
            return None
        files.link(sources[plan.layer].rejects(beside_old), plan.output.rejects(beside_new))
    if footer["ledger"]["counts"].get(ledger.SPANS):
        if not sources[plan.layer].spans(beside_old).exists():
            return None
        files.link(sources[plan.layer].spans(beside_old), plan.output.spans(beside_new))
    for layer in reversed(layers):
        files.link(sources[layer].shard(old), carried_generation(plan, layer).shard(new))
    return {"rows": footer["ledger"]["out"], "quarantined": footer["ledger"]["quarantined"]}
