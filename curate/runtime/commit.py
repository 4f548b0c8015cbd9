"""The end of a run: the ledger checked, the manifest built from footers alone, the old generation deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from curate.errors import CurateError, UsageError
from curate.runtime import ledger
from curate.runtime.fingerprint import planned_options
from curate.runtime.inputs import Input
from curate.runtime.output import carried_generation
from curate.runtime.phases import boot_path, file_mark, model_path, slice_shards
from curate.runtime.plan import Plan
from curate.stage import Stage
from curate.storage import files
from curate.storage import manifest as manifests
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus, Generation, generations
from curate.storage.manifest import Manifest, ShardEntry

_OURS = re.compile(rf"\d{{5,}}\.|{re.escape(files.TEMPORARY)}")  # what an export before may have left, by its name
LIBRARIES = ("curate", "numpy", "numba", "pyarrow", "polars", "scikit-learn", "faiss-cpu", "fasttext")


def versions() -> dict[str, str]:
    """Versions of the libraries that a result may depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit(plan: Plan, stage: Stage) -> Manifest:
    """Make the finished generation the layer. Raises when documents went missing or an input changed meanwhile."""
    check_inputs(plan.inputs)
    if plan.makes == "files":
        return _commit_files(plan)
    names = (
        [s["name"] for s in plan.shards]
        if plan.makes == "layer"
        else [n for _, v in sorted(slice_shards(plan).items()) for n in v]
    )
    footers = [_footer(plan, plan.layer, name) for name in names]
    counted = _ledger(plan, stage, footers)
    manifest = _manifest(plan, plan.layer, stage.name, stage.revision, names, footers, counted, plan.contents)
    config = planned_options(stage, plan.options)
    manifest = replace(manifest, indexed=any(census.indexed and census.indexed(config) for census in stage.before))
    files.write_json(plan.output.record("options.json"), plan.options)
    sync(plan)
    for layer in plan.carried:
        _commit_carried(plan, layer, names, manifest)
    manifests.write(plan.folder, manifest)
    tidy(plan)
    return manifest


def folders(plan: Plan) -> list[Path]:
    """The folders that a run writes generations into, its own first."""
    return [plan.output.folder.parent, *(plan.folder.parent / layer for layer in plan.carried)]


def sync(plan: Plan) -> None:
    """Make what a run left unsynced, and all names, safe from a loss of power."""
    for generation in [plan.output, *(carried_generation(plan, layer) for layer in plan.carried)]:
        if generation.folder.exists():
            files.sync_below(generation.folder, generation.folder.glob("index/*.parquet"))


def tidy(plan: Plan) -> None:
    """Delete what this run, or one that was killed, left beside what the manifests name."""
    forget_work(plan)
    for folder in folders(plan):
        files.remove_unfinished(folder)
    forget_others(plan)
    if plan.makes == "corpus":
        corpus = Corpus(plan.target)
        for layer in corpus.layers():
            if layer not in plan.carried and corpus.must(layer).carried:
                (corpus.folder(layer) / manifests.NAME).unlink()
                _forget(corpus.folder(layer), None, carried=True)


def forget_work(plan: Plan) -> None:
    """Delete the working files, and only then the note of what stands for them."""
    note = boot_path(plan)
    for path in note.parent.glob("*"):
        if path != note:
            path.unlink(missing_ok=True)
    files.remove_tree(note.parent)


def forget_others(plan: Plan) -> None:
    """Delete every generation but the one that is a layer now."""
    for folder in folders(plan):
        found = manifests.read(folder)
        _forget(folder, found.generation if found else plan.generation, carried=folder != plan.output.folder.parent)


def _forget(folder: Path, keep: str | None, carried: bool) -> None:
    """carried: one that a run of its own is making, in place of what was carried, is not this run's to delete."""
    for path in generations(folder):
        if path.name != keep and not (carried and Generation(path).work("plan.json").exists()):
            files.remove_tree(path)


def _footer(plan: Plan, layer: str, name: str) -> dict[str, Any]:
    path = carried_generation(plan, layer).shard(name)
    footer = shards.read_footer(path)
    if footer is None:
        raise CurateError(f"{path}: vanished while the run was under way; run the same command again")
    metadata = pq.read_metadata(path)
    return {**footer, "rows": metadata.num_rows}


