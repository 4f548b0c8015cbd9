"""Other documents put through the stage that made a layer, with the options and the model it had then."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from curate.errors import UsageError
from curate.runtime.checks import renamed
from curate.runtime.fingerprint import resolved_options
from curate.runtime.inputs import Input
from curate.stage import Applied, Stage, StageConfig
from curate.storage import shard as shards
from curate.storage.corpus import DOCUMENTS, Corpus
from curate.storage.manifest import Manifest


def check_likewise(source: Input, column: str, known: Mapping[str, Stage]) -> None:
    """Raise UsageError when the layer of a column cannot be made of other documents, with the next step."""
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
    _options(corpus, manifest, stage)


def likewise(source: Input, column: str, known: Callable[[str], Stage]) -> Callable[[pa.Table], pa.Table]:
    """What gives the columns of a column's layer, named as there, for a table of other documents.

    It raises UsageError for a table that lacks a column which the stage needs.
    """
    corpus, layer = Corpus(source.path), source.columns[column]
    manifest = corpus.must(layer)
    stage = known(manifest.stage)
    config = _options(corpus, manifest, stage)
    path = corpus.generation(layer, source.layers[layer]).model
    model = shards.read_model(path) if path.exists() else None
    prepared = stage.prepare(model, config) if stage.prepare else model
    needed = list(stage.needs(config))

    def make(table: pa.Table) -> pa.Table:
        if lacking := [name for name in needed if name not in table.column_names]:
            raise UsageError(
                f"layer '{layer}' was made from the columns {', '.join(needed)}, and what is to be compared has no "
                f"'{lacking[0]}'; name a layer that was made from the text alone"
            )
        made = stage.apply(_marked(table.select(needed)), None, prepared, config)
        columns = made.table if isinstance(made, Applied) else made
        return columns.rename_columns([renamed(stage, layer, name) for name in columns.column_names])

    return make


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
