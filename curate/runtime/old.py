"""Corpora that are read beside the input: what a plan knows of them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

from curate.errors import UsageError, there_are
from curate.runtime.checks import renamed
from curate.stage import Against, CorpusMarker, Stage, StageConfig, marked
from curate.storage.corpus import DOCUMENTS, Corpus, named
from curate.storage.manifest import Manifest

INDEX = "index/"
"""Where a column lies that is in no layer's shards but in their index."""


def old_corpora(config: StageConfig) -> list[tuple[str, str]]:
    """(name, folder) of each old corpus that the options name. Raises UsageError when two share a name."""
    return list(named([value for name in marked(type(config), CorpusMarker) for value in getattr(config, name)]))


def old_columns(
    stage: Stage, config: StageConfig, layer: str, target: Path
) -> list[tuple[str, Corpus, dict[str, str], list[dict[str, Any]]]]:
    """Of each old corpus: its name, itself, where each column that is needed lies, and its shards.

    Raises UsageError for one that cannot be read: itself, without the layer, its index or a column, or made otherwise.
    """
    uses = [census.against for census in stage.before if census.against]
    found = []
    for number, (name, folder) in enumerate(old_corpora(config)):
        corpus = Corpus(folder)
        if os.path.realpath(corpus.path) == os.path.realpath(target):
            raise UsageError(f"{corpus.path}: a corpus cannot be compared with itself; name another")
        _check_layer(corpus, stage, config, layer, uses)
        columns = _located(corpus, stage, config, layer, uses)
        shards = [
            {"corpus": number, "name": entry.name, "rows": entry.rows, "bytes": entry.bytes}
            for entry in corpus.entries()
        ]
        found.append((name, corpus, columns, shards))
    return found


def _check_layer(corpus: Corpus, stage: Stage, config: StageConfig, layer: str, uses: list[Against]) -> None:
    again = f"`curate {stage.name} {shlex.quote(str(corpus.path))}{'' if layer == stage.name else f' --as {layer}'}"
    corpus.documents()
    manifest = corpus.manifest(layer)
    if manifest is None:
        raise UsageError(f"{corpus.path}: no layer '{layer}' to compare with; {again}` makes it")
    if manifest.stage != stage.name or manifest.revision != stage.revision:
        raise UsageError(
            f"{corpus.path}: layer '{layer}' was made by {manifest.stage} {manifest.revision}, not by "
            f"{stage.name} {stage.revision}; {again}` makes it anew"
        )
    if manifest.carried or not all(has_index(corpus, manifest)):
        why = " was carried over from another corpus and" if manifest.carried else ""
        raise UsageError(f"{corpus.path}: layer '{layer}'{why} has no index; {again}` makes it with one")
    options = config.model_dump(mode="json")
    for option in dict.fromkeys(option for use in uses for option in use.same):
        before = manifest.options["options"].get(option)
        if before != options[option]:
            raise UsageError(
                f"{corpus.path}: layer '{layer}' was made with {option} {before!r}, but now it is {options[option]!r}; "
                f"give the same, or make that layer anew: {again} ...`"
            )


def has_index(corpus: Corpus, manifest: Manifest) -> list[bool]:
    """For each shard of a layer, whether its index is there."""
    generation = corpus.generation(manifest.layer, manifest.generation)
    return [generation.index(entry.name).exists() for entry in manifest.shards]


def _located(corpus: Corpus, stage: Stage, config: StageConfig, layer: str, uses: list[Against]) -> dict[str, str]:
    """Where each column that is needed lies: a layer, or INDEX."""
    assert stage.adds is not None
    owners = corpus.columns()
    made = set(stage.adds(config).names)
    indexed = {column for use in uses for column in use.indexed}
    found = {}
    for column in dict.fromkeys(column for use in uses for column in use.needs(config)):
        own = renamed(stage, layer, column) if column in made else column
        if column in indexed:
            found[column] = INDEX
        elif own in owners:
            found[column] = owners[own]
        else:
            raise UsageError(f"{corpus.path}: no column '{own}'; {there_are(owners, own)}")
    for owner in sorted({DOCUMENTS, layer, *(owner for owner in found.values() if owner != INDEX)}):
        if why := corpus.stale(owner):
            raise UsageError(f"{corpus.path}: layer '{owner}' is stale: {why}; make it again first")
    return found