def _manifest(
    plan: Plan,
    layer: str,
    stage: str,
    revision: int,
    names: list[str],
    footers: list[dict[str, Any]],
    counted: dict[str, Any],
    inputs: dict[str, str],
    carried: bool = False,
) -> Manifest:
    schema = pq.read_schema(carried_generation(plan, layer).shard(names[0]))
    return Manifest(
        layer=layer,
        stage=stage,
        revision=revision,
        fingerprint=plan.fingerprint,
        generation=plan.generation,
        columns=[[field.name, str(field.type)] for field in schema],
        shards=[
            ShardEntry(name, footer["rows"], footer["bytes"], footer["tokens"], footer["digest"], footer["cause"])
            for name, footer in zip(names, footers, strict=True)
        ],
        ledger=counted,
        options=plan.settings,
        inputs=inputs,
        sources=plan.sources,
        versions=versions(),
        carried=carried,
    )


def _commit_carried(plan: Plan, layer: str, names: list[str], documents: Manifest) -> None:
    """Make a carried layer a layer, unless somebody has since made one of its name that fits the text."""
    found = manifests.read(plan.folder.parent / layer)
    if found and not found.carried and found.inputs.get(DOCUMENTS) == documents.content:
        return
    origin = next(found for source in plan.inputs if (found := Corpus(source.path).manifest(layer)))
    footers = [_footer(plan, layer, name) for name in names]
    counted = documents.ledger
    inputs = {"documents": documents.content}
    manifest = _manifest(plan, layer, origin.stage, origin.revision, names, footers, counted, inputs, carried=True)
    manifests.write(plan.folder.parent / layer, manifest)


def _ledger(plan: Plan, stage: Stage, footers: list[dict[str, Any]]) -> dict[str, Any]:
    parts = [footer["ledger"] for footer in footers]
    routed = any("part" in piece for piece in plan.slices)
    for census in range(len(stage.before)):
        footer = shards.read_footer(model_path(plan, stage, census))
        if footer is None:
            continue
        removed = dict(footer["removed"])
        if routed and census == 0:
            removed |= footer["where"]
        parts.append(ledger.entry(sum(removed.values()), removed=removed))
    counted = ledger.total(parts)
    ledger.check(plan.title, counted)
    if plan.inputs and counted["in"] != plan.rows:
        raise CurateError(
            f"{plan.title}: {counted['in']} documents were accounted for, but the input has {plan.rows}; "
            "please report this"
        )
    return counted


def check_inputs(inputs: Iterable[Input]) -> None:
    """Raise UsageError when a layer that a plan reads is not what it was when planned, which deletes what was there."""
    for source in inputs:
        for layer, generation in source.layers.items():
            if Corpus(source.path).must(layer).generation != generation:
                raise UsageError(
                    f"{source.path}: layer '{layer}' was made anew while it was being read; run the command again"
                )


def _commit_files(plan: Plan) -> Manifest:
    marks = [file_mark(plan, number) for number in range(len(plan.slices))]
    if not all(marks):
        raise CurateError(f"{plan.target}: a file vanished while the run was under way; run the same command again")
    done = [mark for mark in marks if mark]
    counted = ledger.total(mark["ledger"] for mark in done)
    ledger.check(plan.title, counted)
    manifest = Manifest(
        layer="",
        stage=plan.stage,
        revision=1,
        fingerprint=plan.fingerprint,
        generation=plan.generation,
        columns=[],
        shards=[
            ShardEntry(mark["file"], mark["rows"], mark["size"], 0, mark["digest"], mark["cause"]) for mark in done
        ],
        ledger=counted,
        options=plan.settings,
        inputs=plan.contents,
        sources=plan.sources,
        versions=versions(),
    )
    listed = {mark["file"] for mark in done}
    for path in Path(plan.target).iterdir():
        if path.name not in listed and _OURS.match(path.name):
            path.unlink()
    sync(plan)
    files.sync(plan.folder)
    manifests.write(plan.folder, manifest)
    tidy(plan)
    return manifest
