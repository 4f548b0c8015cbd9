"""What a plan must not be: each check raises UsageError with the next step."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curate.errors import UsageError
from curate.stage import SourceFile, Stage, StageConfig
from curate.storage.corpus import DOCUMENTS, Corpus
from curate.storage.manifest import NAME, Manifest
from curate.storage.schema import RESERVED

if TYPE_CHECKING:
    from curate.runtime.plan import Plan, Request


def renamed(stage: Stage, layer: str, name: str) -> str:
    """The name that a stage's own column has in a layer: the stage's prefix gives way to the layer's."""
    if name != stage.name and not name.startswith(stage.name + "_"):
        raise TypeError(f"stage {stage.name} adds column '{name}', which must start with '{stage.name}'")
    return layer + name[len(stage.name) :]


def check_names(stage: Stage, config: StageConfig, corpus: Corpus, layer: str) -> None:
    """A layer's columns are nobody else's."""
    assert stage.adds is not None
    owners = corpus.columns()
    for name in (renamed(stage, layer, column) for column in stage.adds(config).names):
        if name in RESERVED or owners.get(name, layer) != layer:
            whose = "a name that curate uses" if name in RESERVED else f"in layer '{owners[name]}' already"
            raise UsageError(
                f"{corpus.path}: layer '{layer}' would have a column '{name}', {whose}; choose another --as"
            )


def check_outside(target: Path, patterns: Sequence[str], files: Iterable[SourceFile]) -> None:
    """A corpus is not written where it is read from: the next run would read it."""
    to = os.path.realpath(target)
    folders = [os.path.realpath(pattern) for pattern in patterns if os.path.isdir(pattern)]
    below = [os.path.relpath(to, folder).split(os.sep) for folder in folders if _is_below(to, folder)]
    searched = any(not any(name.startswith(".") for name in names if name != ".") for names in below)
    if searched or any(_is_below(file.path, to) for file in files):
        raise UsageError(f"--to {target}: it lies within the sources, and would be one of them; name a folder outside")


def check_place(target: Path, makes: str) -> None:
    """What is written stands by itself: in no file, in no corpus, and a corpus not among exported files."""
    for folder in (target, *target.parents):
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--to {target}: {folder} is a file; name a folder")
        if folder != target and (folder / DOCUMENTS / NAME).exists():
            raise UsageError(f"--to {target}: it lies within the corpus {folder}; name a folder outside")
    if makes == "corpus" and (target / NAME).exists():
        raise UsageError(f"--to {target}: other things are there already; name another folder")


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def check_circle(corpus: Corpus, layer: str, read: Iterable[str]) -> None:
    for name in read:
        if layer in _made_from(corpus, name):
            way = "" if name == layer else f" by way of '{name}'"
            raise UsageError(
                f"{corpus.path}: layer '{layer}' would be made from itself{way}; give the new one a name with --as"
            )


def _made_from(corpus: Corpus, layer: str) -> set[str]:
    """A layer and all that it was made from."""
    found = {layer}
    waiting = [layer]
    while waiting:
        manifest = corpus.manifest(waiting.pop())
        new = set(manifest.inputs) - found if manifest else set()
        found |= new
        waiting += new
    return found


def check_existing(stage: Stage, plan: Plan, existing: Manifest | None, request: Request) -> None:
    if stage.makes == "layer":
        if existing and existing.stage != stage.name:
            raise UsageError(
                f"{plan.target}: layer '{plan.layer}' was made by {existing.stage}; choose another name with --as"
            )
        return
    if stage.makes == "files":
        folder = Path(plan.target)
        if folder.exists() and any(folder.iterdir()) and not (folder / ".curate").exists():
            raise UsageError(f"--to {folder}: the folder is not empty and not an export; name an empty one")
        return
    if existing and not request.replace and (existing.stage, existing.sources) != (stage.name, plan.sources):
        made_from = ", ".join(os.path.relpath(os.path.join(plan.target, source)) for source in existing.sources)
        raise UsageError(
            f"--to {plan.target}: a corpus is there already, made by {existing.stage} from {made_from}; "
            "name another folder, or give --replace to make it anew"
        )
