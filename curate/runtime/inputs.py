"""The corpora that a plan reads: which layers and columns of them, and their shards."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from curate.errors import UsageError, there_are
from curate.runtime.old import INDEX, old_columns
from curate.stage import Stage, StageConfig
from curate.storage.corpus import DOCUMENTS, Corpus
from curate.storage.shard import is_wide, read_schema

EVERYTHING = ("*",)


@dataclass(frozen=True)
class Input:
    """One input corpus as it was when planned: the generation of each layer read, and where each column lies."""

    name: str
    path: str
    layers: dict[str, str]
    columns: dict[str, str]


def layer_schema(corpus: Corpus, layer: str) -> pa.Schema:
    """The Arrow schema of a finished layer, from its first shard."""
    found = corpus.must(layer)
    return read_schema(corpus.generation(layer, found.generation).shard(found.shards[0].name))


def carried_layers(stage: Stage, carry: str | None, corpora: list[tuple[str, Corpus]]) -> dict[str, list[str]]:
    """The layers that come along into a new corpus, and their columns."""
    if stage.makes != "corpus" or stage.takes == "sources" or carry == "none" or not stage.carries:
        return {}
    chosen: dict[str, list[str]] = {}
    named = None if carry in (None, "all") else carry.split(",")
    for _, corpus in corpora:
        layers = [layer for layer in corpus.layers() if layer != DOCUMENTS]
        for layer in layers if named is None else [name for name in named if name in layers]:
            small = not any(is_wide(kind) for kind in layer_schema(corpus, layer).types)
            if carry is not None or small:
                names = [*chosen.get(layer, ()), *corpus.must(layer).column_names]
                chosen[layer] = list(dict.fromkeys(names))
    for name in named or []:
        if name not in chosen:
            raise UsageError(
                f"--carry '{name}': no such layer in {', '.join(str(corpus.path) for _, corpus in corpora)}"
            )
    return chosen


def wanted_columns(stage: Stage, config: StageConfig, where: str | None) -> list[str]:
    """Every column of the input that some function of the stage, or `--where`, reads."""
    names: list[str] = list(EVERYTHING) if stage.makes == "corpus" else list(stage.needs(config))
    for census in stage.before:
        names += (census.likewise or census.needs or stage.needs)(config)
        if census.sample and stage.takes != "sources":
            names.append("id")
    if stage.after and stage.makes == "layer":
        names += needed_after(stage, config)
    if where:
        from curate.algorithms.where import columns

        names += columns(where)
    return list(dict.fromkeys(names))


def needed_after(stage: Stage, config: StageConfig) -> list[str]:
    """The columns of the input that the census after needs: what the stage adds itself is at hand."""
    assert stage.after is not None and stage.adds is not None
    added = stage.adds(config).names
    return [name for name in (stage.after.needs or stage.needs)(config) if name not in added]


def read_inputs(
    stage: Stage,
    corpora: list[tuple[str, Corpus]],
    wanted: Sequence[str],
    carried: dict[str, list[str]],
    known: Callable[[], dict[str, Stage]],
) -> tuple[list[Input], list[dict[str, Any]], dict[str, str]]:
    """The inputs, all their shards, and the content of each layer read.

    Raises UsageError for a column that is nowhere, a stale layer, and types that clash.
    """
    inputs, shards, contents = [], [], {}
    united: dict[str, tuple[pa.DataType, str]] = {}
    anywhere = {name for _, corpus in corpora for name in corpus.columns()}
    for number, (name, corpus) in enumerate(corpora):
        documents = corpus.documents()
        owners = corpus.columns()
        columns = {}
        for column in _expand(wanted, owners, carried):
            if column in owners:
                columns[column] = owners[column]
            elif column not in anywhere:
                raise UsageError(_unknown_column(column, corpus, owners, known))
        layers = sorted({DOCUMENTS, *columns.values()})
        for layer in layers:
            if why := corpus.stale(layer):
                redo = corpus.must(layer).stage
                raise UsageError(
                    f"{corpus.path}: layer '{layer}' is stale: {why}; run `curate {redo} {corpus.path}"
                    f"{'' if redo == layer else f' --as {layer}'} ...` again, or the whole recipe by `curate run`"
                )
            _unite(united, layer_schema(corpus, layer), columns, layer, str(corpus.path))
            contents[layer if len(corpora) == 1 and stage.makes == "layer" else f"{name}/{layer}"] = corpus.must(
                layer
            ).content
        inputs.append(
            Input(name, str(corpus.path), {layer: corpus.must(layer).generation for layer in layers}, columns)
        )
        digests = {layer: [shard.digest for shard in corpus.must(layer).shards] for layer in layers}
        for i, entry in enumerate(documents.shards):
            shards.append(
                {
                    "index": len(shards),
                    "corpus": number,
                    "name": entry.name,
                    "rows": entry.rows,
                    "bytes": entry.bytes,
                    "tokens": entry.tokens,
                    "digests": {layer: digests[layer][i] for layer in layers},
                }
            )
    return inputs, shards, contents


def _expand(wanted: Sequence[str], owners: dict[str, str], carried: dict[str, list[str]]) -> list[str]:
    if "*" not in wanted:
        return list(wanted)
    everything = [name for name, layer in owners.items() if layer == DOCUMENTS or layer in carried]
    return list(dict.fromkeys([*everything, *(name for name in wanted if name != "*")]))


def _unite(
    united: dict[str, tuple[pa.DataType, str]], schema: pa.Schema, columns: dict[str, str], layer: str, where: str
) -> None:
    for item in schema:
        if columns.get(item.name) != layer:
            continue
        kind, first = united.setdefault(item.name, (item.type, where))
        if kind != item.type:
            raise UsageError(
                f"column '{item.name}' is {kind} in {first} but {item.type} in {where}; "
                "leave one out with --carry, or make them alike"
            )


def _unknown_column(column: str, corpus: Corpus, owners: dict[str, str], known: Callable[[], dict[str, Stage]]) -> str:
    adds = [
        name
        for name, stage in known().items()
        if stage.makes == "layer" and (column == name or column.startswith(name + "_"))
    ]
    close = difflib.get_close_matches(column, owners, 1)
    hint = "; text stands in single quotes, and a field of `meta` becomes a column by `ingest --column`"
    if adds:
        hint = f"; `curate {adds[0]} {corpus.path}` adds it"
    elif close:
        hint = f" (did you mean '{close[0]}'?)"
    return f"{corpus.path}: no column '{column}'{hint}; {there_are(owners, column)}"


def read_old(
    stage: Stage, config: StageConfig, layer: str, target: Path
) -> tuple[list[Input], list[dict[str, Any]], dict[str, str]]:
    """The same of the corpora that options name beside the input. Raises UsageError for one that cannot be read."""
    inputs, shards, contents = [], [], {}
    for name, corpus, columns, there in old_columns(stage, config, layer, target):
        layers = sorted({DOCUMENTS, layer, *(owner for owner in columns.values() if owner != INDEX)})
        contents |= {f"{name}/{owner}": corpus.must(owner).content for owner in layers}
        generations = {owner: corpus.must(owner).generation for owner in layers}
        inputs.append(Input(name, str(corpus.path), generations, columns))
        shards += there
    return inputs, shards, contents
