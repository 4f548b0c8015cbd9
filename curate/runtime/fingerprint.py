"""What makes a result what it is, as digests."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

from curate.errors import UsageError
from curate.stage import (
    AlarmMarker,
    CorpusMarker,
    DecisionMarker,
    FileMarker,
    ModelMarker,
    PathMarker,
    Stage,
    StageConfig,
    marked,
)
from curate.storage.corpus import Corpus, is_corpus, layer_model, named
from curate.storage.sources import listing


def digest(value: Any) -> str:
    """64 hex digits over canonical JSON. What JSON cannot hold is refused, by TypeError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def resolved_options(config: StageConfig) -> dict[str, Any]:
    """The options as they count: files by names and bytes, sources not at all (the listing counts), nor alarms."""
    options = config.model_dump(mode="json")
    for name in [*marked(type(config), PathMarker), *marked(type(config), AlarmMarker)]:
        options.pop(name)
    for name in marked(type(config), FileMarker):
        options[name] = _each(options[name], lambda value, name=name: file_digest(name, value))
    for name in marked(type(config), ModelMarker):
        options[name] = _each(options[name], _model_digest)
    for name in marked(type(config), CorpusMarker):
        options[name] = [corpus for corpus, _ in named(options[name])]
    return options


def absolute_options(config: StageConfig, resolved: dict[str, Any]) -> dict[str, Any]:
    """The options as workers take them, in whatever folder these run: paths are absolute.

    resolved: what `resolved_options` made of them; there files are mappings, while keywords and ids are still text.
    """
    options = config.model_dump(mode="json")
    for name in marked(type(config), PathMarker):
        options[name] = _each(options[name], os.path.abspath)
    for name in marked(type(config), CorpusMarker):
        options[name] = [f"{corpus}={os.path.abspath(folder)}" for corpus, folder in named(options[name])]
    for name in [*marked(type(config), FileMarker), *marked(type(config), ModelMarker)]:
        files = resolved[name] if isinstance(resolved[name], list) else [resolved[name]]
        given = iter(files)
        options[name] = _each(
            options[name], lambda value, given=given: os.path.abspath(value) if isinstance(next(given), dict) else value
        )
    return options


def without_alarms(config: StageConfig) -> StageConfig:
    """The options with those of alarms at their defaults, so that no result can hang on them."""
    fields = type(config).model_fields
    return config.model_copy(update={name: fields[name].default for name in marked(type(config), AlarmMarker)})


def without_decisions(config: StageConfig) -> StageConfig:
    """The options as a census before `apply` gets them."""
    fields = type(config).model_fields
    return config.model_copy(update={name: fields[name].default for name in marked(type(config), DecisionMarker)})


def planned_options(stage: Stage, options: dict[str, Any]) -> StageConfig:
    """A plan's options as every function of the stage but `alarm` gets them."""
    return without_alarms(stage.config.model_validate(options))


def _each(value: Any, function: Callable[[str], Any]) -> Any:
    if value is None:
        return None
    return [function(item) for item in value] if isinstance(value, list) else function(value)


def file_digest(option: str, value: str) -> dict[str, str]:
    """A file, folder or glob given as an option: its name and the digest of its bytes, or of a corpus of its documents.

    `FILE#FIELDS` names fields of its records; they count as written. The folder of a layer that has a model stands for
    that model. Raises UsageError when there is no such file.
    """
    if is_corpus(value):
        return {"name": os.path.basename(os.path.abspath(value)), "bytes": Corpus(value).documents().content[:32]}
    path, mark, fields = value, "", ""
    if not os.path.exists(path) and "#" in path:
        path, mark, fields = value.rpartition("#")
    try:
        files = listing([str(layer_model(path) or path)])
    except UsageError:
        raise UsageError(
            f"--{option.replace('_', '-')} '{value}': no file there; give a file, a folder or a glob"
        ) from None
    total = hashlib.sha256()
    for file in files:
        total.update((file.relative if len(files) > 1 else "").encode() + b"\0")
        with open(file.path, "rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return {"name": os.path.basename(path.rstrip("/")) + mark + fields, "bytes": total.hexdigest()[:32]}


def _model_digest(value: str) -> Any:
    if value in ModelMarker.KEYWORDS:
        return value
    try:
        return file_digest("model", value)
    except UsageError:
        return value
