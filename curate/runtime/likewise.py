"""Other documents put through the stage that made a layer, with the options and the model it had then."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from curate.errors import UsageError
from curate.runtime.checks import renamed
from curate.runtime.fingerprint import resolved_options
from curate.runtime.inputs import Input
from curate.stage import Applied, Load, Stage, StageConfig
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus
from curate.storage.manifest import Manifest


def check_likewise(source: Input, column: str, known: Mapping[str, Stage]) -> int:
    """Raise UsageError when the layer of a column cannot be made of other documents, with the next step.

    Gives the bytes that its stage states for none, which are those of its model.
    """
    corpus, layer = Corpus(source.path), source.columns[column]
    manifest = corpus.must(layer)
    stage = known.get(manifest.stage)
    if layer == DOCUMENTS or stage is None or stage.makes != "layer":
        raise UsageError(f"'{column}' is a column of '{layer}', not one that a stage made of the text; name such a one")
    again = f"`curate {stage.name} {shlex.quote(source.path)}{'' if layer == stage.name else f' --as {layer}'}`"
    if manifest.carried:
        raise UsageError(
            f"{source.path}: layer '{layer}' was carried over from another corpus without its model; {again} makes it "
            "with one"
        )
    if manifest.revision != stage.revision:
        raise UsageError(
            f"{source.path}: layer '{layer}' was made by {stage.name} {manifest.revision}, not by {stage.name} "
            f"{stage.revision}; {again} makes it anew"
        )
    footer = shards.read_footer(corpus.current(layer).model) or {}
    if stage.takes != "corpus" or footer.get("rows"):
        raise UsageError(
            f"{source.path}: '{column}' says what a document is among others of the corpus, so that no other document "
            "can have one; name a column that a document's text alone decides"
        )
    config = _options(corpus, manifest, stage)
    return stage.memory(Load("apply", 0, 0, 0), config) if stage.memory else 0


class _Step(NamedTuple):
    """One column, and what makes it. marks: what a layer must have in common with its own to say the same."""

    column: str
    layer: str
    stage: Stage
    config: StageConfig
    prepared: Any
    marks: tuple[Any, ...]


class Likewise:
    """What gives the columns of some columns' layers, named as there, for a table of other documents.

    Columns are made in the order given, later ones from earlier ones where these are needed; what the table has already
    is taken as it is.
    """

    def __init__(self, source: Input, columns: Sequence[str], known: Callable[[str], Stage]) -> None:
        self._steps = [_step(source, column, known) for column in columns]

    def __call__(self, table: pa.Table) -> pa.Table:
        """Raises UsageError for a table that lacks a column which a stage needs."""
        for step in self._steps:
            if step.column in table.column_names:
                continue
            needed = list(step.stage.needs(step.config))
            if lacking := [name for name in needed if name not in table.column_names]:
                raise UsageError(
                    f"layer '{step.layer}' was made from the columns {', '.join(needed)}, and what is to be compared "
                    f"has no '{lacking[0]}'; name a layer that was made from the text alone"
                )
            made = step.stage.apply(_marked(table.select(needed)), None, step.prepared, step.config)
            columns = made.table if isinstance(made, Applied) else made
            for name in columns.column_names:
                table = table.append_column(renamed(step.stage, step.layer, name), columns[name])
        return table

    def same(self, folder: str, column: str) -> str | None:
        """The column of another corpus that is what this would give its documents, where it has one.

        Its layer was made of all documents, by the same stage with the same options, and has an equal model.
        """
        step = next(step for step in self._steps if step.column == column)
        corpus = Corpus(folder)
        for layer in corpus.layers():
            manifest = corpus.must(layer)
            whole = not manifest.carried and manifest.options["where"] is None and not corpus.stale(layer)
            if whole and manifest.stage == step.stage.name and _marks(corpus, manifest) == step.marks:
                return layer + column.removeprefix(step.layer)
        return None


def _step(source: Input, column: str, known: Callable[[str], Stage]) -> _Step:
    corpus, layer = Corpus(source.path), source.columns[column]
    manifest = corpus.must(layer)
    stage = known(manifest.stage)
    config = _options(corpus, manifest, stage)
    path = corpus.generation(layer, source.layers[layer]).model
    model = shards.read_model(path) if path.exists() else None
    prepared = stage.prepare(model, config) if stage.prepare else model
    return _Step(column, layer, stage, config, prepared, _marks(corpus, manifest))


def _marks(corpus: Corpus, manifest: Manifest) -> tuple[Any, ...]:
    footer = shards.read_footer(corpus.generation(manifest.layer, manifest.generation).model) or {}
    return manifest.stage, manifest.revision, manifest.options["options"], footer.get("digest")


def _marked(table: pa.Table) -> pa.Table:
    """With the columns of the runtime: one shard of a corpus without a name."""
    count = table.num_rows
    table = table.append_column("shard", pa.array([0] * count, pa.int32()))
    table = table.append_column("row", pa.array(range(count), pa.int64()))
    return table.append_column("corpus", pa.array([""] * count).dictionary_encode())


def _options(corpus: Corpus, manifest: Manifest, stage: Stage) -> StageConfig:
    """The options that a layer was made with; one that is newer than the layer is at its default.

    Raises UsageError when a file that they name is not what it was.
    """
    path = corpus.generation(manifest.layer, manifest.generation).record("options.json")
    given: dict[str, Any] = manifest.options["options"]
    if path.exists():
        given = json.loads(path.read_text(encoding="utf-8"))
    try:
        config = stage.config.model_validate(given)
        resolved = resolved_options(config)
        same = all(resolved.get(name) == value for name, value in manifest.options["options"].items())
    except ValueError:
        same = False
    if not same:
        raise UsageError(
            f"{corpus.path}: layer '{manifest.layer}' was made with files that are not what or where they were; "
            f"`curate {stage.name} {shlex.quote(str(corpus.path))}` with the same options makes it anew"
        )
    return config
