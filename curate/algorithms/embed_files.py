"""Files of a model, in a folder or downloaded from where public ids lead, and what they say of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.errors import UsageError

_LENGTH_KEYS = ("out_features", "embedding_dimension", "word_embedding_dimension")
"""Of a dense layer, and of pooling in newer and in older files."""
WIDTH_KEYS = ("hidden_size", "d_model", "n_embd", "dim")
"""Of transformers, in the order in which they decide: some have more than one."""


def find(model: str, name: str) -> Path | None:
    """A file of a model, None when it has none of that name. Raises UsageError when there is no such model."""
    if Path(model).is_dir():
        path = Path(model) / name
        return path if path.exists() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, LocalEntryNotFoundError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(hf_hub_download(model, name))
    except EntryNotFoundError as problem:
        if isinstance(problem, LocalEntryNotFoundError):
            raise UsageError(f"--model {model}: no such folder, and nothing can be downloaded: {problem}") from None
        return None
    except (HFValidationError, OSError) as problem:
        raise UsageError(f"--model {model}: no such folder, and not a model to download: {problem}") from None


def read_json(model: str, name: str) -> Any:
    """A JSON file of a model, None when there is none. Raises UsageError when it is not JSON."""
    path = find(model, name)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise UsageError(f"--model {model}: {name} is not JSON: {problem}") from None


def modules(model: str) -> list[dict[str, str]] | None:
    """The modules of a sentence-transformers model, their `type` a last name and `path` a subfolder ("" for none)."""
    found = read_json(model, "modules.json")
    if found is None:
        return None
    return [
        {"type": str(item.get("type", "")).rpartition(".")[2], "path": str(item.get("path", "")).strip("./")}
        for item in found
    ]


def inside(path: str, name: str) -> str:
    """The name of a file in a module's subfolder."""
    return f"{path}/{name}" if path else name


def transformer_length(model: str, path: str = "") -> int | None:
    """The width of a transformer's hidden states, as its files have it."""
    config = read_json(model, inside(path, "config.json"))
    if config is None:
        raise UsageError(f"--model {model}: neither a folder with a model in it nor a model that can be downloaded")
    return next((config[key] for key in WIDTH_KEYS if key in config), None)


def sentence_length(model: str, parts: list[dict[str, str]]) -> int | None:
    """The length of a sentence-transformers model's vectors: what the last module that says so gives."""
    found = None
    for part in parts:
        config = (read_json(model, f"{part['path']}/config.json") if part["path"] else None) or {}
        for key in _LENGTH_KEYS:
            if key in config:
                found = config[key] * (_modes(config) if part["type"] == "Pooling" else 1)
    return found


def _modes(config: dict[str, Any]) -> int:
    """How many ways of pooling are put side by side."""
    modes = config.get("pooling_mode")
    if isinstance(modes, list):
        return len(modes)
    return 1 if modes else max(1, sum(config[key] is True for key in config if key.startswith("pooling_mode_")))
