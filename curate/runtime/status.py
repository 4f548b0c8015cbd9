"""What a corpus holds and what is under way, from manifests, finished files and records."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms import where as where_
from curate.errors import UsageError, there_are
from curate.storage import files
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus, Generation, generations


@dataclass(frozen=True)
class LayerStatus:
    """One layer: what it is, or how far its making has come."""

    layer: str
    stage: str
    state: str
    rows: int
    shards: int
    columns: list[str]
    ledger: dict[str, Any] | None
    seconds: float
    peak_bytes: int
    stored_bytes: int


def status(corpus: Corpus) -> list[LayerStatus]:
    """Every layer, documents first; unfinished ones at the end."""
    found = []
    for layer in corpus.layers():
        manifest = corpus.must(layer)
        generation = corpus.generation(layer, manifest.generation)
        why = corpus.stale(layer)
        wanted = (generation.shard, generation.index) if manifest.indexed else (generation.shard,)
        missing = sum(not all(path(entry.name).exists() for path in wanted) for entry in manifest.shards)
        state = (
            f"stale: {why}"
            if why
            else f"{missing} shards missing"
            if missing
            else "carried"
            if manifest.carried
            else "ready"
        )
        seconds, peak = _record(generation)
        found.append(
            LayerStatus(
                layer,
                manifest.stage,
                state,
                manifest.rows,
                len(manifest.shards),
                manifest.column_names,
                manifest.ledger,
                seconds,
                peak,
                files.stored_bytes(generation.folder),
            )
        )
    return found + [status for layer in sorted(corpus.path.glob("[!.]*/")) for status in _under_way(corpus, layer)]


def _under_way(corpus: Corpus, layer: Path) -> list[LayerStatus]:
    manifest = corpus.manifest(layer.name)
    found = []
    for folder in generations(layer):
        if manifest and folder.name == manifest.generation:
            continue
        generation = Generation(folder)
        names = generation.shard_names()
        seconds, peak = _record(generation)
        plan = generation.work("plan.json")
        try:
            stage = json.loads(plan.read_text())["stage"]
        except FileNotFoundError:  # given up, or finished this moment
            stage = "?"
        state = f"unfinished: {len(names)} shards so far"
        stored = files.stored_bytes(folder)
        found.append(LayerStatus(layer.name, stage, state, 0, len(names), [], None, seconds, peak, stored))
    return found


def first_rejects(generation: Generation, count: int) -> list[dict[str, Any]]:
    """The first rejects of a generation, finished or not, as rows of `storage.schema.REJECTS`."""
    return _first(_tables(generation.folder / "rejects"), count)


def _tables(folder: Path) -> Iterator[pa.Table]:
    return (shards.read(path) for path in sorted(folder.glob("[!.]*.parquet")))


def _of_layer(tables: Iterable[pa.Table], layer: str) -> Iterator[pa.Table]:
    return (table.add_column(0, "layer", pa.repeat(layer, table.num_rows)) for table in tables)


def _first(tables: Iterable[pa.Table], count: int, where: str | None = None) -> list[dict[str, Any]]:
    """The first rows that an expression selects. Raises UsageError for a column that they do not have."""
    rows: list[dict[str, Any]] = []
    for table in tables:
        rows += _chosen(table, where).slice(0, count - len(rows)).to_pylist()
        if len(rows) >= count:
            break
    return rows


def _chosen(table: pa.Table, expression: str | None) -> pa.Table:
    if expression is None:
        return table
    if unknown := where_.unknown(expression, table.column_names):
        raise UsageError(f"--where: no column '{unknown[0]}' here; {there_are(table.column_names, unknown[0])}")
    return table.filter(pa.array(where_.mask(table, expression)[0]))


def rejects(corpus: Corpus, count: int, where: str | None = None) -> list[dict[str, Any]]:
    """The first rejects of every layer, finished or not, with the layer's name.

    Raises UsageError where nothing was begun.
    """
    if not corpus.folder(DOCUMENTS).exists():
        corpus.documents()
    found = []
    for layer in sorted(path for path in corpus.path.glob("*/") if path.is_dir()):
        for folder in generations(layer):
            found += _first(_of_layer(_tables(folder / "rejects"), layer.name), count, where)
    return found


def spans(corpus: Corpus, count: int, where: str | None = None) -> list[dict[str, Any]]:
    """The first stretches of text that were taken out of the documents, as rows of `storage.schema.SPANS`."""
    return _first(_tables(corpus.current(DOCUMENTS).folder / "spans"), count, where)


SEMANTIC = "semdedup"
PAIR = ("kind", "id", "of", "similarity", "source", "of_source", "of_corpus")


def pairs(corpus: Corpus, count: int, where: str | None = None) -> list[dict[str, Any]]:
    """The first pairs of each deduplication, `PAIR` with the layer's name; of those not committed yet as well.

    Raises UsageError where no layer is a deduplication.
    """
    corpus.documents()
    found = []
    tables = {layer: _pairs_of_summary(path) for layer, path in _summaries(corpus)}
    semantic = [layer for layer in corpus.layers() if corpus.must(layer).stage == SEMANTIC]
    tables |= {layer: _pairs_by_meaning(corpus, layer) for layer in semantic if not corpus.stale(layer)}
    if not tables:
        path = shlex.quote(str(corpus.path))
        raise UsageError(
            f"{corpus.path}: no layer says what duplicates what; `curate dedup {path}` or `curate semdedup {path}` "
            "makes one"
        )
    for layer in sorted(tables):
        found += _first(_of_layer(tables[layer], layer), count, where)
    return found


def _pairs_of_summary(path: Path) -> Iterator[pa.Table]:
    return (table.filter(pc.is_valid(table["id"])).select(PAIR) for table in shards.groups(path))


def _pairs_by_meaning(corpus: Corpus, layer: str) -> Iterator[pa.Table]:
    """`PAIR` of a layer of semdedup, a shard at a time: removed documents and the ones that mean the same.

    Every shard that has any costs a pass over all ids.
    """
    for entry in corpus.entries():
        path = corpus.current(layer).shard(entry.name)
        said = shards.read(path, [f"{layer}_of", f"{layer}_similarity", f"{layer}_keep"])
        removed = pc.fill_null(pc.and_(pc.invert(said[f"{layer}_keep"]), pc.is_valid(said[f"{layer}_of"])), False)
        rows = np.flatnonzero(removed.to_numpy())
        named = shards.read_rows(corpus.current(DOCUMENTS).shard(entry.name), ["id", "source"], rows)
        said = said.take(pa.array(rows))
        columns = {
            "kind": pa.repeat("meaning", len(rows)),
            "id": named["id"],
            "of": said[f"{layer}_of"],
            "similarity": said[f"{layer}_similarity"],
            "source": named["source"].cast(pa.string()),
            "of_source": _sources(corpus, said[f"{layer}_of"]),
            "of_corpus": pa.nulls(len(rows), pa.string()),
        }
        yield pa.table(columns).select(PAIR)


def _sources(corpus: Corpus, ids: pa.ChunkedArray) -> pa.Array:
    """The source of each id, null for one that is not there."""
    found = pa.nulls(len(ids), pa.string())
    for entry in corpus.entries():
        if not found.null_count:
            break
        table = shards.read(corpus.current(DOCUMENTS).shard(entry.name), ["id", "source"])
        places = pc.index_in(ids, table["id"].combine_chunks())
        found = pc.coalesce(found, table["source"].cast(pa.string()).take(places.combine_chunks()).combine_chunks())
    return found


def _summaries(corpus: Corpus) -> Iterator[tuple[str, Path]]:
    """Layers whose summary has pairs, and the summaries: the committed one, or else the last that was finished."""
    for layer in sorted(path for path in corpus.path.glob("[!.]*/") if path.name != DOCUMENTS):
        manifest = corpus.manifest(layer.name)
        kept = [corpus.generation(layer.name, manifest.generation).folder] if manifest else generations(layer)
        paths = [Generation(folder).summary for folder in kept]
        made = [path for path in paths if path.exists() and set(PAIR) <= set(shards.read_schema(path).names)]
        if made:
            yield layer.name, max(made, key=lambda path: path.stat().st_mtime)


MATCH = ("kind", "item", "id", "source", "text", "item_text")
MEASURES = {"span": pa.int64(), "tokens": pa.int64(), "similarity": pa.float32()}
"""How much of an item a document has, or how near it is; null in a layer that does not say it so."""


def matches(corpus: Corpus, count: int, where: str | None = None) -> list[dict[str, Any]]:
    """The first leaks that each decontamination, by words or by meaning, found: `MATCH` but for the kind, `MEASURES`,
    and the layer's name.

    Raises UsageError where no layer is a decontamination.
    """
    corpus.documents()
    found = []
    known = False
    for layer in sorted(path for path in corpus.path.glob("[!.]*/") if path.name != DOCUMENTS):
        manifest = corpus.manifest(layer.name)
        path = corpus.generation(layer.name, manifest.generation).model if manifest else None
        if path is None or not path.exists() or not set(MATCH) <= set(shards.read_schema(path).names):
            continue
        known = True
        leaks = (_leaks(table) for table in shards.groups(path))
        found += _first(_of_layer(leaks, layer.name), count, where)
    if not known:
        path = shlex.quote(str(corpus.path))
        raise UsageError(
            f"{corpus.path}: no layer says what stands in a benchmark; `curate decontaminate {path}` makes one"
        )
    return found


def _leaks(table: pa.Table) -> pa.Table:
    found = table.filter(pc.equal(table["kind"], "match"))
    measures = {name: found[name] if name in found.column_names else None for name in MEASURES}
    added = {name: pa.nulls(len(found), MEASURES[name]) if given is None else given for name, given in measures.items()}
    return pa.table({**{name: found[name] for name in MATCH[1:]}, **added})


def _record(generation: Generation) -> tuple[float, int]:
    """Seconds of work over all tasks, and the largest worker's peak."""
    path = generation.record("tasks.jsonl")
    if not path.exists():
        return 0.0, 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return sum(line["seconds"] for line in lines), max((line["peak_bytes"] for line in lines), default=0)
