"""What makes a result what it is, as digests."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from curate.errors import UsageError
from curate.stage import FileMarker, ModelMarker, PathMarker, StageConfig, marked


def digest(value: Any) -> str:
    """64 hex digits over canonical JSON. What JSON cannot hold is refused, by TypeError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def resolved_options(config: StageConfig) -> dict[str, Any]:
    """The options as they count: files by their names and bytes, sources not at all (the listing counts)."""
    options = config.model_dump(mode="json")
    for name in marked(type(config), PathMarker):
        options.pop(name)
    for name in marked(type(config), FileMarker):
        options[name] = _each(options[name], lambda value, name=name: file_digest(name, value))
    for name in marked(type(config), ModelMarker):
        options[name] = _each(options[name], _model_digest)
    return options


def _each(value: Any, function: Callable[[str], Any]) -> Any:
    if value is None:
        return None
    return [function(item) for item in value] if isinstance(value, list) else function(value)


def file_digest(option: str, value: str) -> dict[str, str]:
    """A file or folder given as an option: its name and the digest of its bytes.

    `FILE#field` names a field of the file; the field counts as written. Raises UsageError when there is no such file.
    """
    path, mark, field = value, "", ""
    if not os.path.exists(path):
        path, mark, field = value.rpartition("#")[0] or value, "#", value.rpartition("#")[2]
    if not os.path.exists(path):
        raise UsageError(f"--{option.replace('_', '-')} '{value}': no file there; give a path that exists")
    return {
        "name": os.path.basename(path.rstrip("/")) + (mark + field if mark else ""),
        "bytes": _bytes_digest(Path(path)),
    }


def _model_digest(value: str) -> Any:
    return file_digest("model", value) if os.path.exists(value) else value


def _bytes_digest(path: Path) -> str:
    total = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
        total.update(str(file.relative_to(path) if file != path else "").encode() + b"\0")
        with open(file, "rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()[:32]
