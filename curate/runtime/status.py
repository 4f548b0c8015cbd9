"""What a corpus holds and what is under way, from manifests, finished files and records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

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
        missing = sum(not generation.shard(entry.name).exists() for entry in manifest.shards)
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
    return _first_rows(generation.folder / "rejects", count)


def _first_rows(folder: Path, count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.glob("[!.]*.parquet")):
        rows += shards.read(path).slice(0, count - len(rows)).to_pylist()
        if len(rows) >= count:
            break
    return rows


def rejects(corpus: Corpus, count: int) -> list[dict[str, Any]]:
    """The first rejects of every layer, with the layer's name."""
    found = []
    for layer in sorted(path for path in corpus.path.glob("*/") if path.is_dir()):
        for folder in generations(layer):
            found += [{"layer": layer.name, **row} for row in first_rejects(Generation(folder), count)]
    return found


def spans(corpus: Corpus, count: int) -> list[dict[str, Any]]:
    """The first stretches of text that were taken out of the documents, as rows of `storage.schema.SPANS`."""
    return _first_rows(corpus.current(DOCUMENTS).folder / "spans", count)


def pairs(corpus: Corpus, count: int) -> list[dict[str, Any]]:
    """The first pairs that each layer's summary names, with the layer's name."""
    found = []
    for layer in corpus.layers():
        path = corpus.current(layer).summary
        if not path.exists() or not {"id", "of", "kind"} <= set(shards.read_schema(path).names):
            continue
        rows: list[dict[str, Any]] = []
        for table in shards.groups(path):
            rows += table.filter(pc.is_valid(table["id"])).slice(0, count - len(rows)).to_pylist()
            if len(rows) >= count:
                break
        found += [{"layer": layer, **row} for row in rows]
    return found


def _record(generation: Generation) -> tuple[float, int]:
    """Seconds of work over all tasks, and the largest worker's peak."""
    path = generation.record("tasks.jsonl")
    if not path.exists():
        return 0.0, 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return sum(line["seconds"] for line in lines), max((line["peak_bytes"] for line in lines), default=0)
